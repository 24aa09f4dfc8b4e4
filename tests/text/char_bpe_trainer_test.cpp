#include "tercet/text/char_bpe_trainer.hpp"

#include "text/learning.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

WordCounts words_of(std::initializer_list<std::pair<std::string, int>> list) {
    WordCounts words;
    for (const auto& [word, count] : list) words.add_word(word, count);
    return words;
}

}  // namespace

TEST_CASE("char bpe trainer: merges, tokens and ids equal Hugging Face's, with a prefix, a suffix, both and neither", "[text][golden]") {
    each_learning_case("char", [](const Json& c) {
        CharBpeTraining options;
        options.vocab_size = static_cast<TokenId>(c.at("vocab_size").as_int());
        options.min_frequency = c.at("min_frequency").as_int();
        options.continuing_prefix = c.at("prefix").as_string();
        options.end_of_word_suffix = c.at("suffix").as_string();
        options.special_tokens = texts_of(c.at("special_tokens"));
        const auto learnt = learn_char_bpe(bert_words(c.at("text").as_string()), options);
        CHECK(tokens_of(learnt.vocabulary) == texts_of(c.at("tokens")));
        Merges merges;
        for (const auto& merge : c.at("merges").elements()) merges.emplace_back(merge.at(0).as_string(), merge.at(1).as_string());
        CHECK(learnt.merges == merges);
        CHECK(learnt.special_tokens == options.special_tokens);
    });
}

TEST_CASE("char bpe trainer: the alphabet comes first, then marked characters by what marks them and by code point", "[text]") {
    CharBpeTraining options;
    options.vocab_size = 0;
    options.continuing_prefix = "##";
    options.end_of_word_suffix = "$";
    options.initial_alphabet = "zd";
    const auto learnt = learn_char_bpe(words_of({{"cab", 1}, {"c", 1}, {"aa", 1}}), options);
    CHECK(tokens_of(learnt.vocabulary) == std::vector<std::string>{"a", "b", "c", "d", "z", "##a", "c$", "##a$", "##b$"});
    CHECK(learnt.merges.empty());
    CHECK(learnt.continuing_prefix == "##");
    CHECK(learnt.end_of_word_suffix == "$");
    CHECK(learnt.unknown.empty());
}

TEST_CASE("char bpe trainer: of characters that are as frequent a limited alphabet keeps the smaller ones, the initial ones before all others",
          "[text]") {
    CharBpeTraining options;
    options.vocab_size = 0;
    options.limit_alphabet = 3;
    const auto words = words_of({{"dcba", 2}, {"d", 1}});
    CHECK(tokens_of(learn_char_bpe(words, options).vocabulary) == std::vector<std::string>{"a", "b", "d"});
    options.initial_alphabet = "zc";
    CHECK(tokens_of(learn_char_bpe(words, options).vocabulary) == std::vector<std::string>{"c", "d", "z"});
    options.unknown = "<unk>";
    options.special_tokens = {"b"};  // a special token that is a character is one of the alphabet
    options.vocab_size = 100;
    const auto learnt = learn_char_bpe(words, options);
    CHECK(tokens_of(learnt.vocabulary) == std::vector<std::string>{"<unk>", "b", "c", "d", "z", "cb", "dcb"});
    CHECK(learnt.merges == Merges{{"c", "b"}, {"d", "cb"}});
}

TEST_CASE("char bpe trainer: words that are spelled like marks are learnt to their ends", "[text]") {
    CharBpeTraining options;
    options.vocab_size = 1000;
    options.continuing_prefix = "##";
    const auto words = words_of({{"##a", 3}, {"#", 2}, {"a##a", 4}, {"####", 2}, {"ba", 5}, {"b##a", 1}});
    const auto learnt = learn_char_bpe(words, options);
    for (std::size_t w = 0; w < words.size(); ++w) CHECK(learnt.vocabulary.find(words.word(w)) != no_token);  // every word has become one token
}

TEST_CASE("char bpe trainer: without words there is what was asked for; bad options are refused, a stop token cancels", "[text]") {
    CharBpeTraining options;
    CHECK(learn_char_bpe({}).vocabulary.size() == 0);
    options.special_tokens = {"<s>"};
    options.initial_alphabet = "ab";
    CHECK(tokens_of(learn_char_bpe({}, options).vocabulary) == std::vector<std::string>{"<s>", "a", "b"});

    const auto words = words_of({{"abc", 2}});
    const auto refused = [&](ErrorCode code, auto change) {
        CharBpeTraining bad;
        change(bad);
        CHECK_ERROR(learn_char_bpe(words, bad), code);
    };
    refused(ErrorCode::invalid_argument, [](auto& o) { o.vocab_size = -1; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.min_frequency = -1; });
    refused(ErrorCode::invalid_argument, [](auto& o) { o.special_tokens = {"a", ""}; });
    refused(ErrorCode::bad_text, [](auto& o) { o.special_tokens = {"\xff"}; });
    refused(ErrorCode::bad_text, [](auto& o) { o.initial_alphabet = "\xff"; });
    refused(ErrorCode::bad_text, [](auto& o) { o.continuing_prefix = "\xff"; });
    refused(ErrorCode::bad_text, [](auto& o) { o.end_of_word_suffix = "\xff"; });
    std::stop_source stop;
    stop.request_stop();
    refused(ErrorCode::cancelled, [&](auto& o) { o.stop = stop.get_token(); });
}
