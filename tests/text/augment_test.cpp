#include "support/catch.hpp"

#include "tercet/text/augment.hpp"

#include <map>
#include <set>

using namespace tercet;

namespace {

using Views = std::vector<std::string_view>;

const std::string sample = "The quick (brown) fox, e\u0301tourdi, isn\u2019t \u4f60\u597d  lazy:\n\u0928\u092e\u0938\u094d\u0924\u0947 x 3rd!";

std::string numbered(int words) {
    std::string text;
    for (int i = 0; i < words; ++i) text += (i == 0 ? "w" : " w") + std::to_string(i);
    return text;
}

template <class T>
std::multiset<T> bag(const std::vector<T>& items) {
    return {items.begin(), items.end()};
}

// What stands between the words.
std::vector<std::string> gaps(std::string_view text) {
    std::vector<std::string> out;
    detail::text::cut_words(text, [&](std::string_view piece, bool word) {
        if (!word) out.emplace_back(piece);
    });
    return out;
}

// The largest number of places that a word of numbered() has moved.
int farthest(std::string_view text) {
    int most = 0, at = 0;
    for (const auto word : words_of(text)) most = std::max(most, std::abs(std::stoi(std::string(word.substr(1))) - at++));
    return most;
}

}  // namespace

TEST_CASE("augment: dropout leaves words out as the generator's numbers say", "[text]") {
    Generator random(42);
    std::string expected;
    for (int i = 0; i < 50; ++i) {
        if (random.uniform() >= 0.3) expected += (expected.empty() ? "w" : " w") + std::to_string(i);
    }
    CHECK(augment(numbered(50), WordDropout{.probability = 0.3}, 42) == expected);

    CHECK(augment(sample, WordDropout{.probability = 0}, 1) == sample);
    CHECK(words_of(augment(sample, WordDropout{.probability = 1}, 1)).size() == 1);
    CHECK(words_of(augment(sample, WordDropout{.probability = 1, .keep = 4}, 1)).size() == 4);
    CHECK(augment("a (b)", WordDropout{.probability = 1, .keep = 0}, 1) == "()");
    CHECK(augment("", WordDropout{.probability = 1}, 1) == "");
    CHECK(augment(" ... ", WordDropout{.probability = 1}, 1) == " ... ");
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto between = words_of(augment(numbered(30), WordDropout{.probability = 0.5, .least = 14, .most = 16}, seed)).size();
        CHECK((between >= 14 && between <= 16));
    }
    CHECK(words_of(augment(numbered(3), WordDropout{.probability = 0, .least = 9}, 1)).size() == 1);
}

TEST_CASE("augment: bounds spare and add places evenly over the text", "[text]") {
    std::map<std::string, int> dropped_most, dropped_least;
    const auto text = numbered(10);
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        const auto count = [&](auto& counts, const WordDropout& options) {
            std::set<std::string> left;
            const auto shorter = augment(text, options, seed);
            for (const auto word : words_of(shorter)) left.emplace(word);
            REQUIRE(left.size() == 9);
            for (int i = 0; i < 10; ++i) counts["w" + std::to_string(i)] += !left.contains("w" + std::to_string(i));
        };
        count(dropped_most, {.probability = 0.9, .most = 1});
        count(dropped_least, {.probability = 0, .least = 1});
    }
    for (const auto& counts : {dropped_most, dropped_least})
        for (const auto& [word, count] : counts) CHECK(std::abs(count - 300) < 5 * 16.4);  // binomial: sqrt(3000 · 0.1 · 0.9)
}

TEST_CASE("augment: swaps keep the words and what stands between them", "[text]") {
    int moved = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const auto swapped = augment(sample, WordSwap{.probability = 0.3}, seed);
        CHECK(bag(words_of(swapped)) == bag(words_of(sample)));
        CHECK(gaps(swapped) == gaps(sample));
        moved += swapped != sample;
        const auto plain = numbered(20);
        const auto once = words_of(plain);
        const auto text = augment(plain, WordSwap{.probability = 1, .most = 1}, seed);
        const auto words = words_of(text);
        int differ = 0;
        for (std::size_t i = 0; i < 20; ++i) differ += words[i] != once[i];
        CHECK(differ == 2);
    }
    CHECK(moved > 150);
    CHECK(augment("alone", WordSwap{.probability = 1}, 1) == "alone");
    CHECK(augment("a b", WordSwap{.probability = 1, .most = 1}, 1) == "b a");
}

