// Products with activations rounded to bytes: every block type and instruction set against a plain loop over the same rounded numbers.
#include "support/catch.hpp"
#include "support/isa.hpp"
#include "support/numbers.hpp"

#include "tercet/backend/backend.hpp"
#include "tercet/quant/convert.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace tercet;
using cpu::Backend;
using cpu::RightOperand;

namespace {

constexpr StorageType types[] = {StorageType::q8_0, StorageType::q4_0, StorageType::q4_1, StorageType::q5_0, StorageType::q5_1,  StorageType::q2_k,
                                 StorageType::q3_k, StorageType::q4_k, StorageType::q5_k, StorageType::q6_k, StorageType::iq4_nl};

// A weight (n, k) at an odd address, and the values it stands for.
struct Stored {
    StorageType type;
    std::vector<std::byte> bytes;
    std::vector<float> values;

    Stored(StorageType t, index_t n, index_t k, const std::vector<float>& w) : type(t), bytes(size(n) * bytes_of(t, k) + 1), values(size(n * k)) {
        quantize(type, w, std::span(bytes).subspan(1));
        dequantize(type, std::span<const std::byte>(bytes).subspan(1), values);
    }
    RightOperand<float> operand(index_t k) const {
        RightOperand<float> right{RightOperand<float>::Kind::stored};
        right.rows = bytes.data() + 1;
        right.type = type;
        right.row_bytes = static_cast<index_t>(bytes_of(type, k));
        right.activations = Activations::int8;
        return right;
    }
};

std::vector<float> product(const Stored& w, const std::vector<float>& x, index_t m, index_t n, index_t k, const std::vector<float>& start = {}) {
    auto c = start.empty() ? std::vector<float>(size(m * n), 1e30f) : start;
    Backend::gemm(c.data(), n, {x.data(), k, 1}, w.operand(k), m, n, k, !start.empty());
    return c;
}

}  // namespace

TEST_CASE("byte activations: every block type gives the product of the rounded activations, for 1 to 17 rows and odd columns", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : types) {
            const index_t unit = block_size(type), k = unit == 32 ? 96 : 512, n = 37;
            const auto w = Stored(type, n, k, numbers(n * k, 1));
            for (index_t m = 1; m <= 17; ++m) {
                INFO(name_of(type) << " " << m << " rows");
                const auto x = numbers(m * k, 2), start = numbers(m * n, 3);
                const auto near = rounded_to_bytes(x);
                const auto plain = product(w, x, m, n, k), added = product(w, x, m, n, k, start);
                for (index_t i = 0; i < m; ++i)
                    for (index_t j = 0; j < n; ++j) {
                        double sum = 0, scale = 0;
                        for (index_t p = 0; p < k; ++p) {
                            const double term = near[size(i * k + p)] * static_cast<double>(w.values[size(j * k + p)]);
                            sum += term;
                            scale += std::fabs(term);
                        }
                        const std::size_t at = size(i * n + j);
                        REQUIRE(std::fabs(static_cast<double>(plain[at]) - sum) <= 1e-6 * scale);
                        REQUIRE(std::fabs(static_cast<double>(added[at]) - sum - static_cast<double>(start[at])) <= 1e-6 * scale + 1e-6);
                    }
            }
        }
    });
}

TEST_CASE("byte activations: panels across tasks, spans of scales and strided activations", "[backend]") {
    const UseThreads use(2);
    for_each_isa([] {
        const index_t m = 203, n = 70, k = 1280;
        for (const StorageType type : {StorageType::q4_1, StorageType::q6_k}) {
            const auto w = Stored(type, n, k, numbers(n * k, 1));
            const auto x = numbers(m * k, 2);
            const auto many = product(w, x, m, n, k);
            for (const index_t i : {index_t{0}, index_t{100}, m - 1}) {  // the same rows alone, and with other strides
                const std::vector<float> row(x.begin() + i * k, x.begin() + (i + 1) * k);
                std::vector<float> wide(size(2 * k)), strided(size(n));
                for (index_t p = 0; p < k; ++p) wide[size(2 * p)] = row[size(p)];
                Backend::gemm(strided.data(), n, {wide.data(), 2 * k, 2}, w.operand(k), 1, n, k, false);
                CHECK(strided == product(w, row, 1, n, k));
                for (index_t j = 0; j < n; ++j) REQUIRE(strided[size(j)] == Approx(many[size(i * n + j)]).epsilon(1e-5).margin(1e-3));
            }
        }
    });
}

