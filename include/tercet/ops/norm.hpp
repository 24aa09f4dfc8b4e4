// Normalisation over the last dimension, forward and backward as the kernels in backend/cpu/isa/rows.inc have them.
//
// Layer norm (Ba et al. 2016, eq. 3):          x̂ = (x − mean) · r,  r = 1 / √(var + eps),        y = x̂ · w + b
// RMS norm (Zhang & Sennrich 2019, eq. 4):     x̂ = x · r,           r = 1 / √(mean(x²) + eps),   y = x̂ · w
//
// Backward, with g = dy · w:   dx = r · (g − mean(g) − x̂ · mean(g · x̂)),   dw = Σ_rows dy · x̂,   db = Σ_rows dy;  RMS norm without mean(g).
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// x (..., C), weight (C), bias (C) -> (..., C). Throws shape_mismatch unless weight and bias have one entry for each channel.
template <Real T>
Tensor<T> layer_norm(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, std::type_identity_t<T> eps = T(1e-5)) {
    require(x.rank() >= 1 && weight.shape() == Shape{x.size(-1)} && bias.shape() == weight.shape(), ErrorCode::shape_mismatch, "layer_norm: weight ",
            weight.shape(), " and bias ", bias.shape(), " do not fit x ", x.shape());
    const auto xc = x.detach().contiguous(), w = weight.detach().contiguous(), b = bias.detach().contiguous();
    const Rows rows = rows_of(x.shape());
    auto y = Tensor<T>::empty(x.shape()), mean = Tensor<T>::empty({rows.count}), rstd = Tensor<T>::empty({rows.count});
    Device::layer_norm(y.mutable_device_data(), mean.mutable_device_data(), rstd.mutable_device_data(), xc.device_data(), w.device_data(),
                       b.device_data(), eps, rows.count, rows.length);
    return record(
        y,
        [xs = save(xc), ws = save(w), mean, rstd, rows](const Tensor<T>& dy, Gradient<T>& dx, Gradient<T>& dw, Gradient<T>& db) {
            Device::layer_norm_backward(dx.device_data(), dw.device_data(), db.device_data(), dy.device_data(), xs->device_data(), ws->device_data(),
                                        mean.device_data(), rstd.device_data(), rows.count, rows.length);
        },
        x, weight, bias);
}

/// x (..., C), weight (C) -> (..., C). Throws shape_mismatch unless weight has one entry for each of x's C channels.
template <Real T>
Tensor<T> rms_norm(const Tensor<T>& x, const Tensor<T>& weight, std::type_identity_t<T> eps = T(1e-6)) {
    require(x.rank() >= 1 && weight.shape() == Shape{x.size(-1)}, ErrorCode::shape_mismatch, "rms_norm: weight ", weight.shape(), " does not fit x ",
            x.shape());
    const auto xc = x.detach().contiguous(), w = weight.detach().contiguous();
    const Rows rows = rows_of(x.shape());
    auto y = Tensor<T>::empty(x.shape()), rstd = Tensor<T>::empty({rows.count});
    Device::rms_norm(y.mutable_device_data(), rstd.mutable_device_data(), xc.device_data(), w.device_data(), eps, rows.count, rows.length);
    return record(
        y,
        [xs = save(xc), ws = save(w), rstd, rows](const Tensor<T>& dy, Gradient<T>& dx, Gradient<T>& dw) {
            Device::rms_norm_backward(dx.device_data(), dw.device_data(), dy.device_data(), xs->device_data(), ws->device_data(), rstd.device_data(),
                                      rows.count, rows.length);
        },
        x, weight);
}

}  // namespace tercet::inline TERCET_ABI
