#include "tercet/backend/backend.hpp"
#include "tercet/quant/convert.hpp"

#include "support/catch.hpp"
#include "support/isa.hpp"
#include "support/numbers.hpp"

#include <cmath>
#include <cstring>
#include <vector>

using namespace tercet;
using cpu::Backend;
using cpu::RightOperand;

namespace {

// A weight (n, k) as a file has it and as it is arranged.
struct Both {
    StorageType type;
    index_t n, k, row_bytes;
    std::vector<std::byte> rows;
    Scratch<std::byte> arranged;

    Both(StorageType t, index_t n_, index_t k_)
        : type(t),
          n(n_),
          k(k_),
          row_bytes(static_cast<index_t>(bytes_of(t, k))),
          rows(size(n * row_bytes)),
          arranged(Backend::arranged_bytes(t, n, k)) {
        quantize(type, numbers(n * k, 3), rows);
        Backend::arrange(arranged.data(), type, rows.data(), n, k);
    }
    std::vector<float> product(const std::vector<float>& x, index_t m, bool from_arranged, bool accumulate = false) const {
        using Kind = RightOperand<float>::Kind;
        std::vector<float> c(size(m * n), 0.5f);
        const RightOperand<float> right{.kind = from_arranged ? Kind::arranged : Kind::stored,
                                        .rows = from_arranged ? arranged.data() : rows.data(),
                                        .type = type,
                                        .row_bytes = from_arranged ? 0 : row_bytes,
                                        .activations = Activations::int8};
        Backend::gemm(c.data(), n, {x.data(), k, 1}, right, m, n, k, accumulate);
        return c;
    }
};

}  // namespace

TEST_CASE("arranged weights: every row comes back as it was stored", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : {StorageType::bf16, StorageType::q8_0})
            for (const index_t n : {1, 31, 32, 33, 70})
                for (const index_t k : {32, 64, 768, 800, 1568}) {
                    INFO(name_of(type) << ", " << n << " rows of " << k);
                    const Both w(type, n, k);
                    std::vector<std::byte> row(size(w.row_bytes));
                    for (index_t r = 0; r < n; ++r) {
                        Backend::stored_row(row.data(), type, w.arranged.data(), r, k);
                        REQUIRE(std::memcmp(row.data(), w.rows.data() + r * w.row_bytes, row.size()) == 0);
                    }
                }
        const Both odd(StorageType::bf16, 5, 33);  // bf16 has no blocks: the last word is half empty
        std::vector<std::byte> row(size(odd.row_bytes) + 1, std::byte{7});
        for (index_t r = 0; r < 5; ++r) {
            Backend::stored_row(row.data(), StorageType::bf16, odd.arranged.data(), r, 33);
            CHECK(std::memcmp(row.data(), odd.rows.data() + r * odd.row_bytes, size(odd.row_bytes)) == 0);
            CHECK(row.back() == std::byte{7});
        }
    });
}

TEST_CASE("arranged weights multiply like the stored ones, for any number of rows and threads", "[backend]") {
    for_each_isa([] {
        for (const StorageType type : {StorageType::bf16, StorageType::q8_0})
            for (const index_t n : {1, 33, 200})
                for (const index_t k : {32, 1568}) {
                    const Both w(type, n, k);
                    for (const index_t m : {1, 2, 4, 5, 6, 7, 13, 29, 100}) {
                        INFO(name_of(type) << ", " << m << " x " << n << " x " << k);
                        const auto x = numbers(m * k, 5);
                        const auto c = w.product(x, m, true), sum = w.product(x, m, true, true), expected = w.product(x, m, false);
                        // bf16: stored rows are met by float activations in a few rows, and wherever bfloat16 is not multiplied
                        const double allowed = (type == StorageType::bf16 ? 1.0 / 128 : 1e-6) * std::sqrt(static_cast<double>(k)) * 4;
                        for (std::size_t i = 0; i < c.size(); ++i) {
                            REQUIRE(std::fabs(static_cast<double>(c[i]) - static_cast<double>(expected[i])) <= allowed);
                            REQUIRE(std::fabs(static_cast<double>(sum[i]) - static_cast<double>(c[i]) - 0.5) <= 1e-4);
                        }
                    }
                    const auto x = numbers(29 * k, 6);
                    const auto once = w.product(x, 29, true);
                    for_each_thread_count([&] { CHECK(w.product(x, 29, true) == once); });
                }
    });
}

TEST_CASE("arranged weights: which types are worth it", "[backend]") {
    for_each_isa([] {
        CHECK(Backend::can_arrange(StorageType::q8_0));
        CHECK(Backend::can_arrange(StorageType::bf16) == (cpu::kernel_set().name == "avx512_vnni"));
        CHECK_FALSE(Backend::can_arrange(StorageType::q4_0));
        CHECK_FALSE(Backend::can_arrange(StorageType::f32));
    });
    CHECK(Backend::arranged_bytes(StorageType::bf16, 33, 100) == 64 * 100 * 2);
    CHECK(Backend::arranged_bytes(StorageType::q8_0, 33, 64) == 64 * (64 + 2 * 4));
}
