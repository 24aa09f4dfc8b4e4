// Embedding: rows of a table, picked by ids.
//
//   y_t = table[id_t]          dtable[id] = Σ over t with id_t = id of dy_t
#pragma once

#include "tercet/autograd/tape.hpp"
#include "tercet/ops/picked.hpp"

namespace tercet::inline TERCET_ABI {

/// table (V, C), ids (...) -> (..., C). Throws index_out_of_range for an id outside [0, V). The row `padding`, if not negative, gets no
/// gradient (as padding_idx in PyTorch).
template <Real T, Element I>
requires std::is_integral_v<I> Tensor<T> embedding(const Tensor<T>& table, const Tensor<I>& ids, index_t padding = -1) {
    require(table.rank() == 2, ErrorCode::shape_mismatch, "embedding: the table must be (rows, channels), not ", table.shape());
    const auto w = table.detach().contiguous();
    const auto id = detail::indices_for_device(ids.contiguous());
    const index_t V = w.size(0), C = w.size(1), n = id.numel();
    detail::check_indices(id, V, "embedding");
    Shape shape = ids.shape();
    shape.push_back(C);
    auto y = Tensor<T>::empty(shape);
    Device::gather_rows(y.mutable_device_data(), w.device_data(), id.device_data(), 1, V, n, C);
    return record(
        y,
        [saved_ids = save(id), padding, V, n, C](const Tensor<T>& dy, Gradient<T>& dtable) {
            Device::add_rows(dtable.device_data(), dy.device_data(), saved_ids->device_data(), 1, V, n, C, padding);
        },
        table);
}

}  // namespace tercet::inline TERCET_ABI
