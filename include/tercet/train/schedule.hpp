// Learning-rate schedules: pure functions of the step, counted from 0, so that a resumed run needs nothing but the step.
//
//   const CosineDecay schedule{.peak = 1e-3, .warmup = 100, .steps = 1000, .lowest = 1e-4};
//   optimizer.set_rate(schedule(step));
//
// With p = (t − warmup) / (steps − warmup), the share of the way that is done, and during warm-up the rate peak · t / warmup:
//
//   ConstantRate      peak
//   LinearDecay       lowest + (peak − lowest) · (1 − p)
//   CosineDecay       lowest + (peak − lowest) · ½(1 + cos πp)                   Loshchilov & Hutter 2017, eq. 5
//   CosineRestarts    the same, `cycles` times over
//   PolynomialDecay   lowest + (peak − lowest) · (1 − p)^power
//   InverseRoot       peak · √(warmup / t)                                       Vaswani et al. 2017, eq. 3
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace tercet::inline TERCET_ABI {

namespace detail {

// How far t is on the way from `from` to `to`: 0 at and before from, past 1 after to.
inline double share_done(index_t t, index_t from, index_t to) {
    return static_cast<double>(std::max<index_t>(t - from, 0)) / static_cast<double>(std::max<index_t>(to - from, 1));
}
inline double warmed(double peak, index_t t, index_t warmup) {
    return peak * static_cast<double>(t) / static_cast<double>(warmup);
}
// From `start` to `end` as `share` goes from 0 to 1, along half a cosine.
inline double along_cosine(double start, double end, double share) {
    return end + (start - end) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace detail

struct ConstantRate {
    double peak = 1e-3;
    index_t warmup = 0;

    double operator()(index_t t) const { return t < warmup ? detail::warmed(peak, t, warmup) : peak; }
};

struct LinearDecay {
    double peak = 1e-3;
    index_t warmup = 0, steps = 1;
    double lowest = 0;

    double operator()(index_t t) const {
        if (t < warmup) return detail::warmed(peak, t, warmup);
        return lowest + (peak - lowest) * std::max(0.0, 1 - detail::share_done(t, warmup, steps));
    }
};

/// After `steps` the cosine goes on and the rate rises again, as in PyTorch and transformers; with `stays` it remains at the lowest.
struct CosineDecay {
    double peak = 1e-3;
    index_t warmup = 0, steps = 1;
    double lowest = 0;
    bool stays = false;

    double operator()(index_t t) const {
        if (t < warmup) return detail::warmed(peak, t, warmup);
        const double share = detail::share_done(t, warmup, steps);
        return detail::along_cosine(peak, lowest, stays ? std::min(share, 1.0) : share);
    }
};

/// `cycles` equal cosines from peak to lowest, each starting anew at the peak; lowest after the end.
struct CosineRestarts {
    double peak = 1e-3;
    index_t warmup = 0, steps = 1, cycles = 1;
    double lowest = 0;

    double operator()(index_t t) const {
        if (t < warmup) return detail::warmed(peak, t, warmup);
        const double share = detail::share_done(t, warmup, steps);
        return share >= 1 ? lowest : detail::along_cosine(peak, lowest, std::fmod(share * static_cast<double>(cycles), 1.0));
    }
};

/// Cosines whose length grows by the factor `growth` at each restart (Loshchilov & Hutter 2017), without an end.
struct WarmRestarts {
    double peak = 1e-3;
    index_t first = 1, growth = 1;  // steps of the first cosine; 1: all are equally long
    double lowest = 0;

    double operator()(index_t t) const {
        double length = static_cast<double>(std::max<index_t>(first, 1)), position = static_cast<double>(t);
        if (growth <= 1) position = std::fmod(position, length);
        while (position >= length) {  // doubles or more each time
            position -= length;
            length *= static_cast<double>(growth);
        }
        return detail::along_cosine(peak, lowest, position / length);
    }
};

struct PolynomialDecay {
    double peak = 1e-3;
    index_t warmup = 0, steps = 1;
    double lowest = 0, power = 1;

    double operator()(index_t t) const {
        if (t < warmup) return detail::warmed(peak, t, warmup);
        return lowest + (peak - lowest) * std::pow(std::max(0.0, 1 - detail::share_done(t, warmup, steps)), power);
    }
};

struct InverseRoot {
    double peak = 1e-3;
    index_t warmup = 10000;

    double operator()(index_t t) const {
        const double scale = static_cast<double>(std::max<index_t>(warmup, 1));
        return t < warmup ? detail::warmed(peak, t, warmup) : peak * std::sqrt(scale / std::max(static_cast<double>(t), scale));
    }
};

/// Up to the peak in the first part of the run, down to almost nothing in the rest (Smith & Topin 2019), as PyTorch's OneCycleLR.
struct OneCycle {
    double peak = 1e-2;
    index_t steps = 2;
    double rising = 0.3;              // the part of the run that leads up
    double start = 25, finish = 1e4;  // the first rate is peak / start, the last one that divided by finish
    bool linear = false;              // straight lines in place of cosines

    double operator()(index_t t) const {
        const double last = static_cast<double>(steps) - 1, turn = rising * static_cast<double>(steps) - 1, now = static_cast<double>(t);
        const double low = peak / start;
        const auto between = [&](double a, double b, double share) { return linear ? a + (b - a) * share : detail::along_cosine(a, b, share); };
        if (now <= turn) return between(low, peak, now / turn);
        return between(peak, low / finish, std::min((now - turn) / (last - turn), 1.0));
    }
};

/// From peak · first to peak · last in a straight line over `steps`, then constant.
struct LinearFactor {
    double peak = 1e-3, first = 1.0 / 3, last = 1;
    index_t steps = 5;

    double operator()(index_t t) const { return peak * (first + (last - first) * std::min(detail::share_done(t, 0, steps), 1.0)); }
};

/// peak · factor^t
struct ExponentialDecay {
    double peak = 1e-3, factor = 0.99;

    double operator()(index_t t) const { return peak * std::pow(factor, static_cast<double>(t)); }
};

/// The rate times `factor` after every `every` steps, or at each of `milestones` where there are some.
struct StepDecay {
    double peak = 1e-3, factor = 0.1;
    index_t every = 0;
    std::vector<index_t> milestones{};

    double operator()(index_t t) const {
        const auto passed = std::count_if(milestones.begin(), milestones.end(), [&](index_t m) { return m <= t; });
        return peak * std::pow(factor, static_cast<double>(every > 0 ? t / every : passed));
    }
};

/// Up and down between two rates, `half` steps each way (Smith 2017); the height of the triangle halves each time with `halving`.
struct Triangular {
    double lowest = 1e-4, peak = 1e-3;
    index_t half = 1;
    bool halving = false;

    double operator()(index_t t) const {
        const index_t cycle = t / (2 * half);
        const double height = 1 - std::abs(static_cast<double>(t - cycle * 2 * half) / static_cast<double>(half) - 1);
        return lowest + (peak - lowest) * height * (halving ? std::pow(0.5, static_cast<double>(cycle)) : 1.0);
    }
};

/// Lowers the rate when a measure has not improved for longer than `patience` reports: the one schedule with a memory.
struct ReduceOnPlateau {
    double rate = 1e-3, factor = 0.1;
    index_t patience = 10, cooldown = 0;  // reports without improvement that are borne; reports after a cut that do not count
    double threshold = 1e-4;
    bool relative = true, maximise = false;
    double lowest = 0;

    double best = std::numeric_limits<double>::quiet_NaN();  // none yet
    index_t poor = 0, resting = 0;

    /// Takes the newest measure and gives the rate from now on.
    double report(double measure) {
        const double by = relative ? std::abs(best) * threshold : threshold;
        const double to_beat = relative ? best * (maximise ? 1 + threshold : 1 - threshold) : maximise ? best + by : best - by;
        if (std::isnan(best) || (maximise ? measure > to_beat : measure < to_beat)) {
            best = measure;
            poor = 0;
        } else {
            ++poor;
        }
        if (resting > 0) {
            --resting;
            poor = 0;
        }
        if (poor > patience) {
            const double next = std::max(rate * factor, lowest);
            if (rate - next > 1e-8) rate = next;
            resting = cooldown;
            poor = 0;
        }
        return rate;
    }
};

}  // namespace tercet::inline TERCET_ABI
