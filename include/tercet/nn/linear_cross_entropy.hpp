// The loss of a model's last layer straight from its hidden states, for a weight of any stored type: see ops/linear_cross_entropy.hpp.
#pragma once

#include "tercet/nn/weight.hpp"
#include "tercet/ops/linear_cross_entropy.hpp"

namespace tercet::inline TERCET_ABI {

/// x (..., in), weight of `out` classes, targets (...) -> scalar in nats: cross_entropy(linear(x, weight), targets). The logits of `chunk` rows are
/// held at a time, beside a dense copy of a weight that is packed or stored; all of them for one with a low-rank term.
template <Element I>
Tensor<float> linear_cross_entropy(const Tensor<float>& x, const Weight& weight, const Tensor<I>& targets,
                                   const CrossEntropyOptions<float>& options = {}, index_t chunk = 512) {
    if (weight.low_rank() != nullptr) return cross_entropy(linear(x, weight), targets, options);
    const auto dense = weight.is_dense() ? weight.tensor() : weight.to_dense();
    return linear_cross_entropy(x, weight.order() == WeightOrder::out_in ? dense : transpose(dense), targets, options, chunk, weight.activations());
}

}  // namespace tercet::inline TERCET_ABI
