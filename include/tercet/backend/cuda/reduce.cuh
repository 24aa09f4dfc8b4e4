// Sums and maxima over the threads of a block: within each warp by shuffles, then over the warps' results in shared memory (Harris 2007, "Optimizing
// parallel reduction in CUDA"; the shuffles came with Kepler). The order is fixed, so the bits are the same each time.
#pragma once

#include "tercet/core/config.hpp"

#include <cuda_runtime.h>
#include <cmath>

namespace tercet::inline TERCET_ABI::cuda {

// For float and double alike, on the device as on the host.
using std::exp;
using std::log;
using std::sqrt;

struct Sum {
    template <class T>
    static __device__ T of(T a, T b) {
        return a + b;
    }
};
struct Maximum {
    template <class T>
    static __device__ T of(T a, T b) {
        return a > b || b != b ? a : b;
    }
};

inline constexpr int lanes_in_warp = 32, most_warps = 32;

/// What all lanes of a whole warp bring, by Op, in each of them.
template <class Op, class T>
__device__ T over_warp(T value) {
    for (int step = lanes_in_warp / 2; step > 0; step /= 2) value = Op::of(value, __shfl_xor_sync(0xffffffffu, value, step));
    return value;
}

/// The same for a block of whole warps. All its threads must come here, and may come again.
template <class Op, class T>
__device__ T over_block(T value) {
    __shared__ T of_warp[most_warps];
    const unsigned warp = threadIdx.x / lanes_in_warp, lane = threadIdx.x % lanes_in_warp, warps = blockDim.x / lanes_in_warp;
    value = over_warp<Op>(value);
    if (lane == 0) of_warp[warp] = value;
    __syncthreads();
    value = of_warp[0];
    for (unsigned w = 1; w < warps; ++w) value = Op::of(value, of_warp[w]);
    __syncthreads();  // before it is written again
    return value;
}

}  // namespace tercet::inline TERCET_ABI::cuda
