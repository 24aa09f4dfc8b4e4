// Byte pair encoding (Sennrich, Haddow and Birch 2016; on bytes, Radford et al. 2019): a word begins as single symbols, and the
// adjacent pair that was learnt first merges, again and again, until no pair of the word is in the list.
//
//   l o w e r   --(l,o)-->   lo w e r   --(lo,w)-->   low e r   --(e,r)-->   low er
//
// Vocabularies that have no list of merges rank the tokens themselves, by score (SentencePiece) or number (tiktoken): any pair merges that makes a
// token, the one that makes the best token first. Which pairs those are is worked out once, from the ways to cut each token in two.
//
// Of two equal pairs the left one merges first. Short words look for the best pair by scanning; long ones keep a heap, so that a
// megabyte without a space takes n·log n steps. Merging works on ids: strings are met only when a word becomes its first symbols.
#pragma once

#include "tercet/core/parallel.hpp"
#include "tercet/core/random.hpp"
#include "tercet/text/bpe_options.hpp"
#include "tercet/text/byte_alphabet.hpp"
#include "tercet/text/pair_table.hpp"
#include "tercet/text/trie.hpp"
#include "tercet/text/utf8.hpp"
#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {

class Bpe {
public:
    Bpe() = default;

    /// Merges are pairs of tokens, first learnt first, as strings or views of strings. Throws bad_tokenizer, with `source` in front, when a merge or
    /// the unknown token is not in the vocabulary.
    template <class Merges = std::vector<std::pair<std::string, std::string>>>
    Bpe(const Vocabulary& vocabulary, const Merges& merges, BpeOptions options, std::string_view source) : options_(std::move(options)) {
        read_merges(vocabulary, merges, source);
        find_symbols(vocabulary, source);
    }

    /// Every pair of tokens that makes a ranked one merges. Throws bad_tokenizer when there are not as many ranks as ids, or a token is missing that
    /// the options name.
    static Bpe from_ranks(const Vocabulary& vocabulary, const BpeRanks& ranks, BpeOptions options, std::string_view source) {
        Bpe bpe;
        bpe.options_ = std::move(options);
        bpe.read_ranks(vocabulary, ranks.of, source);
        bpe.find_symbols(vocabulary, source);
        return bpe;
    }

    const BpeOptions& options() const { return options_; }

    /// The pairs of tokens that merge, first learnt first.
    std::vector<std::pair<TokenId, TokenId>> merges() const {
        std::vector<std::pair<TokenId, TokenId>> out;
        for (const auto& p : pairs_.by_rank()) out.emplace_back(static_cast<TokenId>(p.key >> 32), static_cast<TokenId>(p.key & 0xffffffff));
        return out;
    }

    /// The same with their ranks and what they make.
    const detail::text::PairTable& pairs() const { return pairs_; }

    /// Appends the tokens of text[begin, end), one word. With raw_bytes the word's bytes stand for the byte alphabet's characters.
    void encode(const Vocabulary& vocabulary, std::string_view text, std::uint32_t begin, std::uint32_t end, bool raw_bytes, BpeScratch& scratch,
                std::vector<Token>& out) const {
        const auto word = text.substr(begin, end - begin);
        scratch.unknown = false;
        if (options_.unknown_last) return encode_pieces(vocabulary, text, begin, end, scratch, out);
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
        merge(scratch);
        std::uint32_t at = begin;
        const std::size_t first = out.size();
        for (const auto& symbol : scratch.symbols) {
            if (symbol.bytes == 0) continue;  // merged into the one before it
            // The bytes of a word's suffix may be symbols too, where characters fall back to bytes: they are at the word's end.
            if (raw_bytes) out.push_back({symbol.id, at, at + symbol.bytes});
            else out.push_back({symbol.id, std::min(at, end - 1), std::min(at + symbol.bytes, end)});
            at += symbol.bytes;
        }
        if (raw_bytes && !by_bytes) from_alphabet(word, begin, std::span(out).subspan(first), scratch);
    }

private:
    static constexpr std::uint32_t no_rank = BpeRanks::no_rank;
    static constexpr std::size_t scan_limit = 64;
    static constexpr TokenId outside = -2;  // a character that is neither a token nor part of one

