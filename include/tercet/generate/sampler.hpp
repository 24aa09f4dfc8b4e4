// Choosing the next token from logits, in the order in which it is usually done:
//
//   repeat penalty (Keskar et al. 2019, eq. 1) -> temperature -> top-k -> min-p -> top-p (Holtzman et al. 2020) -> a draw
//
// Temperature 0 takes the most likely token (the first one on a tie).
#pragma once

#include "tercet/core/random.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct SamplerOptions {
    double temperature = 0.8;   // 0: greedy
    index_t top_k = 0;          // keep the k most likely; 0: all
    double top_p = 1;           // keep the most likely until they add up to p
    double min_p = 0;           // keep those at least this share of the most likely
    double repeat_penalty = 1;  // logits of tokens seen before: divided by it when positive, multiplied when negative
    std::uint64_t seed = 0;
};

/// Throws invalid_argument for options outside their ranges.
inline void check(const SamplerOptions& o) {
    require(o.temperature >= 0 && o.temperature <= 1e6, ErrorCode::invalid_argument, "sampler: temperature ", o.temperature, " is not in [0, 1e6]");
    require(o.top_k >= 0, ErrorCode::invalid_argument, "sampler: top_k ", o.top_k, " is negative");
    require(o.top_p > 0 && o.top_p <= 1, ErrorCode::invalid_argument, "sampler: top_p ", o.top_p, " is not in (0, 1]");
    require(o.min_p >= 0 && o.min_p <= 1, ErrorCode::invalid_argument, "sampler: min_p ", o.min_p, " is not in [0, 1]");
    require(o.repeat_penalty > 0, ErrorCode::invalid_argument, "sampler: repeat_penalty ", o.repeat_penalty, " is not positive");
}

/// The most likely token; the first on a tie.
inline std::int32_t argmax_token(std::span<const float> logits) {
    return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// One token drawn from logits (V); `seen` are the tokens so far. The generator moves on by one draw unless greedy. Throws invalid_argument
/// for no logits, index_out_of_range for a token seen that has none.
inline std::int32_t sample_token(std::span<const float> logits, const SamplerOptions& options, std::span<const std::int32_t> seen,
                                 Generator& generator) {
    struct Candidate {
        std::int32_t id;
        double logit;
    };
    require(!logits.empty(), ErrorCode::invalid_argument, "sampler: there are no logits");
    std::vector<float> adjusted;
    if (options.repeat_penalty != 1) {
        adjusted.assign(logits.begin(), logits.end());
        std::vector<std::int32_t> distinct(seen.begin(), seen.end());
        std::sort(distinct.begin(), distinct.end());
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        for (const auto id : distinct) {
            require(id >= 0 && static_cast<std::size_t>(id) < logits.size(), ErrorCode::index_out_of_range, "sampler: token id ", id,
                    " is outside the ", logits.size(), " logits");
            float& logit = adjusted[static_cast<std::size_t>(id)];
            logit = static_cast<float>(logit > 0 ? logit / options.repeat_penalty : logit * options.repeat_penalty);
        }
        logits = adjusted;
    }
    if (options.temperature == 0) return argmax_token(logits);

    std::vector<Candidate> candidates(logits.size());
    float most = -std::numeric_limits<float>::infinity();
    for (const float x : logits) most = x > most ? x : most;
    // Differences from the largest: the division cannot overflow then. NaN, which has no place in an order, is impossible.
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const float x = logits[i];
        const double below = x == most ? 0. : x == x ? static_cast<double>(x) - static_cast<double>(most) : -std::numeric_limits<double>::infinity();
        candidates[i] = {static_cast<std::int32_t>(i), below / options.temperature};
    }
    const auto likelier = [](const Candidate& a, const Candidate& b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); };
    const auto keep = options.top_k > 0 ? std::min(candidates.size(), static_cast<std::size_t>(options.top_k)) : candidates.size();
    if (keep < candidates.size()) {
        std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(keep), candidates.end(), likelier);
        candidates.resize(keep);
    } else if (options.top_p < 1) {
        std::sort(candidates.begin(), candidates.end(), likelier);
    }

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
