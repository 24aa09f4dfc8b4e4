// Choosing the next token from logits, in the order in which it is usually done:
//
//   bias -> penalties (Keskar et al. 2019, eq. 1, and by count) -> temperature -> top-k -> typical (Meister et al. 2023, eq. 6) -> min-p (Nguyen et
//   al. 2024) -> top-p (Holtzman et al. 2020) -> a draw
//
// Temperature 0 takes the most likely token (the first one on a tie).
#pragma once

#include "tercet/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct SamplerOptions {
    double temperature = 0.8;                                   // 0: greedy
    index_t top_k = 0;                                          // keep the k most likely; 0: all
    double top_p = 1;                                           // keep the most likely until they add up to p
    double min_p = 0;                                           // keep those at least this share of the most likely
    double typical_p = 1;                                       // keep those whose surprise is nearest to the expected one, until they add up to p
    double repeat_penalty = 1;                                  // logits of tokens seen before: divided by it when positive, multiplied when negative
    double frequency_penalty = 0;                               // logits −= this for each time that a token was seen
    double presence_penalty = 0;                                // logits −= this for a token that was seen
    std::vector<std::pair<std::int32_t, double>> logit_bias{};  // added to the logits of these tokens; −∞ bans one
    std::uint64_t seed = 0;
};

/// Throws invalid_argument for options outside their ranges.
inline void check(const SamplerOptions& o) {
    require(o.temperature >= 0 && o.temperature <= 1e6, ErrorCode::invalid_argument, "sampler: temperature ", o.temperature, " is not in [0, 1e6]");
    require(o.top_k >= 0, ErrorCode::invalid_argument, "sampler: top_k ", o.top_k, " is negative");
    require(o.top_p > 0 && o.top_p <= 1, ErrorCode::invalid_argument, "sampler: top_p ", o.top_p, " is not in (0, 1]");
    require(o.min_p >= 0 && o.min_p <= 1, ErrorCode::invalid_argument, "sampler: min_p ", o.min_p, " is not in [0, 1]");
    require(o.typical_p > 0 && o.typical_p <= 1, ErrorCode::invalid_argument, "sampler: typical_p ", o.typical_p, " is not in (0, 1]");
    require(o.repeat_penalty > 0, ErrorCode::invalid_argument, "sampler: repeat_penalty ", o.repeat_penalty, " is not positive");
    require(std::abs(o.frequency_penalty) <= 1e6 && std::abs(o.presence_penalty) <= 1e6, ErrorCode::invalid_argument, "sampler: frequency_penalty ",
            o.frequency_penalty, " or presence_penalty ", o.presence_penalty, " is not in [-1e6, 1e6]");
    for (const auto& [id, bias] : o.logit_bias)
        require(bias == bias && bias < std::numeric_limits<double>::infinity(), ErrorCode::invalid_argument, "sampler: the bias ", bias, " of token ",
                id, " is no number to add");
}

