// The largest numbers of each row and where they stand: what choosing the next token needs of the logits. The order is that of ops/sort.hpp: equals
// by their place, NaN above all.
//
//   Each number and its place make one integer, (number in the order of its bits, −place), so no two are equal and any order of work gives the same.
//   The k largest are found by their digits of eight bits, from the highest on: how many begin with each digit, and which digit the k-th has.
//
// Why it is fast: nothing is sorted but the k that are left, and the digits of float logits part after two or three of eight passes, which read the
// row from the cache.
#pragma once

#include "tercet/backend/cuda/launch.cuh"
#include "tercet/backend/cuda/reduce.cuh"

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int most_k = 1024, top_threads = 256;

namespace kernels {

__device__ inline std::uint64_t key_of(float x, index_t place) {
    const auto bits = static_cast<unsigned>(__float_as_int(x == 0 ? 0.f : x));
    const unsigned order = x != x ? 0xffffffffu : bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
    return static_cast<std::uint64_t>(order) << 32 | ~static_cast<unsigned>(place);
}
__device__ inline index_t place_of(std::uint64_t key) {
    return static_cast<unsigned>(~key);
}

// A block a row.
template <class I>
__global__ void argmax(I* places, const float* x, index_t n) {
    const float* row = x + blockIdx.x * n;
    std::uint64_t best = 0;
    for (index_t i = threadIdx.x; i < n; i += blockDim.x) best = Maximum::of(best, key_of(row[i], i));
    best = over_block<Maximum>(best);
    if (threadIdx.x == 0) places[blockIdx.x] = static_cast<I>(place_of(best));
}

template <class I>
__global__ void top_k(float* values, I* places, const float* x, index_t n, int k) {
    constexpr int digits = 256;
    __shared__ int counts[digits], found;
    __shared__ std::uint64_t chosen[most_k];
    const float* row = x + blockIdx.x * n;
    std::uint64_t prefix = 0, known = 0;  // of the k-th largest key: its digits so far, and ones where they are
    int wanted = k;                       // of the keys that begin so
    for (int shift = 56; shift >= 0; shift -= 8) {
        for (int d = static_cast<int>(threadIdx.x); d < digits; d += static_cast<int>(blockDim.x)) counts[d] = 0;
        if (threadIdx.x == 0) found = 0;
        __syncthreads();
        for (index_t i = threadIdx.x; i < n; i += blockDim.x)
            if (const std::uint64_t key = key_of(row[i], i); (key & known) == prefix) atomicAdd(&counts[key >> shift & 255], 1);
        __syncthreads();
        int digit = digits - 1;
        while (counts[digit] < wanted) wanted -= counts[digit--];
        prefix |= static_cast<std::uint64_t>(digit) << shift;
        known |= std::uint64_t{255} << shift;
        const bool all = counts[digit] == wanted;  // that begin so are wanted
        __syncthreads();
        if (all) break;
    }
    for (index_t i = threadIdx.x; i < n; i += blockDim.x)
        if (const std::uint64_t key = key_of(row[i], i); (key & known) >= prefix) chosen[atomicAdd(&found, 1)] = key;
    __syncthreads();
    for (int j = static_cast<int>(threadIdx.x); j < k; j += static_cast<int>(blockDim.x)) {
        int before = 0;
        for (int other = 0; other < k; ++other) before += chosen[other] > chosen[j] ? 1 : 0;
        const index_t place = place_of(chosen[j]);
        values[blockIdx.x * static_cast<index_t>(k) + before] = row[place];
        places[blockIdx.x * static_cast<index_t>(k) + before] = static_cast<I>(place);
    }
}

}  // namespace kernels

/// places (rows) = where the largest of each row of x (rows, n) is. Rows are not empty, and shorter than 2³².
template <class I>
void argmax(I* places, const float* x, index_t rows, index_t n, cudaStream_t stream = nullptr) {
    launch("argmax", kernels::argmax<I>, rows, top_threads, stream, places, x, n);
}

/// values and places (rows, k): the k largest of each row of x (rows, n) in order. Throws unsupported where k is more than 1,024, and
/// index_out_of_range unless it is between 1 and n.
template <class I>
void top_k(float* values, I* places, const float* x, index_t rows, index_t n, index_t k, cudaStream_t stream = nullptr) {
    require(k >= 1 && k <= n, ErrorCode::index_out_of_range, "top_k: ", k, " of ", n);
    require(k <= most_k, ErrorCode::unsupported, "top_k: ", k, " are more than the ", most_k, " that the GPU's shared memory holds");
    launch("top_k", kernels::top_k<I>, rows, top_threads, stream, values, places, x, n, static_cast<int>(k));
}

}  // namespace tercet::inline TERCET_ABI::cuda
