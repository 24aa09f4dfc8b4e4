#include "support/catch.hpp"

#include "tercet/text/word_level.hpp"

using namespace tercet;

namespace {

std::vector<std::array<std::int64_t, 3>> cut(const WordLevel& model, std::string_view text, const std::vector<std::uint32_t>& borders) {
    const Vocabulary v({{"<unk>", 0}, {"the", 1}, {"cat", 2}}, "test");
    std::vector<Token> tokens;
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) model.encode(v, text, borders[i], borders[i + 1], tokens);
    std::vector<std::array<std::int64_t, 3>> out;
    for (const auto& t : tokens) out.push_back({t.id, t.begin, t.end});
    return out;
}

using Tokens = std::vector<std::array<std::int64_t, 3>>;

}  // namespace

TEST_CASE("word_level: words of the vocabulary, the unknown token for the others, or nothing", "[text]") {
    CHECK(cut({.unknown = 0}, "thecatdogox", {0, 3, 6, 9, 11}) == Tokens{{1, 0, 3}, {2, 3, 6}, {0, 6, 9}, {0, 9, 11}});
    CHECK(cut({.unknown = 0, .fuse_unknown = true}, "dogoxthedog", {0, 3, 5, 8, 11}) == Tokens{{0, 0, 5}, {1, 5, 8}, {0, 8, 11}});
    CHECK(cut({}, "thecatdog", {0, 3, 6, 9}) == Tokens{{1, 0, 3}, {2, 3, 6}});
    CHECK(cut({.fuse_unknown = true}, "dogdog", {0, 3, 6}) == Tokens{});
}

TEST_CASE("word_level: unknown words that do not touch stay two tokens", "[text]") {
    const Vocabulary v({{"<unk>", 0}}, "test");
    std::vector<Token> tokens;
    const WordLevel model{.unknown = 0, .fuse_unknown = true};
    model.encode(v, "ab cd", 0, 2, tokens);
    model.encode(v, "ab cd", 3, 5, tokens);
    CHECK(tokens.size() == 2);
}
