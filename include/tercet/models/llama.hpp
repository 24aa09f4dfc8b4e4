// Llama and its relatives (Touvron et al. 2023): pre-norm decoder blocks with RMS norm, rotary positions, grouped key heads and SwiGLU.
//
//   x = x + attention(norm(x))        x = x + down(silu(gate(norm(x))) · up(norm(x)))
//
// The same struct is Mistral (a sliding window), Qwen 2 (biases on q, k, v) and Qwen 3 (a norm on each head's query and key).
#pragma once

#include "tercet/autograd/checkpoint.hpp"
#include "tercet/nn/attention.hpp"

namespace tercet::inline TERCET_ABI {

struct LlamaConfig {
    index_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
    index_t context = 0;  // positions the model was made for
    float rms_eps = 1e-6f;
    double rope_theta = 10000;
    std::optional<RopeLlama3> rope_llama3{};
    double rope_linear = 1;  // positions are divided by this
    index_t window = 0;      // sliding window, 0 for none
    bool qkv_bias = false, out_bias = false, mlp_bias = false, qk_norm = false, tied = false;
};

/// What a forward pass may be given besides the ids, and give back besides the logits.
struct ForwardOptions {
    KvCache* cache = nullptr;                              // tokens before these; they are added to it
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, T), 0 for padding; not with a cache
    bool last_only = false;                                // logits of the last position alone
    std::vector<Tensor<float>>* hidden_states = nullptr;   // the embeddings, each block's output, the last after the final norm
    bool checkpoint = false;                               // in training: keep each block's input alone for backward, see autograd/checkpoint.hpp
};

struct LlamaAttention {
    Linear q_proj, k_proj, v_proj, o_proj;
    RmsNorm q_norm, k_norm;  // per head, where the model has them
    index_t heads, kv_heads, head_dim;
    bool qk_norm;

    explicit LlamaAttention(const LlamaConfig& c)
        : q_proj(c.hidden_size, c.heads * c.head_dim, c.qkv_bias),
          k_proj(c.hidden_size, c.kv_heads * c.head_dim, c.qkv_bias),
          v_proj(c.hidden_size, c.kv_heads * c.head_dim, c.qkv_bias),
          o_proj(c.heads * c.head_dim, c.hidden_size, c.out_bias),
          heads(c.heads),
          kv_heads(c.kv_heads),
          head_dim(c.head_dim),
          qk_norm(c.qk_norm) {
        if (qk_norm) q_norm = k_norm = RmsNorm(head_dim, c.rms_eps);
    }

    Tensor<float> operator()(const Tensor<float>& x, const DecoderContext& context, index_t layer) const {  // x (B, T, C)
        const index_t B = x.size(0), T = x.size(1);
        auto query = reshape(q_proj(x), {B, T, heads, head_dim}), key = reshape(k_proj(x), {B, T, kv_heads, head_dim});
        if (qk_norm) {
            query = q_norm(query);
            key = k_norm(key);
        }
        query = permute(rope(query, *context.angles), {0, 2, 1, 3});  // (B, H, T, D)
        key = permute(rope(key, *context.angles), {0, 2, 1, 3});
        return o_proj(join_heads(causal_attention(query, key, split_heads(v_proj(x), kv_heads), context, layer)));
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

/// SwiGLU (Shazeer 2020): down(silu(gate x) · up x).
struct LlamaMlp {
    Linear gate_proj, up_proj, down_proj;

    explicit LlamaMlp(const LlamaConfig& c)
        : gate_proj(c.hidden_size, c.intermediate_size, c.mlp_bias),
          up_proj(c.hidden_size, c.intermediate_size, c.mlp_bias),
          down_proj(c.intermediate_size, c.hidden_size, c.mlp_bias) {}

    Tensor<float> operator()(const Tensor<float>& x) const { return down_proj(gate_proj(x, {.activation = UnaryOp::silu}) * up_proj(x)); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("gate_proj", self.gate_proj);
        v("up_proj", self.up_proj);
        v("down_proj", self.down_proj);
    }
};

struct LlamaBlock {
    RmsNorm input_layernorm, post_attention_layernorm;
    LlamaAttention self_attn;
    LlamaMlp mlp;

    explicit LlamaBlock(const LlamaConfig& c)
        : input_layernorm(c.hidden_size, c.rms_eps), post_attention_layernorm(c.hidden_size, c.rms_eps), self_attn(c), mlp(c) {}

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
    RopeTable table;

    explicit Llama(const LlamaConfig& c)
        : config(c), embed_tokens(c.vocab_size, c.hidden_size), norm(c.hidden_size, c.rms_eps), table(rope_frequencies(c.head_dim, c.rope_theta)) {
        for (index_t i = 0; i < c.layers; ++i) blocks.emplace_back(c);
        if (!c.tied) lm_head = Linear(c.hidden_size, c.vocab_size, false);
        if (c.rope_llama3) table = stretched(table, *c.rope_llama3);
        for (double& f : table.frequencies) f /= c.rope_linear;
    }

    index_t layers() const { return config.layers; }
    index_t context() const { return config.context; }
    index_t vocab_size() const { return config.vocab_size; }

    /// ids (B, T) -> logits (B, T, V), or (B, 1, V) with last_only. Throws context_overflow when the tokens outgrow the model's context.
    Tensor<float> operator()(const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) const {
        const index_t T = ids.size(1), before = options.cache == nullptr ? 0 : options.cache->size();
        require(config.context == 0 || before + T <= config.context, ErrorCode::context_overflow, "llama: ", before + T,
                " tokens, the model's context holds ", config.context);
        const RopeAngles<float> angles(table, before, T);
        DecoderContext context{nullptr, options.cache, {}, config.window};
        if (options.attention_mask != nullptr) context.bias = padding_bias(*options.attention_mask);

        auto x = embed_tokens(ids);  // (B, T, C)
        for (index_t i = 0; i < config.layers; ++i) {
            if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
            const auto block = [&block = blocks[static_cast<std::size_t>(i)], context, angles, i](const Tensor<float>& in) {
                auto here = context;
                here.angles = &angles;
                return block(in, here, i);
            };
            x = options.checkpoint ? checkpoint(block, x) : block(x);
        }
        x = norm(options.last_only ? slice(x, 1, T - 1, T) : x);
        if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
        return linear(x, config.tied ? embed_tokens.weight : lm_head.weight);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("model.embed_tokens", self.embed_tokens);
        v("model.layers", self.blocks);
        v("model.norm", self.norm);
        v("lm_head", self.lm_head);
    }
};

}  // namespace tercet::inline TERCET_ABI
