#include "tercet/text/word_counts.hpp"

#include "support/catch.hpp"

using namespace tercet;

namespace {

WordCounts counted(std::string_view text, bool lines = false) {
    WordCounts words;
    if (lines) words.add_lines(text);
    else words.add(text);
    return words;
}

std::vector<std::pair<std::string, std::int64_t>> list(const WordCounts& words) {
    std::vector<std::pair<std::string, std::int64_t>> out;
    for (std::size_t w = 0; w < words.size(); ++w) out.emplace_back(words.word(w), words.count(w));
    return out;
}

using List = std::vector<std::pair<std::string, std::int64_t>>;

}  // namespace

TEST_CASE("word counts: words are counted once each, over texts and over lines", "[text]") {
    WordCounts words;
    words.add("a b a");
    words.add(" b b");
    REQUIRE(words.size() == 3);
    CHECK(words.word(0) == "a");
    CHECK(words.word(1) == " b");
    CHECK(words.word(2) == " a");
    CHECK(words.count(0) == 1);
    CHECK(words.count(1) == 3);
    CHECK(words.count(2) == 1);
    CHECK(counted("a\n\nb").size() == 3);  // a, \n twice, b: a run of spaces leaves its last one to what follows
    CHECK(counted("a\n\nb").count(1) == 2);
    CHECK(counted("a\n \nb", true).size() == 4);   // a, \n, " \n", b
    CHECK(counted("a\n \nb", false).size() == 4);  // a, "\n ", \n, b
    CHECK(counted("a\n \nb", false).word(1) == "\n ");
    CHECK(counted("", true).size() == 0);

    WordCounts many;  // the table grows
    std::string text;
    for (int i = 0; i < 20000; ++i) text += " w" + std::string(1 + static_cast<std::size_t>(i) % 7, 'x') + " " + std::to_string(i % 9973);
    many.add(text);
    CHECK(many.size() == 7 + 9973);
    std::int64_t total = 0;
    for (std::size_t w = 0; w < many.size(); ++w) total += many.count(w);
    CHECK(total == 40000);
}

TEST_CASE("word counts: any normalizer and pre-tokenizer cut the words, over texts and over lines", "[text]") {
    const Normalizer bert({{.kind = NormalizerKind::bert}});
    const PreTokenizer cut({{.kind = PreTokenizerKind::bert}});
    WordCounts words;
    words.add("The caf\u00e9, the CAFE.", bert, cut);
    CHECK(list(words) == List{{"the", 2}, {"cafe", 2}, {",", 1}, {".", 1}});
    words.add_lines("the\n\ncafe x\n", bert, cut);
    CHECK(list(words) == List{{"the", 3}, {"cafe", 3}, {",", 1}, {".", 1}, {"x", 1}});

    // Without a normalizer and with one that leaves the text, the words are the same; the meta symbol stands in front of each line's first word.
    const PreTokenizer meta({{.kind = PreTokenizerKind::metaspace, .pattern = "\u2581", .prepend = PrependScheme::first}});
    for (const auto& normalizer : {Normalizer(), Normalizer({{.kind = NormalizerKind::nfc}})}) {
        WordCounts lines, whole;
        lines.add_lines("a b\na", normalizer, meta);
        CHECK(list(lines) == List{{"\u2581a", 2}, {"\u2581b\n", 1}});
        whole.add("a b\na", normalizer, meta);
        CHECK(list(whole) == List{{"\u2581a", 1}, {"\u2581b\na", 1}});
    }
    WordCounts none;
    none.add("", bert, cut);
    none.add(" \n", bert, cut);
    none.add_lines("", bert, cut);
    CHECK(none.size() == 0);

    // Pre-tokenizers alone make one word of the whole text when they have no steps.
    WordCounts one;
    one.add("a b", {}, PreTokenizer());
    CHECK(list(one) == List{{"a b", 1}});
}

TEST_CASE("word counts: a byte-level pre-tokenizer leaves the words in plain bytes, as GPT-2's expression cuts them", "[text]") {
    const PreTokenizer gpt2({{.kind = PreTokenizerKind::gpt2}, {.kind = PreTokenizerKind::byte_level}});
    const std::string text = "It's na\u00efve, isn't it?\n  Yes 12 ";
    WordCounts words;
    words.add(text, {}, gpt2);
    CHECK(list(words) == list(counted(text)));
}

TEST_CASE("word counts: words that others have cut come with their counts", "[text]") {
    WordCounts words;
    words.add_word("b", 3);
    words.add_word("a b");
    words.add_word("");
    words.add_word("b", 4);
    CHECK(list(words) == List{{"b", 7}, {"a b", 1}});
    words.add_word("long", (std::int64_t{1} << 60) - 3);
    CHECK_ERROR(words.add_word("b", 4), ErrorCode::size_overflow);  // 2^62 bytes in all
    words.add_word("b", 2);
    CHECK(words.count(0) == 9);
    CHECK_ERROR(words.add_word("b", 0), ErrorCode::invalid_argument);
    CHECK_ERROR(words.add_word("b", -1), ErrorCode::invalid_argument);
    CHECK_ERROR(words.add_word("\xff"), ErrorCode::bad_text);
}

TEST_CASE("word counts: characters are counted as often as their words occur, in the order of their code points", "[text]") {
    WordCounts words;
    CHECK(character_counts(words).empty());
    words.add_word("\U0001f600a", 2);
    words.add_word("\u00e9aa", 3);
    CHECK(character_counts(words) == std::vector<std::pair<char32_t, std::int64_t>>{{U'a', 8}, {U'\u00e9', 3}, {U'\U0001f600', 2}});
}

TEST_CASE("word counts: a stop token cancels counting; texts that are not UTF-8 are refused", "[text]") {
    std::stop_source stop;
    stop.request_stop();
    WordCounts words;
    CHECK_ERROR(words.add("a text", stop.get_token()), ErrorCode::cancelled);
    CHECK_ERROR(words.add_lines("a text", stop.get_token()), ErrorCode::cancelled);
    CHECK_ERROR(words.add("a text", Normalizer(), PreTokenizer(), stop.get_token()), ErrorCode::cancelled);
    CHECK_ERROR(words.add_lines("a text", Normalizer(), PreTokenizer(), stop.get_token()), ErrorCode::cancelled);
    CHECK_ERROR(words.add("\xc3"), ErrorCode::bad_text);
    CHECK_ERROR(words.add_lines("a\n\xff"), ErrorCode::bad_text);
    CHECK_ERROR(words.add("\xc3", Normalizer(), PreTokenizer()), ErrorCode::bad_text);
    CHECK_ERROR(words.add_lines("a\n\xff", Normalizer(), PreTokenizer()), ErrorCode::bad_text);
    CHECK(words.size() == 0);
}
