#include "text/gguf_file.hpp"
#include "text/golden.hpp"
#include "text/made.hpp"
#include "text/sentencepiece_model.hpp"

#include "support/temp_dir.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

constexpr std::string_view tiny = R"({"added_tokens": [{"id": 3, "content": "<s>", "special": true}, {"id": 4, "content": "</s>", "special": true}],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})";

std::string with(std::string_view key, std::string_view value) {
    return std::string(tiny.substr(0, tiny.size() - 1)) + ", \"" + std::string(key) + "\": " + std::string(value) + "}";
}

Tokenizer parse(std::string_view text) {
    return tokenizer_from_json(text, "test.json");
}

}  // namespace

TEST_CASE("load_tokenizer: a directory's configs give roles, length and chat template", "[text]") {
    const TempDir directory;
    directory.write("tokenizer.json", tiny);
    CHECK(load_tokenizer(directory.path()).special().bos == 3);  // guessed from the usual spellings
    directory.write("tokenizer_config.json", R"({"eos_token": {"content": "</s>"}, "pad_token": "</s>", "bos_token": null, "model_max_length": 512,
        "tokenizer_class": "LlamaTokenizerFast", "add_eos_token": true,
        "chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "y"}]})");
    const auto tokenizer = load_tokenizer(directory.path());
    CHECK((tokenizer.special().bos == no_token && tokenizer.special().eos == 4 && tokenizer.special().pad == 4));
    CHECK(tokenizer.recommended_length() == 512);
    CHECK(tokenizer.chat_template() == "y");
    CHECK(tokenizer.encode("ab").ids == std::vector<TokenId>{2, 4});
    CHECK(tokenizer.encode("ab", {.add_special = false}).ids == std::vector<TokenId>{2});
    directory.write("special_tokens_map.json", R"({"bos_token": "<s>"})");
    directory.write("chat_template.jinja", "{{ messages }}");
    CHECK(load_tokenizer(directory / "tokenizer.json").chat_template() == "{{ messages }}");
    CHECK(load_tokenizer(directory / "tokenizer.json").special().bos == 3);
}

TEST_CASE("load_tokenizer: what is missing or of another kind is refused by its code", "[text]") {
    const TempDir directory;
    CHECK_ERROR(load_tokenizer(directory.path()), ErrorCode::bad_tokenizer);
    CHECK_ERROR(load_tokenizer(directory / "absent.json"), ErrorCode::io);
    CHECK_ERROR(load_tokenizer(directory / "absent.gguf"), ErrorCode::io);
    CHECK_ERROR(load_tokenizer(directory / "spiece.model"), ErrorCode::io);
    directory.write("tokenizer.model", "");
    CHECK_ERROR(load_tokenizer(directory.path()), ErrorCode::bad_tokenizer);
    directory.write("broken.json", "{");
    CHECK_ERROR(load_tokenizer(directory / "broken.json"), ErrorCode::bad_json);
}

TEST_CASE("tokenizer_from_json: what a model lacks", "[text]") {
    CHECK_ERROR(parse("[]"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse("{}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": null})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE"}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {}, "merges": []}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a", "a"]]}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 2000000000}, "merges": []}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}})"), ErrorCode::bad_json);
    CHECK_ERROR(parse(R"({"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]"}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "Unigram", "vocab": []}})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 1.5}})"), ErrorCode::bad_tokenizer);
}

TEST_CASE("tokenizer_from_json: stages without an equivalent are refused by name", "[text]") {
    using Catch::Matchers::ContainsSubstring;
    CHECK(parse(tiny).encode("ab").ids == std::vector<TokenId>{2});
    CHECK_ERROR(parse(with("normalizer", R"({"type": "Precompiled"})")), ErrorCode::missing_key);
    CHECK_ERROR(parse(with("normalizer", R"({"type": "Other"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("normalizer", R"({})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("normalizer", R"({"type": "Sequence"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Other"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Punctuation", "behavior": "Sideways"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Metaspace", "prepend_scheme": "last"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("decoder", R"({"type": "Other"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("post_processor", R"({"type": "Other"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("post_processor", R"({"type": "BertProcessing", "sep": ["x"]})")), ErrorCode::missing_key);
    CHECK_ERROR(parse(with("post_processor",
                           R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}], "special_tokens": {}})")),
                ErrorCode::missing_key);
#ifndef TERCET_NO_EXCEPTIONS
    CHECK_THROWS_WITH(parse(with("pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})")),
                      ContainsSubstring("test.json") && ContainsSubstring("'(a'"));
#endif
}

TEST_CASE("tokenizer_from_json: hostile added tokens cost no memory", "[text]") {
    CHECK_ERROR(parse(R"({"added_tokens": [{"id": 2000000000, "content": "x"}], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})"),
                ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"added_tokens": [{"id": -1, "content": "x"}], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})"),
                ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(R"({"added_tokens": [{"id": 1, "content": ")" + std::string(5000, 'x') +
                      R"("}], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})"),
                ErrorCode::bad_tokenizer);
    CHECK(parse(R"({"added_tokens": [{"id": 7, "content": "x"}], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})").vocab_size() == 8);
}

