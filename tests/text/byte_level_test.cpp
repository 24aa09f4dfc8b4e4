#include "tercet/text/byte_level.hpp"

#include "text/golden.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("byte level: a character vocabulary of ASCII becomes a tokenizer with the same ids", "[text][golden]") {
    const auto characters = CharVocabulary::load(tokenizer_data("char_level.json"));
    const auto tokenizer = byte_level_tokenizer(byte_level_bpe(characters), "characters");
    CHECK(tokenizer.vocab_size() == characters.size());
    const Json file = json_file(tokenizer_data("char_level.json"));
    for (const auto& entry : file.at("texts").elements()) {
        const auto& text = entry.as_string();
        CHECK(tokenizer.encode_ids(text) == characters.encode(text));
        CHECK(tokenizer.encode(text).ids == characters.encode(text));
        CHECK(tokenizer.decode(characters.encode(text)) == text);
    }
    CHECK_ERROR(byte_level_bpe(CharVocabulary::of_text("caf\u00e9")), ErrorCode::unsupported);
}

TEST_CASE("byte level: a character outside the vocabulary is dropped, with merges or without", "[text]") {
    const auto characters = byte_level_tokenizer(byte_level_bpe(CharVocabulary::of_text("abc ")));
    CHECK(characters.encode_ids("ab \u4f60c") == characters.encode_ids("ab c"));
    auto merging = byte_level_bpe(CharVocabulary::of_text("ab"));
    merging.vocabulary = Vocabulary({{"a", 0}, {"b", 1}, {"ab", 2}}, "test");
    merging.merges = {{"a", "b"}};
    CHECK(byte_level_tokenizer(merging).encode_ids("abxa") == std::vector<TokenId>{2, 0});
}

TEST_CASE("byte level: special tokens have their roles by the usual spellings, and must be in the vocabulary", "[text]") {
    ByteLevelBpe bpe{Vocabulary({{"<|endoftext|>", 0}, {"<pad>", 1}, {"a", 2}}, "test"), {}, {"<|endoftext|>", "<pad>"}, {}};
    const auto tokenizer = byte_level_tokenizer(bpe);
    CHECK(tokenizer.special().eos == 0);
    CHECK(tokenizer.special().pad == 1);
    CHECK(tokenizer.special().unk == no_token);
    CHECK(tokenizer.encode_ids("a<pad>a") == std::vector<TokenId>{2, 1, 2});
    CHECK(tokenizer.decode({2, 1, 0, 2}) == "aa");
    bpe.special_tokens.push_back("<other>");
    CHECK_ERROR(byte_level_tokenizer(bpe), ErrorCode::bad_tokenizer);
    bpe.special_tokens.pop_back();
    bpe.unknown = "<other>";
    CHECK_ERROR(byte_level_tokenizer(bpe), ErrorCode::bad_tokenizer);
}
