// A list's positions by the hash of their names, to find an entry among hundreds of thousands, and to see that no name stands there twice.
//
// The list stays in its own order, and the index holds positions, not pointers: both can be copied and moved. Names that were made to share their
// hashes would make each look-up as long as the list: then the positions are sorted by name instead.
#pragma once

#include "tercet/core/config.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI::detail {

class NameIndex {
public:
    /// Takes the positions of a list, whose entries' names `name_of_entry` gives. Returns a name that stands there twice, or null data if none does.
    template <class List, class Name>
    std::string_view build(const List& list, Name name_of_entry) {
        const auto name = [&](std::uint32_t i) { return std::string_view(name_of_entry(list[i])); };
        order_.clear();
        slots_.clear();
        if (list.size() <= few) {
            for (std::uint32_t i = 0; i < list.size(); ++i)
                for (std::uint32_t j = 0; j < i; ++j)
                    if (name(i) == name(j)) return twice(name(i));
            return {};
        }
        slots_.assign(std::bit_ceil(2 * list.size()), Slot{});
        for (std::uint32_t i = 0; i < list.size(); ++i) {
            const std::uint64_t hash = hash_of(name(i));
            std::size_t at = hash & (slots_.size() - 1), steps = 0;
            for (; slots_[at].position != no_position; at = (at + 1) & (slots_.size() - 1)) {
                if (slots_[at].hash == hash >> 32 && name(slots_[at].position) == name(i)) return twice(name(i));
                if (++steps == most_steps) return sort(list, name);
            }
            slots_[at] = {static_cast<std::uint32_t>(hash >> 32), i};
        }
        return {};
    }

    /// Whether nothing is stored, for want of names: an index that was never built finds the same.
    bool empty() const { return slots_.empty() && order_.empty(); }

    /// The entry of that name, or null. The list is the one that the index was built for.
    template <class List, class Name>
    auto find(const List& list, std::string_view key, Name name_of_entry) const -> decltype(list.data()) {
        const auto name = [&](const auto& entry) { return std::string_view(name_of_entry(entry)); };
        if (!order_.empty()) {
            const auto at =
                std::lower_bound(order_.begin(), order_.end(), key, [&](std::uint32_t i, std::string_view k) { return name(list[i]) < k; });
            return at != order_.end() && name(list[*at]) == key ? &list[*at] : nullptr;
        }
        if (slots_.empty()) {
            const auto at = std::find_if(list.begin(), list.end(), [&](const auto& entry) { return name(entry) == key; });
            return at == list.end() ? nullptr : &*at;
        }
        const std::uint64_t hash = hash_of(key);
        for (std::size_t at = hash & (slots_.size() - 1); slots_[at].position != no_position; at = (at + 1) & (slots_.size() - 1)) {
            if (slots_[at].hash == hash >> 32 && name(list[slots_[at].position]) == key) return &list[slots_[at].position];
        }
        return nullptr;
    }

private:
    static constexpr std::size_t few = 8;  // up to here the list itself is searched, and nothing stored
    static constexpr std::size_t most_steps = 128;
    static constexpr std::uint32_t no_position = 0xffffffff;

    struct Slot {
        std::uint32_t hash = 0, position = no_position;
    };

    static std::string_view twice(std::string_view name) { return name.data() != nullptr ? name : std::string_view(""); }

    // Eight bytes at a time, mixed by multiplication.
    static std::uint64_t hash_of(std::string_view name) {
        std::uint64_t hash = name.size() * 0x9e3779b97f4a7c15u;
        for (std::size_t i = 0; i < name.size(); i += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, name.data() + i, std::min<std::size_t>(8, name.size() - i));
            hash = (hash ^ word) * 0xd6e8feb86659fd93u;
            hash ^= hash >> 32;
        }
        return hash * 0x9e3779b97f4a7c15u;
    }

    template <class List, class Name>
    std::string_view sort(const List& list, const Name& name) {
        slots_.clear();
        order_.resize(list.size());
        std::iota(order_.begin(), order_.end(), 0u);
        std::sort(order_.begin(), order_.end(), [&](std::uint32_t x, std::uint32_t y) { return name(x) < name(y); });
        const auto found = std::adjacent_find(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) == name(b); });
        return found == order_.end() ? std::string_view() : twice(name(*found));
    }

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> order_;  // in place of the slots
};

}  // namespace tercet::inline TERCET_ABI::detail
