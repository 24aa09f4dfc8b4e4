// Cross-validation: a model is made for each fold, learns from the others, and is measured on it (Stone 1974; Kohavi 1995).
//
//   const auto result = cross_validate(k_folds(texts, 5, seed), [&](const IndexSplit& parts) {
//       const auto model = LogisticRegression::fit(rows(features, parts.training), …);
//       return accuracy(…);                                                                  // on parts.validation
//   });
#pragma once

#include "tercet/data/split.hpp"

#include <stop_token>

namespace tercet::inline TERCET_ABI {

struct CrossValidation {
    std::vector<double> measures;  // of each fold

    double mean() const { return std::accumulate(measures.begin(), measures.end(), 0.0) / static_cast<double>(measures.size()); }
    /// Between the folds, of a sample: what another fold might differ by. 0 for fewer than two.
    double deviation() const {
        if (measures.size() < 2) return 0;
        double squares = 0;
        for (const double m : measures) squares += (m - mean()) * (m - mean());
        return std::sqrt(squares / static_cast<double>(measures.size() - 1));
    }
};

/// measure(parts) makes a model, lets it learn from parts.training and measures it on parts.validation. Throws what it throws, not_finite for a
/// measure that is NaN, and cancelled between two folds.
template <class Measure>
CrossValidation cross_validate(const Folds& folds, const Measure& measure, std::stop_token stop = {}) {
    CrossValidation result;
    for (index_t i = 0; i < folds.count(); ++i) {
        require(!stop.stop_requested(), ErrorCode::cancelled, "cross_validate: cancelled after ", i, " of ", folds.count(), " folds");
        result.measures.push_back(measure(folds.split(i)));
        require(!std::isnan(result.measures.back()), ErrorCode::not_finite, "cross_validate: the measure of fold ", i, " is nan");
    }
    return result;
}

/// The same with the parts named: model = make(), fit(model, training), and measure(model, validation).
template <class Make, class Fit, class Measure>
CrossValidation cross_validate(const Folds& folds, const Make& make, const Fit& fit, const Measure& measure, std::stop_token stop = {}) {
    return cross_validate(
        folds,
        [&](const IndexSplit& parts) {
            auto model = make();
            fit(model, std::span<const index_t>(parts.training));
            return static_cast<double>(measure(model, std::span<const index_t>(parts.validation)));
        },
        stop);
}

}  // namespace tercet::inline TERCET_ABI
