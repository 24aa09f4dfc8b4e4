#include "support/catch.hpp"

#include "tercet/text/filters.hpp"

using namespace tercet;

namespace {

using Texts = std::vector<std::string>;
using Indices = std::vector<std::size_t>;
using Rules = std::map<std::string, std::size_t>;

Texts filtered(Texts texts, const WordFilter& filter) {
    Corpus corpus(std::move(texts));
    filter_words(corpus, filter);
    return corpus.texts;
}

}  // namespace

TEST_CASE("filters: stop words go, with one side's spaces, whatever their case and apostrophe", "[text]") {
    CHECK(filtered({"The cat isn\u2019t on THE mat, is it?"}, {.stop_words = {"the", "on", "Isn't"}}) == Texts{"cat mat, is it?"});
    CHECK(filtered({"The the"}, {.stop_words = {"the"}, .ignore_case = false}) == Texts{"The"});
    CHECK(filtered({"a b"}, {}) == Texts{"a b"});
    const auto english = english_stop_words();
    CHECK(std::is_sorted(english.begin(), english.end()));
    CHECK(std::adjacent_find(english.begin(), english.end()) == english.end());
    for (const auto word : english) {
        CHECK(fold_word(word) == word);
        CHECK(words_of(word).size() == 1);
    }
    CHECK(filtered({"I don't know what the cat would do with it", "To be or not to be"}, {.stop_words = {english.begin(), english.end()}}) ==
          Texts{"know cat"});
}

TEST_CASE("filters: rare words are dropped or replaced, and counted over all texts", "[text]") {
    const Texts texts{"one two Three", "two three. THREE", "four"};
    CHECK(filtered(texts, {.min_count = 2}) == Texts{"two Three", "two three. THREE"});
    CHECK(filtered(texts, {.min_count = 2, .rare_token = "<unk>"}) == Texts{"<unk> two Three", "two three. THREE", "<unk>"});
    CHECK(filtered(texts, {.min_count = 2, .ignore_case = false}) == Texts{"two", "two."});
    CHECK(filtered(texts, {.min_count = 1}) == texts);

    Corpus corpus(texts);
    filter_words(corpus, {.stop_words = {"two"}, .min_count = 3});
    CHECK(corpus.texts == Texts{"Three", "three. THREE"});
    CHECK(corpus.origins == Indices{0, 1});
    const auto& report = corpus.report;
    CHECK((report.words == 7 && report.stop_words == 2 && report.rare_words == 2));
    CHECK((report.distinct_words == 3 && report.distinct_rare_words == 2));
    CHECK((report.texts == 3 && report.kept == 2 && report.bytes == 33 && report.kept_bytes == 17));
    CHECK(report.dropped_by_rule() == Rules{{"empty", 1}});
    CHECK(report.dropped[0].origin == 2);
}

TEST_CASE("filters: lines as C4 keeps them", "[text]") {
    CHECK(keep_lines("Home | About\n  This line has five words.  \nThis one has no mark\nToo short.\n\n\u201cAnd here he said that.\u201d\nRead more "
                     "of it here...") == "This line has five words.\n\u201cAnd here he said that.\u201d");
    CHECK(keep_lines("a\n b \n\nc", {.min_words = 1, .terminal = false}) == "a\nb\nc");
    CHECK(keep_lines("") == "");
    CHECK_ERROR(keep_lines("\xff"), ErrorCode::bad_text);
    Corpus corpus({"menu\nThis line has five words.", "menu"});
    filter_lines(corpus);
    CHECK(corpus.texts == Texts{"This line has five words."});
    CHECK(corpus.report.dropped_by_rule() == Rules{{"empty", 1}});
}

