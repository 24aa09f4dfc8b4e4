// Where no token of a vocabulary reaches across: a text may be cut there before it is cut into tokens.
//
// A border lies between two characters that follow each other in no token. Byte pairs merge, and pieces of a unigram model lie, on one side of it, so
// both sides can be cut on their own; and words that come again need not be cut again. Borders are taken where a reader would see one: in front of a
// space, and between letters and what is none. Characters outside ASCII count as one.
#pragma once

#include "tercet/text/sentencepiece_normalizer.hpp"
#include "tercet/text/vocabulary.hpp"

#include <array>

namespace tercet::inline TERCET_ABI {

class PieceBorders {
public:
    /// From the tokens for which reaches(id) is true.
    template <class Reaches>
    PieceBorders(const Vocabulary& vocabulary, Reaches reaches) {
        std::array<bool, count * count> inside{};
        for (TokenId id = 0; id < vocabulary.size(); ++id) {
            if (!vocabulary.has(id) || !reaches(id)) continue;
            const auto token = vocabulary.token(id);
            std::size_t previous = count;
            for (std::size_t at = 0; at < token.size();) {
                const auto c = kind_at(token, at);
                if (previous < count) inside[previous * count + c.kind] = true;
                previous = c.kind;
                at += c.size;
            }
        }
        const auto group = [](std::size_t kind) {
            return kind < 0x80 ? static_cast<int>((kind | 0x20) >= 'a' && (kind | 0x20) <= 'z') : static_cast<int>(kind);
        };
        for (std::size_t a = 0; a < count; ++a)
            for (std::size_t b = 0; b < count; ++b) border_[a * count + b] = !inside[a * count + b] && (b == space || group(a) != group(b));
    }

    /// Calls cut(at) for each border inside text[begin, end), from left to right; the text is well formed.
    template <class Cut>
    void each(std::string_view text, std::size_t begin, std::size_t end, Cut&& cut) const {
        if (begin == end) return;
        auto c = kind_at(text, begin);
        std::size_t previous = c.kind;
        for (std::size_t at = begin + c.size; at < end; at += c.size) {
            c = kind_at(text, at);
            if (border_[previous * count + c.kind]) cut(at);
            previous = c.kind;
        }
    }

private:
    static constexpr std::size_t space = 0x80, other = 0x81, count = 0x82;  // after the ASCII characters

    struct Kind {
        std::size_t kind, size;
    };

    static Kind kind_at(std::string_view text, std::size_t at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c < 0x80) return {c, 1};
        if (c == 0xe2 && text.substr(at).starts_with(meta_space)) return {space, meta_space.size()};
        return {other, c < 0xe0 ? 2u : c < 0xf0 ? 3u : 4u};
    }

    std::array<bool, count * count> border_{};
};

}  // namespace tercet::inline TERCET_ABI
