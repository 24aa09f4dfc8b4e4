// Splitting data into the part that is learnt from and the part that is held out: once, or in k folds of which each is held out in turn (Stone 1974,
// "Cross-validatory choice"), down to one example at a time. Stratified, each part has the classes in the shares that all of it has (Kohavi 1995).
//
//   for (index_t i = 0; i < folds.count(); ++i) { const auto [training, validation] = folds.split(i); … }      // folds = k_folds(examples, 5, seed)
#pragma once

#include "tercet/data/order.hpp"

#include <cmath>
#include <map>
#include <optional>

namespace tercet::inline TERCET_ABI {

/// Two parts of one sequence, in its order.
template <class T>
struct Split {
    std::span<const T> training, validation;
};

/// The first `share` of a sequence for training, the rest held out: for text, whose neighbouring windows overlap and must not be mixed.
/// Throws invalid_argument unless share is in [0, 1].
template <class T>
Split<T> contiguous_split(std::span<const T> sequence, double share = 0.9) {
    require(share >= 0 && share <= 1, ErrorCode::invalid_argument, "split: a share of ", share, " is not in [0, 1]");
    const auto first = static_cast<std::size_t>(std::floor(share * static_cast<double>(sequence.size())));
    return {sequence.first(first), sequence.subspan(first)};
}

/// The numbers of the examples of two parts, each in ascending order.
struct IndexSplit {
    std::vector<index_t> training, validation;
};

/// Which examples are held out in which turn.
class Folds {
public:
    /// The turn of each example, in [0, count).
    Folds(std::vector<index_t> turn, index_t count) : turn_(std::move(turn)), count_(count) {}

    index_t count() const { return count_; }
    /// Fold i is held out. Throws index_out_of_range.
    IndexSplit split(index_t i) const {
        require(i >= 0 && i < count_, ErrorCode::index_out_of_range, "folds: there is no fold ", i, " of ", count_);
        IndexSplit parts;
        for (std::size_t e = 0; e < turn_.size(); ++e) (turn_[e] == i ? parts.validation : parts.training).push_back(static_cast<index_t>(e));
        return parts;
    }

private:
    std::vector<index_t> turn_;
    index_t count_;
};

namespace detail {

inline IndexSplit in_order(IndexSplit parts) {
    std::sort(parts.training.begin(), parts.training.end());
    std::sort(parts.validation.begin(), parts.validation.end());
    return parts;
}
// The examples in their order, or in that of a seed.
inline std::vector<index_t> example_order(index_t examples, const std::optional<std::uint64_t>& seed) {
    if (seed) return epoch_permutation(examples, *seed, 0);
    std::vector<index_t> order(static_cast<std::size_t>(examples));
    std::iota(order.begin(), order.end(), index_t{0});
    return order;
}
inline void check_folds(index_t examples, index_t k) {
    require(k >= 2 && k <= examples, ErrorCode::invalid_argument, "folds: ", examples, " examples do not make ", k, " folds");
}
// How many of `examples` a share of them is, rounded up.
inline index_t held_out_count(index_t examples, double share) {
    require(share > 0 && share < 1, ErrorCode::invalid_argument, "hold_out: a share of ", share, " is not in (0, 1)");
    const auto count = static_cast<index_t>(std::ceil(share * static_cast<double>(examples) - 1e-9));
    require(count < examples, ErrorCode::invalid_argument, "hold_out: of ", examples, " examples ", count, " would be held out, and none left");
    return count;
}
// The examples of each class, the classes in the order in which they come up.
template <class Class>
std::vector<std::vector<index_t>> by_class(std::span<const Class> classes, const std::optional<std::uint64_t>& seed) {
    std::map<Class, std::size_t> place;
    for (const Class c : classes) place.try_emplace(c, place.size());
    std::vector<std::vector<index_t>> examples(place.size());
    for (const index_t e : example_order(static_cast<index_t>(classes.size()), seed))
        examples[place.at(classes[static_cast<std::size_t>(e)])].push_back(e);
    return examples;
}

}  // namespace detail

/// `held_out` of the examples by chance, the rest to learn from. Throws invalid_argument unless both parts have some.
inline IndexSplit hold_out(index_t examples, index_t held_out, std::uint64_t seed) {
    require(held_out > 0 && held_out < examples, ErrorCode::invalid_argument, "hold_out: ", held_out, " of ", examples, " examples");
    const auto order = epoch_permutation(examples, seed, 0);
    IndexSplit parts{{order.begin() + held_out, order.end()}, {order.begin(), order.begin() + held_out}};
    return detail::in_order(std::move(parts));
}
/// A share of them, rounded up.
inline IndexSplit hold_out(index_t examples, double share, std::uint64_t seed) {
    return hold_out(examples, detail::held_out_count(examples, share), seed);
}
/// A share of each class, rounded down or up so that the whole is the share of all, rounded to the nearest; of a class of one nothing. Throws
/// invalid_argument where nothing would be held out.
template <class Class>
IndexSplit stratified_hold_out(std::span<const Class> classes, double share, std::uint64_t seed) {
    detail::held_out_count(static_cast<index_t>(classes.size()), share);
    const auto each = detail::by_class(classes, std::optional(seed));
    // Rounded down first; those that lost most by it get one more each, until the whole is what it should be (the method of largest remainders).
    std::vector<index_t> counts, order(each.size());
    std::vector<double> lost;
    for (const auto& examples : each) {
        const double part = share * static_cast<double>(examples.size());
        counts.push_back(static_cast<index_t>(part + 1e-9));
        lost.push_back(examples.size() > 1 ? part - static_cast<double>(counts.back()) : -1);
    }
    std::iota(order.begin(), order.end(), index_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](index_t a, index_t b) { return lost[static_cast<std::size_t>(a)] > lost[static_cast<std::size_t>(b)]; });
    index_t missing = std::llround(share * static_cast<double>(classes.size())) - std::accumulate(counts.begin(), counts.end(), index_t{0});
    for (std::size_t i = 0; i < order.size() && missing > 0; ++i, --missing)
        if (lost[static_cast<std::size_t>(order[i])] > 1e-9) ++counts[static_cast<std::size_t>(order[i])];
    IndexSplit parts;
    for (std::size_t c = 0; c < each.size(); ++c) {
        const auto middle = each[c].begin() + std::min(counts[c], static_cast<index_t>(each[c].size()) - 1);
        parts.validation.insert(parts.validation.end(), each[c].begin(), middle);
        parts.training.insert(parts.training.end(), middle, each[c].end());
    }
    require(!parts.validation.empty(), ErrorCode::invalid_argument, "hold_out: a share of ", share, " of each class is nothing");
    return detail::in_order(std::move(parts));
}

