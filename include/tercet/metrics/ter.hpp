// Translation edit rate (Snover et al. 2006), as sacreBLEU computes it: how many words are to be inserted, deleted, replaced, or moved in runs, until
// a translation is its reference, for each word of the reference.
//
// The fewest edits with moves are hard to find. So, as Tercom does: the move that brings the edit distance down most is made, as long as one does;
// only runs are moved that are wrong where they stand, to where the reference has them and the translation does not. Runs have ten words at most, go
// fifty words far, and a thousand moves are tried.
#pragma once

#include "tercet/metrics/words.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>

namespace tercet::inline TERCET_ABI {

namespace detail {

class TranslationEdits {
public:
    using Words = std::vector<std::string>;

    explicit TranslationEdits(const Words& reference) : reference_(reference) {}

    /// Edits from these words to the reference.
    index_t count(Words words) const {
        if (reference_.empty()) return length(words);
        index_t moves = 0, tried = 0;
        for (;;) {
            const auto move = best_move(words, tried);
            if (tried >= most_tried || !move || move->gain <= 0) break;
            ++moves;
            words = move->words;
        }
        return moves + align(words).distance;
    }

private:
    static constexpr index_t longest_move = 10, farthest_move = 50, most_tried = 1000, beam = 25;
    enum class Edit : std::uint8_t { none, keep, replace, insert, remove };

    struct Alignment {
        index_t distance = 0;
        std::vector<index_t> place{};                  // for each word of the reference the word that stands for it, or before it; −1: none
        std::vector<bool> wrong{}, reference_wrong{};  // words that are edited
    };
    struct Move {
        index_t gain, length, from, to;
        Words words;
        // The largest gain first, then the longest run, the one that stands first, and the first place to go to.
        auto rank() const { return std::tuple(gain, length, -from, -to); }
    };

    static index_t length(const Words& words) { return static_cast<index_t>(words.size()); }
    static const std::string& word(const Words& words, index_t i) { return words[static_cast<std::size_t>(i)]; }

    // The edit distance (Levenshtein 1966) and its edits, within a band around the diagonal.
    Alignment align(const Words& words) const {
        constexpr index_t far = index_t{1} << 40;
        const index_t n = length(words), m = length(reference_), row = m + 1;
        const double ratio = n == 0 ? 1 : static_cast<double>(m) / static_cast<double>(n);
        const index_t width = static_cast<double>(beam) < ratio / 2 ? static_cast<index_t>(std::ceil(ratio / 2 + static_cast<double>(beam))) : beam;
        std::vector<index_t> cost(static_cast<std::size_t>((n + 1) * row), far);
        std::vector<Edit> edit(cost.size(), Edit::none);
        const auto at = [row](index_t i, index_t j) { return static_cast<std::size_t>(i * row + j); };
        for (index_t j = 0; j <= m; ++j) cost[at(0, j)] = j, edit[at(0, j)] = Edit::insert;
        for (index_t i = 1; i <= n; ++i) {
            const auto diagonal = static_cast<index_t>(std::floor(static_cast<double>(i) * ratio));
            const index_t first = std::max<index_t>(0, diagonal - width), last = i == n ? m + 1 : std::min(m + 1, diagonal + width);
            for (index_t j = first; j < last; ++j) {
                const auto offer = [&](index_t c, Edit e) {
                    if (c < cost[at(i, j)]) cost[at(i, j)] = c, edit[at(i, j)] = e;
                };
                const bool same = j > 0 && word(words, i - 1) == word(reference_, j - 1);
                if (j > 0) offer(cost[at(i - 1, j - 1)] + (same ? 0 : 1), same ? Edit::keep : Edit::replace);
                offer(cost[at(i - 1, j)] + 1, Edit::remove);
                if (j > 0) offer(cost[at(i, j - 1)] + 1, Edit::insert);
            }
        }
        std::vector<Edit> edits;
        for (index_t i = n, j = m; i > 0 || j > 0;) {
            edits.push_back(edit[at(i, j)]);
            if (edits.back() != Edit::insert) --i;
            if (edits.back() != Edit::remove) --j;
        }
        Alignment found{cost[at(n, m)]};
        index_t here = -1;
        for (auto e = edits.rbegin(); e != edits.rend(); ++e) {
            const bool wrong = *e != Edit::keep;
            if (*e != Edit::insert) ++here, found.wrong.push_back(wrong);
            if (*e != Edit::remove) found.place.push_back(here), found.reference_wrong.push_back(wrong);
        }
        return found;
    }

