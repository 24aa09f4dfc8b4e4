// Base64 (RFC 4648, section 4): three bytes as four characters.
#pragma once

#include "tercet/core/error.hpp"

#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

/// The bytes of a base64 text; the padding may be left out. Throws bad_header, with `source` in front, for any other character.
inline std::string decode_base64(std::string_view text, std::string_view source) {
    const auto value = [](char c) {
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
    };
    while (text.ends_with('=')) text.remove_suffix(1);
    require(text.size() % 4 != 1, ErrorCode::bad_header, source, ": base64 of ", text.size(), " characters");
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    int count = 0;  // of bits that wait
    for (const char c : text) {
        const int six = value(c);
        require(six >= 0, ErrorCode::bad_header, source, ": the character ", static_cast<int>(static_cast<unsigned char>(c)), " in base64");
        bits = bits << 6 | static_cast<std::uint32_t>(six);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back(static_cast<char>(static_cast<unsigned char>(bits >> count)));
    }
    return out;
}

/// The base64 text of bytes, padded with '='.
inline std::string encode_base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k) out.push_back(i + k > bytes.size() ? '=' : digits[bits >> (18 - 6 * k) & 63]);
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
