// Texts that stand in a collection twice, exactly or nearly: MinHash (Broder 1997, "On the resemblance and containment of documents") with
// locality-sensitive hashing (Indyk and Motwani 1998; Leskovec, Rajaraman and Ullman, "Mining of massive datasets", chapter 3).
//
//   A, B            the sets of shingles of two texts: their runs of k words, or of k characters
//   s = J(A, B)     |A ∩ B| / |A ∪ B|, the Jaccard similarity
//   min hash        m_i(A) = min over x in A of h_i(x);     P[m_i(A) = m_i(B)] = s, so the share of equal ones of n estimates s,
//                   with a standard error of sqrt(s (1 − s) / n)
//   banding         the n minima are cut into b bands of r; texts with one band in common are candidates: P = 1 − (1 − s^r)^b
//
// Candidates are verified, by the estimate or by the exact similarity, and those that are as similar as the threshold asks are joined: a text is
// a duplicate when a chain of near duplicates leads from it to an earlier one. Memory is 4 n bytes a text; time is n hashes a shingle, and then
// about one comparison a candidate where candidates are alike. Texts that share a band and are not alike are compared pair by pair: where many are
// (pages of one template, just below the threshold), more rows a band make fewer of them.
#pragma once

#include "tercet/core/random.hpp"
#include "tercet/text/vocabulary.hpp"
#include "tercet/text/words.hpp"

#include <numeric>
#include <span>
#include <stop_token>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {

enum class Shingles : std::uint8_t {
    words,      // those of words_of: punctuation and space do not count
    characters  // code points, a run of white space as one space: for scripts without spaces, and short texts
};

/// How minima are cut into bands.
struct Bands {
    std::size_t count = 0, rows = 0;

    bool operator==(const Bands&) const = default;
};

struct NearDuplicates {
    double threshold = 0.8;  // similarity from which on texts are near duplicates, in (0, 1]
    Shingles shingles = Shingles::words;
    std::size_t shingle_size = 5;  // words or characters; a text with fewer makes one shingle
    bool ignore_case = true;
    std::size_t permutations = 128;  // minima a text
    Bands bands = {};                // 0: choose_bands
    bool exact = false;              // verify candidates by their sets of shingles instead of the estimate
    std::uint64_t seed = 0;
    std::stop_token stop = {};
};

/// The probability that texts of a similarity share a band: 1 − (1 − s^r)^b.
inline double candidate_probability(double similarity, const Bands& bands) {
    const auto power = [](double x, std::size_t n) {
        double y = 1;
        for (; n > 0; n >>= 1, x *= x)
            if (n & 1) y *= x;
        return y;
    };
    return 1 - power(1 - power(similarity, bands.rows), bands.count);
}

/// The bands, of at most that many minima in all, which lose least: the integral over all similarities of the probability that a pair below the
/// threshold is a candidate, and of that that one above it is none, weighted 1 − miss_weight to miss_weight (as Zhu et al. 2016, "LSH
/// Ensemble", section 5.1, do). Since candidates are verified, a miss costs more: unless given, 19 times as much. Throws invalid_argument.
inline Bands choose_bands(std::size_t permutations, double threshold, double miss_weight = 0.95) {
    require(permutations >= 1 && permutations <= 65536, ErrorCode::invalid_argument, "choose_bands: ", permutations, " permutations");
    require(threshold > 0 && threshold <= 1, ErrorCode::invalid_argument, "choose_bands: a threshold of ", threshold, " is not in (0, 1]");
    require(miss_weight >= 0 && miss_weight <= 1, ErrorCode::invalid_argument, "choose_bands: a weight of ", miss_weight, " is not in [0, 1]");
    constexpr int steps = 100;
    Bands best;
    double least = 0;
    for (std::size_t count = 1; count <= permutations; ++count) {
        for (std::size_t rows = 1; rows <= permutations / count; ++rows) {
            const Bands bands{count, rows};
            double wrong = 0, missed = 0;
            for (int i = 0; i < steps; ++i) {
                const double part = (i + 0.5) / steps;
                wrong += candidate_probability(part * threshold, bands);
                missed += 1 - candidate_probability(threshold + part * (1 - threshold), bands);
            }
            const double loss = (1 - miss_weight) * wrong * threshold + miss_weight * missed * (1 - threshold);
            if (best.count == 0 || loss < least) {
                best = bands;
                least = loss;
            }
        }
    }
    return best;
}

