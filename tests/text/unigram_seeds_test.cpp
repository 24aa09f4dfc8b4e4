#include "tercet/text/unigram_seeds.hpp"

#include "tercet/core/random.hpp"

#include "support/catch.hpp"

#include <map>

using namespace tercet;
using detail::text::SymbolText;

namespace {

using Symbols = std::vector<std::uint32_t>;

SymbolText text_of(const std::vector<std::pair<Symbols, double>>& words) {
    SymbolText text;
    for (const auto& [word, count] : words) {
        text.parts.push_back({text.symbols.size(), static_cast<std::uint32_t>(word.size()), count});
        for (const auto symbol : word) text.top = std::max(text.top, symbol);
        text.symbols.insert(text.symbols.end(), word.begin(), word.end());
        text.symbols.push_back(0);
    }
    return text;
}

std::map<Symbols, double> found(const SymbolText& text, std::uint32_t max_length, std::size_t limit) {
    const auto seeds = detail::text::find_seeds(text, max_length, limit);
    std::map<Symbols, double> out;
    for (const auto& run : seeds.runs) {
        const auto begin = text.symbols.begin() + seeds.suffixes[run.first];
        const Symbols piece(begin, begin + run.length);
        CHECK_FALSE(out.contains(piece));
        out[piece] = run.count;
        for (std::size_t i = run.first; i < run.last; ++i) {  // every suffix of the run begins with the piece
            const auto at = text.symbols.begin() + seeds.suffixes[i];
            CHECK(std::equal(piece.begin(), piece.end(), at));
        }
    }
    return out;
}

// Substrings of two symbols and more that occur twice and become rarer by any symbol that follows.
std::map<Symbols, double> expected(const std::vector<std::pair<Symbols, double>>& words, std::size_t max_length) {
    std::map<Symbols, double> all, out;
    for (const auto& [word, count] : words) {
        for (std::size_t i = 0; i < word.size(); ++i) {
            for (std::size_t n = 1; n <= max_length && i + n <= word.size(); ++n)
                all[Symbols(word.begin() + static_cast<std::ptrdiff_t>(i), word.begin() + static_cast<std::ptrdiff_t>(i + n))] += count;
        }
    }
    for (const auto& [piece, count] : all) {
        bool longer = false;
        for (const auto& [other, n] : all)
            longer |= other.size() == piece.size() + 1 && n == count && std::equal(piece.begin(), piece.end(), other.begin());
        if (piece.size() >= 2 && count >= 2 && !longer) out[piece] = count;
    }
    return out;
}

}  // namespace

TEST_CASE("unigram seeds: they are the substrings that cannot be made longer without becoming rarer, with their counts", "[text]") {
    Generator random(3);
    for (int round = 0; round < 100; ++round) {
        // Large symbols make the sort's keys hold few of them, so that it reads beyond.
        const auto base = static_cast<std::uint32_t>(round % 3 == 0 ? 0 : round % 3 == 1 ? 100 : 1000000);
        std::vector<std::pair<Symbols, double>> words;
        for (std::uint64_t w = 0, n = 1 + random.below(6); w < n; ++w) {
            Symbols word;
            for (std::uint64_t i = 0, size = 1 + random.below(14); i < size; ++i)
                word.push_back(base + 1 + static_cast<std::uint32_t>(random.below(2)));
            words.emplace_back(word, static_cast<double>(1 + random.below(3)));
        }
        const std::size_t max_length = 1 + random.below(9);
        CHECK(found(text_of(words), static_cast<std::uint32_t>(max_length), 1000) == expected(words, max_length));
    }
}

TEST_CASE("unigram seeds: a limit keeps those of the highest count times length", "[text]") {
    const auto text =
        text_of({{{1, 2, 3, 4}, 5}, {{1, 2}, 4}, {{5, 6, 7}, 6}});  // 1 2 nine times, 1 2 3 4 five, 2 3 4 five, 3 4 five, 5 6 7 six, 6 7 six
    CHECK(found(text, 16, 3) == std::map<Symbols, double>{{{1, 2}, 9}, {{1, 2, 3, 4}, 5}, {{5, 6, 7}, 6}});
    CHECK(found(text, 16, 0).empty());
}

TEST_CASE("unigram seeds: without words and without words of two symbols there are none", "[text]") {
    CHECK(found({}, 16, 100).empty());
    CHECK(found(text_of({{{1}, 9}, {{2}, 9}}), 16, 100).empty());
}
