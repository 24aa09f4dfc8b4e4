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
    const auto id = ids.contiguous();
    const index_t V = w.size(0), C = w.size(1), n = id.numel();
    detail::check_indices(id, V, "embedding");
    Shape shape = ids.shape();
    shape.push_back(C);
    auto y = Tensor<T>::empty(shape);
    T* out = y.mutable_data();
    Device::for_rows(n, C, [&](index_t i) { std::copy_n(w.data() + static_cast<index_t>(id.data()[i]) * C, C, out + i * C); });
    return record(
        y,
        [saved_ids = save(id), padding, C](const Tensor<T>& dy, Gradient<T>& dtable) {
            T* to = dtable.data();  // pieces of the channels in parallel, each in the order of the ids: a row may be met more than once
            detail::for_each_picked(*saved_ids, 1, C, [&](index_t, index_t i, index_t row, index_t begin, index_t end) {
                if (row != padding) cpu::kernels<T>().add_scaled(to + row * C + begin, dy.data() + i * C + begin, T(1), end - begin);
            });
        },
        table);
}

}  // namespace tercet::inline TERCET_ABI
