// Block-quantised weights on the device, as they stand in a file: their product with a few rows, and unpacked for products of many.
//
//   w = scale · u − least, with codes u that fit into signed bytes     x = s · a, 32 neighbours as signed bytes a under one s
//
//   Σ w x = s · (scale · Σ u a − least · Σ a)                     four products and their sum are one instruction (dp4a)
//
// Why it is fast: a decoding step reads each weight once and does little with it, so memory sets the pace. A weight takes 0.33 to 1.06 bytes instead
// of four, the lanes of a warp read a row from end to end, and a code is never unpacked to more than a byte.
#pragma once

#include "tercet/backend/cuda/after.cuh"
#include "tercet/backend/cuda/launch.cuh"
#include "tercet/backend/cuda/reduce.cuh"
#include "tercet/quant/block.hpp"

namespace tercet::inline TERCET_ABI::cuda {

/// Rows of activations as round_rows() leaves them: codes (M, K), at an address that four divides, and scales (M, K / 32).
struct ByteRows {
    const std::int8_t* codes;
    const float* scales;
};

namespace kernels {

/// Four neighbouring weights of a block: their codes in the bytes of an integer, and the place of the first.
struct Quad {
    int place, codes;
    float scale, least;
};

// Four bytes from an even address, which is all that blocks keep to.
__device__ inline int four_bytes(const void* p) {
    const auto* halves = static_cast<const std::uint16_t*>(p);
    return static_cast<int>(halves[0] | static_cast<unsigned>(halves[1]) << 16);
}
// The lower `width` bits of each byte of x >> shift.
template <int width>
__device__ int codes_at(int x, int shift) {
    return static_cast<int>(static_cast<unsigned>(x) >> shift) & ((1 << width) - 1) * 0x01010101;
}
// Bit i of four, as bit 4 of byte i.
__device__ inline int fifth_bits(unsigned four) {
    return static_cast<int>((four & 15) * 0x00204081 & 0x01010101) << 4;
}

/// How the lanes of a warp share a block: `count` parts of `quads` quads each. The layouts are told in quant/.
template <class B>
struct Parts;

struct PartsOfNibbles {
    static constexpr int count = 4, quads = 2;

    // Four bytes hold four neighbours in their lower halves, and those 16 further on in the upper.
    static __device__ void read(Quad (&q)[2], const std::uint8_t* nibbles, int part, float scale, float least) {
        const int bytes = four_bytes(nibbles + 4 * part);
        q[0] = {4 * part, codes_at<4>(bytes, 0), scale, least};
        q[1] = {4 * part + 16, codes_at<4>(bytes, 4), scale, least};
    }
    static __device__ void add_fifth_bits(Quad (&q)[2], const std::uint8_t (&high)[4], int part) {
        for (int j = 0; j < 2; ++j) q[j].codes |= fifth_bits(high[2 * j + part / 2] >> part % 2 * 4);
    }
};

template <>
struct Parts<Q8_0> {
    static constexpr int count = 4, quads = 2;
    static __device__ void read(Quad (&q)[2], const Q8_0& b, int part) {
        for (int j = 0; j < 2; ++j) q[j] = {8 * part + 4 * j, four_bytes(b.q + 8 * part + 4 * j), b.d, 0};
    }
};
template <>
struct Parts<Q4_0> : PartsOfNibbles {
    static __device__ void read(Quad (&q)[2], const Q4_0& b, int part) { PartsOfNibbles::read(q, b.nibbles, part, b.d, 8 * b.d); }
};
template <>
struct Parts<Q4_1> : PartsOfNibbles {
    static __device__ void read(Quad (&q)[2], const Q4_1& b, int part) { PartsOfNibbles::read(q, b.nibbles, part, b.d, -b.m); }
};
template <>
struct Parts<Q5_0> : PartsOfNibbles {
    static __device__ void read(Quad (&q)[2], const Q5_0& b, int part) {
        PartsOfNibbles::read(q, b.q.nibbles, part, b.d, 16 * b.d);
        add_fifth_bits(q, b.q.high, part);
    }
};
template <>
struct Parts<Q5_1> : PartsOfNibbles {
    static __device__ void read(Quad (&q)[2], const Q5_1& b, int part) {
        PartsOfNibbles::read(q, b.q.nibbles, part, b.d, -b.m);
        add_fifth_bits(q, b.q.high, part);
    }
};
// Four of IQ4_NL's steps, from the given one on, as bytes of an integer.
constexpr unsigned four_steps(int from) {
    unsigned steps = 0;
    for (int i = 0; i < 4; ++i) steps |= static_cast<unsigned>(static_cast<std::uint8_t>(IQ4_NL::steps[from + i])) << 8 * i;
    return steps;
}
// The step of a code as an unsigned byte. An array would have to lie in memory.
__device__ inline unsigned step_of(int code) {
    constexpr unsigned first = four_steps(0), second = four_steps(4), third = four_steps(8), fourth = four_steps(12);
    const unsigned steps = code < 8 ? (code < 4 ? first : second) : (code < 12 ? third : fourth);
    return steps >> code % 4 * 8 & 255;
}
template <>
struct Parts<IQ4_NL> : PartsOfNibbles {
    static __device__ void read(Quad (&q)[2], const IQ4_NL& b, int part) {
        PartsOfNibbles::read(q, b.nibbles, part, b.d, 0);
        for (Quad& quad : q) {
            unsigned codes = 0;
            for (int i = 0; i < 32; i += 8) codes |= step_of(quad.codes >> i & 15) << i;
            quad.codes = static_cast<int>(codes);
        }
    }
};

// Planes of codes lie in halves of 128 numbers. A part is four neighbours of each 32 in a half.
struct PartsOfHalves {
    static constexpr int count = 16, quads = 4;

