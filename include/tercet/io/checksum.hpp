// CRC-32C (Castagnoli et al. 1993; RFC 3720, appendix B.4): the remainder of a message as a polynomial over two elements, divided by
//
//   x³² + x²⁸ + x²⁷ + x²⁶ + x²⁵ + x²³ + x²² + x²⁰ + x¹⁹ + x¹⁸ + x¹⁴ + x¹³ + x¹¹ + x¹⁰ + x⁹ + x⁸ + x⁶ + 1
//
// It finds every damage that lies within 32 bits, and all but one in 2³² of the rest. Sixteen bytes are taken at once, each through a table
// of its own (Kounavis & Berry 2008, "slicing"): some gigabytes a second. A message that is followed by its own CRC, little-endian, has
// always the same CRC, so a file that ends with its checksum is verified in one pass.
#pragma once

#include "tercet/core/config.hpp"

#include <array>
#include <cstring>
#include <span>
#include <string_view>

namespace tercet::inline TERCET_ABI {

namespace detail {

using CrcTables = std::array<std::array<std::uint32_t, 256>, 16>;

// tables[k][b]: what the byte b leaves when k bytes of zeros follow it. Bits are reflected: the lowest is the highest power.
constexpr CrcTables crc_tables() {
    CrcTables tables{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t rest = b;
        for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ (rest & 1 ? 0x82F63B78u : 0u);
        tables[0][b] = rest;
    }
    for (std::size_t k = 1; k < tables.size(); ++k)
        for (std::size_t b = 0; b < 256; ++b) tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 255];
    return tables;
}

inline constexpr CrcTables crc_table = crc_tables();

// What eight bytes leave, the first of them through table `first`.
inline std::uint32_t crc_of_eight(std::uint64_t bytes, std::size_t first) {
    const auto at = [&](std::size_t i) { return crc_table[first - i][(bytes >> (8 * i)) & 255]; };
    return at(0) ^ at(1) ^ at(2) ^ at(3) ^ at(4) ^ at(5) ^ at(6) ^ at(7);
}

}  // namespace detail

/// The CRC of a message followed by its CRC: crc32c(message + little-endian crc32c(message)).
inline constexpr std::uint32_t crc32c_residue = 0x48674BC7;

/// The CRC-32C of some bytes. A message in pieces: crc32c(second, crc32c(first)).
inline std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) {
    std::uint32_t crc = ~before;
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 16; left -= 16, at += 16) {
        std::uint64_t words[2];
        std::memcpy(words, at, 16);
        crc = detail::crc_of_eight(words[0] ^ crc, 15) ^ detail::crc_of_eight(words[1], 7);
    }
    for (; left > 0; --left, ++at) crc = (crc >> 8) ^ detail::crc_table[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 255];
    return ~crc;
}
inline std::uint32_t crc32c(std::string_view text, std::uint32_t before = 0) {
    return crc32c(std::as_bytes(std::span(text.data(), text.size())), before);
}

}  // namespace tercet::inline TERCET_ABI
