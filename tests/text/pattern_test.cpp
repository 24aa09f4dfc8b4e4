#include "text/golden.hpp"
#include "text/matches.hpp"

#include "tercet/core/random.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

std::string repeated(std::string_view piece, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += piece;
    return out;
}

std::string random_text(std::uint64_t seed) {
    const std::vector<std::string> pieces = {"a",      "B",      "'s",     "'",          " ",      "  ",     "\n",     "\r\n",   "\t",
                                             "1",      "23",     "!",      "_",          "\u00e9", "\u0301", "\u4e2d", "\u3042", "\uac00",
                                             "\u01c5", "\u00bd", "\u3000", "\U0001f600", "\u200d", "ab",     "xx"};
    Generator random(seed);
    std::string out;
    for (int i = 0; i < 60; ++i) out += pieces[random.below(pieces.size())];
    return out;
}

}  // namespace

TEST_CASE("pattern: matches and gaps are those of the tokenizers package, for every expression that well-known tokenizers use", "[text][golden]") {
    const auto golden = json_file(tokenizer_data("patterns.json"));
    const auto& texts = golden.at("texts").elements();
    REQUIRE(golden.at("rows").size() > 80);
    for (const auto& row : golden.at("rows").elements()) {
        const auto expression = row.at("pattern").as_string();
        const Pattern pattern(expression);
        CHECK(pattern.expression() == expression);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const auto text = texts[i].as_string();
            INFO(expression << " on " << text);
            std::vector<std::int64_t> found, pieces;
            std::size_t done = 0;
            const auto piece = [&](std::size_t end) {
                if (end > done) pieces.push_back(static_cast<std::int64_t>(end - done));
                done = end;
            };
            for (PatternMatches all(pattern, text); const auto match = all.next();) {
                if (match->begin < match->end) found.push_back(static_cast<std::int64_t>(match->end - match->begin));
                piece(match->begin);
                piece(match->end);
            }
            piece(text.size());
            std::vector<std::int64_t> expected_matches, expected_pieces;
            for (const auto& length : row.at("matches").at(i).elements()) expected_matches.push_back(length.as_int());
            for (const auto& length : row.at("pieces").at(i).elements()) expected_pieces.push_back(length.as_int());
            CHECK(found == expected_matches);
            CHECK(pieces == expected_pieces);
        }
    }
}

TEST_CASE("pattern: matches go from left to right, on character boundaries, and find() from a match's end gives the next one", "[text]") {
    const auto golden = json_file(tokenizer_data("patterns.json"));
    for (const auto& row : golden.at("rows").elements()) {
        const Pattern pattern(row.at("pattern").as_string());
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            const auto text = random_text(seed);
            INFO(pattern.expression() << " on " << text);
            std::size_t done = 0;
            for (PatternMatches all(pattern, text); const auto match = all.next();) {
                REQUIRE((done <= match->begin && match->begin <= match->end && match->end <= text.size()));
                REQUIRE(utf8_first_error(text.substr(done, match->begin - done)) == std::string::npos);
                REQUIRE(utf8_first_error(text.substr(match->begin, match->end - match->begin)) == std::string::npos);
                if (match->begin < match->end && done < match->begin) CHECK(pattern.find(text, done)->begin <= match->begin);
                if (done < match->begin) CHECK(pattern.find(text, match->begin) == match);
                done = match->end;
            }
        }
    }
}

TEST_CASE("pattern: the first alternative that leads to a match counts, not the longest", "[text]") {
    CHECK(matches("a|ab", "ab") == Words{"a"});
    CHECK(matches("(?:a|ab)c|abd", "abd abc") == Words{"abd", "abc"});
    CHECK(matches("a+?", "aa") == Words{"a", "a"});
    CHECK(matches("a{2,3}?", "aaaaa") == Words{"aa", "aa"});
    CHECK(matches("a{1,2}+b", "aaaab") == Words{"aaaab"});  // repeats the interval, as in Oniguruma
    CHECK(matches("a++a|a", "aaa") == Words{"a", "a", "a"});
    CHECK(matches("a?+ab|b", "ab aab") == Words{"b", "aab"});
}

