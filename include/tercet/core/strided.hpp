// Walking several tensors in step: K sets of strides over one shape, cut into rows along the innermost dimension.
//
// Dimensions that lie one after the other in every tensor are merged first, so contiguous operands become one long row.
#pragma once

#include "tercet/core/parallel.hpp"
#include "tercet/core/shape.hpp"

#include <array>

namespace tercet::inline TERCET_ABI {

/// Elements that one task of an elementwise loop handles: enough to be worth a thread, few enough to share out.
inline constexpr index_t elementwise_grain = 1 << 15;

namespace detail {

// Removes extents of 1 and merges neighbours that all K tensors walk without a gap. At least one dimension is left.
template <std::size_t K>
void merge_dimensions(Shape& shape, std::array<Shape, K>& strides) {
    Shape merged;
    std::array<Shape, K> merged_strides;
    for (index_t d = 0; d < shape.rank(); ++d) {
        if (shape[d] == 1) continue;
        const index_t last = merged.rank() - 1;
        bool joins = last >= 0;
        for (std::size_t k = 0; joins && k < K; ++k) joins = merged_strides[k][last] == strides[k][d] * shape[d];
        if (joins) {
            merged[last] *= shape[d];
            for (std::size_t k = 0; k < K; ++k) merged_strides[k][last] = strides[k][d];
        } else {
            merged.push_back(shape[d]);
            for (std::size_t k = 0; k < K; ++k) merged_strides[k].push_back(strides[k][d]);
        }
    }
    if (merged.empty()) {
        merged.push_back(1);
        for (auto& s : merged_strides) s.push_back(1);
    }
    shape = merged;
    strides = merged_strides;
}

}  // namespace detail

/// Calls body(offsets, n, steps) for pieces of rows that together cover the shape once, in parallel: element i of a piece stands at
/// offsets[k] + i · steps[k] of tensor k. Tensor 0 must not visit an element twice when the body writes to it.
template <std::size_t K, class F>
void for_each_row(Shape shape, std::array<Shape, K> strides, const F& body) {
    if (element_count(shape) == 0) return;
    detail::merge_dimensions(shape, strides);
    const index_t inner = shape.rank() - 1, n = shape[inner];
    index_t rows = 1;
    for (index_t d = 0; d < inner; ++d) rows *= shape[d];
    const index_t pieces = (n + elementwise_grain - 1) / elementwise_grain;  // of one row
    const index_t together = std::max<index_t>(1, elementwise_grain / n);    // rows in one task
    parallel_ranges(rows * pieces, pieces > 1 ? 1 : together, [&](index_t begin, index_t end) {
        for (index_t task = begin; task < end; ++task) {
            const index_t start = task % pieces * elementwise_grain;
            std::array<index_t, K> offsets{}, steps{};
            for (std::size_t k = 0; k < K; ++k) {
                steps[k] = strides[k][inner];
                offsets[k] = start * steps[k];
            }
            for (index_t d = inner, rest = task / pieces; d-- > 0; rest /= shape[d])
                for (std::size_t k = 0; k < K; ++k) offsets[k] += rest % shape[d] * strides[k][d];
            body(offsets, std::min(n - start, elementwise_grain), steps);
        }
    });
}

}  // namespace tercet::inline TERCET_ABI
