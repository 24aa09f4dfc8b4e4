// K-quants (ggml's block_q2_K … block_q6_K): 256 numbers in groups of 16 or 32, whose own scales are small integers under one or two scales
// in half precision.
//
//   Q2_K, Q4_K, Q5_K:  x[i] = d · scale[g] · q[i] − dmin · min[g]          groups of 16, 32, 32
//   Q3_K, Q6_K:        x[i] = d · scale[g] · (q[i] − 4 or 32)              groups of 16
//
// Codes are cut into bit planes: 32 neighbouring bytes hold a few bits of each of 32 neighbouring numbers, and the same bytes at the next
// bits those of the 32 after them. Scales are found by quant/fit.hpp.
#pragma once

#include "tercet/quant/fit.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// Adds `bits` to a byte that is built up from zero.
inline void put_bits(std::uint8_t& byte, unsigned bits, int shift) {
    byte = static_cast<std::uint8_t>(byte | bits << shift);
}

// Eight scales and eight minima of six bits in twelve bytes: the first four of each in the lower bits of bytes 0…3 and 4…7, the other four
// with their lower bits in the nibbles of bytes 8…11 and their upper two on top of the first eight bytes.
struct SixBitPairs {
    std::uint8_t bytes[12];

    constexpr unsigned scale(int g) const { return g < 4 ? bytes[g] & 63u : (bytes[g + 4] & 15u) | (bytes[g - 4] >> 2 & 48u); }
    constexpr unsigned min(int g) const { return g < 4 ? bytes[g + 4] & 63u : (bytes[g + 4] >> 4 & 15u) | (bytes[g] >> 2 & 48u); }
    void put(int g, unsigned scale, unsigned min) {
        if (g < 4) {
            put_bits(bytes[g], scale, 0);
            put_bits(bytes[g + 4], min, 0);
        } else {
            put_bits(bytes[g + 4], (scale & 15) | (min & 15) << 4, 0);
            put_bits(bytes[g - 4], scale >> 4, 6);
            put_bits(bytes[g], min >> 4, 6);
        }
    }
};

}  // namespace detail

/// 2.625 bits each: bytes: scale and min as nibbles [16] | two-bit codes [64] | f16 d | f16 dmin.
struct Q2_K {
    static constexpr index_t size = 256;

    std::uint8_t scales[16], codes[64];
    f16 d, dmin;

    static void dequantize(const Q2_K& block, float* out) {  // out (256)
        const float d = block.d, dmin = block.dmin;
        for (int i = 0; i < 256; ++i) {
            const unsigned pair = block.scales[i / 16], q = block.codes[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3u;
            out[i] = d * static_cast<float>(pair & 15) * static_cast<float>(q) - dmin * static_cast<float>(pair >> 4);
        }
    }
    static Q2_K quantize(const float* in) {  // in (256)
        const auto fit = detail::fit_range_block<16, 3, 15>(in);
        Q2_K block{{}, {}, fit.d, fit.dmin};
        for (int g = 0; g < 16; ++g) detail::put_bits(block.scales[g], fit.scale[g] | static_cast<unsigned>(fit.min[g]) << 4, 0);
        for (int i = 0; i < 256; ++i) detail::put_bits(block.codes[i / 128 * 32 + i % 32], fit.codes[i], i % 128 / 32 * 2);
        return block;
    }
};
static_assert(sizeof(Q2_K) == 84 && alignof(Q2_K) == 2);

/// 3.4375 bits each: bytes: third bits of the codes [32] | their lower two [64] | sixteen six-bit scales, less 32 [12] | f16 d.
struct Q3_K {
    static constexpr index_t size = 256;

    std::uint8_t high[32], low[64], scales[12];
    f16 d;

    // The lower four bits of scale g are a nibble of the first eight bytes, the upper two stand in the last four.
    constexpr unsigned scale(int g) const { return (scales[g % 8] >> g / 8 * 4 & 15u) | (scales[8 + g % 4] >> g / 4 * 2 & 3u) << 4; }

    static void dequantize(const Q3_K& block, float* out) {  // out (256)
        const float d = block.d;
        for (int i = 0; i < 256; ++i) {
            const unsigned q = (block.low[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3u) | (block.high[i % 32] >> i / 32 & 1u) << 2;
            out[i] = d * (static_cast<float>(block.scale(i / 16)) - 32) * (static_cast<float>(q) - 4);
        }
    }
    static Q3_K quantize(const float* in) {  // in (256)
        const auto fit = detail::fit_scale_block<4, 32>(in);
        Q3_K block{{}, {}, {}, fit.d};
        for (int g = 0; g < 16; ++g) {
            const auto scale = static_cast<unsigned>(fit.scale[g] + 32);
            detail::put_bits(block.scales[g % 8], scale & 15, g / 8 * 4);
            detail::put_bits(block.scales[8 + g % 4], scale >> 4, g / 4 * 2);
        }
        for (int i = 0; i < 256; ++i) {
            detail::put_bits(block.low[i / 128 * 32 + i % 32], fit.codes[i] & 3u, i % 128 / 32 * 2);
            detail::put_bits(block.high[i % 32], fit.codes[i] >> 2u, i / 32);
        }
        return block;
    }
};
static_assert(sizeof(Q3_K) == 110 && alignof(Q3_K) == 2);

/// 4.5 bits each: bytes: f16 d | f16 dmin | scales and minima [12] | nibbles [128].
struct Q4_K {
    static constexpr index_t size = 256;