    // Looking up what merges takes most of a tokenizer's loading: it waits for memory, so threads share it.
    template <class Merges>
    void read_merges(const Vocabulary& vocabulary, const Merges& merges, std::string_view source) {
        struct Ids {
            TokenId left, right, merged;
        };
        std::vector<Ids> ids(merges.size());
        const auto tail_of = [&](std::string_view right) { return right.substr(std::min(right.size(), options_.continuing_prefix.size())); };
        parallel_ranges(static_cast<index_t>(merges.size()), 2048, [&](index_t begin, index_t end) {
            for (auto rank = static_cast<std::size_t>(begin); rank < static_cast<std::size_t>(end); ++rank) {
                const auto& [left, right] = merges[rank];
                TextHash hash;
                hash.add(left);
                ids[rank].left = vocabulary.find(hash, {}, left);
                ids[rank].right = vocabulary.find(right);
                hash.add(tail_of(right));
                ids[rank].merged = vocabulary.find(hash, left, tail_of(right));
            }
        });
        pairs_ = detail::text::PairTable(merges.size());
        for (std::size_t rank = 0; rank < merges.size(); ++rank) {
            const auto& [left, right] = merges[rank];
            const auto& [a, b, merged] = ids[rank];
            require(right.size() >= options_.continuing_prefix.size(), ErrorCode::bad_tokenizer, source, ": merge ", rank, " ('", left, "' '", right,
                    "') lacks the prefix '", options_.continuing_prefix, "'");
            require(a != no_token && b != no_token && merged != no_token, ErrorCode::bad_tokenizer, source, ": merge ", rank, " ('", left, "' '",
                    right, "'): '",
                    a == no_token   ? std::string(left)
                    : b == no_token ? std::string(right)
                                    : std::string(left) + std::string(tail_of(right)),
                    "' is not in the vocabulary");
            pairs_.insert({detail::text::PairTable::key_of(a, b), static_cast<std::uint32_t>(rank), merged});
        }
    }

    // The pairs that make ranked tokens, from every way to cut one in two.
    void read_ranks(const Vocabulary& vocabulary, const std::vector<std::uint32_t>& ranks, std::string_view source) {
        require(ranks.size() == static_cast<std::size_t>(vocabulary.size()), ErrorCode::bad_tokenizer, source, ": ", ranks.size(),
                " ranks for a vocabulary of ", vocabulary.size());
        const auto ranked = [&](TokenId id) { return id != no_token && ranks[static_cast<std::size_t>(id)] != BpeRanks::no_rank; };
        std::size_t steps = 0;  // of looking up both parts
        std::vector<bool> merges_never(ranks.size());
        for (const TokenId id : options_.user_defined)
            if (vocabulary.has(id)) merges_never[static_cast<std::size_t>(id)] = true;
        std::vector<detail::text::PairTable::Pair> found;
        std::vector<std::pair<std::string, TokenId>> letters;  // characters that are part of tokens but no tokens
        std::unordered_map<std::string_view, TokenId> letter_ids;
        const auto part = [&](std::string_view text) -> TokenId {
            const TokenId id = known(vocabulary, text);
            const bool letter = utf8_decode_valid(text, 0).size == text.size();
            if (id != no_token && merges_never[static_cast<std::size_t>(id)]) return no_token;
            if (id != no_token && (letter || ranked(id))) return id;
            if (!letter || !options_.unknown_last) return no_token;
            const auto [at, is_new] = letter_ids.try_emplace(text, vocabulary.size() + static_cast<TokenId>(letters.size()));
            if (is_new) letters.emplace_back(text, static_cast<TokenId>(letters.size()));
            return at->second;
        };
        for (TokenId id = 0; id < vocabulary.size(); ++id) {
            if (!vocabulary.has(id) || !ranked(id)) continue;
            const auto token = vocabulary.token(id);
            if (vocabulary.find(token) != id || merges_never[static_cast<std::size_t>(id)]) continue;
            steps = checked_add(steps, token.size() * token.size(), source);
            require(token.size() <= 8192 && steps < std::size_t{1} << 32, ErrorCode::size_overflow, source, ": the tokens are too long, token ", id,
                    " has ", token.size(), " bytes");
            for (std::size_t cut = 1; cut < token.size(); ++cut) {
                if ((static_cast<unsigned char>(token[cut]) & 0xc0) == 0x80) continue;
                const TokenId a = part(token.substr(0, cut));
                const TokenId b = a == no_token ? no_token : part(token.substr(cut));
                if (b != no_token) found.push_back({detail::text::PairTable::key_of(a, b), ranks[static_cast<std::size_t>(id)], id});
            }
        }
        pairs_ = detail::text::PairTable(found.size());
        for (const auto& pair : found) pairs_.insert(pair);
        first_letter_ = vocabulary.size();
        letters_ = Vocabulary(letters, source);
    }

