// RoBERTa's heads (Liu et al. 2019); the encoder is BERT's with counted positions.
#pragma once

#include "tercet/models/bert.hpp"

namespace tercet::inline TERCET_ABI {

/// BERT's head for masked words by RoBERTa's names; its activation is GELU, whatever the encoder's.
struct RobertaMaskedHead : BertMaskedHead {
    RobertaMaskedHead(const BertConfig& c, bool tied) : BertMaskedHead(c, tied) { activation = UnaryOp::gelu; }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("lm_head.dense", self.transform);
        v("lm_head.layer_norm", self.layer_norm);
        v("lm_head.bias", self.bias);
        v("lm_head.decoder", self.decoder);
    }
};

/// Classes of a text, from its first token: logits (B, classes) = out_proj(tanh(dense(x))).
struct RobertaClassifier {
    Linear dense, out_proj;
    double dropout;

    RobertaClassifier(const BertConfig& c, index_t classes)
        : dense(c.hidden_size, c.hidden_size), out_proj(c.hidden_size, classes), dropout(c.classifier_dropout) {}

    Tensor<float> operator()(const EncoderOutputs& out, const Weight&, const EncoderInputs& inputs) const {
        const EncoderContext context(inputs, dropout);
        return out_proj(context.drop(tanh(dense(context.drop(first_tokens(out.last_hidden_state, inputs))))));
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("classifier.dense", self.dense);
        v("classifier.out_proj", self.out_proj);
    }
};

}  // namespace tercet::inline TERCET_ABI
