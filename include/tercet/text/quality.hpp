// What a document looks like in numbers, and which of them say that it is no running text: the rules of MassiveText (Rae et al. 2021, "Scaling
// language models: Gopher", appendix A.1.1 and its table A1) and of C4 (Raffel et al. 2020, "Exploring the limits of transfer learning",
// section 2.2), as far as they ask for no language.
//
//   words        what white space separates              lines        non-empty, without white space at their ends
//   paragraphs   lines without an empty line between     characters   code points; of words, lines, paragraphs: without the space between them
//
//   duplicate lines   lines that stood there before / lines             top n-gram   characters of words under the most frequent n-gram / of all
//   duplicate n-gram  characters of words under an n-gram that occurs twice or more / of all; each counted once, however many lie over it
//
// The papers leave open what an n-gram's characters are and which occurrences count; here all do, as in RedPajama-V2, and an n-gram that occurs
// once is no top. Gopher also asks for two of eight English words: count such words yourself where the language is known.
#pragma once

#include "tercet/text/words.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

namespace tercet::inline TERCET_ABI {

/// The measures of a text; shares are in [0, 1], and 0 where there is nothing to share.
struct QualityReport {
    std::int64_t characters = 0, words = 0, lines = 0, paragraphs = 0, sentences = 0;
    double mean_word_length = 0;                                // characters
    double hashes_per_word = 0, ellipses_per_word = 0;          // "#"; "…" or a run of three dots or more
    double alphabetic_words = 0;                                // share of words with a letter
    double bullet_lines = 0;                                    // share of lines that begin with • ‣ ◦ ▪ ■ ●, or with - * – and a space
    double ellipsis_lines = 0;                                  // share of lines that end with an ellipsis
    double terminal_lines = 0;                                  // share of lines that end with a sentence's mark or a closing quotation mark
    double duplicate_lines = 0, duplicate_line_characters = 0;  // shares of lines and of their characters
    double duplicate_paragraphs = 0, duplicate_paragraph_characters = 0;
    std::array<double, 3> top_ngrams{};                // n = 2, 3, 4
    std::array<double, 6> duplicate_ngrams{};          // n = 5 … 10
    std::int64_t curly_brackets = 0, lorem_ipsum = 0;  // occurrences
};

/// What a text must keep to. Unless set, nothing is refused: {.min_words = 5} is a filter of lengths alone.
struct QualityLimits {
    static constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
    static constexpr double unbounded = std::numeric_limits<double>::infinity();

    std::int64_t min_characters = 0, max_characters = any;
    std::int64_t min_words = 0, max_words = any;
    std::int64_t min_sentences = 0;
    double min_mean_word_length = 0, max_mean_word_length = unbounded;
    double max_hashes_per_word = unbounded, max_ellipses_per_word = unbounded;
    double min_alphabetic_words = 0;
    double max_bullet_lines = 1, max_ellipsis_lines = 1;
    double min_terminal_lines = 0;
    double max_duplicate_lines = 1, max_duplicate_line_characters = 1;
    double max_duplicate_paragraphs = 1, max_duplicate_paragraph_characters = 1;
    std::array<double, 3> max_top_ngrams = {1, 1, 1};
    std::array<double, 6> max_duplicate_ngrams = {1, 1, 1, 1, 1, 1};
    std::int64_t max_curly_brackets = any, max_lorem_ipsum = any;
};

/// Gopher's: documents of 50 to 100,000 words that neither look like a list nor repeat themselves.
inline QualityLimits gopher_limits() {
    return {.min_words = 50,
            .max_words = 100000,
            .min_mean_word_length = 3,
            .max_mean_word_length = 10,
            .max_hashes_per_word = 0.1,
            .max_ellipses_per_word = 0.1,
            .min_alphabetic_words = 0.8,
            .max_bullet_lines = 0.9,
            .max_ellipsis_lines = 0.3,
            .max_duplicate_lines = 0.3,
            .max_duplicate_line_characters = 0.2,
            .max_duplicate_paragraphs = 0.3,
            .max_duplicate_paragraph_characters = 0.2,
            .max_top_ngrams = {0.2, 0.18, 0.16},
            .max_duplicate_ngrams = {0.15, 0.14, 0.13, 0.12, 0.11, 0.1}};
}

/// C4's for pages whose lines keep_lines (text/filters.hpp) has picked: three sentences or more, no code, no filler.
inline QualityLimits c4_limits() {
    return {.min_sentences = 3, .max_curly_brackets = 0, .max_lorem_ipsum = 0};
}

/// The rule that refused a text: the limit's name, and what was measured.
struct Refusal {
    std::string rule{};
    double value = 0, limit = 0;

