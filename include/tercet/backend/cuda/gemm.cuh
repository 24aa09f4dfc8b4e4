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

namespace tercet::inline TERCET_ABI::cuda {

/// An operand by its strides.
template <class T>
struct Matrix {
    const T* data;
    index_t row_stride, col_stride;
};

inline constexpr int tile_side = 64, tile_depth = 16, tile_threads = 256, of_thread = 4;  // numbers of C a thread has each way

namespace kernels {

/// A tile of an operand, 64 wide and 16 deep, on its way to shared memory: each thread carries four numbers of it.
template <class T>
struct TileLoad {
    T numbers[of_thread];

    // `side` strides along M or N, of which `extent` there are, `depth` along K.
    __device__ void fetch(const T* data, index_t side, index_t depth, index_t first, index_t extent, index_t begin, index_t k) {
        for (int j = 0; j < of_thread; ++j) {
            int s, d;
            place(j, depth == 1, s, d);
            numbers[j] = first + s < extent && begin + d < k ? data[(first + s) * side + (begin + d) * depth] : T(0);
        }
    }
    __device__ void put(T (&tile)[tile_depth][tile_side + 1], bool along_depth) const {
        for (int j = 0; j < of_thread; ++j) {
            int s, d;
            place(j, along_depth, s, d);
            tile[d][s] = numbers[j];
        }
    }

private:
    // Which number of the tile is this thread's j-th: neighbours lie along K, or along the side.
    static __device__ void place(int j, bool along_depth, int& s, int& d) {
        const int i = static_cast<int>(threadIdx.x) + j * tile_threads;
        s = along_depth ? i / tile_depth : i % tile_side;
        d = along_depth ? i % tile_depth : i / tile_side;
    }
};

template <class T>
__global__ void gemm(T* c, index_t ldc, Matrix<T> a, Matrix<T> b, index_t m, index_t n, index_t k, bool accumulate, After<T> after) {
    __shared__ T a_tile[tile_depth][tile_side + 1], b_tile[tile_depth][tile_side + 1];  // one more, so that columns fall into other banks
    const index_t down = (m + tile_side - 1) / tile_side, row = blockIdx.x % down * tile_side, column = blockIdx.x / down * tile_side;
    const int across = tile_side / of_thread, ty = static_cast<int>(threadIdx.x) / across, tx = static_cast<int>(threadIdx.x) % across;
    TileLoad<T> a_next, b_next;
    const auto fetch = [&](index_t begin) {
        a_next.fetch(a.data, a.row_stride, a.col_stride, row, m, begin, k);
        b_next.fetch(b.data, b.col_stride, b.row_stride, column, n, begin, k);
    };
    T sum[of_thread][of_thread] = {};
    fetch(0);
    for (index_t begin = 0; begin < k; begin += tile_depth) {
        a_next.put(a_tile, a.col_stride == 1);
        b_next.put(b_tile, b.row_stride == 1);
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
    for (int i = 0; i < of_thread; ++i)
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
