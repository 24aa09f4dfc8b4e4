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

// What the loss and gradient of a row of logits need beside it.
template <Real T>
struct TargetRows {
    Tensor<std::int64_t> targets;  // (N), contiguous
    Tensor<T> weights;             // (V), contiguous, or none
    std::int64_t ignore;
    index_t classes;
    T kept, spread;          // 1 − ε, ε / V
    double all_weights = 0;  // Σ w

    template <Element I>
    TargetRows(const Tensor<I>& t, index_t V, const CrossEntropyOptions<T>& options, std::string_view what)
        : targets(t.template to<std::int64_t>()),
          ignore(options.ignore),
          classes(V),
          kept(static_cast<T>(1 - options.label_smoothing)),
          spread(static_cast<T>(options.label_smoothing / static_cast<double>(V))) {
        require(options.label_smoothing >= 0 && options.label_smoothing <= 1, ErrorCode::invalid_argument, what, ": a label smoothing of ",
                options.label_smoothing, " is not in [0, 1]");
        if (options.class_weights.storage() != nullptr) {
            require(options.class_weights.shape() == Shape{V}, ErrorCode::shape_mismatch, what, ": class weights ", options.class_weights.shape(),
                    " for ", V, " classes");
            weights = options.class_weights.detach().contiguous();
        }
        all_weights = weighted() ? static_cast<double>(sum(weights).item()) : static_cast<double>(V);
        for (index_t r = 0; r < targets.numel(); ++r) {
            const auto target = targets.data()[r];
            require(target == ignore || (target >= 0 && target < V), ErrorCode::index_out_of_range, what, ": target ", target, " at row ", r,
                    " is outside the ", V, " classes");
        }
    }

    bool weighted() const { return weights.storage() != nullptr; }
    bool counts(index_t r) const { return targets.data()[r] != ignore; }
    T weight(index_t r) const { return !counts(r) ? T(0) : weighted() ? weights.data()[targets.data()[r]] : T(1); }
    // What a mean divides by.
    double total_weight() const {
        double total = 0;
        for (index_t r = 0; r < targets.numel(); ++r) total += static_cast<double>(weight(r));
        return total;
    }

    // Of row r with logits x (V), whose log Σ e^x is shift + log total.
    double loss(index_t r, const T* x, T shift, T total) const {
        if (!counts(r)) return 0;
        const double log_total = std::log(static_cast<double>(total));
        double nats = static_cast<double>(kept * weight(r)) * (log_total + static_cast<double>(shift - x[targets.data()[r]]));
        if (spread != 0) {
            const T mass = weighted() ? cpu::kernels<T>().dot(weights.data(), x, classes) : cpu::kernels<T>().sum(x, classes);
            nats += static_cast<double>(spread) * (all_weights * (log_total + static_cast<double>(shift)) - static_cast<double>(mass));
        }
        return nats;
    }
    // dx = [dx +] share · dloss_r/dx; dx may be x.
    void gradient(T* dx, index_t r, const T* x, T shift, T total, T share, bool add, bool past_caches) const {
        if (!counts(r)) {
            if (!add) std::fill_n(dx, classes, T(0));
            return;
        }
        const T own = share * kept * weight(r), other = share * spread;
        const T scale = (own + other * static_cast<T>(all_weights)) / total;
        cpu::kernels<T>().scaled_exp(dx, x, shift, scale, weighted() ? T(0) : -other, classes, add, past_caches);
        if (weighted() && spread != 0) cpu::kernels<T>().add_scaled(dx, weights.data(), -other, classes);
        dx[targets.data()[r]] -= own;
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
    Device::exp_sum(shifts.mutable_data(), totals.mutable_data(), x.data(), rows, V);
    const Scratch<double> losses(rows);
    parallel_ranges(rows, std::max<index_t>(1, options.label_smoothing > 0 ? elementwise_grain / std::max<index_t>(V, 1) : 1024),
                    [&](index_t begin, index_t end) {
                        for (index_t r = begin; r < end; ++r) losses[r] = target_rows.loss(r, x.data() + r * V, shifts.data()[r], totals.data()[r]);
                    });
    const bool each = options.reduction == LossReduction::none;
    const double divisor = options.reduction == LossReduction::mean ? target_rows.total_weight() : 1;
    auto y = Tensor<T>::empty(each ? leading : Shape{});
    T* out = y.mutable_data();
    if (each) std::transform(losses.data(), losses.data() + rows, out, [](double loss) { return static_cast<T>(loss); });
    else *out = static_cast<T>(std::accumulate(losses.data(), losses.data() + rows, 0.0) / divisor);
    return record(
        y,
        [xs = save(x), target_rows, shifts, totals, each, divisor, rows, V](const Tensor<T>& dy, Gradient<T>& dx) {
            const bool add = !dx.fresh();
            T* to = dx.data_to_write();
            Device::write_rows<T>(rows, V, [&](index_t first, index_t count, bool past_caches) {
                for (index_t r = first; r < first + count; ++r) {
                    const T share = each ? dy.data()[r] : dy.item() / static_cast<T>(divisor);
                    target_rows.gradient(to + r * V, r, xs->data() + r * V, shifts.data()[r], totals.data()[r], share, add, past_caches);
                }
            });
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
