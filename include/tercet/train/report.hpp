// A run as one page: its curves and its settings in an HTML file that needs no other, light or dark as the reader's system is.
//
//   write_report("run/report.html", read_json_log("run/log.jsonl"), {.title = "tiny Shakespeare", .settings = state.notes});
//
// Values of one kind share a chart: "training/loss" and "validation/loss" are two lines of the chart "Loss".
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/train/line_chart.hpp"
#include "tercet/train/logger.hpp"

#include <map>

namespace tercet::inline TERCET_ABI {

struct ReportOptions {
    std::string title = "Training run";
    std::map<std::string, std::string> settings{};  // a table at the end
};

namespace detail {

inline constexpr std::string_view report_style = R"(
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 960px; padding: 24px 16px 48px; background: #ffffff; color: #1f2328; font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 16px; margin: 0 0 2px; }
.summary { color: #59636e; margin: 0 0 20px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.chart { border: 1px solid #d1d9e0; border-radius: 10px; padding: 14px 12px 8px; margin: 0; }
.chart.wide { grid-column: 1 / -1; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.text { fill: #59636e; }
.grid { stroke: #e6eaef; }
.axis { stroke: #9aa4af; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.faint { stroke-width: 1; opacity: 0.3; }
.s0 { stroke: #2563eb; } .dot.s0 { fill: #2563eb; }
.s1 { stroke: #d9480f; } .dot.s1 { fill: #d9480f; }
.s2 { stroke: #2b8a3e; } .dot.s2 { fill: #2b8a3e; }
.s3 { stroke: #862e9c; } .dot.s3 { fill: #862e9c; }
table { border-collapse: collapse; margin-top: 8px; }
th, td { text-align: left; padding: 4px 24px 4px 0; border-bottom: 1px solid #e6eaef; font-weight: normal; }
th { color: #59636e; }
section { margin-top: 28px; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; }
  .summary, th { color: #9198a1; }
  .chart { border-color: #30363d; }
  .text { fill: #9198a1; }
  .grid { stroke: #21262d; }
  .axis { stroke: #57606a; }
  th, td { border-color: #21262d; }
  .s0 { stroke: #79a8ff; } .dot.s0 { fill: #79a8ff; }
  .s1 { stroke: #ffa657; } .dot.s1 { fill: #ffa657; }
  .s2 { stroke: #56d364; } .dot.s2 { fill: #56d364; }
  .s3 { stroke: #d2a8ff; } .dot.s3 { fill: #d2a8ff; }
}
)";

// "gradient_norm" is "Gradient norm".
inline std::string chart_title(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

inline std::vector<ChartPoint> finite_points(const std::vector<ChartPoint>& points) {
    std::vector<ChartPoint> out;
    std::copy_if(points.begin(), points.end(), std::back_inserter(out), [](const ChartPoint& p) { return std::isfinite(p.second); });
    return out;
}

// Whether a curve goes up and down so often that its course is hard to see: its way is much longer than its range.
inline bool is_noisy(const std::vector<ChartPoint>& points) {
    if (points.size() <= 200) return false;
    double way = 0, low = points[0].second, high = low;
    for (std::size_t i = 1; i < points.size(); ++i) {
        way += std::abs(points[i].second - points[i - 1].second);
        low = std::min(low, points[i].second);
        high = std::max(high, points[i].second);
    }
    return way > 5 * (high - low);
}

// The mean over a fiftieth of the points around each, fewer near the ends.
inline std::vector<ChartPoint> smoothed(const std::vector<ChartPoint>& points) {
    const std::size_t n = points.size(), reach = n / 100;
    std::vector<double> sums(n + 1);
    for (std::size_t i = 0; i < n; ++i) sums[i + 1] = sums[i] + points[i].second;
    std::vector<ChartPoint> out;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t from = i - std::min(i, reach), to = std::min(n, i + reach + 1);
        out.emplace_back(points[i].first, (sums[to] - sums[from]) / static_cast<double>(to - from));
    }
    return out;
}

}  // namespace detail

/// The page's text. Records may be many: curves are thinned to what can be seen, and noisy ones of more than 200 points drawn faint behind a running
/// mean.
inline std::string report_page(const std::vector<LogRecord>& records, const ReportOptions& options = {}) {
    std::vector<LineChart> charts;
    const auto series_of = [&](const std::string& name) -> ChartSeries& {
        const auto slash = name.find('/');
        const std::string group = slash == std::string::npos ? "" : name.substr(0, slash);
        const std::string title = detail::chart_title(name.substr(slash == std::string::npos ? 0 : slash + 1));
        auto chart = std::find_if(charts.begin(), charts.end(), [&](const LineChart& c) { return c.title == title; });
        if (chart == charts.end()) chart = charts.insert(charts.end(), LineChart{title, "step", "", {}});
        auto& all = chart->series;
        const auto found = std::find_if(all.begin(), all.end(), [&](const ChartSeries& s) { return s.name == group; });
        return found != all.end() ? *found : all.emplace_back(ChartSeries{group, {}, static_cast<int>(all.size() % 4)});
    };
    for (const auto& record : records)
        for (const auto& [name, value] : record.values) series_of(name).points.emplace_back(static_cast<double>(record.step), value);

    std::string figures;
    for (std::size_t c = 0; c < charts.size(); ++c) {
        auto& chart = charts[c];
        const bool wide = c == 0 || charts.size() == 2;
        if (!wide) chart.width = 430, chart.height = 250;
        for (std::size_t i = 0, count = chart.series.size(); i < count; ++i) {
            auto series = chart.series[i];
            series.marks = series.points.size() <= 60;
            series.points = detail::finite_points(series.points);
            if (detail::is_noisy(series.points)) {
                chart.series.push_back({series.name, series.points, series.colour, true});
                series.points = detail::smoothed(series.points);
            }
            chart.series[i] = std::move(series);
        }
        figures += std::string("<figure class=\"chart") + (wide ? " wide" : "") + "\">\n<h2>" + escape_html(chart.title) + "</h2>\n" +
                   to_svg(chart, "chart" + std::to_string(c)) + "</figure>\n";
    }
    std::string summary = "No records.";
    if (!records.empty()) summary = "Steps " + std::to_string(records.front().step) + " to " + std::to_string(records.back().step);
    for (const auto& chart : charts)
        for (const auto& series : chart.series)
            if (chart.title == charts[0].title && !series.points.empty() && !series.faint)
                summary += " · " + series.name + " " + charts[0].title + " " + detail::short_number(series.points.back().second);

    std::string rows;
    for (const auto& [key, value] : options.settings)
        rows += "<tr><th scope=\"row\">" + escape_html(key) + "</th><td>" + escape_html(value) + "</td></tr>\n";
    const std::string title = escape_html(options.title);
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
           title + "</title>\n<style>" + std::string(detail::report_style) + "</style>\n</head>\n<body>\n<h1>" + title +
           "</h1>\n<p class=\"summary\">" + escape_html(summary) + "</p>\n<div class=\"charts\">\n" + figures + "</div>\n" +
           (rows.empty() ? "" : "<section>\n<h2>Settings</h2>\n<table>\n" + rows + "</table>\n</section>\n") + "</body>\n</html>\n";
}

/// Writes the page, whole or not at all. Throws io.
inline void write_report(const std::string& path, const std::vector<LogRecord>& records, const ReportOptions& options = {}) {
    write_file_atomically(path, report_page(records, options));
}

}  // namespace tercet::inline TERCET_ABI
