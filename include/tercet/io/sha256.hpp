// SHA-256 (FIPS 180-4, section 6.2): a digest that says which bytes these are, and that nobody can find other bytes for.
//
//   sha256("abc") == "ba7816bf 8f01cfea …", as 64 hexadecimal digits
#pragma once

#include "tercet/core/config.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

/// Bytes in pieces, then their digest.
class Sha256 {
public:
    void add(std::span<const std::byte> bytes) {
        size_ += bytes.size();
        while (!bytes.empty()) {
            const std::size_t count = std::min(bytes.size(), sizeof(block_) - filled_);
            std::memcpy(block_ + filled_, bytes.data(), count);
            bytes = bytes.subspan(count);
            filled_ += count;
            if (filled_ == sizeof(block_)) take_block();
        }
    }
    void add(std::string_view text) { add(std::as_bytes(std::span(text))); }

    /// 64 hexadecimal digits, of all that was added. Nothing can be added afterwards.
    std::string digest() {
        const std::uint64_t bits = 8 * size_;
        const auto put = [&](std::uint8_t byte) {
            block_[filled_++] = byte;
            if (filled_ == 64) take_block();
        };
        put(0x80);
        while (filled_ != 56) put(0);
        for (int shift = 56; shift >= 0; shift -= 8) put(static_cast<std::uint8_t>(bits >> shift));
        std::string out;
        for (const std::uint32_t word : state_)
            for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[(word >> shift) & 15];
        return out;
    }

private:
    void take_block() {
        // The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2).
        static constexpr std::uint32_t k[64] = {
            0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
            0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
            0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
            0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
            0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
            0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
        std::uint32_t w[64];
        for (std::size_t t = 0; t < 16; ++t)
            w[t] = (std::uint32_t{block_[4 * t]} << 24) | (std::uint32_t{block_[4 * t + 1]} << 16) | (std::uint32_t{block_[4 * t + 2]} << 8) |
                   block_[4 * t + 3];
        for (std::size_t t = 16; t < 64; ++t)
            w[t] = w[t - 16] + (std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3)) + w[t - 7] +
                   (std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10));
        auto [a, b, c, d, e, f, g, h] = state_;
        for (std::size_t t = 0; t < 64; ++t) {
            const std::uint32_t first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + k[t] + w[t];
            const std::uint32_t second = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
        }
        const std::uint32_t changed[8] = {a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; ++i) state_[i] += changed[i];
        filled_ = 0;
    }

    // The first 32 bits of the fractional parts of the square roots of the first eight primes (section 5.3.3).
    std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::uint8_t block_[64] = {};
    std::size_t filled_ = 0;
    std::uint64_t size_ = 0;
};

inline std::string sha256(std::span<const std::byte> bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.digest();
}
inline std::string sha256(std::string_view text) {
    return sha256(std::as_bytes(std::span(text)));
}

}  // namespace tercet::inline TERCET_ABI
