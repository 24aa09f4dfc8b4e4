#include "support/catch.hpp"

#include "tercet/core/shape.hpp"

#include <limits>
#include <sstream>
#include <vector>

using namespace tercet;

namespace {
std::string text_of(const Shape& shape) {
    std::ostringstream out;
    out << shape;
    return out.str();
}
constexpr index_t huge = std::numeric_limits<index_t>::max();
}  // namespace

TEST_CASE("a shape prints as Python's tuple does", "[core]") {
    CHECK(text_of({}) == "()");
    CHECK(text_of({4}) == "(4,)");
    CHECK(text_of({2, 3}) == "(2, 3)");
}

TEST_CASE("a shape holds up to eight dimensions and no more", "[core]") {
    Shape shape{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(shape.rank() == 8);
    CHECK(shape.back() == 8);
    const volatile std::size_t count = 9;  // not for the compiler to see through
    const std::vector<index_t> nine(count, 1);
    CHECK_ERROR(Shape(std::span(nine)), ErrorCode::invalid_argument);
    CHECK_ERROR(shape.push_back(9), ErrorCode::invalid_argument);
    CHECK_ERROR(Shape::filled(9, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(Shape::filled(-1, 1), ErrorCode::invalid_argument);
    shape.erase(0);
    CHECK(shape == Shape{2, 3, 4, 5, 6, 7, 8});
    shape.insert(3, 0);
    CHECK(shape == Shape{2, 3, 4, 0, 5, 6, 7, 8});
    shape.erase(7);
    CHECK(shape == Shape{2, 3, 4, 0, 5, 6, 7});
    CHECK(Shape{} == Shape::filled(0, 5));
    CHECK_FALSE(Shape{1} == Shape{});
    CHECK_FALSE(Shape{1, 1} == Shape{1});
}

TEST_CASE("element_count multiplies without overflow", "[core]") {
    CHECK(element_count({}) == 1);
    CHECK(element_count({2, 3, 4}) == 24);
    CHECK(element_count({2, 0, 4}) == 0);
    CHECK(element_count({huge}) == huge);
    CHECK_ERROR(element_count({huge, 2}), ErrorCode::size_overflow);
    CHECK_ERROR(element_count({0, huge, 2}), ErrorCode::size_overflow);  // strides would overflow, though it holds nothing
    CHECK_ERROR(element_count({2, -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(element_count({0, -1}), ErrorCode::invalid_argument);
}

TEST_CASE("strides count elements in row-major order", "[core]") {
    CHECK(contiguous_strides({2, 3, 4}) == Shape{12, 4, 1});
    CHECK(contiguous_strides({}) == Shape{});
    CHECK(contiguous_strides({2, 0, 4}) == Shape{4, 4, 1});
    CHECK(is_contiguous({2, 3}, {3, 1}));
    CHECK_FALSE(is_contiguous({2, 3}, {1, 2}));
    CHECK(is_contiguous({1, 3, 1}, {77, 1, -5}));  // extents of 1 may have any stride
    CHECK(is_contiguous({}, {}));
    CHECK(is_contiguous({3, 0}, {9, 9}));
    CHECK(is_contiguous({0, 3}, {9, 9}));  // an empty tensor always is
    CHECK_FALSE(is_contiguous({2}, {0}));
}

TEST_CASE("dimensions wrap from the back", "[core]") {
    CHECK(wrap_dim(-1, 3, "x") == 2);
    CHECK(wrap_dim(-3, 3, "x") == 0);
    CHECK(wrap_dim(2, 3, "x") == 2);
    CHECK_ERROR(wrap_dim(3, 3, "x"), ErrorCode::index_out_of_range);
    CHECK_ERROR(wrap_dim(-4, 3, "x"), ErrorCode::index_out_of_range);
    CHECK_ERROR(wrap_dim(0, 0, "x"), ErrorCode::index_out_of_range);
    CHECK_ERROR(wrap_dim(std::numeric_limits<index_t>::min(), 8, "x"), ErrorCode::index_out_of_range);
}

TEST_CASE("shapes broadcast from the right", "[core]") {
    CHECK(broadcast_shapes({2, 3}, {3}, "x") == Shape{2, 3});
    CHECK(broadcast_shapes({3}, {2, 1}, "x") == Shape{2, 3});
    CHECK(broadcast_shapes({2, 1, 4}, {3, 1}, "x") == Shape{2, 3, 4});
    CHECK(broadcast_shapes({}, {2, 3}, "x") == Shape{2, 3});
    CHECK(broadcast_shapes({0}, {1}, "x") == Shape{0});
    CHECK(broadcast_shapes({1}, {5, 0}, "x") == Shape{5, 0});
    CHECK_ERROR(broadcast_shapes({0}, {2}, "x"), ErrorCode::shape_mismatch);
    CHECK_ERROR(broadcast_shapes({2, 3}, {2, 4}, "x"), ErrorCode::shape_mismatch);

    CHECK(broadcast_strides({3, 1}, {1, 1}, {2, 3, 4}, "x") == Shape{0, 1, 0});
    CHECK(broadcast_strides({}, {}, {2}, "x") == Shape{0});
    CHECK_ERROR(broadcast_strides({2, 3}, {3, 1}, {3}, "x"), ErrorCode::shape_mismatch);
    CHECK_ERROR(broadcast_strides({2}, {1}, {3}, "x"), ErrorCode::shape_mismatch);
}
