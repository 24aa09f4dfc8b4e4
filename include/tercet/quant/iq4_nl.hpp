// IQ4_NL: 32 numbers as four bits each that name one of sixteen uneven steps, 4.5 bits each (ggml's block_iq4_nl).
//
//   bytes: f16 d | nibbles[16]                   x[i] = d · step[q[i]], nibbles as in Q4_0
//   quantising: the d of least squared error among a few that lay the outermost steps over the largest number
#pragma once

#include "tercet/core/dtype.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI {

struct IQ4_NL {
    static constexpr index_t size = 32;
    static constexpr std::int8_t steps[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};  // closer near 0

    f16 d;
    std::uint8_t nibbles[16];

    static void dequantize(const IQ4_NL& block, float* out) {  // out (32)
        const float d = block.d;
        for (int i = 0; i < 16; ++i) {
            out[i] = d * static_cast<float>(steps[block.nibbles[i] & 15]);
            out[i + 16] = d * static_cast<float>(steps[block.nibbles[i] >> 4]);
        }
    }
    static IQ4_NL quantize(const float* in) {  // in (32)
        float extreme = 0;
        for (int i = 0; i < 32; ++i)
            if (std::abs(in[i]) > std::abs(extreme)) extreme = in[i];
        float d = extreme / steps[0], least = -1;
        for (int attempt = -8; extreme != 0 && attempt <= 8; ++attempt) {
            const float inverse = static_cast<float>(2 * attempt + steps[0]) / extreme;
            float sum_ss = 0, sum_sx = 0;
            for (int i = 0; i < 32; ++i) {
                const auto s = static_cast<float>(steps[nearest_step(in[i] * inverse)]);
                sum_ss += s * s;
                sum_sx += s * in[i];
            }
            const float gain = sum_sx * sum_sx / sum_ss;  // what the best scale for these steps takes off Σ x²
            if (gain > least) {
                least = gain;
                d = sum_sx / sum_ss;
            }
        }
        IQ4_NL block{f16(d), {}};
        const float held = block.d, inverse = held != 0 ? 1 / held : 0;
        for (int i = 0; i < 16; ++i)
            block.nibbles[i] = static_cast<std::uint8_t>(nearest_step(in[i] * inverse) | nearest_step(in[i + 16] * inverse) << 4);
        return block;
    }

private:
    static unsigned nearest_step(float x) {
        unsigned q = 0;
        while (q < 15 && 2 * x > static_cast<float>(steps[q] + steps[q + 1])) ++q;
        return q;
    }
};
static_assert(sizeof(IQ4_NL) == 18 && alignof(IQ4_NL) == 2);

}  // namespace tercet::inline TERCET_ABI
