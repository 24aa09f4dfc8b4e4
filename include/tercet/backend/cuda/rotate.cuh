// Rotary positions (Su et al. 2021, "RoFormer", eq. 34): each pair of a row's channels turned by its position's angle.
//
//   y₁ = x₁ cos − x₂ sin        y₂ = x₂ cos + x₁ sin        backward is the same with the angle's sign changed
//
// Why it is fast: a thread has a pair, so both numbers are read and written once; the angles of a position are shared by all its heads and stay in
// the cache.
#pragma once

#include "tercet/backend/cuda/launch.cuh"

namespace tercet::inline TERCET_ABI::cuda {

namespace kernels {

template <class T>
__global__ void rotate(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t rows, index_t half, index_t share, index_t positions,
                       bool neighbours) {
    const index_t number = blockIdx.x * static_cast<index_t>(blockDim.x) + threadIdx.x;
    if (number >= rows * half) return;
    const index_t row = number / half, i = number % half, angle = row / share % positions * half + i;
    const index_t first = row * 2 * half + (neighbours ? 2 * i : i), second = first + (neighbours ? 1 : half);
    const T c = cosine[angle], s = sign * sine[angle], a = x[first], b = x[second];
    y[first] = a * c - b * s;
    y[second] = b * c + a * s;
}

}  // namespace kernels

/// As cpu::Backend::rotate: y, x (rows, 2 · half); row r has the angles of row r / share % positions of cosine and sine (positions, half). The pairs
/// are (i, i + half), or neighbours (2i, 2i + 1).
template <class T>
void rotate(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t rows, index_t half, index_t share, index_t positions,
            bool neighbours = false, cudaStream_t stream = nullptr) {
    constexpr int threads = 256;
    launch("rotate", kernels::rotate<T>, (rows * half + threads - 1) / threads, threads, stream, y, x, cosine, sine, sign, rows, half, share,
           positions, neighbours);
}

}  // namespace tercet::inline TERCET_ABI::cuda
