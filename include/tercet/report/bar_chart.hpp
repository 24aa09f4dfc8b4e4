// Bars as SVG, lying, so that their names can be read: one for each name, or a group of some.
//
//   to_svg(BarChart{.title = "Next word", .names = {"eat", "dance", "read"}, .series = {{"T = 1", {0.2, 0.6, 0.2}}}}, "next")
#pragma once

#include "tercet/report/svg.hpp"

#include <algorithm>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct BarSeries {
    std::string name;
    std::vector<double> values;  // one for each of the chart's names, at least 0
};

struct BarChart {
    std::string title;
    std::vector<std::string> names{};  // of the bars, or of their groups
    std::vector<BarSeries> series{};   // four have colours of their own
    double most = 0;                   // the length of the longest bar that there is room for; of the longest there is, when 0
    int width = 640;
};

/// The chart as an svg element. `id` tells the drawings of one page apart. Throws shape_mismatch for a series without a value for each name, and
/// invalid_argument for a value that is no length.
inline std::string to_svg(const BarChart& chart, const std::string& id) {
    using detail::pixels, detail::short_number, detail::svg_text;
    double most = chart.most;
    std::size_t longest = 0;
    for (const auto& name : chart.names) longest = std::max(longest, name.size());
    std::string words;
    for (const auto& series : chart.series) {
        require(series.values.size() == chart.names.size(), ErrorCode::shape_mismatch, "bar chart: ", series.values.size(), " values for ",
                chart.names.size(), " names");
        words += series.name + (series.name.empty() ? "" : ": ");
        for (std::size_t i = 0; i < series.values.size(); ++i) {
            const double v = series.values[i];
            require(std::isfinite(v) && v >= 0, ErrorCode::invalid_argument, "bar chart: ", chart.names[i], " is ", v, " long");
            if (chart.most == 0) most = std::max(most, v);
            words += chart.names[i] + " " + short_number(v, 3) + (i + 1 < series.values.size() ? ", " : ". ");
        }
    }
    const double bar = chart.series.size() > 2 ? 12 : 18, gap = 10, group = bar * static_cast<double>(chart.series.size()) + gap,
                 left = std::min(7.0 * static_cast<double>(longest) + 14, 0.6 * chart.width), right = chart.width - 56.0,
                 top = chart.series.size() > 1 ? 30 : 8;
    std::string bars;
    for (std::size_t i = 0; i < chart.names.size(); ++i) {
        const double y = top + group * static_cast<double>(i);
        bars += svg_text(left - 8, y + (group - gap) / 2 + 4, "end", chart.names[i]);
        for (std::size_t s = 0; s < chart.series.size(); ++s) {
            const double v = chart.series[s].values[i], length = most > 0 ? (right - left) * std::min(v / most, 1.0) : 0;
            const double at = y + bar * static_cast<double>(s);
            bars += "<rect class=\"dot s" + std::to_string(s % 4) + "\" x=\"" + pixels(left) + "\" y=\"" + pixels(at + 1) + "\" width=\"" +
                    pixels(length) + "\" height=\"" + pixels(bar - 2) + "\"/>\n" +
                    svg_text(left + length + 6, at + bar / 2 + 4, "start", short_number(v, 3));
        }
    }
    double legend = left;
    for (std::size_t s = 0; s < chart.series.size() && chart.series.size() > 1; ++s) {
        bars += "<rect class=\"dot s" + std::to_string(s % 4) + "\" x=\"" + pixels(legend) + "\" y=\"6\" width=\"12\" height=\"12\"/>\n" +
                svg_text(legend + 18, 16, "start", chart.series[s].name);
        legend += 7.0 * static_cast<double>(chart.series[s].name.size()) + 42;
    }
    const int height = static_cast<int>(top + group * static_cast<double>(chart.names.size()));
    return detail::svg_head(chart.title, words, chart.width, height, id) + bars + "</svg>\n";
}

}  // namespace tercet::inline TERCET_ABI
