// How two series of numbers go together, and how far one is from the other.
//
//   Pearson's r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)          Spearman's (1904): r of the ranks, equals sharing the mean of theirs
//   Kendall's τ_b = (concordant − discordant) / √((pairs − ties of x)(pairs − ties of y))  (Kendall 1945)
//   mean squared and mean absolute error; R² = 1 − Σ (y − x)² / Σ (x − x̄)², x the truth
//
// NaN where a series is constant and there is nothing to go together with.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

namespace detail {

// Both series have the same length, at least `least`, and no NaN.
inline void check_series(std::string_view what, std::span<const double> x, std::span<const double> y, std::size_t least) {
    require(x.size() == y.size(), ErrorCode::shape_mismatch, what, ": ", x.size(), " and ", y.size(), " numbers");
    require(x.size() >= least, ErrorCode::invalid_argument, what, ": ", x.size(), " pairs, it takes ", least);
    for (std::size_t i = 0; i < x.size(); ++i)
        require(!std::isnan(x[i]) && !std::isnan(y[i]), ErrorCode::invalid_argument, what, ": pair ", i, " has a nan");
}
inline double mean_of(std::span<const double> x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace detail

/// 1 for the smallest; equals share the mean of their ranks.
inline std::vector<double> ranks(std::span<const double> x) {
    std::vector<std::size_t> order(x.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
    std::vector<double> out(x.size());
    for (std::size_t first = 0, end; first < order.size(); first = end) {
        for (end = first; end < order.size() && x[order[end]] == x[order[first]];) ++end;
        for (std::size_t i = first; i < end; ++i) out[order[i]] = static_cast<double>(first + 1 + end) / 2;
    }
    return out;
}

/// Throws shape_mismatch, and invalid_argument for fewer than two pairs or NaN.
inline double pearson_correlation(std::span<const double> x, std::span<const double> y) {
    detail::check_series("pearson_correlation", x, y, 2);
    const double mean_x = detail::mean_of(x), mean_y = detail::mean_of(y);
    double both = 0, squares_x = 0, squares_y = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        both += (x[i] - mean_x) * (y[i] - mean_y);
        squares_x += (x[i] - mean_x) * (x[i] - mean_x);
        squares_y += (y[i] - mean_y) * (y[i] - mean_y);
    }
    return both / std::sqrt(squares_x * squares_y);
}

/// Throws as pearson_correlation().
inline double spearman_correlation(std::span<const double> x, std::span<const double> y) {
    detail::check_series("spearman_correlation", x, y, 2);
    return pearson_correlation(ranks(x), ranks(y));
}

/// By all pairs of pairs, n²/2 of them. Throws as pearson_correlation().
inline double kendall_correlation(std::span<const double> x, std::span<const double> y) {
    detail::check_series("kendall_correlation", x, y, 2);
    double agree = 0, apart_x = 0, apart_y = 0;
    const auto sign = [](double d) { return static_cast<double>((d > 0) - (d < 0)); };
    for (std::size_t i = 0; i < x.size(); ++i)
        for (std::size_t j = i + 1; j < x.size(); ++j) {
            const double a = sign(x[i] - x[j]), b = sign(y[i] - y[j]);
            agree += a * b;
            apart_x += a * a;
            apart_y += b * b;
        }
    return agree / std::sqrt(apart_x * apart_y);
}

/// Throws shape_mismatch, and invalid_argument without numbers or for NaN.
inline double mean_squared_error(std::span<const double> truth, std::span<const double> predicted) {
    detail::check_series("mean_squared_error", truth, predicted, 1);
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) sum += (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
    return sum / static_cast<double>(truth.size());
}
/// Throws as mean_squared_error().
inline double mean_absolute_error(std::span<const double> truth, std::span<const double> predicted) {
    detail::check_series("mean_absolute_error", truth, predicted, 1);
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) sum += std::fabs(truth[i] - predicted[i]);
    return sum / static_cast<double>(truth.size());
}
/// The share of the truth's variance that the prediction explains: 1 at most, 0 for its mean. Throws as pearson_correlation().
inline double r_squared(std::span<const double> truth, std::span<const double> predicted) {
    detail::check_series("r_squared", truth, predicted, 2);
    const double mean = detail::mean_of(truth);
    double left = 0, all = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        left += (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
        all += (truth[i] - mean) * (truth[i] - mean);
    }
    return 1 - left / all;
}

}  // namespace tercet::inline TERCET_ABI
