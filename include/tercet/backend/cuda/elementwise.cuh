// Elementwise kernels: y = f(x), dx = [dx +] dy · f'(x, y), y = f(a, b) with broadcasting, y += alpha · x, and copies between strides.
//
// Why they are fast: a thread takes numbers that lie blockDim.x apart, so a warp's 32 loads are of neighbours and become few transactions; four of
// them are under way at a time, which hides the memory's latency. Each number is read once and written once.
#pragma once

#include "tercet/backend/cuda/functors.cuh"
#include "tercet/backend/cuda/launch.cuh"
#include "tercet/core/strided.hpp"

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int element_threads = 256, elements_of_thread = 4;

/// A shape and the strides of K tensors over it, for a kernel.
template <int K>
struct Walk {
    int rank;
    index_t extents[max_rank], strides[K][max_rank];

    /// Where element i of the shape stands in each tensor.
    __device__ void offsets(index_t i, index_t (&at)[K]) const {
        for (int k = 0; k < K; ++k) at[k] = 0;
        for (int d = rank - 1; d >= 0; --d) {
            const index_t here = i % extents[d];
            i /= extents[d];
            for (int k = 0; k < K; ++k) at[k] += here * strides[k][d];
        }
    }
};
template <std::size_t K>
Walk<static_cast<int>(K)> walk_of(Shape shape, std::array<Shape, K> strides) {
    tercet::detail::merge_dimensions(shape, strides);
    Walk<static_cast<int>(K)> walk{};
    walk.rank = static_cast<int>(shape.rank());
    for (index_t d = 0; d < shape.rank(); ++d) {
        walk.extents[d] = shape[d];
        for (std::size_t k = 0; k < K; ++k) walk.strides[k][d] = strides[k][d];
    }
    return walk;
}

namespace kernels {

/// f(i) for this thread's share of n elements.
template <class F>
__device__ void for_elements(index_t n, const F& f) {
    const index_t first = blockIdx.x * static_cast<index_t>(element_threads * elements_of_thread) + threadIdx.x;
    for (int j = 0; j < elements_of_thread; ++j) {
        const index_t i = first + j * element_threads;
        if (i < n) f(i);
    }
}

template <class F, class T>
__global__ void unary(T* y, const T* x, index_t n) {
    for_elements(n, [&](index_t i) { y[i] = F::f(x[i]); });
}
template <class F, class T>
__global__ void unary_backward(T* dx, const T* dy, const T* x, const T* y, index_t n, bool add) {
    for_elements(n, [&](index_t i) { dx[i] = (add ? dx[i] : T(0)) + dy[i] * F::df(x[i], y[i]); });
}
template <class F, class T>
__global__ void binary(T* y, const T* a, const T* b, index_t n, Walk<2> walk) {
    for_elements(n, [&](index_t i) {
        index_t at[2];
        walk.offsets(i, at);
        y[i] = F::f(a[at[0]], b[at[1]]);
    });
}
template <class T>
__global__ void add_scaled(T* y, const T* x, T alpha, index_t n) {
    for_elements(n, [&](index_t i) { y[i] += alpha * x[i]; });
}
template <class F, class T>
__global__ void binary_with(T* y, const T* x, T b, index_t n) {
    for_elements(n, [&](index_t i) { y[i] = F::f(x[i], b); });
}
template <class T>
__global__ void fill(T* y, T value, index_t n, Walk<1> walk) {
    for_elements(n, [&](index_t i) {
        index_t at[1];
        walk.offsets(i, at);
        y[at[0]] = value;
    });
}
template <class T>
__global__ void add(T* y, const T* x, index_t n, Walk<2> walk) {
    for_elements(n, [&](index_t i) {
        index_t at[2];
        walk.offsets(i, at);
        y[at[0]] += x[at[1]];
    });
}
// 16-bit floats come and go by way of float.
template <class To, class From>
__device__ To converted(From x) {
    if constexpr (std::is_same_v<To, From>) return x;
    else if constexpr (sizeof(To) == 2 || sizeof(From) == 2) return static_cast<To>(static_cast<float>(x));
    else return static_cast<To>(x);
}
template <class To, class From>
__global__ void copy(To* y, const From* x, index_t n, Walk<2> walk) {
    for_elements(n, [&](index_t i) {
        index_t at[2];
        walk.offsets(i, at);
        y[at[0]] = converted<To>(x[at[1]]);
    });
}

}  // namespace kernels

