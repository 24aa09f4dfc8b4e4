#include "op_test.hpp"

#include "tercet/ops/probability_loss.hpp"
#include "tercet/ops/softmax.hpp"

TEST_CASE("bce_with_logits: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("bce_with_logits");
    for_each_isa([&] {
        for (const auto& c : golden_cases("bce_with_logits")) {
            const auto reduction = c.parameters.at("reduction").as_string();
            const auto f = [&](const auto& in) {
                using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                BinaryCrossEntropyOptions<T> options{.reduction = reduction == "mean"  ? LossReduction::mean
                                                                  : reduction == "sum" ? LossReduction::sum
                                                                                       : LossReduction::none};
                if (c.template has<T>("in.pw")) options.positive_weight = c.template tensor<T>("in.pw");
                if (c.template has<T>("in.w")) options.weight = c.template tensor<T>("in.w");
                return bce_with_logits(in[0], in[1], options);
            };
            check_golden(c, {"x", "t"}, f, report);
        }
    });
}

TEST_CASE("kl_div: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("kl_div");
    for_each_isa([&] {
        for (const auto& c : golden_cases("kl_div")) {
            const auto reduction = c.parameters.at("reduction").as_string();
            const DivergenceOptions options{.log_target = c.parameters.get_or("log_target", false),
                                            .reduction = reduction == "batchmean" ? DivergenceReduction::batch_mean
                                                         : reduction == "mean"    ? DivergenceReduction::mean
                                                         : reduction == "sum"     ? DivergenceReduction::sum
                                                                                  : DivergenceReduction::none};
            const std::string target = c.has<float>("in.y") ? "y" : "p";
            check_golden(
                c, {"x", target}, [&](const auto& in) { return kl_div(log_softmax(in[0]), target == "y" ? log_softmax(in[1]) : in[1], options); },
                report);
        }
    });
}

TEST_CASE("bce_with_logits: gradients of all four tensors equal finite differences, also strided and broadcast", "[ops]") {
    for_each_isa([] {
        for (const auto reduction : {LossReduction::mean, LossReduction::sum, LossReduction::none})
            CHECK(gradcheck(
                      [&](Inputs& v) {
                          return bce_with_logits(v[0], sigmoid(v[1]), {.weight = v[2], .positive_weight = exp(v[3]), .reduction = reduction});
                      },
                      {numbers({3, 4}, 1), numbers({3, 4}, 2), numbers({3, 1}, 3), numbers({4}, 4)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return bce_with_logits(transpose(v[0]), v[1]); }, {numbers({3, 4}, 1), numbers({4, 3}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return bce_with_logits(v[0], v[1]); }, {numbers({}, 1), numbers({}, 2)}) <= 1e-6);
    });
    CHECK(std::isnan(bce_with_logits(D::zeros({0}), D::zeros({0})).item()));
    CHECK_ERROR(bce_with_logits(D::zeros({3}), D::zeros({1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(bce_with_logits(D::zeros({3}), D::zeros({3}), {.weight = D::ones({2, 3})}), ErrorCode::shape_mismatch);
    CHECK_ERROR(bce_with_logits(D::zeros({3}), D::zeros({3}), {.positive_weight = D::ones({2})}), ErrorCode::shape_mismatch);
}

TEST_CASE("kl_div: gradients equal finite differences; a distribution diverges from itself by nothing", "[ops]") {
    for_each_isa([] {
        for (const auto reduction :
             {DivergenceReduction::batch_mean, DivergenceReduction::mean, DivergenceReduction::sum, DivergenceReduction::none}) {
            CHECK(gradcheck([&](Inputs& v) { return kl_div(log_softmax(v[0]), softmax(v[1]), {.reduction = reduction}); },
                            {numbers({3, 4}, 1), numbers({3, 4}, 2)}) <= 1e-6);
            CHECK(gradcheck([&](Inputs& v) { return kl_div(transpose(v[0]), v[1], {.log_target = true, .reduction = reduction}); },
                            {numbers({4, 3}, 1), numbers({3, 4}, 2)}) <= 1e-6);
        }
    });
    const auto p = softmax(numbers({2, 5}, 1));
    CHECK(std::abs(kl_div(log(p), p).item()) <= 1e-15);
    auto never = D::copy({0, 1}, {1, 2}).requires_grad();
    kl_div(D::copy({-1, -2}, {1, 2}), never).backward();
    CHECK(never.grad().to_vector() == std::vector<double>{0, 3});
    CHECK_ERROR(kl_div(D::zeros({2, 3}), D::zeros({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(kl_div(D::scalar(0), D::scalar(0)), ErrorCode::shape_mismatch);
}
