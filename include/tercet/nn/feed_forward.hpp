// The feed-forward half of a block with a gate (Shazeer 2020, "GLU variants improve transformer"):
//
//   y = down(f(gate(x)) · up(x))           f = silu: SwiGLU           f = gelu: GeGLU
#pragma once

#include "tercet/nn/linear.hpp"
#include "tercet/ops/elementwise.hpp"

namespace tercet::inline TERCET_ABI {

struct GatedMlp {
    Linear gate_proj, up_proj, down_proj;
    UnaryOp activation;

    GatedMlp(index_t width, index_t inner, UnaryOp f, bool with_bias = false)
        : gate_proj(width, inner, with_bias), up_proj(width, inner, with_bias), down_proj(inner, width, with_bias), activation(f) {}

    Tensor<float> operator()(const Tensor<float>& x) const {  // (..., C)
        const auto [gate, up] = linear_each(x, {{gate_proj.weight, gate_proj.bias, {.activation = activation}}, {up_proj.weight, up_proj.bias}});
        return down_proj(gate * up);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("gate_proj", self.gate_proj);
        v("up_proj", self.up_proj);
        v("down_proj", self.down_proj);
    }
};

}  // namespace tercet::inline TERCET_ABI
