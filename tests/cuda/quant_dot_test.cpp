// CUDA's products with block-quantised weights on the emulated GPU: every block type against the same rounded numbers in double.
#include "tercet/backend/cuda/quant_dot.cuh"
#include "cuda/compare.hpp"
#include "support/numbers.hpp"
#include "tercet/quant/convert.hpp"

#include <cstring>

using namespace tercet;
using namespace tercet_test;

namespace {

template <class B>
std::vector<B> quantized(const std::vector<float>& values) {
    std::vector<B> blocks(values.size() / static_cast<std::size_t>(B::size));
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = B::quantize(values.data() + i * static_cast<std::size_t>(B::size));
    return blocks;
}
template <class B>
std::vector<float> dequantized(const std::vector<B>& blocks) {
    std::vector<float> values(blocks.size() * static_cast<std::size_t>(B::size));
    for (std::size_t i = 0; i < blocks.size(); ++i) B::dequantize(blocks[i], values.data() + i * static_cast<std::size_t>(B::size));
    return values;
}

struct OnDeviceBytes {
    OnDevice<std::int8_t> codes;
    OnDevice<float> scales;

    OnDeviceBytes(const std::vector<float>& x, index_t m, index_t k)
        : codes(std::vector<std::int8_t>(x.size())), scales(std::vector<float>(x.size() / 32)) {
        const OnDevice<float> from(x);
        cuda::round_rows(codes.data, scales.data, from.data, m, k);
    }
    cuda::ByteRows rows() const { return {codes.data, scales.data}; }
};

}  // namespace

TEMPLATE_TEST_CASE("cuda: blocks are unpacked to the CPU's numbers", "[cuda]", Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K) {
    using B = TestType;
    for (const index_t count : {1, 3, 70}) {
        const auto blocks = quantized<B>(random<float>(count * B::size, 1));
        const OnDevice<B> from(blocks);
        const OnDevice<float> to(std::vector<float>(static_cast<std::size_t>(count * B::size)));
        cuda_emulator::clear(1);
        cuda::unpack(to.data, from.data, count);
        CHECK(apart(to.values(), dequantized(blocks)) <= 1e-6);
        check_no_fault();
    }
}

TEMPLATE_TEST_CASE("cuda: products of 1 to 17 rows with stored weights", "[cuda]", Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K,
                   Q6_K) {
    using B = TestType;
    const index_t k = 3 * std::max<index_t>(B::size, 64), n = 10;
    const auto blocks = quantized<B>(random<float>(n * k, 1));
    const auto w = dequantized(blocks), bias = random<float>(n, 2);
    const OnDevice<B> w_(blocks);
    const OnDevice<float> bias_(bias);
    for (const index_t m : {1, 2, 3, 7, 8, 17}) {
        const auto x = random<float>(m * k, 3), residual = random<float>(m * n, 4);
        const auto near = rounded_to_bytes(x);
        const OnDevice<float> y(std::vector<float>(static_cast<std::size_t>(m * (n + 1)))), residual_(residual);
        cuda_emulator::clear(static_cast<std::uint64_t>(m));
        const OnDeviceBytes bytes(x, m, k);
        cuda::stored_product(y.data, n + 1, w_.data, bytes.rows(), m, n, k, {bias_.data, residual_.data, n, UnaryOp::relu});
        const auto found = y.values();
        for (index_t i = 0; i < m; ++i)
            for (index_t j = 0; j < n; ++j) {
                double sum = static_cast<double>(bias[static_cast<std::size_t>(j)]), scale = 1;
                for (index_t p = 0; p < k; ++p) {
                    const double term = near[static_cast<std::size_t>(i * k + p)] * static_cast<double>(w[static_cast<std::size_t>(j * k + p)]);
                    sum += term;
                    scale += std::fabs(term);
                }
                const double want = std::max(sum, 0.0) + static_cast<double>(residual[static_cast<std::size_t>(i * n + j)]);
                CHECK(std::fabs(static_cast<double>(found[static_cast<std::size_t>(i * (n + 1) + j)]) - want) <= 1e-6 * scale);
            }
        check_no_fault();
    }
}

TEST_CASE("cuda: activations that are no finite numbers make their row NaN, and tiny ones count as zero", "[cuda]") {
    const index_t k = 64, n = 2;
    const auto blocks = quantized<Q8_0>(random<float>(n * k, 1));
    auto x = random<float>(3 * k, 2);
    x[5] = std::numeric_limits<float>::infinity();
    x[static_cast<std::size_t>(k) + 40] = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t i = static_cast<std::size_t>(2 * k); i < x.size(); ++i) x[i] = 0x1p-120f;
    const OnDevice<Q8_0> w(blocks);
    const OnDevice<float> y(std::vector<float>(6));
    const OnDeviceBytes bytes(x, 3, k);
    cuda::stored_product(y.data, n, w.data, bytes.rows(), 3, n, k);
    const auto found = y.values();
    for (std::size_t i = 0; i < 4; ++i) CHECK(std::isnan(found[i]));
    for (std::size_t i = 4; i < 6; ++i) CHECK(found[i] == 0);
}

TEMPLATE_TEST_CASE("cuda: a product of one row fetches each stored weight once", "[cuda]", Q8_0, Q4_0, Q4_K, Q6_K) {
    using B = TestType;
    const index_t k = 768, n = 64;
    const OnDevice<B> w(quantized<B>(random<float>(n * k, 1)));
    const OnDevice<float> y(std::vector<float>(static_cast<std::size_t>(n)));
    const OnDeviceBytes bytes(random<float>(k, 2), 1, k);
    cuda_emulator::clear();
    cuda::stored_product(y.data, n, w.data, bytes.rows(), 1, n, k);
    const auto traffic = cuda_emulator::traffic();
    const auto weights = static_cast<std::uint64_t>(n * k / B::size) * sizeof(B), once = static_cast<std::uint64_t>(k + k / 32 * 4);
    CHECK(traffic.fetched == weights + n / 4 * once);  // a block has four rows of W, and x comes from the second-level cache for it
    CHECK(traffic.written == 4 * n);
}
