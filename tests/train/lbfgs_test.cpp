#include "tercet/train/lbfgs.hpp"
#include "support/catch.hpp"

using namespace tercet;

namespace {

// Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)² (Rosenbrock 1960), whose valley is curved; the minimum is at (1, …, 1).
double rosenbrock(std::span<const double> x, std::span<double> gradient) {
    double value = 0;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    for (std::size_t i = 0; i + 1 < x.size(); ++i) {
        const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        value += 100 * a * a + b * b;
        gradient[i] += -400 * a * x[i] - 2 * b;
        gradient[i + 1] += 200 * a;
    }
    return value;
}

}  // namespace

TEST_CASE("lbfgs: finds the end of a curved valley, in far fewer steps than its length") {
    for (const std::size_t n : {2u, 10u, 50u}) {
        std::vector<double> start(n, -1.2);
        const auto found = minimize(rosenbrock, start, {.tolerance = 1e-8});
        CHECK(found.converged);
        CHECK(found.steps < 400);
        if (n == 2)  // of more numbers there is a second, local minimum
            for (const double x : found.x) CHECK(x == Approx(1));
    }
}

TEST_CASE("lbfgs: a quadratic whose axes differ by a million") {
    const auto quadratic = [](std::span<const double> x, std::span<double> gradient) {
        double value = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double scale = std::pow(10.0, static_cast<double>(i) * 6 / 9);
            value += scale * (x[i] - 3) * (x[i] - 3) / 2;
            gradient[i] = scale * (x[i] - 3);
        }
        return value;
    };
    const auto found = minimize(quadratic, std::vector<double>(10, 0.0), {.tolerance = 1e-7});
    CHECK(found.converged);
    for (const double x : found.x) CHECK(x == Approx(3));
    // With the curvature known, but for a common factor, it is a step or two.
    const auto told = minimize(quadratic, std::vector<double>(10, 0.0), {.tolerance = 1e-7}, [](std::span<double> v) {
        for (std::size_t i = 0; i < v.size(); ++i) v[i] *= 0.7 / std::pow(10.0, static_cast<double>(i) * 6 / 9);
    });
    CHECK(told.converged);
    CHECK(told.steps <= 3);
    CHECK(found.steps > 10);
    for (const double x : told.x) CHECK(x == Approx(3));
}

TEST_CASE("lbfgs: it stops where there is nothing to do, or no more steps are allowed; what does not fit is refused") {
    const auto bowl = [](std::span<const double> x, std::span<double> gradient) {
        gradient[0] = 2 * x[0];
        return x[0] * x[0];
    };
    const auto there = minimize(bowl, {0.0});
    CHECK((there.converged && there.steps == 0 && there.value == 0));
    const auto cut = minimize(rosenbrock, {-1.2, 1.0}, {.steps = 3});
    CHECK((!cut.converged && cut.steps == 3));
    CHECK(cut.value < 24.2);  // the value at the start
    const auto nowhere = [](std::span<const double>, std::span<double> gradient) {
        gradient[0] = std::nan("");
        return 0.0;
    };
    CHECK_ERROR(minimize(nowhere, {1.0}), ErrorCode::not_finite);
    CHECK_ERROR(minimize(bowl, {1.0}, {.memory = 0}), ErrorCode::invalid_argument);
    // One that has no value beyond 1 is minimised all the same: such lengths are too long.
    const auto edge = [](std::span<const double> x, std::span<double> gradient) {
        gradient[0] = 1 / (1 - x[0]) + 10 * (x[0] - 0.5);
        return x[0] >= 1 ? std::nan("") : -std::log(1 - x[0]) + 5 * (x[0] - 0.5) * (x[0] - 0.5);
    };
    const auto inside = minimize(edge, {-3.0});
    CHECK(inside.converged);
    CHECK(inside.x[0] < 1);
}
