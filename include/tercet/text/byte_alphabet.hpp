// The byte alphabet: how byte-level tokenizers spell bytes as characters that can be printed (Radford et al. 2019, encoder.py).
#pragma once

#include "tercet/text/utf8.hpp"

#include <array>
#include <cstdint>

namespace tercet::inline TERCET_ABI {

/// The byte-level alphabet (GPT-2): printable Latin-1 bytes stand for themselves, the other 68 for U+0100 onwards.
struct ByteAlphabet {
    std::array<char16_t, 256> point_of{};
    std::array<std::int16_t, 0x144> byte_of{};  // -1 outside the alphabet

    constexpr ByteAlphabet() {
        for (auto& b : byte_of) b = -1;
        int extra = 0;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad);
            const int point = printable ? b : 0x100 + extra++;
            point_of[static_cast<std::size_t>(b)] = static_cast<char16_t>(point);
            byte_of[static_cast<std::size_t>(point)] = static_cast<std::int16_t>(b);
        }
    }
};

inline constexpr ByteAlphabet byte_alphabet{};

namespace detail::text {

// The bytes that a token of the byte alphabet stands for; a token with any other character stands for itself.
inline void append_alphabet_bytes(std::string& out, std::string_view token) {
    const std::size_t before = out.size();
    for (std::size_t i = 0; i < token.size();) {
        const auto c = utf8_decode_valid(token, i);
        const int byte = c.point < byte_alphabet.byte_of.size() ? byte_alphabet.byte_of[c.point] : -1;
        if (byte < 0) {
            out.resize(before);
            out.append(token);
            return;
        }
        out.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
        i += c.size;
    }
}

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
