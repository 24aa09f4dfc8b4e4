// A text on its way to tokens, and where each of its bytes came from.
#pragma once

#include "tercet/text/utf8.hpp"

#include <vector>

namespace tercet::inline TERCET_ABI {

/// A range of bytes of the original text.
struct Span {
    std::uint32_t begin = 0, end = 0;
};

/// A text and the origin of each of its bytes: spans has one entry a byte, or none at all when they are not tracked.
struct NormalizedText {
    std::string text;
    std::vector<Span> spans;
    bool tracked = true;

    void append(char32_t point, Span from) {
        utf8_append(text, point);
        if (tracked) spans.resize(text.size(), from);
    }
    void append(std::string_view piece, Span from) {
        text.append(piece);
        if (tracked) spans.resize(text.size(), from);
    }
    /// Bytes that are each from their own place, the first from `begin`.
    void append_each(std::string_view piece, std::uint32_t begin) {
        text.append(piece);
        if (!tracked) return;
        for (std::uint32_t i = 0; i < piece.size(); ++i) spans.push_back({begin + i, begin + i + 1});
    }
    void shrink(std::size_t size) {
        text.resize(size);
        if (tracked) spans.resize(size);
    }
    void reserve(std::size_t size) {
        text.reserve(size);
        if (tracked) spans.reserve(size);
    }
};

}  // namespace tercet::inline TERCET_ABI
