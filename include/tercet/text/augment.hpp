// Augmentation: texts changed at random, so that a model sees more of them or learns to bear noise.
//
//   words        dropped, swapped, replaced by synonyms, synonyms inserted: the four operations of EDA (Wei and Zou 2019, section 2)
//   order        of words or sentences, where none moves more than k places (Lample et al. 2018, "Unsupervised machine translation using
//                monolingual corpora only", section 2.3): sort by i + u_i, with u_i uniform in [0, k + 1)
//   characters   swapped, erased, inserted, substituted, by neighbours on the keyboard if you like (Belinkov and Bisk 2018, section 3)
//
//   augment(text, WordDropout{.probability = 0.1}, seed)
//   augment(text, {{CharacterNoise{.swap = 0.02}, 0.5}, WordSwap{.most = 2}}, seed)      noise for half of the texts, then at most two swaps
//
// The result is a pure function of text, options and seed, the same on every machine; neighbouring seeds are as independent as distant ones, so a
// text's number will do as its seed. What changes are words (text/words.hpp) and the characters in them: the space and punctuation between stay, a
// character keeps its marks, and none of this makes a word vanish but dropping it.
//
// `least` and `most` bound how many places change in a text: where the probabilities draw fewer or more, some are added or spared at random, as
// far as there are so many.
#pragma once

#include "tercet/core/random.hpp"
#include "tercet/text/words.hpp"

#include <functional>
#include <limits>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {

/// No bound.
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// Each word is left out with that probability.
struct WordDropout {
    double probability = 0.1;
    std::size_t least = 0, most = unlimited;
    std::size_t keep = 1;  // words that stay at least
};

/// Each word changes places, with that probability, with another one.
struct WordSwap {
    double probability = 0.1;
    std::size_t least = 0, most = unlimited;
};

/// The words in another order; none moves more than `distance` places.
struct WordShuffle {
    std::size_t distance = 3;
};

/// The sentences in another order; none moves more than `distance` places. What ends a sentence stands in text/words.hpp.
struct SentenceShuffle {
    std::size_t distance = unlimited;
};

/// Words, as fold_word has them, and what may stand for them.
using SynonymTable = std::unordered_map<std::string, std::vector<std::string>>;

/// Each word that the table has is replaced, with that probability, by one of its synonyms, as the table writes it.
struct SynonymReplacement {
    SynonymTable table = {};
    double probability = 0.1;
    std::size_t least = 0, most = unlimited;
};

/// For each word that the table has, with that probability, one of its synonyms is inserted after some word of the text.
struct SynonymInsertion {
    SynonymTable table = {};
    double probability = 0.1;
    std::size_t least = 0, most = unlimited;
};

/// Typing errors: what happens to each character of a word, with these probabilities, which are at most 1 together.
struct CharacterNoise {
    double swap = 0, erase = 0, insert = 0, substitute = 0;  // with the next one; it; one after it; it by another
    bool keyboard = false;                                   // new characters are neighbours on a US keyboard; others stay as they are
    std::string alphabet = "abcdefghijklmnopqrstuvwxyz";     // else they come from here; A to Z where they meet a capital
    bool keep_ends = false;                                  // a word's first and last characters stay
    std::size_t min_word = 2;                                // words with fewer characters stay
    std::size_t most = unlimited;                            // errors in the text
};

namespace detail::text {

inline void check_probability(double p, std::string_view what) {
    require(p >= 0 && p <= 1, ErrorCode::invalid_argument, "augment: a probability of ", p, " for ", what, " is not in [0, 1]");
}

// Which of `count` places change: each with a probability, then as many more or fewer as the bounds ask for, at random. Ascending.
inline std::vector<std::size_t> draw_places(std::size_t count, double probability, std::size_t least, std::size_t most, Generator& random) {
    check_probability(probability, "a change");
    require(least <= most, ErrorCode::invalid_argument, "augment: at least ", least, " and at most ", most, " changes");
    std::vector<std::size_t> drawn, others;
    for (std::size_t i = 0; i < count; ++i) (random.uniform() < probability ? drawn : others).push_back(i);
    const auto move_some = [&](std::vector<std::size_t>& from, std::vector<std::size_t>& to, std::size_t n) {
        for (; n > 0 && !from.empty(); --n) {
            std::swap(from[random.below(from.size())], from.back());
            to.push_back(from.back());
            from.pop_back();
        }
    };
    if (drawn.size() > most) move_some(drawn, others, drawn.size() - most);
    else if (drawn.size() < least) move_some(others, drawn, least - drawn.size());
    std::sort(drawn.begin(), drawn.end());
    return drawn;
}

// A text in pieces, and which of them may be moved or replaced.
struct Pieces {
    std::vector<std::string_view> all;
    std::vector<std::size_t> movable;