    static __device__ int place(int part, int j) { return part / 8 * 128 + 32 * j + part % 8 * 4; }
};

template <>
struct Parts<Q2_K> : PartsOfHalves {
    static __device__ void read(Quad (&q)[4], const Q2_K& b, int part) {
        const int bytes = four_bytes(b.codes + 4 * part);
        const float d = b.d, dmin = b.dmin;
        for (int j = 0; j < 4; ++j) {
            const unsigned pair = b.scales[place(part, j) / 16];
            q[j] = {place(part, j), codes_at<2>(bytes, 2 * j), d * static_cast<float>(pair & 15), dmin * static_cast<float>(pair >> 4)};
        }
    }
};
template <>
struct Parts<Q3_K> : PartsOfHalves {
    static __device__ void read(Quad (&q)[4], const Q3_K& b, int part) {
        const int low = four_bytes(b.low + 4 * part), high = four_bytes(b.high + part % 8 * 4);
        for (int j = 0; j < 4; ++j) {
            const float scale = static_cast<float>(b.d) * (static_cast<float>(b.scale(place(part, j) / 16)) - 32);
            q[j] = {place(part, j), codes_at<2>(low, 2 * j) | codes_at<1>(high, part / 8 * 4 + j) << 2, scale, 4 * scale};
        }
    }
};
template <>
struct Parts<Q6_K> : PartsOfHalves {
    static __device__ void read(Quad (&q)[4], const Q6_K& b, int part) {
        const int high = four_bytes(b.high + 4 * part);
        const std::uint8_t* low = b.low + part / 8 * 64 + part % 8 * 4;
        const int lows[2] = {four_bytes(low), four_bytes(low + 32)};
        for (int j = 0; j < 4; ++j) {
            const float scale = static_cast<float>(b.d) * static_cast<float>(b.scales[place(part, j) / 16]);
            q[j] = {place(part, j), codes_at<4>(lows[j % 2], j / 2 * 4) | codes_at<2>(high, 2 * j) << 4, scale, 32 * scale};
        }
    }
};

// 32 bytes hold 32 neighbours in their lower halves and the next 32 in the upper.
struct PartsOfPairs {
    static constexpr int count = 32, quads = 2;

