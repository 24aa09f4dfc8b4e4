#include "tercet/text/unigram_trainer.hpp"

#include "tercet/core/random.hpp"

#include "text/learning.hpp"

#include <chrono>
#include <map>

using namespace tercet;
using namespace tercet_test;

namespace {

WordCounts meta_words(std::string_view text) {
    WordCounts words;
    words.add(text, {},
              PreTokenizer({{.kind = PreTokenizerKind::whitespace_split, .behavior = SplitBehavior::removed},
                            {.kind = PreTokenizerKind::metaspace, .pattern = "\u2581"}}));
    return words;
}

WordCounts words_of(std::initializer_list<std::pair<std::string, int>> list) {
    WordCounts words;
    for (const auto& [word, count] : list) words.add_word(word, count);
    return words;
}

std::string some_text() {
    return json_file(tokenizer_data("learning_cases.json")).at("cases").at(0).at("text").as_string();
}

struct Fit {
    double log_likelihood = 0, tokens = 0;  // over all words; tokens: of the best cuts
    std::int64_t words = 0, characters = 0;
};

// In the logarithms' domain and with a map: another way than the learner's.
Fit fit_of(const WordCounts& words, const LearntPieces& learnt) {
    std::map<std::string, double, std::less<>> scores;
    for (std::size_t i = learnt.special_tokens.size(); i < learnt.pieces.size(); ++i) scores[learnt.pieces[i].text] = learnt.pieces[i].score;
    std::size_t longest = 0;
    for (const auto& entry : scores) longest = std::max(longest, entry.first.size());
    const double never = -std::numeric_limits<double>::infinity();
    Fit out;
    for (std::size_t w = 0; w < words.size(); ++w) {
        const auto word = words.word(w);
        std::vector<double> all(word.size() + 1, never), best(word.size() + 1, never);
        std::vector<int> tokens(word.size() + 1, 0);
        all[0] = best[0] = 0;
        for (std::size_t i = 0; i < word.size(); ++i) {
            if (all[i] == never) continue;
            for (std::size_t end = i + 1; end <= std::min(word.size(), i + longest); ++end) {
                const auto at = scores.find(word.substr(i, end - i));
                if (at == scores.end()) continue;
                const double a = all[i] + at->second, top = std::max(all[end], a);
                all[end] = top + std::log(std::exp(all[end] - top) + std::exp(a - top));
                if (best[i] + at->second > best[end]) {
                    best[end] = best[i] + at->second;
                    tokens[end] = tokens[i] + 1;
                }
            }
        }
        out.log_likelihood += static_cast<double>(words.count(w)) * all.back();
        out.tokens += static_cast<double>(words.count(w)) * tokens.back();
        out.words += words.count(w);
        out.characters += words.count(w) * static_cast<std::int64_t>(utf8_count(word));
    }
    return out;
}

}  // namespace

TEST_CASE("unigram trainer: digamma is that of the tables", "[text]") {
    CHECK(detail::text::digamma(1) == Approx(-0.57721566490153286).epsilon(1e-12));  // minus Euler's constant
    CHECK(detail::text::digamma(0.5) == Approx(-1.96351002602142348).epsilon(1e-12));
    CHECK(detail::text::digamma(10) == Approx(2.25175258906672111).epsilon(1e-12));
    CHECK(detail::text::digamma(1e9) == Approx(std::log(1e9) - 0.5e-9).epsilon(1e-14));
}

TEST_CASE("unigram trainer: characters alone have their frequencies as probabilities", "[text]") {
    UnigramTraining options;
    options.vocab_size = 2;
    const auto learnt = learn_unigram(words_of({{"ab", 3}, {"b", 6}}), options);  // a 3, b 9
    REQUIRE(learnt.pieces.size() == 3);
    CHECK(learnt.pieces[0].text == "<unk>");
    CHECK(learnt.pieces[0].score == 0);
    CHECK(learnt.pieces[1].text == "b");
    CHECK(learnt.pieces[1].score == Approx(std::log(0.75)));
    CHECK(learnt.pieces[2].text == "a");
    CHECK(learnt.pieces[2].score == Approx(std::log(0.25)));
    CHECK(learnt.log_likelihood == Approx(3 * std::log(0.25) + 9 * std::log(0.75)));
    CHECK(learnt.unknown == "<unk>");
}

