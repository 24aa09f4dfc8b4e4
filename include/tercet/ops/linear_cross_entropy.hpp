// The loss of a language model's last layer without its logits: cross_entropy(linear(x, W), t) for a few rows at a time.
//
//   for each chunk of rows:   logits = x Wᵀ          G = dloss/dlogits, in the logits' place          dx = G W          dW += Gᵀ x
//
// A chunk's logits are gone before the next is made, so memory is O(chunk · V) instead of O(N · V) twice; the gradients are worked out along with
// the loss, and backward only scales them (Hsu et al. 2024, "Liger Kernel", section 3.2).
#pragma once

#include "tercet/ops/cross_entropy.hpp"
#include "tercet/ops/matmul.hpp"

namespace tercet::inline TERCET_ABI {

/// x (..., C), weight (V, C), targets (...) -> scalar in nats: cross_entropy(linear(x, weight), targets). The work of backward is done at once,
/// unless nothing is recorded; the logits of `chunk` rows are held at a time. With activations of bf16 the products' operands are rounded to it.
/// Throws what those two throw, and invalid_argument for a chunk below 1, or without a reduction: backward would have no one factor to scale by.
template <Real T, Element I>
requires std::is_integral_v<I> Tensor<T> linear_cross_entropy(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<I>& targets,
                                                              const CrossEntropyOptions<T>& options = {}, index_t chunk = 512,
                                                              Activations activations = Activations::f32) {
    const Shape leading = detail::rows_of_logits(x, "linear_cross_entropy");
    require(weight.rank() == 2 && x.size(-1) == weight.size(1), ErrorCode::shape_mismatch, "linear_cross_entropy: weight ", weight.shape(),
            " does not fit x ", x.shape());
    require(leading == targets.shape(), ErrorCode::shape_mismatch, "linear_cross_entropy: x ", x.shape(), " and targets ", targets.shape(),
            " do not fit");
    require(chunk >= 1 && options.reduction != LossReduction::none, ErrorCode::invalid_argument, "linear_cross_entropy: chunks of ", chunk,
            " rows, to be reduced to their mean or sum");
    const auto xc = x.detach().contiguous(), w = weight.detach();
    const index_t C = w.size(1), V = w.size(0), rows = targets.numel();
    chunk = std::min(chunk, std::max<index_t>(rows, 1));
    const detail::TargetRows<T> target_rows(targets, V, options, "linear_cross_entropy");
    const double divisor = options.reduction == LossReduction::mean ? target_rows.total_weight() : 1;
    const bool wants_dx = records(x), wants_dw = records(weight);
    auto dx = wants_dx ? Tensor<T>::empty(x.shape()) : Tensor<T>(), dw = wants_dw ? Tensor<T>::zeros(w.shape()) : Tensor<T>();
    auto logits = Tensor<T>::empty({chunk, V}), shifts = Tensor<T>::empty({chunk}), totals = Tensor<T>::empty({chunk});
    auto losses = Tensor<double>::empty({chunk});
    const auto one = Tensor<T>::scalar(1);
    const auto right = [activations](const MatrixView<T>& view) {
        using Right = RightOperand<T>;
        return Right{.kind = Right::Kind::strided, .view = view, .activations = activations};
    };
    const MatrixView<T> by_outputs{w.device_data(), w.strides()[0], w.strides()[1]}, by_inputs{w.device_data(), w.strides()[1], w.strides()[0]};
    double total = 0;
    for (index_t first = 0; first < rows; first += chunk) {
        const index_t n = std::min(chunk, rows - first);
        const T* from = xc.device_data() + first * C;
        Device::gemm(logits.mutable_device_data(), V, {from, C, 1}, right(by_inputs), n, V, C, false);
        Device::exp_sum(shifts.mutable_device_data(), totals.mutable_device_data(), logits.device_data(), n, V);
        const auto rows_from = target_rows.on_device(first);
        Device::row_losses(losses.mutable_device_data(), logits.device_data(), shifts.device_data(), totals.device_data(), rows_from, n);
        total += std::accumulate(losses.data(), losses.data() + n, 0.0);
        if (!wants_dx && !wants_dw) continue;
        T* dl = logits.mutable_device_data();  // the losses' gradients from here on
        Device::row_gradients(dl, static_cast<const T*>(dl), shifts.device_data(), totals.device_data(), rows_from,
                              {one.device_data(), false, static_cast<T>(divisor)}, n, false);
        if (wants_dx) Device::gemm(dx.mutable_device_data() + first * C, C, {dl, V, 1}, right(by_outputs), n, C, V, false);
        if (wants_dw) Device::gemm(dw.mutable_device_data(), C, {dl, 1, V}, right({from, C, 1}), V, C, n, true);
    }
    return record(
        Tensor<T>::scalar(static_cast<T>(total / divisor)),
        [dx, dw](const Tensor<T>& dy, Gradient<T>& to_x, Gradient<T>& to_w) {
            const auto add = [&](Gradient<T>& to, const Tensor<T>& unscaled) {
                if (to.fresh()) to.add(unscaled * dy.item());
                else Device::add_scaled(to.device_data(), unscaled.device_data(), dy.item(), unscaled.numel());
            };
            if (to_x) add(to_x, dx);
            if (to_w) add(to_w, dw);
        },
        x, weight);
}

}  // namespace tercet::inline TERCET_ABI
