// Functions of one's own, element by element, in one pass; and the activations that have a parameter.
//
//   y = f(x)          dx = dy · f'(x)
//
// What has no parameter stands in ops/elementwise.hpp, and runs in the kernels of the machine's instruction set; f here is the program's own code.
#pragma once

#include "tercet/ops/compare.hpp"

namespace tercet::inline TERCET_ABI {

/// f(x) of each element, with its derivative: pointwise(x, [](float v) { return v * v; }, [](float v) { return 2 * v; }).
template <Real T, class F, class Derivative>
Tensor<T> pointwise(const Tensor<T>& x, const F& f, const Derivative& derivative) {
    return record(
        detail::map<T>(x.detach(), f),
        [derivative, xs = save(x)](const Tensor<T>& dy, Gradient<T>& dx) {
            const auto product = [&](T d, T v) { return d * derivative(v); };
            dx.add(detail::zip<T>(dy, *xs, product, "pointwise"));
        },
        x);
}

/// x where it is positive, slope · x elsewhere (Maas et al. 2013).
template <Real T>
Tensor<T> leaky_relu(const Tensor<T>& x, std::type_identity_t<T> slope = T(0.01)) {
    return pointwise(
        x, [slope](T v) { return v > 0 ? v : slope * v; }, [slope](T v) { return v > 0 ? T(1) : slope; });
}

/// x where it is positive, alpha · (e^x − 1) elsewhere (Clevert et al. 2016).
template <Real T>
Tensor<T> elu(const Tensor<T>& x, std::type_identity_t<T> alpha = T(1)) {
    return pointwise(
        x, [alpha](T v) { return v > 0 ? v : alpha * std::expm1(v); }, [alpha](T v) { return v > 0 ? T(1) : alpha * std::exp(v); });
}

}  // namespace tercet::inline TERCET_ABI
