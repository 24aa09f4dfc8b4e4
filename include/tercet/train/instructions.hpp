// Fine-tuning of a language model on texts of which a part, or all, is to be learnt: instructions and their answers, conversations, documents.
//
//   loss = −mean of ln p(token | those before it) over the tokens that are to be learnt
//
// The texts of a batch are packed one behind the other without padding, each seeing itself alone.
#pragma once

#include "tercet/data/instructions.hpp"
#include "tercet/models/causal.hpp"
#include "tercet/nn/linear_cross_entropy.hpp"
#include "tercet/train/evaluate.hpp"
#include "tercet/train/finetune.hpp"

namespace tercet::inline TERCET_ABI {

/// The mean loss of the texts `which`, a scalar on the tape; recompute: see TextTraining; dropout draws from `training`, if it is given. Throws
/// invalid_argument where none of their tokens is to be learnt.
inline Tensor<float> text_loss(const CausalModel& model, std::span<const LearntTokens> texts, std::span<const index_t> which, bool recompute = false,
                               Generator* training = nullptr) {
    const auto packed = pack_tokens(texts, which);
    require(packed.scored > 0, ErrorCode::invalid_argument, "text_loss: none of the tokens of ", which.size(), " texts is to be learnt");
    ForwardOptions options{.lengths = packed.lengths, .checkpoint = recompute, .training = training};
    const Weight* output = model.output_weight();
    if (output == nullptr) return cross_entropy(forward(model, packed.ids, options), packed.targets);
    options.hidden = true;
    return linear_cross_entropy(forward(model, packed.ids, options), *output, packed.targets, {}, 256);  // never all logits at once
}

/// How likely the model finds what is to be learnt of the texts. A pass takes as many of them as are 512 tokens together, or one.
inline LanguageModelScore evaluate_texts(const CausalModel& model, std::span<const LearntTokens> texts) {
    const NoGrad guard;
    LanguageModelScore score;
    std::vector<index_t> which;
    for (std::size_t i = 0, tokens = 0; i < texts.size(); ++i) {
        which.push_back(static_cast<index_t>(i));
        tokens += texts[i].size();
        if (i + 1 < texts.size() && tokens + texts[i + 1].size() <= 512) continue;
        const auto packed = pack_tokens(texts, which);
        which.clear();
        tokens = 0;
        if (packed.scored == 0) continue;
        const auto logits = forward(model, packed.ids, {.lengths = packed.lengths});
        score.nats += static_cast<double>(cross_entropy(logits, packed.targets).item()) * static_cast<double>(packed.scored);
        score.tokens += packed.scored;
    }
    return score;
}

struct TextTraining : FineTuning {
    bool recompute = false;  // keep each block's input alone, and compute the rest again in backward: less memory, a third more work
};

/// Trains a model, or what how.parameters says, such as an adapter that is on it. After each epoch the mean loss of the held-out texts, if there are
/// any, is measured. Throws what text_loss() and fine_tune() throw.
inline TrainingResult train_on_texts(CausalModel& model, std::span<const LearntTokens> texts, std::span<const LearntTokens> held_out = {},
                                     const TextTraining& how = {}) {
    HeldOutMeasure measure;
    if (!held_out.empty()) measure.measure = [&] { return evaluate_texts(model, held_out).mean(); };
    const auto loss = [&](std::span<const index_t> which, Generator* training) { return text_loss(model, texts, which, how.recompute, training); };
    return fine_tune(model, static_cast<index_t>(texts.size()), loss, how, measure);
}

}  // namespace tercet::inline TERCET_ABI
