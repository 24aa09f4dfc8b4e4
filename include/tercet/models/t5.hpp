// T5 (Raffel et al. 2020): an encoder-decoder of pre-norm blocks without biases, whose positions are a learnt bias on the scores.
//
//   encoder   x = x + attention(norm(x))        x = x + mlp(norm(x))
//   decoder   x = x + attention(norm(x))        x = x + attention(norm(x), encoded)        x = x + mlp(norm(x))
//
// The norm is RMS norm; scores are not divided by √D; the first layer's relative bias serves them all (nn/relative_bias.hpp). The head is tied to the
// embeddings, and then reads x / √C. Version 1.1 (Shazeer 2020) gates its MLP and has a head of its own.
#pragma once

#include "tercet/models/seq2seq.hpp"
#include "tercet/nn/attention.hpp"
#include "tercet/nn/relative_bias.hpp"

namespace tercet::inline TERCET_ABI {

struct T5Config {
    index_t vocab_size = 0, hidden_size = 0, inner_size = 0, layers = 0, decoder_layers = 0, heads = 0, head_dim = 0, buckets = 32,
            max_distance = 128;
    float rms_eps = 1e-6f;
    UnaryOp activation = UnaryOp::relu;
    bool gated = false, tied = true, scaled_outputs = true;  // scaled_outputs: the head reads x / √C
    std::int32_t start_token = 0;
};

struct T5Attention {
    Linear q, k, v, o;
    Embedding relative_attention_bias;  // (buckets, H), in the first layer's self-attention
    index_t heads;

    T5Attention(const T5Config& c, bool with_bias)
        : q(c.hidden_size, c.heads * c.head_dim, false),
          k(c.hidden_size, c.heads * c.head_dim, false),
          v(c.hidden_size, c.heads * c.head_dim, false),
          o(c.heads * c.head_dim, c.hidden_size, false),
          heads(c.heads) {
        if (with_bias) relative_attention_bias = Embedding(c.buckets, c.heads);
    }

    /// x (B, T, C) -> (B, T, C), to the keys and values that the context's cache holds too.
    Tensor<float> operator()(const Tensor<float>& x, const DecoderContext& context, index_t layer) const {
        const auto [query, key, value] = linear_each(x, q, k, v);
        return o(join_heads(causal_attention(split_heads(query, heads), split_heads(key, heads), split_heads(value, heads), context, layer)));
    }
    /// x (B, T, C) attends to the encoder's output, whose keys and values are given.
    Tensor<float> operator()(const Tensor<float>& x, const KvCache::View<float>& encoded, const Tensor<float>& bias) const {
        return o(join_heads(attention(split_heads(q(x), heads), encoded.key, encoded.value, {.scale = 1.0}, bias)));
    }
    KvCache::View<float> key_value(const Tensor<float>& encoded) const { return {split_heads(k(encoded), heads), split_heads(v(encoded), heads)}; }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("q", self.q);
        v("k", self.k);
        v("v", self.v);
        v("o", self.o);
        v("relative_attention_bias", self.relative_attention_bias);
    }
};

struct T5Mlp {
    Linear wi, wi_0, wi_1, wo;  // wi, or wi_0 as the gate of wi_1
    UnaryOp activation;
    bool gated;

    explicit T5Mlp(const T5Config& c) : wo(c.inner_size, c.hidden_size, false), activation(c.activation), gated(c.gated) {
        (gated ? wi_0 : wi) = Linear(c.hidden_size, c.inner_size, false);
        if (gated) wi_1 = wi_0;
    }

    Tensor<float> operator()(const Tensor<float>& x) const {
        return wo(gated ? wi_0(x, {.activation = activation}) * wi_1(x) : wi(x, {.activation = activation}));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("wi", self.wi);
        v("wi_0", self.wi_0);
        v("wi_1", self.wi_1);
        v("wo", self.wo);
    }
};

struct T5Block {
    T5Attention self_attention, cross_attention;  // cross: in the decoder
    T5Mlp mlp;
    RmsNorm attention_norm, cross_norm, mlp_norm;
    bool decodes;

