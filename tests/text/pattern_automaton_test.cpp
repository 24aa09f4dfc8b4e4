#include "support/catch.hpp"

#include "tercet/text/pattern_automaton.hpp"

using namespace tercet;
using namespace tercet::detail::text;

namespace {

PatternAutomaton automaton(std::string_view expression) {
    const auto parsed = PatternParser(expression).read();
    REQUIRE(parsed.problem == "");
    return PatternAutomaton(parsed.root);
}

}  // namespace

TEST_CASE("pattern_automaton: a match is announced by the symbol behind it, and worse threads end there", "[text]") {
    const auto ab = automaton("ab?");
    bool match = true;
    auto state = ab.step(ab.start(ab.end_symbol()), ab.symbol_of('a'), match);
    CHECK_FALSE(match);
    CHECK(ab.step(state, ab.symbol_of('c'), match) == PatternAutomaton::dead);
    CHECK(match);
    state = ab.step(state, ab.symbol_of('b'), match);
    CHECK((match && state != PatternAutomaton::dead));
    CHECK(ab.step(state, ab.end_symbol(), match) == PatternAutomaton::dead);
    CHECK(match);

    const auto lazy = automaton("ab??");
    state = lazy.step(lazy.start(lazy.end_symbol()), lazy.symbol_of('a'), match);
    CHECK(lazy.step(state, lazy.symbol_of('b'), match) == PatternAutomaton::dead);
    CHECK(match);
}

TEST_CASE("pattern_automaton: code points that no set tells apart are one symbol", "[text]") {
    const auto digits = automaton(R"(\p{N}{1,3})");
    CHECK(digits.symbol_of('1') == digits.symbol_of(U'\u0663'));
    CHECK(digits.symbol_of('a') == digits.symbol_of(0x10ffff));
    CHECK(digits.symbol_of('1') != digits.symbol_of('a'));
    CHECK(digits.states() == 5);  // dead, the start, and after one to three digits
    CHECK_FALSE(digits.looks_behind());
    CHECK(automaton(R"(\ba)").looks_behind());
}

TEST_CASE("pattern_automaton: an expression that needs too many steps, states or symbols says so", "[text]") {
    CHECK(automaton("(?:a{1000}){1000}").problem() != "");
    CHECK(automaton(".*a.{20}").problem() != "");
    std::string classes;
    for (int i = 0; i < 300; ++i) utf8_append(classes, static_cast<char32_t>(0x4e00 + 2 * i));
    CHECK(automaton(classes).problem() != "");
    CHECK(automaton("a{1000}").problem() == "");
}
