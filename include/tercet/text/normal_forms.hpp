// The Unicode forms NFC, NFD, NFKC and NFKD (UAX #15), as changes to a list of characters that know where they came from.
//
// Origins follow the rules of the Hugging Face library, since its offsets are what a user compares with: a character that
// replaces another has that one's origin, an inserted character has the origin of the one consumed before it, and a removed
// character leaves no trace. Each step is therefore a list of (character, change): 0 replaces, 1 inserts, -n replaces and drops n.
#pragma once

#include "tercet/text/normalized_text.hpp"
#include "tercet/text/unicode.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

struct AlignedChar {
    char32_t point;
    Span from;
};

struct Change {
    char32_t point;
    int change;  // 0 replaces, 1 inserts, -n replaces and drops the n that follow
};

// The new characters with their origins.
inline std::vector<AlignedChar> transform(const std::vector<AlignedChar>& in, const std::vector<Change>& changes, Span before) {
    std::vector<AlignedChar> out;
    out.reserve(changes.size());
    std::size_t at = 0;
    for (const auto& [point, change] : changes) {
        if (change > 0) {
            out.push_back({point, at > 0 && at <= in.size() ? in[at - 1].from : before});
        } else {
            out.push_back({point, at < in.size() ? in[at].from : before});
            at += 1 + static_cast<std::size_t>(-change);
        }
    }
    return out;
}

// NFD or NFKD as a list of changes: marks sorted by class, the changes travelling with them.
inline std::vector<Change> decompose_changes(const std::vector<AlignedChar>& in, bool compatible) {
    struct Mark {
        Change change;
        std::uint32_t combining;
    };
    std::vector<Change> out;
    std::vector<Mark> pending;
    out.reserve(in.size());
    const auto flush = [&] {
        std::stable_sort(pending.begin(), pending.end(), [](const Mark& a, const Mark& b) { return a.combining < b.combining; });
        for (const auto& mark : pending) out.push_back(mark.change);
        pending.clear();
    };
    for (const auto& c : in) {
        int change = 0;
        const auto emit = [&](char32_t point) {
            const auto combining = combining_class(point);
            if (combining == 0) {
                flush();
                out.push_back({point, change});
            } else {
                pending.push_back({{point, change}, combining});
            }
            change = 1;
        };
        if (compatible) decompose_compatible(c.point, emit);
        else decompose_canonical(c.point, emit);
    }
    flush();
    return out;
}

// NFC or NFKC from the decomposed changes (UAX #15, section 3.11): a starter takes each later mark that nothing blocks.
inline std::vector<Change> compose_changes(const std::vector<Change>& in) {
    std::vector<Change> out, marks;
    bool have_starter = false;
    Change starter{};
    std::uint32_t last_class = 0;  // of the last mark kept between the starter and here; 0 when none was
    const auto flush = [&] {
        out.insert(out.end(), marks.begin(), marks.end());
        marks.clear();
        last_class = 0;
    };
    for (const auto& c : in) {
        const auto combining = combining_class(c.point);
        if (!have_starter) {
            if (combining != 0) {
                out.push_back(c);
            } else {
                starter = c;
                have_starter = true;
            }
            continue;
        }
        const bool blocked = !marks.empty() && last_class >= combining;
        if (const char32_t composed = blocked ? 0 : compose(starter.point, c.point)) {
            starter = {composed, starter.change + c.change - 1};
        } else if (combining == 0) {
            out.push_back(starter);
            flush();
            starter = c;
        } else {
            marks.push_back(c);
            last_class = combining;
        }
    }
    if (have_starter) out.push_back(starter);
    flush();
    return out;
}

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
