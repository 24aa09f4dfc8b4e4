// Byte pair encoding (Sennrich, Haddow and Birch 2016; on bytes, Radford et al. 2019): a word begins as single symbols, and the
// adjacent pair that was learnt first merges, again and again, until no pair of the word is in the list.
//
//   l o w e r   --(l,o)-->   lo w e r   --(lo,w)-->   low e r   --(e,r)-->   low er
//
// Of two equal pairs the left one merges first. Short words look for the best pair by scanning; long ones keep a heap, so that a
// megabyte without a space takes n·log n steps. Merging works on ids: strings are met only when a word becomes its first symbols.
#pragma once

#include "tercet/text/pretokenizer.hpp"
#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <iterator>
#include <span>

namespace tercet::inline TERCET_ABI {

struct BpeOptions {
    std::string unknown;             // token for characters outside the vocabulary; empty: they are dropped
    std::string continuing_prefix;   // of symbols that do not begin a word
    std::string end_of_word_suffix;  // of the symbol that ends a word
    bool fuse_unknown = false;       // neighbouring unknown characters are one token
    bool byte_fallback = false;      // characters outside the vocabulary become <0x..> tokens, one a byte
    bool ignore_merges = false;      // a word that is a token stays whole
};

/// What encode() needs room for; one a thread, used again from word to word.
struct BpeScratch {
    struct Symbol {
        TokenId id;
        std::uint32_t bytes;
        std::int32_t previous, next;
    };
    struct Candidate {
        std::uint32_t rank, position;
        TokenId merged;
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> best, heap;
    std::vector<std::uint32_t> places;
    std::string text;
};

class Bpe {
public:
    Bpe() = default;

    /// Merges are pairs of tokens, first learnt first. Throws bad_tokenizer, with `source` in front, when a merge or the unknown token is not in
    /// the vocabulary.
    Bpe(const Vocabulary& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, BpeOptions options, std::string_view source)
        : options_(std::move(options)) {
        pairs_.assign(std::bit_ceil(merges.size() * 2 + 2), Pair{});
        std::string joined;
        for (std::size_t rank = 0; rank < merges.size(); ++rank) {
            const auto& [left, right] = merges[rank];
            require(right.size() >= options_.continuing_prefix.size(), ErrorCode::bad_tokenizer, source, ": merge ", rank, " ('", left, "' '", right,
                    "') lacks the prefix '", options_.continuing_prefix, "'");
            joined.assign(left).append(right, options_.continuing_prefix.size());
            const TokenId a = vocabulary.find(left), b = vocabulary.find(right), merged = vocabulary.find(joined);
            require(a != no_token && b != no_token && merged != no_token, ErrorCode::bad_tokenizer, source, ": merge ", rank, " ('", left, "' '",
                    right, "'): '",
                    a == no_token   ? left
                    : b == no_token ? right
                                    : joined,
                    "' is not in the vocabulary");
            insert({key_of(a, b), static_cast<std::uint32_t>(rank), merged});
        }
        std::string symbol;
        for (std::size_t b = 0; b < 256; ++b) {
            symbol.clear();
            utf8_append(symbol, byte_alphabet.point_of[b]);
            byte_symbols_[b] = vocabulary.find(symbol);
            constexpr char hex[] = "0123456789ABCDEF";
            fallback_[b] = options_.byte_fallback ? vocabulary.find(std::string("<0x") + hex[b >> 4] + hex[b & 15] + ">") : no_token;
        }
        if (!options_.unknown.empty()) {
            unknown_ = vocabulary.find(options_.unknown);
            require(unknown_ != no_token, ErrorCode::bad_tokenizer, source, ": the unknown token '", options_.unknown, "' is not in the vocabulary");
        }
    }

    const BpeOptions& options() const { return options_; }

    /// The pairs of tokens that merge, first learnt first.
    std::vector<std::pair<TokenId, TokenId>> merges() const {
        std::vector<Pair> found;
        std::copy_if(pairs_.begin(), pairs_.end(), std::back_inserter(found), [](const Pair& p) { return p.rank != no_rank; });
        std::sort(found.begin(), found.end(), [](const Pair& a, const Pair& b) { return a.rank < b.rank; });
        std::vector<std::pair<TokenId, TokenId>> out;
        for (const auto& p : found) out.emplace_back(static_cast<TokenId>(p.key >> 32), static_cast<TokenId>(p.key & 0xffffffff));
        return out;
    }

