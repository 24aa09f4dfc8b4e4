// Unicode properties of code points: general category groups, lower-casing, decomposition and composition (UAX #15, #44).
//
// Several versions of Unicode live here on purpose, since the tokenizers that models were trained with disagree: see
// scripts/make_unicode_tables.py, which writes the tables. ASCII is looked up directly, everything else by binary search.
#pragma once

#include "tercet/text/unicode_tables.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace tercet::inline TERCET_ABI {

namespace detail::unicode {

constexpr std::uint32_t search_flags(char32_t point) {
    const auto key = static_cast<std::uint32_t>(point) << flag_bits | ((1u << flag_bits) - 1);
    return *(std::upper_bound(std::begin(class_starts), std::end(class_starts), key) - 1) & ((1u << flag_bits) - 1);
}

constexpr auto make_low_flags() {
    std::array<std::uint16_t, 0x80> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint16_t>(search_flags(static_cast<char32_t>(i)));
    return out;
}

inline constexpr auto low_flags = make_low_flags();

constexpr std::uint32_t flags_of(char32_t point) {
    if (point < 0x80) return low_flags[point];
    if (point >= 0x4e00 && point <= 0x9fff) return letter | word;  // the ideographs: one run, and often all that a text has
    if (point > 0x10ffff) return 0;
    return search_flags(point);
}

// Hangul syllables decompose by arithmetic (the Unicode Standard, section 3.12).
inline constexpr char32_t hangul_base = 0xac00, lead_base = 0x1100, vowel_base = 0x1161, tail_base = 0x11a7;
inline constexpr char32_t vowel_count = 21, tail_count = 28, syllable_count = 11172;

}  // namespace detail::unicode

// Categories as the regular expressions of pre-tokenizers see them: \p{L}, \p{N}, \p{M}, \p{P}, \p{S}, \s, \w.
constexpr bool is_letter(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::letter;
}
constexpr bool is_number(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::number;
}
constexpr bool is_mark(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::mark;
}
constexpr bool is_punctuation(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::punctuation;
}
constexpr bool is_symbol(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::symbol;
}
constexpr bool is_space(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::space;
}
constexpr bool is_word(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::word;
}

/// Numeric as the Digits pre-tokenizer has it: the category N and the numbers that Unicode 17 added.
constexpr bool is_numeric(char32_t c) {
    return is_number(c) || (c >= 0x11de0 && c <= 0x11de9) || (c >= 0x16ff4 && c <= 0x16ff6);
}

// Categories as BERT's steps see them.
constexpr bool is_bert_punctuation(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::bert_punctuation;
}
constexpr bool is_bert_nonspacing(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::bert_nonspacing;
}
constexpr bool is_bert_control(char32_t c) {
    return c != '\t' && c != '\n' && c != '\r' && (detail::unicode::flags_of(c) & detail::unicode::bert_other);
}

/// The ideographs that BERT sets apart with spaces: blocks of CJK characters, without kana and Hangul.
constexpr bool is_cjk_ideograph(char32_t c) {
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) ||
           (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

/// A mark that StripAccents removes.
constexpr bool is_combining_mark(char32_t c) {
    return detail::unicode::flags_of(c) & detail::unicode::mark9;
}

/// The lower-case form; `second` is 0 but for U+0130, which becomes i and U+0307.
struct Lowered {
    char32_t first, second;
};

constexpr Lowered to_lower(char32_t c) {
    if (c < 0x80) return {c >= 'A' && c <= 'Z' ? c + 32 : c, 0};
    if (c == 0x130) return {'i', 0x307};
    using namespace detail::unicode;
    const auto key = static_cast<std::uint32_t>(c);
    const auto* run =
        std::upper_bound(std::begin(lower_runs), std::end(lower_runs), key, [](std::uint32_t k, const CaseRun& r) { return k < r.first; });
    if (run == std::begin(lower_runs)) return {c, 0};
    --run;
    if (key > run->last || (key - run->first) % run->step != 0) return {c, 0};
    return {static_cast<char32_t>(static_cast<std::int64_t>(key) + run->delta), 0};
}

/// Calls emit(point) for each character of c's full case folding, by which texts are compared without regard to case (the Unicode Standard, section
/// 3.13, toCasefold): ß becomes ss.
template <class Emit>
constexpr void fold_case(char32_t c, Emit&& emit) {
    using namespace detail::unicode;
    const auto key = static_cast<std::uint32_t>(c);
    const auto* entry =
        std::lower_bound(std::begin(fold_entries), std::end(fold_entries), key, [](const FoldEntry& e, std::uint32_t k) { return e.point < k; });
    if (c >= 0x80 && entry != std::end(fold_entries) && entry->point == key) {
        for (const auto to : entry->to)
            if (to) emit(static_cast<char32_t>(to));
        return;
    }
    const auto lowered = to_lower(c);
    emit(lowered.first);
    if (lowered.second) emit(lowered.second);
}

/// The canonical combining class (0 for a starter).
constexpr std::uint32_t combining_class(char32_t c) {
    if (c < 0x300) return 0;
    using namespace detail::unicode;
    const auto key = static_cast<std::uint32_t>(c);
    const auto* run = std::upper_bound(std::begin(combining_runs), std::end(combining_runs), key,
                                       [](std::uint32_t k, const CombiningRun& r) { return k < r.first; });
    if (run == std::begin(combining_runs)) return 0;
    --run;
    return key <= run->last ? run->combining_class : 0;
}

namespace detail::unicode {

constexpr const Decomposition* find_decomposition(char32_t c) {
    const auto key = static_cast<std::uint32_t>(c);
    const auto* entry = std::lower_bound(std::begin(decompositions), std::end(decompositions), key,
                                         [](const Decomposition& d, std::uint32_t k) { return d.point < k; });
    return entry != std::end(decompositions) && entry->point == key ? entry : nullptr;
}

// Where each entry's characters begin in the pool: the running sum of the lengths.
constexpr auto make_compatibility_offsets() {
    std::array<std::uint16_t, std::size(compatibility)> out{};
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::uint16_t>(sum);
        sum += compatibility[i] & 0x7ff;
    }
    return out;
}

inline constexpr auto compatibility_offsets = make_compatibility_offsets();

}  // namespace detail::unicode

