// The scalar operations of backend/functors.inc for the device: the same source as the CPU's, so the same formulas.
#pragma once

#include "tercet/backend/cuda/reduce.cuh"
#include "tercet/backend/operations.hpp"

namespace tercet::inline TERCET_ABI::cuda::scalar {

template <class V>
__device__ constexpr V splat(double constant) {
    return static_cast<V>(constant);
}
template <class V>
__device__ V larger(V a, V b) {
    return a > b ? a : b;
}
template <class V>
__device__ V magnitude(V x) {
    return std::fabs(x);
}
template <class V>
__device__ V normal_tail(V a) {
    return splat<V>(0.5) * std::erfc(a * splat<V>(0.70710678118654752));
}

using std::cos;
using std::erf;
using std::exp;
using std::log;
using std::pow;
using std::sin;
using std::sqrt;
using std::tanh;

#define TERCET_INLINE static __device__ inline
#include "tercet/backend/functors.inc"
#undef TERCET_INLINE

}  // namespace tercet::inline TERCET_ABI::cuda::scalar
