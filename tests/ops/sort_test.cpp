#include "tercet/ops/sort.hpp"

#include "op_cases.hpp"

#include "tercet/autograd/gradcheck.hpp"

using namespace op_test;

TEMPLATE_TEST_CASE("sort, argsort and topk: values, indices and gradients equal PyTorch's", "[ops][golden]", float, double) {
    using T = TestType;
    int checked = 0;
    GoldenReport report("topk_sort");
    for (const auto& c : op_cases("topk_sort")) {
        INFO("case " << c.name);
        const index_t dim = c.integer("dim");
        const bool top = c.starts_with("topk");
        const auto run = [&](const Tensor<T>& x) {
            return top ? topk(x, c.integer("k"), dim, c.parameters.get_or("largest", true)) : sort(x, dim, c.parameters.get_or("descending", false));
        };
        const auto x = c.template tensor<T>("in.x");
        if (c.name == "argsort") {
            CHECK(argsort(x, dim).to_vector() == c.indices("out").to_vector());
        } else {
            check_op<T>(
                c, [&](auto in) { return std::vector<Tensor<T>>{run(in("x")).values}; }, report);
            CHECK(run(in_other_order(x)).indices.to_vector() == c.indices("out.1").to_vector());
        }
        ++checked;
    }
    CHECK(checked >= 9);
}

TEST_CASE("sort: stable both ways, NaN above everything", "[ops]") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto x = Tensor<double>::copy({2, nan, 1, 2, nan, 1}, {6});
    CHECK(sort(x).indices.to_vector() == std::vector<std::int64_t>{2, 5, 0, 3, 1, 4});
    CHECK(sort(x, 0, true).indices.to_vector() == std::vector<std::int64_t>{1, 4, 0, 3, 2, 5});
    CHECK(topk(x, 3).indices.to_vector() == std::vector<std::int64_t>{1, 4, 0});
    CHECK(topk(x, 2, 0, false).values.to_vector() == std::vector<double>{1, 1});
    CHECK(topk(x, 0).values.shape() == Shape{0});
    CHECK(sort(Tensor<double>::zeros({2, 0})).values.shape() == Shape{2, 0});
    CHECK(sort(Tensor<bool>::copy({true, false, true}, {3})).values.to_vector() == std::vector<bool>{false, true, true});
    CHECK(argsort(Tensor<int>::copy({3, 1, 2}, {3}), -1, true).to_vector() == std::vector<std::int64_t>{0, 2, 1});

    const auto many = Tensor<float>::randint(0, 100, {3, 5000, 2});
    const auto sorted = sort(many, 1);
    const auto lane = select(select(sorted.values, 0, 1), 1, 1).to_vector();
    CHECK(std::is_sorted(lane.begin(), lane.end()));
    CHECK(slice(sorted.indices, 1, 0, 40).to_vector() == topk(many, 40, 1, false).indices.to_vector());
}

TEST_CASE("sort and topk: gradients equal finite differences", "[ops]") {
    using D = Tensor<double>;
    for (const Shape& shape : {Shape{3, 5}, Shape{1, 1}, Shape{0, 3}}) {
        const std::vector<D> x{D::randn(shape)};
        CHECK(gradcheck([](std::vector<D>& in) { return square(sort(transpose(in[0]), 0, true).values); }, x) <= 1e-6);
        CHECK(gradcheck([](std::vector<D>& in) { return square(topk(in[0], 1, 1).values); }, x) <= 1e-6);
    }
}

TEST_CASE("sort and topk: what does not fit is refused by name", "[ops][error]") {
    const auto x = Tensor<float>::zeros({2, 3});
    CHECK_ERROR(sort(x, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(sort(Tensor<float>::scalar(1)), ErrorCode::index_out_of_range);
    CHECK_ERROR(topk(x, 4), ErrorCode::index_out_of_range);
    CHECK_ERROR(topk(x, -1), ErrorCode::index_out_of_range);
}
