#include "text/golden.hpp"

#include "tercet/core/random.hpp"
#include "tercet/text/patterns.hpp"

#include <numeric>
#include <set>

using namespace tercet;
using namespace tercet_test;

namespace {

using Words = std::vector<std::string>;

Words cut(const PreTokenizerStep& step, std::string_view text) {
    PreTokenized p;
    p.text = text;
    p.words.push_back({0, static_cast<std::uint32_t>(text.size())});
    PreTokenizer({step}).apply(p, true);
    Words out;
    for (const auto& word : p.words) out.emplace_back(text.substr(word.begin, word.end - word.begin));
    return out;
}

constexpr std::string_view all[] = {patterns::gpt2,
                                    patterns::cl100k,
                                    patterns::qwen2,
                                    patterns::qwen35,
                                    patterns::o200k,
                                    patterns::tekken,
                                    patterns::kimi_k2,
                                    patterns::o200k_one_digit,
                                    patterns::deepseek_v3,
                                    patterns::bloom,
                                    patterns::clip,
                                    patterns::deepseek_letters,
                                    patterns::deepseek_punctuation,
                                    patterns::deepseek_east_asian,
                                    patterns::ideographs_and_kana};

}  // namespace

TEST_CASE("patterns: the spellings of GPT-2's and of cl100k's expression go to the scanners, others to an automaton", "[text]") {
    using enum PreTokenizerKind;
    CHECK(pattern_step(patterns::gpt2).kind == gpt2);
    const std::string_view without_last = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";
    CHECK(pattern_step(without_last).kind == gpt2);
    CHECK(pattern_step(without_last, SplitBehavior::removed, true).kind == pattern);
    CHECK(pattern_step(R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)").kind == gpt2);
    for (const std::string_view three :
         {patterns::cl100k,
          std::string_view(R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)")}) {
        const auto step = pattern_step(three, SplitBehavior::removed, true);
        CHECK((step.kind == cl100k && step.limit == 3 && step.behavior == SplitBehavior::removed && step.invert));
    }
    CHECK((pattern_step(patterns::qwen2).kind == cl100k && pattern_step(patterns::qwen2).limit == 1));
    CHECK((pattern_step(R"(\p{N}{1,3})").kind == number_run && pattern_step(R"(\p{N})").limit == 1));
    for (const auto expression : all) {
        if (expression != patterns::gpt2 && expression != patterns::cl100k && expression != patterns::qwen2)
            CHECK(pattern_step(expression).kind == pattern);
    }
    CHECK(pattern_step(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)").kind ==
          pattern);
}

TEST_CASE("patterns: a scanner and the automaton of the same expression cut alike, and words cover the text", "[text]") {
    const std::vector<std::string> pieces = {"a",      "Bc",     "'s",     "'LL",    "'\u017f",    "'",      " ",      "  ",     "\n",     "\r\n",
                                             "\t",     "1",      "2345",   "!",      "_?",         "\u00e9", "\u0301", "\u4e2d", "\u3042", "\u01c5",
                                             "\u00bd", "\u3000", "\u00a0", "\u2028", "\U0001f600", "\u200d", "/",      "$",      "\u0660"};
    std::vector<std::pair<PreTokenizerStep, PreTokenizerStep>> steps;
    for (const auto expression : all)
        steps.emplace_back(pattern_step(expression), PreTokenizerStep{.kind = PreTokenizerKind::pattern, .compiled = Pattern(expression)});
    Generator random(11);
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (auto i = random.below(24); i-- > 0;) text += pieces[random.below(pieces.size())];
        INFO(text);
        for (const auto& [step, automaton] : steps) {
            const auto words = cut(automaton, text);
            REQUIRE(std::accumulate(words.begin(), words.end(), std::string()) == text);
            REQUIRE(cut(step, text) == words);
        }
    }
}

TEST_CASE("patterns: each constant is among the expressions whose cuts pattern_test.cpp compares with the tokenizers package", "[text][golden]") {
    const auto golden = json_file(tokenizer_data("patterns.json"));
    std::set<std::string> compared;
    for (const auto& row : golden.at("rows").elements()) compared.insert(row.at("pattern").as_string());
    for (const auto expression : all) {
        INFO(expression);
        CHECK(compared.contains(std::string(expression)));
    }
}

TEST_CASE("patterns: an expression that cannot be run is refused with the file's name", "[text]") {
#ifdef TERCET_PCRE2
    SKIP_TEST("this build hands such expressions to PCRE2");
#else
    CHECK_ERROR(pattern_step("(?>a)", SplitBehavior::isolated, false, "made.json"), ErrorCode::unsupported);
#endif
}
