// The loss of a model's last layer straight from its hidden states, for a weight of any stored type: see ops/linear_cross_entropy.hpp.
#pragma once

#include "tercet/nn/weight.hpp"
#include "tercet/ops/linear_cross_entropy.hpp"

namespace tercet::inline TERCET_ABI {

/// x (..., in), weight of `out` classes, targets (...) -> scalar in nats: cross_entropy(linear(x, weight), targets). A dense weight, tied to an
/// embedding or not, holds the logits of `chunk` rows at a time, and is multiplied in float whatever its activations; one that is packed, stored
/// or has a low-rank term holds all logits.
template <Element I>
Tensor<float> linear_cross_entropy(const Tensor<float>& x, const Weight& weight, const Tensor<I>& targets,
                                   const CrossEntropyOptions<float>& options = {}, index_t chunk = 512) {
    if (!weight.is_dense() || weight.low_rank() != nullptr) return cross_entropy(linear(x, weight), targets, options);
    return linear_cross_entropy(x, weight.order() == WeightOrder::out_in ? weight.tensor() : transpose(weight.tensor()), targets, options, chunk);
}

}  // namespace tercet::inline TERCET_ABI
