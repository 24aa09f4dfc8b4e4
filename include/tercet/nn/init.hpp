// Initialisation: the numbers a model starts from, all from one Generator, in the order in which the module names its weights.
//
//   Xavier   (Glorot & Bengio 2010, eq. 16):  variance gain² · 2 / (fan_in + fan_out)
//   Kaiming  (He et al. 2015, eq. 10):        variance gain² / fan_in, gain √2 before a ReLU
//   GPT-2    (Radford et al. 2019, sec. 2.3): normal 0.02; the layers that write to the residual stream by 1/√(2 · layers) of that;
//                                             biases 0, the weights of norms 1
#pragma once

#include "tercet/nn/module.hpp"

#include <numbers>

namespace tercet::inline TERCET_ABI {

/// Overwrites x with normal numbers.
template <Real T>
void init_normal(Tensor<T>& x, Generator& generator, double std = 1, double mean = 0) {
    const NoGrad guard;
    auto values = Tensor<T>::randn(x.shape(), generator);
    T* v = values.mutable_data();
    parallel_ranges(values.numel(), elementwise_grain, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) v[i] = static_cast<T>(mean + std * static_cast<double>(v[i]));
    });
    x.copy_from(values);
}

/// Overwrites x with uniform numbers in [low, high).
template <Real T>
void init_uniform(Tensor<T>& x, Generator& generator, double low, double high) {
    require(low <= high, ErrorCode::invalid_argument, "init_uniform: from ", low, " to ", high);
    const NoGrad guard;
    auto values = Tensor<T>::rand(x.shape(), generator);
    T* v = values.mutable_data();
    parallel_ranges(values.numel(), elementwise_grain, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) v[i] = static_cast<T>(low + (high - low) * static_cast<double>(v[i]));
    });
    x.copy_from(values);
}

/// How many numbers go into and come out of one unit of a weight (out, in, …); a Weight knows which way it is written.
struct Fans {
    index_t in, out;
};
/// Throws shape_mismatch for fewer than two dimensions.
inline Fans fans_of(const Shape& shape) {
    require(shape.rank() >= 2, ErrorCode::shape_mismatch, "init: a weight ", shape, " has no fans; two dimensions are needed");
    index_t field = 1;
    for (index_t d = 2; d < shape.rank(); ++d) field = checked_mul(field, shape[d], "init");
    return {shape[1] * field, shape[0] * field};
}
inline Fans fans_of(const Weight& weight) {
    require(weight.shape().rank() == 2, ErrorCode::shape_mismatch, "init: a weight ", weight.shape(), " has no fans; two dimensions are needed");
    return {weight.in_features(), weight.out_features()};
}

template <Real T>
void init_xavier_normal(Tensor<T>& x, Generator& generator, Fans fans, double gain = 1) {
    init_normal(x, generator, gain * std::sqrt(2.0 / static_cast<double>(fans.in + fans.out)));
}
template <Real T>
void init_xavier_uniform(Tensor<T>& x, Generator& generator, Fans fans, double gain = 1) {
    const double bound = gain * std::sqrt(6.0 / static_cast<double>(fans.in + fans.out));
    init_uniform(x, generator, -bound, bound);
}
template <Real T>
void init_kaiming_normal(Tensor<T>& x, Generator& generator, Fans fans, double gain = std::numbers::sqrt2) {
    init_normal(x, generator, gain / std::sqrt(static_cast<double>(fans.in)));
}
template <Real T>
void init_kaiming_uniform(Tensor<T>& x, Generator& generator, Fans fans, double gain = std::numbers::sqrt2) {
    const double bound = gain * std::sqrt(3.0 / static_cast<double>(fans.in));
    init_uniform(x, generator, -bound, bound);
}

/// How the names of the layers end that write to the residual stream, in GPT-2 and in Llama.
inline constexpr std::string_view residual_projections[] = {"c_proj.weight", "o_proj.weight", "down_proj.weight"};

struct GptInit {
    double std = 0.02;
    index_t layers = 0;  // > 0: the residual projections start at std / √(2 · layers)
    std::span<const std::string_view> residual_endings = residual_projections;
};

/// Gives one weight its first values, and puts it on the tape: a matrix normal ones, a bias 0, the weight of a norm 1.
inline void init_weight(Weight& w, std::string_view name, Generator& generator, double std = 0.02) {
    auto value = Tensor<float>::empty(w.shape());
    if (w.shape().rank() >= 2) init_normal(value, generator, std);
    else value.fill(name.ends_with("bias") ? 0.f : 1.f);
    w.set(std::move(value));
    w.tensor().requires_grad();
}

/// Gives every weight of a module its first values, as GPT-2 does, and puts it on the tape: ready for training.
template <class Module>
void init_gpt(Module& module, Generator& generator, const GptInit& how = {}) {
    require(how.std >= 0 && how.layers >= 0, ErrorCode::invalid_argument, "init_gpt: std ", how.std, ", ", how.layers, " layers");
    for_each_weight(module, [&](const std::string& name, Weight& w) {
        const auto ends = [&](std::string_view ending) { return name.ends_with(ending); };
        const bool residual = how.layers > 0 && std::any_of(how.residual_endings.begin(), how.residual_endings.end(), ends);
        init_weight(w, name, generator, residual ? how.std / std::sqrt(2.0 * static_cast<double>(how.layers)) : how.std);
    });
}

}  // namespace tercet::inline TERCET_ABI
