// Byte pair encoding (text/bpe.hpp): what it is told beside its vocabulary, and what it needs room for.
#pragma once

#include "tercet/text/min_heap.hpp"
#include "tercet/text/pair_table.hpp"

#include <algorithm>
#include <numeric>
#include <string>

namespace tercet::inline TERCET_ABI {

struct BpeOptions {
    std::string unknown = {};             // token for characters outside the vocabulary; empty: they are dropped
    std::string continuing_prefix = {};   // of symbols that do not begin a word
    std::string end_of_word_suffix = {};  // of the symbol that ends a word
    bool fuse_unknown = false;            // neighbouring unknown characters are one token
    bool byte_fallback = false;           // characters outside the vocabulary become <0x..> tokens, one a byte
    bool ignore_merges = false;           // a word that is a token stays whole
    double dropout = 0;                   // each merge is passed over with this probability (Provilkov et al. 2020)
    // SentencePiece's way: characters outside the vocabulary are looked at after merging, and unknown ones fuse with the token before.
    bool unknown_last = false;
    std::vector<TokenId> user_defined = {};  // with unknown_last: they are found first, and merge with nothing
    std::vector<TokenId> unused = {};        // with unknown_last: they may come up while merging, and are cut again at the end
    std::vector<TokenId> left_out = {};      // with unknown_last: characters that count as unknown, though they are tokens
};

/// The rank of each token by id, the best one first; no_rank where no pair makes it.
struct BpeRanks {
    static constexpr std::uint32_t no_rank = 0xffffffff;
    std::vector<std::uint32_t> of;

    explicit BpeRanks(std::vector<std::uint32_t> ranks) : of(std::move(ranks)) {}

    /// Ranks by score, the highest first; equal scores are equal ranks.
    static BpeRanks by_score(const std::vector<float>& scores) {
        std::vector<std::uint32_t> order(scores.size());
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
        BpeRanks ranks(std::vector<std::uint32_t>(scores.size()));
        std::uint32_t rank = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (i > 0 && scores[order[i]] < scores[order[i - 1]]) ++rank;
            ranks.of[order[i]] = rank;
        }
        return ranks;
    }
};

/// What encode() needs room for; one a thread, used again from word to word.
struct BpeScratch {
    struct Symbol {
        TokenId id;
        std::uint32_t bytes;
        std::int32_t previous, next;
    };
    std::vector<Symbol> symbols;
    detail::text::MinHeap heap;  // of pairs: rank << 32 | position of the left symbol
    std::vector<std::uint32_t> places;
    struct Cut {
        std::uint64_t word = 0;  // the one that it is from
        TokenId left = no_token, right = no_token;
    };
    std::vector<Cut> cuts;    // how each unused token came into being
    std::vector<Token> open;  // pieces that are yet to be cut
    std::uint64_t words = 0;
    std::vector<std::uint64_t> passed_over;  // pairs that dropout left for later
    std::string text;
    bool unknown = false;     // whether the last word has characters outside the vocabulary
    double dropout = 0;       // for this text, as in BpeOptions
    std::uint64_t seed = 0;   // of dropout
    std::uint64_t drawn = 0;  // how many numbers were drawn
};

}  // namespace tercet::inline TERCET_ABI
