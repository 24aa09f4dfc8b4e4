#include "tercet/models/question_answering.hpp"
#include "support/model_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;

namespace {

Tokenizer small_tokenizer(const TempDir& dir) {
    return load_tokenizer(dir.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\nis\nhere\nthe\ncat\ndog\nsleeps\non\nmat\n.\n?\n"));
}

}  // namespace

TEST_CASE("question answering: the second text of a pair, whether or not types tell the two apart") {
    const TempDir dir;
    const auto tokenizer = small_tokenizer(dir);
    EncodeOptions options;
    options.pair = "the cat sleeps";
    auto pair = tokenizer.encode("who is here ?", options);  // [CLS] who is here ? [SEP] the cat sleeps [SEP]
    CHECK(second_text(pair) == std::pair<index_t, index_t>{6, 9});
    pair.special_tokens_mask.insert(pair.special_tokens_mask.begin() + 5, 1);  // RoBERTa has two separators
    CHECK(second_text(pair) == std::pair<index_t, index_t>{7, 10});
    CHECK_ERROR(second_text(tokenizer.encode("")), ErrorCode::invalid_argument);
}

TEST_CASE("question answering: the best span lies in the text, does not end before it starts, and is short enough") {
    const TempDir dir;
    const auto tokenizer = small_tokenizer(dir);
    const std::string text = "the cat  sleeps";
    const auto window = question_windows(tokenizer, "who ?", text, {}, 512).at(0);  // [CLS] who ? [SEP] the cat sleeps [SEP]
    REQUIRE(window.size() == 8);
    auto logits = Tensor<float>::zeros({8, 2});
    logits.at(1, 0) = 9;  // in the question
    logits.at(6, 0) = 5;  // sleeps … the: the wrong way round
    logits.at(4, 1) = 5;
    logits.at(5, 0) = 3;  // cat … sleeps
    logits.at(6, 1) = 2.5f;
    logits.at(0, 0) = 1;
    auto best = best_answer(logits, window, text, 30);
    CHECK(best.text == "sleeps");
    CHECK(best.score == Catch::Approx(7.5));
    CHECK(best.no_answer == Catch::Approx(1));
    logits.at(6, 0) = 0;
    best = best_answer(logits, window, text, 30);
    CHECK(best.text == "cat  sleeps");
    CHECK((best.begin == 4 && best.end == 15));
    CHECK(best_answer(logits, window, text, 1).text == "the");  // one token: the: 0 + 5
}

TEST_CASE("question answering: a long text is read in windows, and the model must have the head") {
    const TempDir dir;
    const auto tokenizer = small_tokenizer(dir);
    const auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-qa")));
    std::string text;
    for (int i = 0; i < 60; ++i) text += i == 50 ? "dog " : "the mat . ";
    const auto found = find_answer(model, tokenizer, "who ?", text, {.max_length = 24, .stride = 4});
    CHECK(std::isfinite(found.score));
    CHECK(std::isfinite(found.no_answer));
    CHECK(text.substr(static_cast<std::size_t>(found.begin), static_cast<std::size_t>(found.end - found.begin)) == found.text);
    CHECK_ERROR(find_answer(model, tokenizer, "", text), ErrorCode::invalid_argument);
    CHECK_ERROR(find_answer(model, tokenizer, "who ?", text, {.max_tokens = 0}), ErrorCode::invalid_argument);
    CHECK(find_answer(model, tokenizer, "who ?", "").text.empty());
    CHECK_ERROR(find_answer(load_encoder(ModelFiles::open(golden::model_folder("bert-base"))), tokenizer, "who ?", text),
                ErrorCode::invalid_argument);
}
