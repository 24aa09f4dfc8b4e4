// How likely a text is to a language model: ln p of each of its tokens, given those before.
#pragma once

#include "tercet/generate/session.hpp"

namespace tercet::inline TERCET_ABI {

/// ln p of a token by its row of logits (V), in double.
inline double log_probability(std::span<const float> logits, std::int32_t id) {
    const auto top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x) - top);
    return static_cast<double>(logits[static_cast<std::size_t>(id)]) - top - std::log(sum);
}

/// ln p of ids[1], ids[2], … The tokens go through in pieces: the logits of all of them would take much memory. Throws invalid_argument for no ids,
/// index_out_of_range, context_overflow, cancelled.
inline std::vector<double> log_probabilities(const CausalModel& model, std::span<const std::int32_t> ids, const std::stop_token& stop = {}) {
    constexpr std::size_t piece = 128;
    require(!ids.empty(), ErrorCode::invalid_argument, "score: there are no tokens");
    const auto V = static_cast<std::size_t>(model.vocab_size());
    for (const auto id : ids)
        require(id >= 0 && static_cast<std::size_t>(id) < V, ErrorCode::index_out_of_range, "score: token id ", id,
                " is outside the model's vocabulary of ", V);
    Session session(model);
    std::vector<double> result;
    for (std::size_t begin = 0; begin + 1 < ids.size(); begin += piece) {
        require(!stop.stop_requested(), ErrorCode::cancelled, "score: cancelled");
        const auto part = ids.subspan(begin, std::min(piece, ids.size() - 1 - begin));
        const auto logits = session.feed_all(part, static_cast<index_t>(ids.size()));
        for (std::size_t i = 0; i < part.size(); ++i) result.push_back(log_probability(logits.span().subspan(i * V, V), ids[begin + i + 1]));
    }
    return result;
}

}  // namespace tercet::inline TERCET_ABI
