// A priority queue of integers, smallest first, whose nodes have four children (Johnson 1975, d-heaps): half as deep as a binary heap, and the
// four lie in one cache line, which is what counts where the queue outgrows the caches.
#pragma once

#include "tercet/core/config.hpp"

#include <algorithm>
#include <vector>

namespace tercet::inline TERCET_ABI::detail::text {

class MinHeap {
public:
    bool empty() const { return values_.size() == first; }
    void clear() { values_.assign(first, 0); }

    /// Adds a value without keeping order; build() restores it.
    void append(std::uint64_t value) { values_.push_back(value); }
    void build() {
        for (std::size_t i = values_.size(); i-- > first;) sink(i, values_[i]);
    }

    void push(std::uint64_t value) {
        std::size_t at = values_.size();
        values_.push_back(value);
        for (; at > first; at = parent(at)) {
            const std::uint64_t above = values_[parent(at)];
            if (above <= value) break;
            values_[at] = above;
        }
        values_[at] = value;
    }

    /// Takes the smallest value out. There must be one.
    std::uint64_t pop() {
        const std::uint64_t smallest = values_[first], last = values_.back();
        values_.pop_back();
        if (!empty()) sink(first, last);
        return smallest;
    }

private:
    // The root is at 3, so that the children of i, 4 (i - 2) to 4 (i - 2) + 3, begin at a multiple of four.
    static constexpr std::size_t first = 3;
    static std::size_t parent(std::size_t i) { return i / 4 + 2; }

    void sink(std::size_t at, std::uint64_t value) {
        for (;;) {
            const std::size_t child = 4 * (at - 2);
            if (child >= values_.size()) break;
            std::size_t least = child;
            for (std::size_t i = child + 1; i < std::min(child + 4, values_.size()); ++i)
                if (values_[i] < values_[least]) least = i;
            if (values_[least] >= value) break;
            values_[at] = values_[least];
            at = least;
        }
        values_[at] = value;
    }

    std::vector<std::uint64_t> values_ = std::vector<std::uint64_t>(first);
};

}  // namespace tercet::inline TERCET_ABI::detail::text
