// The character map of SentencePiece models ("precompiled_charsmap"): strings and what replaces them, NFKC with additions as a rule.
//
//   uint32 size │ double array of that many bytes │ replacements, each ended by a zero byte
//
// The array is darts-clone's: units of 32 bits, of which a node has a label (8 bits), whether a value hangs on it (bit 8) and the distance to its
// children (22 bits, counted in 256s when bit 9 is set); the child by the byte c lies at place ^ distance ^ c. A value is the place of a replacement.
// The file is not trusted: every step stays inside the array, every replacement inside the text, and none begins
// within a character.
#pragma once

#include "tercet/text/utf8.hpp"

#include <array>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

class Charsmap {
public:
    /// What a text begins with and what that becomes; size 0: nothing that the map knows.
    struct Match {
        std::size_t size = 0;
        std::string_view replacement;
    };

    /// Maps nothing.
    Charsmap() = default;

    /// Throws bad_tokenizer, with `source` in front, when the map is cut short.
    Charsmap(std::string blob, std::string_view source) {
        if (blob.empty()) return;
        const auto number = [&](std::size_t at) {
            std::uint32_t value = 0;
            for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(blob[at + i])) << (8 * i);
            return value;
        };
        require(blob.size() >= 4, ErrorCode::bad_tokenizer, source, ": a character map of ", blob.size(), " bytes");
        const std::size_t size = number(0);
        require(size <= blob.size() - 4 && size >= 4 && size % 4 == 0, ErrorCode::bad_tokenizer, source, ": the character map has ", size,
                " bytes of trie in ", blob.size(), " bytes");
        units_.resize(size / 4);
        for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = number(4 + 4 * i);
        replacements_ = blob.substr(4 + size);
        require(utf8_first_error(replacements_) == std::string::npos, ErrorCode::bad_tokenizer, source, ": the character map is not valid UTF-8");
        blob_ = std::move(blob);
        for (std::size_t c = 0; c < plain_.size(); ++c) plain_[c] = is_plain(static_cast<char>(c));
    }

    bool empty() const { return units_.empty(); }
    /// The map as the file has it.
    const std::string& blob() const { return blob_; }

    /// The longest string of the map that text begins with at `at`, as SentencePiece takes it.
    Match longest(std::string_view text, std::size_t at) const {
        Match best;
        walk(text.substr(at), [&](Match found) {
            best = found;
            return true;
        });
        return best;
    }

    /// The shortest one, as Hugging Face's tokenizers take it.
    Match shortest(std::string_view text, std::size_t at) const {
        Match first;
        walk(text.substr(at), [&](Match found) {
            first = found;
            return false;
        });
        return first;
    }

    /// Whether an ASCII character stays as it is when an ASCII character, or nothing, follows.
    bool plain(char c) const { return static_cast<unsigned char>(c) < 0x80 && (empty() || plain_[static_cast<unsigned char>(c)]); }

private:
    template <class Found>
    void walk(std::string_view text, Found found) const {
        const auto distance = [](std::uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); };
        if (empty()) return;
        std::uint32_t place = distance(units_[0]);
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::uint32_t c = static_cast<unsigned char>(text[i]);
            place ^= c;
            if (place >= units_.size()) return;
            const std::uint32_t unit = units_[place];
            if ((unit & 0x800000ffu) != c) return;
            place ^= distance(unit);
            if ((unit & 0x100) == 0) continue;
            if (place >= units_.size()) return;
            const std::size_t begin = units_[place] & 0x7fffffffu;
            if (begin >= replacements_.size() || (static_cast<unsigned char>(replacements_[begin]) & 0xc0) == 0x80) return;
            const std::string_view rest = std::string_view(replacements_).substr(begin);
            if (!found({i + 1, rest.substr(0, rest.find('\0'))})) return;
        }
    }

    bool is_plain(char c) const {
        std::string text(2, c);
        for (int next = 0; next < 0x80; ++next) {
            text[1] = static_cast<char>(next);
            const auto match = longest(text, 0);
            if (match.size > 1 || (match.size == 1 && match.replacement != std::string_view(text).substr(0, 1))) return false;
        }
        return true;
    }

    std::string blob_, replacements_;
    std::vector<std::uint32_t> units_;
    std::array<bool, 0x80> plain_{};
};

}  // namespace tercet::inline TERCET_ABI