/// The share of equal minima: estimates the Jaccard similarity. Throws shape_mismatch for lists of different or no length.
inline double estimated_jaccard(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
    require(!a.empty() && a.size() == b.size(), ErrorCode::shape_mismatch, "estimated_jaccard: ", a.size(), " minima and ", b.size());
    std::size_t equal = 0;
    for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
    return static_cast<double>(equal) / static_cast<double>(a.size());
}

namespace detail::text {

// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit of x.
constexpr std::uint64_t mix64(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

inline void check(const NearDuplicates& options) {
    require(options.threshold > 0 && options.threshold <= 1, ErrorCode::invalid_argument, "near duplicates: a threshold of ", options.threshold,
            " is not in (0, 1]");
    require(options.shingle_size >= 1, ErrorCode::invalid_argument, "near duplicates: shingles of no size");
    require(options.permutations >= 1 && options.permutations <= 65536, ErrorCode::invalid_argument, "near duplicates: ", options.permutations,
            " permutations");
    const auto [count, rows] = options.bands;
    require((count == 0 && rows == 0) || (count >= 1 && rows >= 1 && rows <= options.permutations && count <= options.permutations / rows),
            ErrorCode::invalid_argument, "near duplicates: ", count, " bands of ", rows, " rows out of ", options.permutations, " permutations");
}

// A hash of each shingle of a well-formed text, in order: that of a run of hashes is their polynomial in an odd number, rolled along.
inline std::vector<std::uint64_t> shingles_of(std::string_view text, const NearDuplicates& options) {
    std::vector<std::uint64_t> units;
    if (options.shingles == Shingles::words) {
        cut_words(text, [&](std::string_view piece, bool word) {
            if (!word) return;
            TextHash hash;
            hash.add(options.ignore_case ? fold_word(piece) : std::string(piece));
            units.push_back(mix64(hash.state));
        });
    } else {
        bool space = true;  // so that none is at the front
        for (std::size_t i = 0; i < text.size();) {
            const auto step = utf8_decode_valid(text, i);
            i += step.size;
            const bool is_blank_here = is_space(step.point);
            if (!(is_blank_here && space))
                units.push_back(mix64((is_blank_here ? ' ' : options.ignore_case ? to_lower(step.point).first : step.point) + 1u));
            space = is_blank_here;
        }
        if (space && !units.empty()) units.pop_back();
    }
    const std::size_t size = std::min(options.shingle_size, units.size());
    if (size == 0) return {};
    constexpr std::uint64_t base = 0x9e3779b97f4a7c15u;
    std::uint64_t power = 1, sum = 0;  // base^size
    std::vector<std::uint64_t> out;
    out.reserve(units.size() - size + 1);
    for (std::size_t i = 0; i < units.size(); ++i) {
        sum = sum * base + units[i];
        if (i < size) power *= base;
        else sum -= units[i - size] * power;
        if (i + 1 >= size) out.push_back(mix64(sum));
    }
    return out;
}

inline std::vector<std::uint64_t> shingle_set_of(std::string_view text, const NearDuplicates& options) {
    auto out = shingles_of(text, options);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

inline double jaccard_of_sets(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
    std::size_t common = 0;
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
        if (*i == *j) ++common, ++i, ++j;
        else ++(*i < *j ? i : j);
    }
    const std::size_t together = a.size() + b.size() - common;
    return together == 0 ? 0 : static_cast<double>(common) / static_cast<double>(together);
}

// The hash functions h_i(x) = the upper half of a_i x + b_i (Dietzfelbinger 1996) and a text's minima under them.
class MinHasher {
public:
    explicit MinHasher(const NearDuplicates& options) : options_(options) {
        Generator random(options.seed);
        for (std::size_t i = 0; i < options.permutations; ++i) {
            factors_.push_back(random.next_u64() | 1);
            offsets_.push_back(random.next_u64());
        }
    }

    // Writes the minima to out[0, permutations); false for a text without shingles, whose minima are the highest number.
    bool operator()(std::string_view text, std::uint32_t* out) const {
        const std::size_t n = factors_.size();
        std::fill_n(out, n, 0xffffffffu);
        const auto shingles = shingles_of(text, options_);
        for (const auto x : shingles)
            for (std::size_t i = 0; i < n; ++i) out[i] = std::min(out[i], static_cast<std::uint32_t>((factors_[i] * x + offsets_[i]) >> 32));
        return !shingles.empty();
    }

private:
    const NearDuplicates& options_;
    std::vector<std::uint64_t> factors_, offsets_;
};

// Disjoint sets of indices; a set's name is its lowest one.
class DisjointSets {
public:
    explicit DisjointSets(std::size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), std::size_t{0}); }
    std::size_t find(std::size_t i) {
        while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
        return i;
    }
    void join(std::size_t a, std::size_t b) {
        a = find(a);
        b = find(b);
        parents_[std::max(a, b)] = std::min(a, b);
    }

private:
    std::vector<std::size_t> parents_;
};

