#include "support/catch.hpp"

#include "tercet/text/unicode.hpp"

#include <string>

using namespace tercet;

namespace {

std::u32string canonical(char32_t c) {
    std::u32string out;
    decompose_canonical(c, [&](char32_t d) { out.push_back(d); });
    return out;
}

std::u32string compatible(char32_t c) {
    std::u32string out;
    decompose_compatible(c, [&](char32_t d) { out.push_back(d); });
    return out;
}

}  // namespace

TEST_CASE("unicode: categories of characters from every corner", "[text]") {
    CHECK((is_letter('a') && is_letter(0xe9) && is_letter(0x4e00) && is_letter(0x1f80) && is_letter(0x20bb7) && is_letter(0xac00)));
    CHECK_FALSE((is_letter('1') || is_letter(0x301) || is_letter(0x1f600) || is_letter(0xd800) || is_letter(0x110000)));
    CHECK((is_number('7') && is_number(0xbd) && is_number(0x2167) && is_number(0x967) && is_number(0x1d7cf)));
    CHECK((!is_number(0x11de0) && is_numeric(0x11de0) && is_numeric('3')));
    CHECK((is_mark(0x301) && is_mark(0x94d) && !is_mark('a')));
    CHECK((is_punctuation('!') && !is_punctuation('$') && is_symbol('$') && is_symbol(0x1f600)));
    CHECK((is_bert_punctuation('$') && is_bert_punctuation(0x3002) && !is_bert_punctuation(0x2e43)));  // U+2E43 came with Unicode 9
    CHECK((is_space(' ') && is_space(0xa0) && is_space(0x3000) && is_space(0x85) && !is_space(0x200b) && !is_space(0x1c)));
    CHECK((is_word('_') && is_word(0x301) && is_word(0x24b6) && !is_word('-')));
    CHECK((is_bert_control(0) && is_bert_control(0x200e) && is_bert_control(0xe000) && !is_bert_control('\n')));
    CHECK((is_cjk_ideograph(0x4e00) && is_cjk_ideograph(0x20bb7) && !is_cjk_ideograph(0x3042) && !is_cjk_ideograph(0xac00)));
    CHECK((is_combining_mark(0x301) && is_bert_nonspacing(0x301) && !is_bert_nonspacing(0x903)));
}

TEST_CASE("unicode: the tables hold as many letters, numbers and spaces as Unicode 16 has", "[text]") {
    std::size_t letters = 0, numbers = 0, marks = 0, spaces = 0;
    for (char32_t c = 0; c <= 0x10ffff; ++c) {
        letters += is_letter(c);
        numbers += is_number(c);
        marks += is_mark(c);
        spaces += is_space(c);
    }
    CHECK(letters == 141028);
    CHECK(numbers == 1911);
    CHECK(marks == 2501);
    CHECK(spaces == 25);
}

TEST_CASE("unicode: lower-casing, with the one letter that becomes two characters", "[text]") {
    CHECK((to_lower('A').first == 'a' && to_lower('z').first == 'z' && to_lower('@').first == '@'));
    CHECK((to_lower(0xc9).first == 0xe9 && to_lower(0x100).first == 0x101 && to_lower(0x101).first == 0x101 && to_lower(0x10400).first == 0x10428));
    CHECK((to_lower(0x130).first == 'i' && to_lower(0x130).second == 0x307));
    CHECK((to_lower(0x1e9e).first == 0xdf && to_lower(0x3a3).first == 0x3c3 && to_lower(0x2126).first == 0x3c9));
}

TEST_CASE("unicode: decomposition and composition undo each other", "[text]") {
    CHECK(canonical(0xe9) == U"e\u0301");
    CHECK(canonical(0x1e69) == U"s\u0323\u0307");
    CHECK(canonical(0xac01) == U"\u1100\u1161\u11a8");
    CHECK(canonical(0x212b) == U"A\u030a");
    CHECK(compatible(0xfb01) == U"fi");
    CHECK(compatible(0xfdfa).size() == 18);
    CHECK(compatible(0xff21) == U"A");
    CHECK(canonical('x') == U"x");
    CHECK(compose('e', 0x301) == 0xe9);
    CHECK(compose(0x1100, 0x1161) == 0xac00);
    CHECK(compose(0xac00, 0x11a8) == 0xac01);
    CHECK(compose(0xac00, 0x11a7) == 0);
    CHECK(compose('x', 0x301) == 0);
    CHECK(compose(0x915, 0x93c) == 0);  // excluded from composition
    for (char32_t c = 0xac00; c < 0xd7a4; ++c) {
        const auto parts = canonical(c);
        char32_t whole = compose(parts[0], parts[1]);
        if (parts.size() == 3) whole = compose(whole, parts[2]);
        if (whole != c) FAIL("syllable " << static_cast<std::uint32_t>(c));
    }
    CHECK((combining_class(0x301) == 230 && combining_class(0x323) == 220 && combining_class('a') == 0 && combining_class(0x345) == 240));
}

TEST_CASE("unicode: case folding, as Python's casefold gives it", "[text]") {
    const auto folded = [](std::u32string_view text) {
        std::u32string out;
        for (const char32_t c : text) fold_case(c, [&](char32_t to) { out.push_back(to); });
        return out;
    };
    CHECK(folded(U"Stra\u00dfe \u1e9e") == U"strasse ss");
    CHECK(folded(U"\u03a3\u03c2\u0390") == U"\u03c3\u03c3\u03b9\u0308\u0301");
    CHECK(folded(U"\u0130\ufb03\u13a0\uab70") == U"i\u0307ffi\u13a0\u13a0");
    CHECK(folded(U"aZ\u00c4") == U"az\u00e4");
}
