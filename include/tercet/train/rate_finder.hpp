// Finding a learning rate before a run (Smith 2017, "Cyclical learning rates", section 3.3): train for a little while with a rate that grows
// exponentially, and look where the loss falls fastest, and where it begins to rise.
//
//   rate_i = lowest · (highest / lowest)^(i / (steps − 1))
//   smoothed_i = (Σ_{j ≤ i} β^{i−j} loss_j) / (Σ_{j ≤ i} β^{i−j})
//
// Afterwards all is as it was, to the bit.
#pragma once

#include "tercet/train/checkpoint.hpp"

namespace tercet::inline TERCET_ABI {

struct RateFinderOptions {
    double lowest = 1e-7, highest = 1;
    index_t steps = 100;
    double smoothing = 0.9;  // β
    double diverged = 4;     // the search ends once the smoothed loss is so many times its smallest
};

/// What was seen, rate by rate, until the loss diverged or the rates came to their end.
struct RateCurve {
    std::vector<double> rates, losses, smoothed;
    double suggestion = std::numeric_limits<double>::quiet_NaN();  // where the smoothed loss falls fastest; NaN when it never falls
};

namespace detail {

// Keeps a run's numbers, and puts them back at the end of its scope.
template <class Rule>
class RunKeeper {
public:
    RunKeeper(Optimizer<Rule, float>& optimizer, TrainingState& state)
        : optimizer_(optimizer),
          state_(state),
          before_(state),
          rate_(optimizer.rate()),
          steps_(optimizer.steps()),
          tensors_(training_tensors(optimizer, state)) {
        for (const auto& named : tensors_) copies_.push_back(named.tensor.detach().clone());
    }
    RunKeeper(const RunKeeper&) = delete;
    ~RunKeeper() {
        const NoGrad guard;
        for (std::size_t i = 0; i < tensors_.size(); ++i) std::copy_n(copies_[i].data(), copies_[i].numel(), tensors_[i].tensor.mutable_data());
        optimizer_.zero_grad();
        optimizer_.set_steps(steps_);
        optimizer_.set_rate(rate_);
        state_ = before_;
    }

private:
    Optimizer<Rule, float>& optimizer_;
    TrainingState &state_, before_;
    double rate_;
    std::vector<std::int64_t> steps_;
    std::vector<NamedTensor<float>> tensors_;
    std::vector<Tensor<float>> copies_;
};

// The rate at the steepest fall of the smoothed loss over the logarithm of the rate, which grows evenly. Differences reach over some steps, since
// single ones are noise. The beginning, where the mean is one of few losses, and all from the smallest loss on are left out.
inline double steepest_fall(const RateCurve& curve) {
    const auto n = curve.smoothed.size();
    const auto bottom = static_cast<std::size_t>(std::min_element(curve.smoothed.begin(), curve.smoothed.end()) - curve.smoothed.begin());
    const std::size_t reach = std::max<std::size_t>(1, n / 20);
    double steepest = 0, rate = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 2 * reach; i + reach <= bottom; ++i) {
        const double fall = curve.smoothed[i + reach] - curve.smoothed[i - reach];
        if (fall < steepest) {
            steepest = fall;
            rate = curve.rates[i];
        }
    }
    return rate;
}

}  // namespace detail

/// Makes steps at growing rates with the run's own batches and loss, as train() does (without clipping), and undoes them. Throws invalid_argument for
/// options outside their ranges, and what the source and the loss throw; the run is as it was then too.
template <class Rule, class Source, class Loss>
RateCurve find_rate(Optimizer<Rule, float>& optimizer, TrainingState& state, Source&& next_batch, Loss&& loss,
                    const RateFinderOptions& options = {}) {
    const auto& o = options;
    require(o.lowest > 0 && o.highest > o.lowest && std::isfinite(o.highest) && o.steps >= 2 && o.smoothing >= 0 && o.smoothing < 1 && o.diverged > 1,
            ErrorCode::invalid_argument, "find_rate: rates from ", o.lowest, " to ", o.highest, " in ", o.steps, " steps, smoothing ", o.smoothing,
            ", diverged ", o.diverged);
    const detail::RunKeeper keeper(optimizer, state);
    optimizer.zero_grad();  // what is left of a step that was broken off has no part in these
    RateCurve curve;
    double sum = 0, weight = 0, smallest = std::numeric_limits<double>::infinity();
    for (index_t i = 0; i < o.steps; ++i) {
        const double rate = o.lowest * std::pow(o.highest / o.lowest, static_cast<double>(i) / static_cast<double>(o.steps - 1));
        const auto batch = next_batch(state);
        const Tensor<float> value = loss(batch);
        const double number = static_cast<double>(value.item());
        if (!std::isfinite(number)) break;
        sum = o.smoothing * sum + number;
        weight = o.smoothing * weight + 1;
        curve.rates.push_back(rate);
        curve.losses.push_back(number);
        curve.smoothed.push_back(sum / weight);
        smallest = std::min(smallest, sum / weight);
        if (sum / weight > smallest + (o.diverged - 1) * std::abs(smallest)) break;
        value.backward();
        optimizer.set_rate(rate);
        optimizer.step();
        optimizer.zero_grad();
        ++state.step;
    }
    curve.suggestion = detail::steepest_fall(curve);
    return curve;
}

}  // namespace tercet::inline TERCET_ABI
