// Guesses change how fast tokens come, and never which.
#include "tercet/generate/speculative.hpp"

#include "generate/tiny.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("look_up: what followed the last place where the newest tokens stood") {
    const std::vector<std::int32_t> seen{1, 2, 3, 4, 5, 1, 2, 3, 9, 8, 1, 2, 3};
    CHECK(look_up(seen, 3) == std::vector<std::int32_t>{9, 8, 1});
    CHECK(look_up(seen, 100) == std::vector<std::int32_t>{9, 8, 1, 2, 3});
    CHECK(look_up(std::vector<std::int32_t>{7, 7, 7, 7}, 3) == std::vector<std::int32_t>{7});
    CHECK(look_up(std::vector<std::int32_t>{1, 2, 3}, 3).empty());
    CHECK(look_up(std::vector<std::int32_t>{5}, 3).empty());
    CHECK(look_up({}, 3).empty());
    CHECK(look_up(std::vector<std::int32_t>{5, 6, 5}, 3).empty());  // one token is too little to go by
    CHECK(look_up(std::vector<std::int32_t>{5, 6, 5}, 3, 4, 1) == std::vector<std::int32_t>{6, 5});
}

TEST_CASE("speculative decoding: the same tokens as plain decoding, greedy or drawn, by look-up or by a draft model") {
    for (const std::string name : {"llama", "gpt2", "gemma3"}) {
        INFO(name);
        const auto model = golden_model(name);
        // A prompt that repeats itself; for gpt2 the draft is the model itself, so that every guess comes true.
        std::vector<std::int32_t> prompt;
        for (int i = 0; i < 18; ++i) prompt.push_back(5 + i % 6);
        for (const double temperature : {0.0, 1.5}) {
            GenerateOptions options{.max_tokens = 40, .temperature = temperature, .seed = 3};
            options.repeat_penalty = temperature > 0 ? 1.1 : 1;
            Generation plain(model, std::nullopt, {}, prompt, options);
            plain.finish_text();
            options.lookup = 6;
            Generation looked_up(model, std::nullopt, {}, prompt, options);
            looked_up.finish_text();
            CHECK(to_vector(looked_up.ids()) == to_vector(plain.ids()));
            CHECK(looked_up.finish() == plain.finish());
            options.lookup = 0;
            options.draft = model;
            Generation drafted(model, std::nullopt, {}, prompt, options);
            drafted.finish_text();
            CHECK(to_vector(drafted.ids()) == to_vector(plain.ids()));
            if (temperature == 0) {
                CHECK(drafted.guesses().first > 20);
                CHECK(drafted.guesses().first == drafted.guesses().second);
            }
        }
    }
}

TEST_CASE("speculative decoding: the context ends it where it ends plain decoding") {
    const auto model = golden_model("llama");  // 64 positions
    std::vector<std::int32_t> prompt(50, 7);
    for (const index_t lookup : {0, 1, 5, 30}) {
        INFO(lookup);
        Generation plain(model, std::nullopt, {}, prompt, {.max_tokens = 100, .temperature = 0});
        Generation fast(model, std::nullopt, {}, prompt, {.max_tokens = 100, .temperature = 0, .lookup = lookup});
        plain.finish_text();
        fast.finish_text();
        CHECK(to_vector(fast.ids()) == to_vector(plain.ids()));
        CHECK(fast.ids().size() == 15);
        CHECK(fast.finish() == Finish::length);
    }
}

TEST_CASE("speculative decoding: guesses that cannot be are refused") {
    const auto model = golden_model("llama");
    const auto start = [&](const GenerateOptions& options) { Generation(model, std::nullopt, {}, {5, 6}, options); };
    CHECK_ERROR(start({.lookup = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(start({.lookup = 1000}), ErrorCode::invalid_argument);
    CHECK_ERROR(start({.draft = golden_model("gpt2")}), ErrorCode::invalid_argument);  // another vocabulary
    CHECK_ERROR(start({.draft = model, .draft_tokens = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(start({.lookup = 3, .draft = model}), ErrorCode::invalid_argument);
}
