#include "text/gguf_file.hpp"
#include "text/golden.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

void check_vocabulary(const std::string& path) {
    const auto tokenizer = load_tokenizer(path);
    const auto cases = vocab_cases(path);
    REQUIRE(cases.size() == 46);
    for (const auto& c : cases) {
        INFO(path << ": " << c.text);
        CHECK(tokenizer.encode_ids(c.text, false) == c.ids);
    }
}

GgufFile bpe(std::string_view pre) {
    return GgufFile{}
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", pre)
        .list("tokenizer.ggml.tokens", {"a", "b", "ab", "1", "11", "<s>", "x", "<u>"})
        .numbers("tokenizer.ggml.token_type", {1, 1, 1, 1, 1, 3, 1, 4})
        .list("tokenizer.ggml.merges", {"a b", "1 1"})
        .number("tokenizer.ggml.bos_token_id", 5);
}

}  // namespace

TEST_CASE("tokenizer_from_gguf: the BERT vocabulary gives llama.cpp's ids", "[text][golden]") {
    check_vocabulary(tokenizer_data("ggml-vocab-bert-bge.gguf"));
    const auto tokenizer = load_tokenizer(tokenizer_data("ggml-vocab-bert-bge.gguf"));
    CHECK(tokenizer.token(7592) == "hello");
    CHECK(tokenizer.encode("Hello").ids == std::vector<TokenId>{101, 7592, 102});
    CHECK(tokenizer.decode(tokenizer.encode_ids("unaffable, tokenization!")) == "unaffable, tokenization!");
    CHECK((tokenizer.special().mask == 103 && tokenizer.special().pad == 0));
    CHECK(tokenizer.encode_ids("a [MASK]", false) == std::vector<TokenId>{1037, 103});
}

TEST_CASE("tokenizer_from_gguf: the GPT-2 and Llama 3 vocabularies give llama.cpp's ids", "[text][golden]") {
    const auto golden = golden_folder();
    if (!golden) SKIP_TEST("TERCET_GOLDEN names no folder of golden files");
    check_vocabulary(*golden + "/third_party/ggml-vocab-gpt-2.gguf");
    check_vocabulary(*golden + "/third_party/ggml-vocab-llama-bpe.gguf");
}

TEST_CASE("tokenizer_from_gguf: byte-level BPE by its pre-tokenizer's name", "[text]") {
    using Ids = std::vector<TokenId>;
    CHECK(bpe("gpt-2").tokenizer().encode_ids("ab11") == Ids{2, 4});
    CHECK(bpe("smollm").tokenizer().encode_ids("ab11") == Ids{2, 3, 3});
    CHECK(bpe("llama-bpe").tokenizer().encode_ids("ab11") == Ids{5, 2, 4});
    CHECK(bpe("qwen2").tokenizer().encode_ids("ab11") == Ids{2, 3, 3});
    CHECK(bpe("tekken").tokenizer().encode_ids("ab11") == Ids{5, 2, 3, 3});
    CHECK(bpe("deepseek-v3").tokenizer().encode_ids("ab11") == Ids{2, 4});
    CHECK(bpe("llama-bpe").flag("tokenizer.ggml.add_bos_token", false).tokenizer().encode_ids("ab") == Ids{2});
    const auto tokenizer = bpe("gpt-2").text("tokenizer.chat_template", "hi").tokenizer();
    CHECK(tokenizer.chat_template() == "hi");
    CHECK(tokenizer.encode_ids("a<s>b<u>") == Ids{0, 5, 1, 7});
    CHECK((tokenizer.is_special(5) && !tokenizer.is_special(7)));
    CHECK(tokenizer.special().bos == 5);
    CHECK(tokenizer.decode({2, 5, 3}) == "ab1");
}

TEST_CASE("tokenizer_from_gguf: what is missing or unknown is refused", "[text]") {
    CHECK_ERROR(GgufFile{}.tokenizer(), ErrorCode::bad_tokenizer);
    CHECK_ERROR(GgufFile{}.text("tokenizer.ggml.model", "rwkv").tokenizer(), ErrorCode::unsupported);
    CHECK_ERROR(GgufFile{}.text("tokenizer.ggml.model", "gpt2").tokenizer(), ErrorCode::bad_tokenizer);
    CHECK_ERROR(GgufFile{}.text("tokenizer.ggml.model", "gpt2").list("tokenizer.ggml.tokens", {"a"}).tokenizer(), ErrorCode::bad_tokenizer);
    CHECK_ERROR(GgufFile{}.text("tokenizer.ggml.model", "gpt2").list("tokenizer.ggml.tokens", {"\xff"}).tokenizer(), ErrorCode::bad_tokenizer);
    CHECK_ERROR(GgufFile{}
                    .text("tokenizer.ggml.model", "bert")
                    .list("tokenizer.ggml.tokens", {"\u2581"
                                                    "a"})
                    .tokenizer(),
                ErrorCode::bad_tokenizer);
    CHECK_ERROR(bpe("some-new-model").tokenizer(), ErrorCode::unsupported);
    CHECK_ERROR(bpe("gemma4").tokenizer(), ErrorCode::unsupported);
    CHECK_ERROR(
        GgufFile{}.text("tokenizer.ggml.model", "gpt2").list("tokenizer.ggml.tokens", {"a"}).numbers("tokenizer.ggml.token_type", {1, 1}).tokenizer(),
        ErrorCode::bad_tokenizer);
    CHECK_ERROR(GgufFile{}.text("tokenizer.ggml.model", "gpt2").list("tokenizer.ggml.tokens", {"a"}).list("tokenizer.ggml.merges", {"a"}).tokenizer(),
                ErrorCode::bad_tokenizer);
}
