// Learning a byte-level BPE (Sennrich, Haddow and Birch 2016, algorithm 1): of all pairs of neighbouring symbols the most frequent one becomes
// a symbol, again and again.
//
//   count(a, b) = Σ_words n(word) · occurrences of a b in it          next merge: the pair of the highest count
//
// A text is met once, as its distinct words and how often each occurs. A heap holds each pair with its count and the words that it
// occurs in, so a merge visits those words and no others; counts that a merge lowers are put right when their pair comes to the top.
//
// Of equal counts the pair with the smaller ids merges first, the left one's and then the right one's, as in Hugging Face's trainer (tokenizers,
// models/bpe/trainer.rs): merges and their order are the same.
//
// A merge joins its pair wherever it stands, so a string becomes a token in one way only, and all pairs that a token is part of come into
// being with the later of the two: the words of a pair are listed once, when it is new, and the list only needs to be gone through when it merges.
#pragma once

#include "tercet/text/byte_level.hpp"

#include <queue>
#include <stop_token>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {

/// The distinct words of texts, as GPT-2's expression cuts them, and how often each occurs.
class WordCounts {
public:
    /// Counts the words of a text. Throws bad_text when it is not UTF-8, cancelled.
    void add(std::string_view text, const std::stop_token& stop = {}) {
        require_utf8(text, "text to learn from");
        add_valid(text, stop);
    }
    /// Counts each line, with the newline that ends it, as a text of its own, as Hugging Face's trainer reads files: no word spans two lines.
    void add_lines(std::string_view text, const std::stop_token& stop = {}) {
        require_utf8(text, "text to learn from");
        while (!text.empty()) {
            const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
            add_valid(text.substr(0, size), stop);
            text.remove_prefix(size);
        }
    }

    /// How many distinct words there are.
    std::size_t size() const { return entries_.size(); }
    std::string_view word(std::size_t i) const { return std::string_view(buffer_).substr(entries_[i].begin, entries_[i].size); }
    std::int64_t count(std::size_t i) const { return entries_[i].count; }

private:
    struct Entry {
        std::uint64_t hash;
        std::size_t begin, size;
        std::int64_t count;
    };
    static constexpr std::uint32_t empty = 0xffffffff;

    void add_valid(std::string_view text, const std::stop_token& stop) {
        std::size_t look = 0;  // where the stop token is looked at next
        for (std::size_t at = 0; at < text.size();) {
            if (at >= look) {
                require(!stop.stop_requested(), ErrorCode::cancelled, "counting words was stopped after ", at, " of ", text.size(), " bytes");
                look = at + (std::size_t{1} << 20);
            }
            const std::size_t end = scan_gpt2(text, at);
            add_word(text.substr(at, end - at));
            at = end;
        }
    }

    void add_word(std::string_view text) {
        if (2 * entries_.size() >= slots_.size()) grow();
        TextHash hash;
        hash.add(text);
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = hash.value() & mask;
        for (; slots_[i] != empty; i = (i + 1) & mask) {
            auto& entry = entries_[slots_[i]];
            if (entry.hash == hash.state && word(slots_[i]) == text) return void(++entry.count);
        }
        require(entries_.size() < empty && text.size() <= 0x7fffffff, ErrorCode::size_overflow, "text to learn from: a word of ", text.size(),
                " bytes, or more than ", empty, " words");
        slots_[i] = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back({hash.state, buffer_.size(), text.size(), 1});
        buffer_ += text;
    }

    void grow() {
        slots_.assign(std::max<std::size_t>(1024, 4 * slots_.size()), empty);
        for (std::uint32_t w = 0; w < entries_.size(); ++w) {
            std::size_t i = TextHash{entries_[w].hash}.value() & (slots_.size() - 1);
            while (slots_[i] != empty) i = (i + 1) & (slots_.size() - 1);
            slots_[i] = w;
        }
    }

    std::string buffer_;  // the words, one after the other
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> slots_;
};

struct BpeTraining {
    TokenId vocab_size = 30000;                 // at most this many tokens; the special tokens and the alphabet are always there
    std::int64_t min_frequency = 0;             // a pair that occurs less often is not merged
    bool all_bytes = true;                      // the alphabet: all 256 bytes, or those that the words have
    std::vector<std::string> special_tokens{};  // the first ids, in this order
    std::string unknown{};                      // a special token for bytes outside the alphabet, the first when it is not among those; empty: none
    std::stop_token stop{};
};

