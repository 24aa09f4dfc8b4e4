#include "tercet/io/json.hpp"

#include "io/message_of.hpp"
#include "support/catch.hpp"

#include <limits>
#include <string>

using namespace tercet;
using tercet_test::message_of;

namespace {

Json parse(std::string_view text) {
    return parse_json(text, "test.json");
}

}  // namespace

TEST_CASE("json: every kind of value is read", "[io]") {
    const Json json = parse(R"({"null": null, "yes": true, "no": false, "int": -12, "number": 2.5e3, "text": "a\"\u00e9\ud83d\ude00\n",
                                "list": [1, [2], {}], "object": {"b": 1, "a": 2}, "": 7})");
    REQUIRE(json.is_object());
    CHECK(json.size() == 9);
    CHECK(json.at("null").is_null());
    CHECK(json.at("yes").as_bool());
    CHECK_FALSE(json.at("no").as_bool());
    CHECK(json.at("int").is_integer());
    CHECK(json.at("int").is_number());
    CHECK(json.at("int").as_int() == -12);
    CHECK(json.at("int").as_number() == -12);
    CHECK(json.at("number").is_number());
    CHECK_FALSE(json.at("number").is_integer());
    CHECK(json.at("number").as_number() == 2500);
    CHECK(json.at("text").as_string() == "a\"\xc3\xa9\xf0\x9f\x98\x80\n");
    CHECK(json.at("list").size() == 3);
    CHECK(json.at("list").at(1).at(0).as_int() == 2);
    CHECK(json.at("list").elements()[2].is_object());
    CHECK(json.at("").as_int() == 7);
    const auto& members = json.at("object").items();
    REQUIRE(members.size() == 2);
    CHECK(members[0].first == "b");  // the file's order
    CHECK(members[1].first == "a");
    CHECK(json.find("absent") == nullptr);
    CHECK(json.at("int").find("x") == nullptr);
    CHECK(json.at("int").size() == 0);
    CHECK(parse(" 3 ").as_int() == 3);
    CHECK(parse("\xef\xbb\xbf[]").is_array());  // a byte order mark
    CHECK(Json().is_null());
}

TEST_CASE("json: integers beyond 64 bits with sign become numbers", "[io]") {
    CHECK(parse("9223372036854775807").as_int() == std::numeric_limits<std::int64_t>::max());
    CHECK(parse("-9223372036854775808").as_int() == std::numeric_limits<std::int64_t>::min());
    for (const auto* text : {"9223372036854775808", "18446744073709551615", "1000000000000000019884624838656", "-9223372036854775809"}) {
        const Json json = parse(text);
        CHECK_FALSE(json.is_integer());
        CHECK(json.is_number());
        CHECK(json.as_number() == std::stod(text));
        CHECK_ERROR(json.as_int(), ErrorCode::bad_json);
    }
    CHECK(parse("32000.0").as_int() == 32000);  // some configs write sizes so
    CHECK_ERROR(parse("0.5").as_int(), ErrorCode::bad_json);
}

TEST_CASE("json: get_or gives the member, or the default when it is absent or null", "[io]") {
    const Json json = parse(R"({"i": 3, "x": 0.5, "s": "t", "b": true, "n": null})");
    CHECK(json.get_or("i", 5) == 3);
    CHECK(json.get_or("n", 5) == 5);
    CHECK(json.get_or("absent", std::int64_t{5}) == 5);
    CHECK(json.get_or("x", 1.0) == 0.5);
    CHECK(json.get_or("i", 1.0) == 3.0);
    CHECK(json.get_or("absent", 1e-5f) == static_cast<double>(1e-5f));
    CHECK(json.get_or("s", "u") == "t");
    CHECK(json.get_or("absent", "u") == "u");
    CHECK(json.get_or("absent", std::string("u")) == "u");
    CHECK(json.get_or("b", false));
    CHECK(json.get_or("absent", true));
    CHECK_ERROR(json.get_or("s", 5), ErrorCode::bad_json);
    CHECK_ERROR(json.get_or("i", "u"), ErrorCode::bad_json);
    CHECK_ERROR(json.get_or("i", true), ErrorCode::bad_json);
    CHECK(Json().get_or("i", 5) == 5);
}

TEST_CASE("json: an error names the source and the place", "[io]") {
    const Json json = parse(R"({"a": {"list": [{"x": "two"}]}})");
    const Json& list = json.at("a").at("list");
    CHECK(message_of([&] { list.at(0).at("x").as_int(); }) == "test.json: a.list[0].x: expected an integer, got the string \"two\"");
    CHECK(message_of([&] { json.at("b"); }) == "test.json: the key \"b\" is missing");
    CHECK(message_of([&] { json.at("a").at("list").at(2); }) == "test.json: a.list: element 2 of an array of 1");
    CHECK(message_of([&] { json.at("a").get_or("list", 3); }) == "test.json: a.list: expected an integer, got an array of 1");
    CHECK(message_of([&] { json.at(0); }) == "test.json: expected an array, got an object of 1");
    CHECK(json.at("a").at("list").place() == "test.json: a.list");
    CHECK_ERROR(json.at("b"), ErrorCode::missing_key);
    CHECK_ERROR(json.at("a").at("list").at(1), ErrorCode::index_out_of_range);
    CHECK_ERROR(json.as_string(), ErrorCode::bad_json);
    CHECK_ERROR(json.elements(), ErrorCode::bad_json);
    CHECK_ERROR(json.at("a").at("list").items(), ErrorCode::bad_json);
    CHECK_ERROR(Json().as_bool(), ErrorCode::bad_json);
    CHECK_ERROR(Json().as_number(), ErrorCode::bad_json);
}

