// Seeds of a unigram vocabulary: the substrings of words that are worth a first try, found by sorting suffixes.
//
// Sorted by their first max_length characters, suffixes that begin alike stand together: each run of them that shares d characters, and no
// longer run shares as many, is a substring of d characters that cannot be made longer without becoming rarer (an inner node of the suffix tree,
// or a whole rest of a word). Of those that occur at least twice, the `limit` of the highest count · length stay (Kudo 2018, section 3.2;
// there, and in SentencePiece, distinct words are counted; here each as often as it occurs).
//
// Sorting reads as many characters at once as a 64-bit key holds; finding the runs is one pass with a stack.
#pragma once

#include "tercet/core/parallel.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace tercet::inline TERCET_ABI::detail::text {

// Words, or the parts of them that the alphabet covers, as symbols 1 … one after the other with a 0 behind each.
struct SymbolText {
    struct Part {
        std::size_t begin;
        std::uint32_t size;
        double count;
    };
    std::vector<std::uint32_t> symbols;
    std::vector<Part> parts;
    std::uint32_t top = 0;  // the largest symbol
};

struct SuffixRun {
    std::size_t first, last;  // [first, last) of the sorted suffixes
    std::uint32_t length;     // characters that they share
    double count;
};

struct Seeds {
    std::vector<std::uint32_t> suffixes;  // where each begins in the text, sorted
    std::vector<SuffixRun> runs;          // shorter ones before the longer ones within them
};

// Positions of all symbols but the 0s, sorted by the max_length symbols from there; equal ones by position.
inline std::vector<std::uint32_t> sort_suffixes(const SymbolText& text, std::size_t max_length) {
    struct Suffix {
        std::uint64_t key;
        std::uint32_t at;
    };
    const auto& s = text.symbols;
    const auto bits = static_cast<std::size_t>(std::bit_width(text.top));
    const std::size_t in_key = std::min(max_length, 64 / bits);
    std::vector<std::size_t> bucket(static_cast<std::size_t>(text.top) + 2);  // where the suffixes of each first symbol begin
    for (const auto symbol : s) {
        if (symbol != 0) ++bucket[symbol + 1];
    }
    for (std::size_t i = 1; i < bucket.size(); ++i) bucket[i] += bucket[i - 1];
    std::vector<Suffix> sorted(bucket.back());
    auto next = bucket;
    std::uint64_t key = 0;  // the first in_key symbols, a 0 and what follows it as 0
    for (std::size_t i = s.size(); i-- > 0;) {
        key = s[i] == 0 ? 0 : key >> bits | static_cast<std::uint64_t>(s[i]) << bits * (in_key - 1);
        if (s[i] != 0) sorted[next[s[i]]++] = {key, static_cast<std::uint32_t>(i)};
    }
    const auto less = [&](const Suffix& a, const Suffix& b) {
        if (a.key != b.key) return a.key < b.key;
        if ((a.key & ((std::uint64_t{1} << bits) - 1)) != 0) {
            for (std::size_t i = in_key; i < max_length; ++i) {
                const auto x = s[a.at + i], y = s[b.at + i];
                if (x != y) return x < y;
                if (x == 0) break;
            }
        }
        return a.at < b.at;
    };
    parallel_for(static_cast<index_t>(text.top), [&](index_t tile) {
        const auto symbol = static_cast<std::size_t>(tile) + 1;
        std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(bucket[symbol]), sorted.begin() + static_cast<std::ptrdiff_t>(bucket[symbol + 1]),
                  less);
    });
    std::vector<std::uint32_t> out(sorted.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = sorted[i].at;
    return out;
}

// How many symbols two places share, at most max_length.
inline std::uint32_t shared_symbols(std::span<const std::uint32_t> s, std::size_t a, std::size_t b, std::uint32_t max_length) {
    std::uint32_t n = 0;
    while (n < max_length && s[a + n] == s[b + n] && s[a + n] != 0) ++n;
    return n;
}

// Seeds of two characters and more. The text has fewer than 2^32 symbols.
inline Seeds find_seeds(const SymbolText& text, std::uint32_t max_length, std::size_t limit) {
    Seeds out;
    if (text.top == 0) return out;
    out.suffixes = sort_suffixes(text, max_length);
    const auto& s = text.symbols;
    std::vector<double> weight(s.size());  // of each position: its word's count
    std::vector<std::uint32_t> rest(s.size());
    for (const auto& part : text.parts) {
        for (std::uint32_t i = 0; i < part.size; ++i) {
            weight[part.begin + i] = part.count;
            rest[part.begin + i] = std::min(max_length, part.size - i);
        }
    }
    struct Open {
        std::size_t first;
        std::uint32_t length;
        double before;  // the weight of all suffixes in front of the run
    };
    std::vector<Open> open{{0, 0, 0}};
    double sum = 0;
    for (std::size_t i = 0; i <= out.suffixes.size(); ++i) {
        const bool end = i == out.suffixes.size();
        const std::uint32_t shared = i == 0 || end ? 0 : shared_symbols(s, out.suffixes[i - 1], out.suffixes[i], max_length);
        Open run{i, shared, sum};
        while (open.back().length > shared) {
            const Open closed = open.back();
            open.pop_back();
            if (closed.length >= 2 && sum - closed.before >= 2) out.runs.push_back({closed.first, i, closed.length, sum - closed.before});
            run.first = closed.first;
            run.before = closed.before;
        }
        if (open.back().length < shared) open.push_back(run);
        if (end) break;
        if (open.back().length < rest[out.suffixes[i]]) open.push_back({i, rest[out.suffixes[i]], sum});
        sum += weight[out.suffixes[i]];
    }
    if (out.runs.size() > limit) {
        const auto score = [](const SuffixRun& run) { return run.count * run.length; };
        std::stable_sort(out.runs.begin(), out.runs.end(), [&](const auto& a, const auto& b) { return score(a) > score(b); });
        out.runs.resize(limit);
    }
    std::sort(out.runs.begin(), out.runs.end(),
              [](const SuffixRun& a, const SuffixRun& b) { return a.first != b.first ? a.first < b.first : a.length < b.length; });
    return out;
}

}  // namespace tercet::inline TERCET_ABI::detail::text