TEST_CASE("byte activations: the same bits on any number of threads", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : {StorageType::q8_0, StorageType::q4_k})
            for (const index_t m : {1, 4, 40, 250}) {
                const index_t n = 300, k = 256;
                const auto w = Stored(type, n, k, numbers(n * k, 1));
                const auto x = numbers(m * k, 2);
                std::vector<float> first;
                for_each_thread_count([&] {
                    const auto c = product(w, x, m, n, k);
                    if (first.empty()) first = c;
                    CHECK(std::memcmp(first.data(), c.data(), c.size() * sizeof(float)) == 0);
                });
            }
    });
}

TEST_CASE("byte activations: instruction sets round alike, and differ only in the order of float sums", "[backend]") {
    const index_t m = 1, n = 8, k = 32;  // one group: floats are summed over the lanes of a vector alone
    for (const StorageType type : {StorageType::q8_0, StorageType::q4_0, StorageType::q5_0, StorageType::iq4_nl}) {
        const auto w = Stored(type, n, k, numbers(n * k, 1));
        for (unsigned seed = 0; seed < 50; ++seed) {
            auto x = numbers(m * k, seed);
            if (seed % 2 == 0)
                for (float& v : x) v = std::round(v * 20) / 2;  // many values halfway between two bytes
            x[3] = 127;
            std::vector<float> first;
            for_each_isa([&] {
                const auto c = product(w, x, m, n, k);
                if (first.empty()) first = c;
                for (std::size_t j = 0; j < c.size(); ++j) {
                    float scale = 0;
                    for (std::size_t p = 0; p < x.size(); ++p) scale += std::fabs(x[p] * w.values[j * x.size() + p]);
                    CHECK(std::fabs(c[j] - first[j]) <= 1e-6f * scale);
                }
            });
        }
    }
}

TEST_CASE("byte activations: zeros give zeros, numbers below all scales count as zero, and 127ths are exact", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : types) {
            INFO(name_of(type));
            const index_t n = 5, k = 256;
            const auto w = Stored(type, n, k, numbers(n * k, 1)), nothing = Stored(type, n, k, std::vector<float>(size(n * k)));
            for (const index_t m : {1, 7}) {
                CHECK(product(w, std::vector<float>(size(m * k)), m, n, k) == std::vector<float>(size(m * n)));
                CHECK(product(w, std::vector<float>(size(m * k), 1e-40f), m, n, k) == std::vector<float>(size(m * n)));
                for (const float y : product(nothing, numbers(m * k, 2), m, n, k)) CHECK(y == 0);
            }
        }
    });
}

TEST_CASE("byte activations: an infinity or NaN makes its row NaN, and no other", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : {StorageType::q8_0, StorageType::q4_1, StorageType::q3_k, StorageType::q4_k})
            for (const index_t m : {3, 9}) {
                const index_t n = 33, k = 512;
                const auto w = Stored(type, n, k, numbers(n * k, 1));
                auto x = numbers(m * k, 2);
                x[size(k + 300)] = std::numeric_limits<float>::infinity();
                x[size(2 * k + 1)] = std::numeric_limits<float>::quiet_NaN();
                const auto c = product(w, x, m, n, k);
                for (index_t i = 0; i < m; ++i)
                    for (index_t j = 0; j < n; ++j) CHECK(std::isnan(c[size(i * n + j)]) == (i == 1 || i == 2));
            }
    });
}

TEST_CASE("byte activations: scale, bias, activation and residual follow the product", "[backend]") {
    for_each_isa([] {
        const index_t n = 45, k = 64;
        const auto w = Stored(StorageType::q4_1, n, k, numbers(n * k, 1));
        const auto bias = numbers(n, 4);
        for (const index_t m : {2, 13}) {
            const auto x = numbers(m * k, 2), residual = numbers(m * n, 3), plain = product(w, x, m, n, k);
            std::vector<float> c(size(m * n));
            const cpu::Epilogue<float> epilogue{
                .bias = bias.data(), .activation = UnaryOp::relu, .residual = residual.data(), .residual_stride = n, .scale = 2};
            Backend::gemm(c.data(), n, {x.data(), k, 1}, w.operand(k), m, n, k, false, epilogue);
            for (std::size_t i = 0; i < c.size(); ++i)
                REQUIRE(c[i] == Approx(std::max(2 * plain[i] + bias[i % size(n)], 0.f) + residual[i]).epsilon(1e-5).margin(1e-5));
        }
    });
}

TEST_CASE("byte activations: plain types are met in f32 all the same", "[backend]") {
    const index_t m = 6, n = 40, k = 64;
    for (const StorageType type : {StorageType::f32, StorageType::bf16}) {
        const auto w = Stored(type, n, k, numbers(n * k, 1));
        const auto x = numbers(m * k, 2);
        auto right = w.operand(k);
        right.activations = Activations::f32;
        std::vector<float> c(size(m * n));
        Backend::gemm(c.data(), n, {x.data(), k, 1}, right, m, n, k, false);
        CHECK(c == product(w, x, m, n, k));
    }
}
