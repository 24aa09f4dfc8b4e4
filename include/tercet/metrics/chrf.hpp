// chrF (Popović 2015) and chrF++ (Popović 2017), as sacreBLEU computes them: runs of one to six characters, and of words, that translation and
// reference share.
//
//   chrF = 100 · (1 + β²) P R / (β² P + R),      P and R the means over n of the shares of runs that match
#pragma once

#include "tercet/metrics/words.hpp"

#include <array>
#include <span>

namespace tercet::inline TERCET_ABI {

struct ChrfOptions {
    std::size_t characters = 6;  // the longest runs of characters
    std::size_t words = 0;       // and of words: 2 for chrF++
    double beta = 2;             // how much recall counts against precision
    bool lowercase = false;
    bool white_space = false;  // is a character, too
};

/// Counts of translations against their references, and the score of all of them.
class Chrf {
public:
    explicit Chrf(const ChrfOptions& options = {}) : options_(options), counts_(options.characters + options.words) {}

    /// One more translation; of several references the one that gives it the best score counts. Throws invalid_argument without references, and
    /// bad_text for what is not UTF-8.
    void add(std::string_view translation, std::span<const std::string> references) {
        require(!references.empty(), ErrorCode::invalid_argument, "chrf: a translation without a reference");
        const Runs runs(translation, options_);
        std::vector<Counts> best;
        double best_score = -1;
        for (const auto& reference : references) {
            auto counts = compare(runs, Runs(reference, options_));
            if (const double score = score_of(counts); score > best_score) {
                best_score = score;
                best = std::move(counts);
            }
        }
        for (std::size_t n = 0; n < counts_.size(); ++n)
            for (std::size_t i = 0; i < 3; ++i) counts_[n][i] += best[n][i];
    }
    void add(std::string_view translation, std::string_view reference) {
        const std::string one(reference);
        add(translation, std::span(&one, 1));
    }
    /// 0 … 100.
    double score() const { return score_of(counts_); }

private:
    using Counts = std::array<double, 3>;  // runs of the translation, of the reference, and those of both

    // The runs of a text, each n by itself.
    struct Runs {
        std::vector<detail::RunCounts> orders;  // of characters, then of words

        Runs(std::string_view text, const ChrfOptions& options) {
            const std::string line = options.lowercase ? detail::lower_case(text) : std::string(text);
            std::vector<std::string> characters, words;
            for (const char32_t c : utf8_points(line))
                if (options.white_space || !detail::separates(c)) utf8_append(characters.emplace_back(), c);
            if (options.words > 0)
                for (const auto& word : detail::split_at_space(line)) without_punctuation(word, words);
            for (std::size_t n = 1; n <= options.characters; ++n) orders.push_back(detail::count_runs(characters, n));
            for (std::size_t n = 1; n <= options.words; ++n) orders.push_back(detail::count_runs(words, n));
        }
        // A mark at the end of a word, or else at its beginning, is a word of its own.
        static void without_punctuation(const std::string& word, std::vector<std::string>& pieces) {
            constexpr std::string_view marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
            const bool several = utf8_points(word).size() > 1;
            if (several && marks.find(word.back()) != std::string_view::npos) {
                pieces.push_back(word.substr(0, word.size() - 1));
                pieces.push_back(word.substr(word.size() - 1));
            } else if (several && marks.find(word.front()) != std::string_view::npos) {
                pieces.push_back(word.substr(0, 1));
                pieces.push_back(word.substr(1));
            } else {
                pieces.push_back(word);
            }
        }
    };
    static std::vector<Counts> compare(const Runs& translation, const Runs& reference) {
        const auto total = [](const detail::RunCounts& runs) {
            index_t sum = 0;
            for (const auto& [run, count] : runs) sum += count;
            return static_cast<double>(sum);
        };
        std::vector<Counts> counts;
        for (std::size_t n = 0; n < translation.orders.size(); ++n) {
            const auto &ours = translation.orders[n], &theirs = reference.orders[n];
            counts.push_back({theirs.empty() ? 0 : total(ours), total(theirs), static_cast<double>(detail::shared_runs(ours, theirs))});
        }
        return counts;
    }
    double score_of(const std::vector<Counts>& counts) const {
        double precision = 0, recall = 0, orders = 0;
        for (const auto& [ours, theirs, both] : counts) {
            if (ours == 0 || theirs == 0) continue;
            precision += both / ours;
            recall += both / theirs;
            ++orders;
        }
        if (precision + recall == 0) return 0;
        precision /= orders;
        recall /= orders;
        const double weight = options_.beta * options_.beta;
        return 100 * (1 + weight) * precision * recall / (weight * precision + recall);
    }

    ChrfOptions options_;
    std::vector<Counts> counts_;
};

}  // namespace tercet::inline TERCET_ABI
