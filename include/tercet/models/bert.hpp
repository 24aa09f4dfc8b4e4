// BERT (Devlin et al. 2019): post-norm encoder blocks over token, position and segment embeddings.
//
//   x = norm(x + attention(x))        x = norm(x + output(gelu(intermediate(x))))
//
// The pooler is tanh of a layer on the first token. Sentence embeddings (Reimers & Gurevych 2019) average the last hidden states.
#pragma once

#include "tercet/nn/attention.hpp"

namespace tercet::inline TERCET_ABI {

struct BertConfig {
    index_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0, context = 512, types = 2, padding = 0;
    float layer_norm_eps = 1e-12f;
    UnaryOp activation = UnaryOp::gelu;
    bool pooler = true;
};

struct BertSelfAttention {
    Linear query, key, value;
    index_t heads;

    explicit BertSelfAttention(const BertConfig& c)
        : query(c.hidden_size, c.hidden_size), key(c.hidden_size, c.hidden_size), value(c.hidden_size, c.hidden_size), heads(c.heads) {}

    Tensor<float> operator()(const Tensor<float>& x, const Tensor<float>& bias) const {  // x (B, T, C), bias (B, 1, 1, T)
        return join_heads(attention(split_heads(query(x), heads), split_heads(key(x), heads), split_heads(value(x), heads), {}, bias));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("query", self.query);
        v("key", self.key);
        v("value", self.value);
    }
};

/// norm(residual + dense(x)): how both halves of a block end.
struct BertOutput {
    Linear dense;
    LayerNorm layer_norm;

    BertOutput(index_t in, index_t out, float eps) : dense(in, out), layer_norm(out, eps) {}

    Tensor<float> operator()(const Tensor<float>& x, const Tensor<float>& residual) const { return layer_norm(dense(x, {.residual = &residual})); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("dense", self.dense);
        v("LayerNorm", self.layer_norm);
    }
};

struct BertBlock {
    BertSelfAttention self;
    BertOutput attention_output;
    Linear intermediate;
    BertOutput output;
    UnaryOp activation;

    explicit BertBlock(const BertConfig& c)
        : self(c),
          attention_output(c.hidden_size, c.hidden_size, c.layer_norm_eps),
          intermediate(c.hidden_size, c.intermediate_size),
          output(c.intermediate_size, c.hidden_size, c.layer_norm_eps),
          activation(c.activation) {}

    Tensor<float> operator()(Tensor<float> x, const Tensor<float>& bias) const {  // x (B, T, C)
        x = attention_output(self(x, bias), x);
        return output(intermediate(x, {.activation = activation}), x);
    }

    template <class Self, class Visitor>
    static void visit(Self& block, Visitor&& v) {
        v("attention.self", block.self);
        v("attention.output", block.attention_output);
        v("intermediate.dense", block.intermediate);
        v("output", block.output);
    }
};

struct BertOutputs {
    Tensor<float> last_hidden_state;             // (B, T, C)
    Tensor<float> pooler_output;                 // (B, C), empty without a pooler
    std::vector<Tensor<float>> hidden_states{};  // the embeddings and each block's output, when asked for
};

/// What the encoder reads besides the ids.
struct EncoderInputs {
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, T), 0 for padding; all tokens when absent
    const Tensor<std::int32_t>* type_ids = nullptr;        // (B, T), zeros when absent
    bool hidden_states = false;
};

/// A BERT encoder. Names of its weights: embeddings.word_embeddings.weight, encoder.layer.0.attention.self.query.weight, …
struct Bert {
    BertConfig config;
    Embedding word_embeddings, position_embeddings, token_type_embeddings;
    LayerNorm embedding_norm;
    std::vector<BertBlock> blocks;
    Linear pooler;

    explicit Bert(const BertConfig& c)
        : config(c),
          word_embeddings(c.vocab_size, c.hidden_size, c.padding),
          position_embeddings(c.context, c.hidden_size),
          token_type_embeddings(c.types, c.hidden_size),
          embedding_norm(c.hidden_size, c.layer_norm_eps) {
        require(c.heads > 0 && c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, "bert: width ", c.hidden_size, " does not divide into ",
                c.heads, " heads");
        for (index_t i = 0; i < c.layers; ++i) blocks.emplace_back(c);
        if (c.pooler) pooler = Linear(c.hidden_size, c.hidden_size);
    }

    /// ids (B, T). Throws context_overflow for more tokens than there are positions, shape_mismatch for a mask or types of another shape.
    BertOutputs operator()(const Tensor<std::int32_t>& ids, const EncoderInputs& inputs = {}) const {
        require(ids.rank() == 2, ErrorCode::shape_mismatch, "bert: ids must be (batch, tokens), not ", ids.shape());
        const index_t T = ids.size(1);
        require(T <= config.context, ErrorCode::context_overflow, "bert: ", T, " tokens, the model's context holds ", config.context);
        require(inputs.attention_mask == nullptr || inputs.attention_mask->shape() == ids.shape(), ErrorCode::shape_mismatch,
                "bert: the attention mask does not fit ids ", ids.shape());
        require(inputs.type_ids == nullptr || inputs.type_ids->shape() == ids.shape(), ErrorCode::shape_mismatch,
                "bert: the type ids do not fit ids ", ids.shape());
        const auto types = inputs.type_ids != nullptr ? *inputs.type_ids : Tensor<std::int32_t>::zeros(ids.shape());
        const auto bias = inputs.attention_mask != nullptr ? padding_bias(*inputs.attention_mask) : Tensor<float>();
        BertOutputs out;
        auto x = word_embeddings(ids) + token_type_embeddings(types) + position_embeddings(Tensor<std::int32_t>::arange(0, static_cast<double>(T)));
        x = embedding_norm(x);  // (B, T, C)
        for (const auto& block : blocks) {
            if (inputs.hidden_states) out.hidden_states.push_back(x);
            x = block(x, bias);
        }
        if (inputs.hidden_states) out.hidden_states.push_back(x);
        out.last_hidden_state = x;
        if (config.pooler && T > 0) out.pooler_output = tanh(pooler(select(x, 1, 0)));
        return out;
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("embeddings.word_embeddings", self.word_embeddings);
        v("embeddings.position_embeddings", self.position_embeddings);
        v("embeddings.token_type_embeddings", self.token_type_embeddings);
        v("embeddings.LayerNorm", self.embedding_norm);
        v("encoder.layer", self.blocks);
        v("pooler.dense", self.pooler);
    }
};

}  // namespace tercet::inline TERCET_ABI
