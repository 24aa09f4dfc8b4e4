// The matrix product of every instruction set against three plain loops in double.
#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/backend/backend.hpp"
#include "tercet/quant/convert.hpp"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

using namespace tercet;
using cpu::Backend;
using cpu::MatrixView;
using cpu::RightOperand;

namespace {

template <class T>
std::vector<T> numbers(std::size_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<T> x(n);
    for (T& v : x) v = static_cast<T>(normal(random));
    return x;
}

std::size_t size(index_t n) {
    return static_cast<std::size_t>(n);
}

// The largest difference between c and [c0 +] a · b, over what rounding of k products may leave: epsilon · (Σ |a b| + |c0|).
template <class T>
double worst_error(const T* c, index_t ldc, const T* c0, const MatrixView<T>& a, const MatrixView<T>& b, index_t m, index_t n, index_t k) {
    double worst = 0;
    for (index_t i = 0; i < m; ++i)
        for (index_t j = 0; j < n; ++j) {
            long double sum = c0 != nullptr ? c0[i * ldc + j] : 0, scale = std::fabs(sum);
            for (index_t p = 0; p < k; ++p) {
                const long double product =
                    static_cast<long double>(a.data[i * a.row_stride + p * a.col_stride]) * b.data[p * b.row_stride + j * b.col_stride];
                sum += product;
                scale += std::fabs(product);
            }
            const long double allowed = std::numeric_limits<T>::epsilon() * std::max<long double>(scale, std::numeric_limits<T>::min());
            const auto off = static_cast<double>(std::fabs(c[i * ldc + j] - sum) / allowed);
            if (!(off <= worst)) worst = std::isnan(off) ? HUGE_VAL : off;
        }
    return worst;
}

// A product with every layout of both operands, packed and accumulating too.
template <class T>
void check_product(index_t m, index_t n, index_t k) {
    INFO("(" << m << ", " << k << ") x (" << k << ", " << n << ")");
    const double allowed = 2 + std::sqrt(static_cast<double>(k));
    const auto a = numbers<T>(size(m * k * 2 + 8), 1), b = numbers<T>(size(k * n * 2 + 8), 2), start = numbers<T>(size(m * (n + 3)), 3);
    const MatrixView<T> lefts[] = {{a.data() + 1, k, 1}, {a.data(), 1, m}, {a.data(), 2 * k, 2}},
                        rights[] = {{b.data() + 1, n, 1}, {b.data(), 1, k}, {b.data(), 2, 2 * k}};
    const index_t ldc = n + 3;
    for (const auto& left : lefts)
        for (const auto& right : rights)
            for (const bool accumulate : {false, true}) {
                auto c = start;
                const RightOperand<T> operand{RightOperand<T>::Kind::strided, right};
                Backend::gemm(c.data(), ldc, left, operand, m, n, k, accumulate);
                REQUIRE(worst_error(c.data(), ldc, accumulate ? start.data() : nullptr, left, right, m, n, k) <= allowed);
                for (index_t i = 0; i < m; ++i)  // what lies between the rows is left alone
                    REQUIRE(std::equal(c.begin() + i * ldc + n, c.begin() + (i + 1) * ldc, start.begin() + i * ldc + n));

                std::vector<T> panels(size((n + 31) / 32 * 32 * k));
                Backend::pack(panels.data(), right, n, k);
                RightOperand<T> packed{RightOperand<T>::Kind::packed};
                packed.panels = panels.data();
                auto from_panels = start;
                Backend::gemm(from_panels.data(), ldc, left, packed, m, n, k, accumulate);
                REQUIRE(worst_error(from_panels.data(), ldc, accumulate ? start.data() : nullptr, left, right, m, n, k) <= allowed);
            }
}

}  // namespace

TEMPLATE_TEST_CASE("gemm equals three plain loops on odd sizes and layouts", "[backend]", float, double) {
    for_each_isa([] {
        std::mt19937 random(4);
        const auto any = [&] { return static_cast<index_t>(1 + random() % 70); };
        for (index_t m = 1; m <= 31; ++m) check_product<TestType>(m, 33, 5);  // every height of a tile, and of one that goes back over rows
        check_product<TestType>(40, 50, 512);                                 // rows of A that share sets of the cache
        for (index_t n = 1; n <= 67; n += 3) check_product<TestType>(5, n, 7);
        for (int trial = 0; trial < 12; ++trial) check_product<TestType>(any(), any(), any());
    });
}

