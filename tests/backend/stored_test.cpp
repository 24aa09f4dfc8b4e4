// Rows of stored types as the kernels read them, against quant/'s own unpacking.
#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/backend/backend.hpp"
#include "tercet/quant/convert.hpp"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

using namespace tercet;

namespace {

constexpr StorageType types[] = {StorageType::f32,  StorageType::f16,  StorageType::bf16, StorageType::q8_0,  StorageType::q4_0,
                                 StorageType::q4_1, StorageType::q5_0, StorageType::q5_1, StorageType::q2_k,  StorageType::q3_k,
                                 StorageType::q4_k, StorageType::q5_k, StorageType::q6_k, StorageType::iq4_nl};

// Random bytes of a row whose scales are finite halves; at an odd address, as in a file.
std::vector<std::byte> random_row(StorageType type, index_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& v : values) v = normal(random);
    std::vector<std::byte> row(bytes_of(type, n) + 1);
    quantize(type, values, std::span(row).subspan(1));
    return row;
}

}  // namespace

TEST_CASE("kernels unpack stored rows to the same numbers as quant does", "[backend]") {
    for_each_isa([] {
        const auto& kernels = cpu::kernel_set().stored;
        for (const StorageType type : types) {
            const index_t block = block_size(type);
            for (const index_t blocks : {1, 2, 3, 8, 33, 40}) {  // scales are read 1024 numbers at a time
                const index_t n = block == 1 ? 15 * blocks : blocks * block;
                INFO(name_of(type) << " " << n);
                const auto row = random_row(type, n, 1);
                // a minimum leaves little of a difference, so errors are measured against the row's largest number
                const auto close = [&](float a, float b) { return std::fabs(a - b) <= 2e-7f * std::max(std::fabs(b), block == 1 ? 0.f : 4.f); };
                std::vector<float> expected(static_cast<std::size_t>(n)), got(expected.size() + 1, 7.f);
                dequantize(type, std::span(row).subspan(1), expected);
                kernels.dequantize(got.data(), row.data() + 1, type, 0, n);
                CHECK(got.back() == 7);
                for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(close(got[i], expected[i]));
                const index_t begin = n / 2 / block * block;
                kernels.dequantize(got.data(), row.data() + 1, type, begin, n - begin);
                for (index_t i = begin; i < n; ++i) REQUIRE(close(got[static_cast<std::size_t>(i - begin)], expected[static_cast<std::size_t>(i)]));
            }
        }
    });
}

TEST_CASE("the dot products of a stored row with rows of floats equal those with the row unpacked, the same bits however many there are",
          "[backend]") {
    for_each_isa([] {
        for (const StorageType type : types)
            for (const index_t blocks : {1, 2, 3, 5, 36}) {
                const index_t n = block_size(type) == 1 ? 9 * blocks : blocks * block_size(type), stride = n + 3;
                INFO(name_of(type) << " " << n);
                const auto row = random_row(type, n, 2);
                std::vector<float> values(static_cast<std::size_t>(n)), x(static_cast<std::size_t>(4 * stride));
                dequantize(type, std::span(row).subspan(1), values);
                std::mt19937 random(3);
                std::normal_distribution<float> normal;
                for (float& v : x) v = normal(random);
                float together[4], alone = 0;
                for (const index_t rows : {1, 2, 3, 4}) {
                    cpu::kernel_set().stored.dots(together, row.data() + 1, type, x.data(), stride, rows, n);
                    for (index_t r = 0; r < rows; ++r) {
                        double expected = 0, scale = 0;
                        for (index_t i = 0; i < n; ++i) {
                            const double term = static_cast<double>(x[static_cast<std::size_t>(r * stride + i)]) *
                                                static_cast<double>(values[static_cast<std::size_t>(i)]);
                            expected += term;
                            scale += std::fabs(term);
                        }
                        CHECK(std::fabs(static_cast<double>(together[r]) - expected) <= 1e-6 * scale);
                        cpu::kernel_set().stored.dots(&alone, row.data() + 1, type, x.data() + r * stride, stride, 1, n);
                        CHECK(together[r] == alone);
                    }
                }
            }
    });
}

TEST_CASE("every half and bfloat16 is read as the number it stands for", "[backend]") {
    std::vector<std::uint16_t> bits(65536);
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
    for_each_isa([&] {
        std::vector<float> half(65536), upper(65536);
        const auto* row = reinterpret_cast<const std::byte*>(bits.data());
        cpu::kernel_set().stored.dequantize(half.data(), row, StorageType::f16, 0, 65536);
        cpu::kernel_set().stored.dequantize(upper.data(), row, StorageType::bf16, 0, 65536);
        int wrong = 0;
        for (std::size_t i = 0; i < bits.size(); ++i) {
            f16 h;
            h.bits = bits[i];
            bf16 b;
            b.bits = bits[i];
            const float fh = h, fb = b;
            wrong += fh == fh ? std::bit_cast<std::uint32_t>(fh) != std::bit_cast<std::uint32_t>(half[i]) : half[i] == half[i];
            wrong += fb == fb ? std::bit_cast<std::uint32_t>(fb) != std::bit_cast<std::uint32_t>(upper[i]) : upper[i] == upper[i];
        }
        CHECK(wrong == 0);
    });
}

TEST_CASE("stored weights and floats, both rounded to bfloat16, give the product of what they are rounded to", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : {StorageType::q4_1, StorageType::q8_0, StorageType::q6_k, StorageType::f16}) {
            const index_t m = 33, n = 45, k = block_size(type) == 256 ? 1024 : 800;
            INFO(name_of(type));
            std::vector<std::byte> rows;
            for (index_t j = 0; j < n; ++j) {
                const auto row = random_row(type, k, static_cast<unsigned>(j));
                rows.insert(rows.end(), row.begin() + 1, row.end());
            }
            std::vector<float> values(static_cast<std::size_t>(n * k)), x(static_cast<std::size_t>(m * k)), c(static_cast<std::size_t>(m * n));
            dequantize(type, rows, values);
            std::mt19937 random(3);
            std::normal_distribution<float> normal;
            for (float& v : x) v = normal(random);
            using Right = cpu::RightOperand<float>;
            const Right stored{.kind = Right::Kind::stored,
                               .rows = rows.data(),
                               .type = type,
                               .row_bytes = static_cast<index_t>(bytes_of(type, k)),
                               .activations = Activations::bf16};
            Device::gemm(c.data(), n, {x.data(), k, 1}, stored, m, n, k, false);
            const bool narrow = cpu::kernel_set().narrow.multiplies_bfloats;  // elsewhere the product stays in float
            for (index_t i = 0; i < m; ++i)
                for (index_t j = 0; j < n; ++j) {
                    double sum = 0, scale = 0;
                    for (index_t p = 0; p < k; ++p) {
                        const float a = x[static_cast<std::size_t>(i * k + p)], b = values[static_cast<std::size_t>(j * k + p)];
                        const double term = narrow ? static_cast<double>(float(bf16(a))) * static_cast<double>(float(bf16(b)))
                                                   : static_cast<double>(a) * static_cast<double>(b);
                        sum += term;
                        scale += std::fabs(term);
                    }
                    if (std::fabs(static_cast<double>(c[static_cast<std::size_t>(i * n + j)]) - sum) > 2e-6 * scale) FAIL_CHECK(i << " " << j);
                }
        }
    });
}
