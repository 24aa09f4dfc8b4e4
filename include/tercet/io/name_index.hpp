// A list's positions sorted by name, to find an entry among hundreds of thousands, and to see that no name stands there twice.
//
// The list stays in its own order, and the index holds positions, not pointers: both can be copied and moved.
#pragma once

#include "tercet/core/config.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI::detail {

class NameIndex {
public:
    /// Sorts the positions of a list, whose entries' names `name_of_entry` gives. Returns a name that stands there twice, or null data if none does.
    template <class List, class Name>
    std::string_view build(const List& list, Name name_of_entry) {
        const auto name = [&](std::uint32_t i) { return std::string_view(name_of_entry(list[i])); };
        order_.clear();
        if (list.size() <= few) {
            for (std::uint32_t i = 0; i < list.size(); ++i)
                for (std::uint32_t j = 0; j < i; ++j)
                    if (name(i) == name(j)) return twice(name(i));
            return {};
        }
        order_.resize(list.size());
        std::iota(order_.begin(), order_.end(), 0u);
        std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
        const auto found = std::adjacent_find(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) == name(b); });
        return found == order_.end() ? std::string_view() : twice(name(*found));
    }

    /// The entry of that name, or null. The list is the one that the index was built for.
    template <class List, class Name>
    auto find(const List& list, std::string_view key, Name name_of_entry) const -> decltype(list.data()) {
        const auto name = [&](const auto& entry) { return std::string_view(name_of_entry(entry)); };
        if (order_.empty()) {
            const auto at = std::find_if(list.begin(), list.end(), [&](const auto& entry) { return name(entry) == key; });
            return at == list.end() ? nullptr : &*at;
        }
        const auto at = std::lower_bound(order_.begin(), order_.end(), key, [&](std::uint32_t i, std::string_view k) { return name(list[i]) < k; });
        return at != order_.end() && name(list[*at]) == key ? &list[*at] : nullptr;
    }

private:
    static constexpr std::size_t few = 8;  // up to here the list itself is searched, and nothing stored

    static std::string_view twice(std::string_view name) { return name.data() != nullptr ? name : std::string_view(""); }

    std::vector<std::uint32_t> order_;
};

}  // namespace tercet::inline TERCET_ABI::detail