    f16 d, dmin;
    detail::SixBitPairs scales;
    std::uint8_t nibbles[128];

    static void dequantize(const Q4_K& block, float* out) {  // out (256)
        const float d = block.d, dmin = block.dmin;
        for (int i = 0; i < 256; ++i) {
            const unsigned q = block.nibbles[i / 64 * 32 + i % 32] >> i % 64 / 32 * 4 & 15u;
            out[i] = d * static_cast<float>(block.scales.scale(i / 32)) * static_cast<float>(q) - dmin * static_cast<float>(block.scales.min(i / 32));
        }
    }
    static Q4_K quantize(const float* in) {  // in (256)
        const auto fit = detail::fit_range_block<32, 15, 63>(in);
        Q4_K block{fit.d, fit.dmin, {}, {}};
        for (int g = 0; g < 8; ++g) block.scales.put(g, fit.scale[g], fit.min[g]);
        for (int i = 0; i < 256; ++i) detail::put_bits(block.nibbles[i / 64 * 32 + i % 32], fit.codes[i], i % 64 / 32 * 4);
        return block;
    }
};
static_assert(sizeof(Q4_K) == 144 && alignof(Q4_K) == 2);

/// 5.5 bits each: bytes: f16 d | f16 dmin | scales and minima [12] | fifth bits of the codes [32] | their nibbles [128].
struct Q5_K {
    static constexpr index_t size = 256;

    f16 d, dmin;
    detail::SixBitPairs scales;
    std::uint8_t high[32], nibbles[128];

    static void dequantize(const Q5_K& block, float* out) {  // out (256)
        const float d = block.d, dmin = block.dmin;
        for (int i = 0; i < 256; ++i) {
            const unsigned q = (block.nibbles[i / 64 * 32 + i % 32] >> i % 64 / 32 * 4 & 15u) | (block.high[i % 32] >> i / 32 & 1u) << 4;
            out[i] = d * static_cast<float>(block.scales.scale(i / 32)) * static_cast<float>(q) - dmin * static_cast<float>(block.scales.min(i / 32));
        }
    }
    static Q5_K quantize(const float* in) {  // in (256)
        const auto fit = detail::fit_range_block<32, 31, 63>(in);
        Q5_K block{fit.d, fit.dmin, {}, {}, {}};
        for (int g = 0; g < 8; ++g) block.scales.put(g, fit.scale[g], fit.min[g]);
        for (int i = 0; i < 256; ++i) {
            detail::put_bits(block.nibbles[i / 64 * 32 + i % 32], fit.codes[i] & 15u, i % 64 / 32 * 4);
            detail::put_bits(block.high[i % 32], fit.codes[i] >> 4u, i / 32);
        }
        return block;
    }
};
static_assert(sizeof(Q5_K) == 176 && alignof(Q5_K) == 2);

/// 6.5625 bits each: bytes: lower four bits of the codes [128] | upper two [64] | int8 scales [16] | f16 d.
struct Q6_K {
    static constexpr index_t size = 256;

    std::uint8_t low[128], high[64];
    std::int8_t scales[16];
    f16 d;

    static void dequantize(const Q6_K& block, float* out) {  // out (256)
        const float d = block.d;
        for (int i = 0; i < 256; ++i) {
            const unsigned low = block.low[i / 128 * 64 + i % 64] >> i % 128 / 64 * 4 & 15u,
                           high = block.high[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3u;
            out[i] = d * static_cast<float>(block.scales[i / 16]) * (static_cast<float>(low | high << 4) - 32);
        }
    }
    static Q6_K quantize(const float* in) {  // in (256)
        const auto fit = detail::fit_scale_block<32, 128>(in);
        Q6_K block{{}, {}, {}, fit.d};
        for (int g = 0; g < 16; ++g) block.scales[g] = static_cast<std::int8_t>(fit.scale[g]);
        for (int i = 0; i < 256; ++i) {
            detail::put_bits(block.low[i / 128 * 64 + i % 64], fit.codes[i] & 15u, i % 128 / 64 * 4);
            detail::put_bits(block.high[i / 128 * 32 + i % 32], fit.codes[i] >> 4u, i % 128 / 32 * 2);
        }
        return block;
    }
};
static_assert(sizeof(Q6_K) == 210 && alignof(Q6_K) == 2);

}  // namespace tercet::inline TERCET_ABI