    template <class B>
    static __device__ void read(Quad (&q)[2], const B& b, int part) {
        const int bytes = four_bytes(b.nibbles + 4 * part);
        const float d = b.d, dmin = b.dmin;
        for (int j = 0; j < 2; ++j) {
            const int group = part / 8 * 2 + j;
            q[j] = {32 * group + part % 8 * 4, codes_at<4>(bytes, 4 * j), d * static_cast<float>(b.scales.scale(group)),
                    dmin * static_cast<float>(b.scales.min(group))};
        }
    }
};
template <>
struct Parts<Q4_K> : PartsOfPairs {};
template <>
struct Parts<Q5_K> : PartsOfPairs {
    static __device__ void read(Quad (&q)[2], const Q5_K& b, int part) {
        PartsOfPairs::read(q, b, part);
        const int high = four_bytes(b.high + part % 8 * 4);
        for (int j = 0; j < 2; ++j) q[j].codes |= codes_at<1>(high, part / 8 * 2 + j) << 4;
    }
};

// A warp for 32 numbers of x: the largest magnitude becomes 127. Where one is no finite number, the scale is NaN.
template <class T>
__global__ void round_rows(std::int8_t* codes, float* scales, const T* x, index_t groups) {
    const index_t group = blockIdx.x * static_cast<index_t>(blockDim.x / lanes_in_warp) + threadIdx.x / lanes_in_warp;
    if (group >= groups) return;  // a warp as a whole
    const index_t i = group * 32 + threadIdx.x % lanes_in_warp;
    const float value = static_cast<float>(x[i]), top = over_warp<Maximum>(value < 0 ? -value : value);
    const bool finite = __all_sync(0xffffffffu, value - value == 0.f) != 0, some = finite && top > 0x1p-100f;
    codes[i] = static_cast<std::int8_t>(some ? std::rint(value * (127 / top)) : 0.f);
    if (threadIdx.x % lanes_in_warp == 0) scales[group] = some ? top / 127 : finite ? 0.f : NAN;
}

// A warp a row of W, for up to `rows` rows of x from first_row on: those beyond the m-th are the m-th again, and not written.
template <class B, int rows>
__global__ void stored_product(float* y, index_t ldy, const B* w, ByteRows x, index_t m, index_t n, index_t k, index_t first_row,
                               After<float> after) {
    using P = Parts<B>;
    const index_t j = blockIdx.x * static_cast<index_t>(blockDim.x / lanes_in_warp) + threadIdx.x / lanes_in_warp, blocks = k / B::size;
    if (j >= n) return;
    float sum[rows] = {};
    for (index_t p = threadIdx.x % lanes_in_warp; p < blocks * P::count; p += lanes_in_warp) {
        const index_t block = p / P::count;
        Quad q[P::quads];
        P::read(q, w[j * blocks + block], static_cast<int>(p % P::count));
        for (const Quad& quad : q) {
            const index_t at = block * B::size + quad.place;
            for (int r = 0; r < rows; ++r) {
                const index_t row = first_row + r < m ? first_row + r : m - 1, i = row * k + at;
                const int a = *reinterpret_cast<const int*>(x.codes + i);
                sum[r] += x.scales[i / 32] *
                          (quad.scale * static_cast<float>(__dp4a(quad.codes, a, 0)) - quad.least * static_cast<float>(__dp4a(0x01010101, a, 0)));
            }
        }
    }
    for (int r = 0; r < rows; ++r) {
        const float total = over_warp<Sum>(sum[r]);
        if (threadIdx.x % lanes_in_warp == 0 && first_row + r < m) y[(first_row + r) * ldy + j] = after.of(total, first_row + r, j);
    }
}

// A thread a part.
template <class B>
__global__ void unpack(float* w, const B* blocks, index_t count) {
    using P = Parts<B>;
    const index_t p = blockIdx.x * static_cast<index_t>(blockDim.x) + threadIdx.x;
    if (p >= count * P::count) return;
    Quad q[P::quads];
    P::read(q, blocks[p / P::count], static_cast<int>(p % P::count));
    for (const Quad& quad : q) {
        const auto value = [&](int i) { return quad.scale * static_cast<float>(static_cast<std::int8_t>(quad.codes >> i)) - quad.least; };
        *reinterpret_cast<float4*>(w + p / P::count * B::size + quad.place) = make_float4(value(0), value(8), value(16), value(24));
    }
}

}  // namespace kernels

/// Activations x (M, K) to bytes: codes (M, K), scales (M, K / 32). K is a multiple of 32.
template <class T>
void round_rows(std::int8_t* codes, float* scales, const T* x, index_t m, index_t k, cudaStream_t stream = nullptr) {
    constexpr int warps = 8;
    const index_t groups = m * (k / 32);
    launch("round_rows", kernels::round_rows<T>, (groups + warps - 1) / warps, warps * lanes_in_warp, stream, codes, scales, x, groups);
}

/// y (M, N), rows ldy apart, = x (M, K) · Wᵀ, W (N, K / B::size) blocks, then what comes after it. For a few rows: W is read anew for
/// each eight.
template <class B>
void stored_product(float* y, index_t ldy, const B* w, const ByteRows& x, index_t m, index_t n, index_t k, const After<float>& after = {},
                    cudaStream_t stream = nullptr) {
    constexpr int warps = 4;
    for (index_t first = 0; first < m; first += 8) {
        const auto start = [&](auto kernel) {
            launch("stored_product", kernel, (n + warps - 1) / warps, warps * lanes_in_warp, stream, y, ldy, w, x, m, n, k, first, after);
        };
        if (const index_t left = m - first; left > 4) start(kernels::stored_product<B, 8>);
        else if (left > 2) start(kernels::stored_product<B, 4>);
        else if (left > 1) start(kernels::stored_product<B, 2>);
        else start(kernels::stored_product<B, 1>);
    }
}

/// w (count · B::size), 16-byte aligned, from that many blocks: what a product of many rows starts with.
template <class B>
void unpack(float* w, const B* blocks, index_t count, cudaStream_t stream = nullptr) {
    constexpr int threads = 128;
    launch("unpack", kernels::unpack<B>, (count * kernels::Parts<B>::count + threads - 1) / threads, threads, stream, w, blocks, count);
}

}  // namespace tercet::inline TERCET_ABI::cuda
