// Dropout (Srivastava et al. 2014): each element is zeroed with probability p and the rest scaled by 1/(1 − p), in training only.
//
//   y = x · m,  m ∈ {0, 1/(1 − p)}          dx = dy · m
//
// Forward draws m as it goes, and saves where in the generator's stream it began: backward draws the same numbers again.
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// Draws from `generator`, so the same seed drops the same elements on any number of threads. p in [0, 1), else throws invalid_argument.
template <Real T>
Tensor<T> dropout(const Tensor<T>& x, double p, Generator& generator) {
    require(p >= 0 && p < 1, ErrorCode::invalid_argument, "dropout: p = ", p, " is not in [0, 1)");
    if (p == 0) return x;
    const auto apply = [probability = static_cast<T>(p), scale = static_cast<T>(1 / (1 - p)), seed = generator.seed(),
                        position = generator.position()](T* to, const T* from, index_t n, bool add) {
        Device::dropout(to, from, probability, scale, seed, position, n, add);
    };
    const auto xc = x.detach().contiguous();
    auto y = Tensor<T>::empty(x.shape());
    apply(y.mutable_device_data(), xc.device_data(), xc.numel(), false);
    generator = Generator(generator.seed(), generator.position() + static_cast<std::uint64_t>((xc.numel() + 3) / 4));  // four numbers a block
    return record(
        y,
        [apply](const Tensor<T>& dy, Gradient<T>& dx) {
            const bool add = !dx.fresh();
            apply(dx.device_data_to_write(), dy.device_data(), dy.numel(), add);
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
