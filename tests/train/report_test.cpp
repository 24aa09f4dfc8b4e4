#include "tercet/train/report.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"
#include "support/temp_dir.hpp"

#include <random>

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

namespace {

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

TEST_CASE("report: values of one kind share a chart, and the page needs no other file") {
    const auto page = report_page(a_run(100), {.title = "A <run>", .settings = {{"lr", "1e-3"}, {"\"x\"", "<y>"}}});
    check_nesting(page);
    CHECK(count_of(page, "<svg") == 3);
    CHECK(count_of(page, "<polyline") == 4);
    CHECK(count_of(page, "role=\"img\"") == 3);
    CHECK(count_of(page, "<desc") == 3);
    CHECK_THAT(page, ContainsSubstring("<h2>Learning rate</h2>") && ContainsSubstring("A &lt;run&gt;") && ContainsSubstring("<td>&lt;y&gt;</td>"));
    CHECK_THAT(page, ContainsSubstring("prefers-color-scheme: dark") && ContainsSubstring("Steps 1 to 100"));
    CHECK(count_of(page, "http") == 3);     // the name space of each drawing
    CHECK(count_of(page, "<script") == 1);  // the button for the theme
    CHECK(count_of(page, "src=") + count_of(page, "<link") + count_of(page, "url(") == 0);
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