TEMPLATE_TEST_CASE("gemm equals three plain loops across its blocks", "[backend]", float, double) {
    const UseThreads use(2);
    for_each_isa([] {
        const index_t sizes[][3] = {{129, 257, 300}, {451, 35, 257},  {3, 600, 513},   {1, 700, 300},
                                    {30, 33, 2100},  {1000, 290, 64}, {460, 700, 400}, {2100, 520, 20}};
        for (const auto& s : sizes) {
            const auto a = numbers<TestType>(size(s[0] * s[2]), 1), b = numbers<TestType>(size(s[2] * s[1]), 2);
            std::vector<TestType> c(size(s[0] * s[1]), TestType(1e30));
            const MatrixView<TestType> left{a.data(), s[2], 1}, right{b.data(), s[1], 1};
            Backend::gemm(c.data(), s[1], left, RightOperand<TestType>{RightOperand<TestType>::Kind::strided, right}, s[0], s[1], s[2], false);
            CHECK(worst_error<TestType>(c.data(), s[1], nullptr, left, right, s[0], s[1], s[2]) <= 12);
        }
    });
}

TEMPLATE_TEST_CASE("gemm gives the same bits on any number of threads", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        const index_t sizes[][3] = {{129, 257, 300}, {1, 500, 300}, {4, 96, 64}, {900, 40, 33}, {900, 520, 400}};
        for (const auto& s : sizes) {
            const auto a = numbers<T>(size(s[0] * s[2]), 1), b = numbers<T>(size(s[2] * s[1]), 2);
            std::vector<T> first;
            for_each_thread_count([&] {
                std::vector<T> c(size(s[0] * s[1]));
                Backend::gemm(c.data(), s[1], {a.data(), s[2], 1}, RightOperand<T>{RightOperand<T>::Kind::strided, {b.data(), 1, s[2]}}, s[0], s[1],
                              s[2], false);
                if (first.empty()) first = c;
                CHECK(std::memcmp(first.data(), c.data(), c.size() * sizeof(T)) == 0);
            });
        }
    });
}

TEST_CASE("gemm has the same bits whether A is packed at once or in parts, on all threads or in one", "[backend]") {
    const UseThreads use(2);
    for_each_isa([] {
        const index_t m = 2100, n = 70, k = 4096;  // more of A than is packed at a time
        const auto a = numbers<float>(size(m * k), 1), b = numbers<float>(size(k * n), 2);
        const RightOperand<float> right{RightOperand<float>::Kind::strided, {b.data(), n, 1}};
        std::vector<float> whole(size(m * n)), parts(whole), serial(whole);
        Backend::gemm(whole.data(), n, {a.data(), k, 1}, right, m, n, k, false);
        for (index_t i = 0; i < m; i += 525) Backend::gemm(parts.data() + i * n, n, {a.data() + i * k, k, 1}, right, 525, n, k, false);
        tercet::cpu::gemm_serial<float>(serial.data(), n, {a.data(), k, 1}, right, m, n, k, false);
        CHECK(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)) == 0);
        CHECK(std::memcmp(whole.data(), serial.data(), whole.size() * sizeof(float)) == 0);
    });
}

