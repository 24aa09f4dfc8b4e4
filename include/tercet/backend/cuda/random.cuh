// Dropout that draws as it goes, with the same bits as the CPU's: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// A counter gives four numbers; a thread takes a counter, so nothing is handed from one to another.
#pragma once

#include "tercet/backend/cuda/launch.cuh"

namespace tercet::inline TERCET_ABI::cuda {

/// The four words of a counter, as core/random.hpp has them.
struct PhiloxWords {
    std::uint32_t of[4];

    __device__ PhiloxWords(std::uint64_t seed, std::uint64_t counter) {
        std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32), c2 = 0, c3 = 0;
        std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
        for (int round = 0; round < 10; ++round) {
            const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
            c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
            c1 = static_cast<std::uint32_t>(p1);
            c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
            c3 = static_cast<std::uint32_t>(p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        of[0] = c0;
        of[1] = c1;
        of[2] = c2;
        of[3] = c3;
    }
};

namespace kernels {

// y = [y +] x · m, m = 0 where the number drawn, of 24 bits, is below `dropped`, and else `scale`.
template <class T>
__global__ void dropout(T* y, const T* x, std::uint64_t seed, std::uint64_t counter, std::int32_t dropped, T scale, index_t n, bool add) {
    const index_t block = blockIdx.x * static_cast<index_t>(blockDim.x) + threadIdx.x;
    if (4 * block >= n) return;
    const PhiloxWords words(seed, counter + static_cast<std::uint64_t>(block));
    for (int j = 0; j < 4; ++j) {
        const index_t i = 4 * block + j;
        if (i >= n) return;
        const T value = x[i] * (static_cast<std::int32_t>(words.of[j] >> 8) >= dropped ? scale : T(0));  // times 0, not 0: NaN stays
        y[i] = add ? y[i] + value : value;
    }
}

}  // namespace kernels

/// As cpu::Backend::dropout, in the order of a stream: p is the share that is dropped, scale that of the rest.
template <class T>
void dropout(T* y, const T* x, T p, T scale, std::uint64_t seed, std::uint64_t counter, index_t n, bool add, cudaStream_t stream) {
    constexpr int threads = 256;
    const auto dropped = static_cast<std::int32_t>(std::ceil(p * T(1 << 24)));
    launch("dropout", kernels::dropout<T>, ((n + 3) / 4 + threads - 1) / threads, threads, stream, y, x, seed, counter, dropped, scale, n, add);
}

}  // namespace tercet::inline TERCET_ABI::cuda
