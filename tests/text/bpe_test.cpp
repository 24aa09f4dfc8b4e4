#include "support/catch.hpp"

#include "tercet/text/bpe.hpp"

#include <chrono>

using namespace tercet;

namespace {

using Tokens = std::vector<std::pair<std::string, TokenId>>;
using Merges = std::vector<std::pair<std::string, std::string>>;
using Ids = std::vector<TokenId>;

Ids cut(const Vocabulary& v, const Bpe& bpe, std::string_view word, bool raw_bytes = false) {
    std::vector<Token> tokens;
    BpeScratch scratch;
    bpe.encode(v, word, 0, static_cast<std::uint32_t>(word.size()), raw_bytes, scratch, tokens);
    Ids ids;
    for (const auto& t : tokens) ids.push_back(t.id);
    return ids;
}

const Tokens lower = {{"l", 0}, {"o", 1}, {"w", 2}, {"e", 3}, {"r", 4}, {"lo", 5}, {"low", 6}, {"er", 7}, {"lower", 8}, {"<unk>", 9}};

}  // namespace

TEST_CASE("bpe: merges in the order they were learnt, the left one of equals first", "[text]") {
    const Vocabulary v(lower, "test");
    const Bpe bpe(v, {{"l", "o"}, {"lo", "w"}, {"e", "r"}}, {}, "test");
    CHECK(cut(v, bpe, "lower") == Ids{6, 7});
    CHECK(cut(v, bpe, "lolow") == Ids{5, 6});
    CHECK(cut(v, bpe, "w") == Ids{2});
    const Vocabulary a({{"a", 0}, {"aa", 1}}, "test");
    CHECK(cut(a, Bpe(a, {{"a", "a"}}, {}, "test"), "aaaaa") == Ids{1, 1, 0});
}

TEST_CASE("bpe: a word that is a token stays whole when merges may be ignored", "[text]") {
    const Vocabulary v(lower, "test");
    BpeOptions options;
    options.ignore_merges = true;
    CHECK(cut(v, Bpe(v, {}, options, "test"), "lower") == Ids{8});
    CHECK(cut(v, Bpe(v, {}, options, "test"), "lowe") == Ids{0, 1, 2, 3});
}

TEST_CASE("bpe: unknown characters are dropped, one token each, or one token together", "[text]") {
    const Vocabulary v(lower, "test");
    BpeOptions options;
    CHECK(cut(v, Bpe(v, {}, options, "test"), "lxyo") == Ids{0, 1});
    options.unknown = "<unk>";
    CHECK(cut(v, Bpe(v, {}, options, "test"), "lxyo") == Ids{0, 9, 9, 1});
    options.fuse_unknown = true;
    CHECK(cut(v, Bpe(v, {}, options, "test"), "lxyo") == Ids{0, 9, 1});
}

TEST_CASE("bpe: byte fallback, prefixes and suffixes", "[text]") {
    const Vocabulary bytes({{"a", 0}, {"<0xC3>", 1}, {"<0xA9>", 2}, {"<unk>", 3}}, "test");
    BpeOptions options;
    options.byte_fallback = true;
    options.unknown = "<unk>";
    CHECK(cut(bytes, Bpe(bytes, {}, options, "test"), "a\u00e9") == Ids{0, 1, 2});
    CHECK(cut(bytes, Bpe(bytes, {}, options, "test"), "a\u00e8") == Ids{0, 3});

    const Vocabulary marked({{"a", 0}, {"##b", 1}, {"a##b", 2}, {"ab", 3}, {"##c</w>", 4}}, "test");
    BpeOptions marks;
    marks.continuing_prefix = "##";
    marks.end_of_word_suffix = "</w>";
    CHECK(cut(marked, Bpe(marked, {{"a", "##b"}}, marks, "test"), "abc") == Ids{3, 4});
}