    std::string_view& operator[](std::size_t i) { return all[movable[i]]; }
    std::size_t size() const { return movable.size(); }
    std::string join() const {
        std::string out;
        for (const auto piece : all) out += piece;
        return out;
    }
};

inline Pieces words_in(std::string_view text) {
    require_utf8(text, "augment");
    Pieces out;
    cut_words(text, [&](std::string_view piece, bool word) {
        if (word) out.movable.push_back(out.all.size());
        out.all.push_back(piece);
    });
    return out;
}

inline void shuffle(Pieces& pieces, std::size_t distance, Generator& random) {
    std::vector<std::string_view> parts;
    for (std::size_t i = 0; i < pieces.size(); ++i) parts.push_back(pieces[i]);
    if (distance + 1 >= parts.size() || distance + 1 == 0) {
        for (std::size_t left = parts.size(); left > 1; --left) std::swap(parts[left - 1], parts[random.below(left)]);
    } else {
        std::vector<std::pair<std::uint64_t, std::string_view>> keyed;  // integers, since rounding differs between machines
        for (std::size_t i = 0; i < parts.size(); ++i) keyed.emplace_back((i << 20) + random.below((distance + 1) << 20), parts[i]);
        std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = keyed[i].second;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) pieces[i] = parts[i];
}

// The words of the text that the table has synonyms for, and these.
struct KnownWord {
    std::size_t word;
    const std::vector<std::string>* synonyms;

    const std::string& draw(Generator& random) const {
        const auto& synonym = (*synonyms)[random.below(synonyms->size())];
        require_utf8(synonym, "augment: a synonym");
        return synonym;
    }
};

inline std::vector<KnownWord> known_words(Pieces& words, const SynonymTable& table) {
    std::vector<KnownWord> out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto entry = table.find(fold_word(words[i]));
        if (entry != table.end() && !entry->second.empty()) out.push_back({i, &entry->second});
    }
    return out;
}

// Letters and digits beside a key, each row half a key to the right of the one above; no digits beside letters.
inline std::string keyboard_neighbours(char key) {
    constexpr std::string_view rows[] = {"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"};
    std::string out;
    for (std::size_t r = 0; r < 4; ++r) {
        const auto at = rows[r].find(key);
        if (at == std::string_view::npos) continue;
        const auto add = [&](std::size_t row, std::size_t column) {
            if (column < rows[row].size()) out += rows[row][column];
        };
        add(r, at - 1);  // wraps to what no row has
        add(r, at + 1);
        if (r >= 2) add(r - 1, at), add(r - 1, at + 1);
        if (r >= 1 && r < 3) add(r + 1, at - 1), add(r + 1, at);
    }
    return out;
}

class CharacterNoiser {
public:
    CharacterNoiser(const CharacterNoise& options, Generator& random) : options_(options), random_(random) {
        check_probability(options.swap, "swapping");
        check_probability(options.erase, "erasing");
        check_probability(options.insert, "inserting");
        check_probability(options.substitute, "substituting");
        total_ = options.swap + options.erase + options.insert + options.substitute;
        require(total_ <= 1 + 1e-9, ErrorCode::invalid_argument, "augment: probabilities of noise that are ", total_, " together");
        require_utf8(options.alphabet, "augment: the alphabet");
        if (!options.keyboard) alphabet_ = utf8_points(options.alphabet);
        require(options.keyboard || !alphabet_.empty() || options.insert + options.substitute == 0, ErrorCode::invalid_argument,
                "augment: characters to insert come from an empty alphabet");
    }

