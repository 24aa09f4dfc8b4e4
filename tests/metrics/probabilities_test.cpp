#include "tercet/metrics/probabilities.hpp"

#include "metrics/golden.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

using Scores = std::span<const double>;
using Truths = std::span<const index_t>;

}  // namespace

TEST_CASE("probability metrics: of two classes all equal the reference's") {
    const Json golden = metrics_golden("probabilistic.json");
    for (const auto& c : golden.at("binary").elements()) {
        INFO(c.at("name").as_string());
        const auto scores = numbers_of(c.at("score"));
        const auto truth = classes_of(c.at("y_true"));
        const Scores s(scores);
        const Truths t(truth);
        CHECK(is_near(roc_auc(s, t), c.at("roc_auc")));
        CHECK(is_near(average_precision(s, t), c.at("average_precision")));
        CHECK(is_near(log_loss(s, t), c.at("log_loss")));
        CHECK(is_near(brier_score(s, t), c.at("brier")));
        CHECK(is_near(calibration_error(reliability(s, t, 10)), c.at("ece_10")));
        CHECK(is_near(calibration_error(reliability(s, t, 5)), c.at("ece_5")));
        const auto curve = threshold_curve(s, t);
        const auto& roc = c.at("roc_curve");
        REQUIRE(curve.size() == roc.at("fpr").size());
        for (std::size_t i = 0; i < curve.size(); ++i) {
            const auto share = [&](index_t count, index_t of) { return static_cast<double>(count) / static_cast<double>(of); };
            CHECK(is_near(share(curve[i].false_positives, curve.back().false_positives), roc.at("fpr").at(i)));
            CHECK(is_near(share(curve[i].true_positives, curve.back().true_positives), roc.at("tpr").at(i)));
            if (i > 0) CHECK(is_near(curve[i].threshold, roc.at("thresholds").at(i)));
        }
        CHECK(curve[0].threshold == std::numeric_limits<double>::infinity());
    }
}

TEST_CASE("probability metrics: of several classes all equal the reference's") {
    const Json golden = metrics_golden("probabilistic.json");
    const auto& c = golden.at("multiclass");
    const auto truth = classes_of(c.at("y_true"));
    std::vector<double> values;
    for (const auto& row : c.at("prob").elements())
        for (const double v : numbers_of(row)) values.push_back(v);
    const Truths t(truth);
    const ClassProbabilities p{values, 4};
    CHECK(is_near(log_loss(p, t), c.at("log_loss")));
    CHECK(is_near(roc_auc(p, t), c.at("roc_auc_ovr_macro")));
    CHECK(is_near(roc_auc(p, t, ManyClasses::one_against_rest_weighted), c.at("roc_auc_ovr_weighted")));
    CHECK(is_near(roc_auc(p, t, ManyClasses::pairs), c.at("roc_auc_ovo_macro")));
    CHECK(is_near(top_k_accuracy(p, t, 2), c.at("top2_accuracy")));
    CHECK(is_near(calibration_error(reliability(p, t)), c.at("ece_10")));
    CHECK(top_k_accuracy(p, t, 4) == 1);
}

TEST_CASE("probability metrics: two classes by rows are those by one score, but for Brier's sum over both") {
    const std::vector<double> scores{0.2, 0.9, 0.6, 0.5};
    const std::vector<index_t> truth{0, 1, 0, 1};
    std::vector<double> rows;
    for (const double s : scores) rows.insert(rows.end(), {1 - s, s});
    const ClassProbabilities p{rows, 2};
    const Truths t(truth);
    CHECK(log_loss(p, t) == Approx(log_loss(Scores(scores), t)));
    CHECK(brier_score(p, t) == Approx(2 * brier_score(Scores(scores), t)));
    CHECK(roc_auc(p, t) == Approx(roc_auc(Scores(scores), t)));
    const auto bins = reliability(p, t, 2);
    REQUIRE(bins.size() == 2);
    CHECK(bins[0].count == 0);
    CHECK(bins[1].count == 4);
    CHECK(bins[1].accuracy == 0.5);  // of two that are as probable the first is named, and the fourth is of the second class
}

TEST_CASE("probability metrics: what does not fit is refused") {
    const std::vector<double> scores{0.2, 0.9}, nan{0.2, std::numeric_limits<double>::quiet_NaN()}, beyond{0.2, 1.5};
    const std::vector<index_t> truth{0, 1}, one{1}, same{1, 1}, far{0, 2};
    CHECK_ERROR(roc_auc(Scores(scores), Truths(one)), ErrorCode::shape_mismatch);
    CHECK_ERROR(roc_auc(Scores(scores), Truths(same)), ErrorCode::invalid_argument);
    CHECK_ERROR(roc_auc(Scores(nan), Truths(truth)), ErrorCode::invalid_argument);
    CHECK_ERROR(roc_auc(Scores(), Truths()), ErrorCode::invalid_argument);
    const std::vector<index_t> none{0, 0};
    CHECK_ERROR(average_precision(Scores(scores), Truths(none)), ErrorCode::invalid_argument);
    CHECK_ERROR(log_loss(ClassProbabilities{scores, 3}, Truths(truth)), ErrorCode::shape_mismatch);
    CHECK_ERROR(log_loss(ClassProbabilities{scores, 1}, Truths(far)), ErrorCode::index_out_of_range);
    CHECK_ERROR(brier_score(Scores(nan), Truths(truth)), ErrorCode::invalid_argument);
    CHECK_ERROR(top_k_accuracy(ClassProbabilities{scores, 1}, Truths(none), 0), ErrorCode::invalid_argument);
    CHECK_ERROR(log_loss(Scores(beyond), Truths(truth)), ErrorCode::invalid_argument);
    CHECK_ERROR(brier_score(ClassProbabilities{beyond, 1}, Truths(none)), ErrorCode::invalid_argument);
    try {
        const std::vector<double> rows{0.1, 0.9, 0.5, std::numeric_limits<double>::quiet_NaN()};
        log_loss(ClassProbabilities{rows, 2}, Truths(truth));
        FAIL("nan");
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find("example 1 for class 1") != std::string::npos);
    }
    CHECK_ERROR(reliability(Scores(beyond), std::vector<bool>{true, true}), ErrorCode::invalid_argument);
    CHECK_ERROR(reliability(Scores(scores), Truths(truth), 0), ErrorCode::invalid_argument);
}