TEST_CASE("bpe: raw bytes stand for the byte alphabet", "[text]") {
    const Vocabulary v({{"\u0120", 0}, {"\u00c3", 1}, {"\u00a9", 2}, {"\u00c3\u00a9", 3}}, "test");
    const Bpe bpe(v, {{"\u00c3", "\u00a9"}}, {}, "test");
    CHECK(cut(v, bpe, " \u00e9", true) == Ids{0, 3});
}

TEST_CASE("bpe: short and long words merge alike, and a megabyte in one word takes no quadratic time", "[text]") {
    Tokens tokens;
    Merges merges;
    for (const char* t : {"a", "b", "aa", "ab", "aab", "ba", "aaaa"}) tokens.emplace_back(t, static_cast<TokenId>(tokens.size()));
    merges = {{"a", "a"}, {"aa", "b"}, {"b", "a"}, {"aa", "aa"}, {"a", "b"}};
    const Vocabulary v(tokens, "test");
    const Bpe bpe(v, merges, {}, "test");
    std::uint32_t state = 1;
    std::string text;
    for (int i = 0; i < 1 << 20; ++i) {
        state = state * 1664525u + 1013904223u;
        text += state >> 30 ? 'a' : 'b';
    }
    // Cut by the plain rule: the lowest rank anywhere, leftmost first.
    const auto naive = [&](std::string_view word) {
        std::vector<std::string> s;
        for (const char c : word) s.emplace_back(1, c);
        while (true) {
            std::size_t best = merges.size(), at = 0;
            for (std::size_t i = 0; i + 1 < s.size(); ++i) {
                for (std::size_t r = 0; r < best; ++r) {
                    if (merges[r].first == s[i] && merges[r].second == s[i + 1]) {
                        best = r;
                        at = i;
                    }
                }
            }
            if (best == merges.size()) break;
            s[at] += s[at + 1];
            s.erase(s.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        }
        Ids ids;
        for (const auto& t : s) ids.push_back(v.find(t));
        return ids;
    };
    for (const std::size_t size : {1u, 2u, 17u, 63u, 64u, 65u, 66u, 300u}) {
        for (std::size_t i = 0; i < 5; ++i) {
            const auto word = std::string_view(text).substr(i * 1000, size);
            CHECK(cut(v, bpe, word) == naive(word));
        }
    }
    const auto start = std::chrono::steady_clock::now();
    CHECK(cut(v, bpe, text).size() < text.size());
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 20.0);
}

TEST_CASE("bpe: gives back its merges in their order", "[text]") {
    const Vocabulary v(lower, "test");
    CHECK(Bpe(v, {{"l", "o"}, {"lo", "w"}, {"e", "r"}}, {}, "test").merges() == std::vector<std::pair<TokenId, TokenId>>{{0, 1}, {5, 2}, {3, 4}});
    CHECK(Bpe(v, {}, {}, "test").merges().empty());
}

TEST_CASE("bpe: bytes outside the vocabulary are dropped where there is no unknown token", "[text]") {
    const Vocabulary v(lower, "test");
    CHECK(cut(v, Bpe(v, {}, {}, "test"), "lox", true) == Ids{0, 1});
    CHECK(cut(v, Bpe(v, {{"l", "o"}}, {}, "test"), "lox", true) == Ids{5});
    BpeOptions options;
    options.unknown = "<unk>";
    CHECK(cut(v, Bpe(v, {}, options, "test"), "lox", true) == Ids{0, 1, 9});
}

TEST_CASE("bpe: merges and the unknown token must be in the vocabulary", "[text]") {
    const Vocabulary v(lower, "test");
    BpeOptions options;
    options.unknown = "<nothing>";
    CHECK_ERROR(Bpe(v, (Merges{{"l", "z"}}), {}, "test"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(Bpe(v, (Merges{{"w", "e"}}), {}, "test"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(Bpe(v, {}, options, "test"), ErrorCode::bad_tokenizer);
}
