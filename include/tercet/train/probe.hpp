// Where numbers stop being finite: the forward pass once more, layer by layer.
//
//   train(…, [&](const TokenBatch& b) { return first_non_finite_layer(model, b.inputs); });
#pragma once

#include "tercet/models/gpt2.hpp"
#include "tercet/train/statistics.hpp"

namespace tercet::inline TERCET_ABI {

/// The first part of a model whose output has a NaN or an infinity: "the embedding", "layer 3" (from 0) or "the logits"; empty when all is finite.
/// The last layer is seen through the final norm: "layer 11 or the final norm". The model takes ForwardOptions: ids (B, T).
template <class Model>
std::string first_non_finite_layer(const Model& model, const Tensor<std::int32_t>& ids) {
    const NoGrad guard;
    const auto finite = [](const Tensor<float>& t) { return detail::all_finite(t.contiguous()); };
    std::vector<Tensor<float>> states;  // what enters each layer, and what leaves the final norm
    ForwardOptions options;
    options.hidden_states = &states;
    const auto logits = model(ids, options);
    for (std::size_t i = 0; i < states.size(); ++i)
        if (!finite(states[i]))
            return i == 0 ? "the embedding" : "layer " + std::to_string(i - 1) + (i + 1 == states.size() ? " or the final norm" : "");
    return finite(logits) ? "" : "the logits";
}

}  // namespace tercet::inline TERCET_ABI
