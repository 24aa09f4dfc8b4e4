// Softmax and log-softmax over the last dimension.
//
//   softmax:      y_i = e^{x_i} / Σ e^{x_j}            dx = y · (dy − Σ dy · y)
//   log-softmax:  y_i = x_i − log Σ e^{x_j}            dx = dy − e^y · Σ dy
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// x (..., n) -> (..., n), each row summing to one. A row of −∞ gives zeros.
template <Real T>
Tensor<T> softmax(const Tensor<T>& x) {
    const auto xc = x.detach().contiguous();
    require(x.rank() >= 1, ErrorCode::shape_mismatch, "softmax: a scalar has no row to normalise");
    const index_t n = x.size(-1), rows = n == 0 ? 0 : x.numel() / n;
    auto y = Tensor<T>::empty(x.shape());
    Device::softmax(y.mutable_data(), xc.data(), rows, n);
    if (!records(x)) return y;
    return record(
        y, [ys = save(y), rows, n](const Tensor<T>& dy, Gradient<T>& dx) { Device::softmax_backward(dx.data(), dy.data(), ys->data(), rows, n); }, x);
}

/// x (..., n) -> (..., n), the logarithm of softmax, exact where softmax underflows.
template <Real T>
Tensor<T> log_softmax(const Tensor<T>& x) {
    const auto xc = x.detach().contiguous();
    require(x.rank() >= 1, ErrorCode::shape_mismatch, "log_softmax: a scalar has no row to normalise");
    const index_t n = x.size(-1), rows = n == 0 ? 0 : x.numel() / n;
    auto y = Tensor<T>::empty(x.shape());
    T* out = y.mutable_data();
    Device::for_rows(rows, n, [&](index_t r) {
        const T* row = xc.data() + r * n;
        T top = 0;
        const T log_total = std::log(cpu::kernels<T>().exp_sum(&top, row, n));
        for (index_t i = 0; i < n; ++i) out[r * n + i] = (row[i] - top) - log_total;  // exact also far from zero
    });
    if (!records(x)) return y;
    return record(
        y,
        [ys = save(y), rows, n](const Tensor<T>& dy, Gradient<T>& dx) {
            T* to = dx.data();
            Device::for_rows(rows, n, [&](index_t r) {
                const T total = cpu::kernels<T>().sum(dy.data() + r * n, n);
                cpu::kernels<T>().add_scaled(to + r * n, dy.data() + r * n, T(1), n);
                cpu::kernels<T>().add_exp_minus(to + r * n, ys->data() + r * n, T(0), -total, n);
            });
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
