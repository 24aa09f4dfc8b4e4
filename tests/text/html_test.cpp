#include "support/catch.hpp"

#include "tercet/text/html.hpp"

using namespace tercet;

TEST_CASE("html: tags, comments and what is not shown go, lines and cells stay apart", "[text]") {
    CHECK(strip_html("a<b>c</b> <i class='x'>d</i>") == "ac d");
    CHECK(strip_html("one<br>two<BR/>three") == "one\ntwo\nthree");
    CHECK(strip_html("<ul>\n  <li>one</li>\n  <li>two</li>\n</ul><p>three</p><p>four") == "one\ntwo\n\nthree\n\nfour");
    CHECK(strip_html("<table><tr><td>1</td><td>2</td></tr></table>x") == " 1  2\n\nx");
    CHECK(strip_html("x<!-- <b> -- > -->y<!doctype html><?xml?>z") == "xyz");
    CHECK(strip_html("<style>p { }</style>a<SCRIPT src=x>if (a </b) </scripts> '</script'</Script >b") == "ab");
    CHECK(strip_html("a<script/>b") == "ab");
    CHECK(strip_html("") == "");
}

TEST_CASE("html: what is no tag and no reference stays", "[text]") {
    for (const char* text :
         {"a < b > c", "1<2", "<", "<>", "</", "</>", "a <b", "i <3 u", "AT&T", "&", "&;", "&nope;", "&amp", "&#;", "&#x;", "&eacuteeee;"})
        CHECK(strip_html(text) == text);
}

TEST_CASE("html: a > inside a quoted attribute belongs to it, and a quotation mark that nothing closes does not eat the text", "[text]") {
    CHECK(strip_html("<a title=\"1 > 0\">x</a>") == "x");
    CHECK(strip_html("<a title='>' href=\"'>'\">x") == "x");
    CHECK(strip_html("<a title=\"b>x</a>") == "x");
    CHECK(strip_html("<a b\"c>x \"") == "x \"");
    CHECK(strip_html("a<!-- never closed") == "a");
    CHECK(strip_html("a<script>never closed") == "a");
    CHECK(strip_html("a<script>x</script") == "a");
}

TEST_CASE("html: character references as Python's html.unescape has them", "[text]") {
    CHECK(strip_html("&lt;b&gt; &amp;amp; &quot;&apos;&nbsp;&eacute;&Eacute;&hellip;&euro;&lang;&zwnj;") ==
          "<b> &amp; \"'\u00a0\u00e9\u00c9\u2026\u20ac\u27e8\u200c");
    CHECK(strip_html("&#233;&#xE9;&#Xe9;&#x1F600;&#65x") == "\u00e9\u00e9\u00e9\U0001F600Ax");
    CHECK(strip_html("&#128;&#150;&#159;") == "\u20ac\u2013\u0178");
    CHECK(strip_html("&#0;&#xd800;&#x110000;&#99999999999999999999;") == "\ufffd\ufffd\ufffd\ufffd");
    CHECK(std::is_sorted(std::begin(detail::text::html_entities), std::end(detail::text::html_entities),
                         [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST_CASE("html: repeated openings take linear time", "[text]") {
    for (const char* unit : {"<a =\"", "<a b='>", "<!", "<", "&", "<script></", "</script", "&#", "<a>=\"", "<!--", "\n    <li>", " <li>"}) {
        std::string text;
        while (text.size() < 500000) text += unit;  // a quadratic scan would take a minute
        CHECK(strip_html(text).size() <= text.size());
    }
}

TEST_CASE("html: malformed text is refused", "[text]") {
    CHECK_ERROR(strip_html("<b>\xff"), ErrorCode::bad_text);
}
