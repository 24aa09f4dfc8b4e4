// Measures of a language model, from sums of negative log-probabilities in nats:
//
//   perplexity = e^(nats / tokens)        bits per token = nats / (tokens · ln 2)        bits per byte = nats / (bytes · ln 2)
//
// Bits per byte compares models of different vocabularies on the same text.
#pragma once

#include "tercet/core/error.hpp"

#include <cmath>
#include <numbers>
#include <span>

namespace tercet::inline TERCET_ABI {

namespace detail {
inline double per_unit(double nats, index_t count, std::string_view what) {
    require(count > 0, ErrorCode::invalid_argument, what, ": of ", count, " there is no mean");
    require(!std::isnan(nats), ErrorCode::not_finite, what, ": the sum is nan");
    return nats / static_cast<double>(count);
}
}  // namespace detail

/// −Σ of log-probabilities: nats. Throws not_finite for one that is NaN.
inline double negative_log_likelihood(std::span<const double> log_probabilities) {
    double nats = 0;
    for (std::size_t i = 0; i < log_probabilities.size(); ++i) {
        require(!std::isnan(log_probabilities[i]), ErrorCode::not_finite, "negative_log_likelihood: the log-probability of token ", i, " is nan");
        nats -= log_probabilities[i];
    }
    return nats;
}

/// Throws invalid_argument without tokens, not_finite for NaN.
inline double perplexity(double nats, index_t tokens) {
    return std::exp(detail::per_unit(nats, tokens, "perplexity"));
}
/// Throws invalid_argument without tokens.
inline double bits_per_token(double nats, index_t tokens) {
    return detail::per_unit(nats, tokens, "bits_per_token") / std::numbers::ln2;
}
/// `bytes` is the length of the text that was scored. Throws invalid_argument without bytes.
inline double bits_per_byte(double nats, index_t bytes) {
    return detail::per_unit(nats, bytes, "bits_per_byte") / std::numbers::ln2;
}

}  // namespace tercet::inline TERCET_ABI
