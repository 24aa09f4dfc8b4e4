// An order of examples for training: every epoch visits each example once, in an order of its own.
//
//   ShuffledOrder order(windows.count(), seed);
//   for (…) batch = windows.windows(order.next(state.data, 16));
//
// The order of an epoch is a permutation that is a pure function of (seed, epoch), by Durstenfeld's shuffle (1964, "Algorithm 235"). So the
// place where a run stands is two integers, and a resumed run goes on with the next example.
#pragma once

#include "tercet/core/random.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// Where a run stands in its data: complete passes, and examples that were taken of the one in progress.
struct OrderPosition {
    std::int64_t epoch = 0, index = 0;

    bool operator==(const OrderPosition&) const = default;
};

/// The numbers 0 … count − 1 in the order of that epoch.
inline std::vector<index_t> epoch_permutation(index_t count, std::uint64_t seed, std::int64_t epoch) {
    const auto e = static_cast<std::uint64_t>(epoch);
    const auto words = philox({static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(e >> 32), 0, 1}, seed);  // 1: apart from Generator's
    Generator generator((std::uint64_t{words[0]} << 32) | words[1]);
    std::vector<index_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), index_t{0});
    for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[generator.below(left)]);
    return order;
}

/// What becomes of the examples that are left over at the end of an epoch, fewer than a batch: they are passed over, or are a smaller batch.
enum class EpochRest { passed_over, taken };

/// Hands out the examples epoch by epoch. It keeps one epoch's order at hand; the position is the caller's.
class ShuffledOrder {
public:
    ShuffledOrder(index_t count, std::uint64_t seed) : count_(count), seed_(seed) {}

    index_t count() const { return count_; }

    /// The next `batch` examples, and moves the position on. Throws invalid_argument when there are fewer examples than a batch takes, unless the
    /// rest is taken, or for a position outside the order.
    std::span<const index_t> next(OrderPosition& position, index_t batch, EpochRest rest = EpochRest::passed_over) {
        const bool take_rest = rest == EpochRest::taken && count_ > 0;
        require(batch > 0 && (batch <= count_ || take_rest), ErrorCode::invalid_argument, "order: a batch of ", batch, " out of ", count_,
                " examples");
        require(position.epoch >= 0 && position.index >= 0 && position.index <= count_, ErrorCode::invalid_argument, "order: the position (epoch ",
                position.epoch, ", example ", position.index, ") is outside ", count_, " examples");
        if (take_rest ? position.index == count_ : batch > count_ - position.index) position = {position.epoch + 1, 0};
        batch = std::min(batch, count_ - position.index);
        if (position.epoch != epoch_) {
            order_ = epoch_permutation(count_, seed_, position.epoch);
            epoch_ = position.epoch;
        }
        const auto examples = std::span<const index_t>(order_).subspan(static_cast<std::size_t>(position.index), static_cast<std::size_t>(batch));
        position.index += batch;
        return examples;
    }

private:
    index_t count_;
    std::uint64_t seed_;
    std::int64_t epoch_ = -1;  // whose order is at hand
    std::vector<index_t> order_;
};

}  // namespace tercet::inline TERCET_ABI
