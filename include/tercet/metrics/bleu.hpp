// BLEU (Papineni et al. 2002), as sacreBLEU computes it (Post 2018): how many runs of one to four words of a translation stand in its references.
//
//   p_n = runs of n words that a reference has too, each as often as in the reference that has it most / runs of n words
//   BLEU = 100 · BP · (p_1 p_2 p_3 p_4)^¼             BP = min(1, e^(1 − r / c))
//
// with c the words of the translations and r those of the references that are nearest in length. Counts are added up over the whole corpus. A score
// of one sentence has empty counts, so it is smoothed (Chen & Cherry 2014), and taken of as many n as the sentence is long.
#pragma once

#include "tercet/metrics/words.hpp"

#include <cmath>
#include <cstdint>
#include <span>

namespace tercet::inline TERCET_ABI {

/// What words are: as mteval-v13a cuts them, punctuation by itself; or what stands between white space.
enum class BleuWords : std::uint8_t { v13a, at_space };
/// What becomes of a p_n without a match: halved with each of them (NIST), a number instead of none, a number added to both counts of n > 1, or 0.
enum class BleuSmoothing : std::uint8_t { exponential, floor, add, none };

struct BleuOptions {
    BleuWords words = BleuWords::v13a;
    BleuSmoothing smoothing = BleuSmoothing::exponential;
    double smoothing_value = -1;  // below 0: 0.1 for floor, 1 for add
    std::size_t longest_run = 4;
    bool lowercase = false;
    bool effective_order = false;  // leave out the n that there are no runs of: for sentences
};

struct BleuScore {
    double score = 0;                  // 0 … 100
    std::vector<double> precisions{};  // p_n, in percent
    double brevity_penalty = 1;
    index_t words = 0, reference_words = 0;
    std::vector<double> matches{}, runs{};  // of each n
};

namespace detail {

// The words of mteval-v13a, with single spaces between them.
inline std::string tokenized_13a(std::string_view text) {
    std::string line(text);
    const auto replace = [&](std::string_view from, std::string_view to) {
        for (std::size_t at = 0; (at = line.find(from, at)) != std::string::npos; at += to.size()) line.replace(at, from.size(), to);
    };
    replace("<skipped>", "");
    replace("-\n", "");
    replace("\n", " ");
    replace("&quot;", "\"");
    replace("&amp;", "&");
    replace("&lt;", "<");
    replace("&gt;", ">");
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto is_point = [](char c) { return c == '.' || c == ','; };
    // Each step goes over the line once; where two characters are one match, the second is not looked at again.
    const auto step = [&](const auto& pair, std::string_view before, std::string_view between, std::string_view after) {
        std::string out;
        for (std::size_t i = 0; i < line.size();) {
            if (i + 1 < line.size() && pair(line[i], line[i + 1])) {
                out += before;
                out += line[i];
                out += between;
                out += line[i + 1];
                out += after;
                i += 2;
            } else {
                out += line[i++];
            }
        }
        line = std::move(out);
    };
    std::string spaced = " ";
    for (const char c : line) {
        const bool alone = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
                           (c >= ':' && c <= '@') || c == '/';
        if (alone) spaced += ' ';
        spaced += c;
        if (alone) spaced += ' ';
    }
    line = spaced + ' ';
    step([&](char a, char b) { return !is_digit(a) && is_point(b); }, "", " ", " ");
    step([&](char a, char b) { return is_point(a) && !is_digit(b); }, " ", " ", "");
    step([&](char a, char b) { return is_digit(a) && b == '-'; }, "", " ", " ");
    std::string words;
    for (const auto& word : split_at_space(line)) words += (words.empty() ? "" : " ") + word;
    return words;
}

}  // namespace detail

/// Counts of translations against their references, and the score of all of them.
class Bleu {
public:
    /// Throws invalid_argument for no longest run.
    explicit Bleu(const BleuOptions& options = {}) : options_(options), matches_(options.longest_run, 0), runs_(options.longest_run, 0) {
        require(options.longest_run >= 1, ErrorCode::invalid_argument, "bleu: runs of ", options.longest_run, " words");
    }

