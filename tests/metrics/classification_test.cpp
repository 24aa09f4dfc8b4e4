#include "tercet/metrics/classification.hpp"
#include "support/catch.hpp"
#include "tercet/io/hub.hpp"

using namespace tercet;

namespace {

double number(const Json& value) {
    return value.is_string() ? std::numeric_limits<double>::quiet_NaN() : value.as_number();
}
bool near(double value, const Json& want) {
    const double expected = number(want);
    return std::isnan(expected) ? std::isnan(value) : std::abs(value - expected) <= 1e-9;
}
bool near(const ClassScore& value, const Json& want) {
    return near(value.precision, want.at("precision")) && near(value.recall, want.at("recall")) && near(value.f1, want.at("f1"));
}

// The classes that a case is about, in order: those named, or those that occur.
std::vector<index_t> classes_of(const Json& c) {
    std::set<index_t> found;
    const bool named = c.find("labels") != nullptr && !c.at("labels").is_null();
    for (const char* key : {"labels", "y_true", "y_pred"})
        if (named == (key == std::string("labels")))
            for (const auto& id : c.at(key).elements()) found.insert(static_cast<index_t>(id.as_int()));
    return {found.begin(), found.end()};
}

ConfusionMatrix matrix_of(const Json& c, const std::vector<index_t>& classes) {
    const auto places = [&](const char* key) {
        std::vector<index_t> out;
        for (const auto& id : c.at(key).elements())
            out.push_back(std::find(classes.begin(), classes.end(), static_cast<index_t>(id.as_int())) - classes.begin());
        return out;
    };
    const auto truth = places("y_true"), predicted = places("y_pred");
    return confusion_matrix(std::span<const index_t>(truth), std::span<const index_t>(predicted), static_cast<index_t>(classes.size()));
}

}  // namespace

TEST_CASE("classification metrics: all equal the reference's") {
    const Json golden = read_json_file(std::string(TERCET_TEST_DATA) + "/metrics/classification.json");
    for (const auto& c : golden.at("cases").elements()) {
        INFO(c.at("name").as_string());
        const auto classes = classes_of(c);
        const auto m = matrix_of(c, classes);
        for (index_t t = 0; t < m.classes(); ++t)
            for (index_t p = 0; p < m.classes(); ++p) {
                const auto& row = c.at("confusion_matrix").at(static_cast<std::size_t>(t));
                CHECK(m.at(t, p) == row.at(static_cast<std::size_t>(p)).as_int());
            }
        CHECK(near(accuracy(m), c.at("accuracy")));
        CHECK(near(balanced_accuracy(m), c.at("balanced_accuracy")));
        CHECK(near(matthews_correlation(m), c.at("mcc")));
        CHECK(near(cohen_kappa(m), c.at("cohen_kappa")));
        CHECK(near(cohen_kappa(m, true), c.at("cohen_kappa_quadratic")));
        for (const auto& [name, average] : {std::pair{"micro", Average::micro}, {"macro", Average::macro}, {"weighted", Average::weighted}}) {
            const std::string key(name);
            CHECK(near(average_score(m, average), c.at(key + "_zd0")));
            CHECK(near(average_score(m, average, 1), c.at(key + "_zd1")));
            CHECK(near(average_score(m, average, 0, 2).f1, c.at(key + "_fbeta2")));
        }
        if (c.find("binary_zd0") != nullptr) {
            const auto positive = static_cast<index_t>(std::find(classes.begin(), classes.end(), 1) - classes.begin());
            CHECK(near(score_of_class(m, positive), c.at("binary_zd0")));
            CHECK(near(score_of_class(m, positive, 1), c.at("binary_zd1")));
            CHECK(near(score_of_class(m, positive, 0, 2).f1, c.at("binary_fbeta2")));
        }
        for (std::size_t k = 0; k < classes.size(); ++k) {
            const auto score = score_of_class(m, static_cast<index_t>(k));
            CHECK(near(score.precision, c.at("per_class").at("precision").at(k)));
            CHECK(near(score.recall, c.at("per_class").at("recall").at(k)));
            CHECK(near(score.f1, c.at("per_class").at("f1").at(k)));
            CHECK(near(static_cast<double>(score.support), c.at("per_class").at("support").at(k)));
        }
    }
}

TEST_CASE("classification metrics: what does not fit is refused") {
    const std::vector<int> two{0, 1}, three{0, 1, 2};
    CHECK_ERROR(confusion_matrix(std::span<const int>(two), std::span<const int>(three), 3), ErrorCode::shape_mismatch);
    CHECK_ERROR(confusion_matrix(std::span<const int>(three), std::span<const int>(three), 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(ConfusionMatrix(-1), ErrorCode::invalid_argument);
    CHECK_ERROR(accuracy(ConfusionMatrix(2)), ErrorCode::invalid_argument);
    CHECK(std::isnan(balanced_accuracy(ConfusionMatrix(2))));
    CHECK(average_score(ConfusionMatrix(2), Average::weighted).f1 == 0);
}