    /// As in "max_bullet_lines: 0.95, the limit is 0.9".
    std::string text() const {
        std::ostringstream out;
        out << rule << ": " << value << ", the limit is " << limit;
        return out.str();
    }
};

namespace detail::text {

constexpr bool ellipsis_at_end(std::string_view line) {
    return line.ends_with("...") || line.ends_with("\u2026");
}

inline bool is_terminal_line(std::string_view line) {
    const auto last = utf8_decode_valid(line, utf8_previous(line, line.size())).point;
    return !ellipsis_at_end(line) && (is_sentence_end(last) || last == '"' || last == U'\u201d' || last == U'\u00bb' || last == U'\u300d');
}

inline bool is_bullet_line(std::string_view line) {
    const auto first = utf8_decode_valid(line, 0);
    const char32_t c = first.point;
    if (c == U'\u2022' || c == U'\u2023' || c == U'\u25e6' || c == U'\u25aa' || c == U'\u25a0' || c == U'\u25cf') return true;
    return (c == '-' || c == '*' || c == U'\u2013') && first.size < line.size() && is_space(utf8_decode_valid(line, first.size).point);
}

// f(line) for each non-empty line, without the white space at its ends, and end_paragraph() after the last line of each paragraph.
template <class F, class G>
void cut_lines(std::string_view text, F&& f, G&& end_paragraph) {
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = trimmed(text.substr(at, end - at), is_space);
        if (!line.empty()) f(line);
        else if (inside) end_paragraph();
        inside = !line.empty();
        at = end + 1;
    }
    if (inside) end_paragraph();
}

// Parts that have stood there before: how many, and how many of the characters are theirs.
class Repeats {
public:
    void add(std::string_view part) {
        const auto characters = static_cast<std::int64_t>(utf8_count(part));
        ++parts_;
        characters_ += characters;
        if (seen_.insert(part).second) return;
        ++repeated_;
        repeated_characters_ += characters;
    }
    std::int64_t parts() const { return parts_; }
    double share() const { return parts_ == 0 ? 0 : static_cast<double>(repeated_) / static_cast<double>(parts_); }
    double character_share() const { return characters_ == 0 ? 0 : static_cast<double>(repeated_characters_) / static_cast<double>(characters_); }

private:
    std::unordered_set<std::string_view> seen_;
    std::int64_t parts_ = 0, characters_ = 0, repeated_ = 0, repeated_characters_ = 0;
};

// Repeated n-grams for n = 1, 2, … An n-gram occurs twice only where both (n-1)-grams in it do, and the pair of them names it: so each step
// looks at what the one before has left, and natural text leaves little.
class Ngrams {
public:
    void add_word(std::string_view word) {
        const auto [entry, is_new] = words_.try_emplace(word, static_cast<std::uint32_t>(words_.size()));
        places_.push_back({static_cast<std::uint32_t>(places_.size()), entry->second});
        ends_.push_back(ends_.back() + utf8_count(word));
    }
    std::size_t characters() const { return ends_.back(); }

    // From words to those that occur twice or more, then from n-grams to (n+1)-grams.
    void begin() { keep_repeated(words_.size()); }
    void grow() {
        ++n_;
        std::unordered_map<std::uint64_t, std::uint32_t> ids;
        std::vector<Place> longer;
        for (std::size_t i = 0; i + 1 < places_.size(); ++i) {
            if (places_[i + 1].at != places_[i].at + 1) continue;
            const auto key = std::uint64_t{places_[i].id} << 32 | places_[i + 1].id;
            longer.push_back({places_[i].at, ids.try_emplace(key, static_cast<std::uint32_t>(ids.size())).first->second});
        }
        places_ = std::move(longer);
        keep_repeated(ids.size());
    }

    // The share of the characters under the most frequent n-gram; of equally frequent ones, that which covers most.
    double top() const {
        std::vector<Cover> covers(counts_.size());
        for (const auto& place : places_) cover(covers[place.id], place.at);
        std::size_t best = 0, count = 0;
        for (std::size_t i = 0; i < covers.size(); ++i) {
            if (counts_[i] < 2 || counts_[i] < count) continue;
            best = counts_[i] > count ? covers[i].characters : std::max(best, covers[i].characters);
            count = counts_[i];
        }
        return share(best);
    }
    // The share of the characters under any n-gram that occurs twice or more.
    double all() const {
        Cover covered;
        for (const auto& place : places_) cover(covered, place.at);
        return share(covered.characters);
    }

private:
    struct Place {
        std::uint32_t at, id;
    };
    struct Cover {
        std::size_t end = 0, characters = 0;  // words before `end` are counted
    };

