// Cleaning a text before a model learns from it: one Unicode form, one kind of line break, no characters that nobody sees, tidy white space;
// on demand also HTML, quotation marks and dashes, addresses, capitals. The steps, in this order, each an option:
//
//   malformed UTF-8 → HTML → line breaks, control and invisible characters → Unicode form (UAX #15), lower case → ASCII punctuation
//   → URLs and e-mail addresses → white space
//
// Each step takes time that grows with the text's length alone, but for the sorting of combining marks (n log n of a run of n). A text that is
// clean stays as it is: cleaning twice gives the same (not so with `html`, where "&amp;lt;" holds another reference).
#pragma once

#include "tercet/text/html.hpp"
#include "tercet/text/normalizer.hpp"
#include "tercet/text/words.hpp"

#include <optional>

namespace tercet::inline TERCET_ABI {

enum class UnicodeForm : std::uint8_t { none, nfc, nfkc };

struct CleanOptions {
    bool replace_invalid = false;         // each malformed part becomes U+FFFD; else malformed text is refused
    bool html = false;                    // strip_html
    bool newlines = true;                 // \r\n, \r, \v, \f, U+0085, U+2028, U+2029 become \n
    bool controls = true;                 // control characters go, but for tabs and line breaks
    bool invisible = true;                // zero-width and formatting characters go: U+200B, U+FEFF, U+00AD, directions, tags, …
    bool joiners = false;                 // U+200C and U+200D go too; Persian, Indic scripts and emoji are spelt with them
    UnicodeForm form = UnicodeForm::nfc;  // nfkc also unifies full-width letters, ligatures, superscripts
    bool lowercase = false;
    bool ascii_punctuation = false;          // “ ” ‘ ’ « » – — … become " ' - ... and so on
    std::optional<std::string> urls = {};    // what stands for http://…, https://…, ftp://… and www.…
    std::optional<std::string> emails = {};  // what stands for name@host.tld
    bool spaces = true;                      // a run of white space becomes one space, or line breaks where it has some; none at the ends
    std::size_t max_newlines = 2;            // with `spaces`: most line breaks in a row (2: paragraphs stay, 0: the text becomes one line)
};

namespace detail::text {

// Characters without a glyph of their own: soft hyphen, zero-width spaces, directions, invisible operators, annotation marks, tags.
constexpr bool is_invisible(char32_t c) {
    return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

constexpr bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

// What stands for a typographic character in ASCII; empty for others.
constexpr std::string_view ascii_punctuation_of(char32_t c) {
    if ((c >= 0x2018 && c <= 0x201b) || c == 0x2032 || c == 0x2039 || c == 0x203a || c == 0x2bc) return "'";
    if ((c >= 0x201c && c <= 0x201f) || c == 0x2033 || c == 0xab || c == 0xbb) return "\"";
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return "-";
    return c == 0x2026 ? "..." : "";
}

inline std::string without_invisible(std::string_view text, const CleanOptions& options) {
    std::string out;
    out.reserve(text.size());
    const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        while (at < text.size() && is_plain(text[at])) ++at;
        out += text.substr(begin, at - begin);
        if (at == text.size()) break;
        const auto [c, size, valid] = utf8_decode_valid(text, at);
        const std::size_t here = std::exchange(at, at + size);
        if (options.newlines && is_line_break(c)) {
            if (c != '\n' || here == 0 || text[here - 1] != '\r') out += '\n';
            continue;
        }
        if (options.controls && is_control(c) && c != '\t' && !is_line_break(c)) continue;
        if (options.invisible && is_invisible(c)) continue;
        if (options.joiners && (c == 0x200c || c == 0x200d)) continue;
        out += text.substr(here, size);
    }
    return out;
}

// Normalizes; what is below U+0300 is in NFC, what is ASCII in NFKC.
inline std::string in_form(std::string text, UnicodeForm form) {
    const unsigned char first_affected = form == UnicodeForm::nfc ? 0xcc : 0x80;  // the first byte of U+0300
    if (form == UnicodeForm::none || std::none_of(text.begin(), text.end(), [&](char c) { return static_cast<unsigned char>(c) >= first_affected; }))
        return text;
    return Normalizer({{.kind = form == UnicodeForm::nfc ? NormalizerKind::nfc : NormalizerKind::nfkc}}).apply(text).text;
}

inline std::string with_ascii_punctuation(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for_each_point(text, [&](char32_t c, std::string_view bytes) {
        const auto ascii = c < 0x80 ? std::string_view() : ascii_punctuation_of(c);
        out += ascii.empty() ? bytes : ascii;
    });
    return out;
}

// White space as the options have it.
inline std::string with_tidy_spaces(std::string_view text, std::size_t max_newlines) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = end_of_run(text, at, is_space);
        if (begin == text.size()) break;
        if (begin > at && !out.empty()) {
            std::size_t breaks = 0;
            for_each_point(text.substr(at, begin - at), [&, before = char32_t{0}](char32_t c, std::string_view) mutable {
                breaks += is_line_break(c) && !(c == '\n' && before == '\r');
                before = c;
            });
            if (breaks == 0 || max_newlines == 0) out += ' ';
            else out.append(std::min(breaks, max_newlines), '\n');
        }
        at = end_of_run(text, begin, [](char32_t c) { return !is_space(c); });
        out += text.substr(begin, at - begin);
    }
    return out;
}

