// What a tensor core does for a warp (PTX ISA 7.0, mma.m16n8k16): D (16, 8) += A (16, 16) · B (16, 8), operands in bfloat16, sums in float. From
// compute capability 8.0 on. In the tests another file of this name stands first in the include path, which computes the same on the CPU.
//
// With g = lane / 4 and t = lane % 4, a lane has
//
//   A   rows g, g + 8, g, g + 8 at columns 2t, 2t, 2t + 8, 2t + 8: two neighbours in each of four integers
//   B   column g at rows 2t, 2t + 8: two neighbours in each of two integers
//   D   row g at columns 2t and 2t + 1, row g + 8 likewise
#pragma once

#include "tercet/core/config.hpp"

#include <cuda_runtime.h>

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int mma_rows = 16, mma_columns = 8, mma_depth = 16;

/// Whether the device that this is compiled for has such cores.
inline constexpr bool has_tensor_cores = cuda_architecture == 0 || cuda_architecture >= 800;

// Templates, so that the instructions are met only where a kernel is made that has them.

/// Two numbers rounded to bfloat16, the first in the lower half.
template <class T>
__device__ unsigned two_bfloats(T first, T second) {
    unsigned two;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(two) : "f"(second), "f"(first));
    return two;
}

template <class T>
__device__ void multiply_tile(T (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace tercet::inline TERCET_ABI::cuda
