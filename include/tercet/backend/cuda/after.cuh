// What a matrix product does with each sum before it is written: y = f(scale · sum + bias) + residual, each part optional.
#pragma once

#include "tercet/backend/cuda/functors.cuh"

namespace tercet::inline TERCET_ABI::cuda {

namespace kernels {

template <class T>
__device__ T activated(UnaryOp op, T x) {
    switch (op) {
    case UnaryOp::gelu: return scalar::Gelu::f(x);
    case UnaryOp::gelu_tanh: return scalar::GeluTanh::f(x);
    case UnaryOp::silu: return scalar::Silu::f(x);
    case UnaryOp::relu: return scalar::Relu::f(x);
    case UnaryOp::tanh: return scalar::Tanh::f(x);
    case UnaryOp::sigmoid: return scalar::Sigmoid::f(x);
    default: return x;
    }
}

}  // namespace kernels

/// Whether a product can apply it to its sums: others take a pass of their own.
inline bool can_follow(UnaryOp op) {
    return op == UnaryOp::gelu || op == UnaryOp::gelu_tanh || op == UnaryOp::silu || op == UnaryOp::relu || op == UnaryOp::tanh ||
           op == UnaryOp::sigmoid;
}

template <class T>
struct After {
    const T* bias = nullptr;      // (N)
    const T* residual = nullptr;  // (M, N), rows residual_stride apart
    index_t residual_stride = 0;
    UnaryOp activation = UnaryOp::count;  // count: none; one that can_follow()
    T scale = 1;

    __device__ T of(T sum, index_t row, index_t column) const {
        sum *= scale;
        if (bias != nullptr) sum += bias[column];
        sum = kernels::activated(activation, sum);
        return residual != nullptr ? sum + residual[row * residual_stride + column] : sum;
    }
};

}  // namespace tercet::inline TERCET_ABI::cuda
