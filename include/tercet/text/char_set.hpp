// Sets of code points, as a regular expression's character classes name them: ranges, general categories, scripts, \s \d \w.
//
// A set is a sorted list of disjoint ranges, so union, intersection and complement are one pass each. Categories and scripts are those
// of Unicode 16, as the expressions of published tokenizers see them (scripts/make_category_tables.py).
#pragma once

#include "tercet/text/category_tables.hpp"
#include "tercet/text/unicode.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// Code points first … last, both inside.
struct CharRange {
    char32_t first, last;
    friend constexpr bool operator==(CharRange, CharRange) = default;
};

class CharSet {
public:
    CharSet() = default;
    CharSet(std::initializer_list<CharRange> ranges) : ranges_(ranges) { normalize(); }
    explicit CharSet(std::vector<CharRange> ranges) : ranges_(std::move(ranges)) { normalize(); }

    const std::vector<CharRange>& ranges() const { return ranges_; }
    bool empty() const { return ranges_.empty(); }

    bool contains(char32_t c) const {
        const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c, [](char32_t p, const CharRange& r) { return p < r.first; });
        return after != ranges_.begin() && c <= std::prev(after)->last;
    }

    CharSet& operator|=(const CharSet& other) {
        ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
        normalize();
        return *this;
    }
    friend CharSet operator|(CharSet a, const CharSet& b) { return a |= b; }
    friend CharSet operator&(const CharSet& a, const CharSet& b) { return ~(~a | ~b); }
    friend CharSet operator~(const CharSet& set) {
        CharSet out;
        char32_t next = 0;
        for (const auto& range : set.ranges_) {
            if (range.first > next) out.ranges_.push_back({next, range.first - 1});
            next = range.last + 1;
        }
        if (next <= 0x10ffff) out.ranges_.push_back({next, 0x10ffff});
        return out;
    }
    friend bool operator==(const CharSet&, const CharSet&) = default;

private:
    void normalize() {
        std::sort(ranges_.begin(), ranges_.end(), [](const CharRange& a, const CharRange& b) { return a.first < b.first; });
        std::size_t kept = 0;
        for (const auto range : ranges_) {
            if (kept > 0 && range.first <= ranges_[kept - 1].last + 1) ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, range.last);
            else ranges_[kept++] = range;
        }
        ranges_.resize(kept);
    }

    std::vector<CharRange> ranges_;
};

namespace detail::text {

// The points whose entry in a table of "point << bits | value" satisfies a condition on the value.
template <std::size_t N, class Wanted>
CharSet set_of_runs(const std::uint32_t (&starts)[N], int bits, Wanted wanted) {
    std::vector<CharRange> out;
    for (std::size_t i = 0; i < N; ++i) {
        if (!wanted(starts[i] & ((1u << bits) - 1))) continue;
        const auto last = i + 1 < N ? (starts[i + 1] >> bits) - 1 : 0x10ffff;
        out.push_back({static_cast<char32_t>(starts[i] >> bits), static_cast<char32_t>(last)});
    }
    return CharSet(std::move(out));
}

inline CharSet set_of_flag(std::uint32_t flag) {
    return set_of_runs(unicode::class_starts, unicode::flag_bits, [flag](std::uint32_t flags) { return (flags & flag) != 0; });
}

}  // namespace detail::text

/// What a regular expression's class s is: White_Space.
inline CharSet space_set() {
    return detail::text::set_of_flag(detail::unicode::space);
}

/// What the class w is in Oniguruma: letters, marks, decimal and letter numbers, connector punctuation, circled letters; not the joiners U+200C and
/// U+200D, which the Whitespace step counts in. `in_class` is how it reads within brackets: without the superscripts and fractions of Latin-1.
inline CharSet word_set(bool in_class) {
    auto out = detail::text::set_of_flag(detail::unicode::word) & ~CharSet{{0x200c, 0x200d}};
    return in_class ? out : out | CharSet{{0xb2, 0xb3}, {0xb9, 0xb9}, {0xbc, 0xbe}};
}

/// The set that a property (p and its name in braces) names: a general category ("Lu"), a group of them ("L", "Letter") or a script ("Han"). Spaces,
/// hyphens, underscores and case are ignored, as UAX #44 says (section 5.9.3). Nothing when no property here has that name.
inline std::optional<CharSet> property_set(std::string_view name) {
    const auto plain = [](std::string_view text) {
        std::string out;
        for (const char c : text) {
            if (c != ' ' && c != '_' && c != '-') out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
        }
        return out;
    };
    auto wanted = plain(name);
    constexpr std::string_view groups[][2] = {{"letter", "l"},      {"mark", "m"},   {"number", "n"},
                                              {"punctuation", "p"}, {"symbol", "s"}, {"separator", "z"}};
    for (const auto& [full, brief] : groups) {
        if (wanted == full) wanted = brief;
    }
    if (wanted.size() == 1 || wanted.size() == 2) {
        std::uint32_t mask = 0;
        for (std::size_t i = 0; i < std::size(detail::unicode::category_names); ++i) {
            if (plain(detail::unicode::category_names[i]).starts_with(wanted)) mask |= 1u << i;
        }
        if (mask != 0)
            return detail::text::set_of_runs(detail::unicode::category_starts, 5, [mask](std::uint32_t c) { return (mask >> c & 1) != 0; });
    }
    for (std::size_t i = 0; i < std::size(detail::unicode::script_names); ++i) {
        if (plain(detail::unicode::script_names[i]) != wanted) continue;
        std::vector<CharRange> out;
        for (const auto& run : detail::unicode::script_runs) {
            if (run.script == i) out.push_back({static_cast<char32_t>(run.first), static_cast<char32_t>(run.last)});
        }
        return CharSet(std::move(out));
    }
    return std::nullopt;
}

}  // namespace tercet::inline TERCET_ABI
