// Llama and its relatives (Touvron et al. 2023): pre-norm decoder blocks with RMS norm, rotary positions, grouped key heads and SwiGLU.
//
//   x = x + attention(norm(x))        x = x + down(silu(gate(norm(x))) · up(norm(x)))
//
// The same struct is Mistral (a sliding window), Qwen 2 (biases on q, k, v), Qwen 3 (a norm on each head's query and key) and Phi-3 (whose file has
// q, k, v side by side in one matrix, and gate and up).
#pragma once

#include "tercet/autograd/checkpoint.hpp"
#include "tercet/models/causal.hpp"
#include "tercet/nn/feed_forward.hpp"
#include "tercet/nn/rotary_attention.hpp"

namespace tercet::inline TERCET_ABI {

struct LlamaConfig {
    index_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
    index_t context = 0;  // positions the model was made for
    float rms_eps = 1e-6f;
    RopeConfig rope{};
    std::vector<index_t> windows{};  // sliding window of each layer, 0 for none; empty: none anywhere
    UnaryOp activation = UnaryOp::silu;
    bool qkv_bias = false, out_bias = false, mlp_bias = false, qk_norm = false, tied = false;
};

struct LlamaBlock {
    RmsNorm input_layernorm, post_attention_layernorm;
    RotaryAttention<RmsNorm> self_attn;
    GatedMlp mlp;  // SwiGLU

    explicit LlamaBlock(const LlamaConfig& c)
        : input_layernorm(c.hidden_size, c.rms_eps),
          post_attention_layernorm(c.hidden_size, c.rms_eps),
          self_attn(c),
          mlp(c.hidden_size, c.intermediate_size, c.activation, c.mlp_bias) {}

    Tensor<float> operator()(Tensor<float> x, const DecoderContext& context, index_t layer) const {  // x (B, T, C)
        x = x + self_attn(input_layernorm(x), context, layer);
        return x + mlp(post_attention_layernorm(x));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("input_layernorm", self.input_layernorm);
        v("self_attn", self.self_attn);
        v("post_attention_layernorm", self.post_attention_layernorm);
        v("mlp", self.mlp);
    }
};

/// A Llama-family language model. Names of its weights: model.layers.0.self_attn.q_proj.weight, …, lm_head.weight unless tied.
struct Llama {
    LlamaConfig config;
    Embedding embed_tokens;
    std::vector<LlamaBlock> blocks;
    RmsNorm norm;
    Linear lm_head;  // without a weight when it is tied to embed_tokens
    Rotary rotary;

    explicit Llama(const LlamaConfig& c) : config(c), embed_tokens(c.vocab_size, c.hidden_size), norm(c.hidden_size, c.rms_eps), rotary(c.rope) {
        for (index_t i = 0; i < c.layers; ++i) blocks.emplace_back(c);
        if (!c.tied) lm_head = Linear(c.hidden_size, c.vocab_size, false);
    }

    index_t layers() const { return config.layers; }
    index_t context() const { return config.context; }
    index_t vocab_size() const { return config.vocab_size; }
    bool must_reread(index_t before, index_t after) const { return rotary.changes(before, after); }

    const Weight* output_weight() const { return config.tied ? &embed_tokens.weight : &lm_head.weight; }

    /// ids (B, T) -> logits (B, T, V), or (B, 1, V) with last_only. Throws context_overflow when the tokens outgrow the model's context.
    Tensor<float> operator()(const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) const {
        const index_t T = ids.size(1);
        const detail::TokensBefore before(options);
        before.check("llama", T, config.context);
        const auto angles = before.angles(rotary, T);
        auto context = detail::decoder_context(options);

        auto x = embed_tokens(ids);  // (B, T, C)
        for (index_t i = 0; i < config.layers; ++i) {
            if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
            if (!config.windows.empty()) context.attention.window = config.windows[static_cast<std::size_t>(i)];
            const auto block = [&block = blocks[static_cast<std::size_t>(i)], context, angles, i](const Tensor<float>& in) {
                auto here = context;
                here.angles = &angles;
                return block(in, here, i);
            };
            x = options.checkpoint ? checkpoint(block, x, options.training) : block(x);
        }
        x = norm(options.last_only ? slice(x, 1, T - 1, T) : x);
        if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
        if (options.hidden) return x;
        return linear(x, *output_weight());
    }

    /// Hidden states between two layers (..., C) -> the logits (..., V) if they were the last.
    Tensor<float> logits_of(const Tensor<float>& x) const { return linear(norm(x), *output_weight()); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("model.embed_tokens", self.embed_tokens);
        v("model.layers", self.blocks);
        v("model.norm", self.norm);
        v("lm_head", self.lm_head);
    }
};

}  // namespace tercet::inline TERCET_ABI
