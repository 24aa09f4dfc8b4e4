// Learning a unigram language model's vocabulary (Kudo 2018, "Subword Regularization", section 3.2): pieces x with probabilities p(x), such that
// the words of a corpus, summed over all ways to cut them into pieces, become likely.
//
//   L = Σ_words n(w) · log Σ_{x1…xk = w} Π p(xi)
//
// From many seeds (text/unigram_seeds.hpp) two steps alternate until few enough pieces are left:
//   EM     forward and backward over each word's lattice give the expected counts c(x); p(x) = exp(ψ(c(x)) − ψ(Σ c)), with the digamma
//          function ψ in place of the logarithm, which holds rare pieces down (a Dirichlet prior's mean-field step; as SentencePiece does)
//   prune  of each piece, the loss of L when its occurrences in the best cuts fall to the best cut of the piece itself into others;
//          the worst quarter goes, characters never
// The last rounds of EM are plain (p = c / Σ c): they maximise L for the vocabulary as it is.
//
// A lattice's edges are listed once, from the suffixes that each seed was found in, and only become fewer: nothing is looked up. Words are dealt
// to blocks by their size and blocks are added in order, so that results have the same bits on any number of threads. (Another C library may round
// exp and log otherwise.)
#pragma once

#include "tercet/text/learnt_tokens.hpp"
#include "tercet/text/unigram_seeds.hpp"
#include "tercet/text/word_counts.hpp"

#include <cmath>
#include <limits>
#include <numeric>

namespace tercet::inline TERCET_ABI {

struct UnigramTraining {
    TokenId vocab_size = 8000;                  // at most this many pieces, special tokens included; the characters are always there
    std::string initial_alphabet{};             // characters that become pieces, even where no word has them
    double character_coverage = 1.0;            // the share of all characters that the alphabet covers; the rarest beyond it become no pieces
    std::size_t seed_size = 1000000;            // how many seeds are tried, at most
    std::size_t max_piece_length = 16;          // in characters
    double shrinking_factor = 0.75;             // what pruning leaves of the pieces
    int iterations = 2;                         // rounds of EM before each pruning
    std::vector<std::string> special_tokens{};  // the first ids, in this order
    std::string unknown = "<unk>";              // for characters outside the alphabet; the first id when not among those; empty: none
    std::stop_token stop{};
};

struct UnigramPiece {
    std::string text;
    double score;  // natural logarithm of its probability; 0 for special tokens
};

struct LearntPieces {
    std::vector<UnigramPiece> pieces;  // a piece's id is its place: the special tokens, then by falling score
    std::vector<std::string> special_tokens;
    std::string unknown;
    double log_likelihood = 0;  // L, under the pieces and scores as they are here
};

namespace detail::text {

// ψ(x) = d/dx log Γ(x) for x > 0: the recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.5 and 6.3.18).
inline double digamma(double x) {
    double sum = 0;
    for (; x < 10; ++x) sum -= 1 / x;
    const double y = 1 / (x * x);
    return sum + std::log(x) - 0.5 / x - y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y / 132))));
}

class UnigramLearner {
public:
    UnigramLearner(const WordCounts& words, const UnigramTraining& options)
        : options_(options), tokens_(options.special_tokens, options.unknown, who) {
        require(options.vocab_size >= 0, ErrorCode::invalid_argument, who, ": a vocabulary of ", options.vocab_size, " pieces");
        require(options.max_piece_length >= 1 && options.max_piece_length <= 255, ErrorCode::invalid_argument, who, ": pieces of up to ",
                options.max_piece_length, " characters, expected 1 to 255");
        require(options.shrinking_factor > 0 && options.shrinking_factor < 1, ErrorCode::invalid_argument, who, ": a shrinking factor of ",
                options.shrinking_factor, ", expected one between 0 and 1");
        require(options.character_coverage > 0 && options.character_coverage <= 1, ErrorCode::invalid_argument, who, ": a character coverage of ",
                options.character_coverage, ", expected one above 0 and at most 1");
        require(options.iterations >= 1 && options.iterations <= 1000, ErrorCode::invalid_argument, who, ": ", options.iterations,
                " rounds of EM, expected 1 to 1000");
        require(options.seed_size <= most_seeds, ErrorCode::invalid_argument, who, ": ", options.seed_size, " seeds, at most ", most_seeds);
        require_utf8(options.initial_alphabet, who);
        read_words(words);
        find_pieces();
    }

