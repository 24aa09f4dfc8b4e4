// The check of indices that name runs of a tensor, for embedding and index_select.
#pragma once

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

// Indices where the backend reads them, in one of the types that it takes.
template <Element I>
auto indices_for_device(const Tensor<I>& contiguous) {
    if constexpr (std::is_same_v<I, std::int32_t> || std::is_same_v<I, std::int64_t>) return contiguous;
    else return contiguous.template to<std::int64_t>();
}

}  // namespace tercet::inline TERCET_ABI::detail
