#include "support/catch.hpp"

#include "tercet/text/escape_html.hpp"

TEST_CASE("escape_html: what HTML gives a meaning to becomes entities, the rest stays") {
    CHECK(tercet::escape_html(R"(<a href="x">Tom & 'Jerry'</a> é)") == "&lt;a href=&#34;x&#34;&gt;Tom &amp; &#39;Jerry&#39;&lt;/a&gt; é");
    CHECK(tercet::escape_html("").empty());
}
