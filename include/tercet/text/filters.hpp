// Filters over a collection of texts, with an account of what went and why. A Corpus goes through the steps that one names, in any order:
//
//   Corpus corpus(std::move(texts));
//   clean_corpus(corpus, {.html = true});                     each text cleaned, empty ones dropped
//   filter_quality(corpus, gopher_limits());                  or {.min_words = 5}: lengths alone
//   drop_near_duplicates(corpus);                             or drop_duplicates: equal ones alone
//   filter_words(corpus, {.min_count = 3, .rare_token = "<unk>"});
//   corpus.texts, corpus.origins, corpus.report.summary()     what is left, where it came from, what happened
//
// Stop words and rare words are taken out for bags of words and topic models; a language model wants them left in.
#pragma once

#include "tercet/text/clean.hpp"
#include "tercet/text/deduplicate.hpp"
#include "tercet/text/quality.hpp"

#include <map>

namespace tercet::inline TERCET_ABI {

/// A text that was dropped: its place among those that came in, the rule, and the rule's finding.
struct DroppedText {
    std::size_t origin = 0;
    std::string rule{}, why{};
};

/// What happened to a corpus so far.
struct CorpusReport {
    std::size_t texts = 0, kept = 0;                          // texts that came in, and that are left
    std::size_t bytes = 0, kept_bytes = 0;                    // of these
    std::size_t changed = 0;                                  // texts that cleaning changed
    std::size_t words = 0, stop_words = 0, rare_words = 0;    // that filter_words met, dropped as stop words, dropped or replaced as rare
    std::size_t distinct_words = 0, distinct_rare_words = 0;  // that the last filter_words with a min_count met
    std::vector<DroppedText> dropped{};

    /// How many texts each rule has dropped.
    std::map<std::string, std::size_t> dropped_by_rule() const {
        std::map<std::string, std::size_t> out;
        for (const auto& text : dropped) ++out[text.rule];
        return out;
    }
    /// The report in a few lines of text.
    std::string summary() const {
        std::ostringstream out;
        out << kept << " of " << texts << " texts, " << kept_bytes << " of " << bytes << " bytes\n";
        for (const auto& [rule, count] : dropped_by_rule()) out << "  " << count << " dropped: " << rule << '\n';
        if (changed > 0) out << "  " << changed << " changed by cleaning\n";
        if (words > 0) out << "  " << words << " words, " << stop_words << " stop words dropped, " << rare_words << " rare ones\n";
        return out.str();
    }
};

/// Texts on their way through the filters. Filters work on the texts in place; where one throws, those that it has reached are changed.
struct Corpus {
    Corpus() = default;
    explicit Corpus(std::vector<std::string> all) : texts(std::move(all)), origins(texts.size()) {
        std::iota(origins.begin(), origins.end(), std::size_t{0});
        for (const auto& text : texts) report.bytes += text.size();
        report.texts = report.kept = texts.size();
        report.kept_bytes = report.bytes;
    }

