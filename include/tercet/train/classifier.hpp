// Fine-tuning of an encoder to tell classes of texts apart (Devlin et al. 2019, section 4.1).
//
//   loss = cross-entropy of the classes' logits
//
// The texts of a batch are packed without padding (data/packing.hpp).
#pragma once

#include "tercet/data/packing.hpp"
#include "tercet/metrics/evaluation.hpp"
#include "tercet/models/encoder.hpp"
#include "tercet/ops/softmax.hpp"
#include "tercet/train/finetune.hpp"

namespace tercet::inline TERCET_ABI {

/// Texts as tokens, and the class of each.
struct ClassifiedTexts {
    std::vector<Encoding> texts;
    std::vector<std::int32_t> classes;
};

/// Classes' logits (texts, classes) of the texts `which`, in their order.
inline Tensor<float> classify(const EncoderModel& model, std::span<const Encoding> texts, std::span<const index_t> which,
                              Generator* training = nullptr) {
    const auto packed = pack_texts(texts, which);
    return forward(model, packed.ids, {.type_ids = &packed.type_ids, .lengths = packed.lengths, .training = training}).logits;
}

/// f(the head's outputs (n, outputs)) for one batch of texts after the other. Throws invalid_argument for batches of none.
template <class F>
void for_each_prediction(const EncoderModel& model, std::span<const Encoding> texts, index_t batch, const F& f) {
    require(batch > 0, ErrorCode::invalid_argument, "predictions in batches of ", batch);
    const NoGrad guard;
    const auto count = static_cast<index_t>(texts.size());
    for (index_t begin = 0; begin < count; begin += batch) f(classify(model, texts, next_in_order(begin, batch, count)));
}

/// The likeliest class of each text. Throws invalid_argument for a model that is no classifier of texts.
inline std::vector<std::int32_t> predict_classes(const EncoderModel& model, std::span<const Encoding> texts, index_t batch = 32) {
    require(model.task == EncoderTask::sequence_classification, ErrorCode::invalid_argument, "predict_classes: the model has no head for classes");
    std::vector<std::int32_t> predicted;
    for_each_prediction(model, texts, batch, [&](const Tensor<float>& logits) {
        for (const auto best : argmax(logits, -1).to_vector()) predicted.push_back(static_cast<std::int32_t>(best));
    });
    return predicted;
}

/// How the model does on texts whose classes are known. Throws what predict_classes() throws.
inline ConfusionMatrix evaluate_classifier(const EncoderModel& model, const ClassifiedTexts& data, index_t batch = 32) {
    const auto predicted = predict_classes(model, data.texts, batch);
    return confusion_matrix<std::int32_t>(data.classes, predicted, static_cast<index_t>(model.labels.size()));
}

/// The model's judgement of texts whose classes are known, for metrics/evaluation.hpp: the probability of each class. `name` is the model's, `shown`
/// the texts as people read them, or none. Throws what predict_classes() throws.
inline Evaluation judge(const EncoderModel& model, const ClassifiedTexts& data, std::string name = "model", std::vector<std::string> shown = {},
                        index_t batch = 32) {
    require(model.task == EncoderTask::sequence_classification, ErrorCode::invalid_argument, "judge: the model has no head for classes");
    require(data.classes.size() == data.texts.size(), ErrorCode::shape_mismatch, "judge: ", data.texts.size(), " texts and ", data.classes.size(),
            " classes");
    Evaluation out{std::move(name), model.labels, data.classes, {}, std::move(shown)};
    for_each_prediction(model, data.texts, batch, [&](const Tensor<float>& logits) {
        for (const double p : softmax(logits.to<double>()).to_vector()) out.probabilities.push_back(p);
    });
    return out;
}

/// Trains what is on the tape of a model with a head for classes, or how.parameters. After each epoch its accuracy on the held-out texts, if there
/// are any, is measured; how.trainer.on_evaluation hears of it. Throws invalid_argument for a model that is no classifier, index_out_of_range for a
/// class that it does not have, shape_mismatch for weights of another number of classes, and what fine_tune() throws.
inline TrainingResult train_classifier(EncoderModel& model, const ClassifiedTexts& data, const ClassifiedTexts& held_out = {},
                                       const FineTuning& how = {}) {
    require(model.task == EncoderTask::sequence_classification, ErrorCode::invalid_argument, "train_classifier: the model has no head for classes");
    require(model.labels.size() >= 2, ErrorCode::invalid_argument, "train_classifier: one class is none; train_regressor() is for a number");
    for (const auto* texts : {&data, &held_out})
        require(texts->classes.size() == texts->texts.size(), ErrorCode::shape_mismatch, "train_classifier: ", texts->texts.size(), " texts and ",
                texts->classes.size(), " classes");
    HeldOutMeasure measure{.name = "validation/accuracy", .maximise = true};
    if (!held_out.texts.empty()) measure.measure = [&] { return accuracy(evaluate_classifier(model, held_out)); };
    CrossEntropyOptions<float> options;
    if (!how.class_weights.empty()) {
        const std::vector<float> weights(how.class_weights.begin(), how.class_weights.end());
        options.class_weights = Tensor<float>::copy(weights, {static_cast<index_t>(weights.size())});
    }
    const auto loss = [&](std::span<const index_t> which, Generator* training) {
        auto targets = Tensor<std::int32_t>::empty({static_cast<index_t>(which.size())});
        std::transform(which.begin(), which.end(), targets.mutable_data(), [&](index_t i) { return data.classes[static_cast<std::size_t>(i)]; });
        return cross_entropy(classify(model, data.texts, which, training), targets, options);
    };
    return fine_tune(model, static_cast<index_t>(data.texts.size()), loss, how, measure);
}

}  // namespace tercet::inline TERCET_ABI
