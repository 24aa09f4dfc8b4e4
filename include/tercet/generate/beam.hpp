// Beam search: the continuations whose tokens are together the most likely, as the transformers library searches for them.
//
//   score(ids) = Σ log p(id | those before) / (number of new ids, the end token among them)^length_penalty
//
// The running hypotheses are extended by one token; of all extensions the best are looked at, twice as many as there are beams, so that
// even when every beam could end, as many go on. Those that end (with an end token, a stop, or the last token allowed) and are among
// the best `beams` are kept by their scores, the best of all steps. The search is over when no running hypothesis, scored at its
// present length, would beat the worst of `beams` that have ended (early_stopping = false).
#pragma once

#include "tercet/generate/generator.hpp"

#include <functional>

namespace tercet::inline TERCET_ABI {

struct BeamOptions {
    index_t beams = 4;
    index_t max_tokens = 128;
    double length_penalty = 1;  // above 0: longer ones gain, since log-probabilities are negative
    std::vector<std::int32_t> end_tokens{};
    std::function<bool(std::span<const std::int32_t> ids)> stop{};  // of the new ids: whether the hypothesis ends here; none: never
    std::vector<std::int32_t> banned{};                             // tokens that no hypothesis has
    std::stop_token cancel{};
    DType cache_type = DType::f32;  // of the keys and values kept, or bf16
};

/// One continuation.
struct Hypothesis {
    std::vector<std::int32_t> ids;  // the new tokens, without the end token
    double score = 0;
    Finish finish = Finish::length;
};

struct BeamResult {
    std::vector<Hypothesis> hypotheses;                // best first, at most as many as beams
    double prompt_tokens_per_s = 0, tokens_per_s = 0;  // tokens_per_s: steps of the search, each one token in every beam
};

namespace detail {

// log softmax of a row (V), in double: the scores are sums of many. What is not a number counts as impossible.
inline void log_probabilities(std::vector<double>& out, const float* logits, index_t n) {
    out.resize(static_cast<std::size_t>(n));
    double top = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto x = static_cast<double>(logits[i]);
        out[i] = x == x ? x : -std::numeric_limits<double>::infinity();
        top = std::max(top, out[i]);
    }
    if (!std::isfinite(top)) {  // nothing is possible, or something is infinitely likely
        for (double& x : out) x = x == top && top > 0 ? 0 : -std::numeric_limits<double>::infinity();
        return;
    }
    for (const double x : out) sum += std::exp(x - top);
    const double shift = top + std::log(sum);
    for (double& x : out) x -= shift;
}

struct BeamCandidate {
    double log_probability;  // of all new tokens
    index_t beam;            // the hypothesis that it extends
    std::int32_t id;
};

// Adds the extensions of one beam to the best `keep` of those before it; the lower beam and id win ties.
inline void add_extensions(std::vector<BeamCandidate>& best, std::span<const double> log_probabilities, double before, index_t beam,
                           std::size_t keep) {
    const auto better = [](const BeamCandidate& a, const BeamCandidate& b) { return a.log_probability > b.log_probability; };
    for (std::size_t i = 0; i < log_probabilities.size(); ++i) {
        if (log_probabilities[i] == -std::numeric_limits<double>::infinity()) continue;  // impossible, or banned
        const BeamCandidate candidate{before + log_probabilities[i], beam, static_cast<std::int32_t>(i)};
        if (best.size() == keep && !better(candidate, best.back())) continue;
        if (best.size() == keep) best.pop_back();
        best.insert(std::upper_bound(best.begin(), best.end(), candidate, better), candidate);
    }
}

}  // namespace detail

