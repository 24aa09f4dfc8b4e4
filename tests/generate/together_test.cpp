// Several generations in one pass of the model, each as it is alone.
#include "generate/tiny.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

std::vector<Generation> started(const CausalModel& model, const GenerateOptions& options, const std::vector<std::int32_t>& ends = {}) {
    std::vector<Generation> all;
    for (int n = 1; n <= 5; ++n) {
        std::vector<std::int32_t> prompt;
        for (int i = 0; i < 4 * n; ++i) prompt.push_back(5 + (7 * n + 3 * i) % 80);
        all.emplace_back(model, std::nullopt, ends, prompt, options);
    }
    return all;
}

}  // namespace

TEST_CASE("generations together: prompts of different lengths give the tokens that each gives alone") {
    for (const std::string name : {"llama", "gpt2", "gemma3", "mistral-sliding", "phi3"}) {
        INFO(name);
        const auto model = golden_model(name);
        for (const double temperature : {0.0, 1.0}) {
            const GenerateOptions options{.max_tokens = 20, .temperature = temperature, .seed = 4};
            auto together = started(model, options, {50}), alone = started(model, options, {50});
            Generation::finish_together(together);
            for (std::size_t i = 0; i < alone.size(); ++i) {
                alone[i].finish_text();
                CHECK(to_vector(together[i].ids()) == to_vector(alone[i].ids()));
                CHECK(together[i].finish() == alone[i].finish());
            }
        }
    }
}

TEST_CASE("generations together: the context, guesses and several models are seen to") {
    const auto model = golden_model("llama");  // 64 positions
    const GenerateOptions options{.max_tokens = 100, .temperature = 0};
    auto together = started(model, options), alone = started(model, options);
    Generation::finish_together(together);
    for (std::size_t i = 0; i < alone.size(); ++i) {
        alone[i].finish_text();
        CHECK(to_vector(together[i].ids()) == to_vector(alone[i].ids()));
        CHECK(together[i].finish() == Finish::length);
    }
    auto guessing = started(model, {.max_tokens = 10, .temperature = 0, .lookup = 4});
    Generation::finish_together(guessing);
    CHECK(guessing[0].ids().size() == 10);
    Generation::finish_together({});

    std::vector<Generation> mixed;
    mixed.emplace_back(model, std::nullopt, std::vector<std::int32_t>{}, std::vector<std::int32_t>{5, 6}, options);
    mixed.emplace_back(golden_model("llama"), std::nullopt, std::vector<std::int32_t>{}, std::vector<std::int32_t>{5, 6}, options);
    CHECK_ERROR(Generation::finish_together(mixed), ErrorCode::invalid_argument);
}

TEST_CASE("forward: caches of rows that do not fit are refused") {
    const auto model = golden_model("llama");
    KvCache one(layers(model)), two(layers(model));
    KvCache* const rows[] = {&one, &two};
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::zeros({2, 3}), {.rows = rows}), ErrorCode::invalid_argument);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::zeros({3, 1}), {.rows = rows}), ErrorCode::invalid_argument);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::zeros({2, 1}), {.cache = &one, .rows = rows}), ErrorCode::invalid_argument);
}
