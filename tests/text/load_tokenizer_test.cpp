#include "text/golden.hpp"

#include <filesystem>
#include <fstream>

using namespace tercet;
using namespace tercet_test;

namespace {

// A directory that goes away with the test.
struct Directory {
    std::filesystem::path path;
    Directory() : path(std::filesystem::temp_directory_path() / ("tercet_text_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
        std::filesystem::create_directories(path);
    }
    ~Directory() {
        std::error_code error;
        std::filesystem::remove_all(path, error);
    }
    void write(const char* name, std::string_view text) const { std::ofstream(path / name, std::ios::binary) << text; }
};

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
    const Directory directory;
    directory.write("tokenizer.json", tiny);
    CHECK(load_tokenizer(directory.path.string()).special().bos == 3);  // guessed from the usual spellings
    directory.write("tokenizer_config.json", R"({"eos_token": {"content": "</s>"}, "pad_token": "</s>", "bos_token": null, "model_max_length": 512,
        "tokenizer_class": "LlamaTokenizerFast", "add_eos_token": true,
        "chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "y"}]})");
    const auto tokenizer = load_tokenizer(directory.path.string());
    CHECK((tokenizer.special().bos == no_token && tokenizer.special().eos == 4 && tokenizer.special().pad == 4));
    CHECK(tokenizer.recommended_length() == 512);
    CHECK(tokenizer.chat_template() == "y");
    CHECK(tokenizer.encode("ab").ids == std::vector<TokenId>{2, 4});
    CHECK(tokenizer.encode("ab", {.add_special = false}).ids == std::vector<TokenId>{2});
    directory.write("special_tokens_map.json", R"({"bos_token": "<s>"})");
    directory.write("chat_template.jinja", "{{ messages }}");
    CHECK(load_tokenizer((directory.path / "tokenizer.json").string()).chat_template() == "{{ messages }}");
    CHECK(load_tokenizer((directory.path / "tokenizer.json").string()).special().bos == 3);
}

TEST_CASE("load_tokenizer: what is missing or of another kind is refused by its code", "[text]") {
    const Directory directory;
    CHECK_ERROR(load_tokenizer(directory.path.string()), ErrorCode::bad_tokenizer);
    CHECK_ERROR(load_tokenizer((directory.path / "absent.json").string()), ErrorCode::io);
    CHECK_ERROR(load_tokenizer((directory.path / "absent.gguf").string()), ErrorCode::io);
    CHECK_ERROR(load_tokenizer((directory.path / "spiece.model").string()), ErrorCode::unsupported);
    directory.write("tokenizer.model", "");
    CHECK_ERROR(load_tokenizer(directory.path.string()), ErrorCode::unsupported);
    directory.write("broken.json", "{");
    CHECK_ERROR(load_tokenizer((directory.path / "broken.json").string()), ErrorCode::bad_json);
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
    CHECK_ERROR(parse(R"({"model": {"type": "Unigram", "vocab": []}})"), ErrorCode::unsupported);
    CHECK_ERROR(parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.5}})"), ErrorCode::unsupported);
}

TEST_CASE("tokenizer_from_json: stages without an equivalent are refused by name", "[text]") {
    using Catch::Matchers::ContainsSubstring;
    CHECK(parse(tiny).encode("ab").ids == std::vector<TokenId>{2});
    CHECK_ERROR(parse(with("normalizer", R"({"type": "Precompiled"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("normalizer", R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("normalizer", R"({})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("normalizer", R"({"type": "Sequence"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "UnicodeScripts"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})")), ErrorCode::unsupported);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Punctuation", "behavior": "Sideways"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("pre_tokenizer", R"({"type": "Metaspace", "prepend_scheme": "last"})")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(parse(with("decoder", R"({"type": "CTC"})")), ErrorCode::unsupported);
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
