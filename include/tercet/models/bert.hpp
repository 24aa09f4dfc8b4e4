// BERT (Devlin et al. 2019): post-norm encoder blocks over token, position and segment embeddings.
//
//   x = norm(x + attention(x))        x = norm(x + output(gelu(intermediate(x))))
//
// The pooler is tanh of a layer on the first token. Sentence embeddings (Reimers & Gurevych 2019) average the last hidden states. RoBERTa (Liu et
// al. 2019) is the same encoder with one segment, whose positions count the tokens that are not padding; its heads are in models/roberta.hpp.
#pragma once

#include "tercet/models/encoder_inputs.hpp"
#include "tercet/nn/relative_bias.hpp"

namespace tercet::inline TERCET_ABI {

struct BertConfig {
    index_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, layers = 0, heads = 0, context = 512, types = 2, padding = 0,
            relative_buckets = 0;  // types 0: no segments; relative_buckets: MPNet's positions, besides the others
    float layer_norm_eps = 1e-12f;
    double dropout = 0;             // in training: of the embeddings and of each branch
    double classifier_dropout = 0;  // and before a classifier
    UnaryOp activation = UnaryOp::gelu;
    bool pooler = true;
    bool counted_positions = false;  // RoBERTa: a token's position is padding + how many tokens that are not padding there are up to it

    // Rows of the table of positions.
    index_t positions() const { return counted_positions ? context + padding + 1 : context; }
};

struct BertSelfAttention {
    Linear query, key, value;
    index_t heads;

    explicit BertSelfAttention(const BertConfig& c)
        : query(c.hidden_size, c.hidden_size), key(c.hidden_size, c.hidden_size), value(c.hidden_size, c.hidden_size), heads(c.heads) {}

    Tensor<float> operator()(const Tensor<float>& x, const EncoderContext& context) const {  // x (B, T, C)
        const auto [q, k, v] = linear_each(x, query, key, value);
        return join_heads(attention(split_heads(q, heads), split_heads(k, heads), split_heads(v, heads), context.attention, context.bias));
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

    Tensor<float> operator()(const Tensor<float>& x, const Tensor<float>& residual, const EncoderContext& context) const {  // x (B, T, in)
        return layer_norm(context.drops() ? context.drop(dense(x)) + residual : dense(x, {.residual = &residual}));
    }

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

    Tensor<float> operator()(Tensor<float> x, const EncoderContext& context) const {  // x (B, T, C)
        x = attention_output(self(x, context), x, context);
        return output(intermediate(x, {.activation = activation}), x, context);
    }

    template <class Self, class Visitor>
    static void visit(Self& block, Visitor&& v) {
        v("attention.self", block.self);
        v("attention.output", block.attention_output);
        v("intermediate.dense", block.intermediate);
        v("output", block.output);
    }
};

namespace detail {

// A block of BERT whose parts have other names: Names::visit(block, visitor) tells them.
template <class Names, class Block>
struct NamedBlock {
    Block& block;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        Names::visit(self.block, v);
    }
};
template <class Names, class Blocks, class Visitor>
void visit_blocks_as(Blocks& blocks, const std::string& prefix, Visitor&& v) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        NamedBlock<Names, std::remove_reference_t<decltype(blocks[i])>> named{blocks[i]};
        v(prefix + std::to_string(i), named);
    }
}

}  // namespace detail

/// A BERT encoder. Names of its weights: embeddings.word_embeddings.weight, encoder.layer.0.attention.self.query.weight, …
struct Bert {
    BertConfig config;
    Embedding word_embeddings, position_embeddings, token_type_embeddings;
    LayerNorm embedding_norm;
    std::vector<BertBlock> blocks;
    Embedding relative_attention_bias;  // (buckets, H), MPNet's
    Linear pooler;

    explicit Bert(const BertConfig& c)
        : config(c),
          word_embeddings(c.vocab_size, c.hidden_size, c.padding),
          position_embeddings(c.positions(), c.hidden_size, c.counted_positions ? c.padding : -1),
          embedding_norm(c.hidden_size, c.layer_norm_eps) {
        require(c.heads > 0 && c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, "bert: width ", c.hidden_size, " does not divide into ",
                c.heads, " heads");
        if (c.types > 0) token_type_embeddings = Embedding(c.types, c.hidden_size);
        if (c.relative_buckets > 0) relative_attention_bias = Embedding(c.relative_buckets, c.heads);
        for (index_t i = 0; i < c.layers; ++i) blocks.emplace_back(c);
        for (auto* table : {&position_embeddings, &token_type_embeddings, &relative_attention_bias}) table->weight.keep_in_rows();
        if (c.pooler) pooler = Linear(c.hidden_size, c.hidden_size);
    }

