// Dropout (Srivastava et al. 2014): each element is zeroed with probability p and the rest scaled by 1/(1 − p), in training only.
//
//   y = x · m,  m ∈ {0, 1/(1 − p)}          dx = dy · m
#pragma once

#include "tercet/ops/elementwise.hpp"

namespace tercet::inline TERCET_ABI {

/// The mask comes from `generator`, so the same seed drops the same elements on any number of threads. p in [0, 1).
template <Real T>
Tensor<T> dropout(const Tensor<T>& x, double p, Generator& generator) {
    require(p >= 0 && p < 1, ErrorCode::invalid_argument, "dropout: p = ", p, " is not in [0, 1)");
    if (p == 0) return x;
    auto mask = Tensor<T>::rand(x.shape(), generator);
    T* m = mask.mutable_data();
    const T threshold = static_cast<T>(p), kept = static_cast<T>(1 / (1 - p));
    parallel_ranges(mask.numel(), elementwise_grain, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) m[i] = m[i] < threshold ? T(0) : kept;
    });
    return mul(x, mask);
}

}  // namespace tercet::inline TERCET_ABI
