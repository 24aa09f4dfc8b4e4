// Operands of multiply_tile() (mma.cuh) out of tiles of bfloat16 in shared memory. A tile's rows lie 8 numbers further apart than they are long, so
// that those that a warp reads at a time fall into different banks.
#pragma once

#include "tercet/backend/cuda/mma.cuh"
#include "tercet/backend/cuda/reduce.cuh"
#include "tercet/core/dtype.hpp"

namespace tercet::inline TERCET_ABI::cuda::kernels {

inline constexpr int tile_gap = 8;

__device__ inline bf16 to_bfloat(float x) {
    return bf16(x);
}
__device__ inline bf16 to_bfloat(bf16 x) {
    return x;
}
/// This lane's place in what multiply_tile() takes and gives: a row of the first eight, and the first of two neighbours in eight columns.
struct LanePlace {
    int row, column;
    __device__ LanePlace() : row(static_cast<int>(threadIdx.x) % lanes_in_warp / 4), column(static_cast<int>(threadIdx.x) % 4 * 2) {}
};

// Two neighbours of a row as one integer.
__device__ inline unsigned two_of(const bf16* x) {
    return *reinterpret_cast<const unsigned*>(x);
}
/// Rows [row, row + 16) at a depth of a tile that has its depth together, as the left operand of multiply_tile().
template <int stride>
__device__ void load_left(unsigned (&a)[4], const bf16 (*tile)[stride], int row, int depth) {
    const LanePlace lane;
    const int g = row + lane.row, t = depth + lane.column;
    a[0] = two_of(&tile[g][t]);
    a[1] = two_of(&tile[g + 8][t]);
    a[2] = two_of(&tile[g][t + 8]);
    a[3] = two_of(&tile[g + 8][t + 8]);
}
/// Columns [column, column + 8) likewise, of a tile that has them as rows, as the right operand.
template <int stride>
__device__ void load_right(unsigned (&b)[2], const bf16 (*tile)[stride], int column, int depth) {
    const LanePlace lane;
    const int g = column + lane.row, t = depth + lane.column;
    b[0] = two_of(&tile[g][t]);
    b[1] = two_of(&tile[g][t + 8]);
}

}  // namespace tercet::inline TERCET_ABI::cuda::kernels
