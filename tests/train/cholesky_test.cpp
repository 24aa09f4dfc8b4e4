#include "tercet/train/cholesky.hpp"
#include "support/catch.hpp"
#include "tercet/ops/matmul.hpp"
#include "tercet/ops/shape.hpp"

using namespace tercet;

TEST_CASE("cholesky: solves systems of any size") {
    manual_seed(5);
    for (const index_t n : {1, 2, 3, 5, 8, 33, 100}) {
        const auto b = Tensor<double>::randn({n, n});
        auto a = matmul(b, transpose(b));
        for (index_t i = 0; i < n; ++i) a.at(i, i) += 0.5;
        const auto truth = Tensor<double>::randn({n, 1});
        auto x = matmul(a, truth).to_vector();
        for (index_t i = 0; i < n; ++i)
            for (index_t j = i + 1; j < n; ++j) a.at(i, j) = std::nan("");  // not read
        const auto factors = Cholesky::of(a);
        REQUIRE(factors);
        CHECK(factors->size() == n);
        factors->solve(x);
        for (index_t i = 0; i < n; ++i) CHECK(x[static_cast<std::size_t>(i)] == Approx(truth(i, 0)).epsilon(1e-8).margin(1e-8));
    }
}

TEST_CASE("cholesky: what is not positive definite has no factors; what does not fit is refused") {
    CHECK(!Cholesky::of(Tensor<double>::copy({1, 2, 2, 1}, {2, 2})));
    CHECK(!Cholesky::of(Tensor<double>::zeros({3, 3})));
    CHECK(!Cholesky::of(Tensor<double>::full({2, 2}, std::nan(""))));
    CHECK(Cholesky::of(Tensor<double>::zeros({0, 0})));
    CHECK_ERROR(Cholesky::of(Tensor<double>::zeros({2, 3})), ErrorCode::shape_mismatch);
    std::vector<double> three(3);
    CHECK_ERROR(Cholesky::of(Tensor<double>::copy({1, 0, 0, 1}, {2, 2}))->solve(three), ErrorCode::shape_mismatch);
}
