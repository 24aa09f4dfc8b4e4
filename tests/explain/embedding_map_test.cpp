#include "tercet/explain/embedding_map.hpp"

#include "support/catch.hpp"
#include "tercet/ops/matmul.hpp"
#include "tercet/ops/shape.hpp"

using namespace tercet;

TEST_CASE("embedding map: the directions in which points differ most, and the points along them") {
    // Far along (1, 1, 0), a little along (1, −1, 0), not at all along the third axis; about (5, 6, 7).
    const float far = 10, near = 1, r = std::sqrt(0.5f);
    std::vector<float> points;
    for (const auto& [a, b] : {std::pair{far, near}, {far, -near}, {-far, near}, {-far, -near}})
        for (const float v : {5 + r * (a + b), 6 + r * (a - b), 7.f}) points.push_back(v);
    const auto x = Tensor<float>::copy(points, {4, 3});
    const auto map = explain::embedding_map(x);
    CHECK(map.shares[0] == Approx(100.0 / 101));
    CHECK(map.shares[1] == Approx(1.0 / 101));
    CHECK(std::abs(map.places(0, 0)) == Approx(10));
    CHECK(std::abs(map.places(0, 1)) == Approx(1));
    CHECK(map.directions(0, 0) == Approx(r));
    CHECK(map.directions(0, 1) == Approx(r));
    CHECK(map.mean(2) == Approx(7));
    // Back again: nothing is lost in two dimensions.
    const auto back = matmul(map.places, map.directions) + map.mean;
    for (index_t i = 0; i < x.numel(); ++i) CHECK(back.data()[i] == Approx(x.data()[i]).margin(1e-5));
    CHECK(explain::embedding_map(x, 3).shares[2] == Approx(0).margin(1e-12));
}

TEST_CASE("embedding map: strided rows, equal rows, and what does not fit") {
    const auto x = Tensor<float>::copy(std::vector<float>{1, 2, 3, 4, 5, 7}, {2, 3}).transpose();  // (3, 2)
    const auto map = explain::embedding_map(x), same = explain::embedding_map(x.contiguous());
    CHECK(map.places.to_vector() == same.places.to_vector());
    const auto still = explain::embedding_map(Tensor<float>::ones({3, 2}));
    for (const float v : still.places.to_vector()) CHECK(v == 0);
    CHECK_ERROR(explain::embedding_map(Tensor<float>::ones({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(explain::embedding_map(Tensor<float>::ones({1, 3})), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::embedding_map(Tensor<float>::ones({3, 3}), 4), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::embedding_map(Tensor<float>::ones({3, 3}), 0), ErrorCode::invalid_argument);
}
