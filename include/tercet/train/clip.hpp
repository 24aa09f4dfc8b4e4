// Clipping gradients (Pascanu et al. 2013, algorithm 1), over all tensors together:
//
//   g ← g · min(1, most / (‖g‖ + 10⁻⁶))          ‖g‖ = (Σ |g_i|^p)^(1/p), p = 2 unless asked otherwise, ∞ for the largest
#pragma once

#include "tercet/train/parameters.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// g = f(g, by) for each gradient, in place. (The tape's gradients are contiguous.)
template <Real T>
void change_gradients(const std::vector<NamedTensor<T>>& parameters, BinaryOp f, T by) {
    for (const auto& parameter : parameters) {
        Tensor<T> g = parameter.tensor.grad();
        if (g.storage() != nullptr) Device::binary(f, g.mutable_device_data(), g.device_data(), by, g.numel());
    }
}

}  // namespace detail

/// Multiplies every gradient: by 1 / n after n backward passes whose losses were not divided by it.
template <Real T>
void scale_gradients(const std::vector<NamedTensor<T>>& parameters, double factor) {
    detail::change_gradients(parameters, BinaryOp::mul, static_cast<T>(factor));
}

namespace detail {

// Scales gradients of that norm down to `most`, where it is larger.
template <Real T>
void clip_to(const std::vector<NamedTensor<T>>& parameters, double most, double norm) {
    const double factor = most / (norm + 1e-6);
    if (!(factor >= 1)) scale_gradients(parameters, factor);
}

}  // namespace detail

/// The p-norm of all gradients as one vector; tensors without a gradient count as zeros. Throws invalid_argument unless p >= 1.
template <Real T>
double gradient_norm(const std::vector<NamedTensor<T>>& parameters, double p = 2) {
    require(p >= 1, ErrorCode::invalid_argument, "gradient_norm: p = ", p, " is not at least 1");
    double total = 0;
    for (const auto& parameter : parameters) {
        const Tensor<T> g = parameter.tensor.grad();
        if (g.storage() == nullptr) continue;
        const double sum = Device::power_sum(g.device_data(), g.numel(), p);
        if (!std::isinf(p)) total += sum;
        else total = cpu::larger(total, sum);
    }
    return std::isinf(p) ? total : p == 2 ? std::sqrt(total) : std::pow(total, 1 / p);
}

/// Scales all gradients down together so that their norm is at most `most`, and gives the norm from before. A norm that is not finite
/// makes every gradient NaN or zero: look at it before the step. Throws invalid_argument unless most > 0.
template <Real T>
double clip_gradient_norm(const std::vector<NamedTensor<T>>& parameters, double most, double p = 2) {
    require(most > 0, ErrorCode::invalid_argument, "clip_gradient_norm: the limit ", most, " is not positive");
    const double norm = gradient_norm(parameters, p);
    detail::clip_to(parameters, most, norm);
    return norm;
}

/// Clips each element of each gradient to [−most, most]. Throws invalid_argument unless most > 0.
template <Real T>
void clip_gradient_values(const std::vector<NamedTensor<T>>& parameters, double most) {
    require(most > 0, ErrorCode::invalid_argument, "clip_gradient_values: the limit ", most, " is not positive");
    detail::change_gradients(parameters, BinaryOp::maximum, static_cast<T>(-most));
    detail::change_gradients(parameters, BinaryOp::minimum, static_cast<T>(most));
}

}  // namespace tercet::inline TERCET_ABI
