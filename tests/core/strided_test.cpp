#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/core/strided.hpp"

#include <random>
#include <vector>

using namespace tercet;

namespace {

// Offset of row-major element i, by strides.
index_t offset_of(index_t i, const Shape& shape, const Shape& strides) {
    index_t at = 0;
    for (index_t d = shape.rank(); d-- > 0; i /= shape[d]) at += i % shape[d] * strides[d];
    return at;
}

}  // namespace

TEST_CASE("for_each_row meets every element once, at the offset its strides give", "[core]") {
    std::mt19937 random(7);
    const auto below = [&](int n) { return static_cast<index_t>(random() % static_cast<unsigned>(n)); };
    for (int trial = 0; trial < 300; ++trial) {
        Shape shape, second;
        const index_t rank = below(6);
        for (index_t d = 0; d < rank; ++d) shape.push_back(trial % 10 == 0 ? below(4) : 1 + below(5));
        const Shape first = contiguous_strides(shape);
        // The second operand: dimensions in another order, some stretched, some backwards.
        second = first;
        for (index_t d = 0; d < rank; ++d) {
            const auto kind = below(4);
            if (kind == 0) second[d] = 0;
            if (kind == 1) second[d] = -second[d];
            if (kind == 2) second[d] = 3 * second[d];
        }
        const index_t n = element_count(shape);
        std::vector<index_t> seen(static_cast<std::size_t>(n), -1);
        std::vector<int> count(static_cast<std::size_t>(n), 0);
        for_each_row<2>(shape, {first, second}, [&](const auto& at, index_t length, const auto& step) {
            for (index_t i = 0; i < length; ++i) {
                const auto where = static_cast<std::size_t>(at[0] + i * step[0]);
                seen.at(where) = at[1] + i * step[1];
                ++count.at(where);
            }
        });
        for (index_t i = 0; i < n; ++i) {
            REQUIRE(count[static_cast<std::size_t>(i)] == 1);
            REQUIRE(seen[static_cast<std::size_t>(i)] == offset_of(i, shape, second));
        }
    }
}

TEST_CASE("for_each_row cuts long rows and gathers short ones, on any number of threads", "[core]") {
    const Shape shapes[] = {{3 * elementwise_grain + 5}, {2, elementwise_grain + 1}, {elementwise_grain * 2, 3}, {7, 1, 11}};
    for (const Shape& shape : shapes)
        for_each_thread_count([&] {
            std::vector<int> count(static_cast<std::size_t>(element_count(shape)), 0);
            for_each_row<1>(shape, {contiguous_strides(shape)}, [&](const auto& at, index_t length, const auto& step) {
                for (index_t i = 0; i < length; ++i) ++count[static_cast<std::size_t>(at[0] + i * step[0])];
            });
            CHECK(std::all_of(count.begin(), count.end(), [](int c) { return c == 1; }));
        });
}

TEST_CASE("dimensions without gaps merge into one row", "[core]") {
    Shape shape{2, 3, 1, 4};
    std::array<Shape, 2> strides{contiguous_strides(shape), contiguous_strides(shape)};
    detail::merge_dimensions(shape, strides);
    CHECK(shape == Shape{24});
    CHECK(strides[1] == Shape{1});

    Shape apart{2, 3, 4};
    std::array<Shape, 2> kept{contiguous_strides(apart), Shape{4, 8, 1}};
    detail::merge_dimensions(apart, kept);
    CHECK(apart == Shape{2, 3, 4});

    Shape scalar;
    std::array<Shape, 1> none{Shape{}};
    detail::merge_dimensions(scalar, none);
    CHECK(scalar == Shape{1});

    int calls = 0;
    for_each_row<1>({2, 0, 3}, {Shape{0, 3, 1}}, [&](const auto&, index_t, const auto&) { ++calls; });
    CHECK(calls == 0);
}
