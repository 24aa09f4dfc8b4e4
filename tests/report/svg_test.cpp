#include "tercet/report/svg.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("svg: a file of its own has its style inside") {
    const auto svg = detail::svg_head("A & b", "words", 10, 20, "d") + detail::svg_line("axis", 0, 1, 2.25, 3) + "</svg>\n";
    check_nesting(svg);
    const auto file = svg_file(svg);
    check_nesting(file);
    CHECK_THAT(file, ContainsSubstring("<style>") && ContainsSubstring("prefers-color-scheme: dark") && ContainsSubstring("A &amp; b"));
    CHECK_THAT(svg, ContainsSubstring("x2=\"2.2\"") || ContainsSubstring("x2=\"2.3\""));
    CHECK_ERROR(svg_file("<p>"), ErrorCode::invalid_argument);
}
