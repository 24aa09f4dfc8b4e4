// The same text about the other group: words that name one are exchanged for those that name the other. Where a model judges both texts alike, the
// group made no difference to it (Garg et al. 2019); a model that learns from both sees the groups equally often (Lu et al. 2020, "Gender Bias in
// Neural Natural Language Processing", section 4: counterfactual data augmentation).
//
//   const WordExchange exchange({{"he", "she"}, {"his", "her"}, {"man", "woman"}});
//   exchange("He told a woman his name.").text == "She told a man her name."
//
// Which words name a group is the user's to say. A word that stands for two, as "her" for "his" and "him", goes back to the first pair that has it.
#pragma once

#include "tercet/text/words.hpp"

#include <unordered_map>

namespace tercet::inline TERCET_ABI {

struct ExchangedText {
    std::string text;
    std::size_t exchanged = 0;  // words
};

class WordExchange {
public:
    /// Pairs of words, each for the other, compared without case. Throws invalid_argument for what is not one word, and bad_text.
    explicit WordExchange(const std::vector<std::pair<std::string, std::string>>& pairs) {
        for (const auto& [one, other] : pairs) {
            for (const auto& word : {one, other}) {
                const auto words = words_of(word);
                require(words.size() == 1 && words[0].size() == word.size(), ErrorCode::invalid_argument, "word exchange: '", word,
                        "' is not one word");
            }
            partner_.try_emplace(fold_word(one), other);
            partner_.try_emplace(fold_word(other), one);
        }
    }

    /// The text with each of these words exchanged, written with a capital or in capitals where it was. Throws bad_text.
    ExchangedText operator()(std::string_view text) const {
        require_utf8(text, "word exchange");
        ExchangedText out;
        detail::text::cut_words(text, [&](std::string_view piece, bool word) {
            const auto found = word ? partner_.find(fold_word(piece)) : partner_.end();
            if (found == partner_.end()) {
                out.text += piece;
                return;
            }
            out.text += written_as(piece, found->second);
            ++out.exchanged;
        });
        return out;
    }

private:
    static bool is_capital(char32_t c) { return to_lower(c).first != c; }
    // Capitals of a to z; other letters stay as the pair has them.
    static std::string written_as(std::string_view pattern, std::string word) {
        const auto points = utf8_points(pattern);
        const bool first = !points.empty() && is_capital(points.front());
        const bool all = first && points.size() > 1 && std::all_of(points.begin(), points.end(), is_capital);
        for (std::size_t i = 0; i < (all ? word.size() : first ? std::min<std::size_t>(1, word.size()) : 0); ++i)
            if (word[i] >= 'a' && word[i] <= 'z') word[i] = static_cast<char>(word[i] - 'a' + 'A');
        return word;
    }

    std::unordered_map<std::string, std::string> partner_;
};

/// The texts, and behind them the counterpart of each that has one, with its number among the texts.
struct CounterfactualTexts {
    std::vector<std::string> texts;
    std::vector<std::size_t> origin;  // of each text: the number of the one it was made from, its own for those that were given
};

/// Throws bad_text.
inline CounterfactualTexts with_counterfactuals(std::vector<std::string> texts, const WordExchange& exchange) {
    CounterfactualTexts out{std::move(texts), {}};
    const std::size_t given = out.texts.size();
    for (std::size_t i = 0; i < given; ++i) out.origin.push_back(i);
    for (std::size_t i = 0; i < given; ++i) {
        auto other = exchange(out.texts[i]);
        if (other.exchanged == 0) continue;
        out.texts.push_back(std::move(other.text));
        out.origin.push_back(i);
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