TEST_CASE("unigram trainer: of pieces those stay whose loss would cost most", "[text]") {
    // Without "xyz" its 40 occurrences are three pieces each; without "ab" there are ten more pieces in all.
    UnigramTraining options;
    options.unknown = "";
    options.vocab_size = 6;
    const auto learnt = learn_unigram(words_of({{"xyz", 40}, {"ab", 10}, {"a", 30}, {"b", 30}}), options);
    REQUIRE(learnt.pieces.size() == 6);
    CHECK(std::any_of(learnt.pieces.begin(), learnt.pieces.end(), [](const UnigramPiece& piece) { return piece.text == "xyz"; }));
    CHECK(learnt.special_tokens.empty());
}

TEST_CASE("unigram trainer: the vocabulary has the size asked for, all characters, falling scores, and probabilities that sum to one", "[text]") {
    const auto words = meta_words(some_text());
    double before = -1e300;
    for (const TokenId size : {80, 120, 200, 400}) {
        UnigramTraining options;
        options.vocab_size = size;
        options.special_tokens = {"<s>", "</s>"};
        const auto learnt = learn_unigram(words, options);
        REQUIRE(learnt.pieces.size() == static_cast<std::size_t>(size));
        CHECK(learnt.special_tokens == std::vector<std::string>{"<unk>", "<s>", "</s>"});
        std::map<std::string, double> scores;
        double sum = 0;
        for (std::size_t i = 3; i < learnt.pieces.size(); ++i) {
            if (i > 3) CHECK(learnt.pieces[i - 1].score >= learnt.pieces[i].score);
            scores[learnt.pieces[i].text] = learnt.pieces[i].score;
            sum += std::exp(learnt.pieces[i].score);
            CHECK(utf8_count(learnt.pieces[i].text) <= 16);
        }
        CHECK(scores.size() == learnt.pieces.size() - 3);
        CHECK(sum == Approx(1).epsilon(1e-9));
        for (const auto& [point, count] : character_counts(words)) CHECK(scores.contains(utf8_encode({&point, 1})));
        const auto fit = fit_of(words, learnt);
        CHECK(fit.log_likelihood == Approx(learnt.log_likelihood).epsilon(1e-9));
        CHECK(fit.log_likelihood > before);
        before = fit.log_likelihood;
    }
}

TEST_CASE("unigram trainer: Tiny Shakespeare becomes likelier and shorter than by SentencePiece's and Hugging Face's trainers", "[text][golden]") {
    const auto golden = golden_folder();
    if (!golden) SKIP_TEST("TERCET_GOLDEN names no folder of golden files, where the corpus is");
    const auto words = meta_words(read_text_file(*golden + "/tokenizers/corpus.txt"));
    struct Reference {
        TokenId size;
        double log_likelihood, tokens;  // a character (the meta symbol is one), of normalised probabilities; a word
    };
    // The better of sentencepiece 0.2.3 (identity, no splits by script or digits, coverage 1) and tokenizers 0.23.3, on the same words.
    for (const auto& reference : {Reference{1000, -2.1088, 1.9563}, Reference{4000, -1.7814, 1.4708}, Reference{8000, -1.6946, 1.3311}}) {
        UnigramTraining options;
        options.vocab_size = reference.size;
        const auto learnt = learn_unigram(words, options);
        CHECK(learnt.pieces.size() == static_cast<std::size_t>(reference.size));
        const auto fit = fit_of(words, learnt);
        CHECK(fit.log_likelihood / static_cast<double>(fit.characters) > reference.log_likelihood);
        CHECK(fit.tokens / static_cast<double>(fit.words) < reference.tokens);
    }
}

TEST_CASE("unigram trainer: results have the same bits on one thread and on several", "[text]") {
    std::string text;
    Generator random(5);
    for (int i = 0; i < 20000; ++i) {
        for (std::uint64_t k = 0, size = 1 + random.below(9); k < size; ++k) text += static_cast<char>('a' + random.below(5) * random.below(5));
        text += ' ';
    }
    const auto words = meta_words(text);
    UnigramTraining options;
    options.vocab_size = 300;
    const int before = threads();
    set_threads(1);
    const auto one = learn_unigram(words, options);
    set_threads(4);
    const auto four = learn_unigram(words, options);
    set_threads(before);
    REQUIRE(one.pieces.size() == four.pieces.size());
    for (std::size_t i = 0; i < one.pieces.size(); ++i) {
        CHECK(one.pieces[i].text == four.pieces[i].text);
        CHECK(one.pieces[i].score == four.pieces[i].score);
    }
    CHECK(one.log_likelihood == four.log_likelihood);
}

