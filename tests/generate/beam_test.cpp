// Beam search against transformers, and against trying every continuation.
#include "tercet/generate/beam.hpp"

#include "generate/tiny.hpp"

using namespace tercet;
using namespace tercet_test;
using golden::Expected;

namespace {

// Row r of ids that begin with the prompt, without it, and up to but without the end token.
std::vector<std::int32_t> row_of(const Tensor<std::int32_t>& ids, index_t r, index_t prompt, std::int32_t end_token = -1) {
    std::vector<std::int32_t> row;
    for (index_t t = prompt; t < ids.size(1) && ids(r, t) != end_token; ++t) row.push_back(ids(r, t));
    return row;
}

// Σ log p of `next` after `prompt`, by one pass over both.
double log_probability(const CausalModel& model, std::vector<std::int32_t> prompt, const std::vector<std::int32_t>& next) {
    const auto before = prompt.size();
    prompt.insert(prompt.end(), next.begin(), next.end());
    const NoGrad guard;
    const auto logits = forward(model, Tensor<std::int32_t>::copy(prompt, {1, static_cast<index_t>(prompt.size())}));
    double sum = 0;
    std::vector<double> row;
    for (std::size_t i = 0; i < next.size(); ++i) {
        detail::log_probabilities(row, logits.data() + static_cast<index_t>(before + i - 1) * logits.size(2), logits.size(2));
        sum += row[static_cast<std::size_t>(next[i])];
    }
    return sum;
}

}  // namespace

TEST_CASE("beam search: the three best continuations and their scores are transformers'") {
    const auto model = golden_model("gpt2");
    const Expected expected(golden::model_folder("gpt2") + "/expected.safetensors");
    const auto prompt = expected.ids("prompt_ids").to_vector();
    const auto n = static_cast<index_t>(prompt.size());
    const auto check = [&](const BeamResult& result, const std::string& ids, const std::string& scores, std::int32_t end_token) {
        const auto want = expected.ids(ids);
        REQUIRE(static_cast<index_t>(result.hypotheses.size()) == want.size(0));
        double worst = 0;
        for (index_t r = 0; r < want.size(0); ++r) {
            const auto& h = result.hypotheses[static_cast<std::size_t>(r)];
            CHECK(h.ids == row_of(want, r, n, end_token));
            CHECK(h.finish == (h.ids.size() < 20 ? Finish::eos : Finish::length));
            worst = std::max(worst, std::abs(h.score - static_cast<double>(expected.real(scores)(r))));
        }
        CHECK(worst <= 1e-5);
        WARN(ids << ": scores deviate by " << worst);
    };
    check(beam_search(model, prompt, {.beams = 3, .max_tokens = 20}), "beam_all_ids", "beam_scores", -1);
    const auto end_token = expected.ids("beam_eos_id").item();
    check(beam_search(model, prompt, {.beams = 3, .max_tokens = 20, .length_penalty = 0.8, .end_tokens = {end_token}}), "beam_eos_all_ids",
          "beam_eos_scores", end_token);
}

TEST_CASE("beam search: one beam is greedy, and scores are the model's log-probabilities") {
    const auto model = golden_model("llama");
    const auto [prompt, next] = greedy_case("llama");
    const auto one = beam_search(model, prompt, {.beams = 1, .max_tokens = 20, .length_penalty = 0});
    REQUIRE(one.hypotheses.size() == 1);
    CHECK(one.hypotheses[0].ids == next);
    for (const auto& h : beam_search(model, prompt, {.beams = 4, .max_tokens = 9, .length_penalty = 2}).hypotheses)
        CHECK(h.score == Catch::Approx(log_probability(model, prompt, h.ids) / 81).margin(1e-5));
    const auto timed = beam_search(model, prompt, {.beams = 2, .max_tokens = 3});
    CHECK(timed.prompt_tokens_per_s > 0);
    CHECK(timed.tokens_per_s > 0);
}

