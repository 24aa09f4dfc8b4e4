#include "support/catch.hpp"

#include "tercet/text/pretokenizer.hpp"

using namespace tercet;

namespace {

using Words = std::vector<std::string>;

Words cut(std::vector<PreTokenizerStep> steps, std::string_view text, bool raw_bytes = true) {
    PreTokenized p;
    p.text = text;
    p.words.push_back({0, static_cast<std::uint32_t>(text.size())});
    PreTokenizer(std::move(steps)).apply(p, raw_bytes);
    Words out;
    for (const auto& word : p.words) {
        if (word.begin < word.end) out.emplace_back(p.text.substr(word.begin, word.end - word.begin));
    }
    return out;
}

Words cut_at_dash(SplitBehavior behavior, bool invert = false) {
    return cut({{.kind = PreTokenizerKind::literal, .behavior = behavior, .pattern = "-", .invert = invert}}, "the-final--countdown");
}

}  // namespace

TEST_CASE("pre-tokenizer: the five behaviours of a pattern", "[text]") {
    using enum SplitBehavior;
    CHECK(cut_at_dash(removed) == Words{"the", "final", "countdown"});
    CHECK(cut_at_dash(isolated) == Words{"the", "-", "final", "-", "-", "countdown"});
    CHECK(cut_at_dash(merged_with_previous) == Words{"the-", "final-", "-", "countdown"});
    CHECK(cut_at_dash(merged_with_next) == Words{"the", "-final", "-", "-countdown"});
    CHECK(cut_at_dash(contiguous) == Words{"the", "-", "final", "--", "countdown"});
    CHECK(cut_at_dash(removed, true) == Words{"-", "-", "-"});
}

// Expected words: the tokenizers package's Split.
TEST_CASE("pre-tokenizer: the behaviours of an expression, whose matches may be empty", "[text]") {
    using enum SplitBehavior;
    const auto at = [](std::string_view expression, SplitBehavior behavior, bool invert, std::string_view text) {
        return cut({{.kind = PreTokenizerKind::pattern, .behavior = behavior, .invert = invert, .compiled = Pattern(expression)}}, text);
    };
    const std::string_view runs = R"(\d+|-)", text = "a-1--b23";
    CHECK(at(runs, removed, false, text) == Words{"a", "b"});
    CHECK(at(runs, removed, true, text) == Words{"-", "1", "-", "-", "23"});
    CHECK(at(runs, isolated, false, text) == Words{"a", "-", "1", "-", "-", "b", "23"});
    CHECK(at(runs, merged_with_previous, false, text) == Words{"a-", "1", "-", "-", "b23"});
    CHECK(at(runs, merged_with_previous, true, text) == Words{"a", "-", "1", "-", "-b", "23"});
    CHECK(at(runs, merged_with_next, false, text) == Words{"a", "-", "1", "-", "-b", "23"});
    CHECK(at(runs, merged_with_next, true, text) == Words{"a-", "1", "-", "-", "b23"});
    CHECK(at(runs, contiguous, false, text) == Words{"a", "-1--", "b", "23"});
    for (const auto behavior : {removed, isolated, merged_with_previous, merged_with_next, contiguous}) {
        CHECK(at(R"((?=(\d{3})+(?!\d)))", behavior, false, "x1234567 12") == Words{"x1", "234", "567 12"});
        if (behavior != removed) CHECK(at(R"((?=(\d{3})+(?!\d)))", behavior, true, "x1234567 12") == Words{"x1", "234", "567 12"});
    }
    CHECK(at("x*", merged_with_previous, false, "axxb") == Words{"axx", "b"});
    CHECK(at("x*", merged_with_next, true, "axxb") == Words{"axx", "b"});
    CHECK(at("x*", contiguous, true, "axxb") == Words{"a", "xx", "b"});
    // The second step sees one word at a time: $ is its end.
    CHECK(cut({{.kind = PreTokenizerKind::literal, .pattern = "-"}, {.kind = PreTokenizerKind::pattern, .compiled = Pattern("a$")}}, "ba-ab") ==
          Words{"b", "a", "-", "ab"});
}

