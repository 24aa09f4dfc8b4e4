// Losses of probabilities against probabilities: yes or no for each element, and one distribution against another.
//
//   bce_with_logits:   −w · (p t log σ(x) + (1 − t) log(1 − σ(x))) = w · ((1 − t) x − (1 + (p − 1) t) log σ(x))
//   kl_div:            t · (log t − x), x and target t being log-probability and probability; 0 where t is 0     (Kullback & Leibler 1951)
#pragma once

#include "tercet/ops/compare.hpp"
#include "tercet/ops/loss_reduction.hpp"

namespace tercet::inline TERCET_ABI {

template <Real T>
struct BinaryCrossEntropyOptions {
    Tensor<T> weight{};           // of each element, broadcast; or none
    Tensor<T> positive_weight{};  // of each element's positive part, broadcast, as against its negative one; or none
    LossReduction reduction = LossReduction::mean;
};

/// Binary cross-entropy in nats of logits x with targets in [0, 1] of the same shape; all four tensors may have gradients. Throws shape_mismatch.
template <Real T>
Tensor<T> bce_with_logits(const Tensor<T>& x, const Tensor<T>& target, const BinaryCrossEntropyOptions<T>& options = {}) {
    require(x.shape() == target.shape(), ErrorCode::shape_mismatch, "bce_with_logits: ", x.shape(), " and ", target.shape(), " differ");
    const auto broadcast = [&](const Tensor<T>& weight) {  // refuses what would stretch x
        return expand(weight, x.shape());
    };
    auto log_likelihood = log_sigmoid(x);
    if (options.positive_weight.storage() != nullptr) log_likelihood = log_likelihood * ((broadcast(options.positive_weight) - T(1)) * target + T(1));
    auto losses = (T(1) - target) * x - log_likelihood;
    if (options.weight.storage() != nullptr) losses = losses * broadcast(options.weight);
    return detail::reduced_loss(losses, options.reduction);
}

/// What kl_div gives: batch_mean is the sum divided by the first extent, as in PyTorch: for x (B, V) the mean divergence of a row; mean divides by
/// all elements.
enum class DivergenceReduction { batch_mean, mean, sum, none };

struct DivergenceOptions {
    bool log_target = false;  // the target holds log-probabilities, too
    DivergenceReduction reduction = DivergenceReduction::batch_mean;
};

/// The divergence of the model's log-probabilities x (..., V) from the target's distribution (..., V), in nats; both get gradients, but for a
/// target of 0. Throws shape_mismatch.
template <Real T>
Tensor<T> kl_div(const Tensor<T>& x, const Tensor<T>& target, const DivergenceOptions& options = {}) {
    require(x.rank() >= 1 && x.shape() == target.shape(), ErrorCode::shape_mismatch, "kl_div: ", x.shape(), " and ", target.shape(),
            " are not the same rows");
    Tensor<T> losses;
    if (options.log_target) {
        losses = exp(target) * (target - x);
    } else {
        const auto divergence = [](T v, T t) { return t == 0 ? T(0) : t * (std::log(t) - v); };
        losses = record(
            detail::zip<T>(x.detach(), target.detach(), divergence, "kl_div"),
            [xs = save(x), ts = save(target)](const Tensor<T>& dy, Gradient<T>& dx, Gradient<T>& dt) {
                if (dx) dx.add(neg(mul(dy, *ts)));
                const auto slope = [](T v, T t) { return t == 0 ? T(0) : std::log(t) + 1 - v; };
                if (dt) dt.add(mul(dy, detail::zip<T>(*xs, *ts, slope, "kl_div")));
            },
            x, target);
    }
    switch (options.reduction) {
    case DivergenceReduction::batch_mean: return sum(losses) * static_cast<T>(1 / static_cast<double>(x.size(0)));
    case DivergenceReduction::mean: return mean(losses);
    case DivergenceReduction::sum: return sum(losses);
    default: return losses;
    }
}

}  // namespace tercet::inline TERCET_ABI
