// What the tests of CUDA's kernels share: numbers, how far apart they are, and that no fault was found.
#pragma once

#include "support/cuda_emulator/emulator.hpp"
#include "support/cuda_emulator/on_device.hpp"
#include "tercet/core/config.hpp"

#include <cmath>
#include <limits>
#include <random>

namespace tercet_test {

template <class T>
std::vector<T> random(tercet::index_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::normal_distribution<T> normal;
    std::vector<T> x(static_cast<std::size_t>(count));
    for (T& v : x) v = normal(engine);
    return x;
}

/// The same numbers in another type.
template <class To, class From>
std::vector<To> as(const std::vector<From>& x) {
    std::vector<To> y;
    for (const From v : x) y.push_back(static_cast<To>(v));
    return y;
}

/// The largest difference, relative to 1 + |b|; NaN stands for itself.
template <class T>
double apart(const std::vector<T>& a, const std::vector<T>& b) {
    double worst = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i] == b[i] || (a[i] != a[i] && b[i] != b[i])) continue;
        const double off = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])) / (1 + std::fabs(static_cast<double>(b[i])));
        worst = off <= worst ? worst : off != off ? std::numeric_limits<double>::infinity() : off;
    }
    return worst;
}

template <class T>
constexpr double near = 40 * static_cast<double>(std::numeric_limits<T>::epsilon());

inline void check_no_fault() {
    for (const auto& fault : cuda_emulator::faults()) FAIL_CHECK(fault.text);
}

}  // namespace tercet_test
