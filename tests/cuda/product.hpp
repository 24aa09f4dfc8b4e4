// A matrix product for the tests of CUDA's: operands, and what is to come out.
#pragma once

#include "cuda/compare.hpp"
#include "tercet/backend/cuda/gemm.cuh"

namespace tercet_test {

using namespace tercet;

inline double gelu_tanh(double x) {
    return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
inline double relu(double x) {
    return std::max(x, 0.0);
}

/// A product whose operands are transposed or not: numbers 0 to 3 of `turned`; C's rows are apart.
struct Product {
    index_t m, n, k, ldc;
    bool accumulated = false, biased = false, followed = false, added = false;  // with C, a bias, an activation, a residual
    cuda::Matrix<float> left, right;                                            // the strides alone
    std::vector<float> a, b, before, bias, residual;

    Product(index_t m_, index_t n_, index_t k_, int turned)
        : m(m_),
          n(n_),
          k(k_),
          ldc(n + 3),
          left{nullptr, turned % 2 == 1 ? 1 : k, turned % 2 == 1 ? m : 1},
          right{nullptr, turned > 1 ? 1 : n, turned > 1 ? k : 1},
          a(random<float>(m * k + 1, 1)),
          b(random<float>(k * n + 1, 2)),
          before(random<float>(m * ldc, 3)),
          bias(random<float>(n, 4)),
          residual(random<float>(m * n, 5)) {}

    /// C from sums in double, of operands rounded to T.
    template <class T>
    std::vector<float> expected(double (*activation)(double)) const {
        const auto x = as<double>(as<T>(a)), y = as<double>(as<T>(b));
        auto want = before;
        for (index_t i = 0; i < m; ++i)
            for (index_t j = 0; j < n; ++j) {
                double sum = accumulated ? static_cast<double>(before[static_cast<std::size_t>(i * ldc + j)]) : 0;
                for (index_t p = 0; p < k; ++p)
                    sum += x[static_cast<std::size_t>(i * left.row_stride + p * left.col_stride)] *
                           y[static_cast<std::size_t>(p * right.row_stride + j * right.col_stride)];
                if (biased) sum += static_cast<double>(bias[static_cast<std::size_t>(j)]);
                if (followed) sum = activation(sum);
                if (added) sum += static_cast<double>(residual[static_cast<std::size_t>(i * n + j)]);
                want[static_cast<std::size_t>(i * ldc + j)] = static_cast<float>(sum);
            }
        return want;
    }
    /// C as multiply(c, ldc, A, B, m, n, k, accumulated, after) makes it on the device, of operands held as T.
    template <class T, class F>
    std::vector<float> found(UnaryOp activation, const F& multiply) const {
        const OnDevice<T> a_(as<T>(a)), b_(as<T>(b));
        const OnDevice<float> c_(before), bias_(bias), residual_(residual);
        cuda::After<float> after;
        if (biased) after.bias = bias_.data;
        if (followed) after.activation = activation;
        if (added) after.residual = residual_.data, after.residual_stride = n;
        multiply(c_.data, ldc, cuda::Matrix<T>{a_.data, left.row_stride, left.col_stride},
                 cuda::Matrix<T>{b_.data, right.row_stride, right.col_stride}, m, n, k, accumulated, after);
        return c_.values();
    }
};

struct Extents {
    index_t m, n, k;
};

}  // namespace tercet_test
