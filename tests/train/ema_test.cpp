#include "tercet/train/ema.hpp"
#include "support/isa.hpp"
#include "support/training.hpp"

using namespace tercet;
using namespace training;

TEST_CASE("ema: a shadow moves towards its weight by what the decay leaves") {
    auto x = leaf({1, -2}, {2});
    Ema ema(std::vector<NamedTensor<float>>{{"x", x}}, {.decay = 0.75});
    REQUIRE(ema.state().size() == 1);
    CHECK(ema.state()[0].name == "ema.x");
    CHECK(ema.state()[0].tensor.to_vector() == std::vector<float>{1, -2});
    {
        const NoGrad guard;
        x.fill(5);
    }
    ema.update(0);
    CHECK(ema.state()[0].tensor.to_vector() == std::vector<float>{2, -0.25f});
    ema.update(1);
    CHECK(ema.state()[0].tensor(0) == 2.75f);
    CHECK(x(0) == 5.f);
}

TEST_CASE("ema: a decay that warms up is short at first") {
    const Ema ema(std::vector<NamedTensor<double>>{}, {.decay = 0.9, .warm_up = true});
    CHECK(ema.decay(0) == Approx(0.1));
    CHECK(ema.decay(8) == Approx(0.5));
    CHECK(ema.decay(1000) == 0.9);
    CHECK(Ema(std::vector<NamedTensor<double>>{}).decay(0) == 0.999);
}

TEST_CASE("ema: averages stand in for the weights within a scope, however it ends") {
    const auto x = leaf({1, 2, 3}, {3});
    Ema ema(std::vector<NamedTensor<float>>{{"x", x}}, {.decay = 0.5});
    ema.state()[0].tensor.detach().fill(7);
    const float* where = x.data();
    {
        const auto averaged = ema.swap_in();
        CHECK(x.to_vector() == std::vector<float>(3, 7));
        CHECK(x.data() == where);
        CHECK_ERROR(ema.update(0), ErrorCode::invalid_argument);
        CHECK_ERROR(static_cast<void>(ema.swap_in()), ErrorCode::invalid_argument);
    }
    CHECK(x.to_vector() == std::vector<float>{1, 2, 3});
    try {
        const auto averaged = ema.swap_in();
        fail(ErrorCode::cancelled, "in the middle of it");
    } catch (const Error&) {}
    CHECK(x.to_vector() == std::vector<float>{1, 2, 3});
    ema.update(0);
    CHECK(ema.state()[0].tensor.to_vector() == std::vector<float>{4, 4.5f, 5});
}

TEST_CASE("ema: bad decays and strided tensors are refused; threads leave no trace") {
    using Parameters = std::vector<NamedTensor<float>>;
    CHECK_ERROR(Ema(Parameters{}, {.decay = 1.1}), ErrorCode::invalid_argument);
    CHECK_ERROR(Ema(Parameters{}, {.decay = -0.1}), ErrorCode::invalid_argument);
    CHECK_ERROR(Ema(Parameters{}, {.decay = std::nan("")}), ErrorCode::invalid_argument);
    CHECK_ERROR(Ema(Parameters{{"x", Tensor<float>::ones({2, 3}).transpose()}}), ErrorCode::invalid_argument);
    std::vector<std::vector<float>> results;
    for_each_thread_count([&] {
        Generator generator(1);
        auto x = Tensor<float>::randn({70001}, generator);
        Ema ema(Parameters{{"x", x}, {"nothing", Tensor<float>::ones({0})}});
        x.copy_from(Tensor<float>::randn({70001}, generator));
        ema.update(0);
        const auto averaged = ema.swap_in();
        results.push_back(x.to_vector());
    });
    for (const auto& result : results) CHECK(result == results[0]);
}
