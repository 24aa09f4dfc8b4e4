#include "tercet/report/heat_map.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("heat map: a cell for each number, said in words too") {
    HeatMap map{.title = "A <map>", .row_label = "from", .column_label = "to", .rows = {"a", "b"}, .columns = {"x", "y<", "z"}};
    map.values = {1, 0, -2, 0.5, NAN, 0.25};
    const auto svg = to_svg(map, "m");
    check_nesting(svg);
    CHECK(count_of(svg, "<rect") == 6);
    CHECK_THAT(svg, ContainsSubstring("a: most at x, 1. b: most at x, 0.5.") && ContainsSubstring("A &lt;map&gt;") && ContainsSubstring("y&lt;"));
    CHECK_THAT(svg, ContainsSubstring("class=\"cool\" style=\"--h:1.000\"") && ContainsSubstring("class=\"warm\" style=\"--h:0.500\""));
    map.numbers = true;
    map.most = 4;
    const auto numbered = to_svg(map, "m");
    CHECK_THAT(numbered, ContainsSubstring(">0.25<") && ContainsSubstring("class=\"cool\" style=\"--h:0.500\""));
    check_nesting(to_svg(HeatMap{"empty"}, "e"));
    CHECK_THAT(to_svg(HeatMap{.title = "n", .rows = {"r"}, .columns = {"x", "y"}, .values = {NAN, 0.5}}, "n"),
               ContainsSubstring("r: most at y, 0.5."));
    map.values.pop_back();
    CHECK_ERROR(to_svg(map, "m"), ErrorCode::shape_mismatch);
}