TEST_CASE("json: a copy of a part outlives the whole, and still knows its place", "[io]") {
    Json part;
    {
        const Json whole = parse(R"({"outer": {"inner": [1, "text that is too long for the string itself"]}})");
        part = whole.at("outer").at("inner");
    }
    const Json copy = part;
    part = Json();
    CHECK(copy.at(1).as_string() == "text that is too long for the string itself");
    CHECK(copy.place() == "test.json: outer.inner");
    CHECK(message_of([&] { copy.at(0).as_string(); }) == "test.json: outer.inner[0]: expected a string, got the integer 1");
    Json moved = std::move(const_cast<Json&>(copy));
    CHECK(moved.size() == 2);
    const Json& self = moved;
    moved = self;
    CHECK(moved.size() == 2);
    moved = moved.at(0);  // a part of itself
    CHECK(moved.as_int() == 1);
}

TEST_CASE("json: what is not JSON is refused, with line and column", "[io]") {
    const char* const texts[] = {"",
                                 " ",
                                 "{",
                                 "[1,]",
                                 "{\"a\":1,}",
                                 "{a: 1}",
                                 "{\"a\" 1}",
                                 "[1] 2",
                                 "[1, // no\n 2]",
                                 "nul",
                                 "01",
                                 "1.",
                                 "+1",
                                 "NaN",
                                 "1e999",
                                 "'a'",
                                 "\"a",
                                 "\"\t\"",
                                 "\"\\ud800\"",
                                 "\"\\x\"",
                                 "[\"\xff\"]",
                                 "\"\xc0\x80\"",
                                 "\"\xed\xa0\x80\"",
                                 "\xff\xfe[]",
                                 "{\"\xff\": 1}"};  // not UTF-8
    for (const auto* text : texts) {
        INFO(text);
        CHECK_ERROR(parse(text), ErrorCode::bad_json);
    }
    const auto message = message_of([] { parse("{\n  \"a\": x\n}"); });
    CHECK(message.find("test.json: ") == 0);
    CHECK(message.find("line 2, column 8") != std::string::npos);
    for (const char c : message_of([] { parse("[\"\xff\"]"); })) CHECK(static_cast<unsigned char>(c) < 0x80);
}

TEST_CASE("json: a key that stands there twice is refused, in small objects and large ones", "[io]") {
    CHECK(message_of([] { parse(R"({"a": [{}, {"x": 1, "y": 2, "x": 3}]})"); }) == "test.json: a[1]: the key \"x\" stands there twice");
    CHECK_ERROR(parse(R"({"a": 1, "\u0061": 2})"), ErrorCode::bad_json);
    CHECK_ERROR(parse(R"({"": 1, "": 2})"), ErrorCode::bad_json);
    std::string large = "{";
    for (int i = 0; i < 1000; ++i) large += "\"k" + std::to_string(i) + "\": " + std::to_string(i) + ", ";
    const Json json = parse(large + "\"last\": 0}");
    CHECK(json.size() == 1001);
    for (int i = 0; i < 1000; i += 37) CHECK(json.at("k" + std::to_string(i)).as_int() == i);
    CHECK(json.items()[7].first == "k7");
    CHECK(json.find("k1000") == nullptr);
    CHECK(json.find("zzz") == nullptr);
    CHECK_ERROR(parse(large + "\"k500\": 0}"), ErrorCode::bad_json);
}

TEST_CASE("json: 64 levels are read, a 65th is refused", "[io]") {
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    CHECK(parse(nested(64)).is_array());
    CHECK_ERROR(parse(nested(65)), ErrorCode::bad_json);
    CHECK_ERROR(parse(std::string(1'000'000, '[')), ErrorCode::bad_json);
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
    CHECK_ERROR(parse(objects), ErrorCode::bad_json);
}

TEST_CASE("json: every prefix of a text, and every text with one byte changed, parses or is refused", "[io]") {
    const std::string text = R"({"a": [1, -2.5e3, true, null, "x\n\u00e9"], "b": {"c": {}}})";
    for (std::size_t i = 0; i < text.size(); ++i) CHECK_ERROR(parse(text.substr(0, i)), ErrorCode::bad_json);
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (int value = 0; value < 256; ++value) {
            std::string changed = text;
            changed[i] = static_cast<char>(value);
            try {
                parse(changed);
            } catch (const Error& error) {
                if (error.code() != ErrorCode::bad_json) FAIL_CHECK(error.what());
            }
        }
    }
}

TEST_CASE("quote_json: gives a literal that reads back as the same text", "[io]") {
    CHECK(quote_json("a\"b\\c\n\t\r\x01\x1f/") == R"("a\"b\\c\n\t\r\u0001\u001f/")");
    for (const auto& text : {std::string(""), std::string("plain"), std::string("\0x\x7f", 3), std::string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")})
        CHECK(parse(quote_json(text)).as_string() == text);
    CHECK(parse(quote_json("a\xff\xe2\x82 b\xf0\x9f")).as_string() == "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd b\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(parse(quote_json("\xed\xa0\x80\xf4\x90\x80\x80")).as_string().size() == 7 * 3);  // a surrogate, and a point beyond the last
}

TEST_CASE("to_string: writes a value that reads back the same", "[io]") {
    const std::string text = R"({"a": [1, -2.5, 1e+300, true, false, null, "x\n"], "b": {}, "c": []})";
    CHECK(to_string(parse(text)) == text);
    CHECK(to_string(parse(to_string(parse("0.1")))) == "0.1");
    CHECK(to_string(Json()) == "null");
}
