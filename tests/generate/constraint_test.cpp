// Constrained output: whatever the model would rather say, the text is one of those allowed.
#include "tercet/generate/constraint.hpp"

#include "generate/tiny.hpp"
#include "tercet/generate/json_schema.hpp"
#include "tercet/text/pattern.hpp"

#include <set>

using namespace tercet;
using namespace tercet_test;

namespace {

// A tokenizer of 103 ids, each of the first ones a byte of these, the rest words.
Tokenizer letters() {
    std::map<int, std::string> texts;
    const std::string plain = "abcdefghijklmnopqrstuvwxyz0123456789{}[]\":,.-+eE\\/";
    int id = 5;
    for (const char c : plain)
        if (std::none_of(texts.begin(), texts.end(), [&](const auto& t) { return t.second == std::string(1, c); })) texts[id++] = std::string(1, c);
    texts[id++] = "Ġ";       // a space in the byte alphabet
    texts[id++] = "\u00c3";  // the two bytes of é, apart
    texts[id++] = "\u00a9";
    texts[id++] = "true";
    texts[id++] = "\":Ġ";
    texts[id++] = "ab";
    return tiny_tokenizer(103, texts);
}

std::string write(const Constraint& constraint, std::uint64_t seed = 1, index_t max_tokens = 60, double temperature = 3, index_t lookup = 0) {
    static const CausalModel model = golden_model("llama");
    static const Tokenizer tokenizer = letters();
    GenerateOptions options{.max_tokens = max_tokens, .temperature = temperature, .seed = seed};
    options.constraint = constraint;
    options.lookup = lookup;
    Generation generation(model, tokenizer, {2}, {7, 8, 9}, options);
    const auto text = generation.finish_text();
    CHECK((generation.finish() == Finish::length || generation.finish() == Finish::stop || generation.finish() == Finish::eos));
    return text;
}

}  // namespace

TEST_CASE("constraint: states are alive while a text can still be met, and complete where it is") {
    const auto c = pattern_constraint("ab*c|x");
    auto s = c.start();
    CHECK_FALSE(c.complete(s));
    s = c.step(s, U'a');
    CHECK(c.alive(s));
    CHECK_FALSE(c.alive(c.step(s, U'x')));
    s = c.step(c.step(s, U'b'), U'b');
    CHECK_FALSE(c.complete(s));
    s = c.step(s, U'c');
    CHECK(c.complete(s));
    CHECK_FALSE(c.may_go_on(s));
    CHECK_FALSE(c.alive(c.step(s, U'c')));
    CHECK(c.complete(c.step(c.start(), U'x')));
}

TEST_CASE("constraint: the text is one of the choices, whatever the model prefers") {
    const std::vector<std::string> choices{"abc", "abd", "dance", "read"};
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 30; ++seed) seen.insert(write(choice_constraint(choices), seed));
    for (const auto& text : seen) CHECK(std::find(choices.begin(), choices.end(), text) != choices.end());
    CHECK(seen.size() >= 3);
}

TEST_CASE("constraint: the text matches the expression, also where tokens cut its characters and where guesses are made") {
    const Pattern check(R"(\A(?:[ab]{3}-[0-9]{2}|é+\.)\z)");
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto text = write(pattern_constraint(R"([ab]{3}-[0-9]{2}|é+\.)"), seed);
        INFO(text);
        if (text.size() < 40) CHECK(check.find(text).has_value());
    }
    const auto plain = write(pattern_constraint("(?:abc)*d"), 3, 40, 0.0), guessed = write(pattern_constraint("(?:abc)*d"), 3, 40, 0.0, 8);
    CHECK(plain == guessed);
}

TEST_CASE("constraint: a text that may end may go on, until the end token is drawn") {
    const auto text = write(pattern_constraint("a+"), 5, 30, 0.5);
    CHECK(text.find_first_not_of('a') == std::string::npos);
    CHECK_FALSE(text.empty());
}

