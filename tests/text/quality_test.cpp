#include "support/catch.hpp"

#include "tercet/core/random.hpp"
#include "tercet/text/quality.hpp"

using namespace tercet;

TEST_CASE("quality: repetition as counted by hand-written Python", "[text]") {
    // The numbers come from a brute-force count over str.split() with collections.Counter.
    const auto r = measure_quality(
        "the cat sat on the mat and the cat sat on the rug\nthe dog ran\n\nthe dog ran\n\u2022 one\n\u2022 one\n\nthe cat sat on the mat and left");
    CHECK(r.words == 31);
    CHECK(r.lines == 6);
    CHECK(r.paragraphs == 3);
    CHECK(r.mean_word_length == Approx(2.806451612903226));
    CHECK(r.duplicate_lines == Approx(1.0 / 3));
    CHECK(r.duplicate_line_characters == Approx(0.14285714285714285));
    CHECK(r.duplicate_paragraphs == 0);
    CHECK(r.top_ngrams[0] == Approx(0.20689655172413793));
    CHECK(r.top_ngrams[1] == Approx(0.3103448275862069));
    CHECK(r.top_ngrams[2] == Approx(0.3793103448275862));
    CHECK(r.duplicate_ngrams[0] == Approx(0.6206896551724138));
    CHECK(r.duplicate_ngrams[1] == Approx(0.45977011494252873));
    CHECK(r.duplicate_ngrams[2] == Approx(0.45977011494252873));
    CHECK(r.duplicate_ngrams[3] == 0);
    CHECK(r.bullet_lines == Approx(1.0 / 3));
    CHECK(r.sentences == 3);
}

TEST_CASE("quality: words, symbols, lines and C4's marks, counted by hand", "[text]") {
    const auto r = measure_quality("# Title...\n- first {x}\n* 2nd!\n-not a bullet\n\u201cHe said \u2026 so.\u201d\nLorem ipsum\u2026 4 ....");
    CHECK(r.characters == 79);
    CHECK(r.words == 18);
    CHECK(r.lines == 6);
    CHECK(r.hashes_per_word == Approx(1.0 / 18));
    CHECK(r.ellipses_per_word == Approx(4.0 / 18));
    CHECK(r.alphabetic_words == Approx(12.0 / 18));  // not: # - * … 4 ....
    CHECK(r.bullet_lines == Approx(2.0 / 6));
    CHECK(r.ellipsis_lines == Approx(2.0 / 6));
    CHECK(r.terminal_lines == Approx(2.0 / 6));
    CHECK(r.curly_brackets == 2);
    CHECK(r.lorem_ipsum == 1);
    CHECK(r.paragraphs == 1);
}

TEST_CASE("quality: repeated paragraphs, and n-grams that lie over each other, are counted once", "[text]") {
    const auto r = measure_quality("one two\nthree\n\nfour\r\n \r\none two\nthree\n\n\n\n");
    CHECK(r.paragraphs == 3);
    CHECK(r.duplicate_paragraphs == Approx(1.0 / 3));
    CHECK(r.duplicate_paragraph_characters == Approx(13.0 / 30));
    const auto same = measure_quality("a a a a a a a a a a a a");
    CHECK(same.top_ngrams == std::array<double, 3>{1, 1, 1});
    CHECK(same.duplicate_ngrams == std::array<double, 6>{1, 1, 1, 1, 1, 1});
    const auto few = measure_quality("a b c d");
    CHECK(few.top_ngrams == std::array<double, 3>{});
}

TEST_CASE("quality: nothing to measure", "[text]") {
    for (const char* text : {"", " \n\n\t"}) {
        const auto r = measure_quality(text);
        CHECK((r.words == 0 && r.lines == 0 && r.paragraphs == 0 && r.sentences == 0));
        CHECK((r.mean_word_length == 0 && r.alphabetic_words == 0 && r.duplicate_lines == 0 && r.top_ngrams[0] == 0));
        CHECK(passes(r, {}));
    }
    CHECK_ERROR(measure_quality("\xff"), ErrorCode::bad_text);
}