TEMPLATE_TEST_CASE("a row of a product has the same bits whatever rows stand below it", "[backend]", float, double) {
    using T = TestType;
    using Right = RightOperand<T>;
    for_each_isa([] {
        const index_t most = 35;
        for (const auto& [n, k] : {std::pair<index_t, index_t>{70, 33}, {70, 512}, {70, 700}, {1100, 64}}) {
            const auto a = numbers<T>(size(most * k), 1), b = numbers<T>(size(k * n), 2);
            std::vector<T> panels(size(cpu::packed_words<T>(n, k))), whole(size(most * n));
            Backend::pack(panels.data(), MatrixView<T>{b.data(), n, 1}, n, k);
            Right packed{Right::Kind::packed};
            packed.panels = panels.data();
            Backend::gemm(whole.data(), n, {a.data(), k, 1}, packed, most, n, k, false);
            for (index_t m = 2; m <= most; ++m)
                for (const auto& right : {packed, Right{Right::Kind::strided, {b.data(), n, 1}}}) {
                    INFO(m << " of " << most << " rows, depth " << k);
                    const std::vector<T> top(a.begin(), a.begin() + m * k);  // and no row more
                    std::vector<T> c(size(m * n));
                    Backend::gemm(c.data(), n, {top.data(), k, 1}, right, m, n, k, false);
                    REQUIRE(std::memcmp(c.data(), whole.data(), c.size() * sizeof(T)) == 0);
                }
        }
    });
}

TEMPLATE_TEST_CASE("gemm without depth gives zeros, or leaves what it adds to", "[backend]", float, double) {
    using T = TestType;
    std::vector<T> c(12, T(3));
    const RightOperand<T> nothing{RightOperand<T>::Kind::strided, {nullptr, 1, 1}};
    Backend::gemm<T>(c.data(), 4, {nullptr, 1, 1}, nothing, 3, 4, 0, true);
    CHECK(c == std::vector<T>(12, T(3)));
    Backend::gemm<T>(c.data(), 4, {nullptr, 1, 1}, nothing, 3, 4, 0, false);
    CHECK(c == std::vector<T>(12, T(0)));
    Backend::gemm<T>(nullptr, 0, {nullptr, 1, 1}, nothing, 0, 0, 5, false);
}

TEMPLATE_TEST_CASE("infinities and NaN go through the product, and stay in their row and column", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        const index_t m = 9, n = 35, k = 11;
        auto a = numbers<T>(size(m * k), 1);
        const auto b = numbers<T>(size(k * n), 2);
        a[3 * 11 + 4] = std::numeric_limits<T>::quiet_NaN();
        a[5 * 11] = std::numeric_limits<T>::infinity();
        std::vector<T> c(size(m * n));
        Backend::gemm<T>(c.data(), n, {a.data(), k, 1}, {RightOperand<T>::Kind::strided, {b.data(), n, 1}}, m, n, k, false);
        for (index_t i = 0; i < m; ++i)
            for (index_t j = 0; j < n; ++j) {
                const T x = c[size(i * n + j)];
                CHECK((i == 3 ? std::isnan(x) : i == 5 ? std::isinf(x) : std::isfinite(x)));
            }
    });
}

TEMPLATE_TEST_CASE("denormal numbers are multiplied as they are, and what is not finite in B stays in its column, packed or not", "[backend]", float,
                   double) {
    using T = TestType;
    const index_t n = 35, k = 11;
    constexpr T least = std::numeric_limits<T>::denorm_min();
    std::vector<T> small(size(k * n)), odd = numbers<T>(size(k * n), 2);
    for (index_t p = 0; p < k; ++p)
        for (index_t j = 0; j < n; ++j) small[size(p * n + j)] = static_cast<T>(j + 1) * least;
    odd[size(4 * n + 7)] = std::numeric_limits<T>::quiet_NaN();
    odd[size(n + 20)] = -std::numeric_limits<T>::infinity();
    for_each_isa([&] {
        for (const index_t m : {1, 2, 9})
            for (const bool packed : {false, true}) {
                INFO(m << " rows" << (packed ? ", packed" : ""));
                const std::vector<T> ones(size(m * k), T(1));
                std::vector<T> c(size(m * n));
                const auto multiply = [&](const std::vector<T>& b) {
                    std::vector<T> panels(size(cpu::packed_words<T>(n, k)));
                    Backend::pack<T>(panels.data(), {b.data(), n, 1}, n, k);
                    const auto right = packed ? RightOperand<T>{.kind = RightOperand<T>::Kind::packed, .panels = panels.data()}
                                              : RightOperand<T>{RightOperand<T>::Kind::strided, {b.data(), n, 1}};
                    Backend::gemm<T>(c.data(), n, {ones.data(), k, 1}, right, m, n, k, false);
                };
                multiply(small);
                for (index_t i = 0; i < m; ++i)
                    for (index_t j = 0; j < n; ++j) CHECK(c[size(i * n + j)] == static_cast<T>(k * (j + 1)) * least);
                multiply(odd);
                for (index_t i = 0; i < m; ++i)
                    for (index_t j = 0; j < n; ++j) {
                        const T x = c[size(i * n + j)];
                        CHECK((j == 7 ? std::isnan(x) : j == 20 ? std::isinf(x) && x < 0 : std::isfinite(x)));
                    }
            }
    });
}

