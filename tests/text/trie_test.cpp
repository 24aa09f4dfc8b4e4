#include "support/catch.hpp"

#include "tercet/text/trie.hpp"

#include <map>
#include <string>

using namespace tercet;

namespace {

std::vector<std::pair<std::size_t, int>> found(const Trie& trie, std::string_view text, std::size_t at = 0) {
    std::vector<std::pair<std::size_t, int>> out;
    trie.prefixes(text, at, [&](std::size_t size, int value) { out.emplace_back(size, value); });
    return out;
}

using Found = std::vector<std::pair<std::size_t, int>>;

}  // namespace

TEST_CASE("trie: every key that a text begins with, the shortest first", "[text]") {
    const Trie trie({{"a", 1}, {"abc", 2}, {"ab", 3}, {"b", 4}, {"ab", 9}, {"", 7}});
    CHECK(found(trie, "abcd") == Found{{1, 1}, {2, 3}, {3, 2}});
    CHECK(found(trie, "xabx", 1) == Found{{1, 1}, {2, 3}});
    CHECK(found(trie, "xab").empty());
    CHECK(found(trie, "").empty());
    CHECK(trie.longest("abab", 0) == std::pair<std::size_t, std::int32_t>{2, 3});
    CHECK(trie.longest("c", 0) == std::pair<std::size_t, std::int32_t>{0, -1});
    CHECK(found(Trie({{"a", 1}, {"", 2}}), "ab") == Found{{1, 1}});
}

TEST_CASE("trie: empty, with one key, with every byte", "[text]") {
    CHECK(Trie().empty());
    CHECK(Trie(std::vector<Trie::Entry>{}).empty());
    CHECK(Trie(std::vector<Trie::Entry>{{"", 1}}).empty());
    CHECK(found(Trie(), "a").empty());
    std::vector<std::string> keys;
    for (int i = 0; i < 256; ++i) keys.push_back(std::string(1, static_cast<char>(i)) + std::string(1, static_cast<char>(255 - i)));
    std::vector<Trie::Entry> entries;
    for (std::size_t i = 0; i < keys.size(); ++i) entries.emplace_back(keys[i], static_cast<int>(i));
    const Trie trie(entries);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CHECK(found(trie, keys[i] + "x") == Found{{2, static_cast<int>(i)}});
        CHECK(found(trie, keys[i].substr(0, 1)).empty());
    }
}

TEST_CASE("trie: thousands of random keys, against a map", "[text]") {
    std::uint32_t state = 7;
    const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 16; };
    std::map<std::string, int, std::less<>> keys;
    for (int i = 0; i < 30000; ++i) {
        std::string key;
        for (auto n = 1 + next() % 7; n > 0; --n) key += static_cast<char>(next() % (i % 3 == 0 ? 256 : 5));
        keys.emplace(key, i);
    }
    std::vector<Trie::Entry> entries;
    for (const auto& [key, value] : keys) entries.emplace_back(key, value);
    const Trie trie(entries);
    for (int i = 0; i < 30000; ++i) {
        std::string text;
        for (int n = 0; n < 8; ++n) text += static_cast<char>(next() % (i % 3 == 0 ? 256 : 5));
        Found expected;
        for (std::size_t n = 1; n <= text.size(); ++n)
            if (const auto at = keys.find(text.substr(0, n)); at != keys.end()) expected.emplace_back(n, at->second);
        REQUIRE(found(trie, text) == expected);
    }
    for (const auto& [key, value] : keys) REQUIRE(found(trie, key).back() == std::pair<std::size_t, int>{key.size(), value});
}