    std::vector<std::string> texts{};
    std::vector<std::size_t> origins{};  // of each text, its place among those that came in
    CorpusReport report{};
};

/// Which words filter_words takes out.
struct WordFilter {
    std::vector<std::string> stop_words = {};
    std::size_t min_count = 0;    // words that occur less often in all the texts are rare
    std::string rare_token = {};  // stands for a rare word; empty: it is dropped
    bool ignore_case = true;      // words are compared as fold_word has them
    std::stop_token stop = {};
};

/// Which lines keep_lines keeps: unless set, C4's (Raffel et al. 2020, section 2.2).
struct LineFilter {
    std::size_t min_words = 5;
    bool terminal = true;  // ends with a sentence's mark or a closing quotation mark, and not with an ellipsis
};

/// English words that carry little meaning of their own, in lower case.
inline std::span<const std::string_view> english_stop_words() {
    static constexpr std::string_view words[] = {
        "a",         "about",      "above",   "after",   "again",   "against",   "all",    "am",      "an",     "and",     "any",     "are",
        "aren't",    "as",         "at",      "be",      "because", "been",      "before", "being",   "below",  "between", "both",    "but",
        "by",        "can",        "can't",   "cannot",  "could",   "couldn't",  "did",    "didn't",  "do",     "does",    "doesn't", "doing",
        "don't",     "down",       "during",  "each",    "either",  "else",      "ever",   "every",   "few",    "for",     "from",    "further",
        "had",       "hadn't",     "has",     "hasn't",  "have",    "haven't",   "having", "he",      "her",    "here",    "hers",    "herself",
        "him",       "himself",    "his",     "how",     "however", "i",         "i'd",    "i'll",    "i'm",    "i've",    "if",      "in",
        "into",      "is",         "isn't",   "it",      "it's",    "its",       "itself", "just",    "me",     "might",   "more",    "most",
        "must",      "my",         "myself",  "neither", "no",      "nor",       "not",    "now",     "of",     "off",     "on",      "once",
        "only",      "or",         "other",   "our",     "ours",    "ourselves", "out",    "over",    "own",    "same",    "shall",   "she",
        "should",    "shouldn't",  "since",   "so",      "some",    "such",      "than",   "that",    "that's", "the",     "their",   "theirs",
        "them",      "themselves", "then",    "there",   "there's", "these",     "they",   "they're", "this",   "those",   "through", "to",
        "too",       "under",      "until",   "up",      "upon",    "us",        "very",   "was",     "wasn't", "we",      "we're",   "were",
        "weren't",   "what",       "when",    "where",   "whether", "which",     "while",  "who",     "whom",   "whose",   "why",     "will",
        "with",      "within",     "without", "won't",   "would",   "wouldn't",  "yet",    "you",     "you're", "your",    "yours",   "yourself",
        "yourselves"};
    return words;
}

/// The lines of a text that the filter keeps, without white space at their ends and with a line break between. Throws bad_text.
inline std::string keep_lines(std::string_view text, const LineFilter& filter = {}) {
    require_utf8(text, "keep_lines");
    std::string out;
    detail::text::cut_lines(
        text,
        [&](std::string_view line) {
            std::size_t words = 0;
            detail::text::cut_chunks(line, [&](std::string_view) { ++words; });
            if (words < filter.min_words || (filter.terminal && !detail::text::is_terminal_line(line))) return;
            if (!out.empty()) out += '\n';
            out += line;
        },
        [] {});
    return out;
}

namespace detail::text {

// Calls f(i) for each of so many texts, in parallel.
template <class F>
void for_each_text(std::size_t count, const std::stop_token& stop, const F& f) {
    parallel_ranges(static_cast<index_t>(count), 16, [&](index_t begin, index_t end) {
        require(!stop.stop_requested(), ErrorCode::cancelled, "corpus: stopped");
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) f(i);
    });
}

// Drops the texts i for which verdicts[i].rule is not empty, and brings the report up to date.
inline void drop_texts(Corpus& corpus, std::vector<DroppedText>& verdicts) {
    auto& report = corpus.report;
    std::size_t to = 0;
    report.kept_bytes = 0;
    for (std::size_t i = 0; i < corpus.texts.size(); ++i) {
        if (!verdicts[i].rule.empty()) {
            verdicts[i].origin = corpus.origins[i];
            report.dropped.push_back(std::move(verdicts[i]));
            continue;
        }
        if (to != i) corpus.texts[to] = std::move(corpus.texts[i]);
        corpus.origins[to] = corpus.origins[i];
        report.kept_bytes += corpus.texts[to++].size();
    }
    corpus.texts.resize(to);
    corpus.origins.resize(to);
    report.kept = to;
}

inline bool is_empty(std::string_view text) {
    return end_of_run(text, 0, is_space) == text.size();
}

inline void drop_repeated(Corpus& corpus, const std::vector<std::size_t>& first, std::string_view rule) {
    std::vector<DroppedText> verdicts(corpus.texts.size());
    for (std::size_t i = 0; i < first.size(); ++i)
        if (first[i] != i) verdicts[i] = {0, std::string(rule), "of text " + std::to_string(corpus.origins[first[i]])};
    drop_texts(corpus, verdicts);
}

}  // namespace detail::text

/// Cleans each text; one of which nothing is left is dropped as "empty". Throws what clean_text does, cancelled.
inline void clean_corpus(Corpus& corpus, const CleanOptions& options = {}, const std::stop_token& stop = {}) {
    if (!options.replace_invalid) detail::text::check_texts(corpus.texts, "clean_corpus");
    std::vector<DroppedText> verdicts(corpus.texts.size());
    std::vector<std::uint8_t> changed(corpus.texts.size());
    detail::text::for_each_text(corpus.texts.size(), stop, [&](std::size_t i) {
        auto cleaned = clean_text(corpus.texts[i], options);
        changed[i] = cleaned != corpus.texts[i];
        corpus.texts[i] = std::move(cleaned);
        if (detail::text::is_empty(corpus.texts[i])) verdicts[i].rule = "empty";
    });
    corpus.report.changed += static_cast<std::size_t>(std::count(changed.begin(), changed.end(), 1));
    detail::text::drop_texts(corpus, verdicts);
}

