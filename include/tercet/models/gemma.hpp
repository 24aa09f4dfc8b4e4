// Gemma (Gemma Team 2024, arXiv 2403.08295), Gemma 2 (2408.00118, section 2) and Gemma 3 (2503.19786, section 2): a Llama whose norms multiply by
// 1 + w, whose embeddings are scaled by √C and whose MLP is GeGLU. The later two norm each branch on its way out as well:
//
//   x = x + norm(attention(norm(x)))        x = x + norm(down(gelu(gate(norm(x))) · up(norm(x))))
//
// and most of their layers see a sliding window alone: every other one of Gemma 2, five of six of Gemma 3, which turn by slower frequencies. Gemma 2
// caps scores and logits, c · tanh(x / c); Gemma 3 norms each head's query and key instead.
#pragma once

#include "tercet/autograd/checkpoint.hpp"
#include "tercet/models/causal.hpp"
#include "tercet/nn/feed_forward.hpp"
#include "tercet/nn/rotary_attention.hpp"

namespace tercet::inline TERCET_ABI {

struct GemmaConfig {
    index_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
    index_t context = 0;  // positions the model was made for
    float rms_eps = 1e-6f;
    RopeConfig rope{}, local_rope{};  // of layers that see everything, and of those with a window
    std::vector<index_t> windows{};   // of each layer, 0 for none; empty: none anywhere
    double score_scale = 0.0625, attention_softcap = 0, logit_softcap = 0;
    UnaryOp activation = UnaryOp::gelu_tanh;
    bool qkv_bias = false, out_bias = false, qk_norm = false, branch_norms = false, tied = true;
};

/// RMS norm with the weight 1 + w.
struct GemmaNorm : RmsNorm {
    using RmsNorm::RmsNorm;
    Tensor<float> operator()(const Tensor<float>& x) const { return detail::observed_layer(&weight, x, rms_norm(x, weight.tensor() + 1.f, eps)); }
};

struct GemmaBlock {
    // The checkpoint's "post_attention_layernorm" is the norm before the MLP in Gemma, and the one after the attention in Gemma 2 and 3.
    GemmaNorm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
    RotaryAttention<GemmaNorm> self_attn;
    GatedMlp mlp;  // GeGLU
    bool branch_norms;

    explicit GemmaBlock(const GemmaConfig& c)
        : input_layernorm(c.hidden_size, c.rms_eps),
          post_attention_layernorm(input_layernorm),
          self_attn(c),
          mlp(c.hidden_size, c.intermediate_size, c.activation),
          branch_norms(c.branch_norms) {
        if (branch_norms) pre_feedforward_layernorm = post_feedforward_layernorm = input_layernorm;
    }

    Tensor<float> operator()(Tensor<float> x, const DecoderContext& context, index_t layer) const {  // x (B, T, C)
        const auto attended = self_attn(input_layernorm(x), context, layer);
        if (!branch_norms) {
            x = x + attended;
            return x + mlp(post_attention_layernorm(x));
        }
        x = x + post_attention_layernorm(attended);
        return x + post_feedforward_layernorm(mlp(pre_feedforward_layernorm(x)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("input_layernorm", self.input_layernorm);
        v("self_attn", self.self_attn);
        v("post_attention_layernorm", self.post_attention_layernorm);
        v("pre_feedforward_layernorm", self.pre_feedforward_layernorm);
        v("post_feedforward_layernorm", self.post_feedforward_layernorm);
        v("mlp", self.mlp);
    }
};

/// A Gemma language model. Names of its weights are Llama's, and …pre_feedforward_layernorm.weight, …post_feedforward_layernorm.weight.
struct Gemma {
    GemmaConfig config;
    Embedding embed_tokens;
    std::vector<GemmaBlock> blocks;
    GemmaNorm norm;
    Linear lm_head;  // without a weight when it is tied to embed_tokens
    Rotary rotary, local_rotary;

    explicit Gemma(const GemmaConfig& c)
        : config(c), embed_tokens(c.vocab_size, c.hidden_size), norm(c.hidden_size, c.rms_eps), rotary(c.rope), local_rotary(c.local_rope) {
        for (index_t i = 0; i < c.layers; ++i) blocks.emplace_back(c);
        if (!c.tied) lm_head = Linear(c.hidden_size, c.vocab_size, false);
    }

    index_t layers() const { return config.layers; }
    index_t context() const { return config.context; }
    index_t vocab_size() const { return config.vocab_size; }

    const Weight* output_weight() const { return config.logit_softcap > 0 ? nullptr : config.tied ? &embed_tokens.weight : &lm_head.weight; }

    /// ids (B, T) -> logits (B, T, V), or (B, 1, V) with last_only. Throws context_overflow when the tokens outgrow the model's context.
    Tensor<float> operator()(const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) const {
        const index_t T = ids.size(1);
        const detail::TokensBefore before(options);
        before.check("gemma", T, config.context);
        const auto angles = before.angles(rotary, T), local_angles = before.angles(local_rotary, T);
        auto context = detail::decoder_context(options);
        context.attention.scale = config.score_scale;
        context.attention.softcap = config.attention_softcap;

        auto x = embed_tokens(ids) * std::sqrt(static_cast<float>(config.hidden_size));  // (B, T, C)
        for (index_t i = 0; i < config.layers; ++i) {
            if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
            if (!config.windows.empty()) context.attention.window = config.windows[static_cast<std::size_t>(i)];
            const auto block = [&block = blocks[static_cast<std::size_t>(i)], context, i,
                                turning = context.attention.window > 0 ? local_angles : angles](const Tensor<float>& in) {
                auto here = context;
                here.angles = &turning;
                return block(in, here, i);
            };
            x = options.checkpoint ? checkpoint(block, x, options.training) : block(x);
        }
        x = norm(options.last_only ? slice(x, 1, T - 1, T) : x);
        if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
        if (options.hidden) return x;
        return unembedded(x);
    }

    /// Hidden states (..., C), normed -> logits (..., V).
    Tensor<float> unembedded(const Tensor<float>& x) const {
        const auto logits = linear(x, config.tied ? embed_tokens.weight : lm_head.weight);
        const auto cap = static_cast<float>(config.logit_softcap);
        return cap > 0 ? tanh(logits * (1 / cap)) * cap : logits;
    }
    /// Hidden states between two layers (..., C) -> the logits (..., V) if they were the last.
    Tensor<float> logits_of(const Tensor<float>& x) const { return unembedded(norm(x)); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("model.embed_tokens", self.embed_tokens);
        v("model.layers", self.blocks);
        v("model.norm", self.norm);
        v("lm_head", self.lm_head);
    }
};

}  // namespace tercet::inline TERCET_ABI
