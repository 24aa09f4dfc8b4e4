// ROUGE (Lin 2004), for summaries: which of the reference's words a summary has, and which of the summary's are the reference's.
//
//   ROUGE-N     runs of n words that both have                                   (section 2)
//   ROUGE-L     the longest sequence of words that both have in the same order  (section 3.1)
//   ROUGE-Lsum  each sentence, a line, of the reference against all of the summary's: the union of those sequences (section 3.2)
//
// Words are runs of a to z and 0 to 9 after lower-casing. Values are as the package rouge_score has them, without stemming.
#pragma once

#include "tercet/metrics/words.hpp"

#include <cstdint>
#include <map>

namespace tercet::inline TERCET_ABI {

struct RougeScore {
    double precision = 0, recall = 0, f1 = 0;
};

namespace detail {

inline RougeScore rouge_score(double shared, std::size_t ours, std::size_t theirs) {
    RougeScore s{ours == 0 ? 0 : shared / static_cast<double>(ours), theirs == 0 ? 0 : shared / static_cast<double>(theirs)};
    s.f1 = harmonic_mean(s.precision, s.recall);
    return s;
}

inline std::vector<std::string> rouge_words(std::string_view text) {
    std::vector<std::string> words;
    bool inside = false;
    for (const char c : lower_case(text)) {
        const bool counts = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (counts && !inside) words.emplace_back();
        if (counts) words.back() += c;
        inside = counts;
    }
    return words;
}

// Lengths of the longest common sequences of all beginnings of a and b: (|a| + 1) rows of |b| + 1.
inline std::vector<std::uint32_t> common_lengths(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    const std::size_t row = b.size() + 1;
    std::vector<std::uint32_t> lengths((a.size() + 1) * row, 0);
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j)
            lengths[i * row + j] =
                a[i - 1] == b[j - 1] ? lengths[(i - 1) * row + j - 1] + 1 : std::max(lengths[(i - 1) * row + j], lengths[i * row + j - 1]);
    return lengths;
}

// Marks the words of a that are in a longest common sequence with b.
inline void mark_common(std::vector<bool>& marked, const std::vector<std::string>& a, const std::vector<std::string>& b) {
    const auto lengths = common_lengths(a, b);
    const std::size_t row = b.size() + 1;
    for (std::size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
        if (a[i - 1] == b[j - 1]) marked[--i] = true, --j;
        else if (lengths[i * row + j - 1] > lengths[(i - 1) * row + j]) --j;
        else --i;
    }
}

inline std::vector<std::vector<std::string>> rouge_lines(std::string_view text) {
    std::vector<std::vector<std::string>> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0) lines.push_back(rouge_words(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace detail

/// Throws invalid_argument for runs of no words, and bad_text for what is not UTF-8.
inline RougeScore rouge_n(std::string_view summary, std::string_view reference, std::size_t n) {
    require(n >= 1, ErrorCode::invalid_argument, "rouge: runs of ", n, " words");
    const auto ours = detail::rouge_words(summary), theirs = detail::rouge_words(reference);
    const auto runs = [n](const std::vector<std::string>& words) { return words.size() >= n ? words.size() - n + 1 : 0; };
    return detail::rouge_score(static_cast<double>(detail::shared_runs(detail::count_runs(ours, n), detail::count_runs(theirs, n))), runs(ours),
                               runs(theirs));
}

/// Throws bad_text for what is not UTF-8.
inline RougeScore rouge_l(std::string_view summary, std::string_view reference) {
    const auto ours = detail::rouge_words(summary), theirs = detail::rouge_words(reference);
    return detail::rouge_score(static_cast<double>(detail::common_lengths(theirs, ours).back()), ours.size(), theirs.size());
}

/// A word of either text counts once. Throws bad_text for what is not UTF-8.
inline RougeScore rouge_l_sum(std::string_view summary, std::string_view reference) {
    const auto ours = detail::rouge_lines(summary), theirs = detail::rouge_lines(reference);
    std::map<std::string, index_t> left_of_ours, left_of_theirs;
    std::size_t our_words = 0, their_words = 0;
    for (const auto& line : ours)
        for (const auto& word : line) ++left_of_ours[word], ++our_words;
    for (const auto& line : theirs)
        for (const auto& word : line) ++left_of_theirs[word], ++their_words;
    double shared = 0;
    for (const auto& line : theirs) {
        std::vector<bool> marked(line.size(), false);
        for (const auto& other : ours) detail::mark_common(marked, line, other);
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (!marked[i]) continue;
            auto &mine = left_of_ours[line[i]], &other = left_of_theirs[line[i]];
            if (mine > 0 && other > 0) --mine, --other, ++shared;
        }
    }
    return detail::rouge_score(shared, our_words, their_words);
}

}  // namespace tercet::inline TERCET_ABI