    /// ids (B, T), or packed (1, N). Throws what check_inputs() throws.
    EncoderOutputs operator()(const Tensor<std::int32_t>& ids, const EncoderInputs& inputs = {}) const {
        check_inputs("bert", ids, inputs, config.context);
        EncoderContext shared(inputs, config.dropout);
        if (config.relative_buckets > 0) {
            const index_t T = inputs.lengths.empty() ? ids.size(1) : *std::max_element(inputs.lengths.begin(), inputs.lengths.end());
            const auto relative = relative_bias(relative_attention_bias, RelativeBuckets{}, 0, T, T);  // (H, T, T)
            shared.bias = shared.bias.storage() != nullptr ? relative + shared.bias : relative;
        }
        EncoderOutputs out;
        auto x = word_embeddings(ids);
        if (config.types > 0) x = x + token_type_embeddings(inputs.type_ids != nullptr ? *inputs.type_ids : Tensor<std::int32_t>::zeros(ids.shape()));
        x = x + position_embeddings(positions(ids, inputs));
        x = shared.drop(embedding_norm(x));  // (B, T, C)
        for (const auto& block : blocks) {
            if (inputs.hidden_states) out.hidden_states.push_back(x);
            x = block(x, shared);
        }
        if (inputs.hidden_states) out.hidden_states.push_back(x);
        out.last_hidden_state = x;
        if (config.pooler && ids.size(1) > 0) out.pooler_output = tanh(pooler(first_tokens(x, inputs)));
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

private:
    // The rows of the table of positions, (T) or (B, T). RoBERTa's count the tokens that are not padding, which is at the row `padding`.
    Tensor<std::int32_t> positions(const Tensor<std::int32_t>& ids, const EncoderInputs& inputs) const {
        const index_t T = ids.size(1);
        const auto in_sequence = token_positions(inputs, T);
        if (!config.counted_positions) return Tensor<index_t>::copy(in_sequence, {T}).to<std::int32_t>();
        auto out = Tensor<std::int32_t>::empty(ids.shape());
        const auto padding = static_cast<std::int32_t>(config.padding);
        std::int32_t* to = out.mutable_data();
        for (index_t b = 0; b < ids.size(0); ++b) {
            std::int32_t seen = 0;
            for (index_t t = 0; t < T; ++t) {
                if (in_sequence[static_cast<std::size_t>(t)] == 0) seen = 0;
                *to++ = ids(b, t) == padding ? padding : padding + ++seen;
            }
        }
        return out;
    }
};

/// A head maps an encoder's outputs, given its table of word embeddings and what it was fed, to logits. This one guesses words that were masked:
/// hidden states (B, T, C) -> logits (B, T, V), through the table of word embeddings (Devlin et al., section 3.1).
struct BertMaskedHead {
    Linear transform;
    LayerNorm layer_norm;
    Weight bias;
    Linear decoder;  // where it is not the table itself
    UnaryOp activation;

    BertMaskedHead(const BertConfig& c, bool tied)
        : transform(c.hidden_size, c.hidden_size), layer_norm(c.hidden_size, c.layer_norm_eps), bias(Shape{c.vocab_size}), activation(c.activation) {
        if (!tied) decoder = Linear(c.hidden_size, c.vocab_size, false);
    }

    Tensor<float> operator()(const EncoderOutputs& out, const Weight& words, const EncoderInputs&) const {
        const auto x = layer_norm(transform(out.last_hidden_state, {.activation = activation}));
        return linear(x, decoder.weight.wanted() ? decoder.weight : words, bias);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("cls.predictions.transform.dense", self.transform);
        v("cls.predictions.transform.LayerNorm", self.layer_norm);
        v("cls.predictions.bias", self.bias);
        v("cls.predictions.decoder", self.decoder);
    }
};

/// Classes of a text, from the pooled first token: logits (B, classes).
struct BertClassifier {
    Linear classifier;
    double dropout;

    BertClassifier(const BertConfig& c, index_t classes) : classifier(c.hidden_size, classes), dropout(c.classifier_dropout) {}

    Tensor<float> operator()(const EncoderOutputs& out, const Weight&, const EncoderInputs& inputs) const {
        return classifier(EncoderContext(inputs, dropout).drop(out.pooler_output));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("classifier", self.classifier);
    }
};

}  // namespace tercet::inline TERCET_ABI
