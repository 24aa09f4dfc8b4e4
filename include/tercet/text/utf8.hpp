// UTF-8: decoding, encoding and strict validation (RFC 3629; the Unicode Standard, section 3.9, table 3-7).
//
//   bytes  code points           first byte   then
//   1      U+0000 … U+007F       0xxxxxxx
//   2      U+0080 … U+07FF       110xxxxx     10xxxxxx
//   3      U+0800 … U+FFFF       1110xxxx     10xxxxxx ×2     (not U+D800 … U+DFFF, the surrogates)
//   4      U+10000 … U+10FFFF    11110xxx     10xxxxxx ×3
//
// Overlong forms, surrogates and values past U+10FFFF are malformed. What comes in as text must be well formed; what a model's
// bytes decode to may be anything, and each maximal malformed part becomes U+FFFD, as Unicode recommends (section 3.9, D93b).
#pragma once

#include "tercet/core/error.hpp"

#include <cstring>
#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

/// One step of a decoder: the code point, and how many bytes it took. `valid` is false for a malformed part of `size` bytes.
struct Utf8Step {
    char32_t point = 0;
    std::uint32_t size = 1;
    bool valid = true;
};

/// Decodes at text[at], which must be inside; a malformed part gives U+FFFD and the length of its maximal subpart.
constexpr Utf8Step utf8_decode(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
    const std::uint32_t b0 = byte(at);
    if (b0 < 0x80) return {static_cast<char32_t>(b0), 1, true};
    const std::uint32_t size = b0 < 0xe0 ? 2 : b0 < 0xf0 ? 3 : 4;
    if (b0 < 0xc2 || b0 > 0xf4) return {U'\uFFFD', 1, false};  // a lone continuation, an overlong pair, or past U+10FFFF
    // The first continuation byte's range is what excludes overlong forms, surrogates and values past the end.
    const std::uint32_t low = b0 == 0xe0 ? 0xa0 : b0 == 0xf0 ? 0x90 : 0x80, high = b0 == 0xed ? 0x9f : b0 == 0xf4 ? 0x8f : 0xbf;
    std::uint32_t point = b0 & (0x7fu >> size);
    for (std::uint32_t i = 1; i < size; ++i) {
        if (at + i >= text.size()) return {U'\uFFFD', i, false};
        const std::uint32_t b = byte(at + i);
        if (i == 1 ? (b < low || b > high) : (b & 0xc0) != 0x80) return {U'\uFFFD', i, false};
        point = point << 6 | (b & 0x3f);
    }
    return {static_cast<char32_t>(point), size, true};
}

/// Decodes at text[at] where the text is known to be well formed: no checks.
constexpr Utf8Step utf8_decode_valid(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])); };
    const std::uint32_t b0 = byte(0);
    if (b0 < 0x80) return {static_cast<char32_t>(b0), 1, true};
    if (b0 < 0xe0) return {static_cast<char32_t>((b0 & 0x1f) << 6 | (byte(1) & 0x3f)), 2, true};
    if (b0 < 0xf0) return {static_cast<char32_t>((b0 & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f)), 3, true};
    return {static_cast<char32_t>((b0 & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f)), 4, true};
}

/// Where the code point before text[end] begins, in well-formed text; end > 0.
constexpr std::size_t utf8_previous(std::string_view text, std::size_t end) {
    do --end;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80);
    return end;
}

/// The beginning of the code point that text[at] is part of, and the end of the one that text[at - 1] is part of, in well-formed text.
constexpr std::size_t utf8_floor(std::string_view text, std::size_t at) {
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    return at;
}
constexpr std::size_t utf8_ceil(std::string_view text, std::size_t at) {
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    return at;
}

/// Bytes that a code point takes.
constexpr std::uint32_t utf8_size(char32_t point) {
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/// Appends a code point; surrogates and values past U+10FFFF become U+FFFD.
inline void utf8_append(std::string& out, char32_t point) {
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) point = U'\uFFFD';
    const auto p = static_cast<std::uint32_t>(point);
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (p < 0x80) return put(p);
    if (p < 0x800) {
        put(0xc0 | p >> 6);
    } else {
        if (p < 0x10000) {
            put(0xe0 | p >> 12);
        } else {
            put(0xf0 | p >> 18);
            put(0x80 | (p >> 12 & 0x3f));
        }
        put(0x80 | (p >> 6 & 0x3f));
    }
    put(0x80 | (p & 0x3f));
}

/// The UTF-8 form of code points.
inline std::string utf8_encode(std::u32string_view points) {
    std::string out;
    for (const char32_t point : points) utf8_append(out, point);
    return out;
}

/// Where the first malformed byte stands, or npos when there is none.
constexpr std::size_t utf8_first_error(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        if (!std::is_constant_evaluated()) {  // eight ASCII bytes at a time
            std::uint64_t word = 0;
            while (i + 8 <= text.size() && (std::memcpy(&word, text.data() + i, 8), (word & 0x8080808080808080u) == 0)) i += 8;
            if (i == text.size()) break;
        }
        const auto step = utf8_decode(text, i);
        if (!step.valid) return i;
        i += step.size;
    }
    return std::string_view::npos;
}

/// Throws bad_text, naming `what` and the byte, unless the text is well formed.
inline void require_utf8(std::string_view text, std::string_view what) {
    const auto at = utf8_first_error(text);
    if (at == std::string_view::npos) return;
    fail(ErrorCode::bad_text, what, ": not valid UTF-8 at byte ", at, " (0x", std::hex, static_cast<int>(static_cast<unsigned char>(text[at])), ")");
}

/// Code points in well-formed text.
constexpr std::size_t utf8_count(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return count;
}

/// The code points of a text. Throws bad_text when it is malformed.
inline std::u32string utf8_points(std::string_view text) {
    require_utf8(text, "utf8_points");
    std::u32string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const auto step = utf8_decode_valid(text, i);
        out.push_back(step.point);
        i += step.size;
    }
    return out;
}

/// A copy in which each maximal malformed part is one U+FFFD.
inline std::string utf8_replace_invalid(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size();) {
        const auto step = utf8_decode(bytes, i);
        if (step.valid) out.append(bytes.substr(i, step.size));
        else utf8_append(out, U'\uFFFD');
        i += step.size;
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
