#include "op_test.hpp"

#include "tercet/ops/elementwise.hpp"
#include "tercet/ops/softmax.hpp"

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// f over the last dimension, turned so that it runs over `dim`.
template <class T, class F>
Tensor<T> over(const Tensor<T>& x, index_t dim, const F& f) {
    return dim == -1 ? f(x) : transpose(f(transpose(x, dim, -1)), dim, -1);
}

}  // namespace

TEST_CASE("softmax: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("softmax");
    for_each_isa([&] {
        for (const auto& c : golden_cases("softmax")) {
            const auto dim = static_cast<index_t>(c.parameters.at("dim").as_int());
            if (c.is("all_neg_inf_row")) {  // NaN there, by design zeros here
                auto want = c.tensor<double>("out");
                CHECK(std::isnan(want(0, 0)));
                want[0].fill(0);
                check_close(softmax(c.tensor<double>("in.x")), want, output_tolerance<double>);
            } else {
                check_golden(
                    c, {"x"}, [&](const auto& in) { return over(in[0], dim, [](const auto& x) { return softmax(x); }); }, report);
            }
        }
    });
}

TEST_CASE("log_softmax: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("log_softmax");
    for_each_isa([&] {
        for (const auto& c : golden_cases("log_softmax")) {
            const auto dim = static_cast<index_t>(c.parameters.at("dim").as_int());
            check_golden(
                c, {"x"}, [&](const auto& in) { return over(in[0], dim, [](const auto& x) { return log_softmax(x); }); }, report);
        }
    });
}

TEST_CASE("softmax and log_softmax: gradients equal finite differences, also strided, one row, one column, empty", "[ops]") {
    for_each_isa([] {
        for (const Shape& shape : {Shape{2, 3, 5}, Shape{7}, Shape{1, 40}, Shape{4, 1}, Shape{0, 3}, Shape{3, 0}}) {
            INFO("rank " << shape.rank());
            CHECK(gradcheck([](Inputs& v) { return softmax(v[0]); }, {numbers(shape, 1)}) <= 1e-6);
            CHECK(gradcheck([](Inputs& v) { return log_softmax(v[0]); }, {numbers(shape, 1)}) <= 1e-6);
        }
        CHECK(gradcheck([](Inputs& v) { return softmax(transpose(v[0])); }, {numbers({4, 3}, 1)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return log_softmax(transpose(v[0])); }, {numbers({4, 3}, 1)}) <= 1e-6);
    });
}

TEST_CASE("softmax of rows far from zero, masked in part, and masked whole", "[ops]") {
    for_each_isa([] {
        const auto x = Tensor<float>::copy({1e4f, 1e4f, -1e4f, -1e4f, -1e30f, -1e30f}, {3, 2});
        CHECK(softmax(x).to_vector() == std::vector<float>{0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f});
        const auto masked = softmax(D::copy({1, -infinity, 1, -infinity}, {2, 2}).transpose());
        CHECK(masked.to_vector() == std::vector<double>{0.5, 0.5, 0, 0});
        auto row = D::full({1, 3}, -infinity).requires_grad();
        softmax(row).backward(D::ones({1, 3}));
        CHECK(row.grad().to_vector() == std::vector<double>(3, 0));
    });
}

TEST_CASE("softmax of a scalar is refused", "[ops]") {
    CHECK_ERROR(softmax(D::scalar(1)), ErrorCode::shape_mismatch);
    CHECK_ERROR(log_softmax(D::scalar(1)), ErrorCode::shape_mismatch);
}
