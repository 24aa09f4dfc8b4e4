// Measures of a classifier, from the confusion matrix: n_tp texts of class t that were taken for class p.
//
//   accuracy = Σ n_cc / n        precision_c = n_cc / Σ_t n_tc        recall_c = n_cc / Σ_p n_cp        F1_c = 2 n_cc / (Σ_t n_tc + Σ_p n_cp)
//
// Of several classes: macro is the mean of the classes' values, weighted the mean by how often each is true, micro the value of all classes' counts
// added up, which is the accuracy (Manning, Raghavan & Schütze 2008, section 13.6). Cohen's kappa (1960) and Matthews' correlation (1975; for several
// classes Gorodkin 2004) take from the accuracy what chance would give. Values are as scikit-learn has them where it is given all labels.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// Precision, recall and F-measure of a class or of several; `support` is how many examples are of it.
struct ClassScore {
    double precision = 0, recall = 0, f1 = 0;
    index_t support = 0;
};

enum class Average { macro, micro, weighted };

class ConfusionMatrix {
public:
    /// Throws invalid_argument for a negative number of classes.
    explicit ConfusionMatrix(index_t classes) : classes_(classes) {
        require(classes >= 0, ErrorCode::invalid_argument, "confusion matrix: ", classes, " classes");
        counts_.resize(static_cast<std::size_t>(classes * classes), 0);
    }

    index_t classes() const { return classes_; }
    /// One more example of class `truth` that was taken for `predicted`. Throws index_out_of_range.
    void add(index_t truth, index_t predicted) { ++counts_[place(truth, predicted)]; }
    index_t at(index_t truth, index_t predicted) const { return counts_[place(truth, predicted)]; }

    index_t total() const { return std::accumulate(counts_.begin(), counts_.end(), index_t{0}); }
    index_t right() const {
        return sum([&](index_t c) { return at(c, c); });
    }
    /// How many examples are of a class, and how many were taken for it.
    index_t truths(index_t c) const {
        return sum([&](index_t p) { return at(c, p); });
    }
    index_t predictions(index_t c) const {
        return sum([&](index_t t) { return at(t, c); });
    }

private:
    std::size_t place(index_t truth, index_t predicted) const {
        require(truth >= 0 && truth < classes_ && predicted >= 0 && predicted < classes_, ErrorCode::index_out_of_range, "confusion matrix: class ",
                truth, " taken for ", predicted, " among ", classes_);
        return static_cast<std::size_t>(truth * classes_ + predicted);
    }
    template <class F>
    index_t sum(const F& f) const {
        index_t all = 0;
        for (index_t c = 0; c < classes_; ++c) all += f(c);
        return all;
    }

    index_t classes_;
    std::vector<index_t> counts_;
};

/// Of examples whose classes are 0 … classes − 1. Throws shape_mismatch for lists of different lengths, index_out_of_range.
template <class Class>
ConfusionMatrix confusion_matrix(std::span<const Class> truth, std::span<const Class> predicted, index_t classes) {
    require(truth.size() == predicted.size(), ErrorCode::shape_mismatch, "confusion matrix: ", truth.size(), " classes and ", predicted.size(),
            " predictions");
    ConfusionMatrix matrix(classes);
    for (std::size_t i = 0; i < truth.size(); ++i) matrix.add(static_cast<index_t>(truth[i]), static_cast<index_t>(predicted[i]));
    return matrix;
}

namespace detail {
inline double ratio(double part, double whole, double otherwise) {
    return whole == 0 ? otherwise : part / whole;
}
// From right predictions, predictions and truths. Nothing to divide by: `otherwise`.
inline ClassScore class_score(double right, double predictions, double truths, double otherwise, double beta) {
    const double b = beta * beta;
    return {ratio(right, predictions, otherwise), ratio(right, truths, otherwise), ratio((1 + b) * right, b * truths + predictions, otherwise),
            static_cast<index_t>(truths)};
}
}  // namespace detail

/// Throws invalid_argument without examples.
inline double accuracy(const ConfusionMatrix& m) {
    require(m.total() > 0, ErrorCode::invalid_argument, "accuracy: of no examples there is none");
    return static_cast<double>(m.right()) / static_cast<double>(m.total());
}

/// One class against all others. `zero_division` is the value of a ratio 0/0; beta weighs recall against precision in `f1` (van Rijsbergen 1979).
inline ClassScore score_of_class(const ConfusionMatrix& m, index_t c, double zero_division = 0, double beta = 1) {
    return detail::class_score(static_cast<double>(m.at(c, c)), static_cast<double>(m.predictions(c)), static_cast<double>(m.truths(c)),
                               zero_division, beta);
}

/// All classes together.
inline ClassScore average_score(const ConfusionMatrix& m, Average average, double zero_division = 0, double beta = 1) {
    const auto total = static_cast<double>(m.total());
    if (average == Average::micro) return detail::class_score(static_cast<double>(m.right()), total, total, zero_division, beta);
    ClassScore mean{.support = m.total()};
    for (index_t c = 0; c < m.classes(); ++c) {
        const auto one = score_of_class(m, c, zero_division, beta);
        const double share =
            average == Average::macro ? 1 / static_cast<double>(m.classes()) : detail::ratio(static_cast<double>(one.support), total, 0);
        mean.precision += share * one.precision;
        mean.recall += share * one.recall;
        mean.f1 += share * one.f1;
    }
    return mean;
}

/// The mean recall of the classes that there are examples of.
inline double balanced_accuracy(const ConfusionMatrix& m) {
    double sum = 0;
    index_t found = 0;
    for (index_t c = 0; c < m.classes(); ++c)
        if (m.truths(c) > 0) {
            sum += score_of_class(m, c).recall;
            ++found;
        }
    return detail::ratio(sum, static_cast<double>(found), std::numeric_limits<double>::quiet_NaN());
}

/// Matthews' correlation of truth and prediction, in [−1, 1]; 0 where one of them is always the same.
inline double matthews_correlation(const ConfusionMatrix& m) {
    const auto n = static_cast<double>(m.total());
    double both = 0, truths = 0, predictions = 0;
    for (index_t c = 0; c < m.classes(); ++c) {
        const auto t = static_cast<double>(m.truths(c)), p = static_cast<double>(m.predictions(c));
        both += t * p;
        truths += t * t;
        predictions += p * p;
    }
    return detail::ratio(static_cast<double>(m.right()) * n - both, std::sqrt((n * n - truths) * (n * n - predictions)), 0);
}

/// Agreement beyond chance, 1 at most; NaN where chance alone agrees. Quadratic: a mistake counts by the square of its distance (Cohen 1968), for
/// classes that have an order.
inline double cohen_kappa(const ConfusionMatrix& m, bool quadratic = false) {
    const auto n = static_cast<double>(m.total());
    double seen = 0, expected = 0;
    for (index_t t = 0; t < m.classes(); ++t)
        for (index_t p = 0; p < m.classes(); ++p) {
            const double weight = quadratic ? static_cast<double>((t - p) * (t - p)) : static_cast<double>(t != p);
            seen += weight * static_cast<double>(m.at(t, p));
            expected += weight * static_cast<double>(m.truths(t)) * static_cast<double>(m.predictions(p)) / n;
        }
    return 1 - seen / expected;
}

}  // namespace tercet::inline TERCET_ABI
