// Cross-entropy of logits x (N, V) with target classes t (N), with class weights w and label smoothing ε (Szegedy et al. 2016, section 7).
//
//   p_i = softmax(x_i)          loss_i = −(1 − ε) w_t log p_it − ε/V Σ_j w_j log p_ij          loss = Σ_i loss_i / Σ_i w_{t_i}
//   dx_ij = dloss_i · (a_i p_ij − ε/V w_j − (1 − ε) w_t [j = t]),     a_i = (1 − ε) w_t + ε/V Σ_j w_j
//
// One pass over the logits saves two numbers a row, log Σ e^x in two parts; the softmax is made in backward, straight into the gradient.
#pragma once

#include "tercet/ops/loss_reduction.hpp"
#include "tercet/ops/softmax.hpp"

namespace tercet::inline TERCET_ABI {

template <Real T>
struct CrossEntropyOptions {
    std::int64_t ignore = -100;                     // targets equal to it do not count
    double label_smoothing = 0;                     // in [0, 1]: the share that all classes get alike
    LossReduction reduction = LossReduction::mean;  // the mean is over the targets' class weights
    Tensor<T> class_weights{};                      // (V), or none: all 1; gets no gradient
};

namespace detail {

// The targets and weights of a loss, checked.
template <Real T>
struct TargetRows {
    Tensor<std::int64_t> targets;  // (N), contiguous
    Tensor<T> weights;             // (V), contiguous, or none
    TargetsView<T> view{};

    template <Element I>
    TargetRows(const Tensor<I>& t, index_t V, const CrossEntropyOptions<T>& options, std::string_view what) : targets(t.template to<std::int64_t>()) {
        require(options.label_smoothing >= 0 && options.label_smoothing <= 1, ErrorCode::invalid_argument, what, ": a label smoothing of ",
                options.label_smoothing, " is not in [0, 1]");
        if (options.class_weights.storage() != nullptr) {
            require(options.class_weights.shape() == Shape{V}, ErrorCode::shape_mismatch, what, ": class weights ", options.class_weights.shape(),
                    " for ", V, " classes");
            weights = options.class_weights.detach().contiguous();
        }
        for (index_t r = 0; r < targets.numel(); ++r) {
            const auto target = targets.data()[r];
            require(target == options.ignore || (target >= 0 && target < V), ErrorCode::index_out_of_range, what, ": target ", target, " at row ", r,
                    " is outside the ", V, " classes");
        }
        view = {nullptr,
                nullptr,
                options.ignore,
                V,
                static_cast<T>(1 - options.label_smoothing),
                static_cast<T>(options.label_smoothing / static_cast<double>(V)),
                weights.storage() != nullptr ? static_cast<double>(sum(weights).item()) : static_cast<double>(V)};
    }

    // Of the rows from `first` on, where the backend works.
    TargetsView<T> on_device(index_t first = 0) const {
        auto at = view;
        at.targets = targets.device_data() + first;
        at.weights = weights.device_data();
        return at;
    }
    // What a mean divides by.
    double total_weight() const {
        const T* w = weights.data();
        double total = 0;
        for (index_t r = 0; r < targets.numel(); ++r)
            if (const auto target = targets.data()[r]; target != view.ignore) total += w != nullptr ? static_cast<double>(w[target]) : 1;
        return total;
    }
};

// The shape of the rows that the targets must have: the logits' without their classes.
template <Real T>
Shape rows_of_logits(const Tensor<T>& logits, std::string_view what) {
    require(logits.rank() >= 1, ErrorCode::shape_mismatch, what, ": logits have no dimension of classes");
    Shape leading = logits.shape();
    leading.erase(leading.rank() - 1);
    return leading;
}

}  // namespace detail

/// logits (..., V), targets (...) -> scalar in nats, or (...) without a reduction. With no target left the mean is NaN, as in PyTorch.
/// Throws shape_mismatch, invalid_argument for a smoothing outside [0, 1], and index_out_of_range for a target outside [0, V).
template <Real T, Element I>
requires std::is_integral_v<I> Tensor<T> cross_entropy(const Tensor<T>& logits, const Tensor<I>& targets,
                                                       const CrossEntropyOptions<T>& options = {}) {
    const Shape leading = detail::rows_of_logits(logits, "cross_entropy");
    require(leading == targets.shape(), ErrorCode::shape_mismatch, "cross_entropy: logits ", logits.shape(), " and targets ", targets.shape(),
            " do not fit");
    const auto x = logits.detach().contiguous();
    const index_t V = x.size(-1), rows = targets.numel();
    const detail::TargetRows<T> target_rows(targets, V, options, "cross_entropy");
    auto shifts = Tensor<T>::empty({rows}), totals = Tensor<T>::empty({rows});
    auto nats = Tensor<double>::empty({rows});
    Device::exp_sum(shifts.mutable_device_data(), totals.mutable_device_data(), x.device_data(), rows, V);
    Device::row_losses(nats.mutable_device_data(), x.device_data(), shifts.device_data(), totals.device_data(), target_rows.on_device(), rows);
    const double* losses = nats.data();
    const bool each = options.reduction == LossReduction::none;
    const double divisor = options.reduction == LossReduction::mean ? target_rows.total_weight() : 1;
    auto y = Tensor<T>::empty(each ? leading : Shape{});
    T* out = y.mutable_data();
    if (each) std::transform(losses, losses + rows, out, [](double loss) { return static_cast<T>(loss); });
    else *out = static_cast<T>(std::accumulate(losses, losses + rows, 0.0) / divisor);
    return record(
        y,
        [xs = save(x), target_rows, shifts, totals, each, divisor, rows](const Tensor<T>& dy, Gradient<T>& dx) {
            const bool add = !dx.fresh();
            Device::row_gradients(dx.device_data_to_write(), xs->device_data(), shifts.device_data(), totals.device_data(), target_rows.on_device(),
                                  {dy.device_data(), each, static_cast<T>(divisor)}, rows, add);
        },
        logits);
}

/// The same with a distribution over the classes as each row's target, probabilities (..., V), which may have gradients: −Σ_j w_j q_j log p_j
/// with q = (1 − ε) target + ε/V. The mean is over the rows. Throws shape_mismatch and invalid_argument.
template <Real T>
Tensor<T> cross_entropy(const Tensor<T>& logits, const Tensor<T>& probabilities, const CrossEntropyOptions<T>& options = {}) {
    require(logits.rank() >= 1 && logits.shape() == probabilities.shape(), ErrorCode::shape_mismatch, "cross_entropy: logits ", logits.shape(),
            " and probabilities ", probabilities.shape(), " do not fit");
    const double smoothing = options.label_smoothing;
    require(smoothing >= 0 && smoothing <= 1, ErrorCode::invalid_argument, "cross_entropy: a label smoothing of ", smoothing, " is not in [0, 1]");
    auto q = probabilities;
    if (smoothing > 0) q = q * static_cast<T>(1 - smoothing) + static_cast<T>(smoothing / static_cast<double>(logits.size(-1)));
    if (options.class_weights.storage() != nullptr) q = q * options.class_weights.detach();
    return detail::reduced_loss(neg(sum(q * log_softmax(logits), -1)), options.reduction);
}

}  // namespace tercet::inline TERCET_ABI
