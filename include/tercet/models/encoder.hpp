// Encoders of any family with the head that they were saved with.
//
//   masked language model      logits (B, T, V)           which word stands here
//   sequence classification    logits (B, classes)        which class the text is of; one class: a number (regression)
//   token classification       logits (B, T, classes)     which class each token is of
//   question answering         logits (B, T, 2)           where the answer starts and where it ends (Devlin et al. 2018, section 4.2)
#pragma once

#include "tercet/models/distilbert.hpp"
#include "tercet/models/modernbert.hpp"
#include "tercet/models/mpnet.hpp"
#include "tercet/models/roberta.hpp"
#include "tercet/ops/cross_entropy.hpp"

#include <variant>

namespace tercet::inline TERCET_ABI {

enum class EncoderTask : std::uint8_t { hidden_states, masked_lm, sequence_classification, token_classification, question_answering };

/// A layer on each token: classes of tokens, or starts and ends of answers.
struct TokenHead {
    std::string name;  // "classifier", "qa_outputs"
    Linear layer;

    Tensor<float> operator()(const EncoderOutputs& out, const Weight&, const EncoderInputs&) const { return layer(out.last_hidden_state); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v(self.name, self.layer);
    }
};

struct EncoderModel {
    using Body = std::variant<Bert, DistilBert, MpNet, ModernBert>;
    using Head = std::variant<std::monostate, BertMaskedHead, RobertaMaskedHead, DistilBertMaskedHead, ModernBertMaskedHead, BertClassifier,
                              RobertaClassifier, DistilBertClassifier, ModernBertClassifier, TokenHead>;

    Body body;
    Head head;           // none: the encoder alone
    std::string prefix;  // of the body's names where there is a head: "bert", "roberta", "distilbert", "mpnet", "model"
    EncoderTask task = EncoderTask::hidden_states;
    std::vector<std::string> labels{};  // of the classes, in their order
    std::string class_name{};           // the family in the transformers library's names of classes: "Bert", "XLMRoberta"
    std::string problem_type{};         // of a classifier of texts, where it is said: regression, single_label_classification, multi_…

    index_t hidden_size() const {
        return std::visit([](const auto& b) { return b.config.hidden_size; }, body);
    }
    /// Tokens that there are positions for.
    index_t context() const {
        return std::visit([](const auto& b) { return b.config.context; }, body);
    }
    index_t vocab_size() const {
        return std::visit([](const auto& b) { return b.config.vocab_size; }, body);
    }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        std::visit([&](auto& b) { v(self.task == EncoderTask::hidden_states ? std::string() : self.prefix, b); }, self.body);
        std::visit(
            [&](auto& h) {
                if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(h)>, std::monostate>) v("", h);
            },
            self.head);
    }
};

/// ids (B, T), or packed (1, N): then a classifier's logits are (sequences, classes). Throws what check_inputs() throws, and invalid_argument for no
/// tokens.
inline EncoderOutputs forward(const EncoderModel& model, const Tensor<std::int32_t>& ids, const EncoderInputs& inputs = {}) {
    require(ids.rank() == 2 && ids.numel() > 0, ErrorCode::invalid_argument, "forward: ids must be (batch, tokens) with at least one token, not ",
            ids.shape());
    EncoderOutputs out;
    const Weight* words = nullptr;
    std::visit(
        [&](const auto& b) {
            out = b(ids, inputs);
            words = &b.word_embeddings.weight;
        },
        model.body);
    std::visit(
        [&](const auto& h) {
            if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(h)>, std::monostate>) out.logits = h(out, *words, inputs);
        },
        model.head);
    return out;
}

/// The loss of question answering: the mean of the cross-entropies of start and end positions (B) among T tokens. logits (B, T, 2). Positions behind
/// the last token, as answers have that were cut off, do not count.
inline Tensor<float> question_answering_loss(const Tensor<float>& logits, const Tensor<std::int32_t>& starts, const Tensor<std::int32_t>& ends) {
    const index_t tokens = logits.size(1);
    const auto part = [&](index_t which, const Tensor<std::int32_t>& positions) {
        auto targets = positions.clone();
        for (index_t i = 0; i < targets.numel(); ++i) {
            std::int32_t& position = targets.mutable_data()[i];
            position = position >= tokens ? -100 : std::max(position, 0);
        }
        return cross_entropy(select(logits, 2, which), targets);
    };
    return (part(0, starts) + part(1, ends)) * 0.5f;
}

}  // namespace tercet::inline TERCET_ABI
