#include "support/catch.hpp"

#include "tercet/text/utf8.hpp"

using namespace tercet;

TEST_CASE("utf8: every code point survives encoding and decoding", "[text]") {
    for (char32_t c = 0; c <= 0x10ffff; ++c) {
        if (c >= 0xd800 && c < 0xe000) continue;
        std::string bytes;
        utf8_append(bytes, c);
        const auto step = utf8_decode(bytes, 0);
        const auto fast = utf8_decode_valid(bytes, 0);
        if (!(step.valid && step.point == c && step.size == bytes.size() && fast.point == c && fast.size == bytes.size() &&
              utf8_size(c) == bytes.size()))
            FAIL("code point " << static_cast<std::uint32_t>(c));
    }
    CHECK(utf8_encode(U"a\u00e9\u20ac\U0001f600") == "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK(utf8_points("a\xc3\xa9") == U"a\u00e9");
    CHECK(utf8_count("a\xc3\xa9\xe2\x82\xac") == 3);
    CHECK(utf8_previous("a\xe2\x82\xac", 4) == 1);
}

TEST_CASE("utf8: overlong forms, surrogates, values past the end and cut sequences are malformed", "[text]") {
    for (const std::string_view bad : {"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80", "\x80", "\xff", "\xe2\x82", "\xf0\x9f\x98", "abcdefghij\xc3"}) {
        CHECK(utf8_first_error(bad) != std::string_view::npos);
        CHECK_ERROR(require_utf8(bad, "a text"), ErrorCode::bad_text);
        CHECK_ERROR(utf8_points(bad), ErrorCode::bad_text);
    }
    CHECK(utf8_first_error("abcdefgh\xc3\xa9jk\xff") == 12);
    CHECK(utf8_first_error("") == std::string_view::npos);
    CHECK(utf8_first_error("abcdefghijklmnop") == std::string_view::npos);
}

TEST_CASE("utf8: each maximal malformed part becomes one replacement character", "[text]") {
    // The Unicode Standard, table 3-8: U+0061, three broken sequences, and so on.
    CHECK(utf8_replace_invalid("a\xf1\x80\x80\xe1\x80\xc2"
                               "b\x80"
                               "c\x80\xbf"
                               "d") == "a\ufffd\ufffd\ufffdb\ufffdc\ufffd\ufffdd");
    CHECK(utf8_replace_invalid("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");
    CHECK(utf8_replace_invalid("fine") == "fine");
}
