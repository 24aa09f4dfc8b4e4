#include "op_test.hpp"

#include "tercet/ops/cross_entropy.hpp"

#include <cstring>

using Ids = Tensor<std::int64_t>;

namespace {

LossReduction reduction_of(const GoldenCase& c) {
    const auto name = c.parameters.at("reduction").as_string();
    REQUIRE((name == "mean" || name == "sum" || name == "none"));
    return name == "mean" ? LossReduction::mean : name == "sum" ? LossReduction::sum : LossReduction::none;
}

// Classes from dimension 1, where PyTorch has them, to the last.
template <class T>
Tensor<T> classes_last(const Tensor<T>& x) {
    Shape order{0};
    for (index_t d = 2; d < x.rank(); ++d) order.push_back(d);
    order.push_back(1);
    return permute(x, order);
}

}  // namespace

TEST_CASE("cross_entropy: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("cross_entropy");
    for_each_isa([&] {
        for (const auto& c : golden_cases("cross_entropy")) {
            const auto f = [&](const auto& in) {
                using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                CrossEntropyOptions<T> options{.ignore = c.parameters.get_or("ignore_index", -100),
                                               .label_smoothing = c.parameters.get_or("label_smoothing", 0.0),
                                               .reduction = reduction_of(c)};
                if (c.template has<T>("in.weight")) options.class_weights = c.template tensor<T>("in.weight");
                const auto x = classes_last(in[0]);
                return c.template has<T>("in.p") ? cross_entropy(x, classes_last(c.template tensor<T>("in.p")), options)
                                                 : cross_entropy(x, c.template tensor<std::int64_t>("in.target"), options);
            };
            check_golden(c, {"x"}, f, report);
        }
    });
}

TEST_CASE("cross_entropy: gradients equal finite differences, also strided, one row, with ignored targets", "[ops]") {
    for_each_isa([] {
        const auto targets = Ids::copy({2, 0, -100, 4}, {4});
        const auto weights = D::copy({0.5, 1, 2, 0.1, 3}, {5});
        for (const auto reduction : {LossReduction::mean, LossReduction::sum, LossReduction::none})
            for (const double smoothing : {0.0, 0.3, 1.0})
                for (const bool weighted : {false, true}) {
                    const CrossEntropyOptions<double> options{
                        .label_smoothing = smoothing, .reduction = reduction, .class_weights = weighted ? weights : D()};
                    CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], targets, options); }, {numbers({4, 5}, 1)}) <= 1e-6);
                    // A gradient that is there already is added to.
                    CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], targets, options) + sum(v[0]); }, {numbers({4, 5}, 1)}) <= 1e-6);
                    CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], softmax(v[1]), options); },
                                    {numbers({4, 5}, 1), numbers({4, 5}, 2)}) <= 1e-6);
                }
        CHECK(gradcheck(
                  [&](Inputs& v) {
                      return cross_entropy(reshape(v[0], {2, 2, 5}), targets.reshape({2, 2})) * 3.0;
                  },
                  {numbers({4, 5}, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(transpose(v[0]), targets); }, {numbers({5, 4}, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], Ids::scalar(3)); }, {numbers({5}, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], Ids::zeros({3})); }, {numbers({3, 1}, 1)}) <= 1e-6);
        CHECK(gradcheck(
                  [&](Inputs& v) {
                      return cross_entropy(v[0], Ids::copy({9, 1, 8, 1}, {2, 2}).transpose().reshape({4}));
                  },
                  {numbers({4, 10}, 1)}) <= 1e-6);
    });
}

TEST_CASE("cross_entropy: the same bits on any number of threads, and where the gradient goes past the caches", "[ops]") {
    const index_t rows = 300, V = 30001;  // 36 MB
    Generator generator(1);
    const auto logits = Tensor<float>::randn({rows, V}, generator);
    const auto targets = Ids::randint(0, V, {rows}, generator);
    for (const double smoothing : {0.0, 0.1}) {
        std::vector<float> losses, gradient;
        for_each_thread_count([&] {
            auto x = logits.detach().requires_grad();
            const auto loss = cross_entropy(x, targets, {.label_smoothing = smoothing});
            loss.backward();
            if (losses.empty()) {
                losses = {loss.item()};
                gradient = x.grad().to_vector();
            }
            CHECK(loss.item() == losses[0]);
            CHECK((x.grad().to_vector() == gradient));
        });
        auto few = logits.slice(0, 0, 3).requires_grad();  // written in the common way
        cross_entropy(few, targets.slice(0, 0, 3), {.label_smoothing = smoothing, .reduction = LossReduction::sum})
            .backward(Tensor<float>::scalar(1.f / static_cast<float>(rows)));
        const auto same = few.grad();
        CHECK(std::memcmp(same.data(), gradient.data(), static_cast<std::size_t>(3 * V) * sizeof(float)) == 0);
    }
}

TEST_CASE("cross_entropy: the mean over no targets is NaN, and gives no gradient", "[ops]") {
    auto x = numbers({2, 3}, 1).requires_grad();
    const auto loss = cross_entropy(x, Ids::full({2}, -100));
    CHECK(std::isnan(loss.item()));
    loss.backward();
    CHECK(x.grad().to_vector() == std::vector<double>(6, 0));
    CHECK(std::isnan(cross_entropy(D::zeros({0, 3}), Ids::zeros({0})).item()));
    CHECK(cross_entropy(D::zeros({0, 3}), Ids::zeros({0}), {.reduction = LossReduction::sum}).item() == 0);
    CHECK(cross_entropy(D::zeros({0, 3}), Ids::zeros({0}), {.reduction = LossReduction::none}).shape() == Shape{0});
}

TEST_CASE("cross_entropy: bad targets, shapes and options are refused by name", "[ops]") {
    const auto x = D::zeros({2, 3});
    CHECK_ERROR(cross_entropy(x, Ids::copy({0, 3}, {2})), ErrorCode::index_out_of_range);
    CHECK_ERROR(cross_entropy(x, Ids::copy({0, -1}, {2})), ErrorCode::index_out_of_range);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({2, 1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(D::scalar(0), Ids::scalar(0)), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(D::zeros({2, 0}), Ids::zeros({2})), ErrorCode::index_out_of_range);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({2}), {.label_smoothing = 1.5}), ErrorCode::invalid_argument);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({2}), {.label_smoothing = std::nan("")}), ErrorCode::invalid_argument);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({2}), {.class_weights = D::ones({2})}), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(x, D::ones({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(x, x, {.label_smoothing = -0.1}), ErrorCode::invalid_argument);
}
