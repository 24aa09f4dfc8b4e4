// CUDA's own matrix product on the emulated GPU, against sums in double.
#include "tercet/backend/cuda/gemm_tensor.cuh"

#include "cuda/compare.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

double gelu_tanh(double x) {
    return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
double relu(double x) {
    return std::max(x, 0.0);
}

// A product whose operands are transposed or not: numbers 0 to 3 of `turned`. With 2 it is added to C, and what comes after it follows.
struct Product {
    index_t m, n, k, ldc;
    bool more;
    cuda::Matrix<float> left, right;  // the strides alone
    std::vector<float> a, b, before, bias, residual;

    Product(index_t m_, index_t n_, index_t k_, int turned)
        : m(m_),
          n(n_),
          k(k_),
          ldc(n + 3),
          more(turned == 2),
          left{nullptr, turned % 2 == 1 ? 1 : k, turned % 2 == 1 ? m : 1},
          right{nullptr, turned > 1 ? 1 : n, turned > 1 ? k : 1},
          a(random<float>(m * k + 1, 1)),
          b(random<float>(k * n + 1, 2)),
          before(random<float>(m * ldc, 3)),
          bias(random<float>(n, 4)),
          residual(random<float>(m * n, 5)) {}

    // C from sums in double, of operands rounded to T.
    template <class T>
    std::vector<float> expected(double (*activation)(double)) const {
        const auto x = as<double>(as<T>(a)), y = as<double>(as<T>(b));
        auto want = before;
        for (index_t i = 0; i < m; ++i)
            for (index_t j = 0; j < n; ++j) {
                double sum = more ? static_cast<double>(before[static_cast<std::size_t>(i * ldc + j)]) : 0;
                for (index_t p = 0; p < k; ++p)
                    sum += x[static_cast<std::size_t>(i * left.row_stride + p * left.col_stride)] *
                           y[static_cast<std::size_t>(p * right.row_stride + j * right.col_stride)];
                if (more)
                    sum = activation(sum + static_cast<double>(bias[static_cast<std::size_t>(j)])) +
                          static_cast<double>(residual[static_cast<std::size_t>(i * n + j)]);
                want[static_cast<std::size_t>(i * ldc + j)] = static_cast<float>(sum);
            }
        return want;
    }
    // C as multiply(c, ldc, A, B, m, n, k, more, after) makes it on the device, of operands held as T.
    template <class T, class F>
    std::vector<float> found(UnaryOp activation, const F& multiply) const {
        const OnDevice<T> a_(as<T>(a)), b_(as<T>(b));
        const OnDevice<float> c_(before), bias_(bias), residual_(residual);
        cuda::After<float> after;
        if (more) after = {bias_.data, residual_.data, n, activation};
        multiply(c_.data, ldc, cuda::Matrix<T>{a_.data, left.row_stride, left.col_stride},
                 cuda::Matrix<T>{b_.data, right.row_stride, right.col_stride}, m, n, k, more, after);
        return c_.values();
    }
};

struct Extents {
    index_t m, n, k;
};

}  // namespace

TEST_CASE("cuda: matrix products of any extents, transposed or not, with what comes after them", "[cuda]") {
    std::uint64_t order = 0;
    for (const auto& [m, n, k] : {Extents{1, 1, 1}, {64, 64, 16}, {65, 63, 17}, {70, 130, 40}, {3, 200, 33}, {128, 5, 1}, {4, 4, 0}})
        for (const int turned : {0, 1, 2, 3}) {
            INFO(m << " x " << n << " x " << k << ", " << turned);
            const Product product(m, n, k, turned);
            cuda_emulator::clear(order++);
            const auto found = product.found<float>(UnaryOp::gelu_tanh, [](const auto&... given) { cuda::gemm<float>(given...); });
            CHECK(apart(found, product.expected<float>(gelu_tanh)) <= 1e-5);
            check_no_fault();
        }
}

TEMPLATE_TEST_CASE("cuda: products on tensor cores are those of operands rounded to bfloat16", "[cuda]", float, bf16) {
    using T = TestType;
    std::uint64_t order = 0;
    for (const auto& [m, n, k] : {Extents{1, 1, 1}, {64, 64, 32}, {65, 63, 33}, {30, 130, 70}, {4, 4, 0}})
        for (const int turned : {0, 1, 2, 3}) {
            INFO(m << " x " << n << " x " << k << ", " << turned);
            const Product product(m, n, k, turned);
            cuda_emulator::clear(order++);
            const auto found = product.found<T>(UnaryOp::relu, [](const auto&... given) { cuda::gemm_tensor<T, T>(given...); });
            CHECK(apart(found, product.expected<bf16>(relu)) <= 1e-5);
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
