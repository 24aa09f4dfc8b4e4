// DistilBERT (Sanh et al. 2019): BERT's blocks without segments and pooler, half as many of them, under other names.
#pragma once

#include "tercet/models/bert.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// A block of BERT by DistilBERT's names.
template <class Block>
struct DistilBertNames {
    Block& block;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        auto& b = self.block;
        v("attention.q_lin", b.self.query);
        v("attention.k_lin", b.self.key);
        v("attention.v_lin", b.self.value);
        v("attention.out_lin", b.attention_output.dense);
        v("sa_layer_norm", b.attention_output.layer_norm);
        v("ffn.lin1", b.intermediate);
        v("ffn.lin2", b.output.dense);
        v("output_layer_norm", b.output.layer_norm);
    }
};

}  // namespace detail

/// A DistilBERT encoder. Names of its weights: embeddings.word_embeddings.weight, transformer.layer.0.attention.q_lin.weight, …
struct DistilBert : Bert {
    using Bert::Bert;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("embeddings.word_embeddings", self.word_embeddings);
        v("embeddings.position_embeddings", self.position_embeddings);
        v("embeddings.LayerNorm", self.embedding_norm);
        for (std::size_t i = 0; i < self.blocks.size(); ++i) {
            detail::DistilBertNames<std::remove_reference_t<decltype(self.blocks[i])>> names{self.blocks[i]};
            v("transformer.layer." + std::to_string(i), names);
        }
    }
};

/// Guesses words that were masked: hidden states (B, T, C) -> logits (B, T, V), through the table of word embeddings.
struct DistilBertMaskedHead {
    Linear vocab_transform;
    LayerNorm vocab_layer_norm;
    Linear vocab_projector;  // its weight only where it is not the table itself
    UnaryOp activation;

    DistilBertMaskedHead(const BertConfig& c, bool tied)
        : vocab_transform(c.hidden_size, c.hidden_size), vocab_layer_norm(c.hidden_size, 1e-12f), activation(c.activation) {
        if (tied) vocab_projector.bias = Weight(Shape{c.vocab_size});
        else vocab_projector = Linear(c.hidden_size, c.vocab_size);
    }

    Tensor<float> operator()(const BertOutputs& out, const Weight& words) const {
        const auto x = vocab_layer_norm(vocab_transform(out.last_hidden_state, {.activation = activation}));
        return linear(x, vocab_projector.weight.wanted() ? vocab_projector.weight : words, vocab_projector.bias);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("vocab_transform", self.vocab_transform);
        v("vocab_layer_norm", self.vocab_layer_norm);
        v("vocab_projector", self.vocab_projector);
    }
};

/// Classes of a text, from its first token: logits (B, classes) = classifier(relu(pre_classifier(x))).
struct DistilBertClassifier {
    Linear pre_classifier, classifier;

    DistilBertClassifier(const BertConfig& c, index_t classes) : pre_classifier(c.hidden_size, c.hidden_size), classifier(c.hidden_size, classes) {}

    Tensor<float> operator()(const BertOutputs& out, const Weight&) const {
        return classifier(pre_classifier(select(out.last_hidden_state, 1, 0), {.activation = UnaryOp::relu}));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("pre_classifier", self.pre_classifier);
        v("classifier", self.classifier);
    }
};

}  // namespace tercet::inline TERCET_ABI