/// The most likely token; the first on a tie.
inline std::int32_t argmax_token(std::span<const float> logits) {
    return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

namespace detail {

struct TokenCandidate {
    std::int32_t id;
    double logit;
};

inline bool likelier(const TokenCandidate& a, const TokenCandidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

inline bool changes_logits(const SamplerOptions& o) {
    return o.repeat_penalty != 1 || o.frequency_penalty != 0 || o.presence_penalty != 0 || !o.logit_bias.empty();
}

// Bias and penalties.
inline void adjust_logits(std::span<float> logits, const SamplerOptions& options, std::span<const std::int32_t> seen) {
    const auto at = [&](std::int32_t id) -> float& {
        require(id >= 0 && static_cast<std::size_t>(id) < logits.size(), ErrorCode::index_out_of_range, "sampler: token id ", id, " is outside the ",
                logits.size(), " logits");
        return logits[static_cast<std::size_t>(id)];
    };
    for (const auto& [id, bias] : options.logit_bias) at(id) = static_cast<float>(static_cast<double>(at(id)) + bias);
    std::vector<std::int32_t> sorted(seen.begin(), seen.end());
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t begin = 0, end; begin < sorted.size(); begin = end) {
        end = static_cast<std::size_t>(std::upper_bound(sorted.begin(), sorted.end(), sorted[begin]) - sorted.begin());
        float& logit = at(sorted[begin]);
        const auto x = static_cast<double>(logit);
        logit = static_cast<float>((x > 0 ? x / options.repeat_penalty : x * options.repeat_penalty) - options.presence_penalty -
                                   options.frequency_penalty * static_cast<double>(end - begin));
    }
}

// Keeps the tokens whose surprise, −ln p, is nearest to its expectation, until their probabilities add up to `share`.
inline void keep_typical(std::vector<TokenCandidate>& candidates, double share) {
    double top = candidates[0].logit, total = 0, entropy = 0;
    for (const auto& c : candidates) top = std::max(top, c.logit);
    if (!std::isfinite(top)) return;  // nothing is possible
    for (const auto& c : candidates) total += std::exp(c.logit - top);
    const double shift = top + std::log(total);  // p = e^(logit − shift)
    for (const auto& c : candidates)
        if (const double log_p = c.logit - shift; std::isfinite(log_p)) entropy -= std::exp(log_p) * log_p;
    const auto away = [&](const TokenCandidate& c) { return std::abs(entropy - (shift - c.logit)); };
    std::stable_sort(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) { return away(a) < away(b); });
    double sum = 0;
    std::size_t count = 0;
    while (count < candidates.size() && (count == 0 || sum < share)) sum += std::exp(candidates[count++].logit - shift);
    candidates.resize(count);
}

}  // namespace detail

/// One token drawn from logits (V); `seen` are the tokens so far. The generator moves on by one draw unless greedy. Throws invalid_argument
/// for no logits, index_out_of_range for a token seen or biased that has none.
inline std::int32_t sample_token(std::span<const float> logits, const SamplerOptions& options, std::span<const std::int32_t> seen,
                                 Generator& generator) {
    require(!logits.empty(), ErrorCode::invalid_argument, "sampler: there are no logits");
    std::vector<float> adjusted;
    if (detail::changes_logits(options)) {
        adjusted.assign(logits.begin(), logits.end());
        detail::adjust_logits(adjusted, options, seen);
        logits = adjusted;
    }
    if (options.temperature == 0) return argmax_token(logits);

    std::vector<detail::TokenCandidate> candidates(logits.size());
    float most = -std::numeric_limits<float>::infinity();
    for (const float x : logits) most = x > most ? x : most;
    // Differences from the largest: the division cannot overflow then. NaN, which has no place in an order, is impossible.
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const float x = logits[i];
        const double below = x == most ? 0. : x == x ? static_cast<double>(x) - static_cast<double>(most) : -std::numeric_limits<double>::infinity();
        candidates[i] = {static_cast<std::int32_t>(i), below / options.temperature};
    }
    const auto keep = options.top_k > 0 ? std::min(candidates.size(), static_cast<std::size_t>(options.top_k)) : candidates.size();
    if (keep < candidates.size()) {
        std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(keep), candidates.end(), detail::likelier);
        candidates.resize(keep);
    }
    if (options.typical_p < 1) detail::keep_typical(candidates, options.typical_p);
    if ((options.top_p < 1 && keep == logits.size()) || options.typical_p < 1) std::sort(candidates.begin(), candidates.end(), detail::likelier);

    double top = candidates[0].logit, total = 0;
    for (const auto& c : candidates) top = std::max(top, c.logit);
    std::vector<double> weights;  // e^(logit − top): unnormalised probabilities, in the candidates' order
    for (const auto& c : candidates) {
        const double w = std::exp(c.logit - top);
        weights.push_back(w >= options.min_p ? w : 0);
        total += weights.back();
    }
    if (options.top_p < 1) {
        double sum = 0;
        std::size_t count = 0;
        while (count < weights.size() && (count == 0 || sum < options.top_p * total)) sum += weights[count++];
        weights.resize(count);
        total = sum;
    }
    double draw = generator.uniform() * total;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        draw -= weights[i];
        if (draw < 0) return candidates[i].id;
    }
    std::size_t last = weights.size() - 1;  // rounding left a little over: the last one that has any weight
    while (last > 0 && weights[last] == 0) --last;
    return candidates[last].id;
}

}  // namespace tercet::inline TERCET_ABI
