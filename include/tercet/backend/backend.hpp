// The backend that operations run on: one a build, named here and nowhere else.
//
// Ops call Device::softmax(…) with pointers and extents. The concept lists what a backend must offer, so that a missing kernel is an
// error with a name, where it is defined.
#pragma once

#include "tercet/backend/cpu/backend.hpp"
#ifdef TERCET_CUDA
#include "tercet/backend/cuda/backend.hpp"
#endif

namespace tercet::inline TERCET_ABI {

template <class B>
concept IsBackend = requires(float* y, const float* x, index_t n, HeadsView<float> heads, HeadsView<const float> given,
                             AttentionShape<float> attention, MatrixView<float> matrix, RightOperand<float> right, BlendUpdate<float> blend,
                             FactoredUpdate<float> factored) {
    B::unary(UnaryOp::exp, y, x, n);
    B::unary_backward(UnaryOp::exp, y, x, x, x, n, true);
    B::binary(BinaryOp::add, y, x, x, Shape{}, Shape{}, Shape{});
    B::copy(y, Shape{}, x, Shape{}, Shape{});
    B::add(y, Shape{}, x, Shape{}, Shape{});
    B::add_scaled(y, x, 1.f, n);
    B::softmax(y, x, n, n);
    B::softmax_backward(y, x, x, n, n);
    B::log_softmax(y, x, n, n);
    B::log_softmax_backward(y, x, x, n, n);
    B::exp_sum(y, y, x, n, n);
    B::layer_norm(y, y, y, x, x, x, 1e-5f, n, n);
    B::layer_norm_backward(y, y, y, x, x, x, x, x, n, n);
    B::rms_norm(y, y, x, x, 1e-6f, n, n);
    B::rms_norm_backward(y, y, x, x, x, x, n, n);
    B::add_column_sums(y, x, n, n);
    B::gemm(y, n, matrix, right, n, n, n, false);
    B::gemm_each(std::span<const SharingProduct<float>>(), matrix, n, n);
    B::fill(y, Shape{}, 1.f, Shape{});
    B::binary(BinaryOp::mul, y, x, 1.f, n);
    B::power_sum(x, n, 2.);
    B::read(y, x, n);
    B::write(y, x, n);
    B::wait();
    B::attention(heads, y, given, given, given, attention);
    B::attention_backward(heads, heads, heads, given, given, x, given, given, given, attention);
    B::rotate(y, x, x, x, 1.f, n, n, n, n, false);
    B::dropout(y, x, 0.5f, 2.f, std::uint64_t{}, std::uint64_t{}, n, false);
    B::update(blend, n);
    B::add_squares(y, y, x, n, n);
    B::factored_squares(factored, n, n);
    B::factored_step(factored, n, n);
};

#ifdef TERCET_CUDA
using Device = cuda::Backend;
#else
using Device = cpu::Backend;
#endif
static_assert(IsBackend<Device>);

}  // namespace tercet::inline TERCET_ABI
