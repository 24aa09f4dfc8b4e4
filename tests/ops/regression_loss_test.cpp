#include "op_test.hpp"

#include "tercet/ops/regression_loss.hpp"

namespace {

LossReduction reduction_of(const GoldenCase& c) {
    const auto name = c.parameters.at("reduction").as_string();
    REQUIRE((name == "mean" || name == "sum" || name == "none"));
    return name == "mean" ? LossReduction::mean : name == "sum" ? LossReduction::sum : LossReduction::none;
}

// Every case of a file with f(x, t, reduction, the case's parameters).
template <class F>
void check_file(const std::string& name, const F& f) {
    GoldenReport report(name);
    for_each_isa([&] {
        for (const auto& c : golden_cases(name))
            check_golden(
                c, {"x", "t"}, [&](const auto& in) { return f(in[0], in[1], reduction_of(c), c.parameters); }, report);
    });
}

}  // namespace

TEST_CASE("mse, l1, huber and smooth l1: values and gradients equal PyTorch's", "[ops][golden]") {
    check_file("mse", [](const auto& x, const auto& t, LossReduction r, const Json&) { return mse_loss(x, t, r); });
    check_file("l1", [](const auto& x, const auto& t, LossReduction r, const Json&) { return l1_loss(x, t, r); });
    check_file("huber", [](const auto& x, const auto& t, LossReduction r, const Json& p) { return huber_loss(x, t, p.at("delta").as_number(), r); });
    check_file("smooth_l1",
               [](const auto& x, const auto& t, LossReduction r, const Json& p) { return smooth_l1_loss(x, t, p.at("beta").as_number(), r); });
}

TEST_CASE("regression losses: gradients equal finite differences, also strided, of one and of no numbers", "[ops]") {
    for_each_isa([] {
        const auto check = [](const auto& loss) {
            for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{1}, Shape{67}})
                CHECK(gradcheck([&](Inputs& v) { return loss(v[0], v[1]); }, {numbers(shape, 1), numbers(shape, 2)}) <= 1e-6);
            CHECK(gradcheck([&](Inputs& v) { return loss(transpose(v[0]), v[1]); }, {numbers({3, 4}, 1), numbers({4, 3}, 2)}) <= 1e-6);
            CHECK(gradcheck([&](Inputs& v) { return loss(v[0], v[0] * 2.0); }, {numbers({5}, 1)}) <= 1e-6);
            CHECK(std::isnan(loss(D::zeros({0, 3}), D::zeros({0, 3})).item()));
            CHECK_ERROR(loss(D::zeros({2, 3}), D::zeros({3})), ErrorCode::shape_mismatch);
        };
        check([](const auto& x, const auto& t) { return mse_loss(x, t); });
        check([](const auto& x, const auto& t) { return l1_loss(x, t); });
        check([](const auto& x, const auto& t) { return huber_loss(x, t, 0.6); });
        check([](const auto& x, const auto& t) { return smooth_l1_loss(x, t, 0.6); });
        check([](const auto& x, const auto& t) { return smooth_l1_loss(x, t, 0); });
    });
}

TEST_CASE("mse: the same bits on any number of threads", "[ops]") {
    Generator generator(1);
    const auto x = Tensor<float>::randn({100003}, generator), t = Tensor<float>::randn({100003}, generator);
    const float first = mse_loss(x, t).item();
    for_each_thread_count([&] { CHECK(mse_loss(x, t).item() == first); });
}

TEST_CASE("regression losses: bends out of range are refused by name", "[ops]") {
    const auto x = D::zeros({3});
    CHECK_ERROR(huber_loss(x, x, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(huber_loss(x, x, std::nan("")), ErrorCode::invalid_argument);
    CHECK_ERROR(smooth_l1_loss(x, x, -1), ErrorCode::invalid_argument);
}
