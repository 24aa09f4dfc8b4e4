// BART (Lewis et al. 2020) and Marian (Junczys-Dowmunt et al. 2018): the post-norm encoder-decoder of Vaswani et al. 2017, section 3.
//
//   encoder   x = norm(x + attention(x))        x = norm(x + fc2(gelu(fc1(x))))
//   decoder   x = norm(x + attention(x))        x = norm(x + attention(x, encoded))        x = norm(x + fc2(gelu(fc1(x))))
//
// BART learns its positions, and norms the embeddings. Marian's positions are fixed waves (section 3.5), its embeddings scaled by √C, its activation
// SiLU. Both tie the head to the embeddings and add a bias to the logits that is not trained.
#pragma once

#include "tercet/models/seq2seq.hpp"
#include "tercet/nn/attention.hpp"

namespace tercet::inline TERCET_ABI {

struct BartConfig {
    index_t vocab_size = 0, decoder_vocab_size = 0, hidden_size = 0, layers = 0, decoder_layers = 0, heads = 0, decoder_heads = 0, inner_size = 0,
            decoder_inner_size = 0, context = 0, padding = 1;
    UnaryOp activation = UnaryOp::gelu;
    bool learned_positions = true;  // with a norm of the embeddings; otherwise waves and none
    bool scaled_embeddings = false, shared_embeddings = true, tied = true;
    std::int32_t start_token = 2;
};

struct BartAttention {
    Linear q_proj, k_proj, v_proj, out_proj;
    index_t heads;

    BartAttention(index_t width, index_t heads_) : q_proj(width, width), k_proj(q_proj), v_proj(q_proj), out_proj(q_proj), heads(heads_) {}

    /// x (B, T, C) -> (B, T, C), to the keys and values that the context's cache holds too.
    Tensor<float> operator()(const Tensor<float>& x, const DecoderContext& context, index_t layer) const {
        const auto [query, key, value] = linear_each(x, q_proj, k_proj, v_proj);
        return out_proj(join_heads(causal_attention(split_heads(query, heads), split_heads(key, heads), split_heads(value, heads), context, layer)));
    }
    /// x (B, T, C) attends to the encoder's output, whose keys and values are given.
    Tensor<float> operator()(const Tensor<float>& x, const KvCache::View<float>& encoded, const Tensor<float>& bias) const {
        return out_proj(join_heads(attention(split_heads(q_proj(x), heads), encoded.key, encoded.value, {}, bias)));
    }
    KvCache::View<float> key_value(const Tensor<float>& x) const { return {split_heads(k_proj(x), heads), split_heads(v_proj(x), heads)}; }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("k_proj", self.k_proj);
        v("v_proj", self.v_proj);
        v("q_proj", self.q_proj);
        v("out_proj", self.out_proj);
    }
};

struct BartBlock {
    BartAttention self_attn, encoder_attn;  // encoder_attn: in the decoder
    LayerNorm self_attn_layer_norm, encoder_attn_layer_norm, final_layer_norm;
    Linear fc1, fc2;
    UnaryOp activation;
    bool decodes;

    BartBlock(const BartConfig& c, bool decoder)
        : self_attn(c.hidden_size, decoder ? c.decoder_heads : c.heads),
          encoder_attn(self_attn),
          self_attn_layer_norm(c.hidden_size, 1e-5f),
          encoder_attn_layer_norm(self_attn_layer_norm),
          final_layer_norm(self_attn_layer_norm),
          fc1(c.hidden_size, decoder ? c.decoder_inner_size : c.inner_size),
          fc2(decoder ? c.decoder_inner_size : c.inner_size, c.hidden_size),
          activation(c.activation),
          decodes(decoder) {}

    Tensor<float> feed_forward(const Tensor<float>& x) const { return final_layer_norm(fc2(fc1(x, {.activation = activation}), {.residual = &x})); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("self_attn", self.self_attn);
        v("self_attn_layer_norm", self.self_attn_layer_norm);
        if (self.decodes) {
            v("encoder_attn", self.encoder_attn);
            v("encoder_attn_layer_norm", self.encoder_attn_layer_norm);
        }
        v("fc1", self.fc1);
        v("fc2", self.fc2);
        v("final_layer_norm", self.final_layer_norm);
    }
};

/// The encoder or the decoder: its embeddings of tokens where they are its own, positions, and blocks.
struct BartStack {
    Embedding embed_tokens, embed_positions;
    LayerNorm layernorm_embedding;
    std::vector<BartBlock> blocks;
    float embedding_scale;
    bool learned_positions;

    static constexpr index_t position_offset = 2;  // the first rows of BART's table of positions are not used

    BartStack(const BartConfig& c, bool decoder)
        : embedding_scale(c.scaled_embeddings ? std::sqrt(static_cast<float>(c.hidden_size)) : 1), learned_positions(c.learned_positions) {
        if (!c.shared_embeddings) embed_tokens = Embedding(decoder ? c.decoder_vocab_size : c.vocab_size, c.hidden_size, c.padding);
        if (learned_positions) {
            embed_positions = Embedding(c.context + position_offset, c.hidden_size);
            layernorm_embedding = LayerNorm(c.hidden_size, 1e-5f);
        }
        for (index_t i = 0; i < (decoder ? c.decoder_layers : c.layers); ++i) blocks.emplace_back(c, decoder);
    }

