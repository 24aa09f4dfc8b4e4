#include "tercet/generate/score.hpp"

#include "generate/tiny.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("log_probabilities: a log softmax of the logits before each token, in pieces or at once") {
    const auto model = golden_model("gpt2");
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(5 + (i * 7) % 90);
    const auto scores = log_probabilities(model, ids);
    REQUIRE(scores.size() == 39);
    const auto logits = forward(model, Tensor<std::int32_t>::copy(ids, {1, 40}));
    for (index_t t = 0; t < 39; ++t) {
        double sum = 0;
        for (index_t v = 0; v < 101; ++v) sum += std::exp(static_cast<double>(logits(0, t, v)));
        const double want = static_cast<double>(logits(0, t, ids[static_cast<std::size_t>(t) + 1])) - std::log(sum);
        CHECK(scores[static_cast<std::size_t>(t)] == Catch::Approx(want).margin(1e-5));
    }
    CHECK(log_probabilities(model, std::vector<std::int32_t>{3}).empty());
    CHECK_ERROR(log_probabilities(model, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(log_probabilities(model, std::vector<std::int32_t>{3, 101}), ErrorCode::index_out_of_range);
    CHECK_ERROR(log_probabilities(model, std::vector<std::int32_t>(66, 3)), ErrorCode::context_overflow);
    std::stop_source stop;
    stop.request_stop();
    CHECK_ERROR(log_probabilities(model, ids, stop.get_token()), ErrorCode::cancelled);
}

TEST_CASE("generation: log-probabilities of the new tokens are those of scoring prompt and tokens together") {
    const auto model = golden_model("llama");
    const auto greedy = greedy_case("llama");
    Generation generation(model, std::nullopt, {}, greedy.prompt, {.max_tokens = 20, .temperature = 0.7, .log_probabilities = true});
    generation.finish_text();
    REQUIRE(generation.log_probabilities().size() == 20);
    auto whole = greedy.prompt;
    whole.insert(whole.end(), generation.ids().begin(), generation.ids().end());
    const auto scores = log_probabilities(model, whole);
    for (std::size_t i = 0; i < 20; ++i) CHECK(generation.log_probabilities()[i] == Catch::Approx(scores[greedy.prompt.size() - 1 + i]).margin(1e-4));
}

TEST_CASE("generation: pieces go to a function, which may end it") {
    const auto model = golden_model("llama");
    const auto greedy = greedy_case("llama");
    Generation generation(model, tiny_tokenizer(103), {}, greedy.prompt, {.max_tokens = 6, .temperature = 0});
    std::string heard;
    generation.for_each_piece([&](std::string_view piece) {
        heard += piece;
        return true;
    });
    CHECK(heard == "<50><63><63><63><86><85>");
    Generation shorter(model, tiny_tokenizer(103), {}, greedy.prompt, {.max_tokens = 6, .temperature = 0});
    int pieces = 0;
    shorter.for_each_piece([&](std::string_view) { return ++pieces < 2; });
    CHECK(pieces == 2);
    CHECK(shorter.ids().size() == 2);
}
