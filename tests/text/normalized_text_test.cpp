#include "support/catch.hpp"

#include "tercet/text/normalized_text.hpp"

using namespace tercet;

TEST_CASE("normalized_text: a span a byte, whatever is put in, and none when they are not tracked", "[text]") {
    for (const bool tracked : {true, false}) {
        NormalizedText t;
        t.tracked = tracked;
        t.reserve(10);
        t.append(U'\u00e9', {3, 5});
        t.append("ab", {5, 6});
        t.append_each("xy", 8);
        CHECK(t.text ==
              "\u00e9"
              "abxy");
        REQUIRE(t.spans.size() == (tracked ? 6 : 0));
        t.shrink(5);
        CHECK(t.text ==
              "\u00e9"
              "abx");
        if (!tracked) continue;
        const std::pair<std::uint32_t, std::uint32_t> expected[] = {{3, 5}, {3, 5}, {5, 6}, {5, 6}, {8, 9}};
        for (std::size_t i = 0; i < 5; ++i) CHECK((t.spans[i].begin == expected[i].first && t.spans[i].end == expected[i].second));
        CHECK(t.spans.size() == 5);
    }
}