    /// Appends the tokens of text[begin, end), one word. With raw_bytes the word's bytes stand for the byte alphabet's characters.
    void encode(const Vocabulary& vocabulary, std::string_view text, std::uint32_t begin, std::uint32_t end, bool raw_bytes, BpeScratch& scratch,
                std::vector<Token>& out) const {
        const auto word = text.substr(begin, end - begin);
        if (options_.ignore_merges) {
            std::string_view whole = word;
            if (raw_bytes) {
                scratch.text.clear();
                for (const char c : word) utf8_append(scratch.text, byte_alphabet.point_of[static_cast<unsigned char>(c)]);
                whole = scratch.text;
            }
            if (const TokenId id = vocabulary.find(whole); id != no_token) return out.push_back({id, begin, end});
        }
        scratch.symbols.clear();
        const bool plain = raw_bytes && options_.continuing_prefix.empty() && options_.end_of_word_suffix.empty();
        const bool by_bytes = plain && byte_symbols(word, scratch);
        if (!by_bytes) character_symbols(vocabulary, word, raw_bytes, scratch);
        if (scratch.symbols.size() <= scan_limit) merge_by_scan(scratch);
        else merge_by_heap(scratch);
        std::uint32_t at = begin;
        const std::size_t first = out.size();
        for (const auto& symbol : scratch.symbols) {
            if (symbol.bytes == 0) continue;  // merged into the one before it
            out.push_back({symbol.id, at, at + symbol.bytes});
            at += symbol.bytes;
        }
        if (raw_bytes && !by_bytes) from_alphabet(word, begin, std::span(out).subspan(first), scratch);
    }

private:
    struct Pair {
        std::uint64_t key = ~std::uint64_t{0};
        std::uint32_t rank = no_rank;
        TokenId merged = no_token;
    };

    static constexpr std::uint32_t no_rank = 0xffffffff;
    static constexpr std::size_t scan_limit = 64;

    static std::uint64_t key_of(TokenId a, TokenId b) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) << 32 | static_cast<std::uint32_t>(b);
    }

