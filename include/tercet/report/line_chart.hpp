// A line chart as SVG: axes with round ticks, a legend, and words for those who do not see it.
//
// Series i has the class "s<i>" (report/svg.hpp).
#pragma once

#include "tercet/report/svg.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

using ChartPoint = std::pair<double, double>;  // x, y

struct ChartSeries {
    std::string name;
    std::vector<ChartPoint> points{};  // in the order of x; those that are not finite are left out
    int colour = 0;
    bool faint = false;                 // drawn thin behind the others, and not named
    bool marks = false;                 // a dot for each point
    bool line = true;                   // from point to point
    std::vector<std::string> labels{};  // a word beside each point; points with words are not thinned
};

struct LineChart {
    std::string title, x_label{}, y_label{};
    std::vector<ChartSeries> series{};
    bool logarithmic_x = false;
    int width = 880, height = 320;                   // of the drawing; the page scales it
    std::optional<ChartPoint> x_range{}, y_range{};  // the axes' ends; those of the points when not given
    std::string words{};                             // what is said of it in place of where each series begins, ends and is lowest
};

/// At most about 2 · `columns` of the points that look the same on so many columns: the lowest and the highest of each, so that no peak is lost.
inline std::vector<ChartPoint> thin_points(const std::vector<ChartPoint>& points, std::size_t columns) {
    if (points.size() <= 2 * columns) return points;
    std::vector<ChartPoint> kept;
    const auto lower = [](const ChartPoint& a, const ChartPoint& b) { return a.second < b.second; };
    for (std::size_t c = 0; c < columns; ++c) {
        const auto begin = points.begin() + static_cast<std::ptrdiff_t>(c * points.size() / columns);
        const auto end = points.begin() + static_cast<std::ptrdiff_t>((c + 1) * points.size() / columns);
        auto [low, high] = std::minmax_element(begin, end, lower);
        if (high < low) std::swap(low, high);
        kept.push_back(*low);
        if (low != high) kept.push_back(*high);
    }
    return kept;
}

namespace detail {

// One axis: from the numbers to the drawing, with ticks at 1, 2 or 5 times powers of ten, or at the powers where it is logarithmic.
struct ChartAxis {
    double low, high, from, to;  // the range, and where its ends lie in the drawing
    bool logarithmic = false;
    std::vector<double> ticks{};

    ChartAxis(double least, double most, double begin, double end, int wanted, bool log)
        : low(least), high(most), from(begin), to(end), logarithmic(log) {
        if (logarithmic) {
            for (double power = std::ceil(std::log10(low)); power <= std::floor(std::log10(high) + 1e-9); ++power)
                ticks.push_back(std::pow(10, power));
            return;
        }
        const double rough = (high - low) / wanted, power = std::pow(10, std::floor(std::log10(rough)));
        const double step = power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10);
        const double first = std::ceil(low / step - 1e-9);
        if (std::abs(first) > 0x1p50) return;  // the range is the last bits of its numbers: nothing lies between that could be written
        for (double n = first; n * step <= high + 1e-9 * step; ++n) ticks.push_back(n == 0 ? 0 : n * step);
    }
    double operator()(double value) const {
        const double share = logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
        return from + share * (to - from);
    }
};

}  // namespace detail

namespace detail {

// Puts words beside points so that they do not cover each other: at the point's height, or the nearest above or below that is free.
class LabelPlaces {
public:
    explicit LabelPlaces(double width) : width_(width) {}

    std::string operator()(const std::string& label, double x, double y) {
        const double length = 7.0 * static_cast<double>(label.size());
        const bool before = x + 6 + length > width_;  // no room on the right
        const double left = before ? x - 6 - length : x + 6;
        const auto is_free = [&](double at) {
            return std::none_of(taken_.begin(), taken_.end(),
                                [&](const Place& p) { return std::abs(p.y - at) < 13 && left < p.right && p.left < left + length; });
        };
        double at = y;
        for (int step = 1; !is_free(at) && step < 20; ++step) at = y + (step % 2 == 0 ? 13.0 : -13.0) * ((step + 1) / 2);
        taken_.push_back({left, left + length, at});
        return svg_text(before ? x - 6 : x + 6, at + 4, before ? "end" : "start", label);
    }

private:
    struct Place {
        double left, right, y;
    };
    double width_;
    std::vector<Place> taken_;
};

}  // namespace detail

