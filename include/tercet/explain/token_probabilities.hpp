// What a language model expects at each place of a text: the probability of the token that stands there, its rank, the tokens it would rather see,
// and how undecided it is; and the same of the hidden states between its layers, through the last norm and the output table (the logit lens,
// nostalgebraist 2020): how the expectation takes shape from layer to layer.
#pragma once

#include "tercet/models/causal.hpp"
#include "tercet/ops/softmax.hpp"
#include "tercet/ops/sort.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI::explain {

struct Candidate {
    std::int32_t id;
    double probability;
};

/// What is expected at one place.
struct Expectation {
    std::vector<Candidate> likeliest;  // the likeliest first
    double entropy = 0;                // nats: 0 for a certainty, ln V for no idea
};

/// A token of a text and what was expected in its place.
struct TokenProbability {
    std::int32_t id;
    double probability;
    index_t rank;  // 0: the likeliest of all
    Expectation expected;
};

namespace detail {

// From a row of probabilities (V).
inline Expectation expectation(std::span<const float> probabilities, index_t most) {
    Expectation out;
    for (const float p : probabilities)
        if (p > 0) out.entropy -= static_cast<double>(p) * std::log(static_cast<double>(p));
    const auto count = static_cast<index_t>(probabilities.size());
    const auto best = topk(Tensor<float>::copy(probabilities, {count}), std::min(most, count));
    for (index_t i = 0; i < best.indices.numel(); ++i)
        out.likeliest.push_back({static_cast<std::int32_t>(best.indices.data()[i]), static_cast<double>(best.values.data()[i])});
    return out;
}
inline Tensor<std::int32_t> one_row(std::string_view what, std::span<const std::int32_t> ids, index_t most) {
    require(!ids.empty(), ErrorCode::invalid_argument, what, ": there are no tokens");
    require(most >= 0, ErrorCode::invalid_argument, what, ": ", most, " candidates");
    return Tensor<std::int32_t>::copy(ids, {1, static_cast<index_t>(ids.size())});
}

}  // namespace detail

/// Each token of the text but for the first, for which nothing is known; `most` candidates each. Holds logits (T, V). Throws invalid_argument for no
/// tokens, index_out_of_range, context_overflow.
inline std::vector<TokenProbability> token_probabilities(const CausalModel& model, std::span<const std::int32_t> ids, index_t most = 5) {
    const NoGrad guard;
    const auto p = softmax(model(detail::one_row("token_probabilities", ids, most)));  // (1, T, V)
    const auto V = static_cast<std::size_t>(p.size(2));
    std::vector<TokenProbability> out;
    for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
        const auto row = p.span().subspan(t * V, V);
        const float own = row[static_cast<std::size_t>(ids[t + 1])];
        const auto above = std::count_if(row.begin(), row.end(), [&](float other) { return other > own; });
        out.push_back({ids[t + 1], static_cast<double>(own), static_cast<index_t>(above), detail::expectation(row, most)});
    }
    return out;
}

/// The logit lens: what would be expected after each token if the model ended after l layers; l = 0 reads the embeddings, the last row is the model's
/// own expectation. (layers + 1) rows of T expectations. Throws as token_probabilities(), and unsupported for a model without logits_of().
inline std::vector<std::vector<Expectation>> logit_lens(const CausalModel& model, std::span<const std::int32_t> ids, index_t most = 3) {
    const NoGrad guard;
    std::vector<Tensor<float>> states;
    const auto logits = model(detail::one_row("logit_lens", ids, most), {.hidden_states = &states});
    states.pop_back();  // is normed already: the logits are of it
    std::vector<std::vector<Expectation>> out;
    const auto read = [&](const Tensor<float>& of_layer) {
        const auto p = softmax(of_layer);
        const auto V = static_cast<std::size_t>(p.size(-1));
        auto& row = out.emplace_back();
        for (std::size_t t = 0; t < ids.size(); ++t) row.push_back(detail::expectation(p.span().subspan(t * V, V), most));
    };
    for (const auto& state : states) read(model.logits_of(state));
    read(logits);
    return out;
}

}  // namespace tercet::inline TERCET_ABI::explain
