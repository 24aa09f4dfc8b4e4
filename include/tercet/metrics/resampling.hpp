// How sure a measure is: what it might have been with other examples, and whether one model is better than another by more than chance.
//
//   bootstrap   the examples are drawn again and again with replacement, and the measure is taken of each draw: the middle 95 % of what comes out
//               (Efron & Tibshirani 1993, chapter 13, the percentile interval)
//   McNemar     of the examples that only one of two models has right, either model's share would be a half if they were alike (McNemar 1947); exact,
//               by the binomial distribution
#pragma once

#include "tercet/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct Interval {
    double low = 0, high = 0;
};

struct BootstrapOptions {
    index_t draws = 1000;
    double confidence = 0.95;
    std::uint64_t seed = 0;
};

/// The interval of measure(numbers of the examples drawn) over `examples` of them. Draws whose measure is NaN, as of one class alone, are left out.
/// Throws invalid_argument without examples or draws, for a confidence outside (0, 1), and where every draw gives NaN.
template <class Measure>
Interval bootstrap_interval(index_t examples, const Measure& measure, const BootstrapOptions& options = {}) {
    require(examples > 0 && options.draws > 0 && options.confidence > 0 && options.confidence < 1, ErrorCode::invalid_argument,
            "bootstrap: ", options.draws, " draws of ", examples, " examples, confidence ", options.confidence);
    Generator generator(options.seed);
    std::vector<index_t> drawn(static_cast<std::size_t>(examples));
    std::vector<double> values;
    for (index_t d = 0; d < options.draws; ++d) {
        for (index_t& e : drawn) e = static_cast<index_t>(generator.below(static_cast<std::uint64_t>(examples)));
        const double value = measure(std::span<const index_t>(drawn));
        if (!std::isnan(value)) values.push_back(value);
    }
    require(!values.empty(), ErrorCode::invalid_argument, "bootstrap: no draw has a measure");
    std::sort(values.begin(), values.end());
    // Between the two values that are next to a share of them.
    const auto quantile = [&](double share) {
        const double place = share * static_cast<double>(values.size() - 1);
        const auto below = static_cast<std::size_t>(place);
        const double rest = place - static_cast<double>(below);
        return values[below] + (below + 1 < values.size() ? rest * (values[below + 1] - values[below]) : 0);
    };
    return {quantile((1 - options.confidence) / 2), quantile((1 + options.confidence) / 2)};
}

/// How likely a split at least as uneven as this one is by chance, where either side is as likely: two-sided, by the binomial distribution.
inline double sign_test(index_t one, index_t other) {
    const auto n = static_cast<double>(one + other);
    double tail = 0;
    for (index_t k = 0; k <= std::min(one, other); ++k) {
        const auto i = static_cast<double>(k);
        tail += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) - n * std::log(2.0));
    }
    return std::min(1.0, 2 * tail);
}

struct McNemarTest {
    index_t only_first = 0, only_second = 0;  // examples that one model alone has right
    double p = 1;                             // how likely a difference at least as large is of models that are alike
};

/// Throws shape_mismatch.
inline McNemarTest mcnemar(const std::vector<bool>& first_right, const std::vector<bool>& second_right) {
    require(first_right.size() == second_right.size(), ErrorCode::shape_mismatch, "mcnemar: ", first_right.size(), " and ", second_right.size(),
            " examples");
    McNemarTest test;
    for (std::size_t i = 0; i < first_right.size(); ++i) {
        test.only_first += first_right[i] && !second_right[i];
        test.only_second += !first_right[i] && second_right[i];
    }
    test.p = sign_test(test.only_first, test.only_second);
    return test;
}

}  // namespace tercet::inline TERCET_ABI
