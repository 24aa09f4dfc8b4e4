// Taking a direction out of embeddings (Bolukbasi et al. 2016, "Man is to Computer Programmer as Woman is to Homemaker?", section 6).
//
//   g = the first principal component of what pairs of embeddings, he and she, differ by from their middle          w' = w − (w · g) g
//
// Afterwards no embedding tells the groups apart along g. Associations that other directions carry stay (Gonen & Goldberg 2019): measure again
// (metrics/bias.hpp).
#pragma once

#include "tercet/tensor/tensor.hpp"

#include <cmath>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// The direction (C), of length 1, along which the rows of first and second (n, C), pairs of embeddings, differ most; towards the first ones. Throws
/// shape_mismatch, and invalid_argument where they do not differ.
inline Tensor<float> difference_direction(const Tensor<float>& first, const Tensor<float>& second) {
    require(first.rank() == 2 && first.shape() == second.shape() && first.size(0) > 0, ErrorCode::shape_mismatch, "difference_direction: pairs of ",
            first.shape(), " and ", second.shape());
    const auto a = first.detach().contiguous(), b = second.detach().contiguous();
    const index_t n = a.size(0), C = a.size(1);
    // Around their middle a pair's two are half the difference away, either way: the component is that of the differences.
    std::vector<double> differences(static_cast<std::size_t>(n * C)), g(static_cast<std::size_t>(C), 0), next(g);
    for (index_t i = 0; i < n * C; ++i) {
        differences[static_cast<std::size_t>(i)] = static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]);
        g[static_cast<std::size_t>(i % C)] += differences[static_cast<std::size_t>(i)];
    }
    const auto row = [&](index_t i) { return std::span(differences).subspan(static_cast<std::size_t>(i * C), static_cast<std::size_t>(C)); };
    const auto dot = [](std::span<const double> x, std::span<const double> y) {
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
        return sum;
    };
    double longest = 0;
    for (index_t i = 0; i < n; ++i) {
        const double length = dot(row(i), row(i));
        if (length > longest && dot(g, g) < 1e-20 * length * static_cast<double>(n))
            std::copy(row(i).begin(), row(i).end(), g.begin());  // sums that cancel
        longest = std::max(longest, length);
    }
    require(longest > 0 && std::isfinite(longest), ErrorCode::invalid_argument, "difference_direction: the pairs do not differ, or are not finite");
    const std::vector<double> towards = g;
    const auto normalise = [&](std::vector<double>& x) {
        const double length = std::sqrt(dot(x, x));
        for (double& v : x) v /= length;
    };
    normalise(g);
    for (int step = 0; step < 1000; ++step) {  // power iteration on Σ d dᵀ
        std::fill(next.begin(), next.end(), 0.0);
        for (index_t i = 0; i < n; ++i) {
            const double along = dot(row(i), g);
            for (std::size_t c = 0; c < next.size(); ++c) next[c] += along * row(i)[c];
        }
        if (dot(next, next) == 0) break;
        normalise(next);
        const double same = dot(next, g);
        std::swap(g, next);
        if (same > 1 - 1e-14) break;
    }
    const double sign = dot(g, towards) < 0 ? -1 : 1;
    auto direction = Tensor<float>::empty({C});
    for (index_t c = 0; c < C; ++c) direction.at(c) = static_cast<float>(sign * g[static_cast<std::size_t>(c)]);
    return direction;
}

/// The rows x (…, C) without what they have of a direction (C) of length 1. Throws shape_mismatch.
inline Tensor<float> without_direction(const Tensor<float>& x, const Tensor<float>& direction) {
    require(x.rank() >= 1 && direction.shape() == Shape{x.size(-1)}, ErrorCode::shape_mismatch, "without_direction: embeddings ", x.shape(),
            ", direction ", direction.shape());
    auto y = x.detach().clone();
    const index_t C = y.size(-1), rows = C == 0 ? 0 : y.numel() / C;
    float* to = y.mutable_data();
    const float* g = direction.data();
    Device::for_rows(rows, C, [&](index_t r) {
        double along = 0;
        for (index_t c = 0; c < C; ++c) along += static_cast<double>(to[r * C + c]) * static_cast<double>(g[c]);
        for (index_t c = 0; c < C; ++c) to[r * C + c] = static_cast<float>(static_cast<double>(to[r * C + c]) - along * static_cast<double>(g[c]));
    });
    return y;
}

}  // namespace tercet::inline TERCET_ABI
