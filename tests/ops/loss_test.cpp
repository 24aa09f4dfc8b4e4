#include "op_test.hpp"

#include "tercet/ops/elementwise.hpp"
#include "tercet/ops/loss.hpp"
#include "tercet/ops/reduce.hpp"

using Ids = Tensor<std::int64_t>;

TEST_CASE("cross_entropy: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("cross_entropy");
    for_each_isa([&] {
        int run = 0;
        for (const auto& c : golden_cases("cross_entropy")) {
            const bool mean = c.parameters.get_or("reduction", "mean") == "mean";
            const bool plain = c.parameters.get_or("label_smoothing", 0.0) == 0 && !c.starts_with("class_weight") && !c.is("prob_target");
            if (!mean || !plain) continue;  // sums, smoothing, class weights and distributions as targets are not offered
            ++run;
            const auto target = c.tensor<std::int64_t>("in.target");
            const auto ignore = c.parameters.get_or("ignore_index", -100);
            check_golden(
                c, {"x"},
                [&](const auto& in) {
                    return c.is("nd") ? cross_entropy(transpose(in[0], 1, 2), target, ignore) : cross_entropy(in[0], target, ignore);
                },
                report);
        }
        CHECK(run == 6);
    });
}

TEST_CASE("mse: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("mse");
    for_each_isa([&] {
        for (const auto& c : golden_cases("mse")) {
            const auto reduction = c.parameters.at("reduction").as_string();
            check_golden(
                c, {"x", "t"},
                [&](const auto& in) {
                    const auto distance = square(in[0] - in[1]);
                    return reduction == "mean" ? mse_loss(in[0], in[1]) : reduction == "sum" ? sum(distance) : distance;
                },
                report);
        }
    });
}

TEST_CASE("the absolute distance, put together from ops, equals PyTorch's l1", "[ops][golden]") {
    GoldenReport report("l1");
    for_each_isa([&] {
        for (const auto& c : golden_cases("l1")) {
            const auto reduction = c.parameters.at("reduction").as_string();
            check_golden(
                c, {"x", "t"},
                [&](const auto& in) {
                    const auto distance = abs(in[0] - in[1]);
                    return reduction == "mean" ? mean(distance) : reduction == "sum" ? sum(distance) : distance;
                },
                report);
        }
    });
}

TEST_CASE("losses: gradients equal finite differences, also strided, one row, with ignored targets", "[ops]") {
    for_each_isa([] {
        const auto targets = Ids::copy({2, 0, -100, 4}, {4});
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], targets); }, {numbers({4, 5}, 1)}) <= 1e-6);
        CHECK(gradcheck(
                  [&](Inputs& v) {
                      return cross_entropy(reshape(v[0], {2, 2, 5}), targets.reshape({2, 2})) * 3.0;
                  },
                  {numbers({4, 5}, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(transpose(v[0]), targets); }, {numbers({5, 4}, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], Ids::scalar(3)); }, {numbers({5}, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return cross_entropy(v[0], Ids::zeros({3})); }, {numbers({3, 1}, 1)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return mse_loss(v[0], v[1]); }, {numbers({3, 4}, 1), numbers({3, 4}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return mse_loss(transpose(v[0]), v[1]); }, {numbers({3, 4}, 1), numbers({4, 3}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return mse_loss(v[0], v[0] * 2.0); }, {numbers({5}, 1)}) <= 1e-6);
    });
}

TEST_CASE("the mean over no targets is NaN, and gives no gradient", "[ops]") {
    auto x = numbers({2, 3}, 1).requires_grad();
    const auto loss = cross_entropy(x, Ids::full({2}, -100));
    CHECK(std::isnan(loss.item()));
    loss.backward();
    CHECK(x.grad().to_vector() == std::vector<double>(6, 0));
    CHECK(std::isnan(cross_entropy(D::zeros({0, 3}), Ids::zeros({0})).item()));
    CHECK(std::isnan(mse_loss(D::zeros({0}), D::zeros({0})).item()));
}

TEST_CASE("losses: bad targets and shapes are refused by name", "[ops]") {
    const auto x = D::zeros({2, 3});
    CHECK_ERROR(cross_entropy(x, Ids::copy({0, 3}, {2})), ErrorCode::index_out_of_range);
    CHECK_ERROR(cross_entropy(x, Ids::copy({0, -1}, {2})), ErrorCode::index_out_of_range);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(x, Ids::zeros({2, 1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(D::scalar(0), Ids::scalar(0)), ErrorCode::shape_mismatch);
    CHECK_ERROR(cross_entropy(D::zeros({2, 0}), Ids::zeros({2})), ErrorCode::index_out_of_range);
    CHECK_ERROR(mse_loss(x, D::zeros({3})), ErrorCode::shape_mismatch);
}
