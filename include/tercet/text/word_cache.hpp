// Words that were cut before, and their tokens. Natural text repeats its words, so most are looked up here and not merged or searched anew.
//
// A word of up to 24 bytes is held as three integers, so two words are compared without a loop, and a word with its tokens fills one cache line.
// Each has one place, by its hash; the newest stays.
#pragma once

#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

namespace tercet::inline TERCET_ABI::detail::text {

class WordCache {
public:
    static constexpr std::size_t max_bytes = 24, max_tokens = 6;

    /// A word as integers; two words are equal if and only if these are.
    struct Key {
        std::uint64_t a = 0, b = 0, c = 0;
        std::uint8_t size = 0;

        std::uint64_t hash() const {
            const std::uint64_t mixed = (a ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u ^ (b + size) * 0xa0761d6478bd642fu ^ c * 0xe7037ed1a0b428dbu;
            return mixed ^ mixed >> 32;
        }
    };

    struct alignas(64) Entry {
        std::uint64_t a = 0, b = 0, c = 0;
        std::uint8_t size = 0, count = 0;            // of bytes, of tokens
        std::array<std::uint8_t, max_tokens> end{};  // where each token ends in the word
        std::array<TokenId, max_tokens> ids{};
        float score = 0, margin = 0;  // of the unigram model

        bool is(const Key& key) const { return a == key.a && b == key.b && c == key.c && size == key.size; }
    };

    /// The key of a word of 1 to max_bytes bytes.
    static Key key_of(std::string_view word) {
        Key key;
        const char* p = word.data();
        const std::size_t n = word.size();
        key.size = static_cast<std::uint8_t>(n);
        const auto read = [](const char* at, auto value) -> std::uint64_t {
            std::memcpy(&value, at, sizeof value);
            return value;
        };
        if (n > 8) {
            key.a = read(p, std::uint64_t{});
            key.b = read(p + (n > 16 ? 8 : n - 8), std::uint64_t{});
            if (n > 16) key.c = read(p + n - 8, std::uint64_t{});
        } else if (n >= 4) {
            key.a = read(p, std::uint32_t{}) << 32 | read(p + n - 4, std::uint32_t{});
        } else {
            key.a = std::uint64_t{static_cast<unsigned char>(p[0])} << 16 | std::uint64_t{static_cast<unsigned char>(p[n / 2])} << 8 |
                    static_cast<unsigned char>(p[n - 1]);
        }
        return key;
    }

    /// Makes room for a text of so many words; false when they are too few to be worth it.
    bool prepare(std::size_t words) {
        const std::size_t wanted = std::bit_ceil(std::min(words, most));
        if (wanted > entries_.size() && words >= 32) entries_.assign(wanted, {});
        return !entries_.empty();
    }

    /// The place of a word; it may hold another one.
    Entry& place(const Key& key) { return entries_[key.hash() & (entries_.size() - 1)]; }

    /// Remembers the tokens of a word, which began at `begin` of the text that they are from, if they are few enough.
    static void put(Entry& entry, const Key& key, std::uint32_t begin, std::span<const Token> tokens) {
        if (tokens.size() > max_tokens) return;
        entry.a = key.a;
        entry.b = key.b;
        entry.c = key.c;
        entry.size = key.size;
        entry.count = static_cast<std::uint8_t>(tokens.size());
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            entry.ids[i] = tokens[i].id;
            entry.end[i] = static_cast<std::uint8_t>(tokens[i].end - begin);
        }
    }

private:
    static_assert(sizeof(Entry) == 64);
    static constexpr std::size_t most = 1 << 14;
    std::vector<Entry> entries_;
};

}  // namespace tercet::inline TERCET_ABI::detail::text
