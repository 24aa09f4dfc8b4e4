// Q5_0: 32 numbers as five bits each under one half-precision scale, 5.5 bits each (ggml's block_q5_0).
//
//   bytes: f16 d | high[4] | nibbles[16]         x[i] = d · (q[i] − 16)
//   byte i holds the lower four bits of q[i] and q[i + 16]; bit i of the 32 in `high` is the fifth of q[i]
//   quantising: d = m / −16, m the x of the largest magnitude with its sign,  q[i] = min(31, ⌊x[i] / d + 16.5⌋)
#pragma once

#include "tercet/quant/q4_0.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// Five-bit codes of a block of 32: q[i] from its nibble and its bit, and back.
struct FiveBits {
    std::uint8_t high[4];
    std::uint8_t nibbles[16];

    unsigned operator[](int i) const { return (i < 16 ? nibbles[i] & 15u : nibbles[i - 16] >> 4u) | (high[i / 8] >> (i % 8) & 1u) << 4; }
    void put(int i, unsigned q) {
        nibbles[i % 16] = static_cast<std::uint8_t>(nibbles[i % 16] | (q & 15u) << (i < 16 ? 0 : 4));
        high[i / 8] = static_cast<std::uint8_t>(high[i / 8] | (q >> 4) << (i % 8));
    }
};

}  // namespace detail

struct Q5_0 {
    static constexpr index_t size = 32;

    f16 d;
    detail::FiveBits q;

    static void dequantize(const Q5_0& block, float* out) {  // out (32)
        const float d = block.d;
        for (int i = 0; i < 32; ++i) out[i] = d * (static_cast<float>(block.q[i]) - 16);
    }
    static Q5_0 quantize(const float* in) {  // in (32)
        float largest = 0;
        for (int i = 0; i < 32; ++i)
            if (std::abs(in[i]) > std::abs(largest)) largest = in[i];
        const float d = largest / -16, inverse = d != 0 ? 1 / d : 0;

        Q5_0 block{f16(d), {}};
        for (int i = 0; i < 32; ++i) block.q.put(i, detail::to_code(in[i] * inverse, 16.5, 31));
        return block;
    }
};
static_assert(sizeof(Q5_0) == 22 && alignof(Q5_0) == 2);

}  // namespace tercet::inline TERCET_ABI
