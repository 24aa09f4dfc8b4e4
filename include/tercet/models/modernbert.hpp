// ModernBERT (Warner et al. 2024): an encoder of pre-norm blocks with rotary positions and GeGLU.
//
//   x = x + attention(norm(x))        x = x + Wo(gelu(a) · b),   [a b] = Wi norm(x)
//
// Most layers see the tokens near them alone, on either side; every third one sees all, and turns by slower frequencies. The first block's attention
// has no norm before it: the embeddings have one.
#pragma once

#include "tercet/models/bert.hpp"
#include "tercet/ops/reduce.hpp"

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

    Tensor<float> operator()(const Tensor<float>& x, const RopeAngles<float>& angles, index_t window, const Tensor<float>& bias) const {  // (B, T, C)
        const index_t C = x.size(2);
        const auto qkv = Wqkv(x);
        const auto part = [&](index_t i) { return reshape(slice(qkv, 2, i * C, (i + 1) * C), {x.size(0), x.size(1), heads, C / heads}); };
        const auto turned = [&](index_t i) { return permute(rotate(part(i), angles), {0, 2, 1, 3}); };  // (B, H, T, D)
        return Wo(join_heads(attention(turned(0), turned(1), permute(part(2), {0, 2, 1, 3}), {.window = window}, bias)));
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

    Tensor<float> operator()(Tensor<float> x, const RopeAngles<float>& angles, index_t window, const Tensor<float>& bias) const {  // (B, T, C)
        x = x + attn(first ? x : attn_norm(x), angles, window, bias);
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

    /// ids (B, T). There are no segments. Throws context_overflow for more tokens than there are positions, shape_mismatch for a mask of another
    /// shape.
    BertOutputs operator()(const Tensor<std::int32_t>& ids, const EncoderInputs& inputs = {}) const {
        require(ids.rank() == 2, ErrorCode::shape_mismatch, "modernbert: ids must be (batch, tokens), not ", ids.shape());
        const index_t T = ids.size(1);
        require(T <= config.context, ErrorCode::context_overflow, "modernbert: ", T, " tokens, the model's context holds ", config.context);
        require(inputs.attention_mask == nullptr || inputs.attention_mask->shape() == ids.shape(), ErrorCode::shape_mismatch,
                "modernbert: the attention mask does not fit ids ", ids.shape());
        const auto bias = inputs.attention_mask != nullptr ? padding_bias(*inputs.attention_mask) : Tensor<float>();
        const auto angles = rotary.angles(0, T), local_angles = local_rotary.angles(0, T);
        BertOutputs out;
        auto x = embedding_norm(word_embeddings(ids));
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (inputs.hidden_states) out.hidden_states.push_back(x);
            const index_t window = config.windows.empty() ? 0 : config.windows[i];
            x = blocks[i](x, window > 0 ? local_angles : angles, window, bias);
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

    Tensor<float> operator()(const BertOutputs& out, const Weight& words, const EncoderInputs&) const {
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

    Tensor<float> operator()(const BertOutputs& out, const Weight&, const EncoderInputs& inputs) const {
        const auto& x = out.last_hidden_state;
        if (tokens) return classifier(head(x));
        if (!mean_pooling) return classifier(head(select(x, 1, 0)));
        if (inputs.attention_mask == nullptr) return classifier(head(mean(x, {1})));
        const auto mask = inputs.attention_mask->to<float>();  // (B, T)
        return classifier(head(sum(x * unsqueeze(mask, 2), {1}) / sum(mask, {1}, true)));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("head", self.head);
        v("classifier", self.classifier);
    }
};

}  // namespace tercet::inline TERCET_ABI