namespace detail::text {

class BpeLearner {
public:
    BpeLearner(const WordCounts& counts, const BpeTraining& options) : options_(options) {
        require(options.vocab_size >= 0 && options.min_frequency >= 0, ErrorCode::invalid_argument, "learn_bpe: a vocabulary of ", options.vocab_size,
                " tokens, and pairs that occur ", options.min_frequency, " times");
        auto& special = result_.special_tokens = options.special_tokens;
        if (!options.unknown.empty() && std::find(special.begin(), special.end(), options.unknown) == special.end())
            special.insert(special.begin(), options.unknown);
        result_.unknown = options.unknown;
        for (const auto& token : special) {
            require(!token.empty(), ErrorCode::invalid_argument, "learn_bpe: an empty special token");
            require_utf8(token, "learn_bpe: a special token");
            id_of(token);
        }
        add_words(counts);
    }

    ByteLevelBpe learn() {
        while (std::cmp_less(tokens_.size(), options_.vocab_size) && !heap_.empty()) {
            require(!options_.stop.stop_requested(), ErrorCode::cancelled, "learn_bpe: stopped at ", tokens_.size(), " tokens");
            Candidate top = heap_.top();
            heap_.pop();
            if (top.count != pairs_[top.pair].count) {
                top.count = pairs_[top.pair].count;
                heap_.push(top);
                continue;
            }
            if (top.count < std::max<std::int64_t>(options_.min_frequency, 1)) break;
            merge(pairs_[top.pair]);
        }
        std::vector<std::pair<std::string, TokenId>> tokens;
        for (auto& token : tokens_) tokens.emplace_back(std::move(token), static_cast<TokenId>(tokens.size()));
        result_.vocabulary = Vocabulary(tokens, "learn_bpe");
        for (const auto& pair : merges_) result_.merges.emplace_back(result_.vocabulary.token(pair.first), result_.vocabulary.token(pair.second));
        return std::move(result_);
    }

private:
    struct LearntWord {
        std::size_t begin;  // of its symbols
        std::uint32_t size;
        std::int64_t count;
    };
    struct Pair {
        TokenId left, right;
        std::int64_t count = 0;
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

    // The id of a token, a new one when it is not there.
    TokenId id_of(const std::string& token) {
        const auto [at, is_new] = ids_.try_emplace(token, static_cast<TokenId>(tokens_.size()));
        if (is_new) tokens_.push_back(token);
        return at->second;
    }

    // The alphabet in the order of its characters, the words as its symbols, and their pairs.
    void add_words(const WordCounts& counts) {
        bool used[256];
        std::fill_n(used, 256, options_.all_bytes);
        std::size_t symbols = 0;
        for (std::size_t w = 0; w < counts.size(); ++w) {
            for (const char c : counts.word(w)) used[static_cast<unsigned char>(c)] = true;
            symbols += counts.word(w).size();
        }
        TokenId symbol_of[256] = {};
        for (char32_t point = 0; point < byte_alphabet.byte_of.size(); ++point) {
            const int byte = byte_alphabet.byte_of[point];
            if (byte >= 0 && used[byte]) symbol_of[byte] = id_of(utf8_encode({&point, 1}));
        }
        symbols_.reserve(symbols);
        words_.reserve(counts.size());
        slots_.resize(1024);
        for (std::uint32_t w = 0; w < counts.size(); ++w) {
            const auto text = counts.word(w);
            words_.push_back({symbols_.size(), static_cast<std::uint32_t>(text.size()), counts.count(w)});
            for (const char c : text) symbols_.push_back(symbol_of[static_cast<unsigned char>(c)]);
            for (std::size_t i = words_[w].begin + 1; i < symbols_.size(); ++i) change(symbols_[i - 1], symbols_[i], w, words_[w].count);
        }
        fill_heap();
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
    }

    // Puts the new pairs into the heap.
    void fill_heap() {
        for (const auto p : new_pairs_) {
            const auto& pair = pairs_[p];
            if (pair.count > 0) heap_.push({pair.count, key_of(pair.left, pair.right), p});
        }
        new_pairs_.clear();
    }

    void merge(Pair& pair) {
        const auto [left, right] = std::pair(pair.left, pair.right);
        const auto words = std::exchange(pair.words, {});
        merges_.emplace_back(left, right);
        const TokenId merged = id_of(tokens_[static_cast<std::size_t>(left)] + tokens_[static_cast<std::size_t>(right)]);
        for (const auto w : words) merge_in(w, left, right, merged);
        fill_heap();
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

    const BpeTraining& options_;
    ByteLevelBpe result_;
    std::vector<std::string> tokens_;
    std::unordered_map<std::string, TokenId> ids_;
    std::vector<TokenId> symbols_;
    std::vector<LearntWord> words_;
    std::vector<Pair> pairs_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> new_pairs_;  // not in the heap yet
    std::priority_queue<Candidate> heap_;
    std::vector<std::pair<TokenId, TokenId>> merges_;
};

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
    return detail::text::BpeLearner(words, options).learn();
}

}  // namespace tercet::inline TERCET_ABI