TEST_CASE("unigram trainer: words of any length are summed without underflow", "[text]") {
    std::string word, rare;
    Generator random(9);
    for (int i = 0; i < 3000; ++i) utf8_append(word, 0x4e00 + static_cast<char32_t>(random.below(1500)));
    for (int i = 0; i < 200; ++i) utf8_append(rare, 0xac00 + static_cast<char32_t>(i));  // one piece of improbable characters
    word += rare + rare + rare;
    const auto words = words_of({{word, 2}, {rare, 5}, {"x", 100000000}});
    UnigramTraining options;
    options.vocab_size = 4000;
    options.max_piece_length = 255;
    const auto learnt = learn_unigram(words, options);
    CHECK(std::any_of(learnt.pieces.begin(), learnt.pieces.end(), [&](const UnigramPiece& piece) { return piece.text == rare; }));
    CHECK(fit_of(words, learnt).log_likelihood == Approx(learnt.log_likelihood).epsilon(1e-9));
    for (const auto& piece : learnt.pieces) CHECK(std::isfinite(piece.score));
}

TEST_CASE("unigram trainer: characters beyond the coverage are no pieces and cut the words that they stand in", "[text]") {
    UnigramTraining options;
    options.vocab_size = 100;
    const auto words = words_of({{"abqab", 50}, {"ab", 50}});
    const auto has = [](const LearntPieces& learnt, std::string_view text) {
        return std::any_of(learnt.pieces.begin(), learnt.pieces.end(), [&](const UnigramPiece& piece) { return piece.text == text; });
    };
    CHECK(has(learn_unigram(words, options), "q"));
    options.character_coverage = 0.85;  // a and b are 6 of 7
    const auto learnt = learn_unigram(words, options);
    CHECK_FALSE(has(learnt, "q"));
    CHECK(has(learnt, "ab"));
    for (const auto& piece : learnt.pieces) CHECK((piece.text == "<unk>" || piece.text.find('q') == std::string::npos));
    options.initial_alphabet = "qz";
    CHECK(has(learn_unigram(words, options), "q"));
    CHECK(has(learn_unigram(words, options), "z"));
    CHECK(has(learn_unigram(words, options), "abqab"));
    options.special_tokens = {"ab"};  // a piece that is a special token stands once
    const auto special = learn_unigram(words, options);
    CHECK(std::count_if(special.pieces.begin(), special.pieces.end(), [](const UnigramPiece& piece) { return piece.text == "ab"; }) == 1);
}

TEST_CASE("unigram trainer: without words there is what was asked for; one character is enough", "[text]") {
    UnigramTraining options;
    const auto none = learn_unigram({}, options);
    REQUIRE(none.pieces.size() == 1);
    CHECK(none.pieces[0].text == "<unk>");
    CHECK(none.log_likelihood == 0);
    options.initial_alphabet = "ba";
    const auto letters = learn_unigram({}, options);
    REQUIRE(letters.pieces.size() == 3);
    CHECK(letters.pieces[1].text == "a");
    CHECK(letters.pieces[1].score == Approx(std::log(0.5)));
    options.vocab_size = 0;
    CHECK(learn_unigram({}, options).pieces.size() == 3);
    CHECK(learn_unigram(words_of({{"x", 1}})).pieces.size() == 2);
}

TEST_CASE("unigram trainer: bad options are refused by name, a stop token cancels", "[text]") {
    const auto words = words_of({{"abc", 2}});
    const auto refused = [&](ErrorCode code, auto change) {
        UnigramTraining bad;
        change(bad);
        CHECK_ERROR(learn_unigram(words, bad), code);
    };
    refused(ErrorCode::invalid_argument, [](auto& o) { o.vocab_size = -1; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.max_piece_length = 0; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.max_piece_length = 256; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.shrinking_factor = 1; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.shrinking_factor = std::numeric_limits<double>::quiet_NaN(); });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.character_coverage = 0; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.character_coverage = 1.01; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.iterations = 0; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.seed_size = ~std::size_t{0}; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.special_tokens = {""}; });
    refused(ErrorCode::bad_text, [](auto& o) { o.special_tokens = {"\xff"}; });
    refused(ErrorCode::bad_text, [](auto& o) { o.initial_alphabet = "\xff"; });
    std::stop_source stop;
    stop.request_stop();
    refused(ErrorCode::cancelled, [&](auto& o) { o.stop = stop.get_token(); });
}

TEST_CASE("unigram trainer: one long word takes no quadratic time", "[text]") {
    std::string text;
    Generator random(1);
    for (int i = 0; i < 1 << 18; ++i) text += static_cast<char>('a' + random.below(26));
    text += text.substr(0, 100000) + std::string(100000, 'a');
    UnigramTraining options;
    options.vocab_size = 1000;
    options.seed_size = 20000;
    const auto start = std::chrono::steady_clock::now();
    CHECK(learn_unigram(words_of({{text, 1}}), options).pieces.size() == 1000);
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 60.0);
}