    // The tokens that single bytes and characters become.
    void find_symbols(const Vocabulary& vocabulary, std::string_view source) {
        require(options_.dropout >= 0 && options_.dropout <= 1, ErrorCode::bad_tokenizer, source, ": a dropout of ", options_.dropout);
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
        for (std::size_t c = 0; c < ascii_.size(); ++c) ascii_[c] = symbol_of(vocabulary, std::string(1, static_cast<char>(c)));
        std::vector<Trie::Entry> symbols;
        for (const TokenId id : options_.user_defined) {
            require(vocabulary.has(id), ErrorCode::bad_tokenizer, source, ": token ", id, " in a vocabulary of ", vocabulary.size());
            symbols.emplace_back(vocabulary.token(id), id);
            if (!symbols.back().first.empty()) defined_starts_[static_cast<unsigned char>(symbols.back().first[0])] = true;
        }
        defined_ = Trie(std::move(symbols));
        std::sort(options_.unused.begin(), options_.unused.end());
    }

    TokenId known(const Vocabulary& vocabulary, std::string_view text) const {
        const TokenId id = vocabulary.find(text);
        return std::find(options_.left_out.begin(), options_.left_out.end(), id) == options_.left_out.end() ? id : no_token;
    }

    // Of a character, for encode_pieces.
    TokenId symbol_of(const Vocabulary& vocabulary, std::string_view character) const {
        if (const TokenId id = known(vocabulary, character); id != no_token) return id;
        const TokenId letter = letters_.find(character);
        return letter != no_token ? first_letter_ + letter : outside;
    }

    // SentencePiece's way: characters, or what the user defined, then merging, then what is in no token's place.
    void encode_pieces(const Vocabulary& vocabulary, std::string_view text, std::uint32_t begin, std::uint32_t end, BpeScratch& s,
                       std::vector<Token>& out) const {
        const auto word = text.substr(0, end);
        s.symbols.clear();
        for (std::size_t at = begin; at < end;) {
            const auto c = static_cast<unsigned char>(word[at]);
            std::pair<std::size_t, TokenId> next{0, no_token};
            if (defined_starts_[c]) next = defined_.longest(word, at);
            if (next.first == 0 && c < 0x80) next = {1, ascii_[c]};
            if (next.first == 0) {
                const std::size_t size = utf8_decode_valid(word, at).size;
                next = {size, symbol_of(vocabulary, word.substr(at, size))};
            }
            s.symbols.push_back({next.second, static_cast<std::uint32_t>(next.first), 0, 0});
            at += next.first;
        }
        ++s.words;
        s.cuts.resize(options_.unused.size());
        merge(s);
        for (std::uint32_t at = begin; const auto& symbol : s.symbols) {
            if (symbol.bytes == 0) continue;
            put_piece(vocabulary, text, {symbol.id, at, at + symbol.bytes}, s, out);
            at += symbol.bytes;
        }
    }

    // Unused tokens fall apart again, from the left.
    void put_piece(const Vocabulary& vocabulary, std::string_view text, Token piece, BpeScratch& s, std::vector<Token>& out) const {
        s.open.assign(1, piece);
        while (!s.open.empty()) {
            piece = s.open.back();
            s.open.pop_back();
            const std::size_t place = unused_place(piece.id);
            if (place == options_.unused.size() || s.cuts[place].word != s.words) {
                put_whole(text, piece, s, out);
                continue;
            }
            const auto [word, left, right] = s.cuts[place];
            const auto shown = left < first_letter_ ? vocabulary.token(left) : letters_.token(left - first_letter_);
            const auto middle = piece.begin + static_cast<std::uint32_t>(shown.size());
            s.open.push_back({right, middle, piece.end});
            s.open.push_back({left, piece.begin, middle});
        }
    }

    void put_whole(std::string_view text, Token piece, BpeScratch& s, std::vector<Token>& out) const {
        if (piece.id >= 0 && piece.id < first_letter_) return out.push_back(piece);
        s.unknown = true;
        if (options_.byte_fallback) {
            for (std::uint32_t i = piece.begin; i < piece.end; ++i) {
                const TokenId byte = fallback_[static_cast<unsigned char>(text[i])];
                if (byte != no_token || unknown_ != no_token) out.push_back({byte != no_token ? byte : unknown_, piece.begin, piece.end});
            }
        } else if (!out.empty() && out.back().id == unknown_ && out.back().end == piece.begin) {
            out.back().end = piece.end;
        } else if (unknown_ != no_token) {
            out.push_back({unknown_, piece.begin, piece.end});
        }
    }

