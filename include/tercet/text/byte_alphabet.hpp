// The byte alphabet: how byte-level tokenizers spell bytes as characters that can be printed (Radford et al. 2019, encoder.py).
#pragma once

#include "tercet/core/config.hpp"

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

}  // namespace tercet::inline TERCET_ABI
