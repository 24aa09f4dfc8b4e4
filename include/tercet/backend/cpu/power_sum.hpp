// Σ |x|^p in double, of which norms are made: over pieces of a fixed size, so that the order of the sum does not depend on the threads.
#pragma once

#include "tercet/backend/cpu/dispatch.hpp"
#include "tercet/core/dtype.hpp"
#include "tercet/core/memory.hpp"
#include "tercet/core/parallel.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI::cpu {

// The larger of two, where a NaN stays.
inline double larger(double a, double b) {
    return b > a || std::isnan(b) ? b : a;
}

// Folds f(begin, end) over pieces of [0, n): f on all threads, join(total, of the piece) in the order of the pieces.
template <class R, class F, class Join>
R fold_pieces(index_t n, R total, const F& f, const Join& join) {
    constexpr index_t piece = 1 << 13;
    const Scratch<R> results((n + piece - 1) / piece);
    parallel_ranges(n, piece, [&](index_t begin, index_t end) { results[begin / piece] = f(begin, end); });
    for (index_t i = 0; i * piece < n; ++i) total = join(total, results[i]);
    return total;
}

// Σ |x|^p, or max |x| for p = ∞; x (n)
template <Real T>
double power_sum(const T* x, index_t n, double p) {
    const bool largest = std::isinf(p);
    const auto join = [&](double a, double b) { return largest ? larger(a, b) : a + b; };
    const auto of_piece = [&](index_t begin, index_t end) {
        if (p == 2) return static_cast<double>(kernels<T>().dot(x + begin, x + begin, end - begin));
        double sum = 0;
        for (index_t i = begin; i < end; ++i) {
            const double size = std::abs(static_cast<double>(x[i]));
            sum = join(sum, p == 1 || largest ? size : std::pow(size, p));
        }
        return sum;
    };
    return fold_pieces(n, 0.0, of_piece, join);
}

}  // namespace tercet::inline TERCET_ABI::cpu
