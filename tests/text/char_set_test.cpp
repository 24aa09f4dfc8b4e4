#include "support/catch.hpp"

#include "tercet/text/char_set.hpp"

using namespace tercet;

TEST_CASE("char_set: ranges are merged, and union, intersection and complement are those of sets", "[text]") {
    const CharSet a = {{'a', 'f'}, {'c', 'k'}, {'l', 'm'}, {'x', 'x'}}, b = {{'k', 'z'}};
    CHECK(a.ranges() == std::vector<CharRange>{{'a', 'm'}, {'x', 'x'}});
    CHECK((a & b).ranges() == std::vector<CharRange>{{'k', 'm'}, {'x', 'x'}});
    CHECK((a | b).ranges() == std::vector<CharRange>{{'a', 'z'}});
    CHECK((~a).ranges() == std::vector<CharRange>{{0, 0x60}, {'n', 'w'}, {'y', 0x10ffff}});
    CHECK(~~a == a);
    CHECK(~CharSet{} == CharSet{{0, 0x10ffff}});
    CHECK((~CharSet{{0, 0x10ffff}}).empty());
    CHECK((a.contains('a') && a.contains('m') && a.contains('x') && !a.contains('n') && !a.contains('y') && !CharSet{}.contains(0)));
}

TEST_CASE("char_set: properties by name, however it is written", "[text]") {
    CHECK(property_set("Lu")->contains(U'\u00c9'));
    CHECK_FALSE(property_set("Lu")->contains(U'\u00e9'));
    CHECK(property_set("Lt")->ranges().size() == 10);  // 31 characters in 10 runs
    CHECK(property_set(" letter ") == property_set("L"));
    CHECK(property_set("l_u") == property_set("Lu"));
    CHECK(property_set("Han")->contains(U'\u4e2d'));
    CHECK_FALSE(property_set("han")->contains(U'\u3042'));
    CHECK(property_set("Cn")->contains(0x378));
    CHECK_FALSE(property_set("Klingon"));
    CHECK_FALSE(property_set("Lx"));
    CHECK_FALSE(property_set(""));
}

TEST_CASE("char_set: groups of categories agree with the table that the scanners use", "[text]") {
    const auto letters = *property_set("L"), numbers = *property_set("N"), marks = *property_set("M"), punctuation = *property_set("P"),
               symbols = *property_set("S"), spaces = space_set(), words = word_set(true);
    for (char32_t c = 0; c <= 0x10ffff; ++c) {
        const bool joiner = c == 0x200c || c == 0x200d;
        if (letters.contains(c) != is_letter(c) || numbers.contains(c) != is_number(c) || marks.contains(c) != is_mark(c) ||
            punctuation.contains(c) != is_punctuation(c) || symbols.contains(c) != is_symbol(c) || spaces.contains(c) != is_space(c) ||
            words.contains(c) != (is_word(c) && !joiner))
            FAIL("code point " << static_cast<std::uint32_t>(c));
    }
    CHECK(word_set(false).contains(U'\u00b2'));
    CHECK_FALSE(words.contains(U'\u00b2'));
}