    void keep_repeated(std::size_t distinct) {
        counts_.assign(distinct, 0);
        for (const auto& place : places_) ++counts_[place.id];
        std::erase_if(places_, [&](const Place& place) { return counts_[place.id] < 2; });
    }
    void cover(Cover& covered, std::size_t at) const {
        covered.characters += ends_[at + n_] - ends_[std::max(at, covered.end)];
        covered.end = at + n_;
    }
    double share(std::size_t part) const { return ends_.back() == 0 ? 0 : static_cast<double>(part) / static_cast<double>(ends_.back()); }

    std::unordered_map<std::string_view, std::uint32_t> words_;
    std::vector<Place> places_;            // of the n-grams that occur twice or more, in order
    std::vector<std::size_t> ends_ = {0};  // characters of the first 0, 1, 2, … words
    std::vector<std::uint32_t> counts_;    // by id
    std::size_t n_ = 1;
};

inline std::int64_t ellipses(std::string_view text) {
    std::int64_t count = 0;
    for (std::size_t at = 0; (at = text.find_first_of(".\xe2", at)) != std::string_view::npos;) {
        if (text[at] != '.') {
            count += text.substr(at).starts_with("\u2026");
            ++at;
            continue;
        }
        const auto end = std::min(text.find_first_not_of('.', at), text.size());
        count += end - at >= 3;
        at = end;
    }
    return count;
}

inline std::int64_t occurrences_ignoring_case(std::string_view text, std::string_view lower_case) {
    std::int64_t count = 0;
    for (std::size_t at = 0; at + lower_case.size() <= text.size(); ++at) {
        std::size_t same = 0;
        while (same < lower_case.size() && (text[at + same] | 0x20) == lower_case[same]) ++same;
        count += same == lower_case.size();
    }
    return count;
}

}  // namespace detail::text

/// Measures a text. Throws bad_text when it is not UTF-8, size_overflow for 4 GiB or more.
inline QualityReport measure_quality(std::string_view text) {
    using namespace detail::text;
    require(text.size() < 0xffffffffu, ErrorCode::size_overflow, "measure_quality: a text of ", text.size(), " bytes, below 4 GiB is supported");
    require_utf8(text, "measure_quality");
    QualityReport report;
    report.characters = static_cast<std::int64_t>(utf8_count(text));
    report.curly_brackets = std::count_if(text.begin(), text.end(), [](char c) { return c == '{' || c == '}'; });
    report.lorem_ipsum = occurrences_ignoring_case(text, "lorem ipsum");
    cut_sentences(text, [&](std::string_view, bool sentence) { report.sentences += sentence; });

    Repeats lines, paragraphs;
    std::int64_t bullets = 0, with_ellipsis = 0, terminal = 0;
    const char *begin = nullptr, *end = nullptr;  // of the paragraph
    cut_lines(
        text,
        [&](std::string_view line) {
            if (begin == nullptr) begin = line.data();
            end = line.data() + line.size();
            lines.add(line);
            bullets += is_bullet_line(line);
            with_ellipsis += ellipsis_at_end(line);
            terminal += is_terminal_line(line);
        },
        [&] {
            paragraphs.add({std::exchange(begin, nullptr), end});
        });
    const auto share = [](std::int64_t part, std::int64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); };
    report.lines = lines.parts();
    report.paragraphs = paragraphs.parts();
    report.bullet_lines = share(bullets, report.lines);
    report.ellipsis_lines = share(with_ellipsis, report.lines);
    report.terminal_lines = share(terminal, report.lines);
    report.duplicate_lines = lines.share();
    report.duplicate_line_characters = lines.character_share();
    report.duplicate_paragraphs = paragraphs.share();
    report.duplicate_paragraph_characters = paragraphs.character_share();

    Ngrams ngrams;
    std::int64_t alphabetic = 0;
    cut_chunks(text, [&](std::string_view word) {
        ++report.words;
        alphabetic += end_of_run(word, 0, [](char32_t c) { return !is_letter(c); }) < word.size();
        ngrams.add_word(word);
    });
    report.mean_word_length = share(static_cast<std::int64_t>(ngrams.characters()), report.words);
    report.alphabetic_words = share(alphabetic, report.words);
    report.hashes_per_word = share(std::count(text.begin(), text.end(), '#'), report.words);
    report.ellipses_per_word = share(ellipses(text), report.words);
    ngrams.begin();
    for (std::size_t n = 2; n <= 10; ++n) {
        ngrams.grow();
        if (n <= 4) report.top_ngrams[n - 2] = ngrams.top();
        else report.duplicate_ngrams[n - 5] = ngrams.all();
    }
    return report;
}

