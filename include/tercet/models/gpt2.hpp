// GPT-2 (Radford et al. 2019): pre-norm decoder blocks with layer norm, learned positions and GELU.
//
//   x = x + attention(ln_1(x))        x = x + mlp(ln_2(x))
//
// The head is tied to the token embedding. The layers' weights are written (in, out), as the checkpoint has them.
#pragma once

#include "tercet/autograd/checkpoint.hpp"
#include "tercet/models/causal.hpp"
#include "tercet/nn/attention.hpp"
#include "tercet/ops/dropout.hpp"

namespace tercet::inline TERCET_ABI {

struct Gpt2Config {
    index_t vocab_size = 50257, context = 1024, hidden_size = 768, layers = 12, heads = 12, inner_size = 0;  // inner 0: four times hidden
    float layer_norm_eps = 1e-5f;
    UnaryOp activation = UnaryOp::gelu_tanh;
    double dropout = 0;  // in training: of embeddings and of each branch
    bool tied = true;
    bool scaled_scores = true, scaled_by_layer = false;  // scores over √D; and over 1, 2, … in the first layer, the second, …

    index_t inner() const { return inner_size > 0 ? inner_size : 4 * hidden_size; }
};

struct Gpt2Attention {
    Conv1D c_attn, c_proj;
    index_t heads;
    bool scaled_scores, scaled_by_layer;

    explicit Gpt2Attention(const Gpt2Config& c)
        : c_attn(c.hidden_size, 3 * c.hidden_size),
          c_proj(c.hidden_size, c.hidden_size),
          heads(c.heads),
          scaled_scores(c.scaled_scores),
          scaled_by_layer(c.scaled_by_layer) {}

    Tensor<float> operator()(const Tensor<float>& x, DecoderContext context, index_t layer) const {  // x (B, T, C)
        const index_t C = x.size(2);
        const auto qkv = c_attn(x);  // (B, T, 3C)
        if (!scaled_scores || scaled_by_layer)
            context.attention.scale =
                (scaled_scores ? 1 / std::sqrt(static_cast<double>(C / heads)) : 1) / (scaled_by_layer ? static_cast<double>(layer + 1) : 1);
        if (context.cache == nullptr && context.rows.empty()) return c_proj(self_attention(qkv, heads, context.attention, context.bias));
        const auto part = [&](index_t i) { return split_heads(slice(qkv, 2, i * C, (i + 1) * C), heads); };
        return c_proj(join_heads(causal_attention(part(0), part(1), part(2), context, layer)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("c_attn", self.c_attn);
        v("c_proj", self.c_proj);
    }
};

struct Gpt2Mlp {
    Conv1D c_fc, c_proj;
    UnaryOp activation;

    explicit Gpt2Mlp(const Gpt2Config& c) : c_fc(c.hidden_size, c.inner()), c_proj(c.inner(), c.hidden_size), activation(c.activation) {}

    Tensor<float> operator()(const Tensor<float>& x) const { return c_proj(c_fc(x, {.activation = activation})); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("c_fc", self.c_fc);
        v("c_proj", self.c_proj);
    }
};

struct Gpt2Block {
    LayerNorm ln_1, ln_2;
    Gpt2Attention attn;
    Gpt2Mlp mlp;

    explicit Gpt2Block(const Gpt2Config& c) : ln_1(c.hidden_size, c.layer_norm_eps), ln_2(c.hidden_size, c.layer_norm_eps), attn(c), mlp(c) {}

    /// `drop` is applied to each branch before it is added.
    template <class Drop>
    Tensor<float> operator()(Tensor<float> x, const DecoderContext& context, index_t layer, const Drop& drop) const {  // x (B, T, C)
        x = x + drop(attn(ln_1(x), context, layer));
        return x + drop(mlp(ln_2(x)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("ln_1", self.ln_1);
        v("attn", self.attn);
        v("ln_2", self.ln_2);
        v("mlp", self.mlp);
    }
};

/// A GPT-2 language model. Names of its weights: transformer.h.0.attn.c_attn.weight, …
struct Gpt2 {
    Gpt2Config config;
    Embedding wte, wpe;
    std::vector<Gpt2Block> h;
    LayerNorm ln_f;
    Linear lm_head;  // without a weight when it is tied to wte

    explicit Gpt2(const Gpt2Config& c)
        : config(c), wte(c.vocab_size, c.hidden_size), wpe(c.context, c.hidden_size), ln_f(c.hidden_size, c.layer_norm_eps) {
        require(c.heads > 0 && c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, "gpt2: width ", c.hidden_size, " does not divide into ",
                c.heads, " heads");
        for (index_t i = 0; i < c.layers; ++i) h.emplace_back(c);
        if (!c.tied) lm_head = Linear(c.hidden_size, c.vocab_size, false);
    }

    index_t layers() const { return config.layers; }
    index_t context() const { return config.context; }
    index_t vocab_size() const { return config.vocab_size; }

    const Weight* output_weight() const { return config.tied ? &wte.weight : &lm_head.weight; }

    /// ids (B, T) -> logits (B, T, V), or (B, 1, V) with last_only. Throws context_overflow when the tokens outgrow the model's context.
    Tensor<float> operator()(const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) const {
        const index_t T = ids.size(1);
        const detail::TokensBefore before(options);
        before.check("gpt2", T, config.context);
        const auto drop = [p = config.dropout, training = options.training](const Tensor<float>& x) {
            return training != nullptr && p > 0 ? dropout(x, p, *training) : x;
        };
        auto context = detail::decoder_context(options);

        auto positions = Tensor<std::int32_t>::arange(static_cast<double>(before.most), static_cast<double>(before.most + T));
        if (!before.rows.empty()) positions = Tensor<index_t>::copy(before.rows, {ids.size(0), 1}).to<std::int32_t>();
        if (!options.lengths.empty()) positions = Tensor<index_t>::copy(packed_positions(options.lengths), {T}).to<std::int32_t>();
        auto x = drop(wte(ids) + wpe(positions));  // (B, T, C)
        for (index_t i = 0; i < config.layers; ++i) {
            if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
            const auto block = [&block = h[static_cast<std::size_t>(i)], context, drop, i](const Tensor<float>& in) {
                return block(in, context, i, drop);
            };
            x = options.checkpoint ? checkpoint(block, x, options.training) : block(x);
        }
        x = ln_f(options.last_only ? slice(x, 1, T - 1, T) : x);
        if (options.hidden_states != nullptr) options.hidden_states->push_back(x);
        if (options.hidden) return x;
        return linear(x, *output_weight());
    }

    /// Hidden states between two layers (..., C) -> the logits (..., V) if they were the last.
    Tensor<float> logits_of(const Tensor<float>& x) const { return linear(ln_f(x), *output_weight()); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("transformer.wte", self.wte);
        v("transformer.wpe", self.wpe);
        v("transformer.h", self.h);
        v("transformer.ln_f", self.ln_f);
        v("lm_head", self.lm_head);
    }
};

}  // namespace tercet::inline TERCET_ABI
