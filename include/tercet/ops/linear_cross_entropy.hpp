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
    auto logits = Tensor<T>::empty({chunk, V});
    T* l = logits.mutable_data();
    const Scratch<T> shifts(chunk), totals(chunk);
    const Scratch<double> losses(chunk);
    const auto right = [activations](const cpu::MatrixView<T>& view) {
        using Right = cpu::RightOperand<T>;
        return Right{.kind = Right::Kind::strided, .view = view, .activations = activations};
    };
    const cpu::MatrixView<T> by_outputs{w.data(), w.strides()[0], w.strides()[1]}, by_inputs{w.data(), w.strides()[1], w.strides()[0]};
    double total = 0;
    for (index_t first = 0; first < rows; first += chunk) {
        const index_t n = std::min(chunk, rows - first);
        const T* from = xc.data() + first * C;
        Device::gemm(l, V, {from, C, 1}, right(by_inputs), n, V, C, false);
        Device::exp_sum(shifts.data(), totals.data(), l, n, V);
        Device::for_rows(n, V, [&](index_t i) {
            losses[i] = target_rows.loss(first + i, l + i * V, shifts[i], totals[i]);
            if (wants_dx || wants_dw)
                target_rows.gradient(l + i * V, first + i, l + i * V, shifts[i], totals[i], static_cast<T>(1 / divisor), false, false);
        });
        total += std::accumulate(losses.data(), losses.data() + n, 0.0);
        if (wants_dx) Device::gemm(dx.mutable_data() + first * C, C, {l, V, 1}, right(by_outputs), n, C, V, false);
        if (wants_dw) Device::gemm(dw.mutable_data(), C, {l, 1, V}, right({from, C, 1}), V, C, n, true);
    }
    return record(
        Tensor<T>::scalar(static_cast<T>(total / divisor)),
        [dx, dw](const Tensor<T>& dy, Gradient<T>& to_x, Gradient<T>& to_w) {
            const auto add = [&](Gradient<T>& to, const Tensor<T>& unscaled) {
                if (to.fresh()) to.add(unscaled * dy.item());
                else Device::add_scaled(to.data(), unscaled.data(), dy.item(), unscaled.numel());
            };
            if (to_x) add(to_x, dx);
            if (to_w) add(to_w, dw);
        },
        x, weight);
}

}  // namespace tercet::inline TERCET_ABI
