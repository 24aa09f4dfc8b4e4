#include "tercet/ops/scan.hpp"

#include "op_cases.hpp"

#include "tercet/autograd/gradcheck.hpp"

using namespace op_test;

TEMPLATE_TEST_CASE("cumsum and cumprod: values and gradients equal PyTorch's", "[ops][golden]", float, double) {
    int checked = 0;
    GoldenReport report("reductions (cumsum, cumprod)");
    for (const auto& c : op_cases("reductions")) {
        if (!c.starts_with("cum")) continue;
        check_op<TestType>(
            c, [&](auto in) { return c.starts_with("cumsum") ? cumsum(in("x"), c.integer("dim")) : cumprod(in("x"), c.integer("dim")); }, report);
        ++checked;
    }
    CHECK(checked >= 6);
}

TEST_CASE("cumsum and cumprod: gradients equal finite differences, also among zeros", "[ops]") {
    using D = Tensor<double>;
    const auto check = [](const D& x, index_t dim) {
        CHECK(gradcheck([&](std::vector<D>& in) { return square(cumsum(transpose(in[0]), dim)); }, {x}) <= 1e-6);
        CHECK(gradcheck([&](std::vector<D>& in) { return square(cumprod(transpose(in[0]), dim)) + cumprod(transpose(in[0]), dim); }, {x}) <= 1e-6);
    };
    for (const Shape& shape : {Shape{3, 4}, Shape{1, 1}, Shape{0, 2}}) {
        check(D::randn(shape), 0);
        check(D::randn(shape), 1);
    }
    check(D::copy({1, 0, 2, 0, 3, 4}, {2, 3}), 0);
}

TEST_CASE("cumsum and cumprod: integers are wide, the dimension is checked", "[ops]") {
    CHECK(cumsum(Tensor<bool>::copy({true, false, true}, {3}), 0).to_vector() == std::vector<std::int64_t>{1, 1, 2});
    CHECK(cumsum(Tensor<std::int8_t>::copy({-100, -100}, {2}), -1).to_vector() == std::vector<std::int64_t>{-100, -200});
    CHECK(cumprod(Tensor<std::uint8_t>::full({3}, 100), 0).to_vector() == std::vector<std::int64_t>{100, 10000, 1000000});
    CHECK_ERROR(cumsum(Tensor<float>::zeros({2}), 1), ErrorCode::index_out_of_range);
    CHECK_ERROR(cumprod(Tensor<float>::scalar(1), 0), ErrorCode::index_out_of_range);
}
