// Whether a model treats groups alike.
//
//   association   s(w, A, B) = mean cos(w, a) − mean cos(w, b): how much nearer w's embedding is to attributes A than to B
//   WEAT          two sets of targets X and Y, flowers and insects; attributes A and B, pleasant and unpleasant (Caliskan, Bryson & Narayanan 2017):
//                 effect size d = (mean_X s − mean_Y s) / standard deviation of s over both; p = how often parts of X ∪ Y of the same sizes, drawn by
//                 chance, are at least as far apart. Of sentences' embeddings it is SEAT (May et al. 2019)
//   pairs         two texts that differ in the group alone, by their log-probabilities to a language model (Nangia et al. 2020, "CrowS-Pairs"): how
//                 often the first is the likelier one, a half where the model has no preference
//   subgroups     the accuracy of each group of examples, and how far the best and the worst are apart
#pragma once

#include "tercet/metrics/resampling.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace tercet::inline TERCET_ABI {

using EmbeddingRow = std::span<const float>;

/// cos(a, b). Throws shape_mismatch for different lengths, and invalid_argument for a vector without a direction.
inline double cosine(EmbeddingRow a, EmbeddingRow b) {
    require(a.size() == b.size(), ErrorCode::shape_mismatch, "cosine: of ", a.size(), " and of ", b.size(), " numbers");
    double both = 0, squares_a = 0, squares_b = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        both += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        squares_a += static_cast<double>(a[i]) * static_cast<double>(a[i]);
        squares_b += static_cast<double>(b[i]) * static_cast<double>(b[i]);
    }
    const double lengths = std::sqrt(squares_a * squares_b);
    require(lengths > 0 && std::isfinite(lengths), ErrorCode::invalid_argument, "cosine: a vector of length 0, or one that is not finite");
    return both / lengths;
}

/// Throws invalid_argument for an empty set, and what cosine() throws.
inline double association(EmbeddingRow word, std::span<const EmbeddingRow> a, std::span<const EmbeddingRow> b) {
    require(!a.empty() && !b.empty(), ErrorCode::invalid_argument, "association: ", a.size(), " and ", b.size(), " attributes");
    const auto mean = [&](std::span<const EmbeddingRow> set) {
        double sum = 0;
        for (const auto& attribute : set) sum += cosine(word, attribute);
        return sum / static_cast<double>(set.size());
    };
    return mean(a) - mean(b);
}

struct AssociationTest {
    double effect_size = 0;  // in standard deviations: 0.2 is small, 0.8 large
    double p = 1;            // one-sided: how likely a difference at least as large is by chance
    index_t partitions = 0;  // that were compared: all there are, or a sample of them
};

struct AssociationTestOptions {
    index_t most_partitions = 100000;  // where there are more, so many are drawn
    std::uint64_t seed = 0;
};

