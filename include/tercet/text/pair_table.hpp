// The pairs of symbols that merge (byte pair encoding), by open addressing on both ids.
#pragma once

#include "tercet/text/vocabulary.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI::detail::text {

class PairTable {
public:
    static constexpr std::uint32_t no_rank = 0xffffffff;

    /// Two symbols, when they merge, and into what. rank is no_rank for a pair that does not.
    struct Pair {
        std::uint64_t key = ~std::uint64_t{0};
        std::uint32_t rank = no_rank;
        TokenId merged = no_token;
    };

    PairTable() = default;
    /// With room for `count` pairs.
    explicit PairTable(std::size_t count) : pairs_(std::bit_ceil(count * 2 + 2)) {}

    static std::uint64_t key_of(TokenId a, TokenId b) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) << 32 | static_cast<std::uint32_t>(b);
    }

    /// A pair inserted twice has its last rank.
    void insert(const Pair& pair) {
        std::size_t i = slot_of(pair.key);
        while (pairs_[i].rank != no_rank && pairs_[i].key != pair.key) i = (i + 1) & (pairs_.size() - 1);
        pairs_[i] = pair;
    }

    Pair find(TokenId a, TokenId b) const {
        if (pairs_.empty()) return {};
        const auto key = key_of(a, b);
        for (std::size_t i = slot_of(key);; i = (i + 1) & (pairs_.size() - 1)) {
            if (pairs_[i].key == key || pairs_[i].rank == no_rank) return pairs_[i];
        }
    }

    /// All of them, the lowest rank first.
    std::vector<Pair> by_rank() const {
        std::vector<Pair> found;
        for (const auto& pair : pairs_)
            if (pair.rank != no_rank) found.push_back(pair);
        std::sort(found.begin(), found.end(), [](const Pair& a, const Pair& b) { return a.rank != b.rank ? a.rank < b.rank : a.key < b.key; });
        return found;
    }

private:
    std::size_t slot_of(std::uint64_t key) const { return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15u >> 32) & (pairs_.size() - 1); }

    std::vector<Pair> pairs_;
};

}  // namespace tercet::inline TERCET_ABI::detail::text