TEST_CASE("filters: a corpus keeps account of what went, and why", "[text]") {
    Corpus corpus({"  <b>One</b> two three four five ", "One two three four five", "<br>", "x {y}", "six seven eight nine ten eleven",
                   "Six, seven, eight, nine, ten, eleven!", "kept as it is here"});
    clean_corpus(corpus, {.html = true});
    CHECK(corpus.origins == Indices{0, 1, 3, 4, 5, 6});
    CHECK(corpus.report.changed == 2);
    drop_duplicates(corpus);
    CHECK(corpus.origins == Indices{0, 3, 4, 5, 6});
    filter_quality(corpus, {.min_words = 3});
    CHECK(corpus.origins == Indices{0, 4, 5, 6});
    drop_near_duplicates(corpus);
    CHECK(corpus.origins == Indices{0, 4, 6});
    CHECK(corpus.texts == Texts{"One two three four five", "six seven eight nine ten eleven", "kept as it is here"});

    const auto& report = corpus.report;
    CHECK((report.texts == 7 && report.kept == 3 && report.kept_bytes == 23 + 31 + 18));
    CHECK(report.dropped_by_rule() == Rules{{"duplicate", 1}, {"empty", 1}, {"min_words", 1}, {"near duplicate", 1}});
    Indices origins;
    for (const auto& dropped : report.dropped) origins.push_back(dropped.origin);
    CHECK(origins == Indices{2, 1, 3, 5});
    CHECK(report.dropped[1].why == "of text 0");
    CHECK(report.dropped[2].why == "min_words: 2, the limit is 3");
    CHECK(report.dropped[3].why == "of text 4");
    CHECK(report.summary() ==
          "3 of 7 texts, 72 of 151 bytes\n  1 dropped: duplicate\n  1 dropped: empty\n  1 dropped: min_words\n  1 dropped: near duplicate\n"
          "  2 changed by cleaning\n");
}

TEST_CASE("filters: the result is the same on any number of threads", "[text]") {
    Texts texts;
    for (int i = 0; i < 300; ++i)
        texts.push_back("Text " + std::to_string(i % 90) + " of word" + std::to_string(i % 9) + "  and  w" + std::to_string(i));
    const auto run = [&](int count) {
        set_threads(count);
        Corpus corpus(texts);
        clean_corpus(corpus, {.lowercase = true});
        filter_words(corpus, {.stop_words = {"and"}, .min_count = 2});
        filter_quality(corpus, {.max_characters = 15});
        drop_duplicates(corpus);
        return std::pair(corpus.texts, corpus.report.summary());
    };
    const int before = threads();
    const auto one = run(1), four = run(4);
    set_threads(before);
    CHECK(one == four);
    CHECK(one.first.size() < 300);
    CHECK_FALSE(one.first.empty());
}

TEST_CASE("filters: an empty corpus, malformed texts, bad options, a stop", "[text]") {
    Corpus none;
    clean_corpus(none);
    filter_words(none, {.min_count = 2});
    filter_quality(none, gopher_limits());
    drop_near_duplicates(none);
    CHECK(none.report.summary() == "0 of 0 texts, 0 of 0 bytes\n");

    Corpus bad({"a", "b\xff"});
    CHECK_ERROR(clean_corpus(bad), ErrorCode::bad_text);
    CHECK_ERROR(filter_words(bad, {}), ErrorCode::bad_text);
    CHECK_ERROR(filter_lines(bad), ErrorCode::bad_text);
    CHECK_ERROR(filter_quality(bad, {}), ErrorCode::bad_text);
    CHECK_ERROR(drop_near_duplicates(bad), ErrorCode::bad_text);
    CHECK(bad.texts.size() == 2);
    clean_corpus(bad, {.replace_invalid = true});
    CHECK(bad.texts[1] == "b\ufffd");
    CHECK_ERROR(filter_words(bad, {.stop_words = {"\xff"}}), ErrorCode::bad_text);
    CHECK_ERROR(filter_words(bad, {.rare_token = "\xff"}), ErrorCode::bad_text);
    CHECK_ERROR(filter_quality(bad, {.max_bullet_lines = std::nan("")}), ErrorCode::invalid_argument);

    std::stop_source source;
    source.request_stop();
    const auto stop = source.get_token();
    CHECK_ERROR(clean_corpus(bad, {}, stop), ErrorCode::cancelled);
    CHECK_ERROR(filter_lines(bad, {}, stop), ErrorCode::cancelled);
    CHECK_ERROR(filter_quality(bad, {}, stop), ErrorCode::cancelled);
    CHECK_ERROR(drop_duplicates(bad, stop), ErrorCode::cancelled);
    CHECK_ERROR(filter_words(bad, {.stop = stop}), ErrorCode::cancelled);
}
