#include "support/catch.hpp"

#include "tercet/text/word_cache.hpp"

#include <random>
#include <set>
#include <string>

using namespace tercet;
using detail::text::WordCache;

TEST_CASE("word_cache: keys are equal if and only if the words are", "[text]") {
    std::mt19937 random(9);
    for (std::size_t size = 1; size <= WordCache::max_bytes; ++size) {
        std::string word(size, '\0');
        for (char& c : word) c = static_cast<char>(random());
        WordCache cache;
        REQUIRE(cache.prepare(64));
        auto& entry = cache.place(WordCache::key_of(word));
        CHECK_FALSE(entry.is(WordCache::key_of(word)));
        WordCache::put(entry, WordCache::key_of(word), 0, {});
        CHECK(entry.is(WordCache::key_of(std::string(word))));
        for (std::size_t i = 0; i < size; ++i) {
            auto other = word;
            other[i] = static_cast<char>(other[i] ^ (1 << random() % 8));
            CHECK_FALSE(entry.is(WordCache::key_of(other)));
        }
        if (size > 1) CHECK_FALSE(entry.is(WordCache::key_of(std::string_view(word).substr(1))));
        if (size < WordCache::max_bytes) {
            CHECK_FALSE(entry.is(WordCache::key_of(word + '\0')));
            CHECK_FALSE(entry.is(WordCache::key_of('\0' + word)));
        }
    }
    // Words of repeated bytes, whose integers could coincide.
    std::set<std::array<std::uint64_t, 4>> keys;
    std::size_t count = 0;
    for (std::size_t size = 1; size <= WordCache::max_bytes; ++size) {
        for (const char c : {'\0', 'a', '\xff'}) {
            const auto key = WordCache::key_of(std::string(size, c));
            keys.insert({key.a, key.b, key.c, key.size});
            ++count;
        }
    }
    CHECK(keys.size() == count);
}

TEST_CASE("word_cache: holds the tokens of the newest word in a place, by where they end in the word", "[text]") {
    WordCache cache;
    CHECK_FALSE(cache.prepare(31));  // too few words to be worth it
    REQUIRE(cache.prepare(32));
    CHECK(cache.prepare(1));  // there already
    const auto key = WordCache::key_of("hello");
    auto& entry = cache.place(key);
    CHECK(&cache.place(key) == &entry);
    const Token tokens[] = {{7, 100, 102}, {9, 102, 105}};
    WordCache::put(entry, key, 100, tokens);
    CHECK((entry.is(key) && entry.count == 2 && entry.ids[0] == 7 && entry.ids[1] == 9 && entry.end[0] == 2 && entry.end[1] == 5));
    WordCache::put(entry, WordCache::key_of("other"), 0, {});
    CHECK((!entry.is(key) && entry.is(WordCache::key_of("other")) && entry.count == 0));
}

TEST_CASE("word_cache: words of many tokens are not held", "[text]") {
    WordCache cache;
    REQUIRE(cache.prepare(1000000));
    const auto key = WordCache::key_of("word");
    auto& entry = cache.place(key);
    WordCache::put(entry, key, 0, std::vector<Token>(WordCache::max_tokens + 1, Token{0, 0, 1}));
    CHECK_FALSE(entry.is(key));
    WordCache::put(entry, key, 0, std::vector<Token>(WordCache::max_tokens, Token{0, 0, 1}));
    CHECK(entry.is(key));
}
