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
    const Rows rows = rows_of(x.shape());
    auto y = Tensor<T>::empty(x.shape());
    Device::softmax(y.mutable_device_data(), xc.device_data(), rows.count, rows.length);
    if (!records(x)) return y;
    return record(
        y,
        [ys = save(y), rows](const Tensor<T>& dy, Gradient<T>& dx) {
            Device::softmax_backward(dx.device_data(), dy.device_data(), ys->device_data(), rows.count, rows.length);
        },
        x);
}

/// x (..., n) -> (..., n), the logarithm of softmax, exact where softmax underflows.
template <Real T>
Tensor<T> log_softmax(const Tensor<T>& x) {
    const auto xc = x.detach().contiguous();
    require(x.rank() >= 1, ErrorCode::shape_mismatch, "log_softmax: a scalar has no row to normalise");
    const Rows rows = rows_of(x.shape());
    auto y = Tensor<T>::empty(x.shape());
    Device::log_softmax(y.mutable_device_data(), xc.device_data(), rows.count, rows.length);
    if (!records(x)) return y;
    return record(
        y,
        [ys = save(y), rows](const Tensor<T>& dy, Gradient<T>& dx) {
            Device::log_softmax_backward(dx.device_data(), dy.device_data(), ys->device_data(), rows.count, rows.length);
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
