// Words and sentences of running text, for what counts, filters or changes them: corpus filters, shingles, augmentation.
//
//   word       a run of \w (letters, marks, numbers, _), with single apostrophes inside: don't, l’eau, snake_case, 3rd
//   sentence   up to . ! ? … and closing quotes or brackets that white space or the end of the text follows, to 。！？ wherever they stand,
//              or to a blank line
//
// Scripts without spaces (Chinese, Thai) make one word of a run of text: for those count characters. Abbreviations are not known, so "Dr. Who"
// makes two sentences. This is not how a model's tokenizer cuts its text: see text/pretokenizer.hpp.
#pragma once

#include "tercet/text/unicode.hpp"
#include "tercet/text/utf8.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

constexpr bool is_apostrophe(char32_t c) {
    return c == '\'' || c == U'\u2019';
}

// Characters that break a line (the Unicode Standard, section 5.8).
constexpr bool is_line_break(char32_t c) {
    return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

constexpr bool is_blank(char32_t c) {
    return is_space(c) && !is_line_break(c);
}

// The end of the run of characters for which p holds, from `at` on.
template <class P>
constexpr std::size_t end_of_run(std::string_view text, std::size_t at, P p) {
    while (at < text.size()) {
        const auto step = utf8_decode_valid(text, at);
        if (!p(step.point)) break;
        at += step.size;
    }
    return at;
}

// Where the run of characters for which p holds begins that ends at `end`.
template <class P>
constexpr std::size_t begin_of_run(std::string_view text, std::size_t end, P p) {
    while (end > 0) {
        const auto at = utf8_previous(text, end);
        if (!p(utf8_decode_valid(text, at).point)) break;
        end = at;
    }
    return end;
}

template <class P>
constexpr std::string_view trimmed(std::string_view text, P p) {
    text.remove_prefix(end_of_run(text, 0, p));
    return text.substr(0, begin_of_run(text, text.size(), p));
}

// The end of the word that begins at text[at], a \w character.
inline std::size_t word_end(std::string_view text, std::size_t at) {
    for (;;) {
        at = end_of_run(text, at, is_word);
        if (at == text.size()) return at;
        const auto step = utf8_decode_valid(text, at);
        const std::size_t after = at + step.size;
        if (!is_apostrophe(step.point) || after == text.size() || !is_word(utf8_decode_valid(text, after).point)) return at;
        at = after;
    }
}

// The text cut into words and what lies between them, without a check of its UTF-8; f(piece, whether it is a word).
template <class F>
void cut_words(std::string_view text, F&& f) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = end_of_run(text, at, [](char32_t c) { return !is_word(c); });
        if (begin > at) f(text.substr(at, begin - at), false);
        if (begin == text.size()) return;
        at = word_end(text, begin);
        f(text.substr(begin, at - begin), true);
    }
}

// What white space separates; f(chunk).
template <class F>
void cut_chunks(std::string_view text, F&& f) {
    for (std::size_t at = 0;;) {
        const std::size_t begin = end_of_run(text, at, is_space);
        if (begin == text.size()) return;
        at = end_of_run(text, begin, [](char32_t c) { return !is_space(c); });
        f(text.substr(begin, at - begin));
    }
}

constexpr bool is_closing(char32_t c) {
    return c == '"' || c == '\'' || c == ')' || c == ']' || c == '}' || c == U'\u201d' || c == U'\u2019' || c == U'\u00bb' || c == U'\u300d' ||
           c == U'\u300f' || c == U'\uff09';
}

// Marks that end a sentence: of any script, before white space; and those of scripts that put no space after them.
constexpr bool is_full_width_end(char32_t c) {
    return c == U'\u3002' || c == U'\uff01' || c == U'\uff1f';
}
constexpr bool is_sentence_end(char32_t c) {
    return c == '.' || c == '!' || c == '?' || c == U'\u2026' || c == U'\u061f' || c == U'\u06d4' || c == U'\u0964' || is_full_width_end(c);
}

