// Q5_1: 32 numbers as five bits each between a minimum and a maximum, 6 bits each (ggml's block_q5_1).
//
//   bytes: f16 d | f16 m | high[4] | nibbles[16]         x[i] = d · q[i] + m,  q as in Q5_0
//   quantising: m = min x,  d = (max x − m) / 31,  q[i] = min(31, ⌊(x[i] − m) / d + 0.5⌋)
#pragma once

#include "tercet/quant/q5_0.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

struct Q5_1 {
    static constexpr index_t size = 32;

    f16 d, m;
    detail::FiveBits q;

    static void dequantize(const Q5_1& block, float* out) {  // out (32)
        const float d = block.d, m = block.m;
        for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(block.q[i]) + m;
    }
    static Q5_1 quantize(const float* in) {  // in (32)
        const auto [least, most] = std::minmax_element(in, in + 32);
        const float m = *least, d = (*most - m) / 31, inverse = d != 0 ? 1 / d : 0;

        Q5_1 block{f16(d), f16(m), {}};
        for (int i = 0; i < 32; ++i) block.q.put(i, detail::to_code((in[i] - m) * inverse, 0.5, 31));
        return block;
    }
};
static_assert(sizeof(Q5_1) == 24 && alignof(Q5_1) == 2);

}  // namespace tercet::inline TERCET_ABI
