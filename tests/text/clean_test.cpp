#include "support/catch.hpp"

#include "tercet/core/random.hpp"
#include "tercet/text/clean.hpp"

using namespace tercet;

TEST_CASE("clean: the defaults tidy what nobody sees and keep what is written", "[text]") {
    CHECK(clean_text("  Caf\u00e9\u00a0 \t\u201cx\u201d \r\n\r\n\r\n\r\n next\u2028line\x0bz\x01 \n") == "Caf\u00e9 \u201cx\u201d\n\nnext\nline\nz");
    CHECK(clean_text("e\u0301 \u1100\u1161\u11a8") == "\u00e9 \uac01");
    CHECK(clean_text("\ufeffso\u00adft ze\u200bro \u202eabc\u202c \u2060x\U000e0041") == "soft zero abc x");
    CHECK(clean_text("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001F469\u200d\U0001F4BB\ufe0f") ==
          "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001F469\u200d\U0001F4BB\ufe0f");
    CHECK(clean_text("e\u200b\u0301") == "\u00e9");  // what composes after something went
    CHECK(clean_text("") == "");
    CHECK(clean_text(" \n\u200b\n ") == "");
}

TEST_CASE("clean: each step can be left out", "[text]") {
    const CleanOptions nothing{.newlines = false, .controls = false, .invisible = false, .form = UnicodeForm::none, .spaces = false};
    const std::string text = " a\r\nb\x01\u200b e\u0301\u200d\x0b  \n\n\n";
    CHECK(clean_text(text, nothing) == text);
    auto options = nothing;
    options.newlines = true;
    CHECK(clean_text("a\r\nb\rc\nd\x0b\x0c\u0085\u2028\u2029e\r\r\n\n", options) == "a\nb\nc\nd\n\n\n\n\ne\n\n\n");
    options = nothing;
    options.controls = true;
    CHECK(clean_text(std::string_view("a\0b\t\r\n\x0b\x1b[1m\x7f\u0080\u0085", 17), options) == "ab\t\r\n\x0b[1m\u0085");
    options = nothing;
    options.invisible = true;
    CHECK(clean_text("a\u200b\u200c\u200db", options) == "a\u200c\u200db");
    options.joiners = true;
    CHECK(clean_text("a\u200b\u200c\u200db", options) == "ab");
    options = nothing;
    options.form = UnicodeForm::nfkc;
    CHECK(clean_text("\uff21\ufb01\u00b2\u2026", options) == "Afi2...");
    options = nothing;
    options.lowercase = true;
    CHECK(clean_text("\u00c9TE \u0130", options) == "\u00e9te i\u0307");
    options.form = UnicodeForm::nfc;
    CHECK(clean_text("J\u030c", options) == "\u01f0");
    options = nothing;
    options.ascii_punctuation = true;
    CHECK(clean_text("\u201cDon\u2019t\u201d \u2013 \u00abno\u00bb\u2026 5\u2032", options) == "\"Don't\" - \"no\"... 5'");
}

TEST_CASE("clean: white space by the number of line breaks that are kept", "[text]") {
    const std::string text = "\n a  b \t\n c\n \n\n d \r\n";
    CHECK(clean_text(text) == "a b\nc\n\nd");
    CHECK(clean_text(text, {.max_newlines = 1}) == "a b\nc\nd");
    CHECK(clean_text(text, {.max_newlines = 0}) == "a b c d");
    CHECK(clean_text(text, {.max_newlines = 9}) == "a b\nc\n\n\nd");
    CHECK(clean_text("a\r\nb", {.newlines = false}) == "a\nb");
}

TEST_CASE("clean: HTML", "[text]") {
    CHECK(clean_text("<h1>Caf&eacute;</h1>\n<p>It&#8217;s <b>open</b>&nbsp;&nbsp;now<br>5 &lt; 6", {.html = true}) ==
          "Caf\u00e9\n\nIt\u2019s open now\n5 < 6");
    CHECK(clean_text("<b>x</b>") == "<b>x</b>");
}

