#include "tercet/metrics/language_model.hpp"
#include "support/catch.hpp"
#include "tercet/io/hub.hpp"

#include <limits>

using namespace tercet;

TEST_CASE("language model metrics: perplexity, bits per token and bits per byte equal the reference") {
    const Json want = read_json_file(std::string(TERCET_TEST_DATA) + "/metrics/lm.json");
    std::vector<double> log_probabilities;
    for (const auto& p : want.at("logprobs_nats").elements()) log_probabilities.push_back(p.as_number());
    const double nats = negative_log_likelihood(log_probabilities);
    const auto tokens = static_cast<index_t>(log_probabilities.size());
    CHECK(std::abs(nats / static_cast<double>(tokens) - want.at("cross_entropy_nats").as_number()) <= 1e-9);
    CHECK(std::abs(perplexity(nats, tokens) - want.at("perplexity").as_number()) <= 1e-9);
    CHECK(std::abs(bits_per_token(nats, tokens) - want.at("bits_per_token").as_number()) <= 1e-9);
    CHECK(std::abs(bits_per_byte(nats, static_cast<index_t>(want.at("bytes").as_int())) - want.at("bits_per_byte").as_number()) <= 1e-9);
}

TEST_CASE("language model metrics: nothing has no mean") {
    CHECK(negative_log_likelihood({}) == 0);
    CHECK_ERROR(perplexity(0, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(bits_per_token(1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(bits_per_byte(1, -1), ErrorCode::invalid_argument);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_ERROR(perplexity(nan, 3), ErrorCode::not_finite);
    CHECK_ERROR(negative_log_likelihood(std::vector<double>{-1, nan}), ErrorCode::not_finite);
    CHECK(std::isinf(perplexity(negative_log_likelihood(std::vector<double>{-std::numeric_limits<double>::infinity()}), 1)));
}