TEST_CASE("beam search: with a beam for every token the best pair of tokens is found") {
    const auto model = golden_model("gpt2");
    const auto prompt = greedy_case("gpt2").prompt;
    const auto found = beam_search(model, prompt, {.beams = 101, .max_tokens = 2}).hypotheses;
    REQUIRE(found.size() == 101);
    double best = -HUGE_VAL;
    std::vector<std::int32_t> best_pair;
    for (std::int32_t a = 0; a < 101; ++a) {
        for (const auto& h : beam_search(model, {{48, 12, 56, 65, 86, a}}, {.beams = 1, .max_tokens = 1}).hypotheses) {
            const double score = log_probability(model, prompt, {a, h.ids[0]}) / 2;
            if (score > best) {
                best = score;
                best_pair = {a, h.ids[0]};
            }
        }
    }
    CHECK(prompt == std::vector<std::int32_t>{48, 12, 56, 65, 86});
    CHECK(found[0].ids == best_pair);
    CHECK(found[0].score == Catch::Approx(best).margin(1e-5));
    for (std::size_t i = 1; i < found.size(); ++i) CHECK(found[i - 1].score >= found[i].score);
}

TEST_CASE("beam search: banned tokens are in no hypothesis, also where beams are more than tokens") {
    const auto model = golden_model("gpt2");
    std::vector<std::int32_t> banned;
    for (std::int32_t id = 3; id < 101; ++id) banned.push_back(id);
    const auto found = beam_search(model, std::vector<std::int32_t>{5, 6}, {.beams = 6, .max_tokens = 2, .banned = banned});
    CHECK_FALSE(found.hypotheses.empty());
    for (const auto& h : found.hypotheses)
        for (const auto id : h.ids) CHECK(id < 3);
}

TEST_CASE("beam search: a stop ends hypotheses, the context ends all, and no tokens give the empty one") {
    const auto model = golden_model("gpt2");
    const auto prompt = greedy_case("gpt2").prompt;
    const auto stopped =
        beam_search(model, prompt, {.beams = 3, .max_tokens = 20, .stop = [](std::span<const std::int32_t> ids) { return ids.size() == 4; }});
    for (const auto& h : stopped.hypotheses) {
        CHECK(h.ids.size() == 4);
        CHECK(h.finish == Finish::stop);
    }
    const std::vector<std::int32_t> full(64, 5);
    CHECK(beam_search(model, full, {.beams = 2}).hypotheses.at(0).ids.size() == 1);
    CHECK(beam_search(model, std::span(full).first(61), {.beams = 2}).hypotheses.at(0).ids.size() == 4);
    const auto none = beam_search(model, prompt, {.max_tokens = 0}).hypotheses;
    REQUIRE(none.size() == 1);
    CHECK(none[0].ids.empty());
    CHECK(none[0].finish == Finish::length);
}

TEST_CASE("beam search: what a caller gets wrong is refused by name") {
    const auto model = golden_model("gpt2");
    const std::vector<std::int32_t> prompt{1, 2}, unknown{1, 101}, negative{-1}, empty, longer(65, 1);
    CHECK_ERROR(beam_search(model, empty, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(beam_search(model, prompt, {.beams = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(beam_search(model, prompt, {.beams = 1025}), ErrorCode::invalid_argument);
    CHECK_ERROR(beam_search(model, prompt, {.max_tokens = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(beam_search(model, prompt, {.length_penalty = 11}), ErrorCode::invalid_argument);
    CHECK_ERROR(beam_search(model, prompt, {.length_penalty = std::nan("")}), ErrorCode::invalid_argument);
    CHECK_ERROR(beam_search(model, unknown, {}), ErrorCode::index_out_of_range);
    CHECK_ERROR(beam_search(model, negative, {}), ErrorCode::index_out_of_range);
    CHECK_ERROR(beam_search(model, longer, {}), ErrorCode::context_overflow);
    std::stop_source stop;
    stop.request_stop();
    CHECK_ERROR(beam_search(model, prompt, {.cancel = stop.get_token()}), ErrorCode::cancelled);
}

TEST_CASE("beam search: log-probabilities of rows with infinities and NaN stay in order") {
    constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<double> row;
    const auto log_p = [&](std::vector<float> logits) {
        detail::log_probabilities(row, logits.data(), static_cast<index_t>(logits.size()));
        return row;
    };
    CHECK(log_p({0, 0})[0] == Catch::Approx(std::log(0.5)));
    CHECK(log_p({nan, 1})[1] == 0);
    CHECK(log_p({nan, 1})[0] == -HUGE_VAL);
    CHECK(log_p({infinity, 1}) == std::vector<double>{0, -HUGE_VAL});
    CHECK(log_p({-infinity, nan}) == std::vector<double>{-HUGE_VAL, -HUGE_VAL});
}
