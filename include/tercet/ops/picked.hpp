// Runs of a tensor named by indices: the check of these, and the walk over them that embedding and index_select share.
#pragma once

#include "tercet/core/strided.hpp"
#include "tercet/tensor/tensor.hpp"

namespace tercet::inline TERCET_ABI::detail {

template <Element I>
requires std::is_integral_v<I>
void check_indices(const Tensor<I>& contiguous, index_t extent, std::string_view what) {
    const I* id = contiguous.data();
    for (index_t i = 0; i < contiguous.numel(); ++i)
        require(id[i] >= 0 && static_cast<index_t>(id[i]) < extent, ErrorCode::index_out_of_range, what, ": index ", static_cast<std::int64_t>(id[i]),
                " at position ", i, " is outside [0, ", extent, ")");
}

// Copies or adds runs of `inner` elements: body(outer, i, id, inner begin, inner end) for each index i in order; parallel elsewhere.
template <Element I, class F>
void for_each_picked(const Tensor<I>& ids, index_t outer, index_t inner, const F& body) {
    if (ids.numel() == 0 || inner == 0) return;
    const index_t width = std::max<index_t>(64, std::min<index_t>(inner, elementwise_grain / ids.numel())), pieces = (inner + width - 1) / width;
    parallel_ranges(outer * pieces, std::max<index_t>(1, elementwise_grain / (width * ids.numel())), [&](index_t begin, index_t end) {
        for (index_t task = begin; task < end; ++task) {
            const index_t from = task % pieces * width, to = std::min(inner, from + width);
            for (index_t i = 0; i < ids.numel(); ++i) body(task / pieces, i, static_cast<index_t>(ids.data()[i]), from, to);
        }
    });
}

}  // namespace tercet::inline TERCET_ABI::detail
