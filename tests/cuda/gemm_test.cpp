// CUDA's own matrix product on the emulated GPU, against sums in double.
#include "tercet/backend/cuda/gemm_tensor.cuh"

#include "cuda/compare.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

double gelu_tanh(double x) {
    return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

}  // namespace

TEST_CASE("cuda: matrix products of any extents, transposed or not, with what comes after them", "[cuda]") {
    struct Extents {
        index_t m, n, k;
    };
    std::uint64_t order = 0;
    for (const auto& [m, n, k] : {Extents{1, 1, 1}, {64, 64, 16}, {65, 63, 17}, {70, 130, 40}, {3, 200, 33}, {128, 5, 1}, {4, 4, 0}})
        for (const int turned : {0, 1, 2, 3}) {
            INFO(m << " x " << n << " x " << k << ", " << turned);
            const bool a_turned = turned % 2 == 1, b_turned = turned > 1, more = turned == 2;
            const index_t ldc = n + 3;
            const auto a = random<float>(m * k + 1, 1), b = random<float>(k * n + 1, 2), before = random<float>(m * ldc, 3),
                       bias = random<float>(n, 4), residual = random<float>(m * n, 5);
            const cuda::Matrix<float> left{nullptr, a_turned ? 1 : k, a_turned ? m : 1}, right{nullptr, b_turned ? 1 : n, b_turned ? k : 1};
            auto want = before;
            for (index_t i = 0; i < m; ++i)
                for (index_t j = 0; j < n; ++j) {
                    double sum = more ? static_cast<double>(before[static_cast<std::size_t>(i * ldc + j)]) : 0;
                    for (index_t p = 0; p < k; ++p)
                        sum += static_cast<double>(a[static_cast<std::size_t>(i * left.row_stride + p * left.col_stride)]) *
                               static_cast<double>(b[static_cast<std::size_t>(p * right.row_stride + j * right.col_stride)]);
                    if (more)
                        sum = gelu_tanh(sum + static_cast<double>(bias[static_cast<std::size_t>(j)])) +
                              static_cast<double>(residual[static_cast<std::size_t>(i * n + j)]);
                    want[static_cast<std::size_t>(i * ldc + j)] = static_cast<float>(sum);
                }
            const OnDevice<float> a_(a), b_(b), c_(before), bias_(bias), residual_(residual);
            cuda::After<float> after;
            if (more) after = {bias_.data, residual_.data, n, UnaryOp::gelu_tanh};
            cuda_emulator::clear(order++);
            cuda::gemm(c_.data, ldc, {a_.data, left.row_stride, left.col_stride}, {b_.data, right.row_stride, right.col_stride}, m, n, k, more,
                       after);
            CHECK(apart(c_.values(), want) <= 1e-5);
            check_no_fault();
        }
}

namespace {

template <class T>
std::vector<T> as(const std::vector<float>& x) {
    std::vector<T> y;
    for (const float v : x) y.push_back(static_cast<T>(v));
    return y;
}

}  // namespace

TEMPLATE_TEST_CASE("cuda: products on tensor cores are those of operands rounded to bfloat16", "[cuda]", float, bf16) {
    struct Extents {
        index_t m, n, k;
    };
    std::uint64_t order = 0;
    for (const auto& [m, n, k] : {Extents{1, 1, 1}, {64, 64, 32}, {65, 63, 33}, {30, 130, 70}, {4, 4, 0}})
        for (const int turned : {0, 1, 2, 3}) {
            INFO(m << " x " << n << " x " << k << ", " << turned);
            const bool a_turned = turned % 2 == 1, b_turned = turned > 1, more = turned == 2;
            const index_t ldc = n + 3;
            const auto a = random<float>(m * k + 1, 1), b = random<float>(k * n + 1, 2), before = random<float>(m * ldc, 3),
                       bias = random<float>(n, 4), residual = random<float>(m * n, 5);
            const index_t a_strides[] = {a_turned ? 1 : k, a_turned ? m : 1}, b_strides[] = {b_turned ? 1 : n, b_turned ? k : 1};
            auto want = before;
            for (index_t i = 0; i < m; ++i)
                for (index_t j = 0; j < n; ++j) {
                    double sum = more ? static_cast<double>(before[static_cast<std::size_t>(i * ldc + j)]) : 0;
                    for (index_t p = 0; p < k; ++p)
                        sum += static_cast<double>(bf16(a[static_cast<std::size_t>(i * a_strides[0] + p * a_strides[1])])) *
                               static_cast<double>(bf16(b[static_cast<std::size_t>(p * b_strides[0] + j * b_strides[1])]));
                    want[static_cast<std::size_t>(i * ldc + j)] =
                        static_cast<float>(more ? std::max(sum + static_cast<double>(bias[static_cast<std::size_t>(j)]), 0.0) +
                                                      static_cast<double>(residual[static_cast<std::size_t>(i * n + j)])
                                                : sum);
                }
            const OnDevice<float> c_(before), bias_(bias), residual_(residual);
            const OnDevice<TestType> a_(as<TestType>(a)), b_(as<TestType>(b));
            cuda::After<float> after;
            if (more) after = {bias_.data, residual_.data, n, UnaryOp::relu};
            cuda_emulator::clear(order++);
            cuda::gemm_tensor<TestType, TestType>(c_.data, ldc, {a_.data, a_strides[0], a_strides[1]}, {b_.data, b_strides[0], b_strides[1]}, m, n, k,
                                                  more, after);
            CHECK(apart(c_.values(), want) <= 1e-5);
            check_no_fault();
        }
}

TEST_CASE("cuda: a product reads each operand once for each tile across it", "[cuda]") {
    const index_t m = 128, n = 192, k = 32;
    const OnDevice<float> a(random<float>(m * k, 1)), b(random<float>(k * n, 2)), c(std::vector<float>(static_cast<std::size_t>(m * n)));
    cuda_emulator::clear();
    cuda::gemm(c.data, n, {a.data, k, 1}, {b.data, n, 1}, m, n, k, false);
    CHECK(cuda_emulator::traffic().read == 4 * static_cast<std::uint64_t>(m * k * (n / 64) + k * n * (m / 64)));
    CHECK(cuda_emulator::traffic().written == 4 * static_cast<std::uint64_t>(m * n));
}
