#include "tercet/ops/index.hpp"

#include "op_cases.hpp"

#include "tercet/autograd/gradcheck.hpp"

using namespace op_test;

namespace {

using D = Tensor<double>;
using Inputs = std::vector<D>;
using Ids = Tensor<std::int64_t>;

}  // namespace

TEMPLATE_TEST_CASE("picking by index: values and gradients equal PyTorch's", "[ops][golden]", float, double) {
    int checked = 0;
    GoldenReport report("indexing (gather, scatter_add, index_select, tril, triu)");
    for (const auto& c : op_cases("indexing")) {
        const auto check = [&](const auto& f) {
            check_op<TestType>(c, f, report);
            ++checked;
        };
        if (c.starts_with("gather")) check([&](auto in) { return gather(in("x"), c.integer("dim"), in_other_order(c.indices("in.index"))); });
        if (c.starts_with("scatter_add")) check([&](auto in) { return scatter_add(in("x"), c.integer("dim"), c.indices("in.index"), in("src")); });
        if (c.starts_with("index_select"))
            check([&](auto in) { return index_select(in("x"), c.integer("dim"), c.indices("in.index").to<std::int32_t>()); });
        if (c.starts_with("tril")) check([&](auto in) { return tril(in("x"), c.integer("diagonal")); });
        if (c.starts_with("triu")) check([&](auto in) { return triu(in("x"), c.integer("diagonal")); });
    }
    CHECK(checked >= 19);
}

TEST_CASE("picking by index: gradients equal finite differences, also on strided, one-element and empty inputs", "[ops]") {
    Generator generator(11);
    const auto check = [](const Inputs& x, const auto& f) { CHECK(gradcheck([&](Inputs& in) { return square(f(in)); }, x) <= 1e-6); };
    for (const Shape& shape : {Shape{3, 4, 2}, Shape{1, 1, 1}, Shape{3, 4, 0}}) {
        INFO("shape " << shape);
        const Inputs x{D::randn(shape, generator)};
        for (index_t dim = 0; dim < 3; ++dim) {
            const index_t n = shape[dim];
            const auto ids = n == 0 ? Ids::empty({0}) : Ids::randint(0, n, {5}, generator);
            check(x, [&](Inputs& in) { return index_select(transpose(in[0], 0, 2), 2 - dim, ids); });
            check(x, [&](Inputs& in) { return take(in[0], ids.reshape({1, ids.numel()}), dim); });
            Shape picked = shape;
            picked[dim] = n == 0 ? 0 : 3;
            const auto index = n == 0 ? Ids::empty(picked) : Ids::randint(0, n, picked, generator);
            check(x, [&](Inputs& in) { return gather(transpose(transpose(in[0])), dim, index); });
            check({x[0], D::randn(picked, generator)}, [&](Inputs& in) { return scatter_add(in[0], dim, index, in[1]); });
            check({x[0], D::randn(picked, generator)}, [&](Inputs& in) { return scatter(in[0], dim, index, transpose(transpose(in[1]))); });
        }
        check(x, [&](Inputs& in) { return tril(in[0], -1) + transpose(triu(transpose(in[0]), 1)); });
        const auto mask = x[0] > 0.0;
        check(x, [&](Inputs& in) { return masked_select(in[0], mask); });
    }
}

TEST_CASE("the gradient of repeated indices is the same on any number of threads", "[ops]") {
    const int before = threads();
    for (const Shape& shape : {Shape{1, 50, 700}, Shape{40, 50, 7}}) {
        const auto x = Tensor<float>::randn(shape), dy = Tensor<float>::randn({shape[0], 3000, shape[2]});
        const auto ids = Tensor<std::int32_t>::randint(0, 50, {3000});
        std::vector<float> first;
        for (const int count : {1, 4}) {
            set_threads(count);
            const auto leaf = x.clone().requires_grad();
            index_select(leaf, 1, ids).backward(dy);
            if (first.empty()) first = leaf.grad().to_vector();
            CHECK(leaf.grad().to_vector() == first);
            const auto again = x.clone().requires_grad();
            gather(again, 1, ids.reshape({1, 3000, 1}).expand(dy.shape())).backward(dy);
            CHECK(again.grad().to_vector() == first);
        }
    }
    set_threads(before);
}