inline void check_texts(std::span<const std::string> texts, std::string_view where) {
    for (std::size_t i = 0; i < texts.size(); ++i)
        if (utf8_first_error(texts[i]) != std::string_view::npos) require_utf8(texts[i], std::string(where) + ": text " + std::to_string(i));
}

class NearDuplicateFinder {
public:
    NearDuplicateFinder(std::span<const std::string> texts, std::vector<std::size_t> first, const NearDuplicates& options)
        : texts_(texts), first_(std::move(first)), options_(options), sets_(texts.size()), shingles_(options.exact ? texts.size() : 0) {}

    std::vector<std::size_t> find() {
        const std::size_t n = options_.permutations;
        for (std::size_t i = 0; i < texts_.size(); ++i)
            if (first_[i] == i) places_.push_back(i);
        minima_.resize(checked_mul(places_.size(), n, "near duplicates: minima"));
        std::vector<std::uint8_t> has_shingles(places_.size());
        const MinHasher hasher(options_);
        parallel_ranges(static_cast<index_t>(places_.size()), 8, [&](index_t begin, index_t end) {
            look();
            for (auto p = static_cast<std::size_t>(begin); p < static_cast<std::size_t>(end); ++p)
                has_shingles[p] = hasher(texts_[places_[p]], &minima_[p * n]);
        });
        const auto bands = options_.bands.count == 0 ? choose_bands(n, options_.threshold) : options_.bands;
        std::vector<std::pair<std::uint64_t, std::size_t>> keys;  // of the band, and which place has it
        for (std::size_t band = 0; band < bands.count; ++band) {
            keys.clear();
            for (std::size_t p = 0; p < places_.size(); ++p)
                if (has_shingles[p]) keys.emplace_back(key_of(&minima_[p * n + band * bands.rows], bands.rows), p);
            std::sort(keys.begin(), keys.end());
            for (std::size_t begin = 0, end = 0; begin < keys.size(); begin = end) {
                while (end < keys.size() && keys[end].first == keys[begin].first) ++end;
                join_alike({keys.data() + begin, end - begin});
            }
        }
        for (auto& first : first_) first = places_[sets_.find(place_of(first))];
        return std::move(first_);
    }

private:
    void look() const { require(!options_.stop.stop_requested(), ErrorCode::cancelled, "near duplicates: stopped"); }

    std::size_t place_of(std::size_t text) const {
        return static_cast<std::size_t>(std::lower_bound(places_.begin(), places_.end(), text) - places_.begin());
    }

    static std::uint64_t key_of(const std::uint32_t* minima, std::size_t rows) {
        std::uint64_t key = 0;
        for (std::size_t i = 0; i < rows; ++i) key = mix64(key * 0x9e3779b97f4a7c15u + minima[i] + 1);
        return key;
    }

