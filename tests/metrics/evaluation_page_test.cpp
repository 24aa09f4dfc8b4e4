#include "tercet/metrics/evaluation_page.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"

#include <random>

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

namespace {

Evaluation made_up(std::string name, int classes, double skill, unsigned seed) {
    Evaluation e{std::move(name), {}, {}, {}};
    for (int c = 0; c < classes; ++c) e.labels.push_back("class <" + std::to_string(c) + ">");
    std::mt19937 truth(1), random(seed);
    std::normal_distribution<double> noise;
    for (int i = 0; i < 200; ++i) {
        const int t = static_cast<int>(truth() % static_cast<unsigned>(classes));
        std::vector<double> row;
        double sum = 0;
        for (int c = 0; c < classes; ++c) sum += row.emplace_back(std::exp(noise(random) + (c == t ? skill : 0)));
        e.truth.push_back(t);
        for (const double x : row) e.probabilities.push_back(x / sum);
        e.examples.push_back("text & number " + std::to_string(i));
    }
    return e;
}

}  // namespace

TEST_CASE("evaluation page: one model's numbers, tables, curves and hardest examples") {
    for (const int classes : {1, 2, 3, 7}) {
        const auto e = made_up("model <m>", classes, 1, 2);
        const auto page = evaluation_page(e, {.title = "Reviews & more", .hardest = 5});
        check_nesting(page);
        CHECK(count_of(page, "<svg") == 3);
        CHECK_THAT(page, ContainsSubstring("Reviews &amp; more") && ContainsSubstring("model &lt;m&gt;") && ContainsSubstring("class &lt;0&gt;"));
        CHECK_THAT(page, ContainsSubstring("text &amp; number " + std::to_string(hardest_examples(e, 1)[0])));
        CHECK_THAT(page, ContainsSubstring(detail::three_digits(summarise(e).accuracy)));
        CHECK(count_of(page, "&amp; number") == 5);
        CHECK(page.find("nan") == std::string::npos);
        CHECK(count_of(page, "src=") + count_of(page, "url(") + count_of(page, "<link") == 0);
    }
}

TEST_CASE("evaluation page: two models side by side") {
    for (const int classes : {2, 3}) {
        const std::vector<Evaluation> models{made_up("small", classes, 0.5, 2), made_up("large", classes, 2, 3)};
        const auto page = evaluation_page(models);
        check_nesting(page);
        const auto test = mcnemar(right_predictions(models[0]), right_predictions(models[1]));
        CHECK_THAT(page, ContainsSubstring("small alone has " + std::to_string(test.only_first) + " right, large alone " +
                                           std::to_string(test.only_second)));
        CHECK_THAT(page, ContainsSubstring(detail::three_digits(summarise(models[0]).accuracy)) &&
                             ContainsSubstring(detail::three_digits(summarise(models[1]).accuracy)));
    }
}

TEST_CASE("evaluation page: models that judge other things are not compared") {
    CHECK_ERROR(evaluation_page(std::span<const Evaluation>{}), ErrorCode::invalid_argument);
    CHECK_ERROR(evaluation_page(std::vector<Evaluation>{made_up("a", 2, 1, 1), made_up("b", 3, 1, 1)}), ErrorCode::invalid_argument);
    auto other = made_up("b", 2, 1, 1);
    other.truth[0] = 1 - other.truth[0];
    CHECK_ERROR(evaluation_page(std::vector<Evaluation>{made_up("a", 2, 1, 1), other}), ErrorCode::invalid_argument);
    CHECK_ERROR(evaluation_page(Evaluation{"none", {"a"}, {}, {}}), ErrorCode::invalid_argument);
}
