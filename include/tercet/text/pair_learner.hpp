// What all learners of merges share (Sennrich, Haddow and Birch 2016, algorithm 1): of all pairs of neighbouring symbols the most frequent one
// becomes a symbol, again and again.
//
//   count(a, b) = Σ_words n(word) · occurrences of a b in it          next merge: the pair of the highest count
//
// Symbols are ids; what the symbol of a pair is, the caller says. A heap holds each pair with its count and the words that it occurs in, so a
// merge visits those words and no others; counts that a merge lowers are put right when their pair comes to the top.
//
// Of equal counts the pair with the smaller ids merges first, the left one's and then the right one's, as in Hugging Face's trainer (tokenizers,
// models/bpe/trainer.rs): merges and their order are the same.
//
// A merge joins its pair wherever it stands, so a string mostly becomes a token in one way only, and all pairs that a token is part of come into
// being with the later of the two: the words of a pair are listed when it is new, and the list only needs to be gone through when it merges. Where
// two ways do meet in one token (a special token that is spelled like one, "##" in a text), a pair that gains occurrences enters the heap once more.
#pragma once

#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <queue>
#include <span>

namespace tercet::inline TERCET_ABI {
namespace detail::text {

class PairLearner {
public:
    void reserve(std::size_t words, std::size_t symbols) {
        words_.reserve(words);
        symbols_.reserve(symbols);
    }

    // Takes a word of fewer than 2^32 symbols; at most 2^32 words.
    void add_word(std::span<const TokenId> symbols, std::int64_t count) {
        const auto w = static_cast<std::uint32_t>(words_.size());
        words_.push_back({symbols_.size(), static_cast<std::uint32_t>(symbols.size()), count});
        symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
        for (std::size_t i = 1; i < symbols.size(); ++i) change(symbols[i - 1], symbols[i], w, count);
    }

    // Merges the next pair into the symbol that join(left, right) gives, which is asked once a pair; false when none occurs min_count times, or
    // at all.
    template <class Join>
    bool merge_next(std::int64_t min_count, const Join& join) {
        fill_heap();
        while (!heap_.empty()) {
            Candidate top = heap_.top();
            heap_.pop();
            auto& pair = pairs_[top.pair];
            if (top.count != pair.count) {
                top.count = pair.count;
                heap_.push(top);
                continue;
            }
            if (top.count < std::max<std::int64_t>(min_count, 1)) return false;
            const auto [left, right] = std::pair(pair.left, pair.right);
            const auto words = std::exchange(pair.words, {});
            if (pair.merged == no_token) pair.merged = join(left, right);
            const TokenId merged = pair.merged;
            for (const auto w : words) merge_in(w, left, right, merged);
            pairs_[top.pair].count = 0;
            return true;
        }
        return false;
    }

private:
    struct LearntWord {
        std::size_t begin;  // of its symbols
        std::uint32_t size;
        std::int64_t count;
    };
    struct Pair {
        TokenId left, right, merged = no_token;
        std::int64_t count = 0;
        bool is_new = true;                  // it stands in new_pairs_
        std::vector<std::uint32_t> words{};  // where it was when it came into being; some may have lost it
    };
    struct Candidate {
        std::int64_t count;  // when it was put into the heap
        std::uint64_t key;
        std::uint32_t pair;
        bool operator<(const Candidate& other) const { return count != other.count ? count < other.count : key > other.key; }
    };
    struct Slot {
        std::uint64_t key = ~std::uint64_t{0};
        std::uint32_t pair = 0;
    };

    static std::uint64_t key_of(TokenId left, TokenId right) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    }

    std::uint32_t pair_of(TokenId left, TokenId right) {
        const auto key = key_of(left, right);
        std::size_t i = slot_of(key);
        while (slots_[i].key != key && slots_[i].key != Slot{}.key) i = (i + 1) & (slots_.size() - 1);
        if (slots_[i].key == key) return slots_[i].pair;
        const auto pair = static_cast<std::uint32_t>(pairs_.size());
        slots_[i] = {key, pair};
        pairs_.push_back({left, right});
        new_pairs_.push_back(pair);
        if (2 * pairs_.size() > slots_.size()) grow();
        return pair;
    }

    std::size_t slot_of(std::uint64_t key) const { return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15u >> 32) & (slots_.size() - 1); }

    void grow() {
        slots_.assign(4 * slots_.size(), {});
        for (std::uint32_t p = 0; p < pairs_.size(); ++p) {
            const auto key = key_of(pairs_[p].left, pairs_[p].right);
            std::size_t i = slot_of(key);
            while (slots_[i].key != Slot{}.key) i = (i + 1) & (slots_.size() - 1);
            slots_[i] = {key, p};
        }
    }

    // A pair occurs in a word once more, or once less.
    void change(TokenId left, TokenId right, std::uint32_t word, std::int64_t by) {
        const auto p = pair_of(left, right);
        auto& pair = pairs_[p];
        pair.count += by;
        if (by < 0) return;
        if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
        if (pair.is_new) return;
        pair.is_new = true;
        new_pairs_.push_back(p);
    }

    // Puts the new pairs into the heap.
    void fill_heap() {
        for (const auto p : new_pairs_) {
            auto& pair = pairs_[p];
            pair.is_new = false;
            if (pair.count > 0) heap_.push({pair.count, key_of(pair.left, pair.right), p});
        }
        new_pairs_.clear();
    }

    // Merges the pair wherever the word has it, from left to right, and counts what that does to the pairs beside it.
    void merge_in(std::uint32_t w, TokenId left, TokenId right, TokenId merged) {
        auto& word = words_[w];
        TokenId* const s = symbols_.data() + word.begin;
        std::uint32_t to = 0;
        for (std::uint32_t i = 0; i < word.size; ++i) {
            if (s[i] != left || i + 1 == word.size || s[i + 1] != right) {
                s[to++] = s[i];
                continue;
            }
            if (to > 0) {
                change(s[to - 1], left, w, -word.count);
                change(s[to - 1], merged, w, word.count);
            }
            if (i + 2 < word.size) {
                change(right, s[i + 2], w, -word.count);
                change(merged, s[i + 2], w, word.count);
            }
            s[to++] = merged;
            ++i;
        }
        word.size = to;
    }

    std::vector<TokenId> symbols_;
    std::vector<LearntWord> words_;
    std::vector<Pair> pairs_;
    std::vector<Slot> slots_{1024};
    std::vector<std::uint32_t> new_pairs_;  // not in the heap yet
    std::priority_queue<Candidate> heap_;
};

}  // namespace detail::text
}  // namespace tercet::inline TERCET_ABI
