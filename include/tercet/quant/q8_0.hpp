// Q8_0: 32 numbers as signed bytes under one half-precision scale, 8.5 bits each (ggml's block_q8_0).
//
//   bytes: f16 d | int8 q[32]                    x[i] = d · q[i]
//   quantising: d = max |x| / 127,  q[i] = round(x[i] / d), halves away from zero
//
// As in ggml, x is divided by the scale as it was before it was rounded to half precision.
#pragma once

#include "tercet/core/dtype.hpp"

#include <algorithm>
#include <cmath>

namespace tercet::inline TERCET_ABI {

struct Q8_0 {
    static constexpr index_t size = 32;

    f16 d;
    std::int8_t q[32];

    static void dequantize(const Q8_0& block, float* out) {  // out (32)
        const float d = block.d;
        for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(block.q[i]);
    }
    static Q8_0 quantize(const float* in) {  // in (32)
        float largest = 0;
        for (int i = 0; i < 32; ++i) largest = std::max(largest, std::abs(in[i]));
        const float d = largest / 127, inverse = d != 0 ? 1 / d : 0;

        Q8_0 block{f16(d), {}};
        for (int i = 0; i < 32; ++i) {
            const float scaled = std::round(in[i] * inverse);
            if (std::abs(scaled) <= 127) block.q[i] = static_cast<std::int8_t>(scaled);  // 1 / d overflows for scales that are 0 in half precision
        }
        return block;
    }
};
static_assert(sizeof(Q8_0) == 34 && alignof(Q8_0) == 2);

}  // namespace tercet::inline TERCET_ABI
