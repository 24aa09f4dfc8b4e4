// Losses of numbers x against numbers t, of the same shape; both get gradients. With d = x − t:
//
//   mse_loss:         d²
//   l1_loss:          |d|
//   huber_loss:       ½ d² where |d| ≤ δ,  δ (|d| − ½ δ) elsewhere          (Huber 1964)
//   smooth_l1_loss:   ½ d² / β where |d| < β,  |d| − ½ β elsewhere          (Girshick 2015): Huber's with δ = β, divided by β
#pragma once

#include "tercet/ops/loss_reduction.hpp"
#include "tercet/ops/pointwise.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

template <Real T>
Tensor<T> difference(const Tensor<T>& x, const Tensor<T>& target, std::string_view what) {
    require(x.shape() == target.shape(), ErrorCode::shape_mismatch, what, ": ", x.shape(), " and ", target.shape(), " differ");
    return x - target;
}

}  // namespace detail

/// (x − target)². Throws shape_mismatch.
template <Real T>
Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target, LossReduction reduction = LossReduction::mean) {
    return detail::reduced_loss(square(detail::difference(x, target, "mse_loss")), reduction);
}

/// |x − target|; no slope where they are equal. Throws shape_mismatch.
template <Real T>
Tensor<T> l1_loss(const Tensor<T>& x, const Tensor<T>& target, LossReduction reduction = LossReduction::mean) {
    return detail::reduced_loss(abs(detail::difference(x, target, "l1_loss")), reduction);
}

/// Quadratic up to a distance of delta, linear beyond. Throws shape_mismatch, and invalid_argument unless delta is positive.
template <Real T>
Tensor<T> huber_loss(const Tensor<T>& x, const Tensor<T>& target, double delta = 1, LossReduction reduction = LossReduction::mean) {
    require(delta > 0, ErrorCode::invalid_argument, "huber_loss: delta = ", delta, " is not positive");
    const auto value = [bend = static_cast<T>(delta)](T d) {
        const T size = std::abs(d);
        return size <= bend ? d * d / 2 : bend * (size - bend / 2);
    };
    const auto slope = [bend = static_cast<T>(delta)](T d) { return d > bend ? bend : d < -bend ? -bend : d; };
    return detail::reduced_loss(pointwise(detail::difference(x, target, "huber_loss"), value, slope), reduction);
}

/// huber_loss with delta = beta, divided by it: its slope is 1 beyond beta. A beta of 0 gives l1_loss. Throws shape_mismatch and invalid_argument.
template <Real T>
Tensor<T> smooth_l1_loss(const Tensor<T>& x, const Tensor<T>& target, double beta = 1, LossReduction reduction = LossReduction::mean) {
    require(beta >= 0, ErrorCode::invalid_argument, "smooth_l1_loss: beta = ", beta, " is negative");
    return beta == 0 ? l1_loss(x, target, reduction) : huber_loss(x, target, beta, reduction) * static_cast<T>(1 / beta);
}

}  // namespace tercet::inline TERCET_ABI
