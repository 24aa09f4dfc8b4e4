// Grapheme clusters: what a reader takes for one character, which may be several code points (UAX #29, section 3, extended clusters).
//
//   e + U+0301 → é      family = man ZWJ woman ZWJ girl      flags are pairs of regional indicators      ᄀ + ᅡ + ᆨ → 각
//
// A cluster is walked with a small state: the class of the last character, whether a pictograph and its modifiers stand before a joiner (rule
// GB11), how many regional indicators in a row there are (GB12, 13), and whether an Indic consonant was followed by a linker (GB9c).
#pragma once

#include "tercet/text/segmentation_tables.hpp"
#include "tercet/text/utf8.hpp"

#include <algorithm>
#include <iterator>

namespace tercet::inline TERCET_ABI {

namespace detail::unicode {

template <std::size_t N>
constexpr std::uint32_t run_value(const SegmentationRun (&runs)[N], char32_t point) {
    const auto key = static_cast<std::uint32_t>(point);
    const auto* run = std::upper_bound(std::begin(runs), std::end(runs), key, [](std::uint32_t k, const SegmentationRun& r) { return k < r.first; });
    return run != std::begin(runs) && key <= (run - 1)->last ? (run - 1)->value : 0;
}

// Hangul syllables are of two classes: with and without a tail.
constexpr bool is_hangul_syllable(char32_t c) {
    return c >= 0xac00 && c <= 0xd7a3;
}

constexpr GraphemeClass grapheme_class(char32_t c) {
    if (c >= 0x20 && c < 0x7f) return GraphemeClass::other;
    if (is_hangul_syllable(c)) return (c - 0xac00) % 28 == 0 ? GraphemeClass::vowel : GraphemeClass::tail;  // as what may follow it
    return static_cast<GraphemeClass>(run_value(grapheme_runs, c));
}

// Walks one cluster: joins(c) says whether c belongs to the characters so far.
class GraphemeWalker {
public:
    constexpr explicit GraphemeWalker(char32_t first) { take(first, grapheme_class(first)); }

    constexpr bool joins(char32_t c) {
        using enum GraphemeClass;
        const auto next = grapheme_class(c);
        const bool extends = next == extend || next == extend_only || next == linker || next == joiner;
        const bool syllable = is_hangul_syllable(c);
        bool join = false;
        if (previous_ == cr) join = next == lf;                                          // GB3
        else if (is_break(previous_) || is_break(next)) join = false;                    // GB4, GB5
        else if (extends || next == spacing || previous_ == prepend) join = true;        // GB9, GB9a, GB9b
        else if (syllable) join = previous_ == lead;                                     // GB6
        else if (next == lead) join = previous_ == lead;                                 // GB6
        else if (next == vowel) join = previous_ == lead || previous_ == vowel;          // GB6, GB7
        else if (next == tail) join = previous_ == vowel || previous_ == tail;           // GB7, GB8
        else if (next == pictographic) join = pictograph_ && previous_ == joiner;        // GB11
        else if (next == consonant) join = consonant_ && linked_;                        // GB9c
        else if (next == regional) join = previous_ == regional && regionals_ % 2 == 1;  // GB12, GB13
        if (join) take(c, next);
        return join;
    }

private:
    static constexpr bool is_break(GraphemeClass c) { return c == GraphemeClass::cr || c == GraphemeClass::lf || c == GraphemeClass::control; }

    constexpr void take(char32_t, GraphemeClass next) {
        using enum GraphemeClass;
        const bool indic = next == extend || next == linker || next == joiner;  // InCB is Extend or Linker
        pictograph_ = next == pictographic || (pictograph_ && (next == extend || next == extend_only || next == linker || next == joiner));
        linked_ = next == linker || (linked_ && indic);
        consonant_ = next == consonant || (consonant_ && indic);
        if (next == consonant) linked_ = false;
        regionals_ = next == regional ? regionals_ + 1 : 0;
        previous_ = next;
    }

    GraphemeClass previous_ = GraphemeClass::other;
    bool pictograph_ = false, consonant_ = false, linked_ = false;
    std::uint32_t regionals_ = 0;
};

}  // namespace detail::unicode

/// Where the grapheme cluster that begins at text[at] ends; the text is well formed and `at` is inside.
constexpr std::size_t grapheme_end(std::string_view text, std::size_t at) {
    const auto first = utf8_decode_valid(text, at);
    at += first.size;
    // Two ASCII characters are two clusters, but for a line's end.
    if (at < text.size() && first.point < 0x80 && first.point != '\r' && static_cast<unsigned char>(text[at]) < 0x80) return at;
    detail::unicode::GraphemeWalker walker(first.point);
    while (at < text.size()) {
        const auto step = utf8_decode_valid(text, at);
        if (!walker.joins(step.point)) break;
        at += step.size;
    }
    return at;
}

/// Grapheme clusters in well-formed text.
constexpr std::size_t grapheme_count(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++count) at = grapheme_end(text, at);
    return count;
}

}  // namespace tercet::inline TERCET_ABI