TEST_CASE("quality: limits name the rule that refused", "[text]") {
    const auto refusal = [](const QualityReport& report, const QualityLimits& limits) {
        Refusal why;
        return passes(report, limits, &why) ? std::string() : why.rule;
    };
    QualityReport good{.characters = 500, .words = 100, .lines = 5, .paragraphs = 2, .sentences = 6, .mean_word_length = 5, .alphabetic_words = 1};
    CHECK(refusal(good, gopher_limits()) == "");
    CHECK(refusal(good, c4_limits()) == "");
    CHECK(refusal({}, {}) == "");

    const auto broken = [&](auto change) {
        auto report = good;
        change(report);
        return refusal(report, gopher_limits());
    };
    CHECK(broken([](auto& r) { r.words = 49; }) == "min_words");
    CHECK(broken([](auto& r) { r.words = 50; }) == "");
    CHECK(broken([](auto& r) { r.words = 100001; }) == "max_words");
    CHECK(broken([](auto& r) { r.mean_word_length = 2.9; }) == "min_mean_word_length");
    CHECK(broken([](auto& r) { r.mean_word_length = 10.1; }) == "max_mean_word_length");
    CHECK(broken([](auto& r) { r.hashes_per_word = 0.11; }) == "max_hashes_per_word");
    CHECK(broken([](auto& r) { r.ellipses_per_word = 0.11; }) == "max_ellipses_per_word");
    CHECK(broken([](auto& r) { r.alphabetic_words = 0.79; }) == "min_alphabetic_words");
    CHECK(broken([](auto& r) { r.bullet_lines = 0.91; }) == "max_bullet_lines");
    CHECK(broken([](auto& r) { r.ellipsis_lines = 0.31; }) == "max_ellipsis_lines");
    CHECK(broken([](auto& r) { r.duplicate_lines = 0.31; }) == "max_duplicate_lines");
    CHECK(broken([](auto& r) { r.duplicate_line_characters = 0.21; }) == "max_duplicate_line_characters");
    CHECK(broken([](auto& r) { r.duplicate_paragraphs = 0.31; }) == "max_duplicate_paragraphs");
    CHECK(broken([](auto& r) { r.duplicate_paragraph_characters = 0.21; }) == "max_duplicate_paragraph_characters");
    const double most[] = {0.2, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.1};  // table A1
    for (std::size_t i = 0; i < 9; ++i) {
        const auto name = (i < 3 ? "max_top_ngrams, n = " : "max_duplicate_ngrams, n = ") + std::to_string(i + 2);
        for (const double by : {0.0, 0.001})
            CHECK(broken([&](auto& r) { (i < 3 ? r.top_ngrams[i] : r.duplicate_ngrams[i - 3]) = most[i] + by; }) == (by > 0 ? name : ""));
    }
    CHECK(refusal(good, {.min_characters = 501}) == "min_characters");
    CHECK(refusal(good, {.max_characters = 499}) == "max_characters");
    CHECK(refusal(good, {.min_sentences = 7}) == "min_sentences");
    CHECK(refusal(good, {.min_terminal_lines = 0.5}) == "min_terminal_lines");
    good.lorem_ipsum = 1;
    CHECK(refusal(good, c4_limits()) == "max_lorem_ipsum");
    good.curly_brackets = 1;
    CHECK(refusal(good, c4_limits()) == "max_curly_brackets");

    Refusal why;
    CHECK_FALSE(passes(good, {.max_words = 10}, &why));
    CHECK(why.text() == "max_words: 100, the limit is 10");
    CHECK_ERROR(passes(good, {.max_bullet_lines = std::numeric_limits<double>::quiet_NaN()}), ErrorCode::invalid_argument);
}

TEST_CASE("quality: shares stay in [0, 1] and fall or stay as n-grams grow", "[text]") {
    Generator random(3);
    for (int round = 0; round < 300; ++round) {
        std::string text;
        const auto distinct = 1 + random.below(8);
        for (auto n = random.below(80); n > 0; --n) {
            text += static_cast<char>('a' + random.below(distinct));
            text += random.below(5) == 0 ? '\n' : ' ';
        }
        const auto r = measure_quality(text);
        for (const double x :
             {r.duplicate_lines, r.duplicate_line_characters, r.duplicate_paragraphs, r.top_ngrams[0], r.top_ngrams[1], r.top_ngrams[2]})
            CHECK((x >= 0 && x <= 1));
        for (std::size_t i = 0; i + 1 < 6; ++i) CHECK(r.duplicate_ngrams[i] >= r.duplicate_ngrams[i + 1]);
        CHECK((r.duplicate_ngrams[0] <= 1 && r.duplicate_ngrams[5] >= 0));
    }
}
