// Relative positions as a bias on attention's scores (Raffel et al. 2020, section 2.1): a learnt number for each head and each bucket of distances.
//
//   score(i, j) += table[bucket(j − i), head]
//
// Half of the buckets hold one distance each; the others widen with its logarithm up to max_distance, and the last holds all beyond. An encoder's
// buckets are halved again, for keys behind and ahead; a decoder's are all behind.
#pragma once

#include "tercet/nn/linear.hpp"
#include "tercet/ops/shape.hpp"

namespace tercet::inline TERCET_ABI {

struct RelativeBuckets {
    index_t count = 32, max_distance = 128;
    bool two_sided = true;

    /// The bucket of a key at that distance, position of key − position of query. In float, as the reference computes its borders.
    std::int32_t of(index_t distance) const {
        const index_t each = two_sided ? count / 2 : count, exact = each / 2, before = two_sided && distance > 0 ? each : 0;
        const index_t away = two_sided ? std::abs(distance) : std::max<index_t>(-distance, 0);
        if (away < exact) return static_cast<std::int32_t>(before + away);
        const auto widest = static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
        const float further = std::log(static_cast<float>(away) / static_cast<float>(exact)) / widest * static_cast<float>(each - exact);
        return static_cast<std::int32_t>(before + std::min(exact + static_cast<index_t>(further), each - 1));
    }
};

/// The table (buckets, H) as a bias (H, Tq, Tk), for queries at positions first, first + 1, … and keys at 0, 1, ….
inline Tensor<float> relative_bias(const Embedding& table, const RelativeBuckets& buckets, index_t first, index_t queries, index_t keys) {
    auto ids = Tensor<std::int32_t>::empty({queries, keys});
    std::int32_t* id = ids.mutable_data();
    for (index_t i = 0; i < queries; ++i)
        for (index_t j = 0; j < keys; ++j) *id++ = buckets.of(j - first - i);
    return contiguous(permute(table(ids), {2, 0, 1}));
}

}  // namespace tercet::inline TERCET_ABI
