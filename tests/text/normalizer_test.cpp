#include "text/made.hpp"

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

// Expected texts: the tokenizers package's.
TEST_CASE("normalizer: the clean-up for translation, the byte alphabet, and replacement by an expression", "[text]") {
    using enum NormalizerKind;
    CHECK(normalized({.kind = nmt},
                     "a\x01\x7f"
                     "b\tc\u200bd\ufeffe\x0e"
                     "f\u2028") == "ab c d ef ");
    CHECK(normalized({.kind = byte_level}, "a \u00e9\n") == "a\u0120\u00c3\u00a9\u010a");
    CHECK(normalized({.kind = replace, .content = "_", .regex = Pattern(R"(\s+)")}, " a \t b") == "_a_b");
    CHECK(normalized({.kind = replace, .content = "", .regex = Pattern("[aeiou]")}, "education") == "dctn");
    CHECK(normalized({.kind = replace, .content = "x", .regex = Pattern("z")}, "") == "");
}

TEST_CASE("normalizer: a character map, grapheme by grapheme and the shortest entry first", "[text]") {
    const auto map = std::make_shared<Charsmap>(tercet_test::made_charsmap(), "test");
    const auto mapped = [&](std::string_view text) { return normalized({.kind = NormalizerKind::precompiled, .map = map}, text); };
    CHECK(mapped("A\ufb01\u2460q\u200b") == "afi1q");
    CHECK(mapped("abc") == "abc");  // no grapheme is "ab"
    CHECK(mapped("e\u0301\u00c5") ==
          "\u00e9"
          "A\u030a");
    CHECK(mapped("") == "");
    CHECK_ERROR(Normalizer({{.kind = NormalizerKind::precompiled}}), ErrorCode::invalid_argument);
    CHECK_ERROR(Normalizer({{.kind = NormalizerKind::sentencepiece}}), ErrorCode::invalid_argument);
}

TEST_CASE("normalizer: SentencePiece's own, alone and after another step", "[text]") {
    using enum NormalizerKind;
    const auto own = std::make_shared<SentencePieceNormalizer>(Charsmap(), SentencePieceNormalizerOptions{});
    CHECK(normalized({.kind = sentencepiece, .sentencepiece = own}, " A  b ") ==
          "\u2581"
          "A\u2581"
          "b");
    const Normalizer both({{.kind = lowercase}, {.kind = sentencepiece, .sentencepiece = own}});
    const auto out = both.apply("\u00c9  b", 5);
    CHECK(out.text ==
          "\u2581\u00e9\u2581"
          "b");
    REQUIRE(out.spans.size() == out.text.size());
    CHECK((out.spans[0].begin == 5 && out.spans[3].begin == 5 && out.spans[3].end == 7 && out.spans.back().begin == 9));
    CHECK(both.apply("").text == "");
    CHECK(both.apply("  ").text == "");
    NormalizedText untracked;
    untracked.tracked = false;
    both.apply("\u00c9  b", 5, untracked);
    CHECK((untracked.text == out.text && untracked.spans.empty()));
}

TEST_CASE("normalizer: replaced, mapped and respelled characters know where they came from", "[text]") {
    using enum NormalizerKind;
    using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
    const auto spans_of = [](NormalizerStep step, std::string_view text) {
        Spans out;
        for (const auto& s : Normalizer({std::move(step)}).apply(text).spans) out.emplace_back(s.begin, s.end);
        return out;
    };
    CHECK(spans_of({.kind = byte_level}, "\u00e9") == Spans{{0, 2}, {0, 2}, {0, 2}, {0, 2}});
    CHECK(spans_of({.kind = replace, .content = "xy", .regex = Pattern("b+")}, "abbc") == Spans{{0, 1}, {2, 3}, {2, 3}, {3, 4}});
    const auto map = std::make_shared<Charsmap>(tercet_test::made_charsmap(), "test");
    CHECK(spans_of({.kind = precompiled, .map = map}, "\ufb01q") == Spans{{0, 3}, {0, 3}, {3, 4}});
}