    bool alike(std::size_t a, std::size_t b) {
        if (options_.exact) return jaccard_of_sets(shingles(a), shingles(b)) >= options_.threshold;
        const auto minima = [&](std::size_t place) { return std::span(minima_).subspan(place * options_.permutations, options_.permutations); };
        return estimated_jaccard(minima(a), minima(b)) >= options_.threshold;
    }
    const std::vector<std::uint64_t>& shingles(std::size_t place) {
        auto& set = shingles_[place];
        if (set.empty()) set = shingle_set_of(texts_[places_[place]], options_);
        return set;
    }

    // Joins what is alike among the candidates of a bucket. Those that belong together already need no comparison: each newcomer is held
    // against the groups that it is not in, until one of the group is like it.
    void join_alike(std::span<const std::pair<std::uint64_t, std::size_t>> bucket) {
        if (bucket.size() < 2) return;
        look();
        std::vector<std::vector<std::size_t>> groups;
        for (const auto& [key, place] : bucket) {
            std::vector<std::size_t> own;
            for (auto& group : groups) {
                bool same = sets_.find(group[0]) == sets_.find(place);
                for (std::size_t i = 0; i < group.size() && !same; ++i) same = alike(group[i], place);
                if (!same) continue;
                sets_.join(group[0], place);
                if (own.size() < group.size()) own.swap(group);
                own.insert(own.end(), group.begin(), group.end());
                group.clear();
            }
            std::erase_if(groups, [](const auto& group) { return group.empty(); });
            own.push_back(place);
            groups.push_back(std::move(own));
        }
    }

    std::span<const std::string> texts_;
    std::vector<std::size_t> first_;   // of the texts that are equal to this one
    std::vector<std::size_t> places_;  // the texts that are their own first: a place counts these
    const NearDuplicates& options_;
    DisjointSets sets_;
    std::vector<std::uint32_t> minima_;                 // (places, permutations)
    std::vector<std::vector<std::uint64_t>> shingles_;  // of places that were compared exactly
};

}  // namespace detail::text

/// For each text the index of the first one that is equal to it, byte by byte: kept[i] == i for those to keep. Throws cancelled.
inline std::vector<std::size_t> exact_duplicates(std::span<const std::string> texts, const std::stop_token& stop = {}) {
    std::unordered_map<std::string_view, std::size_t> seen;
    std::vector<std::size_t> out;
    out.reserve(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        require(i % 1024 != 0 || !stop.stop_requested(), ErrorCode::cancelled, "exact_duplicates: stopped");
        out.push_back(seen.try_emplace(texts[i], i).first->second);
    }
    return out;
}

/// The minima of a text under `permutations` hash functions. Throws bad_text, invalid_argument.
inline std::vector<std::uint32_t> minhash(std::string_view text, const NearDuplicates& options = {}) {
    detail::text::check(options);
    require_utf8(text, "minhash");
    std::vector<std::uint32_t> out(options.permutations);
    detail::text::MinHasher{options}(text, out.data());
    return out;
}

/// The Jaccard similarity of two texts' sets of shingles (of their 64-bit hashes); 0 where there are none. Throws bad_text, invalid_argument.
inline double jaccard(std::string_view a, std::string_view b, const NearDuplicates& options = {}) {
    detail::text::check(options);
    require_utf8(a, "jaccard");
    require_utf8(b, "jaccard");
    return detail::text::jaccard_of_sets(detail::text::shingle_set_of(a, options), detail::text::shingle_set_of(b, options));
}

/// For each text the index of the first one of its group of near duplicates, its own where it is that: keep those with result[i] == i. Equal texts
/// always share a group; a text without a shingle is like no other. The result is the same on any number of threads. Throws bad_text,
/// invalid_argument, cancelled.
inline std::vector<std::size_t> near_duplicates(std::span<const std::string> texts, const NearDuplicates& options = {}) {
    detail::text::check(options);
    detail::text::check_texts(texts, "near_duplicates");
    return detail::text::NearDuplicateFinder(texts, exact_duplicates(texts, options.stop), options).find();
}

}  // namespace tercet::inline TERCET_ABI
