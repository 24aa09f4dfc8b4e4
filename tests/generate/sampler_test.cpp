#include "tercet/generate/sampler.hpp"

#include "support/catch.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <string>

using namespace tercet;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity(), not_a_number = std::numeric_limits<float>::quiet_NaN();

// How often each token comes in `draws` draws.
std::map<std::int32_t, int> counts(const std::vector<float>& logits, const SamplerOptions& options, int draws = 4000,
                                   const std::vector<std::int32_t>& seen = {}) {
    Generator generator(options.seed);
    std::map<std::int32_t, int> result;
    for (int i = 0; i < draws; ++i) ++result[sample_token(logits, options, seen, generator)];
    return result;
}

std::vector<float> logs(std::initializer_list<double> probabilities) {
    std::vector<float> logits;
    for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
    return logits;
}

}  // namespace

TEST_CASE("sampler: temperature 0 takes the most likely token, the first on a tie, and draws nothing") {
    Generator generator(5);
    CHECK(sample_token(std::vector<float>{1, 3, 2, 3}, {.temperature = 0}, {}, generator) == 1);
    CHECK(sample_token(std::vector<float>{-infinity, -7, -infinity}, {.temperature = 0}, {}, generator) == 1);
    CHECK(generator.next_u64() == Generator(5).next_u64());
    CHECK(argmax_token(std::vector<float>{0, 0}) == 0);
}

TEST_CASE("sampler: tokens come as often as their probabilities say, sharper or flatter with the temperature") {
    const auto logits = logs({0.5, 0.3, 0.15, 0.05});
    const auto plain = counts(logits, {.temperature = 1, .seed = 1}, 20000);
    const double want[] = {0.5, 0.3, 0.15, 0.05};
    for (const auto& [id, n] : plain) CHECK(n / 20000.0 == Catch::Approx(want[id]).margin(0.012));
    auto sharp = counts(logits, {.temperature = 0.5, .seed = 2}, 20000);  // squares: 0.25, 0.09, 0.0225, 0.0025 of 0.365
    CHECK(sharp[0] / 20000.0 == Catch::Approx(0.685).margin(0.012));
    auto flat = counts(logits, {.temperature = 1000, .seed = 3}, 20000);
    CHECK(flat[3] / 20000.0 == Catch::Approx(0.25).margin(0.012));
    CHECK(counts(logits, {.temperature = 1e-300}) == std::map<std::int32_t, int>{{0, 4000}});
}

TEST_CASE("sampler: top-k keeps the k most likely, lower ids first on a tie") {
    const auto two = counts({1, 4, 3, 2}, {.temperature = 1, .top_k = 2});
    CHECK(two.size() == 2);
    CHECK(two.contains(1));
    CHECK(two.contains(2));
    CHECK(counts({1, 1, 1, 1}, {.temperature = 1, .top_k = 1}) == std::map<std::int32_t, int>{{0, 4000}});
    CHECK(counts({1, 1, 1, 1}, {.temperature = 1, .top_k = 99}).size() == 4);
}

TEST_CASE("sampler: top-p keeps the fewest that add up to p") {
    const auto logits = logs({0.15, 0.5, 0.05, 0.3});
    CHECK(counts(logits, {.temperature = 1, .top_p = 0.4}) == std::map<std::int32_t, int>{{1, 4000}});
    const auto two = counts(logits, {.temperature = 1, .top_p = 0.79});
    CHECK(two.size() == 2);
    CHECK(two.at(1) / 4000.0 == Catch::Approx(0.625).margin(0.03));
    CHECK(counts(logits, {.temperature = 1, .top_p = 0.81}).size() == 3);
    CHECK(counts(logits, {.temperature = 1, .top_p = 1e-9}).size() == 1);
}

TEST_CASE("sampler: min-p keeps those at least that share of the most likely, and goes together with the others") {
    const auto logits = logs({0.15, 0.5, 0.05, 0.3});
    CHECK(counts(logits, {.temperature = 1, .min_p = 0.2}).size() == 3);
    CHECK(counts(logits, {.temperature = 1, .min_p = 0.55}).size() == 2);
    CHECK(counts(logits, {.temperature = 1, .min_p = 1}).size() == 1);
    CHECK(counts(logits, {.temperature = 1, .top_k = 3, .top_p = 0.9, .min_p = 0.55}).size() == 2);
}