/// Targets X and Y by attributes A and B. Throws invalid_argument for an empty set or fewer than two targets in a set, and what cosine() throws.
inline AssociationTest word_embedding_association(std::span<const EmbeddingRow> x, std::span<const EmbeddingRow> y, std::span<const EmbeddingRow> a,
                                                  std::span<const EmbeddingRow> b, const AssociationTestOptions& options = {}) {
    require(x.size() >= 2 && y.size() >= 2, ErrorCode::invalid_argument, "association test: ", x.size(), " and ", y.size(),
            " targets, it takes two of each");
    require(options.most_partitions >= 1, ErrorCode::invalid_argument, "association test: ", options.most_partitions, " partitions");
    std::vector<double> s;
    for (const auto& word : x) s.push_back(association(word, a, b));
    for (const auto& word : y) s.push_back(association(word, a, b));
    const auto n = static_cast<index_t>(s.size()), of_x = static_cast<index_t>(x.size());
    const double total = std::accumulate(s.begin(), s.end(), 0.0);
    // The difference of the means where X's targets sum up to this.
    const auto difference = [&](double sum) { return sum / static_cast<double>(of_x) - (total - sum) / static_cast<double>(n - of_x); };
    const double seen = difference(std::accumulate(s.begin(), s.begin() + of_x, 0.0));
    double squares = 0;
    for (const double v : s) squares += (v - total / static_cast<double>(n)) * (v - total / static_cast<double>(n));
    AssociationTest test;
    const double deviation = std::sqrt(squares / static_cast<double>(n - 1));
    test.effect_size = deviation == 0 ? 0 : seen / deviation;

    double ways = 1;
    for (index_t i = 0; i < of_x; ++i) ways *= static_cast<double>(n - i) / static_cast<double>(i + 1);
    index_t as_far = 0;
    const auto compare = [&](double sum) {
        ++test.partitions;
        as_far += difference(sum) >= seen - 1e-12;
    };
    if (ways <= static_cast<double>(options.most_partitions) + 0.5) {  // all of them: the places of X's targets, one step up at a time
        std::vector<index_t> chosen(static_cast<std::size_t>(of_x));
        std::iota(chosen.begin(), chosen.end(), index_t{0});
        for (bool more = true; more;) {
            double sum = 0;
            for (const index_t i : chosen) sum += s[static_cast<std::size_t>(i)];
            compare(sum);
            index_t last = of_x - 1;
            while (last >= 0 && chosen[static_cast<std::size_t>(last)] == n - of_x + last) --last;
            more = last >= 0;
            if (!more) break;
            ++chosen[static_cast<std::size_t>(last)];
            for (index_t i = last + 1; i < of_x; ++i) chosen[static_cast<std::size_t>(i)] = chosen[static_cast<std::size_t>(i - 1)] + 1;
        }
    } else {
        Generator generator(options.seed);
        auto drawn = s;
        compare(std::accumulate(s.begin(), s.begin() + of_x, 0.0));
        while (test.partitions < options.most_partitions) {
            double sum = 0;
            for (index_t i = 0; i < of_x; ++i) {
                std::swap(drawn[static_cast<std::size_t>(i)],
                          drawn[static_cast<std::size_t>(i) + generator.below(static_cast<std::uint64_t>(n - i))]);
                sum += drawn[static_cast<std::size_t>(i)];
            }
            compare(sum);
        }
    }
    test.p = static_cast<double>(as_far) / static_cast<double>(test.partitions);
    return test;
}

struct PairPreference {
    index_t pairs = 0, first_likelier = 0, second_likelier = 0;
    double mean_difference = 0;  // ln p(first) − ln p(second)
    double p = 1;                // how likely so uneven a split is by chance

    /// Of pairs that are not alike; a half where all are.
    double first_share() const {
        const auto decided = static_cast<double>(first_likelier + second_likelier);
        return decided == 0 ? 0.5 : static_cast<double>(first_likelier) / decided;
    }
};

/// From the log-probabilities of the texts of each pair, as generate/score.hpp gives them. Throws shape_mismatch, and invalid_argument for none or
/// NaN.
inline PairPreference pair_preference(std::span<const double> first, std::span<const double> second) {
    require(first.size() == second.size(), ErrorCode::shape_mismatch, "pair_preference: ", first.size(), " and ", second.size(), " texts");
    require(!first.empty(), ErrorCode::invalid_argument, "pair_preference: there are no pairs");
    PairPreference found;
    for (std::size_t i = 0; i < first.size(); ++i) {
        const double difference = first[i] - second[i];
        require(!std::isnan(difference), ErrorCode::invalid_argument, "pair_preference: pair ", i, " has a nan");
        ++found.pairs;
        found.first_likelier += difference > 0;
        found.second_likelier += difference < 0;
        found.mean_difference += difference / static_cast<double>(first.size());
    }
    found.p = sign_test(found.first_likelier, found.second_likelier);
    return found;
}

struct Subgroup {
    index_t count = 0, right = 0;
    double accuracy() const { return count == 0 ? 0 : static_cast<double>(right) / static_cast<double>(count); }
};

/// The examples of each group, and how many of them are right. Throws shape_mismatch.
inline std::map<std::string, Subgroup> subgroup_accuracy(const std::vector<bool>& right, std::span<const std::string> groups) {
    require(right.size() == groups.size(), ErrorCode::shape_mismatch, "subgroup_accuracy: ", right.size(), " examples and ", groups.size(),
            " groups");
    std::map<std::string, Subgroup> found;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        auto& group = found[groups[i]];
        ++group.count;
        group.right += right[i];
    }
    return found;
}

/// How far the best and the worst group are apart; 0 for fewer than two groups.
inline double accuracy_gap(const std::map<std::string, Subgroup>& groups) {
    if (groups.size() < 2) return 0;
    const auto by_accuracy = [](const auto& a, const auto& b) { return a.second.accuracy() < b.second.accuracy(); };
    const auto [worst, best] = std::minmax_element(groups.begin(), groups.end(), by_accuracy);
    return best->second.accuracy() - worst->second.accuracy();
}

}  // namespace tercet::inline TERCET_ABI
