// DistilBERT (Sanh et al. 2019): BERT's blocks without segments and pooler, half as many of them, under other names.
#pragma once

#include "tercet/models/bert.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// A block of BERT by DistilBERT's names.
struct DistilBertBlock {
    template <class Block, class Visitor>
    static void visit(Block& b, Visitor&& v) {
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
        detail::visit_blocks_as<detail::DistilBertBlock>(self.blocks, "transformer.layer.", v);
    }
};

/// BERT's head for masked words by DistilBERT's names.
struct DistilBertMaskedHead : BertMaskedHead {
    using BertMaskedHead::BertMaskedHead;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("vocab_transform", self.transform);
        v("vocab_layer_norm", self.layer_norm);
        v("vocab_projector.bias", self.bias);
        v("vocab_projector", self.decoder);
    }
};

/// Classes of a text, from its first token: logits (B, classes) = classifier(relu(pre_classifier(x))).
struct DistilBertClassifier {
    Linear pre_classifier, classifier;
    double dropout;

    DistilBertClassifier(const BertConfig& c, index_t classes)
        : pre_classifier(c.hidden_size, c.hidden_size), classifier(c.hidden_size, classes), dropout(c.classifier_dropout) {}

    Tensor<float> operator()(const EncoderOutputs& out, const Weight&, const EncoderInputs& inputs) const {
        const auto x = pre_classifier(first_tokens(out.last_hidden_state, inputs), {.activation = UnaryOp::relu});
        return classifier(EncoderContext(inputs, dropout).drop(x));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("pre_classifier", self.pre_classifier);
        v("classifier", self.classifier);
    }
};

}  // namespace tercet::inline TERCET_ABI
