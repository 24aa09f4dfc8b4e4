#include "tercet/train/rate_finder.hpp"

#include "support/catch.hpp"
#include "tercet/ops/reduce.hpp"
#include "tiny_run.hpp"

using namespace tercet;
using tercet_test::TinyRun;

namespace {

RateCurve find(TinyRun& run, const RateFinderOptions& options) {
    return find_rate(
        *run.optimizer, run.state, [&](TrainingState& s) { return run.windows.windows(run.order.next(s.data, 3)); },
        [&](const TokenBatch& b) { return cross_entropy(run.model(b.inputs, {.training = &run.state.generator}), b.targets); }, options);
}

}  // namespace

TEST_CASE("rate finder: rates grow evenly in their logarithm, and the suggestion lies where the loss falls") {
    TinyRun run;
    const auto curve = find(run, {.lowest = 1e-5, .highest = 10, .steps = 80});
    REQUIRE(curve.rates.size() > 30);
    CHECK(curve.rates.size() == curve.losses.size());
    CHECK(curve.rates.size() == curve.smoothed.size());
    CHECK(curve.rates[0] == 1e-5);
    CHECK(curve.rates[10] / curve.rates[9] == Approx(std::pow(1e6, 1.0 / 79)));
    CHECK(curve.smoothed[1] == Approx((0.9 * curve.losses[0] + curve.losses[1]) / 1.9));
    CHECK(curve.suggestion > 1e-4);
    CHECK(curve.suggestion < 0.3);
}

TEST_CASE("rate finder: leaves weights, optimiser and state as they were, to the bit, also after an error") {
    TinyRun run, untouched;
    run.train(3);
    untouched.train(3);
    find(run, {.lowest = 1e-4, .steps = 20});
    CHECK(run.numbers() == untouched.numbers());
    CHECK(run.optimizer->steps() == untouched.optimizer->steps());
    CHECK(run.optimizer->rate() == untouched.optimizer->rate());
    CHECK(run.state.step == 3);
    CHECK(run.state.data == untouched.state.data);
    CHECK(run.state.generator.position() == untouched.state.generator.position());
    int left = 5;
    const auto source = [&](TrainingState& s) {
        require(--left > 0, ErrorCode::io, "no more data");
        return run.windows.windows(run.order.next(s.data, 3));
    };
    const auto loss = [&](const TokenBatch& b) { return cross_entropy(run.model(b.inputs), b.targets); };
    CHECK_ERROR(find_rate(*run.optimizer, run.state, source, loss), ErrorCode::io);
    CHECK(run.numbers() == untouched.numbers());
    run.train(6);
    untouched.train(6);
    CHECK(run.numbers() == untouched.numbers());
}

TEST_CASE("rate finder: ends where the loss diverges or is no number") {
    auto w = Tensor<float>::copy({1}, {1});
    w.requires_grad();
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"w", w}}, Sgd{});
    TrainingState state;
    const auto none = [](TrainingState&) { return 0; };
    const auto curve = find_rate(optimizer, state, none, [&](int) { return mean(square(w)) + Tensor<float>::scalar(1); },
                                 {.lowest = 1e-3, .highest = 100, .steps = 100, .smoothing = 0});
    CHECK(curve.rates.back() > 1);  // w ← (1 − 2η)w grows from η = 1 on
    CHECK(curve.rates.back() < 20);
    CHECK(curve.losses.back() > 4 * *std::min_element(curve.losses.begin(), curve.losses.end()));
    CHECK(curve.suggestion > 0.01);
    CHECK(curve.suggestion < 0.5);
    CHECK(w.to_vector()[0] == 1);
    const auto nan = find_rate(optimizer, state, none, [&](int) { return mean(w) * std::nanf(""); });
    CHECK(nan.rates.empty());
    CHECK(std::isnan(nan.suggestion));
    const auto flat = find_rate(optimizer, state, none, [&](int) { return mean(w * 0.0f); });
    CHECK(flat.rates.size() == 100);
    CHECK(std::isnan(flat.suggestion));
}

TEST_CASE("rate finder: options outside their ranges are refused") {
    TinyRun run;
    CHECK_ERROR(find(run, {.lowest = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(find(run, {.lowest = 2, .highest = 1}), ErrorCode::invalid_argument);
    CHECK_ERROR(find(run, {.steps = 1}), ErrorCode::invalid_argument);
    CHECK_ERROR(find(run, {.smoothing = 1}), ErrorCode::invalid_argument);
    CHECK_ERROR(find(run, {.diverged = 1}), ErrorCode::invalid_argument);
}
