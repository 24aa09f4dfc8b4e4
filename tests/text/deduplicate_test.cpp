#include "support/catch.hpp"

#include "tercet/text/deduplicate.hpp"

#include <set>

using namespace tercet;

namespace {

using Indices = std::vector<std::size_t>;

// Text of words that occur as rarely as their rank says, as in a language.
std::string prose(Generator& random, int words) {
    std::string text;
    for (int i = 0; i < words; ++i) {
        const double u = random.uniform();
        text += (i == 0 ? "w" : i % 12 == 0 ? ". W" : " w") + std::to_string(static_cast<int>(3000 * u * u * u));
    }
    return text + ".";
}

// A copy in which that many words are other ones.
std::string changed(Generator& random, std::string text, int words) {
    for (; words > 0; --words) {
        const auto at = text.find(' ', random.below(text.size() - 20));
        const auto end = text.find(' ', at + 1);
        text.replace(at + 1, end - at - 1, "new" + std::to_string(random.below(1000000)));
    }
    return text;
}

// The sets of five lower-case words in a row, as strings.
std::set<std::string> word_runs(std::string_view text) {
    std::set<std::string> out;
    const auto words = words_of(text);
    for (std::size_t i = 0; i + 5 <= words.size(); ++i) {
        std::string run;
        for (std::size_t j = i; j < i + 5; ++j) run += fold_word(words[j]) + ' ';
        out.insert(run);
    }
    return out;
}

// Groups by comparing all pairs.
Indices brute_force(const std::vector<std::set<std::string>>& sets, double threshold) {
    Indices first(sets.size());
    std::iota(first.begin(), first.end(), std::size_t{0});
    for (std::size_t i = 0; i < sets.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            double common = 0;
            for (const auto& run : sets[i]) common += sets[j].contains(run);
            if (common / (static_cast<double>(sets[i].size() + sets[j].size()) - common) < threshold) continue;
            const auto a = std::min(first[i], first[j]), b = std::max(first[i], first[j]);
            std::replace(first.begin(), first.end(), b, a);
        }
    }
    return first;
}

}  // namespace

TEST_CASE("deduplicate: equal texts have the first one's index", "[text]") {
    CHECK(exact_duplicates(std::vector<std::string>{"a", "b", "a", "", "A", "", "a "}) == Indices{0, 1, 0, 3, 4, 3, 6});
    CHECK(exact_duplicates({}).empty());
    std::stop_source source;
    source.request_stop();
    CHECK_ERROR(exact_duplicates(std::vector<std::string>{"a"}, source.get_token()), ErrorCode::cancelled);
}

TEST_CASE("deduplicate: Jaccard similarity of words and characters, worked by hand", "[text]") {
    CHECK(jaccard("a b c d", "B, c; d - e", {.shingle_size = 2}) == 0.5);                    // ab bc cd | bc cd de
    CHECK(jaccard("a b c d", "B c d e", {.shingle_size = 2, .ignore_case = false}) == 0.2);  // ab bc cd | Bc cd de
    CHECK(jaccard("a b a b a", "a b", {.shingle_size = 2}) == 0.5);                          // ab ba | ab
    CHECK(jaccard("abcd", "bcde", {.shingles = Shingles::characters, .shingle_size = 3}) == Approx(1.0 / 3));
    CHECK(jaccard(" a \n b ", "A b", {.shingles = Shingles::characters, .shingle_size = 3}) == 1);
    CHECK(jaccard("\u4f60\u597d\u5417", "\u4f60\u597d", {.shingles = Shingles::characters, .shingle_size = 2}) == 0.5);
    CHECK(jaccard("a b", "a b") == 1);  // fewer words than a shingle has
    CHECK(jaccard("a b", "a b c") == 0);
    CHECK(jaccard("", "") == 0);
    CHECK(jaccard("...", "...") == 0);
}

TEST_CASE("deduplicate: estimates lie around the exact similarity as their standard error says", "[text]") {
    Generator random(5);
    const NearDuplicates options{.shingle_size = 3, .permutations = 256};
    double sum = 0, squares = 0;
    const int pairs = 300;
    for (int i = 0; i < pairs; ++i) {
        const auto a = prose(random, 150);
        const auto b = changed(random, a, static_cast<int>(random.below(40)));
        const double s = jaccard(a, b, options), error = estimated_jaccard(minhash(a, options), minhash(b, options)) - s;
        const double sigma = std::sqrt(std::max(s * (1 - s), 1e-9) / 256);
        CHECK(std::abs(error) <= 5 * sigma);
        sum += error;
        squares += error * error / (sigma * sigma);
    }
    CHECK(std::abs(sum / pairs) < 0.006);  // no bias: the standard error of the mean is 0.0017
    CHECK(squares / pairs < 1.3);
    CHECK(squares / pairs > 0.5);
}

