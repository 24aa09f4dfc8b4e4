#include "tercet/ops/axes.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("axes: all, one, several or none, counted from either end", "[ops]") {
    CHECK(Axes().mask(3, "test") == 0b111);
    const Axes braces = {};
    CHECK(braces.mask(3, "test") == 0b111);
    CHECK(Axes(-1).mask(3, "test") == 0b100);
    CHECK(Axes({0, -1}).mask(3, "test") == 0b101);
    CHECK(Axes(Shape{}).mask(3, "test") == 0);
    CHECK(Axes().mask(0, "test") == 0);
    CHECK(Axes().mask(8, "test") == 0xff);
    CHECK_ERROR(Axes(3).mask(3, "test"), ErrorCode::index_out_of_range);
    CHECK_ERROR((Axes({1, -2}).mask(3, "test")), ErrorCode::invalid_argument);
}

TEST_CASE("a reduction numbers outputs and their elements in row-major order", "[ops]") {
    const detail::Reduction r({2, 3, 4}, {12, 4, 1}, {0, 2}, "test");
    CHECK(r.shape(true) == Shape{1, 3, 1});
    CHECK(r.shape(false) == Shape{3});
    CHECK(r.outputs == 3);
    CHECK(r.each == 8);
    CHECK(r.output_offset(2) == 8);
    CHECK(r.element_offset(5) == 13);
    CHECK(detail::Reduction({2, 0}, {0, 1}, 1, "test").each == 0);
    CHECK(detail::Reduction({}, {}, Axes(), "test").each == 1);
}
