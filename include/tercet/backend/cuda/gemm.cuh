// The matrix product C (M, N) = [C +] A (M, K) · B (K, N) by tiles: for those who build without cuBLAS, and those who read how it is done (Volkov &
// Demmel 2008, "Benchmarking GPUs to tune dense linear algebra").
//
//   a block computes 64 × 64 of C, going through K in depths of 16 that it holds in shared memory; a thread computes 4 × 4 of them in registers
//
// Why it is fast: each number of A and B is read from memory once for 64 numbers of the other, and from shared memory once for 4. Operands come by
// strides, so transposed ones need no copy; neighbouring threads read along whichever side lies together in memory. The depth after this one is
// under way from memory while this one is multiplied.
#pragma once

#include "tercet/backend/cuda/after.cuh"
#include "tercet/backend/cuda/launch.cuh"
#include "tercet/backend/cuda/tile_load.cuh"

namespace tercet::inline TERCET_ABI::cuda {

/// An operand by its strides.
template <class T>
struct Matrix {
    const T* data;
    index_t row_stride, col_stride;
};

inline constexpr int tile_side = 64, tile_depth = 16, tile_threads = 256, of_thread = 4;  // numbers of C a thread has each way

namespace kernels {

template <class T>
__global__ void gemm(T* c, index_t ldc, Matrix<T> a, Matrix<T> b, index_t m, index_t n, index_t k, bool accumulate, After<T> after) {
    __shared__ T a_tile[tile_depth][tile_side + 1], b_tile[tile_depth][tile_side + 1];  // one more, so that columns fall into other banks
    const index_t down = (m + tile_side - 1) / tile_side, row = blockIdx.x % down * tile_side, column = blockIdx.x / down * tile_side;
    const int across = tile_side / of_thread, ty = static_cast<int>(threadIdx.x) / across, tx = static_cast<int>(threadIdx.x) % across;
    TileLoad<T, tile_side, tile_depth, tile_threads> a_next, b_next;
    const auto fetch = [&](index_t begin) {
        a_next.fetch(a.data, a.row_stride, a.col_stride, row, m, begin, k);
        b_next.fetch(b.data, b.col_stride, b.row_stride, column, n, begin, k);
    };
    T sum[of_thread][of_thread] = {};
    fetch(0);
    for (index_t begin = 0; begin < k; begin += tile_depth) {
        a_next.each(a.col_stride == 1, [&](int side, int d, T number) { a_tile[d][side] = number; });
        b_next.each(b.row_stride == 1, [&](int side, int d, T number) { b_tile[d][side] = number; });
        __syncthreads();
        if (begin + tile_depth < k) fetch(begin + tile_depth);
        for (int d = 0; d < tile_depth; ++d) {
            T left[of_thread], right[of_thread];
            for (int i = 0; i < of_thread; ++i) {
                left[i] = a_tile[d][ty + i * across];
                right[i] = b_tile[d][tx + i * across];
            }
            for (int i = 0; i < of_thread; ++i)
                for (int j = 0; j < of_thread; ++j) sum[i][j] += left[i] * right[j];
        }
        __syncthreads();
    }
#pragma unroll  // or the sums would have to lie in memory
    for (int i = 0; i < of_thread; ++i)
#pragma unroll
        for (int j = 0; j < of_thread; ++j) {
            const index_t r = row + ty + i * across, q = column + tx + j * across;
            if (r >= m || q >= n) continue;
            const T value = sum[i][j] + (accumulate ? c[r * ldc + q] : T(0));
            c[r * ldc + q] = after.of(value, r, q);
        }
}

}  // namespace kernels

/// C (m, n), rows ldc apart, = [C +] A (m, k) · B (k, n), then what comes after it; in the order of a stream.
template <class T>
void gemm(T* c, index_t ldc, const Matrix<T>& a, const Matrix<T>& b, index_t m, index_t n, index_t k, bool accumulate, const After<T>& after = {},
          cudaStream_t stream = nullptr) {
    const index_t down = (m + tile_side - 1) / tile_side, across = (n + tile_side - 1) / tile_side;
    launch("gemm", kernels::gemm<T>, down * across, tile_threads, stream, c, ldc, a, b, m, n, k, accumulate, after);
}

}  // namespace tercet::inline TERCET_ABI::cuda