TEST_CASE("pre-tokenizer: each kind of step", "[text]") {
    using enum PreTokenizerKind;
    CHECK(cut({{.kind = bert}}, "Hi, you\u3002x  y") == Words{"Hi", ",", "you", "\u3002", "x", "y"});
    CHECK(cut({{.kind = digits}}, "a12b\u00bd") == Words{"a", "1", "2", "b", "\u00bd"});
    CHECK(cut({{.kind = digits, .behavior = SplitBehavior::contiguous}}, "a12b") == Words{"a", "12", "b"});
    CHECK(cut({{.kind = number_run, .limit = 3}}, "a12345b") == Words{"a", "123", "45", "b"});
    CHECK(cut({{.kind = punctuation}}, "a.b!?") == Words{"a", ".", "b", "!", "?"});
    CHECK(cut({{.kind = whitespace}}, "Hey, you__!  x") == Words{"Hey", ",", "you__", "!", "x"});
    CHECK(cut({{.kind = whitespace_split, .behavior = SplitBehavior::removed}}, " a\tb\u3000c ") == Words{"a", "b", "c"});
    CHECK(cut({{.kind = metaspace, .pattern = "\u2581"}}, "Hey  you") == Words{"\u2581Hey", "\u2581", "\u2581you"});
    CHECK(cut({{.kind = metaspace, .pattern = "\u2581", .split = false, .prepend = PrependScheme::never}}, "a b") == Words{"a\u2581"
                                                                                                                           "b"});
    CHECK(cut({{.kind = prefix_space}, {.kind = gpt2}}, "a b") == Words{" a", " b"});
    CHECK(cut({{.kind = gpt2}, {.kind = byte_level}}, "a \u00e9", false) == Words{"a", "\u0120\u00c3\u00a9"});
    CHECK(cut({{.kind = gpt2}, {.kind = byte_level}}, "a \u00e9", true) == Words{"a", " \u00e9"});
    CHECK(cut({{.kind = cl100k, .limit = 1}}, "x12") == Words{"x", "1", "2"});
    CHECK(cut({}, "as it is") == Words{"as it is"});
}

TEST_CASE("pre-tokenizer: the byte alphabet is a bijection", "[text]") {
    std::vector<bool> used(byte_alphabet.byte_of.size());
    for (std::size_t b = 0; b < 256; ++b) {
        const auto point = byte_alphabet.point_of[b];
        CHECK(byte_alphabet.byte_of[point] == static_cast<int>(b));
        CHECK_FALSE(used[point]);
        used[point] = true;
    }
    CHECK(byte_alphabet.point_of[' '] == 0x120);
    CHECK(byte_alphabet.point_of['\n'] == 0x10a);
}

// Expected words: the tokenizers package's.
TEST_CASE("pre-tokenizer: where the script changes, by a number of characters, and at borders", "[text]") {
    using enum PreTokenizerKind;
    CHECK(cut({{.kind = scripts}}, "ab \u0434\u0435 \u3042\u30a2\u4e9c") == Words{"ab ", "\u0434\u0435 ", "\u3042\u30a2\u4e9c"});
    CHECK(cut({{.kind = scripts}}, "  a") == Words{"a"});  // what stands in front of the first script belongs to no word
    CHECK(cut({{.kind = scripts}}, "12") == Words{"12"});
    CHECK(cut({{.kind = fixed_length, .limit = 2}}, "abc\u00e9\u65e5") == Words{"ab", "c\u00e9", "\u65e5"});
    CHECK(cut({{.kind = whitespace_split, .behavior = SplitBehavior::removed}, {.kind = fixed_length, .limit = 3}}, "abcd ef") ==
          Words{"abc", "d", "ef"});
    const auto made = std::make_shared<PieceBorders>(Vocabulary({{"a!", 0}}, "test"), [](TokenId) { return true; });
    CHECK(cut({{.kind = borders, .borders = made}}, "a!b!") == Words{"a!", "b", "!"});
    CHECK(cut({{.kind = borders, .borders = made}}, "") == Words{});
}

TEST_CASE("pre-tokenizer: steps without what their kind needs are refused", "[text]") {
    using enum PreTokenizerKind;
    const auto make = [](PreTokenizerStep step) { return PreTokenizer({std::move(step)}); };
    CHECK_ERROR(make({.kind = literal}), ErrorCode::invalid_argument);
    CHECK_ERROR(make({.kind = metaspace}), ErrorCode::invalid_argument);
    CHECK_ERROR(make({.kind = fixed_length, .limit = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(make({.kind = number_run, .limit = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(make({.kind = cl100k, .limit = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(make({.kind = borders}), ErrorCode::invalid_argument);
}
