// Evaluation of a language model: the cross-entropy of held-out text, window after window, nothing recorded.
#pragma once

#include "tercet/autograd/tape.hpp"
#include "tercet/data/dataset.hpp"
#include "tercet/ops/loss.hpp"

#include <stop_token>

namespace tercet::inline TERCET_ABI {

/// Sums, so that scores of parts can be added up; metrics/language_model.hpp makes perplexities of them.
struct LanguageModelScore {
    double nats = 0;     // −Σ log p(token)
    index_t tokens = 0;  // how many were scored

    double mean() const { return tokens == 0 ? std::numeric_limits<double>::quiet_NaN() : nats / static_cast<double>(tokens); }
};

struct EvaluationOptions {
    index_t batch = 16;         // windows that go through the model together
    index_t most_windows = 0;   // > 0: that many, spread evenly over the text
    std::stop_token stop = {};  // cancels between two batches
};

/// Scores windows of the text that lie one after the other, each from its first input on: model(ids (B, T)) must give logits (B, T, V).
/// Throws invalid_argument when the text is shorter than one window, and cancelled.
template <class Model>
LanguageModelScore evaluate(const Model& model, const TokenWindows& text, const EvaluationOptions& options = {}) {
    require(options.batch > 0 && options.most_windows >= 0, ErrorCode::invalid_argument, "evaluate: batch ", options.batch, ", at most ",
            options.most_windows, " windows");
    const index_t all = text.count(), wanted = options.most_windows > 0 ? std::min(all, options.most_windows) : all;
    require(all > 0, ErrorCode::invalid_argument, "evaluate: ", text.tokens().size(), " tokens do not fill a window of ", text.context(), " and one");
    const NoGrad guard;
    LanguageModelScore score;
    for (index_t i = 0; i < wanted; i += options.batch) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, "evaluate: cancelled after ", i, " of ", wanted, " windows");
        std::vector<index_t> starts;
        for (index_t w = i; w < std::min(wanted, i + options.batch); ++w) starts.push_back(w * all / wanted * text.context());
        const TokenBatch batch = text.batch(starts);
        const index_t tokens = batch.targets.numel();
        score.nats += static_cast<double>(cross_entropy(model(batch.inputs), batch.targets).item()) * static_cast<double>(tokens);
        score.tokens += tokens;
    }
    return score;
}

}  // namespace tercet::inline TERCET_ABI
