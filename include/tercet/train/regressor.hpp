// Fine-tuning of an encoder to give a number for each text, such as how alike two sentences are (Devlin et al. 2019, section 4.1, STS-B).
//
//   loss = (y − number)², the mean over the batch; y is the head's only output
//
// The texts of a batch are packed without padding (data/packing.hpp).
#pragma once

#include "tercet/ops/regression_loss.hpp"
#include "tercet/train/classifier.hpp"

namespace tercet::inline TERCET_ABI {

/// Texts as tokens, and the number of each.
struct NumberedTexts {
    std::vector<Encoding> texts;
    std::vector<float> numbers;
};

/// Whether the model has a head of one output for each text.
inline bool gives_a_number(const EncoderModel& model) {
    return model.task == EncoderTask::sequence_classification && model.labels.size() == 1;
}

/// The number that the model gives each text. Throws invalid_argument for a model whose head has not one output, and for batches of none.
inline std::vector<float> predict_numbers(const EncoderModel& model, std::span<const Encoding> texts, index_t batch = 32) {
    require(gives_a_number(model), ErrorCode::invalid_argument, "predict_numbers: the model has no head of one output");
    std::vector<float> predicted;
    for_each_prediction(model, texts, batch, [&](const Tensor<float>& y) {
        for (const float number : y.to_vector()) predicted.push_back(number);
    });
    return predicted;
}

/// The mean square of what predictions are off.
inline double mean_squared_error(std::span<const float> predicted, std::span<const float> numbers) {
    require(predicted.size() == numbers.size() && !numbers.empty(), ErrorCode::invalid_argument, "mean_squared_error: ", predicted.size(),
            " predictions of ", numbers.size(), " numbers");
    double sum = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const double off = static_cast<double>(predicted[i]) - static_cast<double>(numbers[i]);
        sum += off * off;
    }
    return sum / static_cast<double>(numbers.size());
}

/// Trains what is on the tape of a model with a head of one output (NewHead{.labels = {"score"}}), or how.parameters. After each epoch the mean
/// squared error on the held-out texts, if there are any, is measured. Throws invalid_argument for another model, shape_mismatch for lists of
/// different lengths, and what fine_tune() throws.
inline TrainingResult train_regressor(EncoderModel& model, const NumberedTexts& data, const NumberedTexts& held_out = {},
                                      const FineTuning& how = {}) {
    require(gives_a_number(model), ErrorCode::invalid_argument, "train_regressor: the model has no head of one output");
    for (const auto* texts : {&data, &held_out})
        require(texts->numbers.size() == texts->texts.size(), ErrorCode::shape_mismatch, "train_regressor: ", texts->texts.size(), " texts and ",
                texts->numbers.size(), " numbers");
    HeldOutMeasure measure{.name = "validation/mean_squared_error"};
    if (!held_out.texts.empty()) measure.measure = [&] { return mean_squared_error(predict_numbers(model, held_out.texts), held_out.numbers); };
    const auto loss = [&](std::span<const index_t> which, Generator* training) {
        auto targets = Tensor<float>::empty({static_cast<index_t>(which.size()), 1});
        std::transform(which.begin(), which.end(), targets.mutable_data(), [&](index_t i) { return data.numbers[static_cast<std::size_t>(i)]; });
        return mse_loss(classify(model, data.texts, which, training), targets);
    };
    return fine_tune(model, static_cast<index_t>(data.texts.size()), loss, how, measure);
}

}  // namespace tercet::inline TERCET_ABI
