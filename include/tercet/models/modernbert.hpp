// ModernBERT (Warner et al. 2024): an encoder of pre-norm blocks with rotary positions and GeGLU.
//
//   x = x + attention(norm(x))        x = x + Wo(gelu(a) · b),   [a b] = Wi norm(x)
//
// Most layers see the tokens near them alone, on either side; every third one sees all, and turns by slower frequencies. The first block's attention
// has no norm before it: the embeddings have one.
#pragma once

#include "tercet/models/encoder_inputs.hpp"

namespace tercet::inline TERCET_ABI {

struct ModernBertConfig {
    index_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0, context = 0, padding = -1;
    float norm_eps = 1e-5f;
    UnaryOp activation = UnaryOp::gelu, head_activation = UnaryOp::gelu;
    RopeConfig rope{}, local_rope{};  // of layers that see everything, and of those with a window
    std::vector<index_t> windows{};   // of each layer: it sees tokens less than this away; 0 for none; empty: none anywhere
    bool norm_bias = false, attention_bias = false, mlp_bias = false, head_bias = false, decoder_bias = true, mean_pooling = false;
};

struct ModernBertAttention {
    Linear Wqkv, Wo;
    index_t heads;

    explicit ModernBertAttention(const ModernBertConfig& c)
        : Wqkv(c.hidden_size, 3 * c.hidden_size, c.attention_bias), Wo(c.hidden_size, c.hidden_size, c.attention_bias), heads(c.heads) {}

    Tensor<float> operator()(const Tensor<float>& x, const RopeAngles<float>& angles, const EncoderContext& context) const {  // (B, T, C)
        const index_t C = x.size(2);
        const auto qkv = Wqkv(x);
        const auto part = [&](index_t i) { return reshape(slice(qkv, 2, i * C, (i + 1) * C), {x.size(0), x.size(1), heads, C / heads}); };
        const auto turned = [&](index_t i) { return permute(rotate(part(i), angles), {0, 2, 1, 3}); };  // (B, H, T, D)
        return Wo(join_heads(attention(turned(0), turned(1), permute(part(2), {0, 2, 1, 3}), context.attention, context.bias)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("Wqkv", self.Wqkv);
        v("Wo", self.Wo);
    }
};

struct ModernBertMlp {
    Linear Wi, Wo;
    UnaryOp activation;

    explicit ModernBertMlp(const ModernBertConfig& c)
        : Wi(c.hidden_size, 2 * c.intermediate_size, c.mlp_bias), Wo(c.intermediate_size, c.hidden_size, c.mlp_bias), activation(c.activation) {}

    Tensor<float> operator()(const Tensor<float>& x) const {  // (B, T, C)
        const auto both = Wi(x);
        const index_t inner = both.size(2) / 2;
        return Wo(detail::unary(activation, slice(both, 2, 0, inner)) * slice(both, 2, inner, 2 * inner));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("Wi", self.Wi);
        v("Wo", self.Wo);
    }
};

struct ModernBertBlock {
    LayerNorm attn_norm, mlp_norm;  // attn_norm: but in the first block
    ModernBertAttention attn;
    ModernBertMlp mlp;
    bool first;

    ModernBertBlock(const ModernBertConfig& c, bool is_first) : mlp_norm(c.hidden_size, c.norm_eps, c.norm_bias), attn(c), mlp(c), first(is_first) {
        if (!first) attn_norm = mlp_norm;
    }

    Tensor<float> operator()(Tensor<float> x, const RopeAngles<float>& angles, const EncoderContext& context) const {  // (B, T, C)
        x = x + attn(first ? x : attn_norm(x), angles, context);
        return x + mlp(mlp_norm(x));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("attn_norm", self.attn_norm);
        v("attn", self.attn);
        v("mlp_norm", self.mlp_norm);
        v("mlp", self.mlp);
    }
};

/// A ModernBERT encoder. Names of its weights: embeddings.tok_embeddings.weight, layers.0.attn.Wqkv.weight, …
struct ModernBert {
    ModernBertConfig config;
    Embedding word_embeddings;
    LayerNorm embedding_norm, final_norm;
    std::vector<ModernBertBlock> blocks;
    Rotary rotary, local_rotary;

    explicit ModernBert(const ModernBertConfig& c)
        : config(c),
          word_embeddings(c.vocab_size, c.hidden_size, c.padding),
          embedding_norm(c.hidden_size, c.norm_eps, c.norm_bias),
          final_norm(embedding_norm),
          rotary(c.rope),
          local_rotary(c.local_rope) {
        for (index_t i = 0; i < c.layers; ++i) blocks.emplace_back(c, i == 0);
    }

    /// ids (B, T), or packed (1, N). There are no segments. Throws what check_inputs() throws.
    EncoderOutputs operator()(const Tensor<std::int32_t>& ids, const EncoderInputs& inputs = {}) const {
        check_inputs("modernbert", ids, inputs, config.context);
        EncoderContext shared(inputs, 0);
        const auto angles_of = [&](const Rotary& r) { return inputs.lengths.empty() ? r.angles(0, ids.size(1)) : r.packed_angles(inputs.lengths); };
        const auto angles = angles_of(rotary), local_angles = angles_of(local_rotary);
        EncoderOutputs out;
        auto x = embedding_norm(word_embeddings(ids));
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (inputs.hidden_states) out.hidden_states.push_back(x);
            shared.attention.window = config.windows.empty() ? 0 : config.windows[i];
            x = blocks[i](x, shared.attention.window > 0 ? local_angles : angles, shared);
        }
        x = final_norm(x);
        if (inputs.hidden_states) out.hidden_states.push_back(x);
        out.last_hidden_state = x;
        return out;
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("embeddings.tok_embeddings", self.word_embeddings);
        v("embeddings.norm", self.embedding_norm);
        v("layers", self.blocks);
        v("final_norm", self.final_norm);
    }
};

/// What the heads do first: norm(gelu(dense(x))).
struct ModernBertTransform {
    Linear dense;
    LayerNorm norm;
    UnaryOp activation;

