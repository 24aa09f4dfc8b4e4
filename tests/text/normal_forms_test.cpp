#include "support/catch.hpp"

#include "tercet/text/normal_forms.hpp"

#include <random>

using namespace tercet;
using namespace tercet::detail::text;

namespace {

std::vector<AlignedChar> chars_of(std::u32string_view text) {
    std::vector<AlignedChar> out;
    for (std::uint32_t i = 0; i < text.size(); ++i) out.push_back({text[i], {i, i + 1}});
    return out;
}

std::u32string form(std::u32string_view text, bool compatible, bool composed) {
    auto changes = decompose_changes(chars_of(text), compatible);
    if (composed) changes = compose_changes(changes);
    std::u32string out;
    for (const auto& c : transform(chars_of(text), changes, {})) out += c.point;
    return out;
}

std::u32string nfd(std::u32string_view t) {
    return form(t, false, false);
}
std::u32string nfc(std::u32string_view t) {
    return form(t, false, true);
}
std::u32string nfkd(std::u32string_view t) {
    return form(t, true, false);
}
std::u32string nfkc(std::u32string_view t) {
    return form(t, true, true);
}

}  // namespace

// UAX #15: figures 3 to 6, the text on Hangul, and section 3.11's blocked marks; others from Unicode's NormalizationTest.txt.
TEST_CASE("normal_forms: the examples of the annex", "[text]") {
    CHECK((nfd(U"\u212b") == U"A\u030a" && nfc(U"\u212b") == U"\u00c5" && nfc(U"\u2126") == U"\u03a9"));
    CHECK((nfd(U"\u00f4") == U"o\u0302" && nfc(U"o\u0302") == U"\u00f4"));
    CHECK((nfd(U"\u1e69") == U"s\u0323\u0307" && nfc(U"s\u0307\u0323") == U"\u1e69" && nfd(U"\u1e0b\u0323") == U"d\u0323\u0307"));
    CHECK((nfc(U"\u1e0b\u0323") == U"\u1e0d\u0307" && nfc(U"q\u0307\u0323") == U"q\u0323\u0307"));
    CHECK((nfd(U"\ufb01") == U"\ufb01" && nfkd(U"\ufb01") == U"fi" && nfkc(U"2\u2075") == U"25"));
    CHECK((nfkd(U"\u1e9b\u0323") == U"s\u0323\u0307" && nfkc(U"\u1e9b\u0323") == U"\u1e69" && nfc(U"\u1e9b\u0323") == U"\u1e9b\u0323"));
    CHECK((nfc(U"\u1100\u1161") == U"\uac00" && nfc(U"\u1100\u1161\u11a8") == U"\uac01" && nfc(U"\uac00\u11a8") == U"\uac01"));
    CHECK((nfd(U"\uac01") == U"\u1100\u1161\u11a8" && nfc(U"\uac01\u11a8") == U"\uac01\u11a8"));
    CHECK(nfc(U"\u0958") == U"\u0915\u093c");         // excluded from composition
    CHECK(nfc(U"a\u0301\u0301") == U"\u00e1\u0301");  // the second one is blocked
    CHECK(nfc(U"\u0b47\u0300\u0b3e") == U"\u0b47\u0300\u0b3e");
    CHECK((nfc(U"\u0301a\u0300") == U"\u0301\u00e0" && nfc(U"") == U""));
    CHECK(nfkc(U"\ufdfa") == nfkd(U"\ufdfa"));
    CHECK(nfkd(U"\ufdfa").size() == 18);
}

TEST_CASE("normal_forms: forms are stable, and composing undoes decomposing", "[text]") {
    std::mt19937 random(11);
    const std::u32string interesting =
        U"aeos\u00e9\u00e5\u1e69\u1e9b\u0301\u0300\u0323\u0307\u030a\u0327\u0345\u1100\u1161\u11a8\uac00\uac01\ufb01\u2075\u0915\u093c\u0958"
        U"\u0b47\u0b3e\u0300\u05b0\u05b1\U0001d15e\u3099\u304b\uff76\uff9e";
    for (int trial = 0; trial < 5000; ++trial) {
        std::u32string text;
        for (std::size_t n = random() % 9; n > 0; --n) text += interesting[random() % interesting.size()];
        CHECK(nfd(nfd(text)) == nfd(text));
        CHECK(nfc(nfc(text)) == nfc(text));
        CHECK(nfkc(nfkc(text)) == nfkc(text));
        CHECK(nfc(nfd(text)) == nfc(text));
        CHECK(nfd(nfc(text)) == nfd(text));
        CHECK(nfkc(nfd(text)) == nfkc(text));
        CHECK(nfkd(nfkc(text)) == nfkd(text));
    }
}

TEST_CASE("normal_forms: a replacing character has its origin, an inserted one that of the character before", "[text]") {
    const auto in = chars_of(U"abcd");
    const auto out = transform(in, {{U'p', 1}, {U'q', 0}, {U'r', 1}, {U's', -1}, {U't', 0}}, {9, 9});
    REQUIRE(out.size() == 5);
    const std::uint32_t begins[] = {9, 0, 0, 1, 3};
    for (std::size_t i = 0; i < 5; ++i) CHECK(out[i].from.begin == begins[i]);
    CHECK(transform({}, {{U'x', 1}}, {4, 5})[0].from.end == 5);
}