    std::string operator()(Pieces& words) {
        std::vector<std::string> noisy(words.size());
        std::vector<std::size_t> begins;  // of each word among all the characters that may change
        std::vector<std::vector<std::string_view>> characters(words.size());
        std::size_t count = 0;
        for (std::size_t w = 0; w < words.size(); ++w) {
            characters[w] = characters_of(words[w]);
            begins.push_back(count);
            count += characters[w].size();
        }
        const auto places = draw_places(count, std::min(total_, 1.0), 0, options_.most, random_);
        auto place = places.begin();
        for (std::size_t w = 0; w < words.size(); ++w) {
            const std::size_t end = begins[w] + characters[w].size();
            if (place == places.end() || *place >= end) continue;
            std::vector<bool> errs(characters[w].size());
            for (; place != places.end() && *place < end; ++place) errs[*place - begins[w]] = true;
            noisy[w] = with_errors(characters[w], errs);
            words[w] = noisy[w];
        }
        return words.join();
    }

private:
    // A character with the marks and joiners after it.
    static std::vector<std::string_view> characters_of(std::string_view word) {
        std::vector<std::string_view> out;
        for (std::size_t at = 0; at < word.size();) {
            const std::size_t end =
                end_of_run(word, at + utf8_decode_valid(word, at).size, [](char32_t c) { return is_mark(c) || c == 0x200c || c == 0x200d; });
            out.push_back(word.substr(at, end - at));
            at = end;
        }
        return out;
    }

    // What may change: not an apostrophe, nor a mark without its letter, which would join the letter before.
    static bool is_free(std::string_view character) {
        const char32_t c = utf8_decode_valid(character, 0).point;
        return is_word(c) && !is_mark(c);
    }

    std::string with_errors(const std::vector<std::string_view>& characters, const std::vector<bool>& errs) {
        const std::size_t n = characters.size(), end = n - (options_.keep_ends ? 1 : 0);
        std::string out;
        auto left = static_cast<std::size_t>(std::count_if(characters.begin(), characters.end(), is_free));
        for (std::size_t i = 0; i < n; ++i) {
            const auto character = characters[i];
            const bool stays = !errs[i] || n < options_.min_word || (options_.keep_ends && i == 0) || i >= end || !is_free(character);
            if (stays) {
                out += character;
                continue;
            }
            const double u = random_.uniform(), erases = options_.swap + options_.erase;  // no products, since rounding differs between machines
            if (u < options_.swap / total_) {
                const bool can = i + 1 < end && is_free(characters[i + 1]);
                if (can) out += characters[++i];
                out += characters[can ? i - 1 : i];
            } else if (u < erases / total_) {
                if (left > 1) --left;
                else out += character;
            } else if (u < (erases + options_.insert) / total_) {
                out += character;
                append_other(out, character, false);
            } else if (!append_other(out, character, true)) {
                out += character;
            }
        }
        return out;
    }

    // Appends a character drawn for this one, another than it if asked for; false when there is none.
    bool append_other(std::string& out, std::string_view character, bool differs) {
        const char32_t c = utf8_decode_valid(character, 0).point, lower = to_lower(c).first;
        const bool capital = lower != c;
        std::u32string choice;
        if (options_.keyboard) {
            if (lower < 0x80)
                for (const char key : keyboard_neighbours(static_cast<char>(lower))) choice += static_cast<char32_t>(key);
        } else {
            choice = alphabet_;
        }
        if (differs) std::erase_if(choice, [&](char32_t other) { return other == c || other == lower; });
        if (choice.empty()) return false;
        const char32_t drawn = choice[random_.below(choice.size())];
        utf8_append(out, capital && drawn >= 'a' && drawn <= 'z' ? drawn - 32 : drawn);
        return true;
    }

    const CharacterNoise& options_;
    Generator& random_;
    double total_ = 0;
    std::u32string alphabet_;
};

}  // namespace detail::text

// Each of these throws bad_text for a text, alphabet or synonym that is not UTF-8, and invalid_argument for a probability outside [0, 1], bounds
// of which the lower one is higher, or an empty alphabet.

inline std::string augment(std::string_view text, const WordDropout& options, std::uint64_t seed) {
    const auto words = detail::text::words_in(text);
    Generator random(seed);
    const std::size_t spare = words.size() - std::min(words.size(), options.keep);
    require(options.least <= options.most, ErrorCode::invalid_argument, "augment: at least ", options.least, " and at most ", options.most, " words");
    const auto drawn =
        detail::text::draw_places(words.size(), options.probability, std::min(options.least, spare), std::min(options.most, spare), random);
    detail::text::WordRemover out;
    for (std::size_t i = 0, word = 0, next = 0; i < words.all.size(); ++i) {
        const bool is_a_word = word < words.size() && words.movable[word] == i;
        if (is_a_word && next < drawn.size() && drawn[next] == word) {
            ++next;
            out.drop();
        } else {
            out.keep(words.all[i]);
        }
        word += is_a_word;
    }
    return out.finish();
}

