#include "tercet/text/wordpiece_trainer.hpp"

#include "text/learning.hpp"

#include <iomanip>

using namespace tercet;
using namespace tercet_test;

TEST_CASE("wordpiece trainer: tokens and ids equal Hugging Face's, alphabets, prefixes and ties included", "[text][golden]") {
    each_learning_case("wordpiece", [](const Json& c) {
        WordPieceTraining options;
        options.vocab_size = static_cast<TokenId>(c.at("vocab_size").as_int());
        options.min_frequency = c.at("min_frequency").as_int();
        options.limit_alphabet = static_cast<std::size_t>(c.at("limit_alphabet").as_int());
        options.initial_alphabet = c.at("initial_alphabet").as_string();
        options.continuing_prefix = c.at("prefix").as_string();
        options.special_tokens = texts_of(c.at("special_tokens"));
        const auto learnt = learn_wordpiece(bert_words(c.at("text").as_string()), options);
        CHECK(tokens_of(learnt.vocabulary) == texts_of(c.at("tokens")));
        CHECK(learnt.continuing_prefix == options.continuing_prefix);
    });
}

TEST_CASE("wordpiece trainer: what is learnt from Tiny Shakespeare equals Hugging Face's at every size", "[text][golden]") {
    const auto golden = golden_folder();
    if (!golden) SKIP_TEST("TERCET_GOLDEN names no folder of golden files, where the corpus is");
    const auto words = bert_words(read_text_file(*golden + "/tokenizers/corpus.txt"));
    const auto file = json_file(tokenizer_data("learning_cases.json"));
    WordPieceTraining options;
    for (const auto& form : texts_of(file.at("corpus").at("forms"))) options.special_tokens.push_back(form);
    for (const auto& c : file.at("corpus").at("cases").elements()) {
        options.vocab_size = static_cast<TokenId>(c.at("vocab_size").as_int());
        const auto tokens = tokens_of(learn_wordpiece(words, options).vocabulary);
        TextHash hash;
        for (std::size_t i = 0; i < tokens.size(); ++i) hash.add((i == 0 ? "" : "\n") + tokens[i]);
        std::ostringstream text;
        text << std::hex << std::setw(16) << std::setfill('0') << hash.state;
        CHECK(tokens.size() == static_cast<std::size_t>(c.at("size").as_int()));
        CHECK(text.str() == c.at("hash").as_string());
    }
}

TEST_CASE("wordpiece trainer: continuing characters are in the order of their code points", "[text]") {
    WordPieceTraining options;
    options.vocab_size = 0;
    CHECK(tokens_of(learn_wordpiece(bert_words("zeta beta"), options).vocabulary) ==
          std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "e", "t", "z", "##a", "##e", "##t"});
}

TEST_CASE("wordpiece trainer: the tokenizer of a vocabulary frames texts as BERT does and gives them back", "[text]") {
    const auto words = bert_words("low lower lower newer newer newest");
    WordPieceTraining options;
    options.vocab_size = 1000;
    const auto learnt = learn_wordpiece(words, options);
    const auto id = [&](std::string_view token) {
        const auto found = learnt.vocabulary.find(token);
        CHECK(found != no_token);
        return found;
    };
    const auto tokenizer = wordpiece_tokenizer(learnt);
    CHECK(tokenizer.special().unk == 1);
    CHECK(tokenizer.special().pad == 0);
    CHECK(tokenizer.encode_ids("Lower, newest") == std::vector<TokenId>{2, id("lower"), 1, id("newest"), 3});
    CHECK(tokenizer.decode(tokenizer.encode_ids("L\u00f3wer newest")) == "lower newest");
    EncodeOptions pair;
    pair.pair = "newer";
    const auto both = tokenizer.encode("low", pair);
    CHECK(both.ids == std::vector<TokenId>{2, id("low"), 3, id("newer"), 3});
    CHECK(both.type_ids == std::vector<TokenId>{0, 0, 0, 1, 1});
    CHECK(tokenizer.encode_ids("[MASK]") == std::vector<TokenId>{2, 4, 3});

    auto cased = learnt;
    CHECK(wordpiece_tokenizer(cased, false).encode_ids("Low low") == std::vector<TokenId>{2, 1, id("low"), 3});
    options.special_tokens = {"[UNK]"};
    CHECK(wordpiece_tokenizer(learn_wordpiece(words, options)).encode_ids("low").size() == 1);

    auto broken = learnt;
    broken.unknown = "<nothing>";
    CHECK_ERROR(wordpiece_tokenizer(broken), ErrorCode::bad_tokenizer);
    broken.unknown = "";
    CHECK_ERROR(wordpiece_tokenizer(broken), ErrorCode::bad_tokenizer);
    broken = learnt;
    broken.special_tokens.push_back("<nothing>");
    CHECK_ERROR(wordpiece_tokenizer(broken), ErrorCode::bad_tokenizer);
}

TEST_CASE("wordpiece trainer: every word of the corpus can be cut, into fewer tokens the larger the vocabulary", "[text]") {
    const auto file = json_file(tokenizer_data("learning_cases.json"));
    const auto text = file.at("cases").at(0).at("text").as_string();
    std::size_t before = ~std::size_t{0};
    for (const TokenId size : {0, 100, 200, 400, 4000}) {
        WordPieceTraining options;
        options.vocab_size = size;
        const auto tokenizer = wordpiece_tokenizer(learn_wordpiece(bert_words(text), options));
        const auto ids = tokenizer.encode_ids(text);
        CHECK(std::find(ids.begin(), ids.end(), tokenizer.special().unk) == ids.end());
        CHECK(ids.size() < before);
        before = ids.size();
    }
}

TEST_CASE("wordpiece trainer: without words there are the special tokens; bad options are refused, a stop token cancels", "[text]") {
    CHECK(tokens_of(learn_wordpiece({}).vocabulary) == std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
    const auto words = bert_words("some words");
    WordPieceTraining options;
    options.unknown = "<?>";
    CHECK(learn_wordpiece(words, options).vocabulary.find("<?>") == 0);
    options.vocab_size = -1;
    CHECK_ERROR(learn_wordpiece(words, options), ErrorCode::invalid_argument);
    options.vocab_size = 100;
    options.special_tokens = {""};
    CHECK_ERROR(learn_wordpiece(words, options), ErrorCode::invalid_argument);
    options.special_tokens = {};
    options.continuing_prefix = "\xff";
    CHECK_ERROR(learn_wordpiece(words, options), ErrorCode::bad_text);
    options.continuing_prefix = "##";
    std::stop_source stop;
    stop.request_stop();
    options.stop = stop.get_token();
    CHECK_ERROR(learn_wordpiece(words, options), ErrorCode::cancelled);
}
