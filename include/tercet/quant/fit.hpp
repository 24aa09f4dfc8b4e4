// How K-quants choose their scales: the codes and lines of least squared error, group by group, then the groups' scales as small integers.
//
//   range:  x ≈ s · q − m,  q in 0…levels,          s, m ≥ 0
//   scale:  x ≈ s · q,      q in −half…half − 1,    s of either sign
//
// For codes that are given, the best line is linear regression (the normal equations). So each group tries a few ways of laying its codes
// over the range that its numbers span, each followed by the regression, and keeps the line of least error. A block then holds one s and m
// in half precision for all groups and an integer share of them for each group; of the integers beside the rounded ones that with the
// least error is taken.
#pragma once

#include "tercet/core/dtype.hpp"

#include <algorithm>
#include <cmath>

namespace tercet::inline TERCET_ABI::detail {

// x to the nearest integer within [low, high]; NaN becomes low.
inline int nearest(float x, int low, int high) {
    const float limit = static_cast<float>(high);
    return x > static_cast<float>(low) ? x < limit ? static_cast<int>(std::floor(x + 0.5f)) : high : low;
}

struct Line {
    float scale, min;  // x ≈ scale · q − min
};

// Σ (x − line(q))² with the nearest codes, which go into `codes` where it is given.
inline float range_error(const float* x, int n, int levels, Line line, std::uint8_t* codes = nullptr) {
    const float inverse = line.scale > 0 ? 1 / line.scale : 0;
    float error = 0;
    for (int i = 0; i < n; ++i) {
        const int q = nearest((x[i] + line.min) * inverse, 0, levels);
        const float off = x[i] + line.min - line.scale * static_cast<float>(q);
        error += off * off;
        if (codes != nullptr) codes[i] = static_cast<std::uint8_t>(q);
    }
    return error;
}
inline float scale_error(const float* x, int n, int half, float scale, std::uint8_t* codes = nullptr) {  // codes: q + half
    const float inverse = scale != 0 ? 1 / scale : 0;
    float error = 0;
    for (int i = 0; i < n; ++i) {
        const int q = nearest(x[i] * inverse, -half, half - 1);
        const float off = x[i] - scale * static_cast<float>(q);
        error += off * off;
        if (codes != nullptr) codes[i] = static_cast<std::uint8_t>(q + half);
    }
    return error;
}

inline constexpr int fit_tries = 9;  // starts on either side of the plain one, a tenth of a level apart

inline Line fit_range(const float* x, int n, int levels) {
    const auto [least, most] = std::minmax_element(x, x + n);
    const float low = std::min(*least, 0.f), high = *most;
    if (!(high > low)) return {0, -low};
    Line best{(high - low) / static_cast<float>(levels), -low};
    float best_error = range_error(x, n, levels, best);
    for (int attempt = -fit_tries; attempt <= fit_tries; ++attempt) {
        const float inverse = (static_cast<float>(levels) + 0.1f * static_cast<float>(attempt)) / (high - low);
        float sum_q = 0, sum_qq = 0, sum_x = 0, sum_qx = 0;
        for (int i = 0; i < n; ++i) {
            const auto q = static_cast<float>(nearest((x[i] - low) * inverse, 0, levels));
            sum_q += q;
            sum_qq += q * q;
            sum_x += x[i];
            sum_qx += q * x[i];
        }
        const auto count = static_cast<float>(n);
        const float det = count * sum_qq - sum_q * sum_q;
        if (!(det > 0)) continue;
        Line line{(count * sum_qx - sum_q * sum_x) / det, 0};
        line.min = (line.scale * sum_q - sum_x) / count;
        if (line.min < 0) line = {sum_qx / sum_qq, 0};  // a minimum above 0 cannot be held: the best line through 0
        const float error = range_error(x, n, levels, line);
        if (line.scale > 0 && error < best_error) {
            best = line;
            best_error = error;
        }
    }
    return best;
}

inline float fit_scale(const float* x, int n, int half) {
    float extreme = 0;
    for (int i = 0; i < n; ++i)
        if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
    if (extreme == 0) return 0;
    float best = extreme / static_cast<float>(-half), best_error = scale_error(x, n, half, best);
    for (int attempt = -fit_tries; attempt <= fit_tries; ++attempt) {
        const float inverse = (0.1f * static_cast<float>(attempt) - static_cast<float>(half)) / extreme;
        float sum_qq = 0, sum_qx = 0;
        for (int i = 0; i < n; ++i) {
            const auto q = static_cast<float>(nearest(x[i] * inverse, -half, half - 1));
            sum_qq += q * q;
            sum_qx += q * x[i];
        }
        if (!(sum_qq > 0)) continue;
        const float scale = sum_qx / sum_qq, error = scale_error(x, n, half, scale);
        if (error < best_error) {
            best = scale;
            best_error = error;
        }
    }
    return best;
}

// A block of 256 in groups of n: x ≈ d · scale · q − dmin · min, scale and min in 0…steps.
template <int n>
struct RangeBlock {
    f16 d, dmin;
    std::uint8_t scale[256 / n], min[256 / n], codes[256];
};

template <int n, int levels, int steps>
RangeBlock<n> fit_range_block(const float* x) {  // x (256)
    constexpr int groups = 256 / n;
    Line lines[groups];
    Line top{};
    for (int g = 0; g < groups; ++g) {
        lines[g] = fit_range(x + g * n, n, levels);
        top = {std::max(top.scale, lines[g].scale), std::max(top.min, lines[g].min)};
    }
    RangeBlock<n> block{f16(top.scale / steps), f16(top.min / steps), {}, {}, {}};
    const float d = block.d, dmin = block.dmin;
    for (int g = 0; g < groups; ++g) {
        const int scale = nearest(d > 0 ? lines[g].scale / d : 0, 0, steps), min = nearest(dmin > 0 ? lines[g].min / dmin : 0, 0, steps);
        float best = -1;
        for (int s = std::max(scale - 1, 0); s <= std::min(scale + 1, steps); ++s)
            for (int m = std::max(min - 1, 0); m <= std::min(min + 1, steps); ++m) {
                const float error = range_error(x + g * n, n, levels, {d * static_cast<float>(s), dmin * static_cast<float>(m)});
                if (best >= 0 && !(error < best)) continue;
                best = error;
                block.scale[g] = static_cast<std::uint8_t>(s);
                block.min[g] = static_cast<std::uint8_t>(m);
            }
        range_error(x + g * n, n, levels, {d * static_cast<float>(block.scale[g]), dmin * static_cast<float>(block.min[g])}, block.codes + g * n);
    }
    return block;
}

// A block of 256 in groups of 16: x ≈ d · scale · (q − half), scale in −steps…steps − 1.
struct ScaleBlock {
    f16 d;
    int scale[16];
    std::uint8_t codes[256];
};

template <int half, int steps>
ScaleBlock fit_scale_block(const float* x) {  // x (256)
    float scales[16], top = 0;
    for (int g = 0; g < 16; ++g) {
        scales[g] = fit_scale(x + g * 16, 16, half);
        if (std::abs(scales[g]) > std::abs(top)) top = scales[g];
    }
    ScaleBlock block{f16(top / -steps), {}, {}};
    const float d = block.d;
    for (int g = 0; g < 16; ++g) {
        const int scale = nearest(d != 0 ? scales[g] / d : 0, -steps, steps - 1);
        float best = -1;
        for (int s = std::max(scale - 1, -steps); s <= std::min(scale + 1, steps - 1); ++s) {
            const float error = scale_error(x + g * 16, 16, half, d * static_cast<float>(s));
            if (best >= 0 && !(error < best)) continue;
            best = error;
            block.scale[g] = s;
        }
        scale_error(x + g * 16, 16, half, d * static_cast<float>(block.scale[g]), block.codes + g * 16);
    }
    return block;
}

}  // namespace tercet::inline TERCET_ABI::detail
