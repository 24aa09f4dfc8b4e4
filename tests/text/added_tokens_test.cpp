#include "support/catch.hpp"

#include "tercet/text/added_tokens.hpp"

using namespace tercet;

namespace {

std::vector<std::string> split(const std::vector<AddedToken>& tokens, std::string_view text, bool skip_special = false) {
    std::vector<Trie::Entry> patterns;
    for (std::size_t i = 0; i < tokens.size(); ++i) patterns.emplace_back(tokens[i].content, static_cast<int>(i));
    const detail::text::AddedTokenTrie trie(patterns);
    std::vector<std::string> out;
    std::vector<detail::text::TextPart> parts;
    trie.split(text, tokens, skip_special, parts);
    for (const auto& part : parts)
        out.push_back((part.index < 0 ? "" : std::to_string(part.index) + ":") + std::string(text.substr(part.begin, part.end - part.begin)));
    return out;
}

using Parts = std::vector<std::string>;

}  // namespace

TEST_CASE("added tokens: the leftmost match wins, and of those the longest", "[text]") {
    CHECK(split({{.id = 0, .content = "<a>"}, {.id = 1, .content = "<a><b>"}, {.id = 2, .content = "b>c"}}, "x<a><b>c<a>") ==
          Parts{"x", "1:<a><b>", "c", "0:<a>"});
    CHECK(split({{.id = 0, .content = "abc"}, {.id = 1, .content = "bcd"}}, "abcd") == Parts{"0:abc", "d"});
    CHECK(split({}, "abc") == Parts{"abc"});
    CHECK(split({{.id = 0, .content = "a"}}, "") == Parts{});
}

TEST_CASE("added tokens: alone as a word, and with the whitespace beside them", "[text]") {
    CHECK(split({{.id = 0, .content = "ony", .single_word = true}}, "ony Anthony ony") == Parts{"0:ony", " Anthony ", "0:ony"});
    CHECK(split({{.id = 0, .content = "m", .lstrip = true, .rstrip = true}}, "a \u3000m\t m b") == Parts{"a", "0: \u3000m\t ", "0:m ", "b"});
}

TEST_CASE("added tokens: special ones may be left in the text", "[text]") {
    CHECK(split({{.id = 0, .content = "<s>", .special = true}, {.id = 1, .content = "<t>"}}, "<s><t>", true) == Parts{"<s>", "1:<t>"});
}

// Expected parts: the tokenizers package's, on its added tokens (leftmost-longest matches that do not overlap).
TEST_CASE("added tokens: what overlaps a match that was turned down is not found either", "[text]") {
    const std::vector<AddedToken> tokens = {{.id = 0, .content = "ab", .single_word = true}, {.id = 1, .content = "bc"}};
    CHECK(split(tokens, "xabc") == Parts{"xabc"});  // "ab" is matched and turned down; "bc" begins inside it
    CHECK(split(tokens, "abbc") == Parts{"ab", "1:bc"});
    CHECK(split(tokens, "ab bc") == Parts{"0:ab", " ", "1:bc"});
}

TEST_CASE("added tokens: whitespace goes to one token only", "[text]") {
    const std::vector<AddedToken> tokens = {
        {.id = 0, .content = "<l>", .lstrip = true}, {.id = 1, .content = "<r>", .rstrip = true}, {.id = 2, .content = "  "}};
    CHECK(split(tokens, "a <l> b") == Parts{"a", "0: <l>", " b"});
    CHECK(split(tokens, "<r> <l>") == Parts{"1:<r> ", "0:<l>"});
    CHECK(split(tokens, "a\u3000<r>\n\tb") == Parts{"a\u3000", "1:<r>\n\t", "b"});
}
