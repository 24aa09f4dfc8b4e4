#include "tercet/text/bpe_trainer.hpp"

#include "text/golden.hpp"

#include <chrono>

using namespace tercet;
using namespace tercet_test;

namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

Merges merges_of(const Json& list) {
    Merges out;
    for (const auto& merge : list.elements()) out.emplace_back(merge.at(0).as_string(), merge.at(1).as_string());
    return out;
}

std::vector<std::string> texts_of(const Json& list) {
    std::vector<std::string> out;
    for (const auto& text : list.elements()) out.push_back(text.as_string());
    return out;
}

std::vector<std::string> tokens_of(const ByteLevelBpe& bpe) {
    std::vector<std::string> out;
    for (TokenId id = 0; id < bpe.vocabulary.size(); ++id) out.emplace_back(bpe.vocabulary.token(id));
    return out;
}

WordCounts counted(std::string_view text, bool lines = false) {
    WordCounts words;
    if (lines) words.add_lines(text);
    else words.add(text);
    return words;
}

}  // namespace

TEST_CASE("bpe trainer: merges, tokens and ids equal Hugging Face's, ties, special tokens and alphabets included", "[text][golden]") {
    const Json file = json_file(tokenizer_data("bpe_cases.json"));
    for (const auto& c : file.at("cases").elements()) {
        INFO(c.at("name").as_string());
        const auto& text = c.at("text").as_string();
        BpeTraining options;
        options.vocab_size = static_cast<TokenId>(c.at("vocab_size").as_int());
        options.min_frequency = c.at("min_frequency").as_int();
        options.all_bytes = c.at("all_bytes").as_bool();
        options.special_tokens = texts_of(c.at("special_tokens"));
        const auto learnt = learn_bpe(counted(text, c.at("lines").as_bool()), options);
        CHECK(learnt.merges == merges_of(c.at("merges")));
        CHECK(tokens_of(learnt) == texts_of(c.at("tokens")));
        CHECK(byte_level_tokenizer(learnt).encode_ids(text) == ids_of(c.at("ids")));
    }
}

TEST_CASE("bpe trainer: what is learnt from Tiny Shakespeare equals Hugging Face's, fed by lines and as a whole", "[text][golden]") {
    const auto golden = golden_folder();
    if (!golden) SKIP_TEST("TERCET_GOLDEN names no folder of golden files, where the corpus is");
    const auto folder = *golden + "/tokenizers/";
    const auto corpus = read_text_file(folder + "corpus.txt");
    const Json file = json_file(folder + "bpe_training.json");
    for (const char* mode : {"lines", "whole"}) {
        INFO(mode);
        const Json& c = file.at(mode);
        BpeTraining options;
        options.vocab_size = static_cast<TokenId>(c.at("vocab").size());
        options.min_frequency = 2;
        const auto learnt = learn_bpe(counted(corpus, std::string_view(mode) == "lines"), options);
        CHECK(learnt.merges == merges_of(c.at("merges")));
        CHECK(tokens_of(learnt) == texts_of(c.at("vocab")));
        const auto tokenizer = byte_level_tokenizer(learnt);
        for (std::size_t i = 0; i < c.at("texts").size(); ++i) {
            const auto& text = c.at("texts").at(i).as_string();
            CHECK(tokenizer.encode_ids(text) == ids_of(c.at("ids").at(i)));
            CHECK(tokenizer.decode(tokenizer.encode_ids(text)) == text);
        }
        CHECK(static_cast<std::int64_t>(tokenizer.encode_ids(corpus).size()) == c.at("corpus_tokens").as_int());
    }
}

TEST_CASE("bpe trainer: a vocabulary of no more than the alphabet has the characters of an ASCII text as its tokens", "[text]") {
    const std::string text = "To be, or not to be:\nthat is the question.";
    BpeTraining options;
    options.vocab_size = 0;
    options.all_bytes = false;
    const auto learnt = learn_bpe(counted(text), options);
    CHECK(learnt.merges.empty());
    CHECK(learnt.vocabulary.size() == CharVocabulary::of_text(text).size());
    const auto tokenizer = byte_level_tokenizer(learnt);
    CHECK(tokenizer.encode_ids(text).size() == text.size());
    CHECK(tokenizer.decode(tokenizer.encode_ids(text)) == text);
    CHECK(tokenizer.encode_ids("x").empty());  // what the vocabulary lacks is dropped
    CHECK(tokenizer.encode_ids("to b\u00e9") == tokenizer.encode_ids("to b"));
}

TEST_CASE("bpe trainer: an unknown token is the first, unless it stands among the special ones, and takes what the alphabet lacks", "[text]") {
    BpeTraining options;
    options.vocab_size = 12;
    options.all_bytes = false;
    options.unknown = "<unk>";
    options.special_tokens = {"<|endoftext|>"};
    auto learnt = learn_bpe(counted("low lower"), options);
    CHECK(learnt.vocabulary.find("<unk>") == 0);
    CHECK(learnt.vocabulary.find("<|endoftext|>") == 1);
    CHECK(learnt.vocabulary.size() == 12);
    const auto tokenizer = byte_level_tokenizer(learnt);
    CHECK(tokenizer.special().unk == 0);
    CHECK(tokenizer.special().eos == 1);
    CHECK(tokenizer.is_special(1));
    CHECK(tokenizer.encode_ids("x\u00e9") == std::vector<TokenId>{0, 0, 0});
    CHECK(tokenizer.encode_ids("<|endoftext|>") == std::vector<TokenId>{1});

    options.special_tokens = {"<a>", "<unk>"};
    CHECK(learn_bpe(counted("low"), options).vocabulary.find("<unk>") == 1);
}

TEST_CASE("bpe trainer: a stop token cancels learning; bad options are refused", "[text]") {
    std::stop_source stop;
    stop.request_stop();
    WordCounts words;
    words.add("a text, and more of it");
    BpeTraining options;
    options.stop = stop.get_token();
    CHECK_ERROR(learn_bpe(words, options), ErrorCode::cancelled);
    options.stop = {};
    options.vocab_size = -1;
    CHECK_ERROR(learn_bpe(words, options), ErrorCode::invalid_argument);
    options.vocab_size = 300;
    options.min_frequency = -1;
    CHECK_ERROR(learn_bpe(words, options), ErrorCode::invalid_argument);
    options.min_frequency = 0;
    options.special_tokens = {""};
    CHECK_ERROR(learn_bpe(words, options), ErrorCode::invalid_argument);
    options.special_tokens = {"\xff"};
    CHECK_ERROR(learn_bpe(words, options), ErrorCode::bad_text);
}

TEST_CASE("bpe trainer: a long word takes no quadratic time", "[text]") {
    std::string text;
    std::uint32_t state = 1;
    for (int i = 0; i < 1 << 18; ++i) {
        state = state * 1664525u + 1013904223u;
        text += static_cast<char>('a' + (state >> 24) % 26);
    }
    BpeTraining options;
    options.vocab_size = 356;
    const auto start = std::chrono::steady_clock::now();
    CHECK(learn_bpe(counted(text), options).merges.size() == 100);
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 20.0);
}
