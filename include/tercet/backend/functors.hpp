// The scalar operations of backend/functors.inc for plain numbers: what integer and 16-bit tensors compute with, and the reference
// that the tests hold the kernels to.
#pragma once

#include "tercet/core/config.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI::scalar {

#define TERCET_INLINE static inline
#include "tercet/backend/plain_functors.inc"
#undef TERCET_INLINE

}  // namespace tercet::inline TERCET_ABI::scalar