    // Where an unused token's cut is, or past the last one.
    std::size_t unused_place(TokenId id) const {
        const auto& unused = options_.unused;
        const auto at = std::lower_bound(unused.begin(), unused.end(), id);
        return static_cast<std::size_t>((at != unused.end() && *at == id ? at : unused.end()) - unused.begin());
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
        const auto place = [&](std::uint32_t i) { return begin + s.places[std::min<std::size_t>(i - begin, s.places.size() - 1)]; };
        for (auto& t : tokens) t = {t.id, place(t.begin), place(t.end - 1) + 1};  // a suffix may be tokens too
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

    void merge(BpeScratch& s) const {
        if (s.symbols.size() <= scan_limit && s.dropout == 0 && options_.unused.empty()) merge_by_scan(s);
        else merge_by_heap(s);
    }

    bool passes_over(BpeScratch& s) const {
        if (s.dropout == 0) return false;
        const std::uint64_t n = s.drawn++;
        const auto words = philox({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), 0, 0}, s.seed);
        return static_cast<double>(words[0]) * 0x1p-32 < s.dropout;
    }

    // Few symbols: the pairs lie beside each other, and what is behind a merged one moves up.
    void merge_by_scan(BpeScratch& s) const {
        auto& symbols = s.symbols;
        std::size_t count = symbols.size();
        if (count < 2) return;
        std::array<TokenId, scan_limit + 1> merged;
        std::array<std::uint32_t, scan_limit + 1> rank;  // rank[i]: of the pair of symbols i and i + 1
        const auto look = [&](std::size_t i) {
            const auto pair = pairs_.find(symbols[i].id, symbols[i + 1].id);
            rank[i] = pair.rank;
            merged[i] = pair.merged;
        };
        for (std::size_t i = 0; i + 1 < count; ++i) look(i);
        while (count > 1) {
            std::size_t at = 0;
            for (std::size_t i = 1; i + 1 < count; ++i)
                if (rank[i] < rank[at]) at = i;
            if (rank[at] == no_rank) break;
            symbols[at].id = merged[at];
            symbols[at].bytes += symbols[at + 1].bytes;
            --count;
            for (std::size_t i = at + 1; i < count; ++i) {
                symbols[i] = symbols[i + 1];
                rank[i] = rank[i + 1];
                merged[i] = merged[i + 1];
            }
            if (at + 1 < count) look(at);
            if (at > 0) look(at - 1);
        }
        symbols.resize(count);
    }

    void merge_by_heap(BpeScratch& s) const {
        auto& symbols = s.symbols;
        auto& heap = s.heap;
        heap.clear();
        s.passed_over.clear();
        constexpr std::uint64_t none = std::uint64_t{no_rank} << 32;
        // The heap's value for two symbols, or none where they do not merge.
        const auto candidate = [&](std::size_t left, std::size_t right) {
            const auto pair = pairs_.find(symbols[left].id, symbols[right].id);
            if (pair.rank == no_rank) return none;
            if (const auto place = unused_place(pair.merged); place < options_.unused.size())
                s.cuts[place] = {s.words, symbols[left].id, symbols[right].id};
            return std::uint64_t{pair.rank} << 32 | left;
        };
        for (std::size_t i = 0; i < symbols.size(); ++i) {
            symbols[i].previous = static_cast<std::int32_t>(i) - 1;
            symbols[i].next = i + 1 < symbols.size() ? static_cast<std::int32_t>(i) + 1 : -1;
            if (i == 0) continue;
            if (const auto value = candidate(i - 1, i); value != none) heap.append(value);
        }
        heap.build();
        while (!heap.empty()) {
            const std::uint64_t top = heap.pop();
            if (passes_over(s)) {
                s.passed_over.push_back(top);
                continue;
            }
            for (const auto value : std::exchange(s.passed_over, {})) heap.push(value);
            const std::size_t position = top & 0xffffffff;
            auto& left = symbols[position];
            if (left.bytes == 0 || left.next < 0) continue;
            auto& right = symbols[static_cast<std::size_t>(left.next)];
            const auto pair = pairs_.find(left.id, right.id);
            if (pair.rank != top >> 32) continue;  // a neighbour has changed since
            left.id = pair.merged;
            left.bytes += right.bytes;
            left.next = right.next;
            right.bytes = 0;
            const auto meet = [&](std::size_t a, std::size_t b) {
                if (const auto value = candidate(a, b); value != none) heap.push(value);
            };
            if (left.previous >= 0) meet(static_cast<std::size_t>(left.previous), position);
            if (left.next < 0) continue;
            symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(position);
            meet(position, static_cast<std::size_t>(left.next));
        }
    }

    BpeOptions options_;
    detail::text::PairTable pairs_;
    TokenId byte_symbols_[256] = {}, fallback_[256] = {};
    TokenId unknown_ = no_token;
    // For unknown_last: symbols of ASCII characters, user-defined tokens, and letters that are part of tokens only, with ids behind the vocabulary's.
    std::array<TokenId, 0x80> ascii_{};
    Trie defined_;
    bool defined_starts_[256] = {};
    Vocabulary letters_;
    TokenId first_letter_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
