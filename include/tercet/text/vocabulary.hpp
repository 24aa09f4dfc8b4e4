// A vocabulary: token strings and their ids, both ways.
//
// Strings lie one after the other in one buffer; ids are found by open addressing on a 64-bit FNV-1a hash. FNV is computed byte by
// byte, so a caller that tries ever longer prefixes of a word (WordPiece) hashes each byte once.
#pragma once

#include "tercet/core/error.hpp"

#include <bit>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// The number of a token in its vocabulary.
using TokenId = std::int32_t;

/// FNV-1a, 64 bits, one byte at a time (Fowler, Noll and Vo).
struct TextHash {
    std::uint64_t state = 0xcbf29ce484222325u;

    constexpr void add(char c) { state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3u; }
    constexpr void add(std::string_view text) {
        for (const char c : text) add(c);
    }
    /// The hash with its upper bits folded into the lower ones, which pick the slot.
    constexpr std::uint64_t value() const { return state ^ state >> 29 ^ state >> 47; }
};

/// An id that no token has.
inline constexpr TokenId no_token = -1;

/// Ids of the tokens that have a role; no_token where a tokenizer has none.
struct SpecialIds {
    TokenId bos = no_token, eos = no_token, unk = no_token, pad = no_token, cls = no_token, sep = no_token, mask = no_token;
};

/// How words become tokens of a vocabulary.
enum class TokenModel : std::uint8_t { bpe, wordpiece, unigram, word_level };

class Vocabulary {
public:
    Vocabulary() = default;

    /// Takes (token, id) pairs in any order; of equal strings the last one's id is found. Throws bad_tokenizer, with `source` in front,
    /// for a negative id, two tokens of one id, or ids far above the number of tokens.
    Vocabulary(const std::vector<std::pair<std::string, TokenId>>& tokens, std::string_view source) {
        std::size_t bytes = 0;
        TokenId top = -1;
        for (const auto& [text, id] : tokens) {
            require(id >= 0, ErrorCode::bad_tokenizer, source, ": token '", text, "' has the id ", id);
            require(static_cast<std::size_t>(id) <= tokens.size() * 16 + 65536, ErrorCode::bad_tokenizer, source, ": token '", text, "' has the id ",
                    id, " in a vocabulary of ", tokens.size(), " tokens");
            bytes += text.size();
            top = std::max(top, id);
        }
        entries_.resize(static_cast<std::size_t>(top + 1));
        buffer_.reserve(bytes);
        slots_.assign(std::bit_ceil(tokens.size() * 2 + 2), Slot{});
        for (const auto& [text, id] : tokens) {
            auto& entry = entries_[static_cast<std::size_t>(id)];
            require(!entry.used || token(id) == text, ErrorCode::bad_tokenizer, source, ": tokens '", entry.used ? token(id) : "", "' and '", text,
                    "' both have the id ", id);
            entry = {buffer_.size(), text.size(), true};
            buffer_.append(text);
            insert(text, id);
        }
        count_ = tokens.size();
    }

    /// One more than the largest id.
    TokenId size() const { return static_cast<TokenId>(entries_.size()); }
    /// How many tokens there are; fewer than size() where ids have gaps.
    std::size_t count() const { return count_; }
    bool has(TokenId id) const { return id >= 0 && id < size() && entries_[static_cast<std::size_t>(id)].used; }

    /// The token of an id that has() one.
    std::string_view token(TokenId id) const {
        const auto& entry = entries_[static_cast<std::size_t>(id)];
        return std::string_view(buffer_).substr(entry.begin, entry.size);
    }

    /// The id of a token, or no_token.
    TokenId find(std::string_view text) const {
        TextHash hash;
        hash.add(text);
        return find(hash, {}, text);
    }

    /// The id of prefix + text, whose hash the caller has.
    TokenId find(TextHash hash, std::string_view prefix, std::string_view text) const {
        if (slots_.empty()) return no_token;
        const std::size_t mask = slots_.size() - 1;
        const auto short_hash = static_cast<std::uint32_t>(hash.state >> 32);
        for (std::size_t i = hash.value() & mask; slots_[i].id != no_token; i = (i + 1) & mask) {
            if (slots_[i].hash != short_hash) continue;
            const auto candidate = token(slots_[i].id);
            if (candidate.size() == prefix.size() + text.size() && candidate.starts_with(prefix) && candidate.substr(prefix.size()) == text)
                return slots_[i].id;
        }
        return no_token;
    }

private:
    struct Entry {
        std::size_t begin = 0, size = 0;
        bool used = false;
    };

    struct Slot {
        std::uint32_t hash = 0;  // the upper half, which did not pick the slot
        TokenId id = no_token;
    };

    void insert(std::string_view text, TokenId id) {
        TextHash hash;
        hash.add(text);
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = hash.value() & mask;
        const auto short_hash = static_cast<std::uint32_t>(hash.state >> 32);
        while (slots_[i].id != no_token && (slots_[i].hash != short_hash || token(slots_[i].id) != text)) i = (i + 1) & mask;
        slots_[i] = {short_hash, id};
    }

    std::string buffer_;
    std::vector<Entry> entries_;
    std::vector<Slot> slots_;
    std::size_t count_ = 0;
};

/// A token as a model puts it out: its id and the bytes [begin, end) of the pre-tokenized text that it covers.
struct Token {
    TokenId id;
    std::uint32_t begin, end;
};

}  // namespace tercet::inline TERCET_ABI