TEST_CASE("augment: a shuffle moves no word further than it may, and uses that room", "[text]") {
    const auto text = numbered(200);
    for (const std::size_t distance : {0u, 1u, 3u, 10u}) {
        int most = 0;
        for (std::uint64_t seed = 0; seed < 50; ++seed) {
            const auto shuffled = augment(text, WordShuffle{.distance = distance}, seed);
            CHECK(bag(words_of(shuffled)) == bag(words_of(text)));
            most = std::max(most, farthest(shuffled));
        }
        CHECK(most <= static_cast<int>(distance));
        CHECK(most + 2 >= static_cast<int>(distance));
    }
    CHECK(gaps(augment(sample, WordShuffle{}, 3)) == gaps(sample));

    std::map<std::string, int> orders;  // without a bound each order is equally likely
    for (std::uint64_t seed = 0; seed < 6000; ++seed) ++orders[augment("a b c", WordShuffle{.distance = 2}, seed)];
    CHECK(orders.size() == 6);
    for (const auto& [order, count] : orders) CHECK(std::abs(count - 1000) < 5 * 28.9);
}

TEST_CASE("augment: sentences change their order and nothing else", "[text]") {
    const std::string text = "One. Two!\n\nThree? \"Four.\"  Five";
    std::set<std::string> orders;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const auto shuffled = augment(text, SentenceShuffle{}, seed);
        CHECK(shuffled.size() == text.size());
        orders.insert(shuffled);
        const auto near = augment("A0. A1. A2. A3. A4. A5.", SentenceShuffle{.distance = 1}, seed);
        CHECK(farthest(near) <= 1);
    }
    CHECK(orders.size() > 40);
    CHECK(augment("", SentenceShuffle{}, 1) == "");
    CHECK(augment("Only one.", SentenceShuffle{}, 1) == "Only one.");
}

TEST_CASE("augment: synonyms replace the words of the table", "[text]") {
    const SynonymTable table{{"quick", {"fast", "swift"}}, {"isn't", {"is not"}}, {"lazy", {}}};
    std::set<std::string> results;
    for (std::uint64_t seed = 0; seed < 40; ++seed) results.insert(augment("Quick! ISN\u2019T it lazy?", SynonymReplacement{table, 1}, seed));
    CHECK(results == std::set<std::string>{"fast! is not it lazy?", "swift! is not it lazy?"});
    CHECK(augment(sample, SynonymReplacement{table, 0}, 1) == sample);
    CHECK(augment(sample, SynonymReplacement{}, 1) == sample);
    CHECK(augment("quick quick quick", SynonymReplacement{{{"quick", {"fast"}}}, 0, 2, 2}, 5).size() == 15);
    CHECK_ERROR(augment("a", SynonymReplacement{{{"a", {"\xff"}}}, 1}, 1), ErrorCode::bad_text);
}

TEST_CASE("augment: synonyms are inserted after words, anywhere", "[text]") {
    const SynonymInsertion insertion{{{"quick", {"fast"}}}, 1};
    std::set<std::string> results;
    for (std::uint64_t seed = 0; seed < 60; ++seed) results.insert(augment("The quick, fox", insertion, seed));
    CHECK(results == std::set<std::string>{"The fast quick, fox", "The quick fast, fox", "The quick, fox fast"});
    CHECK(words_of(augment("quick quick quick", insertion, 1)).size() == 6);
    CHECK(augment("nothing known", insertion, 1) == "nothing known");
    CHECK(augment("", insertion, 1) == "");
}

TEST_CASE("augment: noise changes characters and leaves words, marks and what stands between", "[text]") {
    const auto words = words_of(sample);
    int changed = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const auto noisy = augment(sample, CharacterNoise{.swap = 0.1, .erase = 0.1, .insert = 0.1, .substitute = 0.1, .min_word = 1}, seed);
        CHECK(utf8_first_error(noisy) == std::string_view::npos);
        CHECK(words_of(noisy).size() == words.size());
        changed += noisy != sample;

        const auto swapped = augment(sample, CharacterNoise{.swap = 0.5}, seed);
        CHECK(gaps(swapped) == gaps(sample));
        const auto others = words_of(swapped);
        for (std::size_t i = 0; i < words.size(); ++i) {
            auto a = utf8_points(words[i]), b = utf8_points(others[i]);
            std::sort(a.begin(), a.end());
            std::sort(b.begin(), b.end());
            CHECK(a == b);
        }
        CHECK(swapped.find("e\u0301") != std::string::npos);  // a letter keeps its mark
    }
    CHECK(changed > 290);
    CHECK(augment("ab", CharacterNoise{.swap = 1}, 1) == "ba");
    CHECK(augment("abcde", CharacterNoise{.swap = 1}, 1) == "badce");
    CHECK(augment("abcde", CharacterNoise{.swap = 1, .keep_ends = true}, 1) == "acbde");
    CHECK(augment("abc de'f", CharacterNoise{.erase = 1}, 1) == "c 'f");
    CHECK(augment("abcd", CharacterNoise{.erase = 1, .keep_ends = true}, 1) == "ad");
    CHECK(augment("abc", CharacterNoise{.insert = 1, .alphabet = "\u00e9"}, 1) == "a\u00e9b\u00e9c\u00e9");
    CHECK(augment("Abx", CharacterNoise{.substitute = 1, .alphabet = "x"}, 1) == "Xxx");
    CHECK(augment("ab x", CharacterNoise{.substitute = 1, .alphabet = "-"}, 1) == "-- x");
    CHECK(augment("ab abc", CharacterNoise{.erase = 1, .min_word = 3}, 1) == "ab c");
    CHECK(augment(sample, CharacterNoise{}, 1) == sample);
    CHECK(utf8_count(augment(sample, CharacterNoise{.insert = 1, .most = 3}, 1)) == utf8_count(sample) + 3);
}

