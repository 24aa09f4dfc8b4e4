#include "tercet/report/bar_chart.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("bar chart: a bar for each value, and a legend where there are several series") {
    BarChart chart{.title = "Next word", .names = {"eat", "dance", "<read>"}, .series = {{"T = 1", {0.2, 0.6, 0.2}}}};
    const auto one = to_svg(chart, "b");
    check_nesting(one);
    CHECK(count_of(one, "<rect") == 3);
    CHECK_THAT(one, ContainsSubstring("T = 1: eat 0.2, dance 0.6, &lt;read&gt; 0.2.") && ContainsSubstring(">0.6<"));
    chart.series.push_back({"T = 2", {0.3, 0.4, 0.3}});
    CHECK(count_of(to_svg(chart, "b"), "<rect") == 8);
    chart.series = {{"", {0, 0, 0}}};
    check_nesting(to_svg(chart, "b"));
    check_nesting(to_svg(BarChart{"empty"}, "b"));
    chart.series = {{"", {1, 2}}};
    CHECK_ERROR(to_svg(chart, "b"), ErrorCode::shape_mismatch);
    chart.series = {{"", {1, 2, -1}}};
    CHECK_ERROR(to_svg(chart, "b"), ErrorCode::invalid_argument);
}
