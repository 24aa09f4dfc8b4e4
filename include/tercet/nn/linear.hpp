// Layers that are one op and its weights: a fully connected layer, an embedding, the two norms.
#pragma once

#include "tercet/nn/module.hpp"
#include "tercet/ops/norm.hpp"

namespace tercet::inline TERCET_ABI {

/// y = x · Wᵀ + b, x (..., in) -> (..., out); with an activation or a residual after it, y = f(x · Wᵀ + b) + residual.
struct Linear {
    Weight weight, bias;

    Linear() = default;
    Linear(index_t in, index_t out, bool with_bias = true) : weight(Shape{out, in}), bias(with_bias ? Weight(Shape{out}) : Weight()) {}

    Tensor<float> operator()(const Tensor<float>& x, const AfterLinear& then = {}) const { return linear(x, weight, bias, then); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("weight", self.weight);
        v("bias", self.bias);
    }
};

/// Several layers on the same x, in one go. See linear_each() of weights.
template <std::same_as<Linear>... Layers>
std::array<Tensor<float>, sizeof...(Layers)> linear_each(const Tensor<float>& x, const Layers&... layers) {
    return linear_each(x, {SharingLinear{layers.weight, layers.bias}...});
}

/// GPT-2's Conv1D: a fully connected layer whose weight is written (in, out).
struct Conv1D : Linear {
    Conv1D() = default;
    Conv1D(index_t in, index_t out) {
        weight = Weight(Shape{in, out}, WeightOrder::in_out);
        bias = Weight(Shape{out});
    }
};

/// Rows of a table (V, C), by ids.
struct Embedding {
    Weight weight;
    index_t padding = -1;  // the row that gets no gradient

    Embedding() = default;
    Embedding(index_t rows, index_t channels, index_t padding_row = -1) : weight(Shape{rows, channels}), padding(padding_row) {}

    template <Element I>
    Tensor<float> operator()(const Tensor<I>& ids) const {
        return embedding(weight, ids, padding);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("weight", self.weight);
    }
};

struct LayerNorm {
    Weight weight, bias;
    float eps = 1e-5f;

    LayerNorm() = default;
    LayerNorm(index_t channels, float epsilon, bool with_bias = true)
        : weight(Shape{channels}), bias(with_bias ? Weight(Shape{channels}) : Weight()), eps(epsilon) {}

    Tensor<float> operator()(const Tensor<float>& x) const {
        const auto b = bias.wanted() ? bias.tensor() : Tensor<float>::zeros(weight.shape());
        return detail::observed_layer(&weight, x, layer_norm(x, weight.tensor(), b, eps));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("weight", self.weight);
        v("bias", self.bias);
    }
};

struct RmsNorm {
    Weight weight;
    float eps = 1e-6f;

    RmsNorm() = default;
    RmsNorm(index_t channels, float epsilon) : weight(Shape{channels}), eps(epsilon) {}

    Tensor<float> operator()(const Tensor<float>& x) const { return detail::observed_layer(&weight, x, rms_norm(x, weight.tensor(), eps)); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("weight", self.weight);
    }
};

}  // namespace tercet::inline TERCET_ABI
