// The matrix product C (M, N) = [C +] A (M, K) · B (K, N) on tensor cores (compute capability 8.0 and later): operands in bfloat16, sums in float.
// Operands that are floats are rounded on their way, as mixed precision has it (Micikevicius et al. 2018, section 3).
//
//   a block computes 64 × 64 of C, going through K in depths of 32 that it holds in shared memory; each of its eight warps computes 16 × 32 of them
//   as four tiles of 16 × 8, which one instruction of the warp multiplies and sums over a depth of 16
//
// Why it is fast: a tensor core makes 2,048 products in the time of a few of a lane's. The rest keeps it fed: as in gemm.cuh each number is read from
// memory once for 64 of the other operand, and the next depth travels while this one is multiplied.
#pragma once

#include "tercet/backend/cuda/gemm.cuh"
#include "tercet/backend/cuda/tensor_tile.cuh"

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int tensor_side = 64, tensor_depth = 32, tensor_threads = 256;

namespace kernels {

template <class A, class B>
__device__ void multiply_on_tensor_cores(float* c, index_t ldc, const Matrix<A>& a, const Matrix<B>& b, index_t m, index_t n, index_t k,
                                         bool accumulate, const After<float>& after) {
    constexpr int stride = tensor_depth + tile_gap, tiles = 4, across = tensor_side / (tiles * mma_columns);
    __shared__ __align__(16) bf16 a_tile[tensor_side][stride], b_tile[tensor_side][stride];
    const index_t down = (m + tensor_side - 1) / tensor_side, row = blockIdx.x % down * tensor_side, column = blockIdx.x / down * tensor_side;
    const LanePlace lane;
    const int warp = static_cast<int>(threadIdx.x) / lanes_in_warp;
    const int own_row = warp / across * mma_rows, own_column = warp % across * tiles * mma_columns;
    TileLoad<A, tensor_side, tensor_depth, tensor_threads> a_next;
    TileLoad<B, tensor_side, tensor_depth, tensor_threads> b_next;
    const auto fetch = [&](index_t begin) {
        a_next.fetch(a.data, a.row_stride, a.col_stride, row, m, begin, k);
        b_next.fetch(b.data, b.col_stride, b.row_stride, column, n, begin, k);
    };
    float sum[tiles][4] = {};
    fetch(0);
    for (index_t begin = 0; begin < k; begin += tensor_depth) {
        a_next.each(a.col_stride == 1, [&](int side, int d, A number) { a_tile[side][d] = to_bfloat(number); });
        b_next.each(b.row_stride == 1, [&](int side, int d, B number) { b_tile[side][d] = to_bfloat(number); });
        __syncthreads();
        if (begin + tensor_depth < k) fetch(begin + tensor_depth);
        for (int d = 0; d < tensor_depth; d += mma_depth) {
            unsigned left[4], right[2];
            load_left(left, a_tile, own_row, d);
            for (int j = 0; j < tiles; ++j) {
                load_right(right, b_tile, own_column + j * mma_columns, d);
                multiply_tile(sum[j], left, right);
            }
        }
        __syncthreads();
    }
#pragma unroll  // or the sums would have to lie in memory
    for (int j = 0; j < tiles; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const index_t r = row + own_row + lane.row + i / 2 * 8, q = column + own_column + j * mma_columns + lane.column + i % 2;
            if (r < m && q < n) c[r * ldc + q] = after.of(sum[j][i] + (accumulate ? c[r * ldc + q] : 0.f), r, q);
        }
}

template <class A, class B>
__global__ void __launch_bounds__(tensor_threads, 2)
    gemm_tensor(float* c, index_t ldc, Matrix<A> a, Matrix<B> b, index_t m, index_t n, index_t k, bool accumulate, After<float> after) {
    if constexpr (has_tensor_cores) multiply_on_tensor_cores(c, ldc, a, b, m, n, k, accumulate, after);
    else __trap();  // callers ask the device first
}

}  // namespace kernels

/// C (m, n), rows ldc apart, = [C +] A (m, k) · B (k, n), then what comes after it; A and B float or bf16. For compute capability 8.0 and later.
template <class A, class B>
void gemm_tensor(float* c, index_t ldc, const Matrix<A>& a, const Matrix<B>& b, index_t m, index_t n, index_t k, bool accumulate,
                 const After<float>& after = {}, cudaStream_t stream = nullptr) {
    const index_t down = (m + tensor_side - 1) / tensor_side, across = (n + tensor_side - 1) / tensor_side;
    launch("gemm_tensor", kernels::gemm_tensor<A, B>, down * across, tensor_threads, stream, c, ldc, a, b, m, n, k, accumulate, after);
}

}  // namespace tercet::inline TERCET_ABI::cuda
