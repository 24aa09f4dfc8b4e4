// Pages that need no other file: HTML with its style inside, light or dark as the reader's system is, or as the button says.
//
//   write_file_atomically("page.html", html_page({.title = "Sentiment", .body = html_section("Classes", html_table(…))}));
//
// What a page shows, it also says: tables have captions and headed rows, drawings a description. Nothing is loaded from elsewhere.
#pragma once

#include "tercet/report/svg.hpp"

#include <limits>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr std::string_view page_style = R"(
body { margin: 0 auto; max-width: 960px; padding: 24px 16px 48px; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 0 0 4px; }
.summary, figcaption, caption, .pale { color: var(--pale); }
.summary { margin: 0 0 20px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.chart { border: 1px solid var(--rule); border-radius: 10px; padding: 14px 12px 8px; margin: 0; }
.chart.wide { grid-column: 1 / -1; }
svg { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; margin-top: 8px; }
caption { text-align: left; padding-bottom: 4px; width: max-content; max-width: 90vw; }
th, td { text-align: left; padding: 4px 24px 4px 0; border-bottom: 1px solid var(--grid); font-weight: normal; vertical-align: top; }
th { color: var(--pale); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
table.heat { border-collapse: separate; border-spacing: 1px; }
table.heat th, table.heat td { padding: 3px 7px; border: 0; }
.warm { background: color-mix(in srgb, var(--hot) calc(var(--h) * 65%), transparent); }
.cool { background: color-mix(in srgb, var(--cold) calc(var(--h) * 65%), transparent); }
.tokens { line-height: 1.9; margin: 2px 0 12px; overflow-wrap: anywhere; }
p.pale { margin: 2px 0; }
.token { padding: 2px 1px; border-radius: 3px; white-space: pre-wrap; }
.scroll { overflow-x: auto; }
section { margin-top: 28px; }
#theme { float: right; font: inherit; color: inherit; background: none; border: 1px solid var(--rule); border-radius: 6px; padding: 2px 10px; }
)";
// The button turns the page to the other colours than those that it has; the choice goes with the page.
inline constexpr std::string_view theme_script = R"js(
const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement, button = document.getElementById("theme");
const is_dark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) == "dark";
const name_it = () => {
  button.textContent = is_dark() ? "Light" : "Dark";
  button.setAttribute("aria-label", "Show the page " + button.textContent.toLowerCase());
};
button.addEventListener("click", () => { root.dataset.theme = is_dark() ? "light" : "dark"; name_it(); });
name_it();
)js";

}  // namespace detail

struct HtmlPage {
    std::string title;
    std::string summary{};  // a line under the title, as text
    std::string body{};     // HTML
    std::string script{};   // JavaScript that runs when the page is there
};

/// The page's HTML. The body is taken as it is; title and summary are escaped.
inline std::string html_page(const HtmlPage& page) {
    const std::string title = escape_html(page.title), dark(detail::page_dark_colours);
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
           title + "</title>\n<style>" + std::string(detail::page_colours) + "@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) " +
           dark + "}\n:root[data-theme=dark] " + dark +
           ":root[data-theme=light] { color-scheme: light; }\n:root[data-theme=dark] { color-scheme: dark; }" + std::string(detail::svg_style) +
           std::string(detail::page_style) + "</style>\n</head>\n<body>\n<button id=\"theme\" type=\"button\">Dark</button>\n<h1>" + title +
           "</h1>\n" + (page.summary.empty() ? "" : "<p class=\"summary\">" + escape_html(page.summary) + "</p>\n") + page.body + "<script>" +
           std::string(detail::theme_script) + page.script + "</script>\n</body>\n</html>\n";
}

/// A part of a page under a heading; `body` is HTML.
inline std::string html_section(std::string_view heading, const std::string& body) {
    return "<section>\n<h2>" + escape_html(heading) + "</h2>\n" + body + "</section>\n";
}

/// A drawing under a heading, in a grid of such; `wide` takes a row of the grid. `drawing` is HTML, `caption` text.
inline std::string html_figure(std::string_view heading, const std::string& drawing, bool wide = false, std::string_view caption = {}) {
    return std::string("<figure class=\"chart") + (wide ? " wide" : "") + "\">\n<h2>" + escape_html(heading) + "</h2>\n" + drawing +
           (caption.empty() ? "" : "<figcaption>" + escape_html(caption) + "</figcaption>\n") + "</figure>\n";
}

/// One cell of a table. `heat` in [−1, 1] colours it: warm above 0, cool below, the more the farther; NaN: not at all.
struct HtmlCell {
    std::string text;
    bool number = false;  // set flush right
    double heat = std::numeric_limits<double>::quiet_NaN();
    std::string hint{};  // what is shown when one points at it
};

/// Tables: the first cell of a row is its head.
struct HtmlTableOptions {
    std::string caption{};
    std::vector<std::string> heads{};  // of the columns, the rows' own among them; none: no line of heads
    bool heat = false;                 // close cells, as a map has them
};

/// A table of rows of cells. Texts are escaped.
inline std::string html_table(std::span<const std::vector<HtmlCell>> rows, const HtmlTableOptions& options = {}) {
    std::string out = std::string("<div class=\"scroll\">\n<table") + (options.heat ? " class=\"heat\"" : "") + ">\n";
    if (!options.caption.empty()) out += "<caption>" + escape_html(options.caption) + "</caption>\n";
    if (!options.heads.empty()) {
        out += "<thead><tr>";
        for (std::size_t c = 0; c < options.heads.size(); ++c) {
            const bool number = !rows.empty() && c < rows[0].size() && rows[0][c].number;
            out += std::string("<th scope=\"col\"") + (number ? " class=\"number\"" : "") + ">" + escape_html(options.heads[c]) + "</th>";
        }
        out += "</tr></thead>\n";
    }
    out += "<tbody>\n";
    for (const auto& row : rows) {
        out += "<tr>";
        for (std::size_t c = 0; c < row.size(); ++c) {
            const char* tag = c == 0 ? "th" : "td";
            out += std::string("<") + tag + (c == 0 ? " scope=\"row\"" : "") + detail::heat_attributes(row[c].heat, row[c].number ? "number" : "") +
                   (row[c].hint.empty() ? "" : " title=\"" + escape_html(row[c].hint) + "\"") + ">" + escape_html(row[c].text) + "</" + tag + ">";
        }
        out += "</tr>\n";
    }
    return out + "</tbody>\n</table>\n</div>\n";
}

/// A text whose pieces are coloured: each cell is a piece, and one reads on from piece to piece. What is said of a piece stands in its hint, which
/// one reaches by the keyboard too.
inline std::string html_pieces(std::span<const HtmlCell> pieces) {
    std::string out = "<p class=\"tokens\">";
    for (const auto& piece : pieces)
        out += "<span" + detail::heat_attributes(piece.heat, "token") +
               (piece.hint.empty() ? "" : " tabindex=\"0\" title=\"" + escape_html(piece.hint) + "\"") + ">" + escape_html(piece.text) + "</span>";
    return out + "</p>\n";
}

}  // namespace tercet::inline TERCET_ABI