    LearntPieces learn() {
        const auto wanted = static_cast<std::size_t>(options_.vocab_size) - std::min(static_cast<std::size_t>(options_.vocab_size), tokens_.size());
        const std::size_t target = std::max(wanted, letters_.size());
        while (true) {
            for (int i = 0; i < options_.iterations; ++i) improve(true, target);
            if (pieces_.size() <= target) break;
            prune(target);
        }
        for (int i = 0; i < polish; ++i) improve(false, target);
        expected_counts();  // for their likelihood
        return result();
    }

private:
    static constexpr std::string_view who = "learn_unigram";
    static constexpr std::size_t most_seeds = 100000000, most_blocks = 16;
    static constexpr int polish = 2;
    static constexpr double least_count = 0.5;  // expected; pieces below it go, as in SentencePiece
    static constexpr double small = 0x1p-256;   // forward and backward sums below it are scaled

    struct Piece {
        std::size_t at;  // an occurrence in the text; for characters: their place among letters_
        std::uint32_t length;
        double score = 0, probability = 0;
    };
    struct Block {
        std::size_t first, last;  // parts
    };
    // What loops over edges need of a piece.
    struct Weight {
        double value;
        std::uint32_t length;
    };

    void look(std::string_view where) const { require(!options_.stop.stop_requested(), ErrorCode::cancelled, who, ": stopped ", where); }

    // The alphabet, and the words as its symbols; a character outside it ends a part.
    void read_words(const WordCounts& words) {
        auto counts = character_counts(words);
        double all = 0, covered = 0;
        for (const auto& entry : counts) all += static_cast<double>(entry.second);
        std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        std::size_t kept = 0;
        for (; kept < counts.size() && covered < options_.character_coverage * all; ++kept) covered += static_cast<double>(counts[kept].second);
        for (std::size_t i = 0; i < kept; ++i) letters_.push_back(counts[i].first);
        for (const char32_t point : utf8_points(options_.initial_alphabet)) letters_.push_back(point);
        std::sort(letters_.begin(), letters_.end());
        letters_.erase(std::unique(letters_.begin(), letters_.end()), letters_.end());
        std::vector<std::uint32_t> symbol_of(0x110000);
        for (const char32_t point : letters_) symbol_of[point] = ++text_.top;
        auto& s = text_.symbols;
        for (std::size_t w = 0; w < words.size(); ++w) {
            const auto word = words.word(w);
            const auto count = static_cast<double>(words.count(w));
            std::size_t begin = s.size();
            const auto end_part = [&] {
                if (s.size() == begin) return;
                require(s.size() < 0xffffffffu, ErrorCode::size_overflow, who, ": distinct words of ", s.size(),
                        " characters, below 2^32 are supported");
                text_.parts.push_back({begin, static_cast<std::uint32_t>(s.size() - begin), count});
                s.push_back(0);
                begin = s.size();
            };
            for (std::size_t i = 0; i < word.size();) {
                const auto step = utf8_decode_valid(word, i);
                if (symbol_of[step.point] != 0) s.push_back(symbol_of[step.point]);
                else end_part();
                i += step.size;
            }
            end_part();
        }
        const std::size_t share = std::max<std::size_t>(s.size() / most_blocks + 1, 4096);
        for (std::size_t first = 0, p = 0; p < text_.parts.size(); first = p) {
            for (std::size_t size = 0; p < text_.parts.size() && size < share; ++p) size += text_.parts[p].size;
            blocks_.push_back({first, p});
        }
        block_counts_.resize(blocks_.size());
    }

