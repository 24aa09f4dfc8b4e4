// Sorting along one dimension, and the k largest or smallest.
//
// Equal elements keep their order, in both directions; NaN counts as larger than everything. A sort only moves elements, so its gradient
// moves back: dx[indices_i] += dy_i.
#pragma once

#include "tercet/ops/lanes.hpp"
#include "tercet/ops/reduce.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// The first k of each lane in order. Only the front of the order is made when k is small.
template <Element T>
ValuesAndIndices<T> sorted(const Tensor<T>& x, index_t k, index_t dim, bool descending) {
    const index_t n = x.size(dim);
    Shape shape = x.shape();
    shape[dim] = k;
    auto values = Tensor<T>::empty(shape);
    auto indices = Tensor<std::int64_t>::empty(shape);
    T* best = values.mutable_data();
    std::int64_t* where = indices.mutable_data();
    const T* data = x.data();
    const index_t from = x.strides()[dim], to = values.strides()[dim];
    for_each_lane<2>(shape, {values.strides(), x.strides()}, dim, n, [&](const auto& at) {
        const Scratch<Champion<T>> lane(n);
        for (index_t i = 0; i < n; ++i) lane[i] = {data[at[1] + i * from], i};
        const auto before = [descending](const Champion<T>& a, const Champion<T>& b) {
            const auto less = [](T p, T q) { return is_nan(q) ? !is_nan(p) : p < q; };
            if (less(a.value, b.value)) return !descending;
            if (less(b.value, a.value)) return descending;
            return a.index < b.index;  // makes any sort a stable one
        };
        if (k < n) std::partial_sort(lane.data(), lane.data() + k, lane.data() + n, before);
        else std::sort(lane.data(), lane.data() + n, before);
        for (index_t i = 0; i < k; ++i) {
            best[at[0] + i * to] = lane[i].value;
            where[at[0] + i * to] = lane[i].index;
        }
    });
    values = record_if_real(
        std::move(values),
        [dim, is = save(indices)](const auto& dy, auto& dx) {
            auto* sums = dx.data();
            const Shape steps = contiguous_strides(dx.shape()), given = dy.strides();
            for_each_lane<2>(dy.shape(), {steps, given}, dim, dy.size(dim), [&](const auto& at) {
                for (index_t i = 0; i < dy.size(dim); ++i) {
                    const index_t source = at[1] + i * given[dim];
                    sums[at[0] + static_cast<index_t>(is->data()[source]) * steps[dim]] += dy.data()[source];
                }
            });
        },
        x);
    return {values, indices};
}

}  // namespace detail

/// The elements along dim in order, and the index each had. Stable; NaN last (first when descending).
template <Element T>
ValuesAndIndices<T> sort(const Tensor<T>& x, index_t dim = -1, bool descending = false) {
    dim = wrap_dim(dim, x.rank(), "sort");
    return detail::sorted(x, x.size(dim), dim, descending);
}

/// The indices that would sort dim. Stable; NaN last (first when descending).
template <Element T>
Tensor<std::int64_t> argsort(const Tensor<T>& x, index_t dim = -1, bool descending = false) {
    return sort(x.detach(), dim, descending).indices;
}

/// The k largest (or smallest) elements along dim, best first, and their indices; the first of equals comes first. Throws index_out_of_range
/// unless 0 ≤ k ≤ the extent.
template <Element T>
ValuesAndIndices<T> topk(const Tensor<T>& x, index_t k, index_t dim = -1, bool largest = true) {
    dim = wrap_dim(dim, x.rank(), "topk");
    require(k >= 0 && k <= x.size(dim), ErrorCode::index_out_of_range, "topk: ", k, " of ", x.size(dim), " elements along dimension ", dim, " of ",
            x.shape());
    return detail::sorted(x, k, dim, largest);
}

}  // namespace tercet::inline TERCET_ABI