TEST_CASE("sampler: the repeat penalty divides positive logits of tokens seen and multiplies negative ones, once each") {
    Generator generator;
    const std::vector<std::int32_t> seen{1, 1, 1};
    CHECK(sample_token(std::vector<float>{3, 4, 0}, {.temperature = 0, .repeat_penalty = 1.3}, seen, generator) == 1);
    CHECK(sample_token(std::vector<float>{3, 4, 0}, {.temperature = 0, .repeat_penalty = 1.4}, seen, generator) == 0);
    CHECK(sample_token(std::vector<float>{-3, -2, -9}, {.temperature = 0, .repeat_penalty = 1.4}, seen, generator) == 1);
    CHECK(sample_token(std::vector<float>{-3, -2, -9}, {.temperature = 0, .repeat_penalty = 1.6}, seen, generator) == 0);
    CHECK(sample_token(std::vector<float>{3, 2.5f, 0}, {.temperature = 0, .repeat_penalty = 0.8}, seen, generator) == 1);
}

TEST_CASE("sampler: the same seed gives the same tokens, another seed others") {
    std::vector<float> logits(50);
    Generator(9).fill_normal(logits.data(), 50);
    const auto draw = [&](std::uint64_t seed) {
        Generator generator(seed);
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 30; ++i) ids.push_back(sample_token(logits, {.temperature = 1.5, .top_p = 0.95}, ids, generator));
        return ids;
    };
    CHECK(draw(7) == draw(7));
    CHECK(draw(7) != draw(8));
}

TEST_CASE("sampler: infinities and NaN in the logits give a token that is there") {
    for (const SamplerOptions& o :
         {SamplerOptions{.temperature = 1}, SamplerOptions{.temperature = 1, .top_k = 2}, SamplerOptions{.temperature = 1, .top_p = 0.5}}) {
        CHECK(counts({not_a_number, 2, not_a_number, -infinity, not_a_number}, o) == std::map<std::int32_t, int>{{1, 4000}});
        CHECK(counts({1, infinity, 3}, o) == std::map<std::int32_t, int>{{1, 4000}});
        const auto all_nan = counts({not_a_number, not_a_number, not_a_number}, o, 50), nothing = counts({-infinity, -infinity}, o, 50);
        CHECK(all_nan.rbegin()->first < 3);
        CHECK(nothing.rbegin()->first < 2);
    }
}

TEST_CASE("sampler: options outside their ranges are refused") {
    CHECK_NOTHROW(check(SamplerOptions{}));
    for (const double bad : {-0.1, 1e7, static_cast<double>(not_a_number)})
        CHECK_ERROR(check(SamplerOptions{.temperature = bad}), ErrorCode::invalid_argument);
    CHECK_ERROR(check(SamplerOptions{.top_k = -1}), ErrorCode::invalid_argument);
    for (const double bad : {0.0, 1.1, static_cast<double>(not_a_number)})
        CHECK_ERROR(check(SamplerOptions{.top_p = bad}), ErrorCode::invalid_argument);
    for (const double bad : {-0.1, 1.1, static_cast<double>(not_a_number)})
        CHECK_ERROR(check(SamplerOptions{.min_p = bad}), ErrorCode::invalid_argument);
    for (const double bad : {0.0, -1.0, static_cast<double>(not_a_number)})
        CHECK_ERROR(check(SamplerOptions{.repeat_penalty = bad}), ErrorCode::invalid_argument);
    Generator generator;
    CHECK_ERROR(sample_token(std::vector<float>{}, {}, {}, generator), ErrorCode::invalid_argument);
    const std::vector<std::int32_t> unknown{3}, negative{-1};
    CHECK_ERROR(sample_token(std::vector<float>{1, 2, 3}, {.repeat_penalty = 2}, unknown, generator), ErrorCode::index_out_of_range);
    CHECK_ERROR(sample_token(std::vector<float>{1, 2, 3}, {.repeat_penalty = 2}, negative, generator), ErrorCode::index_out_of_range);
}