    // The characters and the seeds, with their counts as first probabilities, and the edges that seeds have in the lattices.
    void find_pieces() {
        look("before seeds were found");
        for (std::size_t i = 0; i < letters_.size(); ++i) pieces_.push_back({i, 1});
        std::vector<double> counts(letters_.size(), 0.0);
        for (const auto& part : text_.parts) {
            for (std::size_t i = 0; i < part.size; ++i) counts[text_.symbols[part.begin + i] - 1] += part.count;
        }
        const auto seeds = find_seeds(text_, static_cast<std::uint32_t>(options_.max_piece_length), options_.seed_size);
        look("after seeds were found");
        first_edge_.assign(text_.symbols.size() + 1, 0);
        for (const auto& run : seeds.runs) {
            pieces_.push_back({seeds.suffixes[run.first], run.length});
            counts.push_back(run.count);
            for (std::size_t i = run.first; i < run.last; ++i) ++first_edge_[seeds.suffixes[i] + 1];
        }
        for (std::size_t i = 1; i < first_edge_.size(); ++i) first_edge_[i] += first_edge_[i - 1];
        edges_.resize(first_edge_.back());
        auto next = first_edge_;
        for (std::size_t r = 0; r < seeds.runs.size(); ++r) {
            const auto id = static_cast<std::uint32_t>(letters_.size() + r);
            for (std::size_t i = seeds.runs[r].first; i < seeds.runs[r].last; ++i) edges_[next[seeds.suffixes[i]]++] = id;
        }
        set_scores(counts, [](double count) { return std::log(count); });
    }

