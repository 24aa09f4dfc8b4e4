#include "support/catch.hpp"

#include "tercet/text/bert_cleaner.hpp"

#include <algorithm>

using namespace tercet;
using namespace std::string_view_literals;

namespace {

struct Result {
    std::string text;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> spans;  // one a character
};

// Character i is from [i, i + 1).
Result cleaned(std::u32string_view text, const BertNormalizerOptions& options = {}) {
    Result out;
    detail::text::BertCleaner cleaner(options, {50, 50}, [&](char32_t c, Span from) {
        utf8_append(out.text, c);
        out.spans.emplace_back(from.begin, from.end);
    });
    std::uint32_t at = 0;
    for (const char32_t c : text) {
        cleaner.push(c, {at, at + 1});
        ++at;
    }
    cleaner.finish();
    return out;
}

using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

}  // namespace

TEST_CASE("bert_cleaner: control characters go, spaces are one kind, ideographs stand apart, accents and capitals go", "[text]") {
    CHECK(cleaned(U"A\u0000\uFFFD\u200Db\tc\u00a0d"sv).text == "ab c d");
    CHECK(cleaned(U"x\u65e5\u672cy").text == "x \u65e5  \u672c y");
    CHECK(cleaned(U"\u00c9\u0130\u1e69").text == "eis");
    CHECK(cleaned(U"\u00c9\tA\u65e5", {.clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = false}).text ==
          "\u00c9\tA\u65e5");
    CHECK(cleaned(U"\u00c9\u0130", {.strip_accents = false}).text == "\u00e9i\u0307");
    CHECK(cleaned(U"\u00c9\u0130", {.lowercase = false}).text == "EI");
    CHECK(cleaned(U"\uac01").text == "\u1100\u1161\u11a8");  // decomposed, and not composed again
}

TEST_CASE("bert_cleaner: where each character came from", "[text]") {
    CHECK(cleaned(U"ab").spans == Spans{{0, 1}, {1, 2}});
    CHECK(cleaned(U"\u65e5").spans == Spans{{0, 1}, {0, 1}, {0, 1}});
    CHECK(cleaned(U"e\u0301x").spans == Spans{{0, 1}, {2, 3}});
    CHECK(cleaned(U"\u0130", {.strip_accents = false}).spans == Spans{{0, 1}, {0, 1}});
}

TEST_CASE("bert_cleaner: marks wait for the next starter, in the order of their classes", "[text]") {
    const BertNormalizerOptions options;
    std::u32string out;
    detail::text::BertCleaner cleaner(options, {}, [&](char32_t c, Span) { out += c; });
    cleaner.push(U'a', {0, 1});
    CHECK_FALSE(cleaner.pending());
    cleaner.push(U'\u0334', {1, 2});
    CHECK(cleaner.pending());
    cleaner.push(U'b', {2, 3});
    CHECK_FALSE(cleaner.pending());
    cleaner.note({3, 4});  // a character that went another way
    cleaner.push(U'\u0301', {4, 5});
    cleaner.finish();
    CHECK_FALSE(cleaner.pending());
    CHECK(out == U"ab");
}