    T5Block(const T5Config& c, bool decoder, bool with_bias)
        : self_attention(c, with_bias),
          cross_attention(c, false),
          mlp(c),
          attention_norm(c.hidden_size, c.rms_eps),
          cross_norm(attention_norm),
          mlp_norm(attention_norm),
          decodes(decoder) {}

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("layer.0.SelfAttention", self.self_attention);
        v("layer.0.layer_norm", self.attention_norm);
        if (self.decodes) {
            v("layer.1.EncDecAttention", self.cross_attention);
            v("layer.1.layer_norm", self.cross_norm);
        }
        v(self.decodes ? "layer.2.DenseReluDense" : "layer.1.DenseReluDense", self.mlp);
        v(self.decodes ? "layer.2.layer_norm" : "layer.1.layer_norm", self.mlp_norm);
    }
};

/// The encoder's or the decoder's blocks, and the norm after them.
struct T5Stack {
    std::vector<T5Block> blocks;
    RmsNorm final_norm;

    T5Stack(const T5Config& c, index_t layers, bool decoder) : final_norm(c.hidden_size, c.rms_eps) {
        for (index_t i = 0; i < layers; ++i) blocks.emplace_back(c, decoder, i == 0);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("block", self.blocks);
        v("final_layer_norm", self.final_norm);
    }
};

/// A T5. Names of its weights: shared.weight, encoder.block.0.layer.0.SelfAttention.q.weight, …, lm_head.weight unless tied.
struct T5 {
    T5Config config;
    Embedding shared;
    T5Stack encoder, decoder;
    Linear lm_head;

    explicit T5(const T5Config& c) : config(c), shared(c.vocab_size, c.hidden_size), encoder(c, c.layers, false), decoder(c, c.decoder_layers, true) {
        if (!c.tied) lm_head = Linear(c.hidden_size, c.vocab_size, false);
    }

    index_t decoder_layers() const { return config.decoder_layers; }
    index_t context() const { return 0; }
    index_t vocab_size() const { return config.vocab_size; }
    std::int32_t start_token() const { return config.start_token; }

    /// ids (B, S) -> (B, S, C).
    Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs) const {
        const index_t S = ids.size(1);
        DecoderContext context;
        context.attention = {.scale = 1.0};
        context.bias = relative_bias(encoder.blocks[0].self_attention.relative_attention_bias, {config.buckets, config.max_distance, true}, 0, S, S);
        if (inputs.attention_mask != nullptr) context.bias = context.bias + padding_bias(*inputs.attention_mask);
        auto x = shared(ids);
        for (index_t i = 0; i < config.layers; ++i) {
            const auto& block = encoder.blocks[static_cast<std::size_t>(i)];
            if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
            x = x + block.self_attention(block.attention_norm(x), context, i);
            x = x + block.mlp(block.mlp_norm(x));
        }
        x = encoder.final_norm(x);
        if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
        return x;
    }

    /// ids (B, T) and the encoder's output (B, S, C) -> logits (B, T, V), or (B, 1, V) with last_only.
    Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs) const {
        const index_t T = ids.size(1), before = inputs.cache == nullptr ? 0 : inputs.cache->size();
        DecoderContext context{nullptr, inputs.cache};
        context.attention = {.causal = true, .scale = 1.0};
        context.bias = relative_bias(decoder.blocks[0].self_attention.relative_attention_bias, {config.buckets, config.max_distance, false}, before,
                                     T, before + T);
        const auto padding = inputs.attention_mask != nullptr ? padding_bias(*inputs.attention_mask) : Tensor<float>();
        auto x = shared(ids);
        for (index_t i = 0; i < config.decoder_layers; ++i) {
            const auto& block = decoder.blocks[static_cast<std::size_t>(i)];
            if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
            x = x + block.self_attention(block.attention_norm(x), context, i);
            const auto cross =
                detail::cross_key_value(inputs.cross, i, config.decoder_layers, [&] { return block.cross_attention.key_value(encoded); });
            x = x + block.cross_attention(block.cross_norm(x), cross, padding);
            x = x + block.mlp(block.mlp_norm(x));
        }
        x = decoder.final_norm(inputs.last_only ? slice(x, 1, T - 1, T) : x);
        if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
        if (config.scaled_outputs) x = x * (1 / std::sqrt(static_cast<float>(config.hidden_size)));
        return linear(x, config.tied ? shared.weight : lm_head.weight);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("shared", self.shared);
        v("encoder", self.encoder);
        v("decoder", self.decoder);
        v("lm_head", self.lm_head);
    }
};

}  // namespace tercet::inline TERCET_ABI