/// Calls emit(point) for each character of c's full canonical decomposition, c itself when it has none.
template <class Emit>
constexpr void decompose_canonical(char32_t c, Emit&& emit) {
    using namespace detail::unicode;
    if (c < 0xc0) return emit(c);
    if (c >= hangul_base && c < hangul_base + syllable_count) {
        const char32_t index = c - hangul_base, tail = index % tail_count;
        emit(lead_base + index / (vowel_count * tail_count));
        emit(vowel_base + index % (vowel_count * tail_count) / tail_count);
        if (tail) emit(tail_base + tail);
        return;
    }
    // Only the first character of a decomposition decomposes further, so walking down gives the rest in reverse.
    char32_t rest[4] = {};
    std::size_t count = 0;
    const Decomposition* entry = find_decomposition(c);
    while (entry) {
        if (entry->second && count < 4) rest[count++] = static_cast<char32_t>(entry->second);
        c = static_cast<char32_t>(entry->first);
        entry = find_decomposition(c);
    }
    emit(c);
    while (count > 0) emit(rest[--count]);
}

/// Calls emit(point) for each character of c's full compatibility decomposition.
template <class Emit>
constexpr void decompose_compatible(char32_t c, Emit&& emit) {
    using namespace detail::unicode;
    if (c < 0xa0) return emit(c);
    const auto key = static_cast<std::uint32_t>(c);
    const auto* entry = std::lower_bound(std::begin(compatibility), std::end(compatibility), key << 11);
    if (entry == std::end(compatibility) || *entry >> 11 != key) return decompose_canonical(c, emit);
    const auto offset = compatibility_offsets[static_cast<std::size_t>(entry - std::begin(compatibility))];
    for (std::uint32_t i = 0; i < (*entry & 0x7ff); ++i) emit(static_cast<char32_t>(compatibility_pool[offset + i]));
}

/// The character that a and b compose to, or 0.
constexpr char32_t compose(char32_t a, char32_t b) {
    using namespace detail::unicode;
    if (b < 0x300) return 0;
    if (a >= lead_base && a < lead_base + 19 && b >= vowel_base && b < vowel_base + vowel_count)
        return hangul_base + ((a - lead_base) * vowel_count + (b - vowel_base)) * tail_count;
    if (a >= hangul_base && a < hangul_base + syllable_count && (a - hangul_base) % tail_count == 0 && b > tail_base && b < tail_base + tail_count)
        return a + (b - tail_base);
    const auto first = static_cast<std::uint32_t>(a), second = static_cast<std::uint32_t>(b);
    const auto* entry = std::lower_bound(std::begin(compositions), std::end(compositions), 0, [&](std::uint16_t index, int) {
        const auto& d = decompositions[index];
        return d.first != first ? d.first < first : d.second < second;
    });
    if (entry == std::end(compositions)) return 0;
    const auto& d = decompositions[*entry];
    return d.first == first && d.second == second ? static_cast<char32_t>(d.point) : 0;
}

}  // namespace tercet::inline TERCET_ABI
