// Hyper-parameter search: a function of some numbers, tried at many places, the best first.
//
//   const auto found = random_search({{"rate", log_uniform(1e-4, 1e-2)}, {"width", choices({64, 128, 256})}},
//                                    [&](const Parameters& p) { return validation_loss(p.at("rate"), p.at("width")); }, {.trials = 30, .seed = 1});
//   found.front().parameters.at("rate")
//
// Random search finds as good values as a grid in fewer trials, since few of the numbers matter and a grid tries few values of each
// (Bergstra & Bengio 2012, "Random search for hyper-parameter optimization").
#pragma once

#include "tercet/core/random.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// The values that one number may take: these, or any between two, evenly or evenly in their logarithms.
struct SearchRange {
    std::vector<double> values{};  // empty: from low to high
    double low = 0, high = 0;
    bool logarithmic = false;

    /// The value at a share in [0, 1] of the way.
    double at(double share) const {
        if (!values.empty()) return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
        return logarithmic ? std::clamp(low * std::pow(high / low, share), low, high) : low + (high - low) * share;
    }
};

/// One of these. Throws invalid_argument when there are none.
inline SearchRange choices(std::vector<double> values) {
    require(!values.empty(), ErrorCode::invalid_argument, "search: no choices");
    return {.values = std::move(values)};
}
/// Any number in [low, high]. Throws invalid_argument unless low <= high, both finite.
inline SearchRange uniform(double low, double high) {
    require(low <= high && std::isfinite(high - low), ErrorCode::invalid_argument, "search: uniform from ", low, " to ", high);
    return {.low = low, .high = high};
}
/// Any number in [low, high], each factor alike likely: for rates and penalties. Throws invalid_argument unless 0 < low <= high.
inline SearchRange log_uniform(double low, double high) {
    require(low > 0 && low <= high && std::isfinite(high), ErrorCode::invalid_argument, "search: log_uniform from ", low, " to ", high);
    return {.low = low, .high = high, .logarithmic = true};
}

using Parameters = std::map<std::string, double>;
using SearchSpace = std::map<std::string, SearchRange>;

/// One place that was tried. A trial that ended with tercet::Error has its message, and NaN as its score.
struct Trial {
    index_t number = 0;  // in the order of trying
    Parameters parameters{};
    double score = std::numeric_limits<double>::quiet_NaN();
    std::string error{};
};

struct SearchOptions {
    index_t trials = 20;     // of a random search
    std::uint64_t seed = 0;  // likewise
    index_t points = 5;      // of a grid, for each range that is not of choices
    bool maximise = false;   // larger scores are better
    std::function<void(const Trial&)> on_trial{};
};

namespace detail {

// Tries them in their order, and sorts by score; equal ones stay in order, those without a number come last.
template <class Score>
std::vector<Trial> try_all(std::vector<Parameters> places, Score&& score, const SearchOptions& options) {
    std::vector<Trial> trials;
    for (auto& place : places) {
        Trial trial{static_cast<index_t>(trials.size()), std::move(place)};
        const auto error = error_of([&] { trial.score = static_cast<double>(score(std::as_const(trial.parameters))); });
        if (error && error->code() == ErrorCode::cancelled) fail(error->code(), error->what());  // of the search, too
        if (error) trial.error = error->what();
        trials.push_back(std::move(trial));
        if (options.on_trial) options.on_trial(trials.back());
    }
    std::stable_sort(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
        if (std::isnan(a.score) || std::isnan(b.score)) return !std::isnan(a.score) && std::isnan(b.score);
        return options.maximise ? a.score > b.score : a.score < b.score;
    });
    return trials;
}

}  // namespace detail

/// Tries every combination: each choice, and `points` values of each other range, its ends included. The best trial comes first.
/// Throws invalid_argument unless points >= 2, and size_overflow for more combinations than can be counted.
template <class Score>
std::vector<Trial> grid_search(const SearchSpace& space, Score&& score, const SearchOptions& options = {}) {
    require(options.points >= 2, ErrorCode::invalid_argument, "grid_search: ", options.points, " points a range, at least 2");
    const auto points = [&](const SearchRange& range) { return range.values.empty() ? options.points : static_cast<index_t>(range.values.size()); };
    index_t count = 1;
    for (const auto& [name, range] : space) count = checked_mul(count, points(range), "grid_search");
    std::vector<Parameters> places(static_cast<std::size_t>(count));
    for (index_t i = 0; i < count; ++i) {
        index_t rest = i;  // its digits, the last name's turning fastest
        for (auto at = space.rbegin(); at != space.rend(); ++at) {
            const auto& [name, range] = *at;
            const index_t n = points(range), digit = rest % n;
            rest /= n;
            places[static_cast<std::size_t>(i)][name] = range.values.empty() ? range.at(static_cast<double>(digit) / static_cast<double>(n - 1))
                                                                             : range.values[static_cast<std::size_t>(digit)];
        }
    }
    return detail::try_all(std::move(places), score, options);
}

/// Tries random places: the same for the same seed, whatever the scores. The best trial comes first. Throws invalid_argument unless trials >= 1.
template <class Score>
std::vector<Trial> random_search(const SearchSpace& space, Score&& score, const SearchOptions& options = {}) {
    require(options.trials >= 1, ErrorCode::invalid_argument, "random_search: ", options.trials, " trials");
    Generator generator(options.seed);
    std::vector<Parameters> places(static_cast<std::size_t>(options.trials));
    for (auto& place : places)
        for (const auto& [name, range] : space) place[name] = range.at(generator.uniform());
    return detail::try_all(std::move(places), score, options);
}

}  // namespace tercet::inline TERCET_ABI
