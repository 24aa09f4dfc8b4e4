// Measures of a classifier's scores and probabilities, rather than of the classes it names.
//
//   ROC            for each threshold, which share of the negatives and of the positives score at least as high (Fawcett 2006)
//   AUC            the area below it: how often a positive scores above a negative, ties counting half
//   precision and recall, and their average Σ (R_n − R_{n−1}) P_n over the thresholds from above
//   log loss       the mean of −ln p(truth)              Brier      the mean of Σ_c (p_c − [c is true])² (Brier 1950); of two classes (p − truth)²
//   calibration    bins of confidence against how often they are right (Guo et al. 2017, section 2): Σ share · |accuracy − confidence|
//
// Of several classes, the AUC is the mean of each class against all others, or of each pair (Hand & Till 2001). Values are as scikit-learn has them.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// What comes out with a threshold: examples that score at least so high are taken for positives.
struct ThresholdPoint {
    double threshold;
    index_t true_positives, false_positives;
};

/// Probabilities of examples, (n, classes) by rows.
struct ClassProbabilities {
    std::span<const double> values;
    index_t classes;

    index_t count() const { return classes == 0 ? 0 : static_cast<index_t>(values.size()) / classes; }
    std::span<const double> of(index_t example) const {
        return values.subspan(static_cast<std::size_t>(example * classes), static_cast<std::size_t>(classes));
    }
    double at(index_t example, index_t c) const { return values[static_cast<std::size_t>(example * classes + c)]; }
};

namespace detail {

inline void check_scores(std::string_view what, std::span<const double> scores, std::size_t truths) {
    require(scores.size() == truths, ErrorCode::shape_mismatch, what, ": ", scores.size(), " scores and ", truths, " truths");
    require(!scores.empty(), ErrorCode::invalid_argument, what, ": there are no examples");
    for (std::size_t i = 0; i < scores.size(); ++i)
        require(!std::isnan(scores[i]), ErrorCode::invalid_argument, what, ": the score of example ", i, " is nan");
}

template <class Class>
void check_probabilities(std::string_view what, const ClassProbabilities& p, std::span<const Class> truth) {
    require(p.classes > 0 && static_cast<index_t>(p.values.size()) == p.classes * static_cast<index_t>(truth.size()), ErrorCode::shape_mismatch, what,
            ": ", p.values.size(), " probabilities for ", truth.size(), " examples of ", p.classes, " classes");
    require(!p.values.empty(), ErrorCode::invalid_argument, what, ": there are no examples");
    for (std::size_t i = 0; i < p.values.size(); ++i)
        require(!std::isnan(p.values[i]), ErrorCode::invalid_argument, what, ": the score of example ", i / static_cast<std::size_t>(p.classes),
                " for class ", i % static_cast<std::size_t>(p.classes), " is nan");
    for (std::size_t i = 0; i < truth.size(); ++i)
        require(static_cast<index_t>(truth[i]) >= 0 && static_cast<index_t>(truth[i]) < p.classes, ErrorCode::index_out_of_range, what,
                ": the class of example ", i, " is ", static_cast<index_t>(truth[i]), ", of ", p.classes);
}

// What is to be a probability; rounding may have left it a little outside.
inline double probability(std::string_view what, double p) {
    constexpr double slack = 1e-6;
    require(p >= -slack && p <= 1 + slack, ErrorCode::invalid_argument, what, ": ", p, " is no probability");
    return p;
}

inline double clipped_log(double p) {
    probability("log_loss", p);
    constexpr double eps = std::numeric_limits<double>::epsilon();
    return std::log(std::clamp(p, eps, 1 - eps));
}

}  // namespace detail

/// A point for each score that occurs, from the highest down, after one that nothing reaches. `truth` is not 0 for positives.
/// Throws shape_mismatch, and invalid_argument without examples or for NaN.
template <class Class>
std::vector<ThresholdPoint> threshold_curve(std::span<const double> scores, std::span<const Class> truth) {
    detail::check_scores("threshold_curve", scores, truth.size());
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    std::vector<ThresholdPoint> curve{{std::numeric_limits<double>::infinity(), 0, 0}};
    for (std::size_t i = 0; i < order.size(); ++i) {
        const double score = scores[order[i]];
        if (i == 0 || score != curve.back().threshold) curve.push_back({score, curve.back().true_positives, curve.back().false_positives});
        ++(truth[order[i]] != Class{} ? curve.back().true_positives : curve.back().false_positives);
    }
    return curve;
}