/// What cpu::Backend offers under the same names, in the order of a stream. Pointers are to device memory.
struct Elementwise {
    cudaStream_t stream = nullptr;

    template <class T>
    void unary(UnaryOp op, T* y, const T* x, index_t n) const {
        switch (op) {
#define TERCET_CASE(entry, functor) \
    case UnaryOp::entry: return start(#entry, kernels::unary<scalar::functor, T>, n, y, x, n);
            TERCET_UNARY_OPS(TERCET_CASE)
#undef TERCET_CASE
        default: return;
        }
    }
    template <class T>
    void unary_backward(UnaryOp op, T* dx, const T* dy, const T* x, const T* y, index_t n, bool add) const {
        switch (op) {
#define TERCET_CASE(entry, functor) \
    case UnaryOp::entry: return start(#entry, kernels::unary_backward<scalar::functor, T>, n, dx, dy, x, y, n, add);
            TERCET_UNARY_OPS(TERCET_CASE)
#undef TERCET_CASE
        default: return;
        }
    }
    /// y (shape, contiguous) = f(a, b), the operands by strides.
    template <class T>
    void binary(BinaryOp op, T* y, const T* a, const T* b, const Shape& shape, const Shape& a_strides, const Shape& b_strides) const {
        const index_t n = element_count(shape);
        const auto walk = walk_of<2>(shape, {a_strides, b_strides});
        switch (op) {
#define TERCET_CASE(entry, functor) \
    case BinaryOp::entry: return start(#entry, kernels::binary<scalar::functor, T>, n, y, a, b, n, walk);
            TERCET_BINARY_OPS(TERCET_CASE)
#undef TERCET_CASE
        default: return;
        }
    }
    /// y += x, each by its own strides; y does not overlap itself.
    template <class T>
    void add(T* y, const Shape& y_strides, const T* x, const Shape& x_strides, const Shape& shape) const {
        start("add", kernels::add<T>, element_count(shape), y, x, element_count(shape), walk_of<2>(shape, {y_strides, x_strides}));
    }
    template <class T>
    void add_scaled(T* y, const T* x, T alpha, index_t n) const {
        start("add_scaled", kernels::add_scaled<T>, n, y, x, alpha, n);
    }
    /// y = f(x, b) with one number b.
    template <class T>
    void binary(BinaryOp op, T* y, const T* x, T b, index_t n) const {
        switch (op) {
#define TERCET_CASE(entry, functor) \
    case BinaryOp::entry: return start(#entry, kernels::binary_with<scalar::functor, T>, n, y, x, b, n);
            TERCET_BINARY_OPS(TERCET_CASE)
#undef TERCET_CASE
        default: return;
        }
    }
    /// y by its strides = one number.
    template <class T>
    void fill(T* y, const Shape& y_strides, T value, const Shape& shape) const {
        start("fill", kernels::fill<T>, element_count(shape), y, value, element_count(shape), walk_of<1>(shape, {y_strides}));
    }
    /// y = x, each by its own strides, with conversion where the types differ.
    template <class To, class From>
    void copy(To* y, const Shape& y_strides, const From* x, const Shape& x_strides, const Shape& shape) const {
        start("copy", kernels::copy<To, From>, element_count(shape), y, x, element_count(shape), walk_of<2>(shape, {y_strides, x_strides}));
    }

private:
    template <class... Parameters, class... Arguments>
    void start(std::string_view name, void (*kernel)(Parameters...), index_t n, const Arguments&... arguments) const {
        constexpr index_t of_block = element_threads * elements_of_thread;
        launch(name, kernel, (n + of_block - 1) / of_block, element_threads, stream, arguments...);
    }
};

}  // namespace tercet::inline TERCET_ABI::cuda