TEST_CASE("clean: URLs are replaced, the sentence's own marks stay", "[text]") {
    const auto clean = [](std::string_view text) { return clean_text(text, {.urls = "<URL>"}); };
    CHECK(clean("See http://example.com/a?b=c#d, or (HTTPS://x.org/a_(b)).") == "See <URL>, or (<URL>).");
    CHECK(clean("www.x.org! \"ftp://y/z\" <http://a.b>\u3002http://\u4f8b.jp\u3002") == "<URL>! \"<URL>\" <<URL>>\u3002<URL>\u3002");
    CHECK(clean("xhttp://a http:// http://... www. awww.b") == "xhttp://a http:// http://... www. awww.b");
    CHECK(clean("@www.x.org") == "@<URL>");
    CHECK(clean_text("a http://b.c d", {.urls = ""}) == "a d");
    CHECK(clean_text("a http://b.c d") == "a http://b.c d");
}

TEST_CASE("clean: e-mail addresses are replaced", "[text]") {
    const auto clean = [](std::string_view text) { return clean_text(text, {.emails = "<MAIL>"}); };
    CHECK(clean("a.b+c@x.example.org, <me@my-host.de>.") == "<MAIL>, <<MAIL>>.");
    CHECK(clean("mailto:x@y.zz; a@b@c.com") == "mailto:<MAIL>; a@<MAIL>");
    for (const char* text : {"@user", "a@b", "a@b.c", "a.@b.com", "a@-b.com", "a@b-.com", "a@b..com", "a@.com", "@b.com", "a@b.c0m", "5 @ 3", "x@"})
        CHECK(clean(text) == text);
    const std::string longest(64, 'a');
    CHECK(clean(longest + "@b.com") == "<MAIL>");
    CHECK(clean("a" + longest + "@b.com") == "a" + longest + "@b.com");
    CHECK(clean_text("http://u@h.com a@b.com", {.urls = "U", .emails = "M"}) == "U M");
}

TEST_CASE("clean: malformed text is refused, or its parts become U+FFFD", "[text]") {
    CHECK_ERROR(clean_text("a\xff"), ErrorCode::bad_text);
    CHECK(clean_text("a\xff\xe4\xbd z", {.replace_invalid = true}) == "a\ufffd\ufffd z");
    CHECK_ERROR(clean_text("a", {.urls = "\xff"}), ErrorCode::bad_text);
    CHECK_ERROR(clean_text("a", {.emails = "\xc3"}), ErrorCode::bad_text);
}

TEST_CASE("clean: cleaning twice gives the same, for any mixture of characters and options", "[text]") {
    const char32_t points[] = {'a',    'J',    'I',    '.',    ' ',    '\n',   '\r',   '\t',   0x01,   0x85,   0xa0,   0xad,   0xb4,    0xe9,
                               0x130,  0x300,  0x301,  0x30c,  0x323,  0x345,  0x64b,  0x1100, 0x1161, 0x11a8, 0x1e9e, 0x200b, 0x200d,  0x2019,
                               0x2026, 0x2028, 0x2126, 0x212a, 0x3000, 0x4f60, 0xac00, 0xfb01, 0xfeff, 0xff21, 0x3a9,  0x3f4,  0x1d400, 0x1f600};
    Generator random(7);
    for (int round = 0; round < 4000; ++round) {
        std::string text;
        for (auto n = random.below(24); n > 0; --n) utf8_append(text, points[random.below(std::size(points))]);
        const auto bits = random.next_u32();
        const CleanOptions options{.newlines = (bits & 1) != 0,
                                   .controls = (bits & 2) != 0,
                                   .invisible = (bits & 4) != 0,
                                   .joiners = (bits & 8) != 0,
                                   .form = static_cast<UnicodeForm>(random.below(3)),
                                   .lowercase = (bits & 16) != 0,
                                   .ascii_punctuation = (bits & 32) != 0,
                                   .spaces = (bits & 64) != 0,
                                   .max_newlines = random.below(4)};
        const auto once = clean_text(text, options);
        CHECK(utf8_first_error(once) == std::string_view::npos);
        if (clean_text(once, options) != once) FAIL_CHECK("round " << round << ": [" << text << "] became [" << once << "]");
    }
}

TEST_CASE("clean: hostile repetitions take linear time", "[text]") {
    const CleanOptions all{.html = true, .form = UnicodeForm::nfkc, .lowercase = true, .ascii_punctuation = true, .urls = "U", .emails = "M"};
    for (const char* unit :
         {"http://", "www.", "http://...", "@", "a@", "a@b.", "aaaa", "http://(", "http://)", " \n", "\r", "\u200b", "a.b-", "'"}) {
        std::string text;
        while (text.size() < 200000) text += unit;  // a quadratic scan would take a minute
        CHECK(clean_text(text, all).size() <= text.size());
    }
}