inline std::string augment(std::string_view text, const WordSwap& options, std::uint64_t seed) {
    auto words = detail::text::words_in(text);
    Generator random(seed);
    for (const auto i : detail::text::draw_places(words.size(), options.probability, options.least, options.most, random)) {
        if (words.size() < 2) break;
        const auto other = random.below(words.size() - 1);
        std::swap(words[i], words[other + (other >= i ? 1 : 0)]);
    }
    return words.join();
}

inline std::string augment(std::string_view text, const WordShuffle& options, std::uint64_t seed) {
    auto words = detail::text::words_in(text);
    Generator random(seed);
    detail::text::shuffle(words, options.distance, random);
    return words.join();
}

inline std::string augment(std::string_view text, const SentenceShuffle& options, std::uint64_t seed) {
    require_utf8(text, "augment");
    detail::text::Pieces sentences;
    detail::text::cut_sentences(text, [&](std::string_view piece, bool sentence) {
        if (sentence) sentences.movable.push_back(sentences.all.size());
        sentences.all.push_back(piece);
    });
    Generator random(seed);
    detail::text::shuffle(sentences, options.distance, random);
    return sentences.join();
}

inline std::string augment(std::string_view text, const SynonymReplacement& options, std::uint64_t seed) {
    auto words = detail::text::words_in(text);
    Generator random(seed);
    const auto known = detail::text::known_words(words, options.table);
    for (const auto i : detail::text::draw_places(known.size(), options.probability, options.least, options.most, random))
        words[known[i].word] = known[i].draw(random);
    return words.join();
}

inline std::string augment(std::string_view text, const SynonymInsertion& options, std::uint64_t seed) {
    auto words = detail::text::words_in(text);
    Generator random(seed);
    const auto known = detail::text::known_words(words, options.table);
    std::vector<std::string> longer(words.size());
    for (const auto i : detail::text::draw_places(known.size(), options.probability, options.least, options.most, random)) {
        const auto& synonym = known[i].draw(random);
        const auto at = random.below(words.size());
        if (longer[at].empty()) longer[at] = words[at];
        longer[at] += ' ' + synonym;
    }
    for (std::size_t i = 0; i < words.size(); ++i)
        if (!longer[i].empty()) words[i] = longer[i];
    return words.join();
}

inline std::string augment(std::string_view text, const CharacterNoise& options, std::uint64_t seed) {
    auto words = detail::text::words_in(text);
    Generator random(seed);
    return detail::text::CharacterNoiser(options, random)(words);
}

/// A step of several, and the probability that a text goes through it: one of the options above, or a function of yours that makes a text from a
/// text and a seed. Throws invalid_argument for a probability outside [0, 1].
struct Augmentation {
    template <class Step>
    requires(!std::is_same_v<std::remove_cvref_t<Step>, Augmentation>) Augmentation(Step step, double chance = 1) : probability(chance) {
        detail::text::check_probability(chance, "a step");
        if constexpr (std::is_invocable_r_v<std::string, const Step&, std::string_view, std::uint64_t>) apply = std::move(step);
        else apply = [options = std::move(step)](std::string_view text, std::uint64_t seed) { return augment(text, options, seed); };
    }

    std::function<std::string(std::string_view, std::uint64_t)> apply;
    double probability;
};

/// The steps one after the other, each with its probability and a seed of its own. Throws what they throw, bad_text.
inline std::string augment(std::string_view text, const std::vector<Augmentation>& steps, std::uint64_t seed) {
    require_utf8(text, "augment");
    std::string out(text);
    for (std::size_t k = 0; k < steps.size(); ++k) {
        const auto words = philox({static_cast<std::uint32_t>(k), 0, 0, 2}, seed);  // 2: apart from Generator's numbers, and an epoch's
        const double u = (words[2] >> 8) * 0x1p-24;
        if (u < steps[k].probability) out = steps[k].apply(out, (std::uint64_t{words[0]} << 32) | words[1]);
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