TEST_CASE("pattern: empty matches cut but do not repeat, and find() gives them", "[text]") {
    CHECK(matches("x*", "axxb") == Words{"", "xx", ""});  // not right behind "xx"
    CHECK(matches("", "ab") == Words{"", "", ""});
    CHECK(Pattern("$").find("ab", 1) == PatternMatch{2, 2});
    CHECK(Pattern(R"(\bb)").find("ab b", 1) == PatternMatch{3, 4});
    CHECK(Pattern("a").find("bab", 2) == std::nullopt);
    CHECK(Pattern("a").find("bab", 3) == std::nullopt);
    CHECK(Pattern().find("a") == std::nullopt);
    CHECK_FALSE(Pattern());
    CHECK(Pattern("a"));
}

TEST_CASE("pattern: digits are grouped from the right", "[text]") {
    CHECK(matches(R"(\d{1,3}(?=(?:\d{3})*\b))", "1 1234567 123a 98765") == Words{"1", "1", "234", "567", "98", "765"});
    CHECK(matches(R"((?=(\d{3})+(?!\d)))", "1234567 123") == Words{"", "", ""});
    CHECK(Pattern(R"((?=(\d{3})+(?!\d)))").find("1234567", 2) == PatternMatch{4, 4});
}

TEST_CASE("pattern: a word of 64 KiB takes linear time with every expression", "[text]") {
    // A matcher that reads each run again from each place in it takes many minutes here.
    const auto golden = json_file(tokenizer_data("patterns.json"));
    for (const auto& row : golden.at("rows").elements()) {
        const Pattern pattern(row.at("pattern").as_string());
        for (const std::string_view piece : {"a", "  ", "\u4e2d", "\u0301", "1", "\n", "'"}) {
            const auto text = repeated(piece, 1 << 14) + "x" + repeated(piece, 1 << 16) + "\u00a0.";
            std::size_t end = 0;
            for (PatternMatches all(pattern, text); const auto match = all.next();) end = match->end;
            CHECK(end <= text.size());
        }
    }
    CHECK(matches(R"((?:aa)*b|a)", repeated("a", 1 << 16)).size() == 1 << 16);  // two states take turns on each place
}

TEST_CASE("pattern: what cannot be run is refused with the expression and the reason", "[text]") {
#ifdef TERCET_PCRE2
    SKIP_TEST("this build hands such expressions to PCRE2");
#else
    for (const std::string_view expression : {R"((a)\1)",
                                              "(?>a)b",
                                              "a(?!bc)",
                                              "(?<=ab)c",
                                              R"(\X)",
                                              "[[:alpha:]]",
                                              "(?m)a",
                                              "(?:ab)++",
                                              R"(\p{Klingon})",
                                              "(a",
                                              "a)",
                                              "[a",
                                              "*a",
                                              "a**",
                                              "[z-a]",
                                              "a{3,1}",
                                              "(?:a*)*",
                                              "a{1001}",
                                              "[]",
                                              "a{2}?",
                                              R"(\xe9)",
                                              R"(a\)",
                                              "(?i:ss)",
                                              "(?i:\u00e9)",
                                              "(?<n>a)",
                                              "(?:(?:a{1000}){1000})",
                                              "\xff"}) {
        INFO(expression);
        CHECK_ERROR(Pattern(expression), ErrorCode::unsupported);
    }
    CHECK_ERROR(Pattern(std::string(100000, 'a')), ErrorCode::unsupported);
    CHECK_ERROR(Pattern(repeated("(", 8000)), ErrorCode::unsupported);
    CHECK_ERROR(Pattern(repeated("(?i)", 8000)), ErrorCode::unsupported);
    CHECK_ERROR(Pattern(repeated("[", 8000)), ErrorCode::unsupported);
    CHECK_ERROR(Pattern(".*a.{20}"), ErrorCode::unsupported);  // a million states
    try {
        Pattern(R"((a)\1)", "made.json");
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        const std::string_view what = error.what();
        CHECK(what.starts_with(R"(made.json: the regular expression '(a)\1' has the escape \1)"));
        CHECK(what.find("TERCET_PCRE2") != std::string_view::npos);
    }
#endif
}
