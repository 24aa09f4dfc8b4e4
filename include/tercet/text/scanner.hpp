// Scanners: the regular expressions that byte-level tokenizers cut words with, written out by hand.
//
//   GPT-2     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+                          (Radford et al. 2019)
//   cl100k    (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//             Llama 3 has the same; Qwen2 has \p{N} in place of \p{N}{1,3}.
//
// A scanner takes a position and gives the end of the match there. Both always match, so the words cover the text. Alternatives
// are tried in the order written, as a backtracking matcher does; only \s+(?!\S) and \s*[\r\n]+ ever give characters back.
#pragma once

#include "tercet/text/unicode.hpp"
#include "tercet/text/utf8.hpp"

#include <string_view>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

// What the expressions ask of a character.
enum class WordClass : std::uint8_t { letter, number, space, other };

constexpr WordClass word_class_of(char32_t c) {
    const auto flags = unicode::flags_of(c);
    return flags & unicode::letter   ? WordClass::letter
           : flags & unicode::number ? WordClass::number
           : flags & unicode::space  ? WordClass::space
                                     : WordClass::other;
}

struct ClassifiedStep {
    char32_t point = 0;
    std::uint32_t size = 0;
    WordClass kind = WordClass::other;
};

inline ClassifiedStep classify(std::string_view text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) return {byte, 1, word_class_of(byte)};  // past the decoder, which is no inline code
    const auto step = utf8_decode_valid(text, at);
    return {step.point, step.size, word_class_of(step.point)};
}

// The end of the run of one class from `at` on, at most `limit` characters.
inline std::size_t run_end(std::string_view text, std::size_t at, WordClass kind, std::size_t limit = ~std::size_t{0}) {
    for (; limit > 0 && at < text.size(); --limit) {
        const auto step = classify(text, at);
        if (step.kind != kind) break;
        at += step.size;
    }
    return at;
}

// The length of 's 't 'm 'd 're 've 'll at text[at] == '\'', or 0. Ignoring case, U+017F (long s) is an s.
inline std::size_t contraction(std::string_view text, std::size_t at, bool ignore_case) {
    const auto letter = [&](std::size_t i) {
        const char c = i < text.size() ? text[i] : '\0';
        return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    const char a = letter(at + 1), b = letter(at + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    if (ignore_case && text.substr(at + 1).starts_with("\xc5\xbf")) return 3;
    return 0;
}

// \s+(?!\S)|\s+ on the whitespace run [at, end): all of it at the end of the text, else all but its last character.
inline std::size_t space_end(std::string_view text, std::size_t at, std::size_t end) {
    if (end == text.size()) return end;
    const std::size_t last = utf8_previous(text, end);
    return last > at ? last : end;
}

}  // namespace detail::text

/// The end of the word of GPT-2's expression that begins at text[at]; the text is well formed and at is inside.
inline std::size_t scan_gpt2(std::string_view text, std::size_t at) {
    using detail::text::WordClass;
    if (text[at] == '\'') {
        if (const auto size = detail::text::contraction(text, at, false)) return at + size;
    }
    auto step = detail::text::classify(text, at);
    std::size_t begin = at;
    if (step.point == ' ' && at + 1 < text.size()) {
        const auto next = detail::text::classify(text, at + 1);
        if (next.kind != WordClass::space) {
            step = next;
            ++begin;
        }
    }
    const std::size_t end = detail::text::run_end(text, begin + step.size, step.kind);
    return step.kind == WordClass::space ? detail::text::space_end(text, at, end) : end;
}

/// The end of the word of the cl100k expression that begins at text[at]; `digits` is how many numbers make a word (3, or 1 for Qwen2).
inline std::size_t scan_cl100k(std::string_view text, std::size_t at, std::size_t digits) {
    using detail::text::WordClass;
    if (text[at] == '\'') {
        if (const auto size = detail::text::contraction(text, at, true)) return at + size;
    }
    const auto step = detail::text::classify(text, at);
    const std::size_t after = at + step.size;
    if (step.kind == WordClass::letter) return detail::text::run_end(text, after, WordClass::letter);
    if (step.kind == WordClass::number) return detail::text::run_end(text, after, WordClass::number, digits - 1);

    const auto next = after < text.size() ? detail::text::classify(text, after) : detail::text::ClassifiedStep{0, 0, WordClass::space};
    const bool line_break = step.point == '\r' || step.point == '\n';
    if (!line_break && next.kind == WordClass::letter) return detail::text::run_end(text, after + next.size, WordClass::letter);
    if (step.kind == WordClass::other || (step.point == ' ' && next.kind == WordClass::other)) {
        std::size_t end = detail::text::run_end(text, after, WordClass::other);
        while (end < text.size() && (text[end] == '\r' || text[end] == '\n')) ++end;
        return end;
    }
    const std::size_t end = detail::text::run_end(text, after, WordClass::space);
    for (std::size_t i = end; i > at; --i) {
        if (text[i - 1] == '\r' || text[i - 1] == '\n') return i;
    }
    return detail::text::space_end(text, at, end);
}

}  // namespace tercet::inline TERCET_ABI
