// Drawings as SVG, for pages that need no other file: what the kinds of drawings share. Each has a title and a description for those who do not see
// it.
//
// Colours are left to the page's style (report/page.hpp), by classes: "s0" to "s3" for series, "grid", "axis", "text", "faint", "dot", "warm" and
// "cool". svg_file() makes a file of its own of a drawing.
#pragma once

#include "tercet/core/error.hpp"
#include "tercet/text/escape_html.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr std::string_view page_colours = R"(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --pale: #59636e; --rule: #d1d9e0; --grid: #e6eaef; --axis: #9aa4af;
  --s0: #2563eb; --s1: #d9480f; --s2: #2b8a3e; --s3: #862e9c; --hot: #f08c00; --cold: #3b82f6; }
)";
inline constexpr std::string_view page_dark_colours = R"({ --paper: #0d1117; --ink: #e6edf3; --pale: #9198a1; --rule: #30363d; --grid: #21262d;
  --axis: #57606a; --s0: #79a8ff; --s1: #ffa657; --s2: #56d364; --s3: #d2a8ff; --hot: #d97706; --cold: #2f6fde; }
)";
inline constexpr std::string_view svg_style = R"(
svg { font: 12px system-ui, sans-serif; }
.text { fill: var(--pale); }
.ink { fill: var(--ink); }
.grid { stroke: var(--grid); }
.axis { stroke: var(--axis); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.faint { stroke-width: 1; opacity: 0.3; }
.s0 { stroke: var(--s0); } .dot.s0 { fill: var(--s0); }
.s1 { stroke: var(--s1); } .dot.s1 { fill: var(--s1); }
.s2 { stroke: var(--s2); } .dot.s2 { fill: var(--s2); }
.s3 { stroke: var(--s3); } .dot.s3 { fill: var(--s3); }
rect.warm { fill: var(--hot); fill-opacity: calc(var(--h) * 0.85); }
rect.cool { fill: var(--cold); fill-opacity: calc(var(--h) * 0.85); }
)";

// A number as text with that many digits behind the point; of one too large for a drawing, what is nearest.
inline std::string fixed_number(double value, int digits) {
    char buffer[64];
    const double most = 1e15;
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), std::clamp(value, -most, most), std::chars_format::fixed, digits).ptr;
    return std::string(buffer, end);
}
// A number for people: 1250, 0.25, 20k, 3e-4; rounded to `digits` significant ones, but whole below 10,000.
inline std::string short_number(double value, int digits = 4) {
    if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    if (value != 0) {  // first rounded, so that 999,999 is 1M and not 1000k
        const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - digits + 1);
        if (std::abs(value) >= 1e3 && unit >= 1) value = std::round(value / unit) * unit;
    }
    std::string suffix;
    if (const double size = std::abs(value); size >= 1e4 && size < 1e12) {
        const int power = size >= 1e9 ? 9 : size >= 1e6 ? 6 : 3;
        value /= std::pow(10.0, power);
        suffix = power == 9 ? "G" : power == 6 ? "M" : "k";
    }
    const double size = std::abs(value);
    if (size < 1e4 && size >= std::pow(10.0, digits)) return fixed_number(value, 0) + suffix;
    char buffer[40];
    std::string text(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::general, digits).ptr);
    const auto e = text.find('e');  // 3e-04 is 3e-4, 1e+12 is 1e12
    if (e != std::string::npos) {
        if (text[e + 1] == '+') text.erase(e + 1, 1);
        const std::size_t first = e + 1 + (text[e + 1] == '-');
        while (first + 1 < text.size() && text[first] == '0') text.erase(first, 1);
    }
    return text + suffix;
}

// A length in the drawing, to a tenth.
inline std::string pixels(double value) {
    auto text = fixed_number(value, 1);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text;
}

inline std::string three_digits(double value) {
    return std::isfinite(value) ? fixed_number(value, 3) : short_number(value);
}
// Attributes of an element of a heat in [−1, 1], warm above 0 and cool below; of NaN only the classes.
inline std::string heat_attributes(double heat, std::string_view classes = {}) {
    const std::string all = std::string(classes) + (std::isfinite(heat) ? heat < 0 ? " cool" : " warm" : "");
    return (all.empty() ? "" : " class=\"" + all.substr(all.starts_with(' ')) + "\"") +
           (std::isfinite(heat) ? " style=\"--h:" + three_digits(std::min(std::abs(heat), 1.0)) + "\"" : "");
}

// The element's beginning. `id` tells the drawings of one page apart.
inline std::string svg_head(const std::string& title, const std::string& words, int width, int height, const std::string& id) {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
           "\" role=\"img\" aria-labelledby=\"" + id + "-title " + id + "-words\">\n<title id=\"" + id + "-title\">" + escape_html(title) +
           "</title>\n<desc id=\"" + id + "-words\">" + escape_html(words) + "</desc>\n";
}
// `anchor` is the part of the text that stands at x: start, middle or end.
inline std::string svg_text(double x, double y, const char* anchor, const std::string& what, const std::string& more = {}) {
    return "<text class=\"text\" x=\"" + pixels(x) + "\" y=\"" + pixels(y) + "\" text-anchor=\"" + anchor + "\"" + more + ">" + escape_html(what) +
           "</text>\n";
}
inline std::string svg_line(const char* kind, double x1, double y1, double x2, double y2) {
    return std::string("<line class=\"") + kind + "\" x1=\"" + pixels(x1) + "\" y1=\"" + pixels(y1) + "\" x2=\"" + pixels(x2) + "\" y2=\"" +
           pixels(y2) + "\"/>\n";
}

}  // namespace detail

/// A drawing as a file of its own, with its style inside. Throws invalid_argument for what is no drawing.
inline std::string svg_file(const std::string& svg) {
    const auto end = svg.find('>');
    require(svg.starts_with("<svg") && end != std::string::npos, ErrorCode::invalid_argument, "svg_file: that is no <svg> element");
    return svg.substr(0, end + 1) + "\n<style>" + std::string(detail::page_colours) + "@media (prefers-color-scheme: dark) { :root " +
           std::string(detail::page_dark_colours) + "}" + std::string(detail::svg_style) + "</style>" + svg.substr(end + 1);
}

}  // namespace tercet::inline TERCET_ABI