TEST_CASE("deduplicate: bands for a threshold, as a search in Python finds them", "[text]") {
    CHECK(candidate_probability(0.8, {16, 8}) == Approx(0.9470487961682148));
    CHECK(candidate_probability(0.5, {25, 5}) == Approx(0.5478392215509674));
    CHECK(candidate_probability(0, {16, 8}) == 0);
    CHECK(candidate_probability(1, {16, 8}) == 1);
    CHECK(choose_bands(128, 0.5) == Bands{26, 3});
    CHECK(choose_bands(128, 0.7) == Bands{21, 6});
    CHECK(choose_bands(128, 0.8) == Bands{16, 8});
    CHECK(choose_bands(128, 0.9) == Bands{9, 14});
    CHECK(choose_bands(128, 0.8, 0.5) == Bands{9, 13});  // the parameters that datasketch has for this, too
    CHECK(choose_bands(1, 1) == Bands{1, 1});
    CHECK_ERROR(choose_bands(0, 0.5), ErrorCode::invalid_argument);
    CHECK_ERROR(choose_bands(128, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(choose_bands(128, 1.1), ErrorCode::invalid_argument);
    CHECK_ERROR(choose_bands(128, std::nan("")), ErrorCode::invalid_argument);
    CHECK_ERROR(choose_bands(128, 0.5, 2), ErrorCode::invalid_argument);
}

TEST_CASE("deduplicate: candidates come as often as the formula says", "[text]") {
    Generator random(6);
    const auto a = prose(random, 150), b = changed(random, a, 6);
    NearDuplicates options{.threshold = 0.01, .shingle_size = 3, .permutations = 32, .bands = {4, 8}};
    const double s = jaccard(a, b, options), p = candidate_probability(s, options.bands);
    REQUIRE((p > 0.2 && p < 0.9));
    int found = 0;
    for (options.seed = 0; options.seed < 400; ++options.seed) found += near_duplicates(std::vector{a, b}, options)[1] == 0;
    CHECK(std::abs(found / 400.0 - p) < 4 * std::sqrt(p * (1 - p) / 400));
}

TEST_CASE("deduplicate: near copies among unlike texts are found, on any number of threads", "[text]") {
    Generator random(8);
    std::vector<std::string> texts;
    Indices truth;
    for (int i = 0; i < 24; ++i) {
        const auto first = texts.size();
        const auto text = prose(random, 200);
        auto louder = text;
        for (auto& c : louder) c = c == 'w' ? 'W' : c == '.' ? '!' : c;
        for (const auto& version : {text, louder, text + " And one sentence more.", changed(random, text, 3), text}) {
            texts.push_back(version);
            truth.push_back(first);
            if (i % 4 == 0) break;  // these have no copies
        }
    }
    std::vector<std::set<std::string>> sets;
    for (const auto& text : texts) sets.push_back(word_runs(text));
    for (const auto threshold : {0.7, 0.85}) {
        // At 0.85 some pairs lie just above the threshold: only narrow bands make each of them a candidate.
        NearDuplicates options{.threshold = threshold, .bands = threshold == 0.7 ? Bands{} : Bands{64, 2}, .exact = true};
        const auto expected = brute_force(sets, threshold);
        if (threshold == 0.7) CHECK(expected == truth);
        const int before = threads();
        for (const int count : {1, 4}) {
            set_threads(count);
            CHECK(near_duplicates(texts, options) == expected);
        }
        set_threads(before);
        for (options.seed = 1; options.seed < 4; ++options.seed) CHECK(near_duplicates(texts, options) == expected);
    }
    const auto estimated = near_duplicates(texts, {.threshold = 0.7});
    CHECK(estimated == truth);
    CHECK(near_duplicates(texts, {.threshold = 0.5, .shingles = Shingles::characters, .shingle_size = 9}) == truth);
}

TEST_CASE("deduplicate: chains join, and texts without shingles are like none but their copies", "[text]") {
    // Each of these shares 8 of 10 words with the next, and few with those further on.
    std::vector<std::string> chain;
    for (int i = 0; i < 5; ++i) {
        std::string text;
        for (int j = 0; j < 18; ++j) text += "w" + std::to_string(2 * i + j) + " ";
        chain.push_back(text);
    }
    CHECK(near_duplicates(chain, {.threshold = 0.75, .shingle_size = 1, .bands = {64, 2}, .exact = true}) == Indices{0, 0, 0, 0, 0});
    CHECK(near_duplicates(chain, {.threshold = 0.95, .shingle_size = 1, .bands = {64, 2}, .exact = true}) == Indices{0, 1, 2, 3, 4});
    CHECK(near_duplicates(std::vector<std::string>{"", "!", "?", "!", "", "a", "A"}) == Indices{0, 1, 2, 1, 0, 5, 5});
    CHECK(near_duplicates({}).empty());
}

TEST_CASE("deduplicate: many copies of one text cost no more than their number", "[text]") {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 20000; ++i)
        texts.push_back("one and the same text of a few words" + std::string(i % 97, '!') + std::string(i / 97, '?'));
    const auto first = near_duplicates(texts, {.permutations = 32});
    CHECK(std::count(first.begin(), first.end(), std::size_t{0}) == 20000);
}

TEST_CASE("deduplicate: bad options and texts are refused", "[text]") {
    const std::vector<std::string> texts{"a", "b"};
    CHECK_ERROR(near_duplicates(texts, {.threshold = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(texts, {.threshold = 1.5}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(texts, {.threshold = std::nan("")}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(texts, {.shingle_size = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(texts, {.permutations = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(texts, {.permutations = 128, .bands = {16, 9}}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(texts, {.bands = {16, 0}}), ErrorCode::invalid_argument);
    CHECK_ERROR(minhash("a", {.permutations = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(minhash("\xff"), ErrorCode::bad_text);
    CHECK_ERROR(jaccard("a", "\xff"), ErrorCode::bad_text);
    CHECK_ERROR(jaccard("a", "b", {.shingle_size = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(near_duplicates(std::vector<std::string>{"a", "\xff"}), ErrorCode::bad_text);
    CHECK_ERROR(estimated_jaccard({}, {}), ErrorCode::shape_mismatch);
    CHECK_ERROR(estimated_jaccard(minhash("a"), minhash("a", {.permutations = 2})), ErrorCode::shape_mismatch);
    std::stop_source source;
    source.request_stop();
    CHECK_ERROR(near_duplicates(texts, {.stop = source.get_token()}), ErrorCode::cancelled);
}
