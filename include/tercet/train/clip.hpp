// Clipping gradients (Pascanu et al. 2013, algorithm 1), over all tensors together:
//
//   g ← g · min(1, most / (‖g‖ + 10⁻⁶))          ‖g‖ = (Σ |g_i|^p)^(1/p), p = 2 unless asked otherwise, ∞ for the largest
#pragma once

#include "tercet/train/optimizer.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// The larger of two, where a NaN stays.
inline double larger(double a, double b) {
    return b > a || std::isnan(b) ? b : a;
}

// Σ |x|^p, or max |x| for p = ∞, in double; pieces of a fixed size, so that the sum's order does not depend on the threads.
template <Real T>
double power_sum(const T* x, index_t n, double p) {
    constexpr index_t piece = 1 << 13;
    std::vector<double> sums(static_cast<std::size_t>((n + piece - 1) / piece));
    const bool largest = std::isinf(p);
    parallel_ranges(n, piece, [&](index_t begin, index_t end) {
        double sum = 0;
        if (p == 2) sum = static_cast<double>(cpu::kernels<T>().dot(x + begin, x + begin, end - begin));
        else
            for (index_t i = begin; i < end; ++i) {
                const double size = std::abs(static_cast<double>(x[i]));
                if (!largest) sum += p == 1 ? size : std::pow(size, p);
                else sum = larger(sum, size);
            }
        sums[static_cast<std::size_t>(begin / piece)] = sum;
    });
    double total = 0;
    for (const double sum : sums) {
        if (!largest) total += sum;
        else total = larger(total, sum);
    }
    return total;
}

}  // namespace detail

/// The p-norm of all gradients as one vector; tensors without a gradient count as zeros. Throws invalid_argument unless p >= 1.
template <Real T>
double gradient_norm(const std::vector<NamedTensor<T>>& parameters, double p = 2) {
    require(p >= 1, ErrorCode::invalid_argument, "gradient_norm: p = ", p, " is not at least 1");
    double total = 0;
    for (const auto& parameter : parameters) {
        const Tensor<T> g = parameter.tensor.grad().contiguous();
        if (g.storage() == nullptr) continue;
        const double sum = detail::power_sum(g.data(), g.numel(), p);
        if (!std::isinf(p)) total += sum;
        else total = detail::larger(total, sum);
    }
    return std::isinf(p) ? total : p == 2 ? std::sqrt(total) : std::pow(total, 1 / p);
}

/// Scales all gradients down together so that their norm is at most `most`, and gives the norm from before. A norm that is not finite
/// makes every gradient NaN or zero: look at it before the step. Throws invalid_argument unless most > 0.
template <Real T>
double clip_gradient_norm(const std::vector<NamedTensor<T>>& parameters, double most, double p = 2) {
    require(most > 0, ErrorCode::invalid_argument, "clip_gradient_norm: the limit ", most, " is not positive");
    const double norm = gradient_norm(parameters, p), factor = most / (norm + 1e-6);
    if (factor >= 1) return norm;
    for (const auto& parameter : parameters) {
        Tensor<T> g = parameter.tensor.grad();
        if (g.storage() == nullptr) continue;
        const T by = static_cast<T>(factor);
        Device::binary(BinaryOp::mul, g.mutable_data(), g.data(), &by, g.shape(), g.strides(), Shape::filled(g.rank(), 0));
    }
    return norm;
}

/// Clips each element of each gradient to [−most, most]. Throws invalid_argument unless most > 0.
template <Real T>
void clip_gradient_values(const std::vector<NamedTensor<T>>& parameters, double most) {
    require(most > 0, ErrorCode::invalid_argument, "clip_gradient_values: the limit ", most, " is not positive");
    const T limit = static_cast<T>(most);
    for (const auto& parameter : parameters) {
        Tensor<T> g = parameter.tensor.grad();
        if (g.storage() != nullptr) g.copy_from(minimum(maximum(g, Tensor<T>::scalar(-limit)), Tensor<T>::scalar(limit)));
    }
}

}  // namespace tercet::inline TERCET_ABI
