// Learning a byte-level BPE: the merges of text/pair_learner.hpp over the bytes of words (Radford et al. 2019).
//
//   bytes of a word, spelled in the byte alphabet  ->  the most frequent pair of neighbours becomes a token, again and again
//
// Merges, tokens and ids are those of Hugging Face's trainer.
#pragma once

#include "tercet/text/byte_level.hpp"
#include "tercet/text/learnt_tokens.hpp"
#include "tercet/text/pair_learner.hpp"
#include "tercet/text/word_counts.hpp"

#include <stop_token>

namespace tercet::inline TERCET_ABI {

struct BpeTraining {
    TokenId vocab_size = 30000;                 // at most this many tokens; the special tokens and the alphabet are always there
    std::int64_t min_frequency = 0;             // a pair that occurs less often is not merged
    bool all_bytes = true;                      // the alphabet: all 256 bytes, or those that the words have
    std::vector<std::string> special_tokens{};  // the first ids, in this order
    std::string unknown{};                      // a special token for bytes outside the alphabet, the first when it is not among those; empty: none
    std::stop_token stop{};
};

namespace detail::text {

// The alphabet in the order of its characters, and the words as its symbols.
inline void add_bytes(const WordCounts& counts, bool all_bytes, LearntTokens& tokens, PairLearner& pairs) {
    bool used[256];
    std::fill_n(used, 256, all_bytes);
    std::size_t symbols = 0;
    for (std::size_t w = 0; w < counts.size(); ++w) {
        for (const char c : counts.word(w)) used[static_cast<unsigned char>(c)] = true;
        symbols += counts.word(w).size();
    }
    TokenId symbol_of[256] = {};
    for (char32_t point = 0; point < byte_alphabet.byte_of.size(); ++point) {
        const int byte = byte_alphabet.byte_of[point];
        if (byte >= 0 && used[byte]) symbol_of[byte] = tokens.id_of(utf8_encode({&point, 1}));
    }
    pairs.reserve(counts.size(), symbols);
    std::vector<TokenId> word;
    for (std::size_t w = 0; w < counts.size(); ++w) {
        word.clear();
        for (const char c : counts.word(w)) word.push_back(symbol_of[static_cast<unsigned char>(c)]);
        pairs.add_word(word, counts.count(w));
    }
}

}  // namespace detail::text

/// Learns a vocabulary and merges from the words of texts:
///
///     WordCounts words;
///     words.add(text);
///     const auto tokenizer = byte_level_tokenizer(learn_bpe(words, {.vocab_size = 4096, .special_tokens = {"<|endoftext|>"}}));
///
/// With a vocabulary of no more than the alphabet and all_bytes = false there are no merges, and ASCII characters are the tokens.
/// Throws invalid_argument for sizes below 0 and empty special tokens, bad_text for special tokens that are not UTF-8, cancelled.
inline ByteLevelBpe learn_bpe(const WordCounts& words, const BpeTraining& options = {}) {
    require(options.vocab_size >= 0 && options.min_frequency >= 0, ErrorCode::invalid_argument, "learn_bpe: a vocabulary of ", options.vocab_size,
            " tokens, and pairs that occur ", options.min_frequency, " times");
    detail::text::LearntTokens tokens(options.special_tokens, options.unknown, "learn_bpe");
    detail::text::PairLearner pairs;
    detail::text::add_bytes(words, options.all_bytes, tokens, pairs);
    ByteLevelBpe out;
    const auto join = [&](TokenId left, TokenId right) {
        out.merges.emplace_back(tokens[left], tokens[right]);
        return tokens.id_of(tokens[left] + tokens[right]);
    };
    while (std::cmp_less(tokens.size(), options.vocab_size)) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, "learn_bpe: stopped at ", tokens.size(), " tokens");
        if (!pairs.merge_next(options.min_frequency, join)) break;
    }
    out.vocabulary = tokens.vocabulary();
    out.special_tokens = tokens.special();
    out.unknown = tokens.unknown();
    return out;
}

}  // namespace tercet::inline TERCET_ABI
