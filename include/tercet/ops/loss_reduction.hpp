// What becomes of the losses of many rows or elements: their mean, their sum, or each by itself.
#pragma once

#include "tercet/ops/reduce.hpp"

namespace tercet::inline TERCET_ABI {

enum class LossReduction { mean, sum, none };

namespace detail {

template <Real T>
Tensor<T> reduced_loss(const Tensor<T>& losses, LossReduction reduction) {
    return reduction == LossReduction::mean ? mean(losses) : reduction == LossReduction::sum ? sum(losses) : losses;
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
