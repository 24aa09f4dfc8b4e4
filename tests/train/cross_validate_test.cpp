#include "tercet/train/cross_validate.hpp"
#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("cross-validation: each fold is measured by a model that has not seen it") {
    int made = 0;
    const auto result = cross_validate(
        k_folds(10, 5),
        [&] {
            ++made;
            return std::vector<index_t>();
        },
        [](std::vector<index_t>& model, std::span<const index_t> training) { model.assign(training.begin(), training.end()); },
        [](const std::vector<index_t>& model, std::span<const index_t> validation) {
            double seen = 0;
            for (const index_t i : validation) seen += std::count(model.begin(), model.end(), i) > 0;
            return seen + static_cast<double>(validation[0]);
        });
    CHECK(made == 5);
    CHECK(result.measures == std::vector<double>{0, 2, 4, 6, 8});
    CHECK(result.mean() == 4);
    CHECK(result.deviation() == Approx(std::sqrt(10.0)));
    CHECK(CrossValidation{{0.5}}.deviation() == 0);
}

TEST_CASE("cross-validation: it can be cancelled between folds, and does not take nan for a measure") {
    std::stop_source stop;
    int measured = 0;
    const auto once = [&](const IndexSplit&) {
        stop.request_stop();
        return static_cast<double>(++measured);
    };
    CHECK_ERROR(cross_validate(k_folds(4, 2), once, stop.get_token()), ErrorCode::cancelled);
    CHECK(measured == 1);
    CHECK_ERROR(cross_validate(k_folds(4, 2), [](const IndexSplit&) { return std::nan(""); }), ErrorCode::not_finite);
}
