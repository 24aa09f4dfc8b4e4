// L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, algorithms 7.4 and 7.5): the minimum of a smooth function of some thousand numbers, by the
// gradient and what the last steps tell of the curvature. For small problems that are to be solved to the end, such as a linear layer on features
// that do not change; networks are trained by the stochastic rules of train/rules.
//
//   p = −H g, H the inverse curvature that the last m pairs (s, y) = (x' − x, g' − g) describe;  x' = x + α p
//
// α holds the strong Wolfe conditions (section 3.1): f falls by at least a share of what the slope promises, and the slope flattens. The pairs amend
// a first guess of H, which is a number unless the caller has a better one.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct LbfgsOptions {
    index_t steps = 1000;
    index_t memory = 10;       // pairs that are kept
    double tolerance = 1e-6;   // done where no number of the gradient is larger
    index_t most_trials = 30;  // of a step's length
};

struct LbfgsResult {
    std::vector<double> x;
    double value = 0, largest_gradient = 0;
    index_t steps = 0;
    bool converged = false;
};

namespace detail {

inline double inner(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

struct CurvaturePair {
    std::vector<double> s, y;
    double rho;  // 1 / sᵀy
};

// −H g by the two loops over the pairs (algorithm 7.4), `guess` between them.
template <class Guess>
std::vector<double> descent_direction(std::span<const double> gradient, const std::deque<CurvaturePair>& pairs, const Guess& guess) {
    std::vector<double> p(gradient.begin(), gradient.end()), alphas(pairs.size());
    const auto add = [&p](double factor, const std::vector<double>& v) {
        for (std::size_t i = 0; i < p.size(); ++i) p[i] += factor * v[i];
    };
    for (std::size_t k = pairs.size(); k-- > 0;) {
        alphas[k] = pairs[k].rho * inner(pairs[k].s, p);
        add(-alphas[k], pairs[k].y);
    }
    double scale = 1;  // the guess as large as the last pair says (equation 7.20)
    if (!pairs.empty()) {
        auto guessed = pairs.back().y;
        guess(std::span<double>(guessed));
        scale = 1 / (pairs.back().rho * inner(pairs.back().y, guessed));
    }
    guess(std::span<double>(p));
    for (double& v : p) v *= -scale;
    for (std::size_t k = 0; k < pairs.size(); ++k) add(-alphas[k] - pairs[k].rho * inner(pairs[k].y, p), pairs[k].s);
    return p;
}

}  // namespace detail

/// The minimum near `start` of f, which gives its value at x and puts the gradient there into its second argument: double f(span<const double> x,
/// span<double> gradient). Not converged where the steps ran out, or rounding leaves no way down. Throws not_finite where f or its gradient at the
/// start is not, invalid_argument for options out of range, and what f throws.
///
/// `guess` multiplies a vector by a symmetric, positive definite guess of the inverse curvature, in place: void guess(span<double>). The better it
/// is, the fewer the steps.
template <class F, class Guess>
LbfgsResult minimize(const F& f, std::vector<double> start, const LbfgsOptions& options, const Guess& guess) {
    require(options.steps >= 0 && options.memory >= 1 && options.tolerance >= 0 && options.most_trials >= 1, ErrorCode::invalid_argument,
            "minimize: ", options.steps, " steps, memory ", options.memory, ", tolerance ", options.tolerance, ", ", options.most_trials, " trials");
    constexpr double enough_fall = 1e-4, flatter = 0.9;
    const std::size_t n = start.size();
    LbfgsResult at{std::move(start)};
    std::vector<double> gradient(n), next(n), next_gradient(n);
    at.value = f(std::span<const double>(at.x), std::span<double>(gradient));
    const auto largest = [](std::span<const double> g) {
        double most = 0;
        for (const double v : g) most = !(std::fabs(v) <= most) ? std::fabs(v) : most;
        return most;
    };
    at.largest_gradient = largest(gradient);
    require(std::isfinite(at.value) && std::isfinite(at.largest_gradient), ErrorCode::not_finite, "minimize: the value at the start is ", at.value,
            ", the largest gradient ", at.largest_gradient);
    std::deque<detail::CurvaturePair> pairs;
    while (!(at.converged = at.largest_gradient <= options.tolerance) && at.steps < options.steps) {
        auto direction = detail::descent_direction(gradient, pairs, guess);
        double slope = detail::inner(direction, gradient);
        if (!(slope < 0)) {  // what was kept misleads: straight down, and anew
            pairs.clear();
            direction = detail::descent_direction(gradient, pairs, guess);
            slope = detail::inner(direction, gradient);
        }
        // The interval that holds a good length is halved until one is found, or doubled where it has no end yet. Near the minimum f falls by less
        // than its rounding: the slope alone decides there (after Hager & Zhang 2005, equation 4.1).
        const double rounding = 4 * std::numeric_limits<double>::epsilon() * std::fabs(at.value);
        double low = 0, high = std::numeric_limits<double>::infinity(), length = pairs.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1, value = 0;
        bool found = false;
        for (index_t trial = 0; trial < options.most_trials && !found; ++trial) {
            for (std::size_t i = 0; i < n; ++i) next[i] = at.x[i] + length * direction[i];
            value = f(std::span<const double>(next), std::span<double>(next_gradient));
            const double next_slope = detail::inner(direction, next_gradient);
            if (!(value <= at.value + enough_fall * length * slope + rounding)) high = length;
            else if (next_slope < flatter * slope) low = length;
            else if (next_slope > -flatter * slope) high = length;
            else found = true;
            if (!found) length = std::isinf(high) ? 2 * length : (low + high) / 2;
        }
        if (!found && !(value < at.value)) break;
        detail::CurvaturePair pair{std::vector<double>(n), std::vector<double>(n), 0};
        for (std::size_t i = 0; i < n; ++i) {
            pair.s[i] = next[i] - at.x[i];
            pair.y[i] = next_gradient[i] - gradient[i];
        }
        if (const double curvature = detail::inner(pair.s, pair.y); curvature > 1e-16 * detail::inner(pair.y, pair.y)) {
            pair.rho = 1 / curvature;
            pairs.push_back(std::move(pair));
            if (static_cast<index_t>(pairs.size()) > options.memory) pairs.pop_front();
        }
        std::swap(at.x, next);
        std::swap(gradient, next_gradient);
        at.value = value;
        at.largest_gradient = largest(gradient);
        ++at.steps;
    }
    return at;
}

/// The same without a guess.
template <class F>
LbfgsResult minimize(const F& f, std::vector<double> start, const LbfgsOptions& options = {}) {
    return minimize(f, std::move(start), options, [](std::span<double>) {});
}

}  // namespace tercet::inline TERCET_ABI
