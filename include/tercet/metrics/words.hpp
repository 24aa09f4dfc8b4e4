// Text as the measures of generated text take it: pieces between white space, lower case, and counts of runs of pieces.
#pragma once

#include "tercet/text/words.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tercet::inline TERCET_ABI::detail {

// White space as Python's str.split() sees it: Unicode's, and the four separators of ASCII.
inline bool separates(char32_t c) {
    return is_space(c) || (c >= 0x1c && c <= 0x1f);
}

// Pieces of a text between white space. Throws bad_text unless it is UTF-8.
inline std::vector<std::string> split_at_space(std::string_view text) {
    std::vector<std::string> pieces;
    bool inside = false;
    for (const char32_t c : utf8_points(text)) {
        if (separates(c)) {
            inside = false;
            continue;
        }
        if (!inside) pieces.emplace_back();
        inside = true;
        utf8_append(pieces.back(), c);
    }
    return pieces;
}

// Throws bad_text unless it is UTF-8.
inline std::string lower_case(std::string_view line) {
    require_utf8(line, "lower case");
    return text::lowercased(line);
}

// How often each run of n pieces occurs. A run's key is its pieces, each behind a byte that is in no text.
using RunCounts = std::unordered_map<std::string, index_t>;

inline RunCounts count_runs(const std::vector<std::string>& pieces, std::size_t n) {
    RunCounts counts;
    std::string run;
    for (std::size_t i = 0; i + n <= pieces.size(); ++i) {
        run.clear();
        for (std::size_t j = i; j < i + n; ++j) (run += '\xff') += pieces[j];
        ++counts[run];
    }
    return counts;
}

// Runs that both have, each as often as it stands in both.
inline index_t shared_runs(const RunCounts& a, const RunCounts& b) {
    index_t shared = 0;
    for (const auto& [run, count] : a)
        if (const auto at = b.find(run); at != b.end()) shared += std::min(count, at->second);
    return shared;
}

inline double harmonic_mean(double a, double b) {
    return a + b > 0 ? 2 * a * b / (a + b) : 0;
}

}  // namespace tercet::inline TERCET_ABI::detail
