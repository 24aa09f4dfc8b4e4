#include "support/catch.hpp"

#include "tercet/text/tokenize_words.hpp"

#include <random>

using namespace tercet;
using namespace tercet::detail::text;

namespace {

using Cut = std::vector<std::tuple<TokenId, std::uint32_t, std::uint32_t>>;

TokenizerParts parts_of(TokenModel model, bool single = false) {
    TokenizerParts parts;
    const std::vector<std::pair<std::string, TokenId>> tokens = {{"<unk>", 0}, {"a", 1},   {"b", 2},   {"aa", 3},
                                                                 {"ab", 4},    {"##a", 5}, {"##b", 6}, {"aab", 7}};
    parts.vocabulary = Vocabulary(tokens, "test");
    parts.model = model;
    BpeOptions bpe;
    bpe.unknown = "<unk>";
    parts.bpe = Bpe(parts.vocabulary, {{"a", "b"}, {"a", "a"}, {"a", "ab"}}, bpe, "test");
    parts.wordpiece = WordPiece({.unknown = 0});
    parts.word_level = {.unknown = 0};
    parts.unigram = Unigram(parts.vocabulary, {0, -1.1, -2.3, -2.2, -3.4, -9, -9, -5.6}, {.unknown = 0, .single_precision = single}, "test");
    return parts;
}

Cut cut(const TokenizerParts& parts, std::string_view text, const std::vector<Word>& words, TokenizeScratch& scratch) {
    PreTokenized p;
    p.text = text;
    p.words = words;
    tokenize_words(parts, p, scratch);
    Cut out;
    for (const auto& t : scratch.tokens) out.emplace_back(t.id, t.begin, t.end);
    return out;
}

}  // namespace

TEST_CASE("tokenize_words: the model that a tokenizer has cuts each word", "[text]") {
    TokenizeScratch scratch;
    const std::vector<Word> words = {{0, 3}, {3, 3}, {3, 5}, {5, 6}};
    CHECK(cut(parts_of(TokenModel::bpe), "aabbaz", words, scratch) == Cut{{7, 0, 3}, {2, 3, 4}, {1, 4, 5}, {0, 5, 6}});
    CHECK(cut(parts_of(TokenModel::wordpiece), "aabbaz", words, scratch) == Cut{{7, 0, 3}, {2, 3, 4}, {5, 4, 5}, {0, 5, 6}});
    CHECK(cut(parts_of(TokenModel::word_level), "aabbaz", words, scratch) == Cut{{7, 0, 3}, {0, 3, 5}, {0, 5, 6}});
    CHECK(cut(parts_of(TokenModel::unigram), "aabbaz", words, scratch) == Cut{{1, 0, 1}, {4, 1, 3}, {2, 3, 4}, {1, 4, 5}, {0, 5, 6}});
    CHECK(cut(parts_of(TokenModel::bpe), "", {}, scratch).empty());
}

TEST_CASE("tokenize_words: words from the cache have the tokens and the rounding of words that are cut anew", "[text]") {
    std::mt19937 random(10);
    for (const auto& [model, single] :
         {std::pair{TokenModel::bpe, false}, {TokenModel::wordpiece, false}, {TokenModel::unigram, false}, {TokenModel::unigram, true}}) {
        const auto parts = parts_of(model, single);
        TokenizeScratch with_cache;
        for (int trial = 0; trial < 20; ++trial) {
            std::string text;
            std::vector<Word> words;
            for (int i = 0; i < 300; ++i) {
                const auto begin = static_cast<std::uint32_t>(text.size());
                for (std::size_t n = 1 + random() % (i % 50 == 0 ? 60 : 5); n > 0; --n) text += "aaabbz"[random() % (i % 7 == 0 ? 6 : 5)];
                words.push_back({begin, static_cast<std::uint32_t>(text.size())});
            }
            // A word at a time there is no cache; in single precision the score goes on from word to word.
            TokenizeScratch plain;
            Cut expected;
            std::vector<Token> tokens;
            PreTokenized p;
            p.text = text;
            for (const auto& word : words) {
                plain.tokens.swap(tokens);
                tokenize_word(parts, p, word, plain);
                plain.tokens.swap(tokens);
            }
            for (const auto& t : tokens) expected.emplace_back(t.id, t.begin, t.end);
            CHECK(cut(parts, text, words, with_cache) == expected);
            if (single) CHECK(with_cache.unigram.before == plain.unigram.before);
        }
    }
}

TEST_CASE("tokenize_words: with dropout no word is remembered", "[text]") {
    const auto parts = parts_of(TokenModel::bpe);
    TokenizeScratch scratch;
    scratch.bpe.dropout = 0.5;
    std::string text;
    std::vector<Word> words;
    for (std::uint32_t i = 0; i < 100; ++i) {
        text += "ab";
        words.push_back({2 * i, 2 * i + 2});
    }
    const auto tokens = cut(parts, text, words, scratch).size();
    CHECK((tokens > 110 && tokens < 190));  // about half of the words in two
}
