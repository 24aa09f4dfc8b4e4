// Pieces of a SentencePiece model back to text (sentencepiece_processor.cc, Decode): the meta symbol becomes a space, but for the one in front; runs
// of byte pieces become the characters that they spell; unknown pieces become the model's own mark.
#pragma once

#include "tercet/text/sentencepiece_normalizer.hpp"
#include "tercet/text/vocabulary.hpp"

#include <memory>

namespace tercet::inline TERCET_ABI {

enum class PieceKind : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

namespace detail::text {

inline std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content) {
    std::string out;
    std::size_t at = 0;
    for (std::size_t hit; !pattern.empty() && (hit = text.find(pattern, at)) != std::string_view::npos; at = hit + pattern.size())
        out.append(text.substr(at, hit - at)).append(content);
    return out.append(text.substr(at));
}

// <0xAB> -> 0xAB, or -1.
inline int fallback_byte(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    const int high = digit(token[3]), low = digit(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace detail::text

class SentencePieceDecoder {
public:
    std::vector<PieceKind> kinds;  // by id; ids beyond are normal
    std::string unknown_surface = " \xe2\x81\x87 ";
    bool drop_front = true;      // the meta symbol in front is nothing
    bool drop_all_front = true;  // … and so are more of them
    std::shared_ptr<const SentencePieceNormalizer> denormalizer = {};

    PieceKind kind(TokenId id) const { return static_cast<std::size_t>(id) < kinds.size() ? kinds[static_cast<std::size_t>(id)] : PieceKind::normal; }

    /// The text of (id, piece) pairs. Control pieces that are among them are spelled out.
    std::string decode(const std::vector<std::pair<TokenId, std::string_view>>& pieces) const {
        std::string out, bytes;
        bool front = true, front_seen = false;
        for (const auto& [id, piece] : pieces) {
            if (kind(id) == PieceKind::byte) {
                bytes.push_back(static_cast<char>(static_cast<unsigned char>(detail::text::fallback_byte(piece))));
                continue;
            }
            flush(bytes, out);
            if (front_seen || !out.empty()) front = false;
            front_seen = false;
            if (kind(id) == PieceKind::unknown) {
                out += unknown_surface;
                continue;
            }
            auto rest = piece;
            if (front && drop_front && rest.starts_with(meta_space)) {
                rest.remove_prefix(meta_space.size());
                front_seen = !drop_all_front;
            }
            out += detail::text::replace_all(rest, meta_space, " ");
        }
        flush(bytes, out);
        if (!denormalizer) return out;
        NormalizedText text;
        text.tracked = false;
        denormalizer->apply(out, 0, text);
        return text.text;
    }

private:
    // Each byte that begins no character is one U+FFFD.
    static void flush(std::string& bytes, std::string& out) {
        for (std::size_t i = 0; i < bytes.size();) {
            const auto step = utf8_decode(bytes, i);
            if (step.valid) out.append(bytes, i, step.size);
            else utf8_append(out, U'\uFFFD');
            i += step.valid ? step.size : 1;
        }
        bytes.clear();
    }
};

}  // namespace tercet::inline TERCET_ABI
