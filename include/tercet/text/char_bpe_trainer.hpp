// Learning a BPE over characters (Sennrich, Haddow and Birch 2016): the merges of text/pair_learner.hpp, where a character may be marked as
// continuing a word or as ending it.
//
//   low   ->  l ##o ##w       continuing_prefix "##": a merge drops the mark between its parts, ##o ##w -> ##ow
//   low   ->  l o w</w>       end_of_word_suffix "</w>"
//
// It follows Hugging Face's BpeTrainer (tokenizers, models/bpe/trainer.rs), whose WordPieceTrainer is this with a prefix. Ids are: the special
// tokens, the alphabet in the order of its code points, the marked characters, the merges. Theirs differ from run to run in two places, where
// the order is that of a hash map; here
//   - marked characters are in the order of their code points, those that continue before those that end a word and those that do both. (As ties
//     go to the smaller ids, the merges of one run of theirs may differ from another's, too.)
//   - of characters that are as frequent, limit_alphabet keeps the smaller code points.
#pragma once

#include "tercet/text/learnt_tokens.hpp"
#include "tercet/text/pair_learner.hpp"
#include "tercet/text/word_counts.hpp"

#include <array>
#include <limits>
#include <stop_token>

namespace tercet::inline TERCET_ABI {

struct CharBpeTraining {
    TokenId vocab_size = 30000;                 // at most this many tokens; the special tokens and the alphabet are always there
    std::int64_t min_frequency = 0;             // a pair that occurs less often is not merged
    std::size_t limit_alphabet = 0;             // keeps the most frequent characters, at most this many; 0: all
    std::string initial_alphabet{};             // characters that are in the alphabet, even where no word has them
    std::string continuing_prefix{};            // in front of a character that does not begin its word
    std::string end_of_word_suffix{};           // behind a character that ends its word
    std::vector<std::string> special_tokens{};  // the first ids, in this order
    std::string unknown{};  // a special token for characters outside the alphabet, the first when it is not among those; empty: none
    std::stop_token stop{};
};

struct CharBpe {
    Vocabulary vocabulary;
    std::vector<std::pair<std::string, std::string>> merges;  // first learnt first
    std::vector<std::string> special_tokens;
    std::string unknown, continuing_prefix, end_of_word_suffix;
};

namespace detail::text {

// The characters that become tokens: the most frequent ones, those of `initial` before all others, in the order of their code points.
inline std::vector<char32_t> learnt_alphabet(const WordCounts& words, std::size_t limit, std::u32string_view initial) {
    auto counts = character_counts(words);
    for (const char32_t point : initial) {
        const auto at = std::lower_bound(counts.begin(), counts.end(), std::pair(point, std::int64_t{0}));
        if (at == counts.end() || at->first != point) counts.insert(at, {point, 0});
    }
    for (auto& [point, count] : counts) {
        if (initial.find(point) != initial.npos) count = std::numeric_limits<std::int64_t>::max();
    }
    if (limit > 0 && limit < counts.size()) {
        std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        counts.resize(limit);
        std::sort(counts.begin(), counts.end());
    }
    std::vector<char32_t> out;
    for (const auto& entry : counts) out.push_back(entry.first);
    return out;
}

// A character's forms: as it stands, continuing a word (1), ending it (2), both (3). Without a prefix or a suffix forms fall together.
class CharForms {
public:
    CharForms(const CharBpeTraining& options, LearntTokens& tokens) : tokens_(tokens), index_(0x110000) {
        mask_ = (options.continuing_prefix.empty() ? 0u : 1u) | (options.end_of_word_suffix.empty() ? 0u : 2u);
        prefix_ = options.continuing_prefix;
        suffix_ = options.end_of_word_suffix;
    }

    // Takes a character into the alphabet.
    void add(char32_t point) {
        if (index_[point] != 0) return;
        points_.push_back(point);
        ids_.push_back({no_token, no_token, no_token, no_token});
        index_[point] = static_cast<std::uint32_t>(points_.size());
    }

