// Operands for tests of the kernels, below the tensor.
#pragma once

#include "tercet/core/shape.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

inline std::size_t size(tercet::index_t n) {
    return static_cast<std::size_t>(n);
}

/// n standard normal numbers, the same for the same seed.
inline std::vector<float> numbers(tercet::index_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> x(size(n));
    for (float& v : x) v = normal(random);
    return x;
}

/// x as a product with byte activations has it: 32 neighbours become 127ths of the largest of them.
inline std::vector<double> rounded_to_bytes(const std::vector<float>& x) {
    std::vector<double> out(x.size());
    for (std::size_t i = 0; i < x.size(); i += 32) {
        float top = 0;
        for (std::size_t j = i; j < i + 32; ++j) top = std::max(top, std::fabs(x[j]));
        if (top <= 0x1p-100f) continue;
        const float inverse = 127 / top;
        for (std::size_t j = i; j < i + 32; ++j) {
            const float near = x[j] * inverse;
            out[j] = static_cast<double>(top / 127) * std::nearbyint(static_cast<double>(near));
        }
    }
    return out;
}