TEST_CASE("augment: keyboard errors hit the key beside", "[text]") {
    const std::pair<char, std::string> keys[] = {{'q', "aw"},  {'g', "bfhtyv"}, {'a', "qswz"}, {'p', "lo"}, {'l', "kop"},
                                                 {'m', "jkn"}, {'z', "asx"},    {'5', "46"},   {'0', "9"}};
    for (const auto& [key, expected] : keys) {
        auto found = detail::text::keyboard_neighbours(key), wanted = expected;
        std::sort(found.begin(), found.end());
        std::sort(wanted.begin(), wanted.end());
        CHECK(found == wanted);
    }
    std::set<std::string> results;
    for (std::uint64_t seed = 0; seed < 60; ++seed) results.insert(augment("\u00e9Q", CharacterNoise{.substitute = 1, .keyboard = true}, seed));
    CHECK(results == std::set<std::string>{"\u00e9A", "\u00e9W"});
}

TEST_CASE("augment: steps follow each other, each with its probability and its own seed", "[text]") {
    const std::vector<Augmentation> steps{{CharacterNoise{.swap = 0.2}, 0.5},
                                          WordSwap{.probability = 0.2},
                                          {[](std::string_view text, std::uint64_t) { return "[" + std::string(text) + "]"; }, 0.25}};
    int bracketed = 0;
    std::set<std::string> results;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        const auto text = augment(sample, steps, seed);
        bracketed += text[0] == '[';
        results.insert(text);
        if (seed < 20) CHECK(augment(sample, steps, seed) == text);
    }
    CHECK(std::abs(bracketed - 500) < 5 * 19.4);
    CHECK(results.size() > 1600);
    CHECK(augment(sample, std::vector<Augmentation>{}, 1) == sample);
    CHECK(augment(sample, {{WordSwap{.probability = 1}, 0.0}, {WordDropout{}, 0.0}}, 1) == sample);

    // The second of two equal steps draws anew.
    const auto letters = [](std::string_view text, std::uint64_t seed) { return std::string(text) + std::to_string(seed); };
    const auto both = augment("", std::vector<Augmentation>{letters, letters}, 9);
    CHECK(both.substr(0, both.size() / 2) != both.substr(both.size() / 2));
}

TEST_CASE("augment: bad options and texts are refused", "[text]") {
    const double bad[] = {-0.1, 1.1, std::nan("")};
    for (const double p : bad) {
        CHECK_ERROR(augment("a b", WordDropout{.probability = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", WordSwap{.probability = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", SynonymReplacement{.probability = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", SynonymInsertion{.probability = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", CharacterNoise{.swap = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", CharacterNoise{.erase = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", CharacterNoise{.insert = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(augment("a b", CharacterNoise{.substitute = p}, 1), ErrorCode::invalid_argument);
        CHECK_ERROR(Augmentation(WordSwap{}, p), ErrorCode::invalid_argument);
    }
    CHECK_ERROR(augment("a", CharacterNoise{.swap = 0.6, .erase = 0.6}, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(augment("a", CharacterNoise{.insert = 0.6, .alphabet = ""}, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(augment("a", CharacterNoise{.insert = 0.6, .alphabet = "\xff"}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("a", WordDropout{.least = 2, .most = 1}, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(augment("a", WordSwap{.least = 2, .most = 1}, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(augment("\xff", WordDropout{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", WordSwap{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", WordShuffle{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", SentenceShuffle{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", SynonymReplacement{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", SynonymInsertion{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", CharacterNoise{}, 1), ErrorCode::bad_text);
    CHECK_ERROR(augment("\xff", std::vector<Augmentation>{}, 1), ErrorCode::bad_text);
}