// Sentences and the white space between and around them; f(piece, whether it is a sentence).
template <class F>
void cut_sentences(std::string_view text, F&& f) {
    std::size_t begin = 0;  // of the sentence in progress
    for (std::size_t at = 0; at < text.size();) {
        const auto step = utf8_decode_valid(text, at);
        std::size_t end = at;
        bool ends = false;
        if (is_space(step.point)) {
            at = end_of_run(text, at, is_space);
            int breaks = 0;
            for (std::size_t i = end; i < at && breaks < 2;) {
                const auto c = utf8_decode_valid(text, i);
                breaks += is_line_break(c.point) && !text.substr(i).starts_with("\r\n");
                i += c.size;
            }
            if (begin == end || breaks == 2 || at == text.size()) {
                if (end > begin) f(text.substr(begin, end - begin), true);
                f(text.substr(end, at - end), false);
                begin = at;
            }
            continue;
        }
        at += step.size;
        if (is_sentence_end(step.point)) {
            bool wide = is_full_width_end(step.point);
            at = end_of_run(text, at, [&](char32_t c) {
                wide = wide || is_full_width_end(c);
                return is_sentence_end(c) || is_closing(c);
            });
            ends = wide || at == text.size() || is_space(utf8_decode_valid(text, at).point);
        }
        if (ends || at == text.size()) {
            f(text.substr(begin, at - begin), true);
            begin = at;
        }
    }
}

// Calls f(point, its bytes) for each character of a well-formed text.
template <class F>
void for_each_point(std::string_view text, F&& f) {
    for (std::size_t i = 0; i < text.size();) {
        const auto step = utf8_decode_valid(text, i);
        f(step.point, text.substr(i, step.size));
        i += step.size;
    }
}

// Well-formed text in lower case.
inline std::string lowercased(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for_each_point(text, [&](char32_t c, std::string_view) {
        const auto lowered = to_lower(c);
        utf8_append(out, lowered.first);
        if (lowered.second) utf8_append(out, lowered.second);
    });
    return out;
}

// Puts words and what lies between them together again, leaving some words out: with a word goes the space before it, or after it where none
// is before. So "a (b) c, d" without b and c is "a (), d".
class WordRemover {
public:
    void keep(std::string_view piece) {
        if (skip_blanks_) piece.remove_prefix(end_of_run(piece, 0, is_blank));
        skip_blanks_ = false;
        out_ += piece;
    }
    void drop() {
        const auto size = begin_of_run(out_, out_.size(), is_blank);
        skip_blanks_ = size == out_.size();
        out_.resize(size);
    }
    std::string finish() { return std::move(out_); }

private:
    std::string out_;
    bool skip_blanks_ = false;
};

}  // namespace detail::text

/// The words of a text, as views into it: it must outlive them. Throws bad_text when it is not UTF-8.
inline std::vector<std::string_view> words_of(std::string_view text) {
    require_utf8(text, "words_of");
    std::vector<std::string_view> out;
    detail::text::cut_words(text, [&](std::string_view piece, bool word) {
        if (word) out.push_back(piece);
    });
    return out;
}

/// The sentences of a text without the white space around them, as views into it: it must outlive them. Throws bad_text when it is not UTF-8.
inline std::vector<std::string_view> sentences_of(std::string_view text) {
    require_utf8(text, "sentences_of");
    std::vector<std::string_view> out;
    detail::text::cut_sentences(text, [&](std::string_view piece, bool sentence) {
        if (sentence) out.push_back(piece);
    });
    return out;
}

/// A word as one compares it: its case folded, and ' for ’. The word is well-formed UTF-8.
inline std::string fold_word(std::string_view word) {
    std::string out;
    out.reserve(word.size());
    for (std::size_t i = 0; i < word.size();) {
        const auto step = utf8_decode_valid(word, i);
        i += step.size;
        fold_case(detail::text::is_apostrophe(step.point) ? U'\'' : step.point, [&](char32_t c) { utf8_append(out, c); });
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
