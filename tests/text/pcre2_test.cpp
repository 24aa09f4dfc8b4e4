#include "support/catch.hpp"

#ifdef TERCET_PCRE2

#include "text/matches.hpp"

using namespace tercet;
using namespace tercet_test;
using detail::text::Pcre2Pattern;

// Expected words: the tokenizers package's Split with the same expressions.
TEST_CASE("pcre2: expressions beyond the automaton match as they do in Oniguruma", "[text]") {
    CHECK(matches(R"((\p{L})\1+)", "aab\u00e9\u00e9 xyy") == Words{"aa", "\u00e9\u00e9", "yy"});
    CHECK(matches(R"((?>a+)b|a)", "aab a") == Words{"aab", "a"});
    CHECK(matches(R"(\d(?!\d\d))", "1234") == Words{"3", "4"});
    CHECK(matches(R"((?>x*))", "axxb") == Words{"", "xx", ""});
    CHECK(matches(R"((?>[ ]+)$)", "a  \nb  ") == Words{"  ", "  "});
    CHECK(matches(R"((?>\w+))", "a_\u0301\u00b2 \u24d0") == Words{"a_\u0301\u00b2", "\u24d0"});
    CHECK(matches(R"((?>[\w]+))", "a\u00b2b") == Words{"a", "b"});
    CHECK(matches(R"((?>\h+))", "fg\t1") == Words{"f", "1"});
    CHECK(matches(R"((?>\W)\u0041)", "-A") == Words{"-A"});
    CHECK(Pattern(R"((?<=ab)c)").find("c abc", 1) == PatternMatch{4, 5});
}

TEST_CASE("pcre2: what does not compile, or would be read differently, is refused by name", "[text]") {
    for (const std::string_view expression :
         {"(a", "(?>a", "*a", R"((?>\p{Klingon}))", R"((?>[a-z&&[b]]))", "(?>a{1,3}+)", "(?m:a)", R"((?>[\S]))", R"((?>a)\)"}) {
        INFO(expression);
        CHECK_ERROR(Pattern(expression), ErrorCode::unsupported);
    }
}

TEST_CASE("pcre2: a search without end stops at its limits with an error, and deep repetition needs no stack", "[text]") {
    const Pattern pattern(R"((?:(a+)+)+\1c)");
    CHECK_ERROR(pattern.find(std::string(4000, 'a') + "bc"), ErrorCode::unsupported);
    CHECK(Pattern(R"((?>a)+)").find(std::string(1 << 16, 'a')) == PatternMatch{0, 1 << 16});
    CHECK_ERROR(Pattern(R"((?>a)+)").find(std::string(1 << 20, 'a')), ErrorCode::unsupported);
    CHECK(Pcre2Pattern("b").search("ab", 0) == std::pair<std::size_t, std::size_t>{1, 2});
    CHECK_FALSE(Pcre2Pattern("b").search("ab", 2));
}

#else

TEST_CASE("pcre2: expressions beyond the automaton", "[text]") {
    SKIP_TEST("built without TERCET_PCRE2");
}

#endif
