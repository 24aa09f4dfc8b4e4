// A run as one page: its curves and its settings in an HTML file that needs no other, light or dark as the reader's system is.
//
//   write_report("run/report.html", read_json_log("run/log.jsonl"), {.title = "tiny Shakespeare", .settings = state.notes});
//
// Values of one kind share a chart: "training/loss" and "validation/loss" are two lines of the chart "Loss".
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/report/line_chart.hpp"
#include "tercet/report/page.hpp"
#include "tercet/train/logger.hpp"

#include <map>

namespace tercet::inline TERCET_ABI {

struct ReportOptions {
    std::string title = "Training run";
    std::map<std::string, std::string> settings{};  // a table at the end
};

namespace detail {

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
        figures += html_figure(chart.title, to_svg(chart, "chart" + std::to_string(c)), wide);
    }
    std::string summary = "No records.";
    if (!records.empty()) summary = "Steps " + std::to_string(records.front().step) + " to " + std::to_string(records.back().step);
    for (const auto& chart : charts)
        for (const auto& series : chart.series)
            if (chart.title == charts[0].title && !series.points.empty() && !series.faint)
                summary += " · " + series.name + " " + charts[0].title + " " + detail::short_number(series.points.back().second);

    std::vector<std::vector<HtmlCell>> rows;
    for (const auto& [key, value] : options.settings) rows.push_back({{key}, {value}});
    return html_page({options.title, summary,
                      "<div class=\"charts\">\n" + figures + "</div>\n" + (rows.empty() ? "" : html_section("Settings", html_table(rows)))});
}

/// Writes the page, whole or not at all. Throws io.
inline void write_report(const std::string& path, const std::vector<LogRecord>& records, const ReportOptions& options = {}) {
    write_file_atomically(path, report_page(records, options));
}

}  // namespace tercet::inline TERCET_ABI
