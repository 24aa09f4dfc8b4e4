#include "support/catch.hpp"

#include "tercet/text/bpe.hpp"

#include <chrono>
#include <cmath>

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

namespace {

Bpe ranked(const Vocabulary& v, const std::vector<float>& scores, BpeOptions options) {
    options.unknown_last = true;
    options.unknown = "<unk>";
    return Bpe::from_ranks(v, BpeRanks::by_score(scores), std::move(options), "test");
}

const Tokens scored = {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"ab", 4}, {"bc", 5}, {"abc", 6}, {"qa", 7}, {"cab", 8}};

}  // namespace

TEST_CASE("bpe: ranks by score, the highest first, equal ones alike", "[text]") {
    CHECK(BpeRanks::by_score({-1, 3, -1, 2}).of == std::vector<std::uint32_t>{2, 0, 2, 1});
    CHECK(BpeRanks::by_score({}).of.empty());
}

TEST_CASE("bpe: with ranks, any pair merges that makes a token, the best token first", "[text]") {
    const Vocabulary v(scored, "test");
    const auto bpe = ranked(v, {0, -10, -10, -10, -2, -1, -3, -4, -9}, {});
    CHECK(cut(v, bpe, "abc") == Ids{6});  // bc first, then a + bc
    CHECK(cut(v, bpe, "abab") == Ids{4, 4});
    CHECK(cut(v, bpe, "cab") == Ids{8});
    CHECK(cut(v, ranked(v, {0, -10, -10, -10, -1, -2, -3, -4, -9}, {}), "abcab") == Ids{6, 4});
    // q is no token, but part of one.
    CHECK(cut(v, bpe, "qab") == Ids{0, 4});
    CHECK(cut(v, bpe, "qa") == Ids{7});
    CHECK(cut(v, bpe, "qqa") == Ids{0, 7});
}

TEST_CASE("bpe: characters outside the vocabulary are looked at last: they fuse, or become bytes", "[text]") {
    const Vocabulary v({{"<unk>", 0}, {"a", 1}, {"<0xC3>", 2}, {"<0xA9>", 3}}, "test");
    std::vector<Token> tokens;
    BpeScratch scratch;
    const auto fused = ranked(v, {0, 0, 0, 0}, {});
    fused.encode(v,
                 "zz\u00e9"
                 "az",
                 0, 6, false, scratch, tokens);
    REQUIRE(tokens.size() == 3);
    CHECK((tokens[0].id == 0 && tokens[0].end == 4 && tokens[1].id == 1 && tokens[2].begin == 5 && scratch.unknown));
    BpeOptions options;
    options.byte_fallback = true;
    const auto bytes = ranked(v, {0, 0, -1, -1}, options);
    CHECK(cut(v, bytes, "a\u00e9") == Ids{1, 2, 3});
    CHECK(cut(v, bytes, "\u00e8") == Ids{2, 0});  // one byte has no token
    options.unknown_last = true;
    CHECK(cut(v, Bpe::from_ranks(v, BpeRanks({0, 0, 0, 0}), options, "test"), "\u00e8z") == Ids{2});  // nor is there an unknown one
}

TEST_CASE("bpe: tokens that the user defined are found first, the longest, and merge with nothing", "[text]") {
    const Vocabulary v(scored, "test");
    const auto bpe = ranked(v, {0, -10, -10, -10, -2, -1, -3, -4, -9}, {.user_defined = {4}});
    CHECK(cut(v, bpe, "abc") == Ids{4, 3});
    CHECK(cut(v, bpe, "cab") == Ids{3, 4});
    CHECK(cut(v, ranked(v, {0, -10, -10, -10, -2, -1, -3, -4, -9}, {.user_defined = {4, 6}}), "abcab") == Ids{6, 4});
}

TEST_CASE("bpe: unused tokens may come up while merging, and are cut again", "[text]") {
    const Vocabulary v(scored, "test");
    const std::vector<float> scores = {0, -10, -10, -10, -2, -1, -3, -4, -9};
    CHECK(cut(v, ranked(v, scores, {.unused = {5}}), "abc") == Ids{6});  // by way of bc
    CHECK(cut(v, ranked(v, scores, {.unused = {6}}), "abc") == Ids{1, 5});
    CHECK(cut(v, ranked(v, scores, {.unused = {5, 6, 5}}), "abcbc") == Ids{1, 2, 3, 2, 3});
    CHECK(cut(v, ranked(v, scores, {.unused = {7}}), "qa") == Ids{0, 1});
    // What was cut once is not cut again in a word where it did not come up.
    std::vector<Token> tokens;
    BpeScratch scratch;
    const auto bpe = ranked(v, scores, {.unused = {1, 6}});
    for (const std::uint32_t begin : {0u, 3u}) bpe.encode(v, "abcabc", begin, begin + 3, false, scratch, tokens);
    CHECK(tokens.size() == 4);
}

