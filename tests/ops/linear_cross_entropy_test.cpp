#include "op_test.hpp"

#include "tercet/ops/embedding.hpp"
#include "tercet/ops/linear_cross_entropy.hpp"

using Ids = Tensor<std::int64_t>;

namespace {

Ids some_targets(index_t rows, index_t classes) {
    Generator generator(9);
    auto t = Ids::randint(0, classes, {rows}, generator);
    for (index_t r = 0; r < rows; r += 3) t.at(r) = -100;
    return t;
}

}  // namespace

TEST_CASE("linear_cross_entropy equals cross_entropy of linear, in value and gradients, whatever the chunk", "[ops]") {
    for_each_isa([] {
        const index_t rows = 11, C = 7, V = 23;
        const auto targets = some_targets(rows, V);
        Generator generator(2);
        const auto weights = D::rand({V}, generator);
        for (const index_t chunk : {1, 3, 11, 500})
            for (const auto reduction : {LossReduction::mean, LossReduction::sum})
                for (const double smoothing : {0.0, 0.2}) {
                    const CrossEntropyOptions<double> options{
                        .label_smoothing = smoothing, .reduction = reduction, .class_weights = smoothing > 0 ? weights : D()};
                    auto x = numbers({rows, C}, 1).requires_grad(), w = numbers({V, C}, 2).requires_grad();
                    auto x2 = x.detach().clone().requires_grad(), w2 = w.detach().clone().requires_grad();
                    const auto got = linear_cross_entropy(x, w, targets, options, chunk) * 3.0 + sum(x) * 0.5 + sum(w);
                    const auto want = cross_entropy(linear(x2, w2), targets, options) * 3.0 + sum(x2) * 0.5 + sum(w2);
                    got.backward();
                    want.backward();
                    CHECK(got.item() == Approx(want.item()).epsilon(1e-13));
                    CHECK(compare(x.grad(), x2.grad(), {1e-13, 1e-12}).in_tolerances <= 1);
                    CHECK(compare(w.grad(), w2.grad(), {1e-13, 1e-12}).in_tolerances <= 1);
                }
    });
}

TEST_CASE("linear_cross_entropy: gradients equal finite differences, also of strided, tied and frozen operands", "[ops]") {
    const auto targets = some_targets(6, 5).reshape({2, 3});
    const auto f = [&](Inputs& v) { return linear_cross_entropy(v[0], v[1], targets, {}, 4); };
    CHECK(gradcheck(f, {numbers({2, 3, 4}, 1), numbers({5, 4}, 2)}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& v) { return linear_cross_entropy(transpose(v[0], 0, 1), transpose(v[1]), targets, {.label_smoothing = 0.1}, 2); },
                    {numbers({3, 2, 4}, 1), numbers({4, 5}, 2)}) <= 1e-6);
    CHECK(gradcheck(
              [&](Inputs& v) {
                  return linear_cross_entropy(embedding(v[0], Ids::copy({4, 0, 1, 2, 4, 3}, {2, 3})), v[0], targets);
              },
              {numbers({5, 4}, 1)}) <= 1e-6);
    const auto w = numbers({5, 4}, 2), x = numbers({2, 3, 4}, 1);
    CHECK(gradcheck([&](Inputs& v) { return linear_cross_entropy(v[0], w, targets); }, {x}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& v) { return linear_cross_entropy(x, v[0], targets); }, {w}) <= 1e-6);
}

TEST_CASE("linear_cross_entropy: the same bits on any number of threads; under NoGrad the same loss", "[ops]") {
    Generator generator(1);
    const index_t rows = 700, C = 96, V = 1003;
    const auto x0 = Tensor<float>::randn({rows, C}, generator), w0 = Tensor<float>::randn({V, C}, generator);
    const auto targets = some_targets(rows, V);
    std::vector<float> first;
    for_each_thread_count([&] {
        auto x = x0.detach().requires_grad(), w = w0.detach().requires_grad();
        const auto loss = linear_cross_entropy(x, w, targets, {}, 256);
        loss.backward();
        auto all = x.grad().to_vector();
        const auto dw = w.grad().to_vector();
        all.insert(all.end(), dw.begin(), dw.end());
        all.push_back(loss.item());
        if (first.empty()) first = all;
        CHECK((all == first));
        const NoGrad guard;
        CHECK(linear_cross_entropy(x, w, targets, {}, 256).item() == loss.item());
    });
}

TEST_CASE("linear_cross_entropy: no rows, no counted targets", "[ops]") {
    auto x = D::zeros({0, 4}).requires_grad(), w = numbers({5, 4}, 2).requires_grad();
    const auto loss = linear_cross_entropy(x, w, Ids::zeros({0}));
    CHECK(std::isnan(loss.item()));
    CHECK(linear_cross_entropy(x, w, Ids::zeros({0}), {.reduction = LossReduction::sum}).item() == 0);
    auto rows = numbers({3, 4}, 1).requires_grad();
    const auto none = linear_cross_entropy(rows, w, Ids::full({3}, -100));
    CHECK(std::isnan(none.item()));
    none.backward();
    CHECK(rows.grad().to_vector() == std::vector<double>(12, 0));
}

TEST_CASE("linear_cross_entropy: what does not fit is refused by name", "[ops]") {
    const auto x = D::zeros({2, 4}), w = D::zeros({5, 4});
    CHECK_ERROR(linear_cross_entropy(x, D::zeros({5, 3}), Ids::zeros({2})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear_cross_entropy(x, D::zeros({4}), Ids::zeros({2})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear_cross_entropy(x, w, Ids::zeros({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear_cross_entropy(D::scalar(0), w, Ids::zeros({})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear_cross_entropy(x, w, Ids::full({2}, 5)), ErrorCode::index_out_of_range);
    CHECK_ERROR(linear_cross_entropy(x, w, Ids::zeros({2}), {}, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(linear_cross_entropy(x, w, Ids::zeros({2}), {.reduction = LossReduction::none}), ErrorCode::invalid_argument);
}
