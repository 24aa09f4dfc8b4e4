#include "tercet/ops/compare.hpp"

#include "op_cases.hpp"

#include "tercet/autograd/gradcheck.hpp"

using namespace op_test;

namespace {

using D = Tensor<double>;
using Truth = std::vector<bool>;
constexpr double NaN = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

}  // namespace

TEMPLATE_TEST_CASE("where and masked_fill: values and gradients equal PyTorch's", "[ops][golden]", float, double) {
    int checked = 0;
    GoldenReport report("indexing (where, masked_fill)");
    for (const auto& c : op_cases("indexing")) {
        if (c.name == "where") {
            check_op<TestType>(
                c, [&](auto in) { return where(c.mask("in.cond"), in("a"), in("b")); }, report);
            ++checked;
        }
        if (c.name == "masked_fill") {
            const auto value = static_cast<TestType>(c.parameters.at("value").as_number());
            check_op<TestType>(
                c, [&](auto in) { return masked_fill(in("x"), in_other_order(c.mask("in.mask")), value); }, report);
            ++checked;
        }
    }
    CHECK(checked == 2);
}

TEST_CASE("comparisons: element by element, broadcast, with scalars on either side", "[ops]") {
    const auto a = Tensor<int>::copy({1, 2, 3}, {3}), b = Tensor<int>::copy({2, 2, 2}, {3});
    CHECK((a == b).to_vector() == Truth{false, true, false});
    CHECK((a != b).to_vector() == Truth{true, false, true});
    CHECK((a < b).to_vector() == Truth{true, false, false});
    CHECK((a <= b).to_vector() == Truth{true, true, false});
    CHECK((a > b).to_vector() == Truth{false, false, true});
    CHECK((a >= b).to_vector() == Truth{false, true, true});
    CHECK((a < 2).to_vector() == Truth{true, false, false});
    CHECK((2 < a).to_vector() == Truth{false, false, true});
    CHECK((a.reshape({3, 1}) == a).to_vector() == Truth{true, false, false, false, true, false, false, false, true});
    CHECK(eq(a, 3).to_vector() == Truth{false, false, true});
    CHECK(ne(a, 3).to_vector() == Truth{true, true, false});
    CHECK(lt(a, b).to_vector() == le(a, 1).to_vector());
    CHECK(gt(a, b).to_vector() == ge(a, 3).to_vector());
    CHECK((transpose(a.reshape({1, 3})) > a.reshape({3, 1})).shape() == Shape{3, 1});

    const auto x = D::copy({NaN, 1}, {2});
    CHECK((x == x).to_vector() == Truth{false, true});
    CHECK((x != x).to_vector() == Truth{true, false});
    CHECK((x <= 1.0).to_vector() == Truth{false, true});
    CHECK((x >= NaN).to_vector() == Truth{false, false});
    CHECK((Tensor<bf16>::full({1}, bf16(2.f)) > bf16(1.f)).item());
    CHECK((D::empty({0, 2}) == D::empty({2})).shape() == Shape{0, 2});
}

TEST_CASE("logic on truth values", "[ops]") {
    const auto a = Tensor<bool>::copy({false, false, true, true}, {4}), b = Tensor<bool>::copy({false, true, false, true}, {4});
    CHECK((a & b).to_vector() == Truth{false, false, false, true});
    CHECK((a | b).to_vector() == Truth{false, true, true, true});
    CHECK((a ^ b).to_vector() == Truth{false, true, true, false});
    CHECK((!a).to_vector() == Truth{true, true, false, false});
    CHECK(logical_and(a, Tensor<bool>::scalar(true)).to_vector() == a.to_vector());
    CHECK(logical_or(a, Tensor<bool>::scalar(true)).to_vector() == Truth{true, true, true, true});
    CHECK(logical_xor(a, a).to_vector() == Truth{false, false, false, false});
    CHECK(logical_not(logical_not(a)).to_vector() == a.to_vector());
}