constexpr bool is_ascii_alnum(char c) {
    return is_ascii_letter(c) || (c >= '0' && c <= '9');
}

// Finds addresses from left to right. A URL is a scheme or www. and what follows without white space, < > " and foreign punctuation; marks that
// rather belong to the sentence do not end one, nor does a bracket that it does not open (as GitHub's Markdown has it, section 6.9). An e-mail
// address is that of RFC 5321's length limits with letters, digits and . _ % + - before the @, and a host of two labels or more.
class AddressReplacer {
public:
    AddressReplacer(std::string_view text, const CleanOptions& options) : text_(text), options_(options) {}

    std::string replace() {
        out_.reserve(text_.size());
        for (std::size_t at = 0; at < text_.size(); at = std::max(copied_, at + 1)) {
            if (const auto end = options_.urls ? url_end(at) : 0; end != 0) {
                put(at, end, *options_.urls);
            } else if (text_[at] == '@' && options_.emails) {
                const auto begin = name_begin(at), end_of_host = host_end(at + 1);
                if (begin < at && end_of_host != 0) put(begin, end_of_host, *options_.emails);
            }
        }
        out_ += text_.substr(copied_);
        return std::move(out_);
    }

private:
    void put(std::size_t begin, std::size_t end, std::string_view replacement) {
        out_ += text_.substr(copied_, begin - copied_);
        out_ += replacement;
        copied_ = end;
    }

    static bool is_url_char(char32_t c) {
        return !is_space(c) && c != '<' && c != '>' && c != '"' && !is_control(c) && !(c >= 0x80 && is_punctuation(c));
    }

    // The end of the URL that begins at `at`, or 0.
    std::size_t url_end(std::size_t at) const {
        const char first = ascii_lower(text_[at]);
        if (first != 'h' && first != 'f' && first != 'w') return 0;
        std::size_t begin = 0;
        for (const std::string_view scheme : {"https://", "http://", "ftp://", "www."})
            if (starts_with_ignoring_case(text_.substr(at), scheme)) begin = at + scheme.size();
        if (begin == 0 || (at > 0 && is_word(utf8_decode_valid(text_, utf8_previous(text_, at)).point))) return 0;
        int open = 0;  // brackets ( without their ), and so below 0 when there are too many )
        const auto limit = end_of_run(text_, begin, [&](char32_t c) {
            open += c == '(' ? 1 : c == ')' ? -1 : 0;
            return is_url_char(c);
        });
        std::size_t end = limit;
        for (; end > begin; --end) {
            const char c = text_[end - 1];
            if (c == ')' && open < 0) ++open;
            else if (std::string_view(".,;:!?'*_~]}|").find(c) == std::string_view::npos) break;
        }
        return end > begin ? end : 0;
    }

    // Where the name before the @ at text[at] begins; `at` when there is none.
    std::size_t name_begin(std::size_t at) const {
        std::size_t begin = at;
        while (begin > copied_ && at - begin <= 64 && (is_ascii_alnum(text_[begin - 1]) || std::string_view("._%+-").find(text_[begin - 1]) < 5))
            --begin;
        if (at - begin > 64) return at;
        while (begin < at && !is_ascii_alnum(text_[begin])) ++begin;
        return begin < at && text_[at - 1] != '.' ? begin : at;
    }

    // The end of the host that begins at `at`, or 0: labels with dots between, the last one of two letters or more.
    std::size_t host_end(std::size_t at) const {
        std::size_t end = 0, label = at;
        bool letters = true;
        for (std::size_t i = at; i <= text_.size() && i - at <= 254; ++i) {
            const char c = i < text_.size() ? text_[i] : ' ';
            if (is_ascii_alnum(c) || (c == '-' && i > label)) {
                letters = letters && is_ascii_letter(c);
                continue;
            }
            if (i == label || text_[i - 1] == '-') break;
            if (label > at && letters && i - label >= 2) end = i;
            if (c != '.') break;
            label = i + 1;
            letters = true;
        }
        return end;
    }

    std::string_view text_;
    const CleanOptions& options_;
    std::string out_;
    std::size_t copied_ = 0;  // the text up to here is in the output, or replaced
};

}  // namespace detail::text

/// A text cleaned as the options say. Throws bad_text when it is not UTF-8 (unless replace_invalid) or a replacement is not, size_overflow for a
/// text of 4 GiB or more that is to be normalized.
inline std::string clean_text(std::string_view text, const CleanOptions& options = {}) {
    for (const auto& replacement : {options.urls, options.emails})
        if (replacement) require_utf8(*replacement, "clean_text: what stands for addresses");
    std::string out;
    if (options.replace_invalid) {
        out = utf8_replace_invalid(text);
    } else {
        require_utf8(text, "clean_text");
        out = text;
    }
    if (options.html) out = strip_html(out);
    if (options.newlines || options.controls || options.invisible || options.joiners) out = detail::text::without_invisible(out, options);
    out = detail::text::in_form(std::move(out), options.form);
    // Lower case can make characters that compose: J and a caron do not, j and a caron do.
    if (options.lowercase) out = detail::text::in_form(detail::text::lowercased(out), options.form);
    if (options.ascii_punctuation) out = detail::text::with_ascii_punctuation(out);
    if (options.urls || options.emails) out = detail::text::AddressReplacer(out, options).replace();
    if (options.spaces) out = detail::text::with_tidy_spaces(out, options.max_newlines);
    return out;
}

}  // namespace tercet::inline TERCET_ABI