TEST_CASE("constraint: where no token that may come next has any probability it is an error, not another token") {
    static const Tokenizer tokenizer = letters();
    GenerateOptions options{.max_tokens = 5, .temperature = 1};
    options.constraint = choice_constraint(std::vector<std::string>{"b"});
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id)
        if (tokenizer.has(id) && tokenizer.token(id) == "b") options.logit_bias = {{id, -std::numeric_limits<double>::infinity()}};
    REQUIRE(options.logit_bias.size() == 1);
    Generation generation(golden_model("llama"), tokenizer, {2}, {7, 8}, options);
    CHECK_ERROR(generation.finish_text(), ErrorCode::unsupported);
    CHECK_ERROR(generation.next(), ErrorCode::unsupported);  // the same again: what was read is not read twice
}

TEST_CASE("constraint: bytes that begin no character are not taken for one") {
    const auto tokenizer = tiny_tokenizer(103, {{40, "\u00f8"}, {41, "\u00e2"}});  // the bytes F8 and E2 in their alphabet
    ConstraintCursor cursor(pattern_constraint("[^a]"), tokenizer);
    std::vector<float> logits(103, 0.f);
    cursor.mask(logits, {});
    CHECK(logits[40] == -std::numeric_limits<float>::infinity());
    CHECK(logits[41] == 0);
}

TEST_CASE("constraint: what cannot be met, or be run, is refused before anything is written") {
    CHECK_ERROR(pattern_constraint("(a"), ErrorCode::unsupported);
    CHECK_ERROR(pattern_constraint(R"((a)\1)"), ErrorCode::unsupported);
    CHECK_ERROR(pattern_constraint("[^\\x00-\\x{10ffff}]"), ErrorCode::invalid_argument);  // no character at all
    CHECK_ERROR(choice_constraint({}), ErrorCode::invalid_argument);
    CHECK_ERROR(choice_constraint(std::vector<std::string>{"a", ""}), ErrorCode::invalid_argument);
    CHECK_ERROR(choice_constraint(std::vector<std::string>{"\xff"}), ErrorCode::bad_text);
    CHECK_ERROR(write(choice_constraint(std::vector<std::string>{"Ω"})), ErrorCode::unsupported);  // no token has its bytes
    GenerateOptions options;
    options.constraint = pattern_constraint("a");
    CHECK_ERROR(Generation(golden_model("llama"), std::nullopt, {}, {5}, options), ErrorCode::bad_tokenizer);
}

namespace {

// Whether the schema's automaton takes the whole text.
bool takes(const std::string& schema, const std::string& text) {
    const auto c = schema_constraint(parse_json(schema, "schema"));
    auto state = c.start();
    for (std::size_t at = 0; at < text.size();) {
        const auto step = utf8_decode_valid(text, at);
        state = c.step(state, step.point);
        at += step.size;
    }
    return c.complete(state);
}

}  // namespace