TEST_CASE("sampler: a bias is added, and −∞ bans a token") {
    const std::vector<float> logits{1, 2, 3, 0};
    Generator g(1);
    CHECK(sample_token(logits, {.temperature = 0, .logit_bias = {{0, 5.0}}}, {}, g) == 0);
    CHECK(sample_token(logits, {.temperature = 0, .logit_bias = {{2, -infinity}}}, {}, g) == 1);
    for (int i = 0; i < 200; ++i) CHECK(sample_token(logits, {.temperature = 5, .logit_bias = {{2, -infinity}, {1, -infinity}}}, {}, g) % 3 == 0);
    CHECK_ERROR(sample_token(logits, {.logit_bias = {{4, 1.0}}}, {}, g), ErrorCode::index_out_of_range);
    CHECK_ERROR(check(SamplerOptions{.logit_bias = {{1, infinity}}}), ErrorCode::invalid_argument);
    CHECK_ERROR(check(SamplerOptions{.logit_bias = {{1, std::nan("")}}}), ErrorCode::invalid_argument);
}

TEST_CASE("sampler: tokens seen cost their presence once and their frequency each time") {
    const std::vector<float> logits{1, 1.5f, 1.2f};
    const std::vector<std::int32_t> seen{1, 1, 2};
    Generator g(1);
    const auto greedy = [&](double presence, double frequency) {
        SamplerOptions o{.temperature = 0};
        o.presence_penalty = presence;
        o.frequency_penalty = frequency;
        return sample_token(logits, o, seen, g);
    };
    CHECK(greedy(0, 0) == 1);
    CHECK(greedy(0, 0.2) == 1);   // 1, 1.1, 1.0
    CHECK(greedy(0, 0.24) == 1);  // 1, 1.02, 0.96
    CHECK(greedy(0, 0.27) == 0);  // 1, 0.96, 0.93
    CHECK(greedy(0.4, 0) == 1);   // 1, 1.1, 0.8
    CHECK(greedy(0.6, 0) == 0);   // 1, 0.9, 0.6
    CHECK_ERROR(check(SamplerOptions{.presence_penalty = std::nan("")}), ErrorCode::invalid_argument);
}

TEST_CASE("sampler: typical tokens are those of expected surprise, which may leave out the likeliest") {
    // Probabilities 0.4, 0.2, 0.2, 0.2: the entropy is 1.332, the surprises 0.916 and 1.609, so the likeliest is the farther by 0.416 to 0.277.
    std::vector<float> logits;
    for (const double p : {0.4, 0.2, 0.2, 0.2}) logits.push_back(static_cast<float>(std::log(p)));
    Generator g(3);
    std::vector<int> drawn(4, 0);
    for (int i = 0; i < 3000; ++i) ++drawn[static_cast<std::size_t>(sample_token(logits, {.temperature = 1, .typical_p = 0.55}, {}, g))];
    CHECK(drawn[0] == 0);
    for (std::size_t i = 1; i < 4; ++i) CHECK(std::abs(drawn[i] - 1000) < 150);
    CHECK_ERROR(check(SamplerOptions{.typical_p = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(check(SamplerOptions{.typical_p = 1.5}), ErrorCode::invalid_argument);
}

// What one verb, then one noun, may be: the worked example of the course. Temperature T makes p^(1/T) / Σ p^(1/T) of the probabilities.
TEST_CASE("sampler: the next-word example, a verb and then a noun, and what temperature does to them") {
    const std::vector<std::string> verbs{"eat", "dance", "read"}, nouns{"apple", "orange", "banana"};
    const std::vector<double> verb_p{0.2, 0.6, 0.2}, noun_p{0.5, 0.3, 0.2};
    const auto logits_of = [](const std::vector<double>& p) {
        std::vector<float> logits;
        for (const double x : p) logits.push_back(static_cast<float>(std::log(x)));
        return logits;
    };
    Generator g(5);
    CHECK(verbs[static_cast<std::size_t>(sample_token(logits_of(verb_p), {.temperature = 0}, {}, g))] == "dance");
    CHECK(nouns[static_cast<std::size_t>(sample_token(logits_of(noun_p), {.temperature = 0}, {}, g))] == "apple");
    for (const double temperature : {0.5, 1.0, 2.0})
        for (const auto& p : {verb_p, noun_p}) {
            std::vector<double> want, drawn(p.size(), 0);
            double total = 0;
            for (const double x : p) want.push_back(std::pow(x, 1 / temperature)), total += want.back();
            constexpr int draws = 40000;
            for (int i = 0; i < draws; ++i)
                drawn[static_cast<std::size_t>(sample_token(logits_of(p), {.temperature = temperature}, {}, g))] += 1.0 / draws;
            for (std::size_t i = 0; i < p.size(); ++i) CHECK(drawn[i] == Catch::Approx(want[i] / total).margin(0.012));
        }
}
