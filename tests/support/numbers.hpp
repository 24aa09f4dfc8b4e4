// Operands for tests of the kernels, below the tensor.
#pragma once

#include "tercet/core/shape.hpp"

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
