// Splitting data into the part that is learnt from and the part that is held out.
#pragma once

#include "tercet/core/error.hpp"

#include <cmath>
#include <span>

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

}  // namespace tercet::inline TERCET_ABI
