// A tiny GPT learns, and the number of threads leaves no trace in it.
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/isa.hpp"
#include "tercet/data/split.hpp"
#include "tercet/metrics/language_model.hpp"
#include "tercet/models/gpt2.hpp"
#include "tercet/nn/init.hpp"
#include "tercet/text/char_level.hpp"
#include "tercet/train/clip.hpp"
#include "tercet/train/evaluate.hpp"
#include "tercet/train/optimizer.hpp"
#include "tercet/train/schedule.hpp"

using namespace tercet;

namespace {

std::string rhyme() {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "one for sorrow, two for joy, three for a girl, four for a boy;\n";
    return text;
}

struct Learnt {
    std::vector<float> losses, weights;
    LanguageModelScore before, after;
};

Learnt learn(int steps, Activations activations = Activations::f32) {
    const std::string text = rhyme();
    const auto vocabulary = CharVocabulary::of_text(text);
    const auto ids = vocabulary.encode(text);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.9);
    const TokenWindows training(parts.training, 32), validation(parts.validation, 32);
    Gpt2 model({.vocab_size = vocabulary.size(), .context = 32, .hidden_size = 32, .layers = 2, .heads = 2});
    Generator generator(7);
    init_gpt(model, generator, {.layers = 2});
    set_activations(model, activations);
    Optimizer optimizer(parameters_of(model), AdamW{.weight_decay = 0.1}, decay_matrices_only);
    const CosineDecay schedule{.peak = 1e-2, .warmup = 5, .steps = steps, .lowest = 1e-3};
    Learnt result;
    result.before = evaluate(model, validation);
    for (int step = 0; step < steps; ++step) {
        optimizer.set_rate(schedule(step + 1));
        const auto batch = training.random(8, generator);
        const auto loss = cross_entropy(model(batch.inputs), batch.targets);
        loss.backward();
        clip_gradient_norm(optimizer.parameters(), 1);
        optimizer.step();
        optimizer.zero_grad();
        result.losses.push_back(loss.item());
    }
    result.after = evaluate(model, validation);
    for (const auto& [name, tensor] : optimizer.parameters()) {
        const auto values = tensor.to_vector();
        result.weights.insert(result.weights.end(), values.begin(), values.end());
    }
    return result;
}

}  // namespace

TEST_CASE("training: a tiny GPT starts without knowledge and learns a rhyme in a few dozen steps") {
    const auto result = learn(60);
    CHECK(result.losses.front() == Approx(std::log(23.0)).margin(0.3));  // all characters alike
    CHECK(result.losses.back() < 0.6f * result.losses.front());
    CHECK(result.after.mean() < 0.6 * result.before.mean());
    CHECK(result.after.tokens == result.before.tokens);
    CHECK(perplexity(result.after.nats, result.after.tokens) < 8);
    WARN("loss " << result.losses.front() << " -> " << result.losses.back() << ", held out " << result.before.mean() << " -> "
                 << result.after.mean());
}

TEST_CASE("training: in mixed precision it learns as well, along a path that stays near") {
    const auto exact = learn(60), mixed = learn(60, Activations::bf16);
    CHECK(mixed.losses != exact.losses);
    CHECK(mixed.losses.front() == Approx(exact.losses.front()).epsilon(1e-3));
    CHECK(mixed.after.mean() == Approx(exact.after.mean()).epsilon(0.1));
}

TEST_CASE("training: one to four threads give the same bits, in mixed precision too") {
    for (const auto activations : {Activations::f32, Activations::bf16}) {
        std::optional<Learnt> one;
        for_each_thread_count([&] {
            const auto result = learn(8, activations);
            if (!one) one = result;
            CHECK(result.losses == one->losses);
            CHECK(result.weights == one->weights);
            CHECK(result.after.nats == one->after.nats);
        });
    }
}

TEST_CASE("training: a whole step, from drawing the batch to the update, asks the system for nothing once the first has been made") {
    const std::string text = rhyme();
    const auto vocabulary = CharVocabulary::of_text(text);
    const auto ids = vocabulary.encode(text);
    const TokenWindows windows(ids, 32);
    Gpt2 model({.vocab_size = vocabulary.size(), .context = 32, .hidden_size = 32, .layers = 2, .heads = 2, .dropout = 0.1});
    Generator generator(7);
    init_gpt(model, generator, {.layers = 2});
    Optimizer optimizer(parameters_of(model), AdamW{.weight_decay = 0.1}, decay_matrices_only);
    int batches = 1;
    const auto step = [&] {
        for (int i = 0; i < batches; ++i) {
            const auto batch = windows.random(8, generator);
            cross_entropy(model(batch.inputs, {.training = &generator}), batch.targets).backward();
        }
        clip_gradient_norm(optimizer.parameters(), 1);
        optimizer.step();
        optimizer.zero_grad();
    };
    const auto five = [&] {
        for (int i = 0; i < 5; ++i) step();
    };
    for (const auto activations : {Activations::f32, Activations::bf16}) {
        set_activations(model, activations);
        for (const auto& [count, together] : {std::pair{1, 1}, {1, 2}, {2, 2}, {4, 1}}) {
            const UseThreads use(count);
            batches = together;
            five();
            const auto before = memory_stats().system_requests;
            CHECK(allocations_of(five) == 0);
            if (count == 1) CHECK(memory_stats().system_requests == before);  // with more, how many blocks are in use at once hangs on who comes when
        }
    }
}

TEST_CASE("training: memory is taken from the cache after the first steps") {
    const int count = threads();
    set_threads(1);  // with more, how many blocks are in use at once hangs on who comes when
    learn(3);
    const auto before = memory_stats();
    learn(3);
    const auto after = memory_stats();
    set_threads(count);
    CHECK(after.requests > before.requests);
    CHECK(after.system_requests == before.system_requests);
}

TEST_CASE("evaluate: scores each window from its first input on, all of them or some spread evenly") {
    Gpt2 model({.vocab_size = 5, .context = 4, .hidden_size = 8, .layers = 1, .heads = 1});
    Generator generator(2);
    init_gpt(model, generator);
    const std::vector<TokenId> tokens{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3};
    const TokenWindows windows(tokens, 4);
    const auto whole = evaluate(model, windows);
    CHECK(whole.tokens == 12);
    const auto by_two = evaluate(model, windows, {.batch = 2});
    CHECK(by_two.nats == Approx(whole.nats));
    double nats = 0;
    for (const index_t begin : {0, 4, 8}) {
        const index_t begins[] = {begin};
        const auto batch = windows.batch(begins);
        nats += 4 * static_cast<double>(cross_entropy(model(batch.inputs), batch.targets).item());
    }
    CHECK(whole.nats == Approx(nats));
    CHECK(whole.mean() == Approx(nats / 12));
    CHECK(evaluate(model, windows, {.most_windows = 2}).tokens == 8);
    CHECK(std::isnan(LanguageModelScore{}.mean()));
    std::stop_source source;
    source.request_stop();
    CHECK_ERROR(evaluate(model, windows, {.stop = source.get_token()}), ErrorCode::cancelled);
    CHECK_ERROR(evaluate(model, windows, {.batch = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(evaluate(model, TokenWindows(std::span(tokens).first(4), 4)), ErrorCode::invalid_argument);
}