TEST_CASE("a product of bfloat16 equals three plain loops", "[backend]") {
    for_each_isa([] {
        const index_t sizes[][3] = {{1, 1, 1}, {3, 33, 5}, {17, 64, 64}, {30, 47, 1031}, {130, 300, 520}};
        for (const auto& s : sizes) {
            const index_t m = s[0], n = s[1], k = s[2];
            INFO("(" << m << ", " << k << ") x (" << k << ", " << n << ")");
            const auto x = numbers<float>(size(m * k), 1), w = numbers<float>(size(k * n), 2), start = numbers<float>(size(m * n), 3);
            std::vector<bf16> a, b;
            std::vector<float> rounded_a, rounded_b;
            for (const float v : x) rounded_a.push_back(a.emplace_back(v));
            for (const float v : w) rounded_b.push_back(b.emplace_back(v));
            const MatrixView<bf16> rights[] = {{b.data(), n, 1}, {b.data(), 1, k}};
            for (const auto& right : rights)
                for (const bool accumulate : {false, true}) {
                    RightOperand<bf16> strided{RightOperand<bf16>::Kind::strided, right}, packed{RightOperand<bf16>::Kind::packed};
                    std::vector<std::int32_t> panels(size(cpu::packed_words<bf16>(n, k)));
                    Backend::pack(panels.data(), right, n, k);
                    packed.panels = panels.data();
                    const auto check = [&](const auto& left, const RightOperand<bf16>& operand) {
                        auto c = start;
                        Backend::gemm(c.data(), n, left, operand, m, n, k, accumulate);
                        REQUIRE(worst_error<float>(c.data(), n, accumulate ? start.data() : nullptr, {rounded_a.data(), k, 1},
                                                   {rounded_b.data(), right.row_stride, right.col_stride}, m, n,
                                                   k) <= 4 + std::sqrt(static_cast<double>(k)));
                    };
                    for (const auto& operand : {strided, packed}) {
                        check(MatrixView<bf16>{a.data(), k, 1}, operand);
                        check(MatrixView<float>{x.data(), k, 1}, operand);  // rounded while it is packed
                    }
                }
        }
    });
}

TEST_CASE("a product of bfloat16 has the same bits on any number of threads", "[backend]") {
    using Right = RightOperand<float>;
    for_each_isa([] {
        const index_t sizes[][3] = {{129, 257, 300}, {16, 1100, 384}, {900, 520, 400}};
        for (const auto& s : sizes) {
            const auto a = numbers<float>(size(s[0] * s[2]), 1), b = numbers<float>(size(s[2] * s[1]), 2);
            std::vector<float> first;
            for_each_thread_count([&] {
                std::vector<float> c(size(s[0] * s[1]));
                const Right right{.kind = Right::Kind::strided, .view = {b.data(), 1, s[2]}, .activations = Activations::bf16};
                Backend::gemm(c.data(), s[1], {a.data(), s[2], 1}, right, s[0], s[1], s[2], false);
                if (first.empty()) first = c;
                CHECK(std::memcmp(first.data(), c.data(), c.size() * sizeof(float)) == 0);
            });
        }
    });
}