/// The chart as an svg element. `id` tells the charts of one page apart. Throws invalid_argument for ends of axes that are no range.
inline std::string to_svg(const LineChart& chart, const std::string& id) {
    using detail::pixels, detail::short_number, detail::svg_line, detail::svg_text;
    for (const auto& range : {chart.x_range, chart.y_range})
        require(!range || (std::isfinite(range->first) && std::isfinite(range->second) && range->first < range->second), ErrorCode::invalid_argument,
                "chart: an axis from ", range ? range->first : 0, " to ", range ? range->second : 0);
    require(!chart.logarithmic_x || !chart.x_range || chart.x_range->first > 0, ErrorCode::invalid_argument, "chart: a logarithmic axis from ",
            chart.x_range ? chart.x_range->first : 0);
    const auto drawable = [&](const ChartPoint& p) {
        return std::isfinite(p.first) && std::isfinite(p.second) && (!chart.logarithmic_x || p.first > 0);
    };
    const double infinity = std::numeric_limits<double>::infinity();
    double x_low = infinity, x_high = -infinity, y_low = infinity, y_high = -infinity;
    std::vector<std::vector<ChartPoint>> lines;
    std::vector<std::vector<std::string>> labels;  // of the points that are drawn
    std::string words = chart.words;
    for (const auto& series : chart.series) {
        std::vector<ChartPoint> points;
        auto& kept = labels.emplace_back();
        for (std::size_t i = 0; i < series.points.size(); ++i) {
            if (!drawable(series.points[i])) continue;
            points.push_back(series.points[i]);
            if (i < series.labels.size()) kept.push_back(series.labels[i]);
        }
        for (const auto& [x, y] : points) {
            x_low = std::min(x_low, x), x_high = std::max(x_high, x);
            y_low = std::min(y_low, y), y_high = std::max(y_high, y);
        }
        if (!points.empty() && !series.faint && chart.words.empty()) {
            const auto best = std::min_element(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
            words += series.name + ": from " + short_number(points.front().second) + " at " + short_number(points.front().first) + " to " +
                     short_number(points.back().second) + " at " + short_number(points.back().first) + ", lowest " + short_number(best->second) +
                     " at " + short_number(best->first) + ". ";
        }
        lines.push_back(series.labels.empty() ? thin_points(points, static_cast<std::size_t>(chart.width)) : points);
    }
    if (!(x_low <= x_high)) {
        words = "No numbers.";
        x_low = chart.logarithmic_x ? 1 : 0, x_high = y_high = 1, y_low = 0;
    }
    if (!chart.logarithmic_x && x_low > 0 && x_low < 0.05 * x_high) x_low = 0;
    if (x_low == x_high) x_high = chart.logarithmic_x ? 10 * x_low : x_low + 1;
    const double margin = y_low == y_high ? std::max(std::abs(y_low), 1e-12) * 0.1 : 0.05 * (y_high - y_low);
    if (y_low - margin < 0 && y_low >= 0) y_low = 0;  // what is never negative is not drawn as if it could be
    else y_low -= margin;
    y_high += margin;
    if (chart.x_range) std::tie(x_low, x_high) = *chart.x_range;
    if (chart.y_range) std::tie(y_low, y_high) = *chart.y_range;

    const auto named = std::count_if(chart.series.begin(), chart.series.end(), [](const ChartSeries& series) { return !series.faint; });
    const double left = 64, right = chart.width - 24.0, top = named > 1 ? 34 : 12, bottom = chart.height - 44.0;
    const detail::ChartAxis x(x_low, x_high, left, right, chart.width / 85, chart.logarithmic_x), y(y_low, y_high, bottom, top, 5, false);
    std::string out = detail::svg_head(chart.title, words, chart.width, chart.height, id);
    for (const double tick : y.ticks)
        out += svg_line("grid", left, y(tick), right, y(tick)) + svg_text(left - 8, y(tick) + 4, "end", short_number(tick));
    for (const double tick : x.ticks)
        out += svg_line("axis", x(tick), bottom, x(tick), bottom + 4) + svg_text(x(tick), bottom + 18, "middle", short_number(tick));
    out += svg_line("axis", left, bottom, right, bottom);
    out += svg_text((left + right) / 2, chart.height - 8.0, "middle", chart.x_label);
    out += svg_text(0, 0, "middle", chart.y_label, " transform=\"translate(14 " + pixels((top + bottom) / 2) + ") rotate(-90)\"");

    detail::LabelPlaces placed(chart.width);
    double legend = right;
    for (std::size_t i = chart.series.size(); i-- > 0;) {  // from the right, the last series first
        const auto& series = chart.series[i];
        if (named < 2 || series.faint || lines[i].empty()) continue;
        out += svg_text(legend, 16, "end", series.name);
        legend -= 7.0 * static_cast<double>(series.name.size()) + 8;
        out += svg_line(("line s" + std::to_string(series.colour)).c_str(), legend - 18, 12, legend, 12);
        legend -= 34;
    }
    for (const bool faint : {true, false})
        for (std::size_t i = 0; i < lines.size(); ++i) {
            const auto& series = chart.series[i];
            if (series.faint != faint || lines[i].empty()) continue;
            const std::string colour = "s" + std::to_string(series.colour);
            if (series.line) {
                out += "<polyline class=\"line " + colour + (faint ? " faint" : "") + "\" points=\"";
                for (const auto& [px, py] : lines[i]) out += pixels(x(px)) + "," + pixels(y(py)) + " ";
                out += "\"/>\n";
            }
            if (series.marks)
                for (const auto& [px, py] : lines[i])
                    out += "<circle class=\"dot " + colour + "\" cx=\"" + pixels(x(px)) + "\" cy=\"" + pixels(y(py)) + "\" r=\"3\"/>\n";
            for (std::size_t j = 0; j < std::min(labels[i].size(), lines[i].size()); ++j)
                out += placed(labels[i][j], x(lines[i][j].first), y(lines[i][j].second));
        }
    return out + "</svg>\n";
}

}  // namespace tercet::inline TERCET_ABI