    /// ids (B, T) at positions before, before + 1, … -> (B, T, C).
    Tensor<float> embed(const Embedding& words, const Tensor<std::int32_t>& ids, index_t before) const {
        auto x = words(ids);
        if (embedding_scale != 1) x = x * embedding_scale;
        if (!learned_positions) return x + waves(before, ids.size(1), x.size(2));
        const auto first = static_cast<double>(before + position_offset);
        return layernorm_embedding(x + embed_positions(Tensor<std::int32_t>::arange(first, first + static_cast<double>(ids.size(1)))));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("embed_tokens", self.embed_tokens);
        v("embed_positions", self.embed_positions);
        v("layers", self.blocks);
        v("layernorm_embedding", self.layernorm_embedding);
    }

private:
    // Marian's positions (T, C): sines of position · 10000^(−2i / C) in the first half of the channels, cosines in the second.
    static Tensor<float> waves(index_t before, index_t count, index_t channels) {
        auto out = Tensor<float>::empty({count, channels});
        const index_t sines = (channels + 1) / 2;
        for (index_t t = 0; t < count; ++t)
            for (index_t c = 0; c < channels; ++c) {
                const index_t i = c < sines ? c : c - sines;
                const double angle = static_cast<double>(before + t) * std::pow(10000.0, -2 * static_cast<double>(i) / static_cast<double>(channels));
                out.mutable_data()[t * channels + c] = static_cast<float>(c < sines ? std::sin(angle) : std::cos(angle));
            }
        return out;
    }
};

/// A BART or Marian. Names of its weights: model.shared.weight, model.encoder.layers.0.self_attn.q_proj.weight, …
struct Bart {
    BartConfig config;
    Embedding shared;  // where encoder and decoder have no embeddings of their own
    BartStack encoder, decoder;
    Linear lm_head;                     // without a weight when it is tied to the decoder's embeddings
    Tensor<float> final_logits_bias{};  // (1, V), not trained; none where the checkpoint has none

    explicit Bart(const BartConfig& c) : config(c), encoder(c, false), decoder(c, true) {
        if (c.shared_embeddings) shared = Embedding(c.vocab_size, c.hidden_size, c.padding);
        if (!c.tied) lm_head = Linear(c.hidden_size, c.decoder_vocab_size, false);
    }

    index_t decoder_layers() const { return config.decoder_layers; }
    index_t context() const { return config.context; }
    index_t vocab_size() const { return config.decoder_vocab_size; }
    std::int32_t start_token() const { return config.start_token; }

    /// ids (B, S) -> (B, S, C). Throws context_overflow.
    Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs) const {
        check_length(ids.size(1));
        DecoderContext context;
        context.attention = {};
        if (inputs.attention_mask != nullptr) context.bias = padding_bias(*inputs.attention_mask);
        auto x = encoder.embed(words(encoder), ids, 0);
        for (index_t i = 0; i < config.layers; ++i) {
            const auto& block = encoder.blocks[static_cast<std::size_t>(i)];
            if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
            x = block.self_attn_layer_norm(x + block.self_attn(x, context, i));
            x = block.feed_forward(x);
        }
        if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
        return x;
    }

    /// ids (B, T) and the encoder's output (B, S, C) -> logits (B, T, V), or (B, 1, V) with last_only. Throws context_overflow.
    Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs) const {
        const index_t T = ids.size(1), before = inputs.cache == nullptr ? 0 : inputs.cache->size();
        check_length(before + T);
        const DecoderContext context{nullptr, inputs.cache};
        const auto padding = inputs.attention_mask != nullptr ? padding_bias(*inputs.attention_mask) : Tensor<float>();
        auto x = decoder.embed(words(decoder), ids, before);
        for (index_t i = 0; i < config.decoder_layers; ++i) {
            const auto& block = decoder.blocks[static_cast<std::size_t>(i)];
            if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
            x = block.self_attn_layer_norm(x + block.self_attn(x, context, i));
            const auto cross = detail::cross_key_value(inputs.cross, i, config.decoder_layers, [&] { return block.encoder_attn.key_value(encoded); });
            x = block.encoder_attn_layer_norm(x + block.encoder_attn(x, cross, padding));
            x = block.feed_forward(x);
        }
        if (inputs.hidden_states != nullptr) inputs.hidden_states->push_back(x);
        if (inputs.last_only) x = slice(x, 1, T - 1, T);
        const auto logits = linear(x, config.tied ? words(decoder).weight : lm_head.weight);
        return final_logits_bias.storage() != nullptr ? logits + final_logits_bias : logits;
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("model.shared", self.shared);
        v("model.encoder", self.encoder);
        v("model.decoder", self.decoder);
        v("lm_head", self.lm_head);
    }

private:
    const Embedding& words(const BartStack& stack) const { return config.shared_embeddings ? shared : stack.embed_tokens; }
    void check_length(index_t tokens) const {
        require(tokens <= config.context, ErrorCode::context_overflow, "bart: ", tokens, " tokens, the model's context holds ", config.context);
    }
};

}  // namespace tercet::inline TERCET_ABI