TEST_CASE("json schema: values of each type") {
    CHECK(takes(R"({"type": "integer"})", "-120"));
    CHECK_FALSE(takes(R"({"type": "integer"})", "012"));
    CHECK_FALSE(takes(R"({"type": "integer"})", "1.5"));
    CHECK(takes(R"({"type": "number"})", "1.5e-3"));
    CHECK(takes(R"({"type": "boolean"})", "false"));
    CHECK(takes(R"({"type": "null"})", "null"));
    CHECK(takes(R"({"type": ["null", "boolean"]})", "true"));
    CHECK(takes(R"({"type": "string"})", R"("a \" é é \\ /")"));
    CHECK_FALSE(takes(R"({"type": "string"})", "\"a\nb\""));
    CHECK_FALSE(takes(R"({"type": "string"})", R"("\x")"));
    CHECK(takes(R"({"type": "string", "minLength": 2, "maxLength": 3})", R"("abc")"));
    CHECK_FALSE(takes(R"({"type": "string", "minLength": 2, "maxLength": 3})", R"("abcd")"));
    CHECK_FALSE(takes(R"({"type": "string", "minLength": 2})", R"("a")"));
    CHECK(takes(R"({"type": "string", "pattern": "^[0-9]{4}$"})", R"("2026")"));
    CHECK_FALSE(takes(R"({"type": "string", "pattern": ".*"})", R"("a"b")"));  // what is not JSON is not taken
    CHECK_FALSE(takes(R"({"type": "string", "pattern": ".*"})", R"("\")"));
    CHECK(takes(R"({"type": "string", "pattern": "^[0-9]+\\$"})", R"("12$")"));
    CHECK(takes(R"({"enum": ["a", 1, null]})", "1"));
    CHECK_FALSE(takes(R"({"enum": ["a", 1, null]})", "2"));
    CHECK(takes(R"({"const": "x"})", "\"x\""));
    CHECK(takes(R"({"anyOf": [{"type": "integer"}, {"const": "none"}]})", "\"none\""));
}

TEST_CASE("json schema: arrays and objects, with properties that may be left out") {
    const std::string list = R"({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3})";
    CHECK(takes(list, "[1]"));
    CHECK(takes(list, "[1, 2,3]"));
    CHECK_FALSE(takes(list, "[]"));
    CHECK_FALSE(takes(list, "[1,2,3,4]"));
    CHECK(takes(R"({"type": "array", "items": {"type": "integer"}})", "[]"));
    const std::string person = R"({"type": "object", "required": ["name"], "additionalProperties": false, "properties":
        {"title": {"type": "string"}, "name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}})";
    CHECK(takes(person, R"({"name": "Ada"})"));
    CHECK(takes(person, R"({"title": "Dr", "name": "Ada", "tags": ["x", "y"]})"));
    CHECK(takes(person, R"({"name":"Ada","age":36})"));
    CHECK_FALSE(takes(person, R"({"age": 36})"));
    CHECK_FALSE(takes(person, R"({"name": "Ada",})"));
    CHECK_FALSE(takes(person, R"({})"));
    const std::string loose = R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}})";
    for (const char* text : {R"({})", R"({"a": null})", R"({"b": null})", R"({"a": null, "b": null})"}) CHECK(takes(loose, text));
    CHECK_FALSE(takes(loose, R"({"b": null, "a": null})"));  // the schema's order
    CHECK(takes(R"({"type": "object"})", "{}"));
}

TEST_CASE("json schema: what is written is JSON of the schema") {
    const auto schema = parse_json(R"({"type": "object", "required": ["ok", "n"], "properties":
        {"ok": {"type": "boolean"}, "n": {"type": "array", "items": {"enum": [1, 2]}, "maxItems": 3}, "s": {"type": "string", "maxLength": 4}}})",
                                   "s");
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const auto text = write(schema_constraint(schema), seed, 200);
        INFO(text);
        const Json value = parse_json(text, "output");
        CHECK(value.at("ok").is_bool());
        CHECK(value.at("n").size() <= 3);
    }
}

TEST_CASE("json schema: a keyword that is not known, and a schema that nothing can meet, are errors with their place") {
    const auto read = [](const std::string& schema) { return schema_constraint(parse_json(schema, "schema")); };
    CHECK_ERROR(read(R"({"type": "integer", "minimum": 3})"), ErrorCode::unsupported);
    CHECK_ERROR(read(R"({"$ref": "#/x", "type": "integer"})"), ErrorCode::unsupported);
    CHECK_ERROR(read(R"({"type": "string", "format": "date"})"), ErrorCode::unsupported);
    CHECK_ERROR(read("true"), ErrorCode::unsupported);
    CHECK_ERROR(read(R"({"type": "text"})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read(R"({})"), ErrorCode::missing_key);
    CHECK_ERROR(read(R"({"type": "string", "minLength": 3, "maxLength": 2})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read(R"({"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 1})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read(R"({"enum": []})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read(R"({"type": "object", "required": ["a"]})"), ErrorCode::invalid_argument);
    std::string doubled = R"({"type": "null"})";
    for (int i = 0; i < 40; ++i) doubled = R"({"type": "array", "items": )" + doubled + "}";
    CHECK_ERROR(read(doubled), ErrorCode::unsupported);
    std::string deep = R"({"type": "null"})";
    for (int i = 0; i < 100; ++i) deep = R"({"type": "array", "items": )" + deep + "}";
    CHECK_ERROR(read(deep), ErrorCode::bad_json);  // more levels than a file may have
}
