#include "support/catch.hpp"

#include "tercet/text/normalizer.hpp"

using namespace tercet;

namespace {

std::string normalized(NormalizerStep step, std::string_view text) {
    return Normalizer({std::move(step)}).apply(text).text;
}

}  // namespace

TEST_CASE("normalizer: BERT's cleaning, with and without its parts", "[text]") {
    using enum NormalizerKind;
    CHECK(normalized({.kind = bert}, "H\u00c9llo\t\u4f60\u200e W\x01x") == "hello  \u4f60  wx");
    CHECK(normalized({.kind = bert, .bert = {.strip_accents = false}}, "\u00c9\u0130") == "\u00e9i\u0307");
    CHECK(normalized({.kind = bert, .bert = {.handle_chinese_chars = false, .lowercase = false}}, "\u4f60\u00c9A") == "\u4f60EA");
    CHECK(normalized({.kind = bert, .bert = {.clean_text = false}}, "a\tB\x01") == "a\tb\x01");
    CHECK(normalized({.kind = bert}, "") == "");
}

TEST_CASE("normalizer: the Unicode forms reorder marks, compose and fold", "[text]") {
    using enum NormalizerKind;
    CHECK(normalized({.kind = nfd}, "\u1e9b\u0323") == "\u017f\u0323\u0307");
    CHECK(normalized({.kind = nfc}, "\u1e9b\u0323") == "\u1e9b\u0323");
    CHECK(normalized({.kind = nfkd}, "\u1e9b\u0323") == "s\u0323\u0307");
    CHECK(normalized({.kind = nfkc}, "\u1e9b\u0323") == "\u1e69");
    CHECK(normalized({.kind = nfc}, "\u1100\u1161\u11a8e\u0301") == "\uac01\u00e9");
    CHECK(normalized({.kind = nfc}, "\u0301a") == "\u0301a");
}

TEST_CASE("normalizer: lower-casing, accents, replacing, prepending, stripping", "[text]") {
    using enum NormalizerKind;
    CHECK(normalized({.kind = lowercase}, "\u00c9\u0130A") == "\u00e9i\u0307a");
    CHECK(normalized({.kind = strip_accents}, "e\u0301\u00e9") == "e\u00e9");
    CHECK(normalized({.kind = replace, .pattern = " ", .content = "__"}, " a b") == "__a__b");
    CHECK(normalized({.kind = replace, .pattern = "aa", .content = ""}, "aaaab") == "b");
    CHECK(normalized({.kind = prepend, .content = "\u2581"}, "a") ==
          "\u2581"
          "a");
    CHECK(normalized({.kind = prepend, .content = "\u2581"}, "") == "");
    CHECK(normalized({.kind = strip}, " \t a b \n") == "a b");
    CHECK(normalized({.kind = strip, .right = false}, " a ") == "a ");
    CHECK(Normalizer({{.kind = nfd}, {.kind = strip_accents}, {.kind = lowercase}}).apply("\u00c9T\u00c9").text == "ete");
}

TEST_CASE("normalizer: every byte knows where it came from", "[text]") {
    using enum NormalizerKind;
    const auto spans_of = [](NormalizerStep step, std::string_view text, std::uint32_t base = 0) {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
        for (const auto& s : Normalizer({std::move(step)}).apply(text, base).spans) out.emplace_back(s.begin, s.end);
        return out;
    };
    using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
    CHECK(spans_of({.kind = bert}, "\u00e9X") == Spans{{0, 2}, {2, 3}});
    CHECK(spans_of({.kind = bert}, "\u4f60", 10) == Spans{{10, 13}, {10, 13}, {10, 13}, {10, 13}, {10, 13}});
    CHECK(spans_of({.kind = nfd}, "\u00e9") == Spans{{0, 2}, {0, 2}, {0, 2}});
    CHECK(spans_of({.kind = nfc}, "e\u0301x") == Spans{{0, 1}, {0, 1}, {3, 4}});
    CHECK(spans_of({.kind = replace, .pattern = "bc", .content = "z"}, "abcd") == Spans{{0, 1}, {2, 3}, {3, 4}});
    CHECK(spans_of({.kind = prepend, .content = "p"}, "ab") == Spans{{0, 1}, {0, 1}, {1, 2}});
}