TEST_CASE("isnan, isinf and isfinite, equal and allclose", "[ops]") {
    const auto x = D::copy({NaN, inf, -inf, 0, 1}, {5});
    CHECK(isnan(x).to_vector() == Truth{true, false, false, false, false});
    CHECK(isinf(x).to_vector() == Truth{false, true, true, false, false});
    CHECK(isfinite(x).to_vector() == Truth{false, false, false, true, true});
    CHECK(isfinite(Tensor<int>::zeros({2})).to_vector() == Truth{true, true});
    CHECK(isnan(Tensor<f16>::full({1}, f16(std::numeric_limits<float>::quiet_NaN()))).item());

    CHECK_FALSE(equal(x, x));
    CHECK(equal(slice(x, 0, 1, 5), slice(x, 0, 1, 5)));
    CHECK_FALSE(equal(D::zeros({2}), D::zeros({2, 1})));
    CHECK(equal(D::empty({0}), D::empty({0})));
    CHECK_FALSE(allclose(x, x));
    CHECK(allclose(x, x, 0, 0, true));
    CHECK(allclose(D::full({2}, 1), D::full({2}, 1 + 9e-6)));
    CHECK_FALSE(allclose(D::full({2}, 1), D::full({2}, 1 + 2e-5)));
    CHECK_FALSE(allclose(D::full({1}, inf), D::full({1}, -inf)));
    CHECK_FALSE(allclose(D::full({1}, 1), D::full({1}, inf)));
    CHECK(allclose(Tensor<int>::full({2, 2}, 3), Tensor<int>::scalar(3)));
}

TEST_CASE("where, masked_fill and clamp: gradients equal finite differences", "[ops]") {
    Generator generator(7);
    for (const Shape& shape : {Shape{3, 4}, Shape{1, 1}, Shape{0, 4}}) {
        const auto mask = D::randn(shape, generator) > 0.0;
        const auto a = D::randn(shape, generator), b = D::randn({shape[1]}, generator);
        CHECK(gradcheck([&](std::vector<D>& in) { return square(where(mask, in[0], in[1])); }, {a, b}) <= 1e-6);
        CHECK(gradcheck([&](std::vector<D>& in) { return square(where(transpose(mask), transpose(in[0]), 2)); }, {a}) <= 1e-6);
        CHECK(gradcheck([&](std::vector<D>& in) { return square(where(mask, 2, in[0])); }, {a}) <= 1e-6);
        CHECK(gradcheck([&](std::vector<D>& in) { return square(masked_fill(in[0], mask, -1)); }, {a}) <= 1e-6);
        CHECK(gradcheck([&](std::vector<D>& in) { return square(clamp(transpose(in[0]), -0.5, 0.7)); }, {a}) <= 1e-6);
    }
    const auto x = D::copy({-1, -0.5, 0, 1, 2, NaN}, {6}).requires_grad();
    const auto y = clamp(x, -0.5, 1);
    CHECK(slice(y.detach(), 0, 0, 5).to_vector() == std::vector<double>{-0.5, -0.5, 0, 1, 1});
    CHECK(std::isnan(y(5)));
    sum(slice(y, 0, 0, 5)).backward();
    CHECK(x.grad().to_vector() == std::vector<double>{0, 1, 1, 1, 0, 0});  // the bounds themselves pass, as in PyTorch
    CHECK(clamp(Tensor<int>::copy({-5, 5}, {2}), 0, 3).to_vector() == std::vector<int>{0, 3});
}

TEST_CASE("comparison and choice: what does not fit is refused by name", "[ops][error]") {
    const auto x = D::zeros({2, 3}), y = D::zeros({2});
    CHECK_ERROR(x == y, ErrorCode::shape_mismatch);
    CHECK_ERROR(lt(x, y), ErrorCode::shape_mismatch);
    CHECK_ERROR((isnan(x) & isnan(y)), ErrorCode::shape_mismatch);
    CHECK_ERROR(where(isnan(y), x, x), ErrorCode::shape_mismatch);
    CHECK_ERROR(where(isnan(x), x, y), ErrorCode::shape_mismatch);
    CHECK_ERROR(masked_fill(y, isnan(x), 0), ErrorCode::shape_mismatch);
    CHECK_ERROR(masked_fill(D::zeros({1, 3}), isnan(x), 0), ErrorCode::shape_mismatch);
    CHECK_ERROR(allclose(x, y), ErrorCode::shape_mismatch);
    CHECK_ERROR(clamp(x, 1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(clamp(x, NaN, 0), ErrorCode::invalid_argument);
}
