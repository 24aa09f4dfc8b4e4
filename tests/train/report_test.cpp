#include "tercet/train/report.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <random>

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

namespace {

std::size_t count_of(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

// Elements that are opened are closed, in order.
void check_nesting(const std::string& page) {
    std::vector<std::string> open;
    for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
        const auto end = page.find('>', at);
        REQUIRE(end != std::string::npos);
        const std::string tag = page.substr(at + 1, end - at - 1), name = tag.substr(0, tag.find_first_of(" /", 1));
        if (tag[0] == '!' || tag.back() == '/' || name == "meta") continue;
        if (tag[0] != '/') {
            open.push_back(name);
            continue;
        }
        REQUIRE_FALSE(open.empty());
        CHECK("/" + open.back() == tag);
        open.pop_back();
    }
    CHECK(open.empty());
}

std::vector<LogRecord> a_run(std::int64_t steps) {
    std::vector<LogRecord> records;
    std::mt19937 random(1);
    std::normal_distribution<double> noise(0, 0.08);
    for (std::int64_t step = 1; step <= steps; ++step) {
        const double t = static_cast<double>(step), way = t / static_cast<double>(steps);
        records.push_back({step,
                           {{"training/loss", 1.4 + 2.8 * std::exp(-5 * way) + noise(random)},
                            {"training/learning_rate", 1e-3 * std::min(1.0, 10 * way) * (0.55 + 0.45 * std::cos(3.1416 * way))},
                            {"training/gradient_norm", 0.4 + 2 * std::exp(-8 * way) + std::abs(noise(random))}}});
        if (step % std::max<std::int64_t>(1, steps / 20) == 0)
            records.push_back({step, {{"validation/loss", 1.5 + 2.7 * std::exp(-5 * way) + 0.1 * way}}});
    }
    return records;
}

}  // namespace

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
    check_nesting(to_svg({"empty", "", "", {}}, "c"));
    check_nesting(to_svg({"one", "", "", {{"a", {{5, 5}}}}}, "c"));
    chart.logarithmic_x = true;
    chart.series[0].points = {{0, 1}, {1e-6, 2}, {1, 3}};
    const auto log = to_svg(chart, "c");
    CHECK(count_of(log, "<circle") == 2);
    CHECK_THAT(log, ContainsSubstring(">1e-6<"));
}

TEST_CASE("report: values of one kind share a chart, and the page needs no other file") {
    const auto page = report_page(a_run(100), {.title = "A <run>", .settings = {{"lr", "1e-3"}, {"\"x\"", "<y>"}}});
    check_nesting(page);
    CHECK(count_of(page, "<svg") == 3);
    CHECK(count_of(page, "<polyline") == 4);
    CHECK(count_of(page, "role=\"img\"") == 3);
    CHECK(count_of(page, "<desc") == 3);
    CHECK_THAT(page, ContainsSubstring("<h2>Learning rate</h2>") && ContainsSubstring("A &lt;run&gt;") && ContainsSubstring("<td>&lt;y&gt;</td>"));
    CHECK_THAT(page, ContainsSubstring("prefers-color-scheme: dark") && ContainsSubstring("Steps 1 to 100"));
    CHECK(count_of(page, "http") == 3);  // the name space of each drawing
    CHECK(count_of(page, "<script") + count_of(page, "<link") + count_of(page, "url(") == 0);
    check_nesting(report_page({}));
}

TEST_CASE("report: a long run makes a page of the same size, noisy curves behind their mean") {
    const auto page = report_page(a_run(50'000));
    CHECK(page.size() < 200'000);
    CHECK(count_of(page, " faint\"") == 2);  // not the rate, which is smooth
    check_nesting(page);
    TempDir dir;
    write_report(dir / "report.html", a_run(1000), {.title = "Tiny Shakespeare", .settings = {{"batch", "12"}, {"lr", "0.003"}}});
    CHECK(read_text_file(dir / "report.html").starts_with("<!doctype html>"));
    CHECK_ERROR(write_report(dir / "none/report.html", {}), ErrorCode::io);
}