/// Reduces each text to the lines that the filter keeps; one of which nothing is left is dropped as "empty". Throws bad_text, cancelled.
inline void filter_lines(Corpus& corpus, const LineFilter& filter = {}, const std::stop_token& stop = {}) {
    detail::text::check_texts(corpus.texts, "filter_lines");
    std::vector<DroppedText> verdicts(corpus.texts.size());
    detail::text::for_each_text(corpus.texts.size(), stop, [&](std::size_t i) {
        corpus.texts[i] = keep_lines(corpus.texts[i], filter);
        if (corpus.texts[i].empty()) verdicts[i].rule = "empty";
    });
    detail::text::drop_texts(corpus, verdicts);
}

/// Drops the texts that do not keep to the limits, each under the name of the first limit that refuses it. Throws bad_text, invalid_argument,
/// cancelled.
inline void filter_quality(Corpus& corpus, const QualityLimits& limits, const std::stop_token& stop = {}) {
    passes({}, limits);  // whether they are limits
    detail::text::check_texts(corpus.texts, "filter_quality");
    std::vector<DroppedText> verdicts(corpus.texts.size());
    detail::text::for_each_text(corpus.texts.size(), stop, [&](std::size_t i) {
        Refusal refusal;
        if (!passes(measure_quality(corpus.texts[i]), limits, &refusal)) verdicts[i] = {0, refusal.rule, refusal.text()};
    });
    detail::text::drop_texts(corpus, verdicts);
}

/// Drops the texts that are equal to an earlier one, as "duplicate". Throws cancelled.
inline void drop_duplicates(Corpus& corpus, const std::stop_token& stop = {}) {
    detail::text::drop_repeated(corpus, exact_duplicates(corpus.texts, stop), "duplicate");
}

/// Drops the texts that near_duplicates finds to be like an earlier one, as "near duplicate"; equal ones too. Throws what it does.
inline void drop_near_duplicates(Corpus& corpus, const NearDuplicates& options = {}) {
    detail::text::drop_repeated(corpus, near_duplicates(corpus.texts, options), "near duplicate");
}

/// Takes stop words out of the texts, and takes out or replaces words that are rare in all of them together; stop words are not counted. With a word
/// goes the space on one side of it. A text of which nothing is left is dropped as "empty". Throws bad_text, cancelled.
inline void filter_words(Corpus& corpus, const WordFilter& filter) {
    using namespace detail::text;
    check_texts(corpus.texts, "filter_words");
    require_utf8(filter.rare_token, "filter_words: what stands for rare words");
    const auto key_of = [&](std::string_view word) { return filter.ignore_case ? fold_word(word) : std::string(word); };
    std::unordered_set<std::string> stop_words;
    for (const auto& word : filter.stop_words) {
        require_utf8(word, "filter_words: a stop word");
        stop_words.insert(key_of(word));
    }
    std::unordered_map<std::string, std::size_t> counts;
    if (filter.min_count > 1) {
        for (const auto& text : corpus.texts) {
            require(!filter.stop.stop_requested(), ErrorCode::cancelled, "filter_words: stopped");
            cut_words(text, [&](std::string_view piece, bool word) {
                if (!word) return;
                auto key = key_of(piece);
                if (!stop_words.contains(key)) ++counts[std::move(key)];
            });
        }
    }
    auto& report = corpus.report;
    if (filter.min_count > 1) {
        report.distinct_words = counts.size();
        report.distinct_rare_words =
            static_cast<std::size_t>(std::count_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.second < filter.min_count; }));
    }

    struct Tally {
        std::size_t words = 0, stop = 0, rare = 0;
    };
    std::vector<Tally> tallies(corpus.texts.size());
    std::vector<DroppedText> verdicts(corpus.texts.size());
    for_each_text(corpus.texts.size(), filter.stop, [&](std::size_t i) {
        WordRemover out;
        auto& tally = tallies[i];
        cut_words(corpus.texts[i], [&](std::string_view piece, bool word) {
            if (!word) return out.keep(piece);
            ++tally.words;
            const auto key = key_of(piece);
            if (stop_words.contains(key)) {
                ++tally.stop;
                out.drop();
            } else if (filter.min_count > 1 && counts.find(key)->second < filter.min_count) {
                ++tally.rare;
                if (filter.rare_token.empty()) out.drop();
                else out.keep(filter.rare_token);
            } else {
                out.keep(piece);
            }
        });
        corpus.texts[i] = out.finish();
        if (is_empty(corpus.texts[i])) verdicts[i].rule = "empty";
    });
    for (const auto& tally : tallies) {
        report.words += tally.words;
        report.stop_words += tally.stop;
        report.rare_words += tally.rare;
    }
    drop_texts(corpus, verdicts);
}

}  // namespace tercet::inline TERCET_ABI