    /// One more translation. Throws invalid_argument without references, and bad_text for what is not UTF-8.
    void add(std::string_view translation, std::span<const std::string> references) {
        require(!references.empty(), ErrorCode::invalid_argument, "bleu: a translation without a reference");
        const auto words = words_of(translation);
        std::vector<std::vector<std::string>> truths;
        for (const auto& reference : references) truths.push_back(words_of(reference));
        for (std::size_t n = 1; n <= options_.longest_run; ++n) {
            const auto runs = detail::count_runs(words, n);
            detail::RunCounts most;
            for (const auto& truth : truths)
                for (const auto& [run, count] : detail::count_runs(truth, n)) {
                    auto& seen = most[run];
                    seen = std::max(seen, count);
                }
            matches_[n - 1] += static_cast<double>(detail::shared_runs(runs, most));
            runs_[n - 1] += static_cast<double>(words.size() >= n ? words.size() - n + 1 : 0);
        }
        const auto length = static_cast<index_t>(words.size());
        index_t nearest = static_cast<index_t>(truths[0].size());
        for (const auto& truth : truths) {  // of two that are as near, the shorter
            const auto other = static_cast<index_t>(truth.size()), apart = std::abs(other - length), so_far = std::abs(nearest - length);
            if (apart < so_far || (apart == so_far && other < nearest)) nearest = other;
        }
        words_ += length;
        reference_words_ += nearest;
    }
    void add(std::string_view translation, std::string_view reference) {
        const std::string one(reference);
        add(translation, std::span(&one, 1));
    }

    BleuScore score() const {
        BleuScore s{0, std::vector<double>(matches_.size(), 0), 1, words_, reference_words_, matches_, runs_};
        if (words_ < reference_words_)
            s.brevity_penalty = words_ > 0 ? std::exp(1 - static_cast<double>(reference_words_) / static_cast<double>(words_)) : 0;
        if (std::all_of(matches_.begin(), matches_.end(), [](double m) { return m == 0; })) return s;
        const bool given = options_.smoothing_value >= 0;
        double halved = 1;
        std::size_t order = matches_.size();
        for (std::size_t n = 0; n < matches_.size(); ++n) {
            if (options_.smoothing == BleuSmoothing::add && n > 0) {
                s.matches[n] += given ? options_.smoothing_value : 1;
                s.runs[n] += given ? options_.smoothing_value : 1;
            }
            if (s.runs[n] == 0) break;
            if (options_.effective_order) order = n + 1;
            if (s.matches[n] > 0) s.precisions[n] = 100 * s.matches[n] / s.runs[n];
            else if (options_.smoothing == BleuSmoothing::exponential) s.precisions[n] = 100 / ((halved *= 2) * s.runs[n]);
            else if (options_.smoothing == BleuSmoothing::floor) s.precisions[n] = 100 * (given ? options_.smoothing_value : 0.1) / s.runs[n];
        }
        double logs = 0;
        for (std::size_t n = 0; n < order; ++n) logs += s.precisions[n] > 0 ? std::log(s.precisions[n]) : -9999999999.0;
        s.score = s.brevity_penalty * std::exp(logs / static_cast<double>(order));
        return s;
    }

private:
    std::vector<std::string> words_of(std::string_view text) const {
        const std::string line = options_.lowercase ? detail::lower_case(text) : std::string(text);
        return detail::split_at_space(options_.words == BleuWords::v13a ? detail::tokenized_13a(line) : line);
    }

    BleuOptions options_;
    std::vector<double> matches_, runs_;
    index_t words_ = 0, reference_words_ = 0;
};

/// The score of one translation, of as many n as it is long. Throws as Bleu::add().
inline BleuScore sentence_bleu(std::string_view translation, std::span<const std::string> references, BleuOptions options = {}) {
    options.effective_order = true;
    Bleu bleu(options);
    bleu.add(translation, references);
    return bleu.score();
}

}  // namespace tercet::inline TERCET_ABI
