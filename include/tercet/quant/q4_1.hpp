// Q4_1: 32 numbers as four bits each between a minimum and a maximum, 5 bits each (ggml's block_q4_1).
//
//   bytes: f16 d | f16 m | nibbles[16]           x[i] = d · q[i] + m
//   byte i holds q[i] in its low and q[i + 16] in its high half
//   quantising: m = min x,  d = (max x − m) / 15,  q[i] = min(15, ⌊(x[i] − m) / d + 0.5⌋)
#pragma once

#include "tercet/quant/q4_0.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

struct Q4_1 {
    static constexpr index_t size = 32;

    f16 d, m;
    std::uint8_t nibbles[16];

    static void dequantize(const Q4_1& block, float* out) {  // out (32)
        const float d = block.d, m = block.m;
        for (int i = 0; i < 16; ++i) {
            out[i] = d * static_cast<float>(block.nibbles[i] & 15) + m;
            out[i + 16] = d * static_cast<float>(block.nibbles[i] >> 4) + m;
        }
    }
    static Q4_1 quantize(const float* in) {  // in (32)
        const auto [least, most] = std::minmax_element(in, in + 32);
        const float m = *least, d = (*most - m) / 15, inverse = d != 0 ? 1 / d : 0;

        Q4_1 block{f16(d), f16(m), {}};
        for (int i = 0; i < 16; ++i) {
            const unsigned low = detail::to_code((in[i] - m) * inverse, 0.5, 15), high = detail::to_code((in[i + 16] - m) * inverse, 0.5, 15);
            block.nibbles[i] = static_cast<std::uint8_t>(low | (high << 4));
        }
        return block;
    }
};
static_assert(sizeof(Q4_1) == 20 && alignof(Q4_1) == 2);

}  // namespace tercet::inline TERCET_ABI