TEST_CASE("a product of floats rounded to bfloat16 has the bits of one of bfloat16, in every layout", "[backend]") {
    for_each_isa([] {
        const index_t sizes[][3] = {{1, 1, 1}, {3, 35, 7}, {17, 64, 31}, {30, 33, 1700}, {30, 33, 1755}, {40, 64, 1024}, {129, 257, 300}, {14, 5, 0}};
        for (const auto& s : sizes) {
            const index_t m = s[0], n = s[1], k = s[2];
            INFO("(" << m << ", " << k << ") x (" << k << ", " << n << ")");
            auto a = numbers<float>(size(2 * m * k + 1), 1), b = numbers<float>(size(2 * k * n + 1), 2);
            if (k > 4) a[3] = std::numeric_limits<float>::infinity(), b[4] = std::numeric_limits<float>::quiet_NaN();
            std::vector<bf16> narrow_a(a.begin(), a.end()), narrow_b(b.begin(), b.end());
            const auto narrow = [](const MatrixView<float>& v, const std::vector<float>& from, const std::vector<bf16>& to) {
                return MatrixView<bf16>{to.data() + (v.data - from.data()), v.row_stride, v.col_stride};
            };
            for (const auto& left : {MatrixView<float>{a.data() + 1, k, 1}, {a.data(), 1, m}, {a.data(), 2 * k, 2}})
                for (const auto& right : {MatrixView<float>{b.data() + 1, n, 1}, {b.data(), 1, k}, {b.data(), 2, 2 * k}})
                    for (const bool accumulate : {false, true}) {
                        auto c = numbers<float>(size(m * (n + 3)), 3), want = c;
                        Backend::gemm(
                            c.data(), n + 3, left,
                            RightOperand<float>{.kind = RightOperand<float>::Kind::strided, .view = right, .activations = Activations::bf16}, m, n, k,
                            accumulate);
                        Backend::gemm(want.data(), n + 3, narrow(left, a, narrow_a),
                                      RightOperand<bf16>{RightOperand<bf16>::Kind::strided, narrow(right, b, narrow_b)}, m, n, k, accumulate);
                        for (std::size_t i = 0; i < c.size(); ++i) REQUIRE((c[i] == want[i] || (std::isnan(c[i]) && std::isnan(want[i]))));
                    }
        }
    });
}

TEST_CASE("a product of bytes is exact, and the same on every instruction set and number of threads", "[backend]") {
    const index_t sizes[][3] = {{1, 1, 1}, {3, 33, 5}, {17, 64, 64}, {30, 47, 1031}, {100, 290, 2100}};
    for (const auto& s : sizes) {
        const index_t m = s[0], n = s[1], k = s[2];
        INFO("(" << m << ", " << k << ") x (" << k << ", " << n << ")");
        std::mt19937 random(5);
        std::vector<std::int8_t> a(size(m * k)), b(size(k * n));
        for (auto& v : a) v = random() % 4 == 0 ? std::int8_t{-128} : static_cast<std::int8_t>(random());  // the ends of the range, often
        for (auto& v : b) v = random() % 4 == 0 ? std::int8_t{127} : static_cast<std::int8_t>(random());
        const MatrixView<std::int8_t> rights[] = {{b.data(), n, 1}, {b.data(), 1, k}};
        for (const auto& right : rights) {
            std::vector<std::int32_t> expected(size(m * n));
            for (index_t i = 0; i < m; ++i)
                for (index_t j = 0; j < n; ++j)
                    for (index_t p = 0; p < k; ++p)
                        expected[size(i * n + j)] += a[size(i * k + p)] * right.data[p * right.row_stride + j * right.col_stride];
            for_each_isa([&] {
                for_each_thread_count([&] {
                    RightOperand<std::int8_t> strided{RightOperand<std::int8_t>::Kind::strided, right},
                        packed{RightOperand<std::int8_t>::Kind::packed};
                    std::vector<std::int32_t> panels(size(cpu::packed_words<std::int8_t>(n, k))), c(size(m * n));
                    Backend::pack(panels.data(), right, n, k);
                    packed.panels = panels.data();
                    std::vector<std::int8_t> every_second(size(2 * m * k + 1));  // the same A, each second of its elements from an odd place on
                    for (std::size_t i = 0; i < a.size(); ++i) every_second[2 * i + 1] = a[i];
                    for (const auto& operand : {strided, packed}) {
                        Backend::gemm(c.data(), n, MatrixView<std::int8_t>{every_second.data() + 1, 2 * k, 2}, operand, m, n, k, false);
                        REQUIRE(c == expected);
                        Backend::gemm(c.data(), n, MatrixView<std::int8_t>{a.data(), k, 1}, operand, m, n, k, false);
                        REQUIRE(c == expected);
                        Backend::gemm(c.data(), n, MatrixView<std::int8_t>{a.data(), k, 1}, operand, m, n, k, true);
                        for (std::size_t i = 0; i < c.size(); ++i) REQUIRE(c[i] == 2 * expected[i]);
                    }
                });
            });
        }
    }
}

