#include "tercet/data/stream.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/data/records.hpp"
#include "tercet/text/augment.hpp"
#include "tercet/text/clean.hpp"

#include <algorithm>
#include <numeric>

using namespace tercet;

namespace {

Stream<int> up_to(int n) {
    std::vector<int> numbers(static_cast<std::size_t>(n));
    std::iota(numbers.begin(), numbers.end(), 0);
    return Stream<int>::of(numbers);
}
using Ints = std::vector<int>;

}  // namespace

TEST_CASE("stream: steps are made one element at a time, and only as far as they are asked for") {
    int made = 0;
    auto numbers = up_to(1000)
                       .map([&](int x) {
                           ++made;
                           return x * 3;
                       })
                       .filter([](int x) { return x % 2 == 0; })
                       .skip(1)
                       .take(3);
    CHECK(made == 0);
    CHECK(numbers.next() == 6);
    CHECK(made == 3);
    CHECK(std::move(numbers).to_vector() == Ints{12, 18});
    CHECK(made == 7);
    Ints seen;
    auto others = up_to(4);
    for (const int x : others) seen.push_back(x);
    CHECK(seen == Ints{0, 1, 2, 3});
    CHECK_FALSE(others.next());
    CHECK_FALSE(Stream<int>().next());
}

TEST_CASE("stream: one after the other, and in batches") {
    std::vector<Stream<int>> parts;
    parts.push_back(up_to(2));
    parts.push_back(up_to(0));
    parts.push_back(up_to(3));
    auto batches = concatenate(std::move(parts)).batches(2);
    CHECK(batches.next() == Ints{0, 1});
    CHECK(batches.next() == Ints{0, 1});
    CHECK(batches.next() == Ints{2});
    CHECK_FALSE(batches.next());
}

TEST_CASE("stream: a shuffle gives each element once, by the seed, none long before its turn") {
    const auto shuffled = [](index_t room, std::uint64_t seed) { return up_to(1000).shuffle(room, seed).to_vector(); };
    const auto all = shuffled(1000, 1);
    auto sorted = all;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == up_to(1000).to_vector());
    CHECK(all != sorted);
    CHECK(shuffled(1000, 1) == all);
    CHECK(shuffled(1000, 2) != all);
    const auto near = shuffled(10, 1);
    for (int i = 0; i < 1000; ++i) CHECK(near[static_cast<std::size_t>(i)] <= i + 9);
    CHECK(shuffled(1, 3) == sorted);
    // Each of three orders of two places is as likely: the first element is each of them a third of the time.
    std::vector<int> first(3, 0);
    for (std::uint64_t seed = 0; seed < 3000; ++seed) ++first[static_cast<std::size_t>(*up_to(3).shuffle(3, seed).next())];
    for (const int count : first) CHECK(std::abs(count - 1000) < 120);
}

TEST_CASE("stream: what does not fit is refused, and an error of a step comes through") {
    CHECK_ERROR(up_to(3).shuffle(0, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(up_to(3).batches(0), ErrorCode::invalid_argument);
    auto failing = up_to(3).map([](int x) {
        require(x < 1, ErrorCode::bad_text, "the second");
        return x;
    });
    CHECK(failing.next() == 0);
    CHECK_ERROR(failing.next(), ErrorCode::bad_text);
}

TEST_CASE("stream: texts are cleaned, filtered and changed on their way") {
    const TempDir dir;
    const auto path = dir.write("page", "See  https://example.com\tnow, it is quick\nno\n  A quick,   happy dog ran home. \n");
    const auto through = [&] {
        auto texts = text_lines(path)
                         .map([](const TextLine& line) { return clean_text(line.text, {.urls = "<URL>"}); })
                         .filter([](const std::string& text) { return text.size() >= 5; })
                         .map([n = std::uint64_t{0}](const std::string& text) mutable {
                             static const SynonymTable synonyms{{"quick", {"fast"}}};
                             return augment(text, {{SynonymReplacement{.table = synonyms, .probability = 1}, 1.0}}, ++n);
                         });
        std::vector<std::string> all;
        while (auto text = texts.next()) all.push_back(std::move(*text));
        return all;
    };
    const auto once = through();
    CHECK(once == std::vector<std::string>{"See <URL> now, it is fast", "A fast, happy dog ran home."});
    CHECK(through() == once);
}
