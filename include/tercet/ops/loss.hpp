// Losses.
//
// Cross-entropy of logits x (N, V) with target classes t (N), the mean over targets that are not ignored:
//
//   loss = 1/M Σ_i (log Σ_j e^{x_ij} − x_{i,t_i})          dx_i = (softmax(x_i) − onehot(t_i)) · dloss / M
//
// One pass saves two numbers a row; the softmax is made in backward, straight into the gradient.
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// logits (..., V), targets (...) -> scalar, in nats. Targets equal to `ignore` do not count; with none left the mean is NaN, as in PyTorch.
/// Throws shape_mismatch, and index_out_of_range for a target outside [0, V).
template <Real T, Element I>
requires std::is_integral_v<I> Tensor<T> cross_entropy(const Tensor<T>& logits, const Tensor<I>& targets, std::int64_t ignore = -100) {
    Shape leading = logits.shape();
    require(leading.rank() >= 1, ErrorCode::shape_mismatch, "cross_entropy: logits have no dimension of classes");
    leading.erase(leading.rank() - 1);
    require(leading == targets.shape(), ErrorCode::shape_mismatch, "cross_entropy: logits ", logits.shape(), " and targets ", targets.shape(),
            " do not fit");
    const auto x = logits.detach().contiguous();
    const auto t = targets.contiguous();
    const index_t V = x.size(-1), rows = t.numel();
    auto tops = Tensor<T>::empty({rows}), sums = Tensor<T>::empty({rows});  // log Σ e^x = top + log sum, kept apart for logits far from zero
    Device::exp_sum(tops.mutable_data(), sums.mutable_data(), x.data(), rows, V);
    double total = 0;
    index_t counted = 0;
    for (index_t r = 0; r < rows; ++r) {
        const auto target = static_cast<std::int64_t>(t.data()[r]);
        if (target == ignore) continue;
        require(target >= 0 && target < V, ErrorCode::index_out_of_range, "cross_entropy: target ", target, " at row ", r, " is outside the ", V,
                " classes");
        total += std::log(static_cast<double>(sums.data()[r])) + static_cast<double>(tops.data()[r] - x.data()[r * V + target]);
        ++counted;
    }
    auto y = Tensor<T>::scalar(static_cast<T>(total / static_cast<double>(counted)));
    return record(
        y,
        [xs = save(x), ts = save(t), tops, sums, ignore, counted, rows, V](const Tensor<T>& dy, Gradient<T>& dx) {
            T* to = dx.data();
            const T share = dy.item() / static_cast<T>(counted);
            Device::for_rows(rows, V, [&](index_t r) {
                const auto target = static_cast<std::int64_t>(ts->data()[r]);
                if (target == ignore) return;
                cpu::kernels<T>().add_exp_minus(to + r * V, xs->data() + r * V, tops.data()[r], share / sums.data()[r], V);
                to[r * V + target] -= share;
            });
        },
        logits);
}

/// Mean squared error over all elements: mean((x − target)²) -> scalar; both get gradients. Throws shape_mismatch.
template <Real T>
Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target) {
    require(x.shape() == target.shape(), ErrorCode::shape_mismatch, "mse_loss: ", x.shape(), " and ", target.shape(), " differ");
    const auto a = x.detach().contiguous(), b = target.detach().contiguous();
    const index_t n = a.numel();
    auto difference = Tensor<T>::empty(x.shape());
    T* d = difference.mutable_data();
    double total = 0;
    for (index_t i = 0; i < n; ++i) {
        d[i] = a.data()[i] - b.data()[i];
        total += static_cast<double>(d[i]) * static_cast<double>(d[i]);
    }
    return record(
        Tensor<T>::scalar(static_cast<T>(total / static_cast<double>(n))),
        [difference, n](const Tensor<T>& dy, Gradient<T>& dx, Gradient<T>& dtarget) {
            const T share = 2 * dy.item() / static_cast<T>(n);
            if (dx) Device::add_scaled(dx.data(), difference.data(), share, n);
            if (dtarget) Device::add_scaled(dtarget.data(), difference.data(), -share, n);
        },
        x, target);
}

}  // namespace tercet::inline TERCET_ABI
