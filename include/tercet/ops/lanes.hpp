// Lanes: the one-dimensional runs of a tensor along one of its dimensions, walked in several tensors at once.
//
// Scans, sorting and gathering work on a lane at a time: within it in order, different lanes in parallel.
#pragma once

#include "tercet/core/strided.hpp"

namespace tercet::inline TERCET_ABI::detail {

/// Calls body(offsets) for each lane along `dim` of `shape`: its first element stands at offsets[k] in tensor k. The caller steps through a
/// lane by the strides of dim itself, so extents along dim may differ from tensor to tensor; `length` is how long one lane takes.
template <std::size_t K, class F>
void for_each_lane(const Shape& shape, const std::array<Shape, K>& strides, index_t dim, index_t length, const F& body) {
    Shape across = shape;
    if (across.rank() > 0) across[dim] = 1;
    const index_t lanes = element_count(across);
    parallel_ranges(lanes, std::max<index_t>(1, elementwise_grain / std::max<index_t>(length, 1)), [&](index_t begin, index_t end) {
        for (index_t lane = begin; lane < end; ++lane) {
            std::array<index_t, K> offsets{};
            for (index_t d = across.rank(), rest = lane; d-- > 0; rest /= across[d])
                for (std::size_t k = 0; k < K; ++k) offsets[k] += rest % across[d] * strides[k][d];
            body(offsets);
        }
    });
}

}  // namespace tercet::inline TERCET_ABI::detail
