// Q4_0: 32 numbers as four bits each under one half-precision scale, 4.5 bits each (ggml's block_q4_0).
//
//   bytes: f16 d | nibbles[16]                   x[i] = d · (q[i] − 8)
//   byte i holds q[i] in its low and q[i + 16] in its high half
//   quantising: d = m / −8, m the x of the largest magnitude with its sign,  q[i] = min(15, ⌊x[i] / d + 8.5⌋)
//
// So the largest magnitude is met exactly, whichever its sign, and the other side of the range loses one step of sixteen.
#pragma once

#include "tercet/core/dtype.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI {

namespace detail {

// ⌊scaled + offset⌋ within 0…top, for types of few bits. The sum is rounded to float as ggml's is, but formed in double, so that no compiler
// fuses the multiplication before it with the addition and gets other codes.
inline unsigned to_code(float scaled, double offset, unsigned top) {
    const float q = static_cast<float>(static_cast<double>(scaled) + offset);
    return q < static_cast<float>(top) ? (q > 0 ? static_cast<unsigned>(q) : 0u) : top;
}

}  // namespace detail

struct Q4_0 {
    static constexpr index_t size = 32;

    f16 d;
    std::uint8_t nibbles[16];

    static void dequantize(const Q4_0& block, float* out) {  // out (32)
        const float d = block.d;
        for (int i = 0; i < 16; ++i) {
            out[i] = d * static_cast<float>((block.nibbles[i] & 15) - 8);
            out[i + 16] = d * static_cast<float>((block.nibbles[i] >> 4) - 8);
        }
    }
    static Q4_0 quantize(const float* in) {  // in (32)
        float largest = 0;
        for (int i = 0; i < 32; ++i)
            if (std::abs(in[i]) > std::abs(largest)) largest = in[i];
        const float d = largest / -8, inverse = d != 0 ? 1 / d : 0;

        Q4_0 block{f16(d), {}};
        for (int i = 0; i < 16; ++i) {
            const unsigned low = detail::to_code(in[i] * inverse, 8.5, 15), high = detail::to_code(in[i + 16] * inverse, 8.5, 15);
            block.nibbles[i] = static_cast<std::uint8_t>(low | (high << 4));
        }
        return block;
    }
};
static_assert(sizeof(Q4_0) == 18 && alignof(Q4_0) == 2);

}  // namespace tercet::inline TERCET_ABI