    explicit ModernBertTransform(const ModernBertConfig& c)
        : dense(c.hidden_size, c.hidden_size, c.head_bias), norm(c.hidden_size, c.norm_eps, c.norm_bias), activation(c.head_activation) {}

    Tensor<float> operator()(const Tensor<float>& x) const { return norm(dense(x, {.activation = activation})); }  // (..., C)

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("dense", self.dense);
        v("norm", self.norm);
    }
};

/// Guesses words that were masked: hidden states (B, T, C) -> logits (B, T, V), through the table of word embeddings unless there is another.
struct ModernBertMaskedHead {
    ModernBertTransform head;
    Linear decoder;  // its weight where it is not the table itself

    ModernBertMaskedHead(const ModernBertConfig& c, bool tied) : head(c), decoder(c.hidden_size, c.vocab_size, c.decoder_bias) {
        if (tied) decoder.weight = Weight();
    }

    Tensor<float> operator()(const EncoderOutputs& out, const Weight& words, const EncoderInputs&) const {
        return linear(head(out.last_hidden_state), decoder.weight.wanted() ? decoder.weight : words, decoder.bias);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("head", self.head);
        v("decoder", self.decoder);
    }
};

/// Classes of a text, from its first token or the mean of all: logits (B, classes). Classes of tokens, (B, T, classes), where `tokens` is set.
struct ModernBertClassifier {
    ModernBertTransform head;
    Linear classifier;
    bool tokens, mean_pooling;

    ModernBertClassifier(const ModernBertConfig& c, index_t classes, bool of_tokens)
        : head(c), classifier(c.hidden_size, classes), tokens(of_tokens), mean_pooling(c.mean_pooling) {}

    Tensor<float> operator()(const EncoderOutputs& out, const Weight&, const EncoderInputs& inputs) const {
        const auto& x = out.last_hidden_state;
        if (tokens) return classifier(head(x));
        return classifier(head(mean_pooling ? mean_of_tokens(x, inputs) : first_tokens(x, inputs)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("head", self.head);
        v("classifier", self.classifier);
    }
};

}  // namespace tercet::inline TERCET_ABI