TEMPLATE_TEST_CASE("the epilogue scales, adds the bias, applies the function and adds the residual, in this order", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        const index_t sizes[][3] = {{1, 40, 9}, {1, 300, 700}, {2, 500, 300}, {3, 70, 0}, {40, 65, 300}};
        for (const auto& s : sizes) {
            const index_t m = s[0], n = s[1], k = s[2];
            const auto a = numbers<T>(size(m * k), 1), b = numbers<T>(size(k * n), 2), bias = numbers<T>(size(n), 3),
                       residual = numbers<T>(size(m * n), 4);
            for (const MatrixView<T>& right : {MatrixView<T>{b.data(), n, 1}, MatrixView<T>{b.data(), 1, k}}) {
                const RightOperand<T> operand{RightOperand<T>::Kind::strided, right};
                std::vector<T> plain(size(m * n)), whole(size(m * n));
                Backend::gemm(plain.data(), n, {a.data(), k, 1}, operand, m, n, k, false);
                for (const T scale : {T(1), T(0.5)}) {
                    Backend::gemm(whole.data(), n, {a.data(), k, 1}, operand, m, n, k, false,
                                  {bias.data(), UnaryOp::relu, residual.data(), n, scale});
                    for (index_t i = 0; i < m * n; ++i) {
                        const T expected = std::max(scale * plain[size(i)] + bias[size(i % n)], T(0)) + residual[size(i)];
                        REQUIRE(std::abs(whole[size(i)] - expected) <= T(200) * std::numeric_limits<T>::epsilon() * (1 + std::abs(expected)));
                    }
                }
            }
        }
    });
}

TEST_CASE("a product with stored weights equals one with the same weights unpacked", "[backend]") {
    // Large blocks lie across the borders of a depth, which is no multiple of them.
    const StorageType types[] = {StorageType::f32,  StorageType::f16,  StorageType::bf16, StorageType::q8_0,
                                 StorageType::q4_0, StorageType::q4_1, StorageType::q4_k, StorageType::q6_k};
    for_each_isa([&] {
        for (const StorageType type : types)
            for (const index_t m : {1, 3, 5, 40})
                for (const index_t k : {32, 288, 768, 1024, block_size(type) == 1 ? 37 : 64})
                    for (const bool accumulate : {false, true}) {
                        if (k % block_size(type) != 0) continue;
                        const index_t n = 71;
                        INFO(name_of(type) << " (" << m << ", " << k << ") x (" << k << ", " << n << ")");
                        const auto weights = numbers<float>(size(n * k), 5), x = numbers<float>(size(m * k), 6),
                                   start = numbers<float>(size(m * n), 7);
                        const std::size_t row_bytes = bytes_of(type, k);
                        std::vector<std::byte> stored(size(n) * row_bytes);
                        std::vector<float> unpacked(weights.size());
                        quantize(type, weights, stored);
                        dequantize(type, stored, unpacked);
                        RightOperand<float> right{RightOperand<float>::Kind::stored};
                        right.rows = stored.data();
                        right.type = type;
                        right.row_bytes = static_cast<index_t>(row_bytes);
                        auto c = start;
                        Backend::gemm(c.data(), n, {x.data(), k, 1}, right, m, n, k, accumulate);
                        CHECK(worst_error<float>(c.data(), n, accumulate ? start.data() : nullptr, {x.data(), k, 1}, {unpacked.data(), 1, k}, m, n,
                                                 k) <= 2 + std::sqrt(static_cast<double>(k)));
                    }
    });
}
