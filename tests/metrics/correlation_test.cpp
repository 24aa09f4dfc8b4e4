#include "tercet/metrics/correlation.hpp"

#include "metrics/golden.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("correlation metrics: all equal the reference's") {
    const Json golden = metrics_golden("correlation.json");
    for (const auto& c : golden.at("cases").elements()) {
        INFO(c.at("name").as_string());
        const auto x = numbers_of(c.at("x")), y = numbers_of(c.at("y"));
        CHECK(is_near(pearson_correlation(x, y), c.at("pearson")));
        CHECK(is_near(spearman_correlation(x, y), c.at("spearman")));
        CHECK(is_near(kendall_correlation(x, y), c.at("kendall_tau_b")));
        CHECK(is_near(mean_squared_error(x, y), c.at("mse")));
        CHECK(is_near(mean_absolute_error(x, y), c.at("mae")));
        CHECK(is_near(r_squared(x, y), c.at("r2")));
    }
}

TEST_CASE("correlation metrics: equals share their ranks, what is constant goes with nothing, and what does not fit is refused") {
    CHECK(ranks(std::vector<double>{3, 1, 3, 2}) == std::vector<double>{3.5, 1, 3.5, 2});
    CHECK(ranks({}).empty());
    const std::vector<double> x{1, 2, 3}, constant{4, 4, 4}, two{1, 2}, one{1}, nan{1, std::nan(""), 2};
    CHECK(std::isnan(pearson_correlation(x, constant)));
    CHECK(std::isnan(spearman_correlation(constant, x)));
    CHECK(std::isnan(kendall_correlation(x, constant)));
    CHECK_ERROR(pearson_correlation(x, two), ErrorCode::shape_mismatch);
    CHECK_ERROR(spearman_correlation(one, one), ErrorCode::invalid_argument);
    CHECK_ERROR(kendall_correlation(x, nan), ErrorCode::invalid_argument);
    CHECK_ERROR(mean_squared_error({}, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(mean_absolute_error(x, two), ErrorCode::shape_mismatch);
    CHECK_ERROR(r_squared(one, one), ErrorCode::invalid_argument);
}
