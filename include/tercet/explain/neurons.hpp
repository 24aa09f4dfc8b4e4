// Neurons of a layer: which are strongest, where in the text, and how one of them goes along it.
//
//   explain::Capture capture(model, {"*.mlp.down_proj"});   model(ids);
//   for (auto& n : explain::strongest_neurons(capture.input("model.layers.3.mlp.down_proj"), 10)) …
//
// An MLP's neurons are what its last layer reads: each is a key that looks for a pattern in the text and a value that it then writes (Geva et al.
// 2021).
#pragma once

#include "tercet/tensor/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace tercet::inline TERCET_ABI::explain {

struct NeuronActivation {
    index_t neuron = 0, position = 0;  // where in the text it is strongest
    double value = 0;
};

namespace detail {

inline void check_text_activations(std::string_view what, const Tensor<float>& x) {
    require(x.rank() >= 2 && x.numel() == x.size(-1) * x.size(-2), ErrorCode::shape_mismatch, what,
            ": activations of one text are needed, (T, neurons), not ", x.shape());
}

}  // namespace detail

/// The neurons with the largest activations by absolute value, each at its strongest place, the strongest first. x (T, neurons) or (1, T, neurons).
/// Throws shape_mismatch, invalid_argument for a negative number.
inline std::vector<NeuronActivation> strongest_neurons(const Tensor<float>& x, index_t most) {
    detail::check_text_activations("strongest_neurons", x);
    require(most >= 0, ErrorCode::invalid_argument, "strongest_neurons: ", most, " of them");
    const auto rows = x.detach().contiguous();
    const index_t N = x.size(-1);
    std::vector<NeuronActivation> all(static_cast<std::size_t>(N));
    for (index_t n = 0; n < N; ++n) all[static_cast<std::size_t>(n)].neuron = n;
    for (index_t i = 0; i < rows.numel(); ++i) {
        auto& best = all[static_cast<std::size_t>(i % N)];
        const auto value = static_cast<double>(rows.data()[i]);
        if (i < N || std::abs(value) > std::abs(best.value)) best.position = i / N, best.value = value;
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return std::abs(a.value) > std::abs(b.value); });
    all.resize(static_cast<std::size_t>(std::min(most, N)));
    return all;
}

/// One neuron along the text. Throws shape_mismatch, index_out_of_range.
inline std::vector<double> neuron_along_text(const Tensor<float>& x, index_t neuron) {
    detail::check_text_activations("neuron_along_text", x);
    const index_t N = x.size(-1);
    require(neuron >= 0 && neuron < N, ErrorCode::index_out_of_range, "neuron_along_text: neuron ", neuron, " of ", N);
    const auto rows = x.detach().contiguous();
    std::vector<double> out;
    for (index_t t = 0; t < x.size(-2); ++t) out.push_back(static_cast<double>(rows.data()[t * N + neuron]));
    return out;
}

}  // namespace tercet::inline TERCET_ABI::explain