    std::optional<Move> best_move(const Words& words, index_t& tried) const {
        const auto alignment = align(words);
        const auto any = [](const std::vector<bool>& wrong, index_t begin, index_t count) {
            return std::any_of(wrong.begin() + begin, wrong.begin() + begin + count, [](bool w) { return w; });
        };
        const auto place = [&](index_t i) { return alignment.place[static_cast<std::size_t>(i)]; };
        const index_t n = length(words), m = length(reference_);
        std::optional<Move> best;
        for (index_t from = 0; from < n; ++from)
            for (index_t start = std::max<index_t>(0, from - farthest_move); start < std::min(m, from + farthest_move + 1); ++start)
                for (index_t count = 1; count <= longest_move && from + count <= n && start + count <= m; ++count) {
                    if (word(words, from + count - 1) != word(reference_, start + count - 1)) break;
                    if (!any(alignment.wrong, from, count) || !any(alignment.reference_wrong, start, count)) continue;
                    if (from <= place(start) && place(start) < from + count) continue;
                    index_t before = -1;
                    for (index_t offset = -1; offset < count; ++offset) {
                        const index_t to = start + offset == -1 ? 0 : place(start + offset) + 1;
                        if (to == before) continue;
                        before = to;
                        auto moved = move(words, from, count, to);
                        Move candidate{alignment.distance - align(moved).distance, count, from, to, std::move(moved)};
                        ++tried;
                        if (!best || candidate.rank() > best->rank()) best = std::move(candidate);
                    }
                    if (tried >= most_tried) return best;
                }
        return best;
    }
    // `count` words from `from` on stand before what was at `to`; within the run itself, that far into what follows it.
    static Words move(const Words& words, index_t from, index_t count, index_t to) {
        Words rest(words.begin(), words.begin() + from);
        rest.insert(rest.end(), words.begin() + from + count, words.end());
        const index_t target = to < from ? to : to > from + count ? to - count : std::min(to, length(rest));
        rest.insert(rest.begin() + target, words.begin() + from, words.begin() + from + count);
        return rest;
    }

    const Words& reference_;
};

}  // namespace detail

/// Edits of translations and words of their references, and the rate of all of them.
class TranslationEditRate {
public:
    explicit TranslationEditRate(bool case_sensitive = false) : case_sensitive_(case_sensitive) {}

    /// One more translation; of several references the one that is reached with the fewest edits counts, for as many words as they have in the mean.
    /// Throws invalid_argument without references, and bad_text for what is not UTF-8.
    void add(std::string_view translation, std::span<const std::string> references) {
        require(!references.empty(), ErrorCode::invalid_argument, "ter: a translation without a reference");
        const auto words = words_of(translation);
        index_t fewest = -1;
        double mean = 0;
        for (const auto& reference : references) {
            const auto truth = words_of(reference);
            const index_t edits = detail::TranslationEdits(truth).count(words);
            if (fewest < 0 || edits < fewest) fewest = edits;
            mean += static_cast<double>(truth.size()) / static_cast<double>(references.size());
        }
        edits_ += static_cast<double>(fewest);
        words_ += mean;
    }
    void add(std::string_view translation, std::string_view reference) {
        const std::string one(reference);
        add(translation, std::span(&one, 1));
    }
    /// In percent, and more where there are more edits than words.
    double score() const { return words_ > 0 ? 100 * edits_ / words_ : edits_ > 0 ? 100 : 0; }

private:
    std::vector<std::string> words_of(std::string_view text) const {
        return detail::split_at_space(case_sensitive_ ? std::string(text) : detail::lower_case(text));
    }

    bool case_sensitive_;
    double edits_ = 0, words_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
