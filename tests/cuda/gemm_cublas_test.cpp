// Products by cuBLASLt, as the emulated GPU does them: that what it is told is what was meant.
#include "tercet/backend/cuda/gemm_cublas.cuh"

#include "cuda/product.hpp"

using namespace tercet_test;

TEMPLATE_TEST_CASE("cuda: cuBLASLt multiplies operands of any extents, transposed or not", "[cuda]", float, bf16) {
    using T = TestType;
    for (const bool rounded : {false, true}) {
        cuda_emulator::clear(7);
        const cuda::Stream stream;
        cuda::CublasLt library(stream);
        for (const auto& [m, n, k] : {Extents{1, 1, 1}, {1, 40, 8}, {16, 16, 16}, {17, 13, 9}, {3, 20, 33}, {12, 5, 1}, {12, 1, 7}})
            for (const int turned : {0, 1, 2, 3})
                for (int follows = 0; follows < 8; ++follows) {
                    INFO(m << " x " << n << " x " << k << ", " << turned << ", " << follows);
                    Product product(m, n, k, turned);
                    product.accumulated = follows == 1;
                    product.biased = follows == 2 || follows == 4 || follows == 6;
                    product.followed = follows == 3 || follows == 4;
                    product.added = follows >= 5 && follows <= 6;
                    const auto multiply = [&](const auto& c, index_t ldc, const auto& a, const auto& b, const auto&... others) {
                        REQUIRE(library.multiply(c, ldc, a, b, rounded, others...));
                        stream.wait();
                    };
                    const auto activation = follows == 3 ? UnaryOp::relu : UnaryOp::gelu_tanh;
                    const auto function = follows == 3 ? relu : gelu_tanh;
                    const auto found = product.found<T>(activation, multiply);
                    const auto wanted = rounded || std::is_same_v<T, bf16> ? product.expected<bf16>(function) : product.expected<float>(function);
                    CHECK(apart(found, wanted) <= 1e-5);
                }
        check_no_fault();
    }
}

TEST_CASE("cuda: cuBLASLt takes operands that lie crooked, and leaves what it cannot do", "[cuda]") {
    cuda_emulator::clear(3);
    const index_t m = 6, n = 8, k = 4;
    const OnDevice<float> x(random<float>(4 * m * k + 8, 1)), w(random<float>(4 * k * n, 2)), c(random<float>(m * n, 3));
    const auto before = c.values();
    const cuda::Stream stream;
    cuda::CublasLt library(stream);
    const auto multiply = [&](const cuda::Matrix<float>& a, const cuda::Matrix<float>& b, index_t depth, bool accumulate,
                              const cuda::After<float>& after) { return library.multiply(c.data, n, a, b, false, m, n, depth, accumulate, after); };
    CHECK(multiply({x.data + 4, k, 1}, {w.data, n, 1}, k, false, {}));
    CHECK(multiply({x.data + 1, k, 1}, {w.data, n, 1}, k, false, {}));  // the same but for the address: another way is chosen
    stream.wait();
    check_no_fault();
    std::vector<float> want(static_cast<std::size_t>(m * n));
    const auto xs = x.values(), ws = w.values();
    for (index_t i = 0; i < m * n; ++i)
        for (index_t p = 0; p < k; ++p)
            want[static_cast<std::size_t>(i)] += xs[static_cast<std::size_t>(1 + i / n * k + p)] * ws[static_cast<std::size_t>(p * n + i % n)];
    CHECK(apart(c.values(), want) <= 1e-5);

    CHECK_FALSE(multiply({x.data, 2 * k, 2}, {w.data, n, 1}, k, false, {}));  // neither side lies together
    CHECK_FALSE(multiply({x.data, 2, 1}, {w.data, n, 1}, k, false, {}));      // rows that overlap
    CHECK_FALSE(multiply({x.data, k, 1}, {w.data, n, 1}, 0, false, {}));
    cuda::After<float> after;
    after.activation = UnaryOp::gelu;  // it has the one by tanh alone
    CHECK_FALSE(multiply({x.data, k, 1}, {w.data, n, 1}, k, false, after));
    after = {nullptr, x.data, n, UnaryOp::relu};  // it would add the residual before
    CHECK_FALSE(multiply({x.data, k, 1}, {w.data, n, 1}, k, false, after));
    after = {w.data, nullptr, 0};
    CHECK_FALSE(multiply({x.data, k, 1}, {w.data, n, 1}, k, true, after));
    after = {w.data + 1, nullptr, 0};  // a crooked bias
    CHECK_FALSE(multiply({x.data, k, 1}, {w.data, n, 1}, k, false, after));
    after = {nullptr, x.data, 0};  // one residual for all rows
    CHECK_FALSE(multiply({x.data, k, 1}, {w.data, n, 1}, k, false, after));
    CHECK(apart(c.values(), want) <= 1e-5);
}
