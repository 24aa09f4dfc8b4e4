// Learning a vocabulary of whole words: the most frequent ones.
//
// As in Hugging Face's WordLevelTrainer (tokenizers, models/wordlevel/trainer.rs) the special tokens come first, and of words that are as
// frequent the one with the smaller bytes.
#pragma once

#include "tercet/text/learnt_tokens.hpp"
#include "tercet/text/word_counts.hpp"

#include <numeric>
#include <stop_token>

namespace tercet::inline TERCET_ABI {

struct WordTraining {
    TokenId vocab_size = 30000;                        // at most this many tokens; the special tokens are always there
    std::int64_t min_frequency = 0;                    // a word that occurs less often is no token
    std::vector<std::string> special_tokens{"[UNK]"};  // the first ids, in this order
    std::string unknown = "[UNK]";  // for words outside the vocabulary; the first id when it is not among the special tokens; empty: none
    std::stop_token stop{};
};

struct LearntWords {
    Vocabulary vocabulary;
    std::vector<std::string> special_tokens;
    std::string unknown;
};

/// Learns a vocabulary from the words of texts. Throws invalid_argument for sizes below 0 and empty special tokens, bad_text for special tokens
/// that are not UTF-8, cancelled.
inline LearntWords learn_words(const WordCounts& words, const WordTraining& options = {}) {
    require(options.vocab_size >= 0 && options.min_frequency >= 0, ErrorCode::invalid_argument, "learn_words: a vocabulary of ", options.vocab_size,
            " tokens, and words that occur ", options.min_frequency, " times");
    detail::text::LearntTokens tokens(options.special_tokens, options.unknown, "learn_words");
    std::vector<std::size_t> order(words.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return words.count(a) != words.count(b) ? words.count(a) > words.count(b) : words.word(a) < words.word(b);
    });
    for (std::size_t i = 0; i < order.size() && std::cmp_less(tokens.size(), options.vocab_size); ++i) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, "learn_words: stopped at ", tokens.size(), " tokens");
        if (words.count(order[i]) < options.min_frequency) break;
        tokens.id_of(std::string(words.word(order[i])));
    }
    return {tokens.vocabulary(), tokens.special(), tokens.unknown()};
}

}  // namespace tercet::inline TERCET_ABI