    std::size_t slot_of(std::uint64_t key) const { return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15u >> 32) & (pairs_.size() - 1); }

    void insert(const Pair& pair) {
        std::size_t i = slot_of(pair.key);
        while (pairs_[i].rank != no_rank && pairs_[i].key != pair.key) i = (i + 1) & (pairs_.size() - 1);
        pairs_[i] = pair;  // a pair listed twice has its last rank
    }

    // Rank and result of a pair; rank is no_rank when the pair is not in the list.
    Pair find(TokenId a, TokenId b) const {
        if (pairs_.empty()) return {};
        const auto key = key_of(a, b);
        for (std::size_t i = slot_of(key);; i = (i + 1) & (pairs_.size() - 1)) {
            if (pairs_[i].key == key || pairs_[i].rank == no_rank) return pairs_[i];
        }
    }

    bool byte_symbols(std::string_view word, BpeScratch& s) const {
        s.symbols.reserve(word.size());
        for (const char c : word) {
            const TokenId id = byte_symbols_[static_cast<unsigned char>(c)];
            if (id == no_token) {
                s.symbols.clear();
                return false;
            }
            s.symbols.push_back({id, 1, 0, 0});
        }
        return true;
    }

    // Where characters of the alphabet were dropped, the symbols' sizes count bytes of the alphabet's spelling and move up into the gaps, as they
    // do in the original; this turns such places into bytes of the word.
    static void from_alphabet(std::string_view word, std::uint32_t begin, std::span<Token> tokens, BpeScratch& s) {
        s.places.clear();
        for (std::uint32_t i = 0; i < word.size(); ++i)
            s.places.insert(s.places.end(), utf8_size(byte_alphabet.point_of[static_cast<unsigned char>(word[i])]), i);
        for (auto& t : tokens) {
            t.end = begin + s.places[t.end - begin - 1] + 1;
            t.begin = begin + s.places[t.begin - begin];
        }
    }

    // Symbols by way of strings: prefixes, suffixes, unknown characters, byte fallback.
    void character_symbols(const Vocabulary& vocabulary, std::string_view word, bool raw_bytes, BpeScratch& s) const {
        std::uint32_t unknown_bytes = 0;  // of the unknown token that waits to be put out
        const auto flush = [&] {
            if (unknown_bytes) s.symbols.push_back({unknown_, unknown_bytes, 0, 0});
            unknown_bytes = 0;
        };
        std::string symbol;
        for (std::size_t i = 0; i < word.size();) {
            symbol.clear();
            if (i > 0) symbol += options_.continuing_prefix;
            std::uint32_t size = 0;
            if (raw_bytes) {
                const char32_t point = byte_alphabet.point_of[static_cast<unsigned char>(word[i++])];
                utf8_append(symbol, point);
                size = utf8_size(point);
            } else {
                size = utf8_decode_valid(word, i).size;
                symbol += word.substr(i, size);
                i += size;
            }
            if (i == word.size()) symbol += options_.end_of_word_suffix;
            if (const TokenId id = vocabulary.find(symbol); id != no_token) {
                flush();
                s.symbols.push_back({id, size, 0, 0});
                continue;
            }
            bool fallback = options_.byte_fallback;
            for (const char c : symbol) fallback = fallback && fallback_[static_cast<unsigned char>(c)] != no_token;
            if (fallback) {
                for (const char c : symbol) s.symbols.push_back({fallback_[static_cast<unsigned char>(c)], 1, 0, 0});
            } else if (unknown_ != no_token) {
                if (!options_.fuse_unknown) flush();
                unknown_bytes += size;
            }
        }
        flush();
    }

    void merge_by_scan(BpeScratch& s) const {
        auto& symbols = s.symbols;
        if (symbols.size() < 2) return;
        auto& best = s.best;  // best[i]: the pair of symbols i and i + 1
        best.resize(symbols.size());
        const auto look = [&](std::size_t i) {
            if (i + 1 >= symbols.size()) return void(best[i] = {no_rank, 0, no_token});
            const auto pair = find(symbols[i].id, symbols[i + 1].id);
            best[i] = {pair.rank, 0, pair.merged};
        };
        for (std::size_t i = 0; i < symbols.size(); ++i) look(i);
        while (true) {
            std::size_t at = 0;
            for (std::size_t i = 1; i < symbols.size(); ++i) {
                if (best[i].rank < best[at].rank) at = i;
            }
            if (best[at].rank == no_rank) return;
            symbols[at].id = best[at].merged;
            symbols[at].bytes += symbols[at + 1].bytes;
            symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
            best.erase(best.begin() + static_cast<std::ptrdiff_t>(at) + 1);
            look(at);
            if (at > 0) look(at - 1);
        }
    }

    void merge_by_heap(BpeScratch& s) const {
        auto& symbols = s.symbols;
        auto& heap = s.heap;
        heap.clear();
        const auto later = [](const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
            return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
        };
        const auto candidate = [&](std::size_t left, std::size_t right) {
            const auto pair = find(symbols[left].id, symbols[right].id);
            if (pair.rank == no_rank) return false;
            heap.push_back({pair.rank, static_cast<std::uint32_t>(left), pair.merged});
            return true;
        };
        for (std::size_t i = 0; i < symbols.size(); ++i) {
            symbols[i].previous = static_cast<std::int32_t>(i) - 1;
            symbols[i].next = i + 1 < symbols.size() ? static_cast<std::int32_t>(i) + 1 : -1;
            if (i > 0) candidate(i - 1, i);
        }
        std::make_heap(heap.begin(), heap.end(), later);
        while (!heap.empty()) {
            std::pop_heap(heap.begin(), heap.end(), later);
            const auto top = heap.back();
            heap.pop_back();
            auto& left = symbols[top.position];
            if (left.bytes == 0 || left.next < 0) continue;
            auto& right = symbols[static_cast<std::size_t>(left.next)];
            const auto pair = find(left.id, right.id);
            if (pair.rank == no_rank || pair.merged != top.merged) continue;  // a neighbour has changed since
            left.id = pair.merged;
            left.bytes += right.bytes;
            left.next = right.next;
            right.bytes = 0;
            if (left.next >= 0) {
                symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(top.position);
                if (candidate(top.position, static_cast<std::size_t>(left.next))) std::push_heap(heap.begin(), heap.end(), later);
            }
            if (left.previous >= 0 && candidate(static_cast<std::size_t>(left.previous), top.position))
                std::push_heap(heap.begin(), heap.end(), later);
        }
    }

    BpeOptions options_;
    std::vector<Pair> pairs_;
    TokenId byte_symbols_[256] = {}, fallback_[256] = {};
    TokenId unknown_ = no_token;
};

}  // namespace tercet::inline TERCET_ABI
