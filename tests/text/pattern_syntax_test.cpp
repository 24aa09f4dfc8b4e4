#include "support/catch.hpp"

#include "tercet/text/pattern_syntax.hpp"

using namespace tercet;
using namespace tercet::detail::text;

namespace {

CharSet set_of(std::string_view expression) {
    const auto parsed = PatternParser(expression).read();
    CHECK(parsed.problem == "");
    CHECK(parsed.root.kind == PatternKind::one);
    return parsed.root.set;
}

std::string problem_of(std::string_view expression) {
    return PatternParser(expression).read().problem;
}

}  // namespace

TEST_CASE("pattern_syntax: character classes", "[text]") {
    CHECK(set_of("[a-cx]") == CharSet{{'a', 'c'}, {'x', 'x'}});
    CHECK(set_of("[^a-c]") == ~CharSet{{'a', 'c'}});
    CHECK(set_of("[-a]") == CharSet{{'-', '-'}, {'a', 'a'}});
    CHECK(set_of("[a-]") == CharSet{{'-', '-'}, {'a', 'a'}});
    CHECK(set_of("[a-c-e]") == CharSet{{'a', 'c'}, {'-', '-'}, {'e', 'e'}});
    CHECK(set_of("[a-z&&[^aeiou]&&a-f]") == CharSet{{'b', 'd'}, {'f', 'f'}});
    CHECK(set_of("[a[bc]]") == CharSet{{'a', 'c'}});
    CHECK(set_of(R"([\]\\\-])") == CharSet{{'\\', ']'}, {'-', '-'}});
    CHECK(set_of(R"([\u0041-\x{43}\n])") == CharSet{{'A', 'C'}, {'\n', '\n'}});
    CHECK(set_of("[(|)]") == CharSet{{'(', ')'}, {'|', '|'}});
    CHECK(set_of(R"(\h)") == CharSet{{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
    CHECK(set_of(".") == ~CharSet{{'\n', '\n'}});
    CHECK(set_of(R"(\P{L})") == ~*property_set("L"));
    CHECK(set_of(R"(\p{^L})") == ~*property_set("L"));
    CHECK(set_of(R"([^\S])") == space_set());
}

TEST_CASE("pattern_syntax: (?i:) takes the other case, the long s and the Kelvin sign along", "[text]") {
    CHECK(set_of("(?i:S)") == CharSet{{'s', 's'}, {'S', 'S'}, {0x17f, 0x17f}});
    CHECK(set_of("(?i)[j-k]") == CharSet{{'j', 'k'}, {'J', 'K'}, {0x212a, 0x212a}});
    CHECK(set_of("(?i:[^a])") == ~CharSet{{'a', 'a'}, {'A', 'A'}});
    CHECK(set_of("(?i:1)") == CharSet{{'1', '1'}});
    CHECK(set_of("(?i:(?-i:a))") == CharSet{{'a', 'a'}});
    CHECK(problem_of("(?i:fi)") == "a ligature inside (?i:)");
    CHECK(problem_of("(?i:f)i") == "");
}

TEST_CASE("pattern_syntax: looking around for one character is a set, and its opposite the rest and the edge", "[text]") {
    const auto not_space = PatternParser(R"((?!\S))").read();
    CHECK(not_space.root.kind == PatternKind::ahead);
    CHECK((not_space.root.set == space_set() && not_space.root.edge));
    const auto either = PatternParser("(?<=a|[bc]|^)").read();
    CHECK(either.root.kind == PatternKind::behind);
    CHECK((either.root.set == CharSet{{'a', 'c'}, {'\n', '\n'}} && either.root.edge));
    CHECK(problem_of("(?=a^)") == "looking around for more than one character");
}

TEST_CASE("pattern_syntax: quantifiers, and braces that are none", "[text]") {
    const auto parsed = PatternParser("a{,3}").read();
    CHECK((parsed.root.kind == PatternKind::repeat && parsed.root.least == 0 && parsed.root.most == 3));
    CHECK(PatternParser("a{x}").read().root.parts.size() == 4);
    CHECK(PatternParser("a{,}").read().root.parts.size() == 4);
    CHECK(PatternParser("a+?").read().root.lazy);
    CHECK(problem_of("a+*") == "a quantifier after a quantifier");
    CHECK(problem_of("a{99999999999999999999}") == "more than 1000 repetitions");
}
