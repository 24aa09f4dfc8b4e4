// What a classifier makes of examples whose classes are known, in the numbers that one asks for: how often it is right and how sure one may be of
// that, how well its probabilities put examples in order, and how far they can be believed.
//
//   Evaluation e{"reviews", {"negative", "positive"}, truth, probabilities};
//   summarise(e).accuracy, average_score(confusion_matrix(e), Average::macro).f1, hardest_examples(e, 10)
#pragma once

#include "tercet/metrics/classification.hpp"
#include "tercet/metrics/probabilities.hpp"
#include "tercet/metrics/resampling.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// A classifier's judgement of n examples.
struct Evaluation {
    std::string name;                     // of the model
    std::vector<std::string> labels;      // of the classes
    std::vector<std::int32_t> truth;      // (n)
    std::vector<double> probabilities;    // (n, classes), by rows
    std::vector<std::string> examples{};  // (n) what was judged, where it can be shown

    index_t classes() const { return static_cast<index_t>(labels.size()); }
    index_t count() const { return static_cast<index_t>(truth.size()); }
    ClassProbabilities all() const { return {probabilities, classes()}; }
    double probability(index_t example, index_t c) const { return all().at(example, c); }
    /// The likeliest class, the first of equals.
    index_t predicted(index_t example) const {
        const auto row = all().of(example);
        return std::max_element(row.begin(), row.end()) - row.begin();
    }
    bool right(index_t example) const { return predicted(example) == truth[static_cast<std::size_t>(example)]; }
    /// The probabilities of one class, and which examples are of it.
    std::vector<double> scores(index_t c) const {
        std::vector<double> out;
        for (index_t i = 0; i < count(); ++i) out.push_back(probability(i, c));
        return out;
    }
    std::vector<int> members(index_t c) const {
        std::vector<int> out;
        for (const auto t : truth) out.push_back(t == c);
        return out;
    }
};

/// Throws shape_mismatch, index_out_of_range, and invalid_argument without examples or classes, or for NaN: what is wrong with an evaluation.
inline void check(const Evaluation& e) {
    require(!e.truth.empty() && !e.labels.empty(), ErrorCode::invalid_argument, "evaluation of ", e.name, ": ", e.truth.size(), " examples of ",
            e.labels.size(), " classes");
    detail::check_probabilities<std::int32_t>("evaluation", e.all(), e.truth);
    require(e.examples.empty() || e.examples.size() == e.truth.size(), ErrorCode::shape_mismatch, "evaluation of ", e.name, ": ", e.examples.size(),
            " texts and ", e.truth.size(), " classes");
}

/// Throws what check() throws, as all that follow do.
inline ConfusionMatrix confusion_matrix(const Evaluation& e) {
    check(e);
    ConfusionMatrix matrix(e.classes());
    for (index_t i = 0; i < e.count(); ++i) matrix.add(e.truth[static_cast<std::size_t>(i)], e.predicted(i));
    return matrix;
}

/// Whether each prediction is right.
inline std::vector<bool> right_predictions(const Evaluation& e) {
    check(e);
    std::vector<bool> right;
    for (index_t i = 0; i < e.count(); ++i) right.push_back(e.right(i));
    return right;
}

/// One number for each question. Of more than two classes, AUC and average precision are means over the classes, each against the rest.
struct EvaluationSummary {
    double accuracy = 0, balanced_accuracy = 0;
    Interval accuracy_interval{};  // where the accuracy lies in 95 of 100 draws of as many examples, unless the bootstrap's options say otherwise
    ClassScore macro{};
    double matthews_correlation = 0, kappa = 0;
    std::optional<double> roc_auc{}, average_precision{};  // none where a class has no examples
    double log_loss = 0, brier = 0, calibration_error = 0;
};

/// Throws what check() throws.
inline EvaluationSummary summarise(const Evaluation& e, const BootstrapOptions& bootstrap = {}) {
    check(e);
    const auto matrix = confusion_matrix(e);
    const auto right = right_predictions(e);
    EvaluationSummary s;
    s.accuracy = accuracy(matrix);
    s.balanced_accuracy = balanced_accuracy(matrix);
    s.accuracy_interval = bootstrap_interval(
        e.count(),
        [&](std::span<const index_t> drawn) {
            const auto hits = std::count_if(drawn.begin(), drawn.end(), [&](index_t i) { return right[static_cast<std::size_t>(i)]; });
            return static_cast<double>(hits) / static_cast<double>(drawn.size());
        },
        bootstrap);
    s.macro = average_score(matrix, Average::macro);
    s.matthews_correlation = matthews_correlation(matrix);
    s.kappa = cohen_kappa(matrix);
    const std::span<const std::int32_t> truth(e.truth);
    bool everywhere = e.classes() >= 2;
    for (index_t c = 0; c < e.classes(); ++c) everywhere = everywhere && matrix.truths(c) > 0;
    if (everywhere) {
        const index_t from = e.classes() == 2 ? 1 : 0;  // of two classes the second is the positive one
        double auc = 0, precision = 0;
        for (index_t c = from; c < e.classes(); ++c) {
            const auto scores = e.scores(c);
            const auto members = e.members(c);
            auc += roc_auc<int>(scores, members);
            precision += average_precision<int>(scores, members);
        }
        s.roc_auc = auc / static_cast<double>(e.classes() - from);
        s.average_precision = precision / static_cast<double>(e.classes() - from);
    }
    s.log_loss = log_loss(e.all(), truth);
    s.brier = brier_score(e.all(), truth);
    s.calibration_error = calibration_error(reliability(e.all(), truth));
    return s;
}

/// The numbers of the examples whose true class has the least probability, the hardest first; at most `most`.
inline std::vector<index_t> hardest_examples(const Evaluation& e, index_t most) {
    check(e);
    std::vector<index_t> order(static_cast<std::size_t>(e.count()));
    std::iota(order.begin(), order.end(), index_t{0});
    const auto of_truth = [&](index_t i) { return e.probability(i, e.truth[static_cast<std::size_t>(i)]); };
    std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) { return of_truth(a) < of_truth(b); });
    order.resize(static_cast<std::size_t>(std::clamp<index_t>(most, 0, e.count())));
    return order;
}

}  // namespace tercet::inline TERCET_ABI