    // Calls f(index, form) for each character of the word that the alphabet has.
    template <class F>
    void each(std::string_view word, const F& f) const {
        for (std::size_t i = 0; i < word.size();) {
            const auto step = utf8_decode_valid(word, i);
            const unsigned form = (i > 0 ? 1u : 0u) | (i + step.size == word.size() ? 2u : 0u);
            if (index_[step.point] != 0) f(index_[step.point] - 1, form & mask_);
            i += step.size;
        }
    }

    // Ids for the marked forms that occur, and for the alphabet as it stands.
    void number(const WordCounts& words) {
        std::vector<std::array<bool, 4>> occurs(points_.size());
        for (std::size_t w = 0; w < words.size(); ++w) each(words.word(w), [&](std::size_t at, unsigned form) { occurs[at][form] = true; });
        for (unsigned form = 0; form < 4; ++form) {
            for (std::size_t i = 0; i < points_.size(); ++i) {
                if (form != 0 && !occurs[i][form]) continue;
                const auto character = utf8_encode({&points_[i], 1});
                ids_[i][form] = tokens_.id_of((form & 1 ? prefix_ : "") + character + (form & 2 ? suffix_ : ""));
            }
        }
    }

    TokenId id(std::size_t at, unsigned form) const { return ids_[at][form]; }
    std::size_t size() const { return points_.size(); }

private:
    LearntTokens& tokens_;
    unsigned mask_;
    std::string prefix_, suffix_;
    std::vector<std::uint32_t> index_;  // of a code point: one more than its place in points_, or 0
    std::vector<char32_t> points_;
    std::vector<std::array<TokenId, 4>> ids_;
};

// The learner under both names; `who` is named in errors.
inline CharBpe learn_characters(const WordCounts& words, const CharBpeTraining& options, std::string_view who) {
    require(options.vocab_size >= 0 && options.min_frequency >= 0, ErrorCode::invalid_argument, who, ": a vocabulary of ", options.vocab_size,
            " tokens, and pairs that occur ", options.min_frequency, " times");
    for (const auto* text : {&options.initial_alphabet, &options.continuing_prefix, &options.end_of_word_suffix}) require_utf8(*text, who);
    LearntTokens tokens(options.special_tokens, options.unknown, who);
    CharForms forms(options, tokens);
    auto alphabet = learnt_alphabet(words, options.limit_alphabet, utf8_points(options.initial_alphabet));
    for (const auto& token : tokens.special()) {  // one of a single character is in the alphabet, however rare it is
        if (utf8_count(token) == 1) alphabet.push_back(utf8_decode_valid(token, 0).point);
    }
    std::sort(alphabet.begin(), alphabet.end());
    for (const char32_t point : alphabet) forms.add(point);
    forms.number(words);
    PairLearner pairs;
    std::vector<TokenId> word;
    for (std::size_t w = 0; w < words.size(); ++w) {
        word.clear();
        forms.each(words.word(w), [&](std::size_t at, unsigned form) { word.push_back(forms.id(at, form)); });
        pairs.add_word(word, words.count(w));
    }
    CharBpe out;
    const auto join = [&](TokenId left, TokenId right) {
        std::string_view rest = tokens[right];
        if (rest.starts_with(options.continuing_prefix)) rest.remove_prefix(options.continuing_prefix.size());
        out.merges.emplace_back(tokens[left], tokens[right]);
        return tokens.id_of(tokens[left] + std::string(rest));
    };
    while (std::cmp_less(tokens.size(), options.vocab_size)) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, who, ": stopped at ", tokens.size(), " tokens");
        if (!pairs.merge_next(options.min_frequency, join)) break;
    }
    out.vocabulary = tokens.vocabulary();
    out.special_tokens = tokens.special();
    out.unknown = tokens.unknown();
    out.continuing_prefix = options.continuing_prefix;
    out.end_of_word_suffix = options.end_of_word_suffix;
    return out;
}

}  // namespace detail::text

/// Learns a vocabulary of characters and the merges of them from the words of texts. Throws invalid_argument for sizes below 0 and empty special
/// tokens, bad_text for special tokens, alphabets and marks that are not UTF-8, cancelled.
inline CharBpe learn_char_bpe(const WordCounts& words, const CharBpeTraining& options = {}) {
    return detail::text::learn_characters(words, options, "learn_char_bpe");
}

}  // namespace tercet::inline TERCET_ABI