/// The best continuations of a prompt in a session: that of an encoder-decoder, whose prompt begins with its start token, or of a decoder.
/// Deterministic. Throws invalid_argument for an empty prompt or options outside their ranges, index_out_of_range, context_overflow, cancelled.
inline BeamResult beam_search(Session session, std::span<const std::int32_t> prompt, const BeamOptions& options) {
    require(options.beams >= 1 && options.beams <= 1024, ErrorCode::invalid_argument, "beam search: ", options.beams, " beams, not in [1, 1024]");
    require(options.max_tokens >= 0, ErrorCode::invalid_argument, "beam search: max_tokens ", options.max_tokens, " is negative");
    require(std::abs(options.length_penalty) <= 10, ErrorCode::invalid_argument, "beam search: length_penalty ", options.length_penalty,
            " is not in [-10, 10]");
    require(!prompt.empty(), ErrorCode::invalid_argument, "beam search: the prompt is empty");
    using Clock = std::chrono::steady_clock;
    const auto seconds_since = [](Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); };
    const NoGrad guard;
    const auto prompt_size = static_cast<index_t>(prompt.size()), limit = session.context(), vocabulary = session.vocab_size();
    const index_t room = limit > 0 ? std::max<index_t>(0, limit - prompt_size + 1) : options.max_tokens, most = std::min(options.max_tokens, room);
    if (options.max_tokens == 0) return {{Hypothesis{}}};

    const auto is_end = [&](std::int32_t id) {
        return std::find(options.end_tokens.begin(), options.end_tokens.end(), id) != options.end_tokens.end();
    };
    const auto penalised = [&](double log_probability, index_t tokens) {
        return log_probability / std::pow(static_cast<double>(tokens), options.length_penalty);
    };
    const auto beams = static_cast<std::size_t>(options.beams), keep = beams * std::max<std::size_t>(2, 1 + options.end_tokens.size());

    struct Running {
        std::vector<std::int32_t> ids;
        double log_probability = 0;
    };
    BeamResult result;
    auto& ended = result.hypotheses;
    std::vector<Running> running(1);
    std::vector<double> row;
    const auto start = Clock::now();
    auto logits = session.feed(prompt, options.cancel).reshape({1, vocabulary});  // (beams, V)
    result.prompt_tokens_per_s = static_cast<double>(prompt_size) / std::max(seconds_since(start), 1e-9);

    const auto steps_start = Clock::now();
    for (index_t made = 1;; ++made) {
        std::vector<detail::BeamCandidate> candidates;
        for (std::size_t b = 0; b < running.size(); ++b) {
            detail::log_probabilities(row, logits.data() + static_cast<index_t>(b) * vocabulary, vocabulary);
            for (const auto id : options.banned)
                if (id >= 0 && id < vocabulary) row[static_cast<std::size_t>(id)] = -std::numeric_limits<double>::infinity();
            detail::add_extensions(candidates, row, running[b].log_probability, static_cast<index_t>(b), keep);
        }
        std::vector<Running> next;
        std::vector<index_t> parents;
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            const auto& c = candidates[i];
            auto ids = running[static_cast<std::size_t>(c.beam)].ids;
            ids.push_back(c.id);
            const Finish why = is_end(c.id)                        ? Finish::eos
                               : options.stop && options.stop(ids) ? Finish::stop
                               : made >= most                      ? Finish::length
                                                                   : Finish::running;
            if (why == Finish::running) {
                if (next.size() == beams) continue;
                next.push_back({std::move(ids), c.log_probability});
                parents.push_back(c.beam);
            } else if (i < beams) {  // one that ends further down the list was not among the best, and is dropped
                if (why == Finish::eos) ids.pop_back();
                ended.push_back({std::move(ids), penalised(c.log_probability, made), why});
            }
        }
        std::stable_sort(ended.begin(), ended.end(), [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
        if (ended.size() > beams) ended.resize(beams);
        const double step_seconds = std::max(seconds_since(steps_start), 1e-9);
        result.tokens_per_s = made > 1 ? static_cast<double>(made - 1) / step_seconds : 0;
        if (next.empty() || (ended.size() == beams && penalised(next[0].log_probability, made) <= ended.back().score)) return result;

        require(!options.cancel.stop_requested(), ErrorCode::cancelled, "generate: cancelled");
        running = std::move(next);
        session.reorder(parents);
        const bool anew = session.must_reread(1);
        if (anew) session.truncate(0);
        std::vector<std::int32_t> newest;
        for (const auto& r : running) {
            if (anew) newest.insert(newest.end(), prompt.begin(), prompt.end());
            newest.insert(newest.end(), anew ? r.ids.begin() : r.ids.end() - 1, r.ids.end());
        }
        logits = session.step(
            Tensor<std::int32_t>::copy(newest, {static_cast<index_t>(running.size()), static_cast<index_t>(newest.size() / running.size())}));
    }
}

/// The best continuations of a prompt by a decoder.
inline BeamResult beam_search(const CausalModel& model, std::span<const std::int32_t> prompt, const BeamOptions& options) {
    return beam_search(Session(model, options.cache_type), prompt, options);
}

}  // namespace tercet::inline TERCET_ABI
