// A matrix as SVG: a cell for each number, warm above zero and cool below, the more the farther; rows and columns have names.
//
//   to_svg(HeatMap{.title = "Attention", .rows = tokens, .columns = tokens, .values = weights}, "attention")
#pragma once

#include "tercet/report/svg.hpp"

#include <algorithm>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct HeatMap {
    std::string title, row_label{}, column_label{};  // what rows and columns are
    std::vector<std::string> rows{}, columns{};
    std::vector<double> values{};  // (rows, columns), by rows; those that are not finite have no colour
    double most = 0;               // what has all of the colour; the largest of the absolute values when 0
    bool numbers = false;          // written into the cells
    int cell = 34;                 // width of a cell in the drawing; its height is three quarters
};

/// The map as an svg element. `id` tells the drawings of one page apart. Throws shape_mismatch for another number of values than of cells.
inline std::string to_svg(const HeatMap& map, const std::string& id) {
    using detail::pixels, detail::short_number, detail::svg_text;
    require(map.values.size() == map.rows.size() * map.columns.size(), ErrorCode::shape_mismatch, "heat map: ", map.values.size(), " values for ",
            map.rows.size(), " rows of ", map.columns.size());
    double most = map.most;
    for (const double v : map.values)
        if (map.most == 0 && std::isfinite(v)) most = std::max(most, std::abs(v));
    const auto longest = [](const std::vector<std::string>& names) {
        std::size_t length = 0;
        for (const auto& name : names) length = std::max(length, name.size());
        return 7.0 * static_cast<double>(length) + 8;
    };
    const double width = map.cell, height = std::round(0.75 * map.cell), left = longest(map.rows) + (map.row_label.empty() ? 4 : 22),
                 top = longest(map.columns) + (map.column_label.empty() ? 4 : 20), right = left + width * static_cast<double>(map.columns.size()),
                 bottom = top + height * static_cast<double>(map.rows.size());
    std::string words, cells;
    for (std::size_t r = 0; r < map.rows.size(); ++r) {
        const double y = top + height * static_cast<double>(r);
        cells += svg_text(left - 6, y + height / 2 + 4, "end", map.rows[r]);
        std::size_t best = map.columns.size();  // none that is finite
        for (std::size_t c = 0; c < map.columns.size(); ++c) {
            const double v = map.values[r * map.columns.size() + c], x = left + width * static_cast<double>(c);
            if (std::isfinite(v) && (best == map.columns.size() || v > map.values[r * map.columns.size() + best])) best = c;
            cells += "<rect" + detail::heat_attributes(most > 0 ? v / most : 0, "") + " x=\"" + pixels(x + 0.5) + "\" y=\"" + pixels(y + 0.5) +
                     "\" width=\"" + pixels(width - 1) + "\" height=\"" + pixels(height - 1) + "\"><title>" +
                     escape_html(map.rows[r] + ", " + map.columns[c] + ": " + short_number(v, 3)) + "</title></rect>\n";
            if (map.numbers) cells += svg_text(x + width / 2, y + height / 2 + 4, "middle", short_number(v, 2));
        }
        if (best < map.columns.size())
            words += map.rows[r] + ": most at " + map.columns[best] + ", " + short_number(map.values[r * map.columns.size() + best], 3) + ". ";
    }
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
        const double x = left + width * (static_cast<double>(c) + 0.5) + 4;
        cells += svg_text(0, 0, "start", map.columns[c], " transform=\"translate(" + pixels(x) + " " + pixels(top - 6) + ") rotate(-90)\"");
    }
    cells += svg_text((left + right) / 2, 13, "middle", map.column_label);
    cells += svg_text(0, 0, "middle", map.row_label, " transform=\"translate(13 " + pixels((top + bottom) / 2) + ") rotate(-90)\"");
    return detail::svg_head(map.title, words, static_cast<int>(std::ceil(right)) + 8, static_cast<int>(std::ceil(bottom)) + 8, id) + cells +
           "</svg>\n";
}

}  // namespace tercet::inline TERCET_ABI