TEST_CASE("load_tokenizer: each kind of file by its name", "[text]") {
    using Ids = std::vector<TokenId>;
    const TempDir directory;
    const auto load = [&](std::string_view name, std::string_view text) { return load_tokenizer(directory.write(name, text)); };
    CHECK(load("any.json", tiny).encode_ids("ab") == Ids{2});
    for (const char* name : {"spiece.model", "tokenizer.model", "any.model"}) CHECK(load(name, small_model()).encode_ids("ab<s>") == Ids{7, 0});
    const auto ranks = made().at("tiktoken").at("ranks").as_string();
    CHECK(load("r50k_base.tiktoken", ranks).encode_ids("ab<|endoftext|>") == Ids{256, 50256});
    CHECK(load("p50k_edit/tokenizer.model", ranks).encode_ids("ab<|fim_prefix|>") == Ids{256, 50281});  // the path names the encoding
    CHECK_ERROR(load("other.tiktoken", ranks), ErrorCode::unsupported);
    CHECK(load("vocab.txt", "[UNK]\na\n##b\n").encode_ids("AB") == Ids{1, 2});
    directory.write("merges.txt", "a b\n");
    CHECK(load("vocab.json", R"({"a": 0, "b": 1, "ab": 2})").encode_ids("ab") == Ids{2});
    CHECK(load("made.gguf", GgufFile{}
                                .text("tokenizer.ggml.model", "gpt2")
                                .text("tokenizer.ggml.pre", "gpt-2")
                                .list("tokenizer.ggml.tokens", {"a", "b", "ab"})
                                .list("tokenizer.ggml.merges", {"a b"})
                                .bytes())
              .encode_ids("ab") == Ids{2});
}

TEST_CASE("load_tokenizer: of several files in a directory the most telling counts", "[text]") {
    using Ids = std::vector<TokenId>;
    const TempDir directory;
    const auto ids = [&](std::string_view text = "ab") { return load_tokenizer(directory.path()).encode_ids(text); };
    directory.write("r50k_base.tiktoken", made().at("tiktoken").at("ranks").as_string());
    CHECK(ids() == Ids{256});
    directory.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n##b\nA\n\u65e5\u672c\n");
    CHECK(ids("AB") == Ids{1, 3, 4, 2});
    directory.write("tokenizer_config.json", R"({"do_lower_case": false, "tokenize_chinese_chars": false})");
    CHECK(ids("A \u65e5\u672c") == Ids{1, 5, 6, 2});
    directory.write("tokenizer_config.json", "{}");
    directory.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4, "\u0120": 5})");
    CHECK_ERROR(ids(), ErrorCode::io);  // without merges.txt
    directory.write("merges.txt", "a b\n");
    CHECK(ids() == Ids{2});
    directory.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true})");
    CHECK(ids() == Ids{3, 5, 2, 4});
    directory.write("tokenizer_config.json", R"({"tokenizer_class": "WhisperTokenizer"})");
    CHECK_ERROR(ids(), ErrorCode::unsupported);
    directory.write("tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer"})");
    directory.write("spiece.model", small_model());
    CHECK(ids() == Ids{1, 7});
    directory.write("tokenizer.json", tiny);
    CHECK(ids() == Ids{2});
}

TEST_CASE("load_tokenizer: a SentencePiece model in a directory is its model's tokenizer", "[text]") {
    using Ids = std::vector<TokenId>;
    const TempDir directory;
    directory.write("tokenizer.model", small_model());
    const auto with_config = [&](std::string_view config) {
        directory.write("tokenizer_config.json", config);
        return load_tokenizer(directory.path());
    };
    CHECK(with_config("{}").encode_ids("ab<s>") == Ids{7, 0});
    CHECK(with_config(R"({"tokenizer_class": "LlamaTokenizer"})").encode_ids("ab<s>") == Ids{1, 7, 1});
    CHECK(with_config(R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true})").encode_ids("ab") == Ids{7, 2});
    CHECK(with_config(R"({"tokenizer_class": "CodeLlamaTokenizer", "eos_token": "<s>", "add_eos_token": true})").special().eos == 1);
    CHECK(with_config(R"({"tokenizer_class": "GemmaTokenizer"})").encode("ab", {.pair = "b"}).ids == Ids{1, 7, 1, 3, 5});
    CHECK_ERROR(with_config(R"({"tokenizer_class": "XLMRobertaTokenizer"})"), ErrorCode::unsupported);

    const auto t5 = with_config(R"({"tokenizer_class": "T5Tokenizer", "extra_ids": 3})");
    CHECK((t5.vocab_size() == 11 && t5.id_of("<extra_id_0>") == 10 && t5.id_of("<extra_id_2>") == 8));
    CHECK(t5.encode_ids("ab<extra_id_0>b") == Ids{7, 10, 3, 5, 2});
    CHECK(t5.encode("ab", {.pair = "b"}).ids == Ids{7, 2, 3, 5, 2});
    CHECK(with_config(R"({"tokenizer_class": "T5Tokenizer"})").vocab_size() == 108);
    CHECK_ERROR(with_config(R"({"tokenizer_class": "T5Tokenizer", "extra_ids": -1})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(with_config(R"({"tokenizer_class": "T5Tokenizer", "extra_ids": 1000000000})"), ErrorCode::bad_tokenizer);
    CHECK(load_tokenizer(directory / "tokenizer.model").encode_ids("ab") == Ids{7});  // by its own name it is SentencePiece's
}
