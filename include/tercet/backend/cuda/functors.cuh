// The scalar operations of backend/functors.inc for the device: the same source as the CPU's, so the same formulas.
#pragma once

#include "tercet/backend/operations.hpp"

#include <cuda_runtime.h>
#include <cmath>

namespace tercet::inline TERCET_ABI::cuda::scalar {

#define TERCET_INLINE static __device__ inline
#include "tercet/backend/plain_functors.inc"
#undef TERCET_INLINE

}  // namespace tercet::inline TERCET_ABI::cuda::scalar
