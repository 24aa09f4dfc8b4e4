// Attention of a decoder with rotary positions (Su et al. 2021) and grouped key heads (Ainslie et al. 2023), as Llama and its relatives have it:
//
//   q = turn(norm(x Wq)), k = turn(norm(x Wk)), v = x Wv, cut into heads;  y = concat(attention(q_h, k_h, v_h)) Wo
//
// The norm of each head (Henry et al. 2020) is there where a model has it.
#pragma once

#include "tercet/nn/attention.hpp"

namespace tercet::inline TERCET_ABI {

template <class Norm>
struct RotaryAttention {
    Linear q_proj, k_proj, v_proj, o_proj;
    Norm q_norm, k_norm;  // per head, where the model has them
    index_t heads, kv_heads, head_dim;
    bool qk_norm;

    template <class Config>
    explicit RotaryAttention(const Config& c)
        : q_proj(c.hidden_size, c.heads * c.head_dim, c.qkv_bias),
          k_proj(c.hidden_size, c.kv_heads * c.head_dim, c.qkv_bias),
          v_proj(c.hidden_size, c.kv_heads * c.head_dim, c.qkv_bias),
          o_proj(c.heads * c.head_dim, c.hidden_size, c.out_bias),
          heads(c.heads),
          kv_heads(c.kv_heads),
          head_dim(c.head_dim),
          qk_norm(c.qk_norm) {
        if (qk_norm) q_norm = k_norm = Norm(head_dim, c.rms_eps);
    }

    Tensor<float> operator()(const Tensor<float>& x, const DecoderContext& context, index_t layer) const {  // x (B, T, C)
        const index_t B = x.size(0), T = x.size(1);
        auto [query, key, value] = linear_each(x, q_proj, k_proj, v_proj);
        query = reshape(query, {B, T, heads, head_dim});
        key = reshape(key, {B, T, kv_heads, head_dim});
        if (qk_norm) {
            query = q_norm(query);
            key = k_norm(key);
        }
        query = permute(rotate(query, *context.angles), {0, 2, 1, 3});  // (B, H, T, D)
        key = permute(rotate(key, *context.angles), {0, 2, 1, 3});
        return o_proj(join_heads(causal_attention(query, key, split_heads(value, kv_heads), context, layer)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("q_proj", self.q_proj);
        v("k_proj", self.k_proj);
        v("v_proj", self.v_proj);
        v("o_proj", self.o_proj);
        v("q_norm", self.q_norm);
        v("k_norm", self.k_norm);
    }
};

}  // namespace tercet::inline TERCET_ABI