    template <class F>
    void set_scores(const std::vector<double>& counts, const F& log_of) {
        double sum = 0;
        for (const double count : counts) sum += std::max(count, least_count);
        const double all = log_of(sum);
        parallel_ranges(static_cast<index_t>(pieces_.size()), 4096, [&](index_t begin, index_t end) {
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
                pieces_[i].score = log_of(std::max(counts[i], least_count)) - all;
                pieces_[i].probability = std::exp(pieces_[i].score);
            }
        });
    }

    // Calls f(block, counts) for each block of words in parallel and gives the sum of the counts, in the blocks' order.
    template <class F>
    std::vector<double> over_blocks(const F& f) {
        parallel_for(static_cast<index_t>(blocks_.size()), [&](index_t tile) {
            const auto b = static_cast<std::size_t>(tile);
            look("at " + std::to_string(pieces_.size()) + " pieces");
            block_counts_[b].assign(pieces_.size(), 0.0);
            f(b, block_counts_[b]);
        });
        std::vector<double> sum(pieces_.size());
        parallel_ranges(static_cast<index_t>(sum.size()), 4096, [&](index_t begin, index_t end) {
            for (const auto& part : block_counts_) {
                for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) sum[i] += part[i];
            }
        });
        return sum;
    }

    // Calls f(id) for the pieces that begin at a place of the text, shorter ones first.
    template <class F>
    void each_edge(std::size_t at, const F& f) const {
        f(static_cast<std::size_t>(text_.symbols[at] - 1));
        for (std::size_t e = first_edge_[at]; e < first_edge_[at + 1]; ++e) f(static_cast<std::size_t>(edges_[e]));
    }

    // How often each piece is expected; sets log_likelihood_.
    std::vector<double> expected_counts() {
        std::vector<Weight> weights(pieces_.size());
        for (std::size_t i = 0; i < pieces_.size(); ++i) weights[i] = {pieces_[i].probability, pieces_[i].length};
        std::vector<double> logs(blocks_.size());
        auto counts = over_blocks([&](std::size_t b, std::vector<double>& sums) {
            std::vector<double> forward, backward;
            std::vector<int> scale;
            for (std::size_t p = blocks_[b].first; p < blocks_[b].last; ++p)
                logs[b] += add_expected(text_.parts[p], weights, forward, backward, scale, sums);
        });
        log_likelihood_ = 0;
        for (const double log : logs) log_likelihood_ += log;
        return counts;
    }

    // One round of EM. A smoothed one drops pieces that are hardly expected, as long as there are more than `target`.
    void improve(bool smoothed, std::size_t target) {
        const auto counts = expected_counts();
        if (!smoothed) return set_scores(counts, [](double count) { return std::log(count); });
        std::vector<double> kept = counts;
        double least = least_count;
        if (target < kept.size()) {
            std::nth_element(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(target), kept.end(), std::greater<>());
            least = std::min(least, kept[target]);
        }
        kept.clear();
        std::vector<bool> keep(pieces_.size());
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            keep[i] = i < letters_.size() || target >= pieces_.size() || counts[i] >= least;
            if (keep[i]) kept.push_back(counts[i]);
        }
        retain(keep);
        set_scores(kept, digamma);
    }

    // Adds the expected counts of a part's pieces and gives its log-likelihood. Sums are held as value · 2^(-256 · scale).
    double add_expected(const SymbolText::Part& part, const std::vector<Weight>& weights, std::vector<double>& forward, std::vector<double>& backward,
                        std::vector<int>& scale, std::vector<double>& sums) const {
        const std::size_t n = part.size, window = options_.max_piece_length;
        forward.assign(n + 1, 0.0);
        backward.assign(n + 1, 0.0);
        scale.assign(n + 1, 0);
        // Scales values[begin, end) up when all of them are small; true when it did.
        const auto scale_up = [](std::vector<double>& values, std::size_t begin, std::size_t end) {
            const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin), last = values.begin() + static_cast<std::ptrdiff_t>(end);
            if (*std::max_element(first, last) >= small) return false;
            for (auto at = first; at != last; ++at) *at /= small;
            return true;
        };
        int scaled = 0;
        forward[0] = 1;
        for (std::size_t i = 0; i < n; ++i) {
            if (forward[i] < small && scale_up(forward, i, std::min(i + window, n) + 1)) ++scaled;
            scale[i] = scaled;
            each_edge(part.begin + i, [&](std::size_t id) { forward[i + weights[id].length] += forward[i] * weights[id].value; });
        }
        const double whole = forward[n];
        int back = 0;
        backward[n] = 1;
        for (std::size_t i = n; i-- > 0;) {
            double factor = part.count * (forward[i] / whole);
            if (scaled + back != 0) factor = std::min(std::ldexp(factor, 256 * (scaled - scale[i] - back)), 1e300);
            each_edge(part.begin + i, [&](std::size_t id) {
                const double rest = weights[id].value * backward[i + weights[id].length];
                backward[i] += rest;
                sums[id] += factor * rest;
            });
            if (backward[i] < small && scale_up(backward, i, std::min(i + window, n) + 1)) ++back;
        }
        return part.count * (std::log(whole) + scaled * std::log(small));
    }

    // Drops pieces, and their edges.
    void retain(const std::vector<bool>& keep) {
        std::vector<std::uint32_t> new_id(pieces_.size());
        std::uint32_t count = 0;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            if (!keep[i]) continue;
            new_id[i] = count;
            pieces_[count++] = pieces_[i];
        }
        if (count == pieces_.size()) return;
        pieces_.resize(count);
        std::size_t to = 0, from = 0;
        for (std::size_t at = 0; at + 1 < first_edge_.size(); ++at) {
            const std::size_t end = first_edge_[at + 1];
            for (; from < end; ++from) {
                if (keep[edges_[from]]) edges_[to++] = new_id[edges_[from]];
            }
            first_edge_[at + 1] = to;
        }
        edges_.resize(to);
    }

    // The best cut of text[at, at + size) without the piece `without`: the pieces from the last to the first, and the sum of their scores.
    struct Cut {
        std::vector<double> best;
        std::vector<std::uint32_t> last;  // the piece that ends there
        std::vector<std::uint32_t> pieces;
    };
    double cut(std::size_t at, std::size_t size, std::size_t without, Cut& c) const {
        c.best.assign(size + 1, -std::numeric_limits<double>::infinity());
        c.last.assign(size + 1, 0);
        c.pieces.clear();
        c.best[0] = 0;
        for (std::size_t i = 0; i < size; ++i) {
            each_edge(at + i, [&](std::size_t id) {
                const std::size_t end = i + pieces_[id].length;
                if (end > size || id == without || c.best[i] + pieces_[id].score <= c.best[end]) return;
                c.best[end] = c.best[i] + pieces_[id].score;
                c.last[end] = static_cast<std::uint32_t>(id);
            });
        }
        for (std::size_t end = size; end > 0; end -= pieces_[c.last[end]].length) c.pieces.push_back(c.last[end]);
        return c.best[size];
    }

    // Leaves shrinking_factor of the pieces, but `target` at least: the characters, and of the others those whose loss would be the greatest.
    // Those that no best cut has only stay where there would be fewer than `target` without them.
    void prune(std::size_t target) {
        const std::size_t none = pieces_.size();
        const auto counts = over_blocks([&](std::size_t b, std::vector<double>& sums) {
            Cut c;
            for (std::size_t p = blocks_[b].first; p < blocks_[b].last; ++p) {
                const auto& part = text_.parts[p];
                cut(part.begin, part.size, none, c);
                for (const auto id : c.pieces) sums[id] += part.count;
            }
        });
        double sum = 0;
        for (const double count : counts) sum += count;
        const double unused = -std::numeric_limits<double>::infinity();
        std::vector<double> loss(pieces_.size(), unused);
        parallel_ranges(static_cast<index_t>(pieces_.size()), 1024, [&](index_t begin, index_t end) {
            look("at " + std::to_string(pieces_.size()) + " pieces");
            Cut c;
            for (auto i = std::max(static_cast<std::size_t>(begin), letters_.size()); i < static_cast<std::size_t>(end); ++i) {
                if (counts[i] == 0 || cut(pieces_[i].at, pieces_[i].length, i, c) > pieces_[i].score) continue;
                const double all = std::log(sum + counts[i] * static_cast<double>(c.pieces.size() - 1));
                double gain = std::log(counts[i]) - std::log(sum);
                for (const auto id : c.pieces) gain -= std::log(counts[id] + counts[i]) - all;
                loss[i] = counts[i] * gain;
            }
        });
        std::vector<std::size_t> order(pieces_.size() - letters_.size());
        std::iota(order.begin(), order.end(), letters_.size());
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            if (loss[a] != loss[b]) return loss[a] > loss[b];
            return pieces_[a].score != pieces_[b].score ? pieces_[a].score > pieces_[b].score : a < b;
        });
        const auto used = static_cast<std::size_t>(std::count_if(loss.begin(), loss.end(), [&](double l) { return l != unused; })) + letters_.size();
        const auto share = static_cast<std::size_t>(options_.shrinking_factor * static_cast<double>(pieces_.size()));
        order.resize(std::max(target, std::min(used, share)) - letters_.size());
        std::vector<bool> keep(pieces_.size());
        std::fill_n(keep.begin(), letters_.size(), true);
        for (const auto i : order) keep[i] = true;
        retain(keep);
    }

    LearntPieces result() {
        LearntPieces out;
        out.special_tokens = tokens_.special();
        out.unknown = tokens_.unknown();
        out.log_likelihood = log_likelihood_;
        std::vector<UnigramPiece> pieces;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            std::string text;
            for (std::size_t k = 0; k < pieces_[i].length; ++k)
                utf8_append(text, letters_[i < letters_.size() ? pieces_[i].at : text_.symbols[pieces_[i].at + k] - 1]);
            if (!tokens_.has(text)) pieces.push_back({std::move(text), pieces_[i].score});
        }
        std::sort(pieces.begin(), pieces.end(),
                  [](const UnigramPiece& a, const UnigramPiece& b) { return a.score != b.score ? a.score > b.score : a.text < b.text; });
        for (const auto& token : tokens_.special()) out.pieces.push_back({token, 0.0});
        out.pieces.insert(out.pieces.end(), std::make_move_iterator(pieces.begin()), std::make_move_iterator(pieces.end()));
        return out;
    }

    const UnigramTraining& options_;
    LearntTokens tokens_;  // the special ones
    std::vector<char32_t> letters_;
    SymbolText text_;
    std::vector<Block> blocks_;
    std::vector<std::vector<double>> block_counts_;
    std::vector<Piece> pieces_;            // the characters first
    std::vector<std::size_t> first_edge_;  // of each place in the text
    std::vector<std::uint32_t> edges_;     // the pieces of two characters and more that begin there, shorter ones first
    double log_likelihood_ = 0;
};

}  // namespace detail::text

/// Learns pieces and their probabilities from the words of texts, most often words that begin with the meta symbol:
///
///     WordCounts words;
///     words.add_lines(text, normalizer, PreTokenizer({{.kind = PreTokenizerKind::metaspace, .pattern = "▁"}}));
///     const auto learnt = learn_unigram(words, {.vocab_size = 8000});
///
/// The characters are always pieces, so that every word of them can be cut. Throws invalid_argument for options outside their ranges and empty
/// special tokens, bad_text for special tokens and alphabets that are not UTF-8, size_overflow for distinct words of 2^32 characters, cancelled.
inline LearntPieces learn_unigram(const WordCounts& words, const UnigramTraining& options = {}) {
    return detail::text::UnigramLearner(words, options).learn();
}

}  // namespace tercet::inline TERCET_ABI
