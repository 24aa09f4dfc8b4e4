#include "tercet/metrics/evaluation.hpp"

#include "support/catch.hpp"

using namespace tercet;

namespace {

// Six examples of two classes; the third and the last are wrong.
Evaluation small() {
    return {"small", {"no", "yes"}, {0, 0, 0, 1, 1, 1}, {0.9, 0.1, 0.8, 0.2, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6, 0.55, 0.45}};
}

}  // namespace

TEST_CASE("evaluation: the numbers are those of the metrics alone") {
    const auto e = small();
    const auto s = summarise(e);
    CHECK(s.accuracy == Approx(4.0 / 6));
    CHECK(s.accuracy_interval.low <= s.accuracy);
    CHECK(s.accuracy_interval.high >= s.accuracy);
    CHECK(s.accuracy_interval.low < s.accuracy_interval.high);
    CHECK(s.macro.f1 == Approx(average_score(confusion_matrix(e), Average::macro).f1));
    const std::vector<double> yes{0.1, 0.2, 0.7, 0.8, 0.6, 0.45};
    const std::vector<int> truth{0, 0, 0, 1, 1, 1};
    CHECK(*s.roc_auc == Approx(roc_auc<int>(yes, truth)));
    CHECK(*s.average_precision == Approx(average_precision<int>(yes, truth)));
    CHECK(s.log_loss == Approx(log_loss<int>(yes, truth)));
    CHECK(s.brier == Approx(2 * brier_score<int>(yes, truth)));  // over both classes
    CHECK(right_predictions(e) == std::vector<bool>{true, true, false, true, true, false});
    CHECK(hardest_examples(e, 2) == std::vector<index_t>{2, 5});
    CHECK(hardest_examples(e, 100).size() == 6);
    CHECK(hardest_examples(e, -1).empty());
}

TEST_CASE("evaluation: several classes, and one without examples") {
    Evaluation e{"three", {"a", "b", "c"}, {0, 1, 2, 0}, {0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.1, 0.2, 0.7, 0.3, 0.4, 0.3}};
    const auto s = summarise(e);
    CHECK(s.accuracy == Approx(0.75));
    CHECK(*s.roc_auc == Approx(roc_auc<std::int32_t>(e.all(), e.truth)));
    e.truth = {0, 1, 1, 0};
    CHECK_FALSE(summarise(e).roc_auc.has_value());
    CHECK_FALSE(summarise(e).average_precision.has_value());
    const Evaluation one{"one", {"only"}, {0, 0}, {1, 1}};
    CHECK(summarise(one).accuracy == 1);
}

TEST_CASE("evaluation: what does not fit is refused") {
    auto e = small();
    e.probabilities.pop_back();
    CHECK_ERROR(summarise(e), ErrorCode::shape_mismatch);
    e = small();
    e.truth[0] = 2;
    CHECK_ERROR(summarise(e), ErrorCode::index_out_of_range);
    e = small();
    e.probabilities[3] = NAN;
    CHECK_ERROR(summarise(e), ErrorCode::invalid_argument);
    e = small();
    e.examples = {"one"};
    CHECK_ERROR(summarise(e), ErrorCode::shape_mismatch);
    e = small();
    e.probabilities.resize(4);
    CHECK_ERROR(confusion_matrix(e), ErrorCode::shape_mismatch);
    CHECK_ERROR(right_predictions(e), ErrorCode::shape_mismatch);
    CHECK_ERROR(hardest_examples(e, 1), ErrorCode::shape_mismatch);
    CHECK_ERROR(summarise({"none", {"a"}, {}, {}}), ErrorCode::invalid_argument);
    CHECK_ERROR(summarise({"none", {}, {}, {}}), ErrorCode::invalid_argument);
}
