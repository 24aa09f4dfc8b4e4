#include "tercet/report/line_chart.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("chart: ticks stand at round numbers within the range") {
    const detail::ChartAxis axis(0.3, 4.7, 0, 100, 5, false);
    CHECK(axis.ticks == std::vector<double>{1, 2, 3, 4});
    CHECK(axis(0.3) == 0);
    CHECK(axis(4.7) == Approx(100));
    const detail::ChartAxis small(-2e-4, 3e-4, 100, 0, 5, false);
    REQUIRE(small.ticks.size() == 6);
    CHECK(small.ticks[2] == 0);
    CHECK(small.ticks[5] == Approx(3e-4));
    const detail::ChartAxis powers(1e-5, 0.2, 0, 100, 5, true);
    REQUIRE(powers.ticks.size() == 5);
    CHECK(powers.ticks[4] == Approx(0.1));
    CHECK(powers(std::sqrt(1e-5 * 0.2)) == Approx(50));
}

TEST_CASE("chart: a range of the last bits of its numbers has a chart, if no ticks") {
    for (const double y : {0.3, 1e16, 1e300}) {
        LineChart chart;
        chart.series = {{"y", {{1, y}, {2, std::nextafter(y, 1e308)}}}};
        CHECK(to_svg(chart, "flat").size() < 20000);
    }
}

TEST_CASE("chart: numbers are short") {
    CHECK(detail::short_number(0.25) == "0.25");
    CHECK(detail::short_number(1250) == "1250");
    CHECK(detail::short_number(20000) == "20k");
    CHECK(detail::short_number(-1.5e6) == "-1.5M");
    CHECK(detail::short_number(2e9) == "2G");
    CHECK(detail::short_number(0.00001) == "1e-5");
    CHECK(detail::short_number(1e-10) == "1e-10");
    CHECK(detail::short_number(1.23456) == "1.235");
    CHECK(detail::short_number(0) == "0");
    CHECK(detail::short_number(1234, 5) == "1234");
    CHECK(detail::short_number(150, 2) == "150");
    CHECK(detail::short_number(123456, 2) == "120k");
    CHECK(detail::short_number(999999) == "1M");
    CHECK(detail::short_number(9999.6) == "10k");
    CHECK(detail::short_number(1e12) == "1e12");
    CHECK(detail::short_number(INFINITY) == "inf");
    CHECK(detail::pixels(1e45) == "1000000000000000");
}

TEST_CASE("chart: many points are thinned without losing a peak") {
    std::vector<ChartPoint> points;
    for (int i = 0; i < 100'000; ++i) points.emplace_back(i, i == 31'234 ? 9 : i == 64'321 ? -9 : 0.001 * (i % 7));
    const auto kept = thin_points(points, 100);
    CHECK(kept.size() <= 200);
    CHECK(std::is_sorted(kept.begin(), kept.end()));
    CHECK(std::find(kept.begin(), kept.end(), points[31'234]) != kept.end());
    CHECK(std::find(kept.begin(), kept.end(), points[64'321]) != kept.end());
    CHECK(thin_points(points, 100'000) == points);
    CHECK(thin_points({}, 10).empty());
}

TEST_CASE("chart: draws what is finite, and says it in words") {
    LineChart chart{"Loss <a&b>", "step", "nats", {{"validation", {{1, 4}, {2, NAN}, {3, 2}, {4, 3}}, 1, false, true}}};
    const auto svg = to_svg(chart, "c");
    check_nesting(svg);
    CHECK_THAT(svg, ContainsSubstring("Loss &lt;a&amp;b&gt;"));
    CHECK_THAT(svg, ContainsSubstring("validation: from 4 at 1 to 3 at 4, lowest 2 at 3."));
    CHECK(count_of(svg, "<circle") == 3);
    CHECK(svg.find("nan") == std::string::npos);
    check_nesting(to_svg(LineChart{"empty", "", "", {}}, "c"));
    check_nesting(to_svg(LineChart{"one", "", "", {{"a", {{5, 5}}}}}, "c"));
    chart.logarithmic_x = true;
    chart.series[0].points = {{0, 1}, {1e-6, 2}, {1, 3}};
    const auto log = to_svg(chart, "c");
    CHECK(count_of(log, "<circle") == 2);
    CHECK_THAT(log, ContainsSubstring(">1e-6<"));
}

TEST_CASE("chart: ends of the axes, words and labels that are given") {
    LineChart chart{.title = "Map", .x_range = ChartPoint{0, 1}, .y_range = ChartPoint{-1, 1}, .words = "a is near b"};
    chart.series = {{.name = "points", .points = {{0.1, 0.5}, {0.99, -0.5}}, .marks = true, .line = false, .labels = {"a<", "a longer b"}}};
    const auto svg = to_svg(chart, "m");
    check_nesting(svg);
    CHECK(count_of(svg, "<polyline") == 0);
    CHECK(count_of(svg, "<circle") == 2);
    CHECK_THAT(svg, ContainsSubstring("a is near b") && ContainsSubstring(">a&lt;<") && ContainsSubstring(">-1<") && ContainsSubstring(">1<"));
    CHECK_THAT(svg, ContainsSubstring("text-anchor=\"end\">a longer b<"));  // on the left of a point at the right edge
}

TEST_CASE("chart: a label stays with its point, and axes that are no range are refused") {
    LineChart chart{.title = "t", .series = {{.name = "s", .points = {{NAN, 1}, {2, 3}, {3, 4}}, .marks = true, .labels = {"lost", "two", "three"}}}};
    const auto svg = to_svg(chart, "l");
    CHECK(svg.find("lost") == std::string::npos);
    CHECK_THAT(svg, ContainsSubstring(">two<") && ContainsSubstring(">three<"));
    for (const auto& range : {ChartPoint{1, 1}, ChartPoint{2, 1}, ChartPoint{NAN, 1}, ChartPoint{0, INFINITY}}) {
        chart.y_range = range;
        CHECK_ERROR(to_svg(chart, "l"), ErrorCode::invalid_argument);
    }
    chart.y_range = {};
    chart.logarithmic_x = true;
    chart.x_range = ChartPoint{0, 100};
    CHECK_ERROR(to_svg(chart, "l"), ErrorCode::invalid_argument);
}

TEST_CASE("chart: labels of points that lie together stand one above the other") {
    detail::LabelPlaces place(400);
    CHECK_THAT(place("one", 100, 50), ContainsSubstring("x=\"106\" y=\"54\""));
    CHECK_THAT(place("two", 102, 52), ContainsSubstring("y=\"43\"") || ContainsSubstring("y=\"69\""));
    CHECK_THAT(place("far", 300, 50), ContainsSubstring("y=\"54\""));
    CHECK_THAT(place("edge", 395, 50), ContainsSubstring("text-anchor=\"end\""));
}
