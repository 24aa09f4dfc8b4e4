// Fine-tuning: a model that has learnt much before learns a little more, by small steps that fade (Howard & Ruder 2018; Devlin et al. 2019, section
// 4).
//
//   rate of step t = rate · (1 − (t − 1) / steps), after a warm-up;  AdamW, with decay on matrices alone;  an epoch visits each example once, in its
//   own order
//
// What is learnt is said by a function that makes a loss of some of the examples: train/classifier.hpp, train/instructions.hpp and
// train/embedding.hpp have those for classes, for text and for embeddings. What of the model is trained is what is on the tape: all of it, a head
// (ModelOptions::trained), or an adapter (nn/lora.hpp).
#pragma once

#include "tercet/nn/lora.hpp"
#include "tercet/train/probe.hpp"
#include "tercet/train/trainer.hpp"

namespace tercet::inline TERCET_ABI {

struct FineTuning {
    index_t epochs = 3, batch = 32;  // passes over the examples; examples a step
    double rate = 5e-5, weight_decay = 0.01, clip = 1;
    double warmup = 0;                             // share of the steps over which the rate rises
    std::vector<double> class_weights{};           // of train_classifier: what each class counts for in the loss; all alike unless given
    bool dropout = true;                           // as the model's and the adapter's configs say
    std::uint64_t seed = 0;                        // of the order and of dropout
    std::vector<NamedTensor<float>> parameters{};  // what is trained, such as parameters_of(adapter); all that is on the model's tape unless given
    TrainerOptions trainer{};  // callbacks, loggers, a store for checkpoints to go on from; steps, rate, clip and the measure are set by the others
};

/// How a model does on held-out examples: after each epoch, if there is one.
struct HeldOutMeasure {
    std::string name = "validation/loss";
    bool maximise = false;
    std::function<double()> measure{};
};

/// Trains a model, or what how.parameters says. loss(which, generator) makes the mean loss of the examples `which`, numbers below `count`; the
/// generator is for dropout, and null where there shall be none; a low-rank term's own dropout draws from it too. Throws invalid_argument for options
/// outside their ranges, no examples or nothing to train, and what train() throws.
template <class Module, class Loss>
TrainingResult fine_tune(Module& model, index_t count, const Loss& loss, const FineTuning& how, const HeldOutMeasure& held_out = {}) {
    require(count > 0 && how.epochs > 0 && how.batch > 0 && how.trainer.accumulate > 0 && how.warmup >= 0 && how.warmup <= 1,
            ErrorCode::invalid_argument, "fine_tune: ", count, " examples, ", how.epochs, " epochs of batches of ", how.batch, ", warm-up ",
            how.warmup);
    for_each_weight(model, [&](const std::string& name, Weight& w) {
        require(!how.parameters.empty() || w.low_rank() == nullptr || !w.low_rank()->a.needs_grad(), ErrorCode::invalid_argument, "fine_tune: '",
                name, "' has an adapter that can be trained, and how.parameters is empty; it is to be parameters_of(adapter)");
    });
    auto parameters = how.parameters.empty() ? parameters_of(model) : how.parameters;
    require(!parameters.empty(), ErrorCode::invalid_argument,
            "fine_tune: there is nothing to train; load the model as trainable, or attach an adapter and give its parameters");
    Optimizer optimizer(std::move(parameters), AdamW{.rate = how.rate, .weight_decay = how.weight_decay}, decay_matrices_only);
    TrainingState state{.generator = Generator(how.seed)};
    ShuffledOrder order(count, how.seed);
    const index_t together = how.batch * how.trainer.accumulate, steps_an_epoch = (count + together - 1) / together,
                  steps = how.epochs * steps_an_epoch;

    TrainerOptions options = how.trainer;
    options.steps = steps;
    const LinearDecay fade{.peak = how.rate, .warmup = static_cast<index_t>(how.warmup * static_cast<double>(steps)), .steps = steps};
    options.rate = [fade](index_t step) { return fade(step - 1); };  // of the steps before it, as the transformers library counts
    options.clip = how.clip;
    options.maximise = held_out.maximise;
    options.measure = held_out.name;
    if (held_out.measure) {
        options.evaluate = [&](const TrainingState&) {
            set_lora_training(model, nullptr);
            return held_out.measure();
        };
        options.evaluate_every = steps_an_epoch;
    }
    if (options.store != nullptr) options.store->load_newest(optimizer, state);
    Generator* generator = how.dropout ? &state.generator : nullptr;
    options.on_step = [&model, user = how.trainer.on_step](const StepRecord& step) {
        set_lora_training(model, nullptr);
        if (user) user(step);
    };
    struct OffAgain {
        Module& model;
        ~OffAgain() { set_lora_training(model, nullptr); }
    } off_again{model};
    return train(
        optimizer, state, [&](TrainingState& now) { return order.next(now.data, how.batch, EpochRest::taken); },
        [&](std::span<const index_t> which) {
            set_lora_training(model, generator);
            return loss(which, generator);
        },
        options, [&](std::span<const index_t> which) { return first_non_finite_layer(model, [&] { loss(which, nullptr); }); });
}

}  // namespace tercet::inline TERCET_ABI
