// A training run small enough for a test: a GPT of two layers with dropout on shuffled windows, all of whose randomness comes from its state.
#pragma once

#include "tercet/data/dataset.hpp"
#include "tercet/nn/init.hpp"
#include "tercet/train/evaluate.hpp"
#include "tercet/train/trainer.hpp"

namespace tercet_test {

using namespace tercet;

struct TinyRun {
    Gpt2 model{{.vocab_size = 11, .context = 8, .hidden_size = 16, .layers = 2, .heads = 2, .dropout = 0.1}};
    TrainingState state;
    std::vector<TokenId> tokens;
    TokenWindows windows;
    ShuffledOrder order;
    std::optional<Optimizer<AdamW, float>> optimizer;
    TrainerOptions options{.rate = CosineDecay{.peak = 1e-2, .warmup = 5, .steps = 50, .lowest = 1e-3}, .clip = 1};

    explicit TinyRun(std::uint64_t seed = 5) : tokens(stream()), windows(tokens, 8), order(windows.count(), 3) {
        state.generator = Generator(seed);
        init_gpt(model, state.generator, {.layers = 2});
        optimizer.emplace(parameters_of(model), AdamW{.weight_decay = 0.1}, decay_matrices_only);
    }
    TinyRun(const TinyRun&) = delete;

    TrainingResult train(std::int64_t to) {
        options.steps = to;
        return tercet::train(
            *optimizer, state, [&](TrainingState& s) { return windows.windows(order.next(s.data, 3)); },
            [&](const TokenBatch& b) { return cross_entropy(model(b.inputs, {.training = &state.generator}), b.targets); }, options);
    }
    // Weights and the optimiser's state.
    std::vector<float> numbers() const {
        std::vector<float> all;
        for (const auto& list : {optimizer->parameters(), optimizer->state()})
            for (const auto& [name, tensor] : list) {
                const auto values = tensor.to_vector();
                all.insert(all.end(), values.begin(), values.end());
            }
        return all;
    }

    static std::vector<TokenId> stream() {
        std::vector<TokenId> tokens;
        for (TokenId i = 0; i < 100; ++i) tokens.push_back(i * i % 11);
        return tokens;
    }
};

}  // namespace tercet_test
