#include "tercet/ops/lanes.hpp"

#include "support/catch.hpp"

#include <vector>

using namespace tercet;

TEST_CASE("lanes: each is visited once, at its first element in every tensor", "[ops]") {
    const Shape shape{2, 3, 4};
    for (index_t dim = 0; dim < 3; ++dim) {
        const Shape first = contiguous_strides(shape), second{1, 2, 6};
        std::vector<int> met(24), met_second(24);
        detail::for_each_lane<2>(shape, {first, second}, dim, shape[dim], [&](const auto& at) {
            for (index_t i = 0; i < shape[dim]; ++i) {
                ++met[static_cast<std::size_t>(at[0] + i * first[dim])];
                ++met_second[static_cast<std::size_t>(at[1] + i * second[dim])];
            }
        });
        CHECK(met == std::vector<int>(24, 1));
        CHECK(met_second == std::vector<int>(24, 1));
    }
}

TEST_CASE("lanes: none where another dimension is empty, one for a scalar, and one of no length where its own is", "[ops]") {
    const auto count = [](const Shape& shape, index_t dim) {
        int lanes = 0;
        detail::for_each_lane<1>(shape, {contiguous_strides(shape)}, dim, 1, [&](const auto&) { ++lanes; });
        return lanes;
    };
    CHECK(count({2, 0}, 0) == 0);
    CHECK(count({2, 0}, 1) == 2);
    CHECK(count({}, 0) == 1);
}
