// Running sums and products along one dimension.
//
//   cumsum:   y_k = Σ_{i≤k} x_i        dx_k = Σ_{i≥k} dy_i
//   cumprod:  y_k = Π_{i≤k} x_i        dx_k = p_k · s_k,   p_k = Π_{i<k} x_i,   s_k = dy_k + x_{k+1} · s_{k+1}
//
// The second form divides by nothing, so zeros among the factors are harmless.
#pragma once

#include "tercet/ops/lanes.hpp"
#include "tercet/ops/reduce.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

template <Element T, class Op>
Tensor<SumType<T>> scan(const Tensor<T>& x, index_t dim, Total<T> start, const Op& op, std::string_view what) {
    dim = wrap_dim(dim, x.rank(), what);
    auto y = Tensor<SumType<T>>::empty(x.shape());
    auto* out = y.mutable_data();
    const T* values = x.data();
    const index_t n = x.size(dim), to = y.strides()[dim], from = x.strides()[dim];
    for_each_lane<2>(x.shape(), {y.strides(), x.strides()}, dim, n, [&](const auto& at) {
        Total<T> running = start;
        for (index_t i = 0; i < n; ++i) {
            op(running, values[at[1] + i * from], i, 0);
            out[at[0] + i * to] = Device::template convert<SumType<T>>(running);
        }
    });
    return y;
}

}  // namespace detail

/// Running sums along dim. Integers and bool give int64.
template <Element T>
Tensor<SumType<T>> cumsum(const Tensor<T>& x, index_t dim) {
    auto y = detail::scan(x.detach(), dim, detail::Total<T>{}, detail::AddUp{}, "cumsum");
    return detail::record_if_real(
        std::move(y),
        [dim](const auto& dy, auto& dx) {
            const Range backwards{{}, {}, -1};
            dx.add(detail::scan(dy.slice(dim, backwards), dim, 0.0, detail::AddUp{}, "cumsum").slice(dim, backwards));
        },
        x);
}

/// Running products along dim. Integers and bool give int64.
template <Element T>
Tensor<SumType<T>> cumprod(const Tensor<T>& x, index_t dim) {
    auto y = detail::scan(x.detach(), dim, detail::Total<T>{1}, detail::MultiplyUp{}, "cumprod");
    return detail::record_if_real(
        std::move(y),
        [axis = wrap_dim(dim, x.rank(), "cumprod"), xs = save(x)](const auto& dy, auto& dx) {
            using R = typename std::decay_t<decltype(dy)>::value_type;
            auto* to = dx.data();
            const Shape steps = contiguous_strides(dx.shape());
            const index_t n = dx.shape()[axis], step = steps[axis], from = xs->strides()[axis];
            detail::for_each_lane<2>(dx.shape(), {steps, xs->strides()}, axis, n, [&](const auto& at) {
                const Scratch<double> before(n);
                const auto factor = [&](index_t i) { return static_cast<double>(xs->data()[at[1] + i * from]); };
                double product = 1, after = 0;
                for (index_t i = 0; i < n; product *= factor(i++)) before[i] = product;
                for (index_t i = n; i-- > 0;) {
                    after = static_cast<double>(dy.data()[at[0] + i * step]) + (i + 1 < n ? factor(i + 1) * after : 0);
                    to[at[0] + i * step] += static_cast<R>(before[i] * after);
                }
            });
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