/// Whether a text keeps to the limits; `refusal` becomes the first that it does not keep to, in the order in which they are declared. A value
/// that equals its limit is kept. Throws invalid_argument for a limit that is not a number.
inline bool passes(const QualityReport& report, const QualityLimits& limits, Refusal* refusal = nullptr) {
    const auto refused = [&](std::string_view rule, double value, double limit) {
        if (refusal != nullptr) *refusal = {std::string(rule), value, limit};
        return false;
    };
    const auto number = [](auto value) { return static_cast<double>(value); };
    const struct {
        std::string_view rule;
        double value, limit;
        bool at_least;
    } rules[] = {
        {"min_characters", number(report.characters), number(limits.min_characters), true},
        {"max_characters", number(report.characters), number(limits.max_characters), false},
        {"min_words", number(report.words), number(limits.min_words), true},
        {"max_words", number(report.words), number(limits.max_words), false},
        {"min_sentences", number(report.sentences), number(limits.min_sentences), true},
        {"min_mean_word_length", report.mean_word_length, limits.min_mean_word_length, true},
        {"max_mean_word_length", report.mean_word_length, limits.max_mean_word_length, false},
        {"max_hashes_per_word", report.hashes_per_word, limits.max_hashes_per_word, false},
        {"max_ellipses_per_word", report.ellipses_per_word, limits.max_ellipses_per_word, false},
        {"min_alphabetic_words", report.alphabetic_words, limits.min_alphabetic_words, true},
        {"max_bullet_lines", report.bullet_lines, limits.max_bullet_lines, false},
        {"max_ellipsis_lines", report.ellipsis_lines, limits.max_ellipsis_lines, false},
        {"min_terminal_lines", report.terminal_lines, limits.min_terminal_lines, true},
        {"max_duplicate_lines", report.duplicate_lines, limits.max_duplicate_lines, false},
        {"max_duplicate_line_characters", report.duplicate_line_characters, limits.max_duplicate_line_characters, false},
        {"max_duplicate_paragraphs", report.duplicate_paragraphs, limits.max_duplicate_paragraphs, false},
        {"max_duplicate_paragraph_characters", report.duplicate_paragraph_characters, limits.max_duplicate_paragraph_characters, false},
        {"max_top_ngrams, n = 2", report.top_ngrams[0], limits.max_top_ngrams[0], false},
        {"max_top_ngrams, n = 3", report.top_ngrams[1], limits.max_top_ngrams[1], false},
        {"max_top_ngrams, n = 4", report.top_ngrams[2], limits.max_top_ngrams[2], false},
        {"max_duplicate_ngrams, n = 5", report.duplicate_ngrams[0], limits.max_duplicate_ngrams[0], false},
        {"max_duplicate_ngrams, n = 6", report.duplicate_ngrams[1], limits.max_duplicate_ngrams[1], false},
        {"max_duplicate_ngrams, n = 7", report.duplicate_ngrams[2], limits.max_duplicate_ngrams[2], false},
        {"max_duplicate_ngrams, n = 8", report.duplicate_ngrams[3], limits.max_duplicate_ngrams[3], false},
        {"max_duplicate_ngrams, n = 9", report.duplicate_ngrams[4], limits.max_duplicate_ngrams[4], false},
        {"max_duplicate_ngrams, n = 10", report.duplicate_ngrams[5], limits.max_duplicate_ngrams[5], false},
        {"max_curly_brackets", number(report.curly_brackets), number(limits.max_curly_brackets), false},
        {"max_lorem_ipsum", number(report.lorem_ipsum), number(limits.max_lorem_ipsum), false},
    };
    for (const auto& r : rules) require(r.limit == r.limit, ErrorCode::invalid_argument, "quality limits: ", r.rule, " is not a number");
    for (const auto& r : rules)
        if (r.at_least ? r.value < r.limit : r.value > r.limit) return refused(r.rule, r.value, r.limit);
    return true;
}

}  // namespace tercet::inline TERCET_ABI
