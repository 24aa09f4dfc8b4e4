// Fine-tuning of sentence embeddings by pairs that belong together (Reimers & Gurevych 2019; Henderson et al. 2017, section 4.4: the other pairs of a
// batch are the wrong answers).
//
//   logits_ij = scale · cosine(a_i, b_j)        loss = cross_entropy(logits, i)        (info_nce, ops/contrastive.hpp)
#pragma once

#include "tercet/data/packing.hpp"
#include "tercet/models/sentence.hpp"
#include "tercet/ops/contrastive.hpp"
#include "tercet/train/finetune.hpp"

namespace tercet::inline TERCET_ABI {

/// Pairs of texts as tokens: a question and its answer, a sentence and another of the same meaning.
struct TextPairs {
    std::vector<Encoding> first, second;
};

/// The embeddings (texts, C) of the texts `which`, on the tape; of unit length where the config says so. Throws unsupported for a pooling other than
/// the mean or the first token.
inline Tensor<float> embed_for_training(const EncoderModel& model, const SentenceConfig& config, std::span<const Encoding> texts,
                                        std::span<const index_t> which, Generator* training = nullptr) {
    require(config.pooling == Pooling::mean || config.pooling == Pooling::cls, ErrorCode::unsupported,
            "embed_for_training: only the mean of the tokens or the first one is learnt through");
    const auto packed = pack_texts(texts, which);
    const EncoderInputs inputs{.type_ids = &packed.type_ids, .lengths = packed.lengths, .training = training};
    const auto hidden = forward(model, packed.ids, inputs).last_hidden_state;
    const auto pooled = config.pooling == Pooling::mean ? mean_of_tokens(hidden, inputs) : first_tokens(hidden, inputs);
    const auto led = config.after_pooling(pooled);  // what Dense layers do to it is learnt through; they themselves stay
    return config.normalise ? normalize(led) : led;
}

struct EmbeddingTraining : FineTuning {
    InfoNceOptions contrast{};
};

/// Trains what is on the tape of an encoder, or how.parameters. After each epoch the loss of the held-out pairs, if there are any, is measured, in
/// batches of the same size. Throws shape_mismatch for lists of different lengths, and what embed_for_training() and fine_tune() throw.
inline TrainingResult train_embeddings(EncoderModel& model, const SentenceConfig& config, const TextPairs& pairs, const TextPairs& held_out = {},
                                       const EmbeddingTraining& how = {}) {
    require(pairs.first.size() == pairs.second.size() && held_out.first.size() == held_out.second.size(), ErrorCode::shape_mismatch,
            "train_embeddings: ", pairs.first.size(), " texts and ", pairs.second.size(), " that belong to them");
    const auto loss_of = [&](const TextPairs& texts, std::span<const index_t> which, Generator* training) {
        const auto first = embed_for_training(model, config, texts.first, which, training);  // before the second: both draw from the generator
        return info_nce(first, embed_for_training(model, config, texts.second, which, training), how.contrast);
    };
    HeldOutMeasure measure;
    const auto held = static_cast<index_t>(held_out.first.size());
    if (held > 0)
        measure.measure = [&, held] {
            const NoGrad guard;
            double sum = 0;
            for (index_t begin = 0; begin < held; begin += how.batch) {
                const auto which = next_in_order(begin, how.batch, held);
                sum += static_cast<double>(loss_of(held_out, which, nullptr).item()) * static_cast<double>(which.size());
            }
            return sum / static_cast<double>(held);
        };
    const auto loss = [&](std::span<const index_t> which, Generator* training) { return loss_of(pairs, which, training); };
    return fine_tune(model, static_cast<index_t>(pairs.first.size()), loss, how, measure);
}

}  // namespace tercet::inline TERCET_ABI
