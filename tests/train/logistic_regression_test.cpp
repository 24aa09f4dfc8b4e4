#include "tercet/train/logistic_regression.hpp"
#include "support/catch.hpp"
#include "tercet/ops/cross_entropy.hpp"
#include "tercet/ops/reduce.hpp"
#include "tercet/train/cross_validate.hpp"

using namespace tercet;

namespace {

// Points around a centre for each class.
struct Points {
    Tensor<float> features;
    std::vector<index_t> classes;

    Points(index_t n, index_t d, index_t count, float apart) : features(Tensor<float>::randn({n, d})) {
        for (index_t i = 0; i < n; ++i) {
            classes.push_back(i % count);
            features.at(i, i % count) += apart;
        }
    }
    std::span<const index_t> truth() const { return classes; }
};

}  // namespace

TEST_CASE("logistic regression: one number and two classes have the minimum that the formula says") {
    // Of x = ±1, an example each: w + … = 2 C / (1 + e^w).
    const auto x = Tensor<float>::copy({-1, 1}, {2, 1});
    const std::vector<int> classes{0, 1};
    for (const double c : {0.1, 1.0, 100.0}) {
        const auto model = LogisticRegression::fit(x, std::span<const int>(classes), 2, {.c = c, .solver = {.tolerance = 1e-10}});
        CHECK(model.converged());
        const double w = model.weights()(0, 0);
        CHECK(w == Approx(2 * c / (1 + std::exp(w))));
        CHECK(model.bias()[0] == Approx(0).margin(1e-8));
        CHECK(model.probabilities(x)(1, 1) == Approx(1 / (1 + std::exp(-w))));
    }
}

TEST_CASE("logistic regression: at the minimum the gradient that autograd finds is zero, for two classes and for several") {
    manual_seed(1);
    for (const index_t count : {2, 4}) {
        const Points points(200, 6, count, 1.5f);
        const double c = 0.7;
        const auto model = LogisticRegression::fit(points.features, points.truth(), count, {.c = c, .solver = {.tolerance = 1e-6}});
        CHECK(model.converged());
        auto w = model.weights().clone().requires_grad();
        auto b = Tensor<double>::copy(model.bias(), {static_cast<index_t>(model.bias().size())}).requires_grad();
        auto logits = matmul(points.features.to<double>(), transpose(w)) + b;
        if (count == 2) logits = concatenate({Tensor<double>::zeros(logits.shape()), logits}, 1);
        const auto targets = Tensor<std::int64_t>::copy(std::vector<std::int64_t>(points.classes.begin(), points.classes.end()), {200});
        (sum(square(w)) * 0.5 + cross_entropy(logits, targets, {.reduction = LossReduction::sum}) * c).backward();
        for (const auto& g : {w.grad(), b.grad()})
            for (const double v : g.to_vector()) CHECK(std::fabs(v) <= 2e-6);
        const auto p = model.probabilities(points.features);
        for (index_t i = 0; i < 200; ++i) {
            double sum = 0;
            for (index_t k = 0; k < count; ++k) sum += p(i, k);
            CHECK(sum == Approx(1));
        }
    }
}

TEST_CASE("logistic regression: five folds of points that lie apart are told from one another") {
    manual_seed(2);
    const Points points(300, 5, 3, 4.f);
    const auto rows = [&](const std::vector<index_t>& which) {
        auto x = Tensor<float>::empty({static_cast<index_t>(which.size()), 5});
        for (std::size_t i = 0; i < which.size(); ++i)
            for (index_t d = 0; d < 5; ++d) x.at(static_cast<index_t>(i), d) = points.features(which[i], d);
        return x;
    };
    const auto classes = [&](const std::vector<index_t>& which) {
        std::vector<index_t> out;
        for (const index_t i : which) out.push_back(points.classes[static_cast<std::size_t>(i)]);
        return out;
    };
    const auto result = cross_validate(stratified_folds(points.truth(), 5, 3), [&](const IndexSplit& parts) {
        const auto learnt = classes(parts.training), held = classes(parts.validation);
        const auto model = LogisticRegression::fit(rows(parts.training), std::span<const index_t>(learnt), 3);
        const auto predicted = model.predict(rows(parts.validation));
        double right = 0;
        for (std::size_t i = 0; i < held.size(); ++i) right += predicted[i] == held[i];
        return right / static_cast<double>(held.size());
    });
    CHECK(result.measures.size() == 5);
    CHECK(result.mean() > 0.95);
    CHECK(result.deviation() < 0.05);
}

TEST_CASE("logistic regression: features of very different sizes, far from zero, take few steps") {
    manual_seed(4);
    for (const index_t count : {2, 3}) {
        Points points(500, 40, count, 2.f);
        for (index_t i = 0; i < 500; ++i)
            for (index_t d = 0; d < 40; ++d)
                points.features.at(i, d) = std::pow(10.f, static_cast<float>(d % 5) - 2.f) * (points.features(i, d) + 1.f);
        const auto model = LogisticRegression::fit(points.features, points.truth(), count, {.c = 10});
        CHECK(model.converged());
        CHECK(model.steps() < 60);
    }
}

TEST_CASE("logistic regression: a class of weight two counts as one whose examples come twice") {
    manual_seed(6);
    const Points points(60, 4, 3, 1.f);
    const auto weighted =
        LogisticRegression::fit(points.features, points.truth(), 3, {.c = 0.5, .class_weights = {1, 2, 1}, .solver = {.tolerance = 1e-9}});
    auto twice = points.classes;
    std::vector<Tensor<float>> parts{points.features};
    for (index_t i = 1; i < 60; i += 3) {
        parts.push_back(points.features.slice(0, i, i + 1));
        twice.push_back(1);
    }
    const auto repeated =
        LogisticRegression::fit(concatenate(parts, 0), std::span<const index_t>(twice), 3, {.c = 0.5, .solver = {.tolerance = 1e-9}});
    for (index_t r = 0; r < 3; ++r)
        for (index_t d = 0; d < 4; ++d) CHECK(weighted.weights()(r, d) == Approx(repeated.weights()(r, d)).epsilon(1e-6).margin(1e-7));
}

TEST_CASE("logistic regression: what does not fit is refused") {
    const auto x = Tensor<float>::zeros({2, 3});
    const std::vector<int> two{0, 1}, three{0, 1, 1}, far{0, 2};
    const auto fit = [&](const std::vector<int>& classes, index_t count, double c = 1) {
        return LogisticRegression::fit(x, std::span<const int>(classes), count, {.c = c});
    };
    CHECK_ERROR(fit(three, 2), ErrorCode::shape_mismatch);
    CHECK_ERROR(fit(far, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(fit(two, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(fit(two, 2, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(fit(two, 3), ErrorCode::invalid_argument);  // nothing of the third
    CHECK_ERROR(LogisticRegression::fit(x, std::span<const int>(two), 2, {.class_weights = {1}}), ErrorCode::shape_mismatch);
    CHECK_ERROR(LogisticRegression::fit(x, std::span<const int>(two), 2, {.class_weights = {1, 0}}), ErrorCode::invalid_argument);
    CHECK_ERROR(fit(two, 2).predict(Tensor<float>::zeros({1, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(LogisticRegression::fit(Tensor<float>::full({2, 3}, std::nanf("")), std::span<const int>(two), 2), ErrorCode::not_finite);
}