/// k folds that differ by one example at most, the larger ones first: runs of the examples as they come, or of the order of a seed. Throws
/// invalid_argument for fewer than two folds, or more than there are examples.
inline Folds k_folds(index_t examples, index_t k, std::optional<std::uint64_t> seed = {}) {
    detail::check_folds(examples, k);
    const auto order = detail::example_order(examples, seed);
    std::vector<index_t> turn(order.size());
    index_t at = 0;
    for (index_t fold = 0; fold < k; ++fold)
        for (const index_t end = at + examples / k + (fold < examples % k ? 1 : 0); at < end; ++at)
            turn[static_cast<std::size_t>(order[static_cast<std::size_t>(at)])] = fold;
    return {std::move(turn), k};
}

/// The same with each class dealt out by itself: its examples in two folds differ by one at most, and so do the folds. Throws as k_folds().
template <class Class>
Folds stratified_folds(std::span<const Class> classes, index_t k, std::optional<std::uint64_t> seed = {}) {
    detail::check_folds(static_cast<index_t>(classes.size()), k);
    std::vector<index_t> turn(classes.size());
    index_t dealt = 0;  // one after the other, class after class, so that the folds fill evenly
    for (const auto& examples : detail::by_class(classes, seed)) {
        std::vector<index_t> share(static_cast<std::size_t>(k), 0);
        for (std::size_t e = 0; e < examples.size(); ++e) ++share[static_cast<std::size_t>(dealt++ % k)];
        std::size_t at = 0;
        for (index_t fold = 0; fold < k; ++fold)
            for (index_t i = 0; i < share[static_cast<std::size_t>(fold)]; ++i) turn[static_cast<std::size_t>(examples[at++])] = fold;
    }
    return {std::move(turn), k};
}

/// Each example by itself. Throws invalid_argument for fewer than two.
inline Folds leave_one_out(index_t examples) {
    return k_folds(examples, examples);
}

/// What each class counts for so that all have the same say: n / (classes · its examples) (King & Zeng 2001). Classes are 0 … classes − 1. Throws
/// index_out_of_range, and invalid_argument for a class without examples.
template <class Class>
std::vector<double> balanced_class_weights(std::span<const Class> classes, index_t count) {
    std::vector<double> examples(static_cast<std::size_t>(count), 0);
    for (const Class c : classes) {
        require(static_cast<index_t>(c) >= 0 && static_cast<index_t>(c) < count, ErrorCode::index_out_of_range, "class weights: class ",
                static_cast<index_t>(c), " of ", count);
        ++examples[static_cast<std::size_t>(c)];
    }
    for (std::size_t c = 0; c < examples.size(); ++c) {
        require(examples[c] > 0, ErrorCode::invalid_argument, "class weights: class ", c, " has no examples");
        examples[c] = static_cast<double>(classes.size()) / (static_cast<double>(count) * examples[c]);
    }
    return examples;
}

}  // namespace tercet::inline TERCET_ABI
