#include "tercet/metrics/resampling.hpp"
#include "support/catch.hpp"

#include <numeric>

using namespace tercet;

TEST_CASE("resampling: the interval of a mean is as wide as its standard error says, and the same for the same seed") {
    std::vector<double> values;
    for (int i = 0; i < 400; ++i) values.push_back(i % 4 == 0 ? 0 : 1);  // mean 0.75, standard error 0.0217
    const auto mean = [&](std::span<const index_t> drawn) {
        double sum = 0;
        for (const index_t i : drawn) sum += values[static_cast<std::size_t>(i)];
        return sum / static_cast<double>(drawn.size());
    };
    const auto interval = bootstrap_interval(400, mean, {.draws = 2000, .seed = 1});
    CHECK(interval.low == Approx(0.75 - 1.96 * 0.0217).margin(0.006));
    CHECK(interval.high == Approx(0.75 + 1.96 * 0.0217).margin(0.006));
    const auto again = bootstrap_interval(400, mean, {.draws = 2000, .seed = 1});
    CHECK((again.low == interval.low && again.high == interval.high));
    const auto narrow = bootstrap_interval(400, mean, {.draws = 2000, .confidence = 0.5, .seed = 1});
    CHECK((narrow.low > interval.low && narrow.high < interval.high));
    const auto one = bootstrap_interval(1, mean);
    CHECK((one.low == 0 && one.high == 0));
}

TEST_CASE("resampling: McNemar's test is the binomial one of the examples where models differ") {
    const auto test = [](int both, int first, int second, int neither) {
        std::vector<bool> a, b;
        for (const auto& [count, x, y] : {std::tuple(both, true, true), {first, true, false}, {second, false, true}, {neither, false, false}}) {
            a.insert(a.end(), static_cast<std::size_t>(count), x);
            b.insert(b.end(), static_cast<std::size_t>(count), y);
        }
        return mcnemar(a, b);
    };
    CHECK(test(10, 1, 9, 3).only_first == 1);
    CHECK(test(10, 1, 9, 3).only_second == 9);
    CHECK(test(10, 1, 9, 3).p == Approx(22.0 / 1024));  // 2 · (1 + 10) / 2¹⁰
    CHECK(test(10, 9, 1, 0).p == Approx(22.0 / 1024));
    CHECK(test(5, 3, 3, 0).p == 1);
    CHECK(test(5, 0, 0, 5).p == 1);
    CHECK(test(0, 0, 2000, 0).p < 1e-300);
    CHECK(sign_test(0, 0) == 1);
    CHECK(sign_test(0, 5) == Approx(2.0 / 32));
    CHECK_ERROR(mcnemar({true}, {}), ErrorCode::shape_mismatch);
}

TEST_CASE("resampling: what does not fit is refused") {
    const auto none = [](std::span<const index_t>) { return std::numeric_limits<double>::quiet_NaN(); };
    CHECK_ERROR(bootstrap_interval(0, none), ErrorCode::invalid_argument);
    CHECK_ERROR(bootstrap_interval(3, none), ErrorCode::invalid_argument);
    CHECK_ERROR(bootstrap_interval(3, none, {.draws = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(bootstrap_interval(3, none, {.confidence = 1}), ErrorCode::invalid_argument);
}
