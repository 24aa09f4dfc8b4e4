// Grapheme clusters against those of UAX #29, as the Python module regex (\X) gives them.
#include "support/catch.hpp"

#include "tercet/text/grapheme.hpp"

#include <vector>

using namespace tercet;

namespace {

std::vector<std::size_t> ends(std::string_view text) {
    std::vector<std::size_t> out;
    for (std::size_t at = 0; at < text.size();) out.push_back(at = grapheme_end(text, at));
    return out;
}

using Ends = std::vector<std::size_t>;

}  // namespace

TEST_CASE("grapheme: marks, line ends, Hangul, flags, families and Indic conjuncts are one cluster each", "[text]") {
    CHECK(ends("abc") == Ends{1, 2, 3});
    CHECK(ends("e\xcc\x81x") == Ends{3, 4});
    CHECK(ends("\r\n\n\r") == Ends{2, 3, 4});
    CHECK(ends("a\n\xcc\x81") == Ends{1, 2, 4});                                                          // a mark does not join a control
    CHECK(ends("\xea\xb0\x80\xe1\x86\xa8\xea\xb0\x81\xe1\x85\xa1") == Ends{6, 9, 12});                    // LV T | LVT | V
    CHECK(ends("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8") == Ends{9});                                       // L V T
    CHECK(ends("\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab") == Ends{8, 12});                       // DE, then F alone
    CHECK(ends("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7") == Ends{18});  // man ZWJ woman ZWJ girl
    CHECK(ends("\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd!") == Ends{8, 9});                                       // thumb with a skin tone
    CHECK(ends("a\xe2\x80\x8d\xf0\x9f\x91\xa9") == Ends{4, 8});                                           // a joiner without a pictograph
    CHECK(ends("\xe0\xa4\x95\xe0\xa5\x8d\xe0\xa4\xb7\xe0\xa4\xbf") == Ends{12});                          // ka virama ssa i
    CHECK(ends("\xe0\xa4\x95\xe0\xa4\xb7") == Ends{3, 6});                                                // without the virama
    CHECK(ends("\xd8\x80\x31") == Ends{3});                                                               // a prepended sign
    CHECK(grapheme_count("e\xcc\x81\r\nx") == 3);
    CHECK(grapheme_count("") == 0);
}

TEST_CASE("grapheme: clusters cover the text, whatever it holds", "[text]") {
    std::string text;
    std::uint32_t state = 1;
    for (int i = 0; i < 20000; ++i) {
        state = state * 1664525u + 1013904223u;
        const std::uint32_t pools[] = {0x20, 0x300, 0x900, 0x1100, 0x1f1e6, 0x1f468, 0x200c, 0xac00, 0x0d, 0x600};
        utf8_append(text, pools[state >> 28 & 7] + (state >> 8 & 31));
    }
    std::size_t at = 0;
    for (const auto end : ends(text)) {
        REQUIRE(end > at);
        at = end;
    }
    CHECK(at == text.size());
}
