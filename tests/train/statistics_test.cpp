#include "tercet/train/statistics.hpp"
#include "support/isa.hpp"
#include "support/training.hpp"
#include "tercet/train/optimizer.hpp"

using namespace tercet;
using namespace training;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity(), no_number = std::numeric_limits<float>::quiet_NaN();
}

TEST_CASE("statistics: norm, rms, mean size, largest, zeros and what is no number") {
    const auto s = statistics(Tensor<float>::copy({3, -4, 0, 0}, {2, 2}));
    CHECK(s.count == 4);
    CHECK(s.non_finite == 0);
    CHECK(s.norm == Approx(5));
    CHECK(s.rms == Approx(2.5));
    CHECK(s.mean_size == Approx(1.75));
    CHECK(s.largest == 4);
    CHECK(s.zeros == 0.5);
    const auto bad = statistics(Tensor<float>::copy({3, no_number, -4, infinity, 0, -infinity}, {6}));  // the finite ones: 3, −4, 0
    CHECK(bad.count == 6);
    CHECK(bad.non_finite == 3);
    CHECK(bad.norm == Approx(5));
    CHECK(bad.rms == Approx(std::sqrt(25.0 / 3)));
    CHECK(bad.mean_size == Approx(7.0 / 3));
    CHECK(bad.zeros == Approx(1.0 / 3));
    const auto nothing = statistics(Tensor<double>::ones({0, 3}));
    CHECK(nothing.count == 0);
    CHECK(nothing.rms == 0);
    const auto strided = statistics(Tensor<double>::arange(0, 12).reshape({3, 4}).transpose().slice(0, 1, 3));  // 1, 2, 5, 6, 9, 10
    CHECK(strided.count == 6);
    CHECK(strided.mean_size == Approx(33.0 / 6));
    CHECK(statistics(Tensor<float>::full({3}, 1e30f)).norm == Approx(1e30 * std::sqrt(3.0)));
}

TEST_CASE("statistics: of many tensors and of their gradients, by name; threads leave no trace") {
    Generator generator(4);
    const auto x = with_gradient("x", Tensor<float>::randn({100003}, generator)), y = with_gradient("y", Tensor<float>::zeros({3}));
    const std::vector<NamedTensor<float>> parameters{x, y, {"z", leaf({1}, {1})}};
    std::vector<double> norms;
    for_each_thread_count([&] {
        const auto all = gradient_statistics(parameters);
        REQUIRE(all.size() == 3);
        CHECK(all[0].name == "x");
        CHECK(all[0].rms == Approx(1).epsilon(0.02));
        CHECK(all[1].zeros == 1);
        CHECK(all[2].count == 0);
        norms.push_back(all[0].norm);
    });
    for (const double norm : norms) CHECK(norm == norms[0]);
    const auto weights = statistics(parameters);
    CHECK(weights[0].zeros == 1);
    CHECK(weights[2].name == "z");
    CHECK(weights[2].norm == 1);
}

TEST_CASE("statistics: the first tensor or gradient that is not finite is named") {
    const auto fine = with_gradient("fine", Tensor<float>::full({9}, 1e30f));  // its squares overflow
    const auto bad = with_gradient("bad", Tensor<float>::copy({1, no_number}, {2})),
               worse = with_gradient("worse", Tensor<float>::full({2}, -infinity));
    const NamedTensor<float> none{"none", leaf({1}, {1})};
    CHECK(first_non_finite_gradient(std::vector{none, fine}) == nullptr);
    const std::vector parameters{none, fine, bad, worse};
    REQUIRE(first_non_finite_gradient(parameters) != nullptr);
    CHECK(first_non_finite_gradient(parameters)->name == "bad");
    CHECK(first_non_finite(parameters) == nullptr);
    const std::vector<NamedTensor<float>> activations{{"a", Tensor<float>::ones({2, 2}).transpose()}, {"b", Tensor<float>::copy({0, infinity}, {2})}};
    REQUIRE(first_non_finite(activations) != nullptr);
    CHECK(first_non_finite(activations)->name == "b");
    CHECK(first_non_finite(std::vector<NamedTensor<double>>{}) == nullptr);
}

TEST_CASE("statistics: how far a step moves each weight") {
    const auto x = leaf({3, 4}, {2}), still = leaf({1}, {1}), zero = leaf({0, 0}, {2});
    const std::vector<NamedTensor<float>> parameters{{"x", x}, {"still", still}, {"zero", zero}};
    const UpdateRatios ratios(parameters);
    give_gradient(x, Tensor<float>::copy({0, 1}, {2}));
    give_gradient(zero, Tensor<float>::zeros({2}));
    Optimizer optimizer(parameters, Sgd{.rate = 0.5});
    optimizer.step();
    const auto all = ratios();
    REQUIRE(all.size() == 3);
    CHECK(all[0].name == "x");
    CHECK(all[0].ratio == Approx(0.1));
    CHECK(all[1].ratio == 0);
    CHECK(all[2].ratio == 0);
}
