// The scalar operations of backend/functors.inc for plain numbers: what integer and 16-bit tensors compute with, and the reference
// that the tests hold the kernels to.
#pragma once

#include "tercet/core/config.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI::scalar {

template <class V>
constexpr V splat(double constant) {
    return static_cast<V>(constant);
}

template <class V>
V larger(V a, V b) {
    return a > b ? a : b;
}
template <class V>
V magnitude(V x) {
    return std::fabs(x);
}
template <class V>
V normal_tail(V a) {
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

#define TERCET_INLINE static inline
#include "tercet/backend/functors.inc"
#undef TERCET_INLINE

}  // namespace tercet::inline TERCET_ABI::scalar