/// The area below the ROC curve. Throws as threshold_curve(), and invalid_argument where there are no positives or no negatives.
template <class Class>
double roc_auc(std::span<const double> scores, std::span<const Class> truth) {
    const auto curve = threshold_curve(scores, truth);
    const auto positives = static_cast<double>(curve.back().true_positives), negatives = static_cast<double>(curve.back().false_positives);
    require(positives > 0 && negatives > 0, ErrorCode::invalid_argument, "roc_auc: ", positives, " positives and ", negatives,
            " negatives: of one class alone there is no curve");
    double area = 0;
    for (std::size_t i = 1; i < curve.size(); ++i)
        area += static_cast<double>(curve[i].false_positives - curve[i - 1].false_positives) *
                static_cast<double>(curve[i].true_positives + curve[i - 1].true_positives) / 2;
    return area / (positives * negatives);
}

/// Precision averaged over the steps of recall. Throws as threshold_curve(), and invalid_argument where there are no positives.
template <class Class>
double average_precision(std::span<const double> scores, std::span<const Class> truth) {
    const auto curve = threshold_curve(scores, truth);
    const auto positives = static_cast<double>(curve.back().true_positives);
    require(positives > 0, ErrorCode::invalid_argument, "average_precision: there are no positives");
    double sum = 0;
    for (std::size_t i = 1; i < curve.size(); ++i) {
        const auto right = static_cast<double>(curve[i].true_positives), taken = right + static_cast<double>(curve[i].false_positives);
        sum += static_cast<double>(curve[i].true_positives - curve[i - 1].true_positives) / positives * (right / taken);
    }
    return sum;
}

/// How several classes are put together: each against all others, as they are or by how often they are true; or each pair.
enum class ManyClasses { one_against_rest, one_against_rest_weighted, pairs };

/// The AUC of several classes. Throws shape_mismatch, index_out_of_range, and invalid_argument where a class is missing.
template <class Class>
double roc_auc(const ClassProbabilities& p, std::span<const Class> truth, ManyClasses together = ManyClasses::one_against_rest) {
    detail::check_probabilities("roc_auc", p, truth);
    // The AUC of class c among the examples that `counts` names.
    const auto one = [&](index_t c, const auto& counts) {
        std::vector<double> scores;
        std::vector<int> positive;
        for (std::size_t i = 0; i < truth.size(); ++i) {
            const auto t = static_cast<index_t>(truth[i]);
            if (!counts(t)) continue;
            scores.push_back(p.at(static_cast<index_t>(i), c));
            positive.push_back(t == c);
        }
        return roc_auc(std::span<const double>(scores), std::span<const int>(positive));
    };
    double sum = 0, weights = 0;
    for (index_t a = 0; a < p.classes; ++a) {
        if (together == ManyClasses::pairs) {
            for (index_t b = a + 1; b < p.classes; ++b) {
                const auto either = [&](index_t t) { return t == a || t == b; };
                sum += (one(a, either) + one(b, either)) / 2;
                weights += 1;
            }
            continue;
        }
        const double weight =
            together == ManyClasses::one_against_rest
                ? 1
                : static_cast<double>(std::count_if(truth.begin(), truth.end(), [&](Class t) { return static_cast<index_t>(t) == a; }));
        sum += weight * one(a, [](index_t) { return true; });
        weights += weight;
    }
    return sum / weights;
}

/// In nats; probabilities are kept 2⁻⁵² away from 0 and 1. Throws shape_mismatch, index_out_of_range, and invalid_argument for what is no
/// probability.
template <class Class>
double log_loss(const ClassProbabilities& p, std::span<const Class> truth) {
    detail::check_probabilities("log_loss", p, truth);
    double nats = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) nats -= detail::clipped_log(p.at(static_cast<index_t>(i), static_cast<index_t>(truth[i])));
    return nats / static_cast<double>(truth.size());
}
/// Of two classes, from the probability of the positive one.
template <class Class>
double log_loss(std::span<const double> scores, std::span<const Class> truth) {
    detail::check_scores("log_loss", scores, truth.size());
    double nats = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) nats -= detail::clipped_log(truth[i] != Class{} ? scores[i] : 1 - scores[i]);
    return nats / static_cast<double>(truth.size());
}

