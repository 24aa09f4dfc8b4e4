#include "tercet/report/page.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("page: light, dark and by a button, with nothing from elsewhere") {
    const auto page = html_page({"A <title>", "1 & 2", html_section("Part <one>", "<p>text</p>\n"), "let x = 1 < 2;"});
    check_nesting(page);
    CHECK_THAT(page, ContainsSubstring("<title>A &lt;title&gt;</title>") && ContainsSubstring("1 &amp; 2") && ContainsSubstring("Part &lt;one&gt;") &&
                         ContainsSubstring("<p>text</p>") && ContainsSubstring("let x = 1 < 2;"));
    CHECK_THAT(page,
               ContainsSubstring("prefers-color-scheme: dark") && ContainsSubstring(":root[data-theme=dark]") && ContainsSubstring("<html lang="));
    CHECK(count_of(page, "http") + count_of(page, "src=") + count_of(page, "url(") == 0);
    CHECK_THAT(page, ContainsSubstring(".line { fill: none") && ContainsSubstring(".dot.s0 { fill") && ContainsSubstring("table.heat"));
    check_nesting(html_page({"bare"}));
    CHECK(html_page({"bare"}).find("class=\"summary\"") == std::string::npos);
}

TEST_CASE("page: a table's rows have heads, numbers stand right, heat is a colour and a hint") {
    const std::vector<std::vector<HtmlCell>> rows{{{"a<b"}, {"1", true, 0.5, "half"}}, {{"c"}, {"2", true, -2}}};
    const auto table = html_table(rows, {"What & why", {"name", "value"}});
    check_nesting(table);
    CHECK_THAT(table, ContainsSubstring("<caption>What &amp; why</caption>") && ContainsSubstring("<th scope=\"col\">name</th>") &&
                          ContainsSubstring("<th scope=\"col\" class=\"number\">value</th>") && ContainsSubstring("<th scope=\"row\">a&lt;b</th>"));
    CHECK_THAT(table, ContainsSubstring("<td class=\"number warm\" style=\"--h:0.500\" title=\"half\">1</td>"));
    CHECK_THAT(table, ContainsSubstring("<td class=\"number cool\" style=\"--h:1.000\">2</td>"));  // no more than all of the colour
    check_nesting(html_table({}));
    CHECK_THAT(html_table(rows, {.heat = true}), ContainsSubstring("class=\"heat\""));
}

TEST_CASE("page: pieces of a text can be reached by the keyboard where something is said of them") {
    const std::vector<HtmlCell> pieces{{"the"}, {" <cat>", false, 0.25, "cat: \"0.25\""}};
    const auto text = html_pieces(pieces);
    check_nesting(text);
    CHECK_THAT(text, ContainsSubstring("<span class=\"token\">the</span>"));
    CHECK_THAT(text,
               ContainsSubstring("<span class=\"token warm\" style=\"--h:0.250\" tabindex=\"0\" title=\"cat: &#34;0.25&#34;\"> &lt;cat&gt;</span>"));
}

TEST_CASE("page: a figure takes a row where it is wide") {
    CHECK_THAT(html_figure("A", "<svg></svg>", true, "under it"),
               ContainsSubstring("chart wide") && ContainsSubstring("<figcaption>under it</figcaption>"));
    CHECK(html_figure("A", "<svg></svg>").find("figcaption") == std::string::npos);
}