TEST_CASE("bpe: a long chain of unused tokens and a long word of them need neither stack nor time", "[text]") {
    Tokens tokens = {{"<unk>", 0}, {"a", 1}};
    std::vector<float> scores = {0, -1};
    BpeOptions options;
    std::string text = "a";
    for (TokenId id = 2; id < 600; ++id) {
        tokens.emplace_back(text += 'a', id);
        scores.push_back(static_cast<float>(id));
        options.unused.push_back(id);
    }
    const Vocabulary v(tokens, "test");
    const auto bpe = ranked(v, scores, options);
    const auto start = std::chrono::steady_clock::now();
    CHECK(cut(v, bpe, std::string(1 << 17, 'a')) == Ids(1 << 17, 1));
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 10.0);
}

TEST_CASE("bpe: dropout 0 is none, 1 leaves characters, and between them the seed decides", "[text]") {
    const Vocabulary v(lower, "test");
    const Bpe bpe(v, {{"l", "o"}, {"lo", "w"}, {"e", "r"}}, {}, "test");
    const auto drop = [&](std::string_view word, double dropout, std::uint64_t seed, int times = 1) {
        std::vector<Token> tokens;
        BpeScratch scratch;
        scratch.dropout = dropout;
        scratch.seed = seed;
        for (int i = 0; i < times; ++i) bpe.encode(v, word, 0, static_cast<std::uint32_t>(word.size()), false, scratch, tokens);
        Ids ids;
        std::string joined;
        for (const auto& t : tokens) {
            ids.push_back(t.id);
            joined += v.token(t.id);
        }
        CHECK(joined.size() == word.size() * static_cast<std::size_t>(times));
        CHECK(joined.starts_with(word));
        return ids;
    };
    CHECK(drop("lower", 0, 1) == Ids{6, 7});
    CHECK(drop("lower", 1, 1) == Ids{0, 1, 2, 3, 4});
    CHECK(drop("lower", 0.3, 5, 200) == drop("lower", 0.3, 5, 200));
    CHECK((drop("lower", 0.3, 5, 200) != drop("lower", 0.3, 6, 200)));
    CHECK(drop("lower", 0.1, 5, 200).size() < drop("lower", 0.5, 5, 200).size());
    CHECK(drop("lower", 0.5, 5, 200).size() < drop("lower", 0.9, 5, 200).size());
    // A pair of characters: passed over with the probability that is asked for.
    int whole = 0;
    for (std::uint64_t seed = 0; seed < 4000; ++seed) whole += drop("er", 0.25, seed) == Ids{7};
    CHECK((whole > 2850 && whole < 3150));  // 3000, five standard deviations of 27
}

TEST_CASE("bpe: ranks and options that do not fit the vocabulary are refused", "[text]") {
    const Vocabulary v(scored, "test");
    const auto make = [&](std::vector<std::uint32_t> ranks, BpeOptions options) {
        return Bpe::from_ranks(v, BpeRanks(std::move(ranks)), std::move(options), "test");
    };
    CHECK_ERROR(make({0, 1}, {}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make(std::vector<std::uint32_t>(9), {.unknown = "<none>"}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make(std::vector<std::uint32_t>(9), {.user_defined = {9}}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make(std::vector<std::uint32_t>(9), {.user_defined = {-1}}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make(std::vector<std::uint32_t>(9), {.dropout = 1.5}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(Bpe(v, {}, {.dropout = std::nan("")}, "test"), ErrorCode::bad_tokenizer);
    const Vocabulary huge({{std::string(10000, 'a'), 0}}, "test");
    CHECK_ERROR(Bpe::from_ranks(huge, BpeRanks({0}), {}, "test"), ErrorCode::size_overflow);
}

TEST_CASE("bpe: characters that are left out are unknown, but may be part of tokens", "[text]") {
    const Vocabulary v(scored, "test");
    const auto bpe = ranked(v, {0, -10, -10, -10, -2, -1, -3, -4, -9}, {.left_out = {2}});
    CHECK(cut(v, bpe, "b") == Ids{0});
    CHECK(cut(v, bpe, "abbc") == Ids{4, 5});
}

TEST_CASE("bpe: the bytes of a suffix are at the word's end, also in the byte alphabet", "[text]") {
    const Vocabulary v({{"<0xC4>", 0}, {"<0xA0>", 1}, {"<0x2F>", 2}, {"a", 3}}, "test");
    BpeOptions options;
    options.byte_fallback = true;
    options.end_of_word_suffix = "/";
    std::vector<Token> tokens;
    BpeScratch scratch;
    Bpe(v, {}, options, "test").encode(v, "xa ", 1, 3, true, scratch, tokens);
    REQUIRE(tokens.size() == 4);  // a, and the two bytes of the alphabet's space and of the suffix
    CHECK((tokens[0].id == 3 && tokens[1].id == 0 && tokens[2].id == 1 && tokens[3].id == 2));
    for (const auto& t : tokens) CHECK((t.begin >= 1 && t.begin < t.end && t.end <= 3));
}