/// Throws shape_mismatch, index_out_of_range, and invalid_argument for what is no probability.
template <class Class>
double brier_score(const ClassProbabilities& p, std::span<const Class> truth) {
    detail::check_probabilities("brier_score", p, truth);
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i)
        for (index_t c = 0; c < p.classes; ++c) {
            const double off = detail::probability("brier_score", p.at(static_cast<index_t>(i), c)) - (static_cast<index_t>(truth[i]) == c ? 1 : 0);
            sum += off * off;
        }
    return sum / static_cast<double>(truth.size());
}
/// Of two classes, from the probability of the positive one: half of the sum over both.
template <class Class>
double brier_score(std::span<const double> scores, std::span<const Class> truth) {
    detail::check_scores("brier_score", scores, truth.size());
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        const double off = detail::probability("brier_score", scores[i]) - (truth[i] != Class{} ? 1 : 0);
        sum += off * off;
    }
    return sum / static_cast<double>(truth.size());
}

/// The share of examples whose class is among the k most probable; of equals the later class counts as more probable. Throws shape_mismatch,
/// index_out_of_range, invalid_argument.
template <class Class>
double top_k_accuracy(const ClassProbabilities& p, std::span<const Class> truth, index_t k) {
    detail::check_probabilities("top_k_accuracy", p, truth);
    require(k >= 1, ErrorCode::invalid_argument, "top_k_accuracy: the best ", k, " of each");
    index_t right = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        const auto own = static_cast<index_t>(truth[i]);
        index_t before = 0;
        for (index_t c = 0; c < p.classes; ++c) {
            const double score = p.at(static_cast<index_t>(i), c), mine = p.at(static_cast<index_t>(i), own);
            before += score > mine || (score == mine && c > own);
        }
        right += before < k;
    }
    return static_cast<double>(right) / static_cast<double>(truth.size());
}

/// A bin of a reliability diagram: examples of like confidence, their mean confidence, and the share of them that are right.
struct ConfidenceBin {
    index_t count = 0;
    double confidence = 0, accuracy = 0;
};

/// Bins of equal width over [0, 1] for the confidence in each prediction, and whether it is right. Throws shape_mismatch, and invalid_argument for a
/// confidence outside [0, 1].
inline std::vector<ConfidenceBin> reliability(std::span<const double> confidence, const std::vector<bool>& right, index_t bins = 10) {
    detail::check_scores("reliability", confidence, right.size());
    require(bins >= 1, ErrorCode::invalid_argument, "reliability: ", bins, " bins");
    std::vector<ConfidenceBin> found(static_cast<std::size_t>(bins));
    for (std::size_t i = 0; i < confidence.size(); ++i) {
        require(confidence[i] >= 0 && confidence[i] <= 1, ErrorCode::invalid_argument, "reliability: the confidence of example ", i, " is ",
                confidence[i]);
        auto& bin = found[static_cast<std::size_t>(std::min(static_cast<index_t>(confidence[i] * static_cast<double>(bins)), bins - 1))];
        ++bin.count;
        bin.confidence += confidence[i];
        bin.accuracy += right[i] ? 1 : 0;
    }
    for (auto& bin : found)
        if (bin.count > 0) bin.confidence /= static_cast<double>(bin.count), bin.accuracy /= static_cast<double>(bin.count);
    return found;
}
/// The same from the probability of the positive one of two classes: what is at least one half is taken for a positive.
template <class Class>
std::vector<ConfidenceBin> reliability(std::span<const double> scores, std::span<const Class> truth, index_t bins = 10) {
    detail::check_scores("reliability", scores, truth.size());
    std::vector<double> confidence;
    std::vector<bool> right;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        confidence.push_back(std::max(scores[i], 1 - scores[i]));
        right.push_back((scores[i] >= 0.5) == (truth[i] != Class{}));
    }
    return reliability(confidence, right, bins);
}
/// And from those of several: the most probable class is the prediction, the first of equals.
template <class Class>
std::vector<ConfidenceBin> reliability(const ClassProbabilities& p, std::span<const Class> truth, index_t bins = 10) {
    detail::check_probabilities("reliability", p, truth);
    std::vector<double> confidence;
    std::vector<bool> right;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        const auto row = p.of(static_cast<index_t>(i));
        const auto best = std::max_element(row.begin(), row.end());
        confidence.push_back(*best);
        right.push_back(best - row.begin() == static_cast<index_t>(truth[i]));
    }
    return reliability(confidence, right, bins);
}

/// How far confidence is from accuracy, weighted by how many examples there are of it.
inline double calibration_error(std::span<const ConfidenceBin> bins) {
    double sum = 0, count = 0;
    for (const auto& bin : bins) {
        sum += static_cast<double>(bin.count) * std::fabs(bin.accuracy - bin.confidence);
        count += static_cast<double>(bin.count);
    }
    return count == 0 ? 0 : sum / count;
}

}  // namespace tercet::inline TERCET_ABI
