#include "support/catch.hpp"

#include "tercet/text/jinja.hpp"

using namespace tercet;

namespace {

std::string show(std::string_view expression) {
    JinjaValue::List people;
    for (const auto& [name, age] : {std::pair{"Bo", 30}, {"al", 25}, {"Cy", 30}})
        people.push_back(JinjaValue::Map{{{"name", name}, {"age", std::int64_t{age}}}});
    return render_template("{{ " + std::string(expression) + " }}", {{{"people", std::move(people)}, {"x", std::int64_t{5}}, {"s", " a b "}}});
}

}  // namespace

TEST_CASE("jinja: operators have Python's precedence and results", "[text]") {
    CHECK(show("1 + 2 * 3 ** 2") == "19");
    CHECK(show("7 // 2 ~ 7 % 3") == "31");
    CHECK(show("-7 // 2") == "-4");
    CHECK(show("7 / 2") == "3.5");
    CHECK(show("4 / 2") == "2.0");
    CHECK(show("not x == 5 or x > 3 and true") == "True");
    CHECK(show("0 or 'b'") == "b");
    CHECK(show("1 in [1, 2] and 3 not in [1, 2] and 'b' in 'abc'") == "True");
    CHECK(show("'a' if x < 3 else 'b'") == "b");
    CHECK(show("'a' if x < 3") == "");
    CHECK(show("[1, 2] + [3] == [1, 2, 3]") == "True");
    CHECK(show("'ab' * 3") == "ababab");
    CHECK(show("1 == 1.0 and true == 1") == "True");
    CHECK(show("(1, 'a', none, 2.5, {'k': [true]})") == "[1, 'a', None, 2.5, {'k': [True]}]");
}

TEST_CASE("jinja: indexing, slices and methods", "[text]") {
    CHECK(show("people[0].name ~ people[-1]['age']") == "Bo30");
    CHECK(show("people[7] is defined") == "False");
    CHECK(show("'abcdef'[1:4] ~ 'abc'[::-1] ~ 'abcdef'[-2:] ~ [1,2,3,4][::2]") == "bcdcbaef[1, 3]");
    CHECK(show("s.strip() ~ '|' ~ s.lstrip() ~ '|' ~ 'xxaxx'.strip('x')") == "a b|a b |a");
    CHECK(show("'a--b--c'.split('--', 1) ~ 'a b'.split()") == "['a', 'b--c']['a', 'b']");
    CHECK(show("'Abc'.startswith('A') and 'Abc'.endswith('bc') and 'Abc'.lower() == 'abc'") == "True");
    CHECK(show("'hello wORLD'.title() ~ 'hello'.capitalize() ~ 'aXbX'.replace('X', '-')") == "Hello WorldHelloa-b-");
    CHECK(show("'abc'.find('c') ~ 'abcabc'.count('b') ~ ','.join(['a', 'b'])") == "22a,b");
    CHECK(show("{'a': 1}.items() ~ {'a': 1}.keys() ~ {'a': 1}.values() ~ {'a': 1}.get('b', 2)") == "[['a', 1]]['a'][1]2");
}

TEST_CASE("jinja: filters", "[text]") {
    CHECK(show("s|trim ~ s|length ~ 'h\u00c9'|lower ~ 'h\u00e9'|upper") == "a b5h\u00e9H\u00c9");
    CHECK(show("people|map(attribute='name')|join('+')") == "Bo+al+Cy");
    CHECK(show("people|selectattr('age', 'equalto', 30)|map(attribute='name')|list") == "['Bo', 'Cy']");
    CHECK(show("people|rejectattr('age', 'gt', 26)|list|length") == "1");
    CHECK(show("people|sort(attribute='name')|map(attribute='name')|list") == "['al', 'Bo', 'Cy']");
    CHECK(show("[3, 1, 2]|sort ~ [3, 1]|min ~ [3, 1]|max ~ [1, 2]|sum ~ [1, 1]|unique|list ~ [1, 2]|reverse|list") == "[1, 2, 3]133[1][2, 1]");
    CHECK(show("['', 'a', none]|select|list") == "['a']");
    CHECK(show("nothing|default('d') ~ ''|default('e', true) ~ nothing|d") == "de");
    CHECK(show("{'a': [1, 'q\"', none]}|tojson") == R"({"a": [1, "q\"", null]})");
    CHECK(show("[1, {}]|tojson(indent=1)") == "[\n 1,\n {}\n]");
    CHECK(show("('3'|int + '2.5'|float) ~ 2.567|round(1) ~ -3|abs") == "5.52.63");
    CHECK(show("'<a>'|escape ~ 'a\nb'|indent(2) ~ 'x'|string|safe") == "&lt;a&gt;a\n  bx");
    CHECK(show("[1, 2]|first ~ [1, 2]|last ~ {'b': 1, 'a': 2}|dictsort ~ {'b': 1}|items|list") == "12[['a', 2], ['b', 1]][['b', 1]]");
}

TEST_CASE("jinja: tests", "[text]") {
    CHECK(show("x is defined and nothing is undefined and none is none and s is string and x is integer and x is number") == "True");
    CHECK(show("x is odd and 4 is even and 9 is divisibleby(3) and x is not mapping and {} is mapping and [] is iterable") == "True");
    CHECK(show("true is true and false is false and true is boolean and 1.5 is float and x is eq(5) and x is in([5])") == "True");
    CHECK(show("range is callable and x is ne 4 and x is ge 5") == "True");
}

TEST_CASE("jinja: loops, macros, namespaces and blocks", "[text]") {
    const auto run = [](std::string_view text) { return render_template(text, {}); };
    CHECK(run("{% for i in range(3) %}{{ loop.index }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }};{% endfor %}") ==
          "12TrueFalse;21FalseFalse;30FalseTrue;");
    CHECK(run("{% for i in range(6) if i is odd %}{{ loop.length }}{{ i }} {% endfor %}") == "31 33 35 ");
    CHECK(run("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}") == "a1b2");
    CHECK(run("{% for x in [] %}x{% else %}none{% endfor %}") == "none");
    CHECK(run("{% for i in range(9) %}{% if i == 1 %}{% continue %}{% elif i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}") == "02");
    CHECK(run("{% set n = 0 %}{% for i in [1, 2] %}{% set n = n + i %}{% endfor %}{{ n }}") == "0");
    CHECK(run("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}") == "3");
    CHECK(run("{% macro f(a, b='!') %}{{ a }}{{ b }}{% endmacro %}{{ f('x') }}{{ f('y', b='?') }}") == "x!y?");
    CHECK(run("{% set t %}a{{ 1 }}{% endset %}{{ t }}{% generation %}g{% endgeneration %}") == "a1g");
    CHECK(run("{% for i in [1, 2, 3] %}{{ loop.previtem }}<{{ loop.nextitem }} {% endfor %}") == "<2 1<3 2< ");
}
