#include "tercet/text/word_level_trainer.hpp"

#include "text/learning.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("word level trainer: words and ids equal Hugging Face's", "[text][golden]") {
    each_learning_case("words", [](const Json& c) {
        WordTraining options;
        options.vocab_size = static_cast<TokenId>(c.at("vocab_size").as_int());
        options.min_frequency = c.at("min_frequency").as_int();
        options.special_tokens = texts_of(c.at("special_tokens"));
        CHECK(tokens_of(learn_words(bert_words(c.at("text").as_string()), options).vocabulary) == texts_of(c.at("tokens")));
    });
}

TEST_CASE("word level trainer: the most frequent words come first, of equals the smaller bytes; special tokens stand once", "[text]") {
    const auto words = bert_words("b a c a \u00e9 c z c the the the the");
    WordTraining options;
    options.special_tokens = {"the", "<s>"};
    const auto learnt = learn_words(words, options);
    CHECK(tokens_of(learnt.vocabulary) == std::vector<std::string>{"[UNK]", "the", "<s>", "c", "a", "b", "e", "z"});
    CHECK(learnt.special_tokens == std::vector<std::string>{"[UNK]", "the", "<s>"});
    CHECK(learnt.unknown == "[UNK]");
    options.vocab_size = 5;
    CHECK(learn_words(words, options).vocabulary.size() == 5);
    options.vocab_size = 0;
    CHECK(learn_words(words, options).vocabulary.size() == 3);
    options.vocab_size = 100;
    options.min_frequency = 2;
    CHECK(learn_words(words, options).vocabulary.size() == 5);
    options.unknown = "";
    CHECK(learn_words(words, options).vocabulary.token(0) == "the");
}

TEST_CASE("word level trainer: without words there is the unknown token; bad options are refused, a stop token cancels", "[text]") {
    CHECK(tokens_of(learn_words({}).vocabulary) == std::vector<std::string>{"[UNK]"});
    const auto words = bert_words("some words");
    WordTraining options;
    options.vocab_size = -1;
    CHECK_ERROR(learn_words(words, options), ErrorCode::invalid_argument);
    options.vocab_size = 100;
    options.min_frequency = -1;
    CHECK_ERROR(learn_words(words, options), ErrorCode::invalid_argument);
    options.min_frequency = 0;
    options.special_tokens = {"\xff"};
    CHECK_ERROR(learn_words(words, options), ErrorCode::bad_text);
    options.special_tokens = {};
    std::stop_source stop;
    stop.request_stop();
    options.stop = stop.get_token();
    CHECK_ERROR(learn_words(words, options), ErrorCode::cancelled);
}
