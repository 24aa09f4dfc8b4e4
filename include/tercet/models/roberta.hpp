// RoBERTa's heads (Liu et al. 2019); the encoder is BERT's with counted positions.
#pragma once

#include "tercet/models/bert.hpp"

namespace tercet::inline TERCET_ABI {

/// Guesses words that were masked: hidden states (B, T, C) -> logits (B, T, V), through the table of word embeddings.
struct RobertaMaskedHead {
    Linear dense;
    LayerNorm layer_norm;
    Weight bias;
    Linear decoder;  // where it is not the table itself

    RobertaMaskedHead(const BertConfig& c, bool tied)
        : dense(c.hidden_size, c.hidden_size), layer_norm(c.hidden_size, c.layer_norm_eps), bias(Shape{c.vocab_size}) {
        if (!tied) decoder = Linear(c.hidden_size, c.vocab_size, false);
    }

    Tensor<float> operator()(const BertOutputs& out, const Weight& words) const {
        const auto x = layer_norm(dense(out.last_hidden_state, {.activation = UnaryOp::gelu}));
        return linear(x, decoder.weight.wanted() ? decoder.weight : words, bias);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("lm_head.dense", self.dense);
        v("lm_head.layer_norm", self.layer_norm);
        v("lm_head.bias", self.bias);
        v("lm_head.decoder", self.decoder);
    }
};

/// Classes of a text, from its first token: logits (B, classes) = out_proj(tanh(dense(x))).
struct RobertaClassifier {
    Linear dense, out_proj;

    RobertaClassifier(const BertConfig& c, index_t classes) : dense(c.hidden_size, c.hidden_size), out_proj(c.hidden_size, classes) {}

    Tensor<float> operator()(const BertOutputs& out, const Weight&) const { return out_proj(tanh(dense(select(out.last_hidden_state, 1, 0)))); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("classifier.dense", self.dense);
        v("classifier.out_proj", self.out_proj);
    }
};

}  // namespace tercet::inline TERCET_ABI
