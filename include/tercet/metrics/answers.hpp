// Measures of short answers to questions (Rajpurkar et al. 2016, SQuAD, section 6.1): whether the answer is the expected one, and how many words they
// share. Before they are compared, both are lower-cased, lose punctuation and the articles a, an and the, and have single spaces.
//
//   precision = shared / words of the answer        recall = shared / words of the truth        F1 = 2 · shared / (both)
#pragma once

#include "tercet/core/error.hpp"
#include "tercet/text/unicode.hpp"
#include "tercet/text/utf8.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// The words that count of an answer. Throws bad_text unless it is UTF-8.
inline std::vector<std::string> answer_words(std::string_view text) {
    constexpr std::u32string_view punctuation = U"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    // An article goes where it stands between characters that are no letters or numbers: a run of those is a piece, and a word may have several.
    std::vector<std::string> words;
    std::string word, piece;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    const auto end_piece = [&] {
        if (piece == "a" || piece == "an" || piece == "the") end_word();
        else word += piece;
        piece.clear();
    };
    for (const char32_t point : utf8_points(text)) {
        if (punctuation.find(point) != std::u32string_view::npos) continue;
        const auto lower = to_lower(point);
        for (const char32_t c : {lower.first, lower.second}) {
            if (c == 0) continue;
            if (is_letter(c) || is_number(c)) {
                utf8_append(piece, c);
                continue;
            }
            end_piece();
            if (is_space(c)) end_word();
            else utf8_append(word, c);
        }
    }
    end_piece();
    end_word();
    return words;
}

/// The answer as it is compared.
inline std::string normalized_answer(std::string_view text) {
    std::string out;
    for (const auto& word : answer_words(text)) out += (out.empty() ? "" : " ") + word;
    return out;
}

/// 1 where both are the same after normalisation, else 0.
inline double exact_match(std::string_view answer, std::string_view truth) {
    return answer_words(answer) == answer_words(truth) ? 1 : 0;
}

/// F1 of the words that both have, each as often as it stands in both. Of two empty answers 1.
inline double token_f1(std::string_view answer, std::string_view truth) {
    const auto given = answer_words(answer), expected = answer_words(truth);
    if (given.empty() || expected.empty()) return given.empty() && expected.empty() ? 1 : 0;
    std::map<std::string_view, index_t> left;
    for (const auto& word : expected) ++left[word];
    index_t shared = 0;
    for (const auto& word : given)
        if (auto at = left.find(word); at != left.end() && at->second > 0) --at->second, ++shared;
    return 2 * static_cast<double>(shared) / static_cast<double>(given.size() + expected.size());
}

/// The best of several accepted answers, by exact_match or token_f1.
template <class Measure>
double best_of_truths(const Measure& measure, std::string_view answer, std::span<const std::string> truths) {
    double best = 0;
    for (const auto& truth : truths) best = std::max(best, measure(answer, std::string_view(truth)));
    return best;
}

}  // namespace tercet::inline TERCET_ABI
