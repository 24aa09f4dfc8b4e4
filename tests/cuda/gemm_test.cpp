// CUDA's own matrix product on the emulated GPU, against sums in double.
#include "tercet/backend/cuda/gemm_tensor.cuh"

#include "cuda/product.hpp"

using namespace tercet_test;

TEST_CASE("cuda: matrix products of any extents, transposed or not, with what comes after them", "[cuda]") {
    std::uint64_t order = 0;
    for (const auto& [m, n, k] : {Extents{1, 1, 1}, {64, 64, 16}, {65, 63, 17}, {70, 130, 40}, {3, 200, 33}, {128, 5, 1}, {4, 4, 0}})
        for (const int turned : {0, 1, 2, 3}) {
            INFO(m << " x " << n << " x " << k << ", " << turned);
            Product product(m, n, k, turned);
            product.accumulated = product.biased = product.followed = product.added = turned == 2;
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
            Product product(m, n, k, turned);
            product.accumulated = product.biased = product.followed = product.added = turned == 2;
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