TEST_CASE("take, one_hot, nonzero, masked_select and triangles by example", "[ops]") {
    const auto x = Tensor<int>::arange(0, 6).reshape({2, 3});
    const auto ids = Tensor<std::int32_t>::copy({2, 0, 0, 1}, {2, 2});
    const auto taken = take(x, ids, 1);
    CHECK(taken.shape() == Shape{2, 2, 2});
    CHECK(taken.to_vector() == std::vector<int>{2, 0, 0, 1, 5, 3, 3, 4});
    CHECK(take(x, Tensor<std::int32_t>::scalar(1)).to_vector() == std::vector<int>{3, 4, 5});
    CHECK(take(x, Tensor<std::int32_t>::scalar(1)).shape() == Shape{3});

    const auto hot = one_hot(ids, 3);
    CHECK(hot.shape() == Shape{2, 2, 3});
    CHECK(hot.to_vector() == std::vector<float>{0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0});
    CHECK(one_hot<bool>(Ids::empty({0}), 0).shape() == Shape{0, 0});

    CHECK(nonzero(x).shape() == Shape{5, 2});
    CHECK(nonzero(x.transpose()).to_vector() == std::vector<std::int64_t>{0, 1, 1, 0, 1, 1, 2, 0, 2, 1});
    CHECK(nonzero(Tensor<int>::scalar(5)).shape() == Shape{1, 0});
    CHECK(masked_select(x.transpose(), x.transpose() > 1).to_vector() == std::vector<int>{3, 4, 2, 5});
    CHECK(masked_select(x, Tensor<bool>::copy({true, false, true}, {3})).to_vector() == std::vector<int>{0, 2, 3, 5});

    const auto causal = tril(Tensor<bool>::ones({3, 3}));
    CHECK(causal.to_vector() == std::vector<bool>{true, false, false, true, true, false, true, true, true});
    CHECK(equal(logical_not(causal), triu(Tensor<bool>::ones({3, 3}), 1)));
    CHECK(scatter_add(Tensor<std::int8_t>::full({2}, 127), 0, Ids::zeros({1}), Tensor<std::int8_t>::ones({1})).to_vector() ==
          std::vector<std::int8_t>{-128, 127});
    const auto places = Ids::copy({2, 0, 2, 1, 1, 0}, {2, 3});  // some twice: the last stays
    const auto put = scatter(Tensor<int>::zeros({2, 4}), 1, places, Tensor<int>::copy({1, 2, 3, 4, 5, 6}, {2, 3}));
    CHECK(put.to_vector() == std::vector<int>{2, 0, 3, 0, 6, 5, 0, 0});
    CHECK(scatter(Tensor<int>::ones({3, 1}), 0, Ids::copy({1}, {1, 1}), Tensor<int>::copy({7}, {1, 1})).to_vector() == std::vector<int>{1, 7, 1});
}

TEST_CASE("picking by index: ids outside and shapes that do not fit are refused by name", "[ops][error]") {
    const auto x = D::zeros({2, 3});
    const auto id = [](std::int64_t i) { return Ids::full({1}, i); };
    const auto id2 = [](std::int64_t i) { return Ids::full({1, 1}, i); };
    CHECK_ERROR(index_select(x, 1, id(3)), ErrorCode::index_out_of_range);
    CHECK_ERROR(index_select(x, 1, id(-1)), ErrorCode::index_out_of_range);
    CHECK_ERROR(index_select(x, 2, id(0)), ErrorCode::index_out_of_range);
    CHECK_ERROR(index_select(x, 1, id2(0)), ErrorCode::shape_mismatch);
    CHECK_ERROR(index_select(D::zeros({0}), 0, id(0)), ErrorCode::index_out_of_range);
    CHECK_ERROR(take(x, id2(2)), ErrorCode::index_out_of_range);
    CHECK_ERROR(take(x, Ids::zeros({1, 1, 1, 1, 1, 1, 1, 1})), ErrorCode::invalid_argument);
    CHECK_ERROR(gather(x, 0, id2(2)), ErrorCode::index_out_of_range);
    CHECK_ERROR(gather(x, 0, id(0)), ErrorCode::shape_mismatch);
    CHECK_ERROR(gather(x, 0, Ids::zeros({1, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(scatter_add(x, 0, id2(2), D::zeros({1, 1})), ErrorCode::index_out_of_range);
    CHECK_ERROR(scatter_add(x, 0, id2(0), D::zeros({1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(scatter_add(x, 1, Ids::zeros({3, 1}), D::zeros({3, 1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(scatter(x, 0, id2(2), D::zeros({1, 1})), ErrorCode::index_out_of_range);
    CHECK_ERROR(scatter(x, 0, id2(0), D::zeros({1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(scatter(x, 1, Ids::zeros({3, 1}), D::zeros({3, 1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(one_hot(id(3), 3), ErrorCode::index_out_of_range);
    CHECK_ERROR(one_hot(id(0), -1), ErrorCode::index_out_of_range);
    CHECK_ERROR(one_hot(Ids::empty({0}), -1), ErrorCode::invalid_argument);
    CHECK_ERROR(masked_select(x, Tensor<bool>::ones({2})), ErrorCode::shape_mismatch);
    CHECK_ERROR(tril(D::zeros({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(triu(D::zeros({})), ErrorCode::shape_mismatch);

    try {
        index_select(x, 1, id(7));
    } catch (const Error& error) {
        CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("7") && Catch::Matchers::ContainsSubstring("3"));
    }
}
