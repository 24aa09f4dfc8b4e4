#include "text/gguf_file.hpp"
#include "text/golden.hpp"
#include "text/made.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

using Ids = std::vector<TokenId>;

std::vector<std::string> tokens() {
    return {"<unk>",
            "<s>",
            "</s>",
            "\u2581",
            "a",
            "b",
            "ab",
            "\u2581"
            "ab",
            "<0x0A>",
            "<sep>"};
}

GgufFile spm(std::string_view model = "llama") {
    return GgufFile{}
        .text("tokenizer.ggml.model", model)
        .list("tokenizer.ggml.tokens", tokens())
        .floats("tokenizer.ggml.scores", {0, 0, 0, -2, -3, -3.5f, -4, -5, 0, 0})
        .numbers("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 1, 1, 6, 4});
}

}  // namespace

TEST_CASE("gguf_sentencepiece: the Llama 2 vocabulary gives llama.cpp's ids", "[text][golden]") {
    const auto golden = golden_folder();
    if (!golden) SKIP_TEST("TERCET_GOLDEN names no folder of golden files");
    const auto path = *golden + "/third_party/ggml-vocab-llama-spm.gguf";
    const auto tokenizer = load_tokenizer(path);
    const auto cases = vocab_cases(path);
    REQUIRE(cases.size() == 46);
    for (const auto& c : cases) {
        INFO(c.text);
        CHECK(tokenizer.encode_ids(c.text, false) == c.ids);
        CHECK(tokenizer.decode(c.ids) == c.text);
    }
}

TEST_CASE("gguf_sentencepiece: llama merges by scores, puts a space in front, and knows bytes", "[text]") {
    const auto t = spm().tokenizer();
    CHECK((t.model() == TokenModel::bpe && t.special().bos == 1 && t.special().eos == 2 && t.special().unk == 0));
    CHECK(t.encode_ids("ab ab") == Ids{1, 7, 7});
    CHECK(t.encode_ids("ab", false) == Ids{7});
    CHECK(t.encode_ids("a\nz", false) == Ids{3, 4, 8, 0});
    CHECK(t.encode_ids("ab<sep>ab</s>", false) == Ids{7, 9, 7, 2});  // a space in front of each part
    CHECK(t.decode({1, 7, 7, 8}) == "ab ab\n");
    CHECK(t.encode_ids("  a", false) == Ids{3, 3, 3, 4});
}

TEST_CASE("gguf_sentencepiece: the file says whether a space goes in front and what goes around", "[text]") {
    const auto t = spm()
                       .flag("tokenizer.ggml.add_space_prefix", false)
                       .flag("tokenizer.ggml.add_bos_token", false)
                       .flag("tokenizer.ggml.add_eos_token", true)
                       .tokenizer();
    CHECK(t.encode_ids("ab") == Ids{6, 2});
    CHECK(t.decode({7}) == " ab");
    const auto roles = spm().number("tokenizer.ggml.bos_token_id", 9).number("tokenizer.ggml.unknown_token_id", 5).tokenizer();
    CHECK((roles.special().bos == 9 && roles.special().unk == 5));
}

TEST_CASE("gguf_sentencepiece: without an unknown token, characters outside the vocabulary are dropped", "[text]") {
    const auto t = spm().number("tokenizer.ggml.unknown_token_id", 99).tokenizer();
    CHECK(t.special().unk == no_token);
    CHECK(t.encode_ids("abz", false) == Ids{7});
    CHECK(t.encode("abz", {.add_special = false}).ids == Ids{7});
}

TEST_CASE("gguf_sentencepiece: t5 is a unigram model with a character map", "[text]") {
    std::vector<int> map;
    for (const char byte : made_charsmap()) map.push_back(byte);
    auto file =
        spm("t5").number("tokenizer.ggml.unknown_token_id", 0).number("tokenizer.ggml.eos_token_id", 2).flag("tokenizer.ggml.add_space_prefix", true);
    CHECK(file.tokenizer().encode_ids("ab b") == Ids{7, 3, 5, 2});
    CHECK(file.tokenizer().encode_ids("z") == Ids{3, 0, 2});
    CHECK(file.tokenizer().model() == TokenModel::unigram);
    const auto mapped = file.numbers("tokenizer.ggml.precompiled_charsmap", map).flag("tokenizer.ggml.remove_extra_whitespaces", true).tokenizer();
    CHECK(mapped.encode_ids(" A  \u200b") == Ids{3, 4, 2});
    CHECK(mapped.decode({3, 4, 2}) == "a");
}

TEST_CASE("gguf_sentencepiece: scores, types and maps that do not fit are refused", "[text]") {
    const auto refused = [](const GgufFile& file) { CHECK_ERROR(file.tokenizer(), ErrorCode::bad_tokenizer); };
    const auto base = [](std::string_view model) {
        return GgufFile{}.text("tokenizer.ggml.model", model).list("tokenizer.ggml.tokens", {"<unk>", "a"});
    };
    for (const char* model : {"llama", "t5"}) {
        refused(base(model));  // no scores
        refused(base(model).floats("tokenizer.ggml.scores", {0}));
        refused(base(model).floats("tokenizer.ggml.scores", {0, std::numeric_limits<float>::quiet_NaN()}));
        refused(base(model).floats("tokenizer.ggml.scores", {0, -1}).numbers("tokenizer.ggml.token_type", {2, 7}));
        refused(base(model).floats("tokenizer.ggml.scores", {0, -1}).numbers("tokenizer.ggml.token_type", {2, -1}));
        refused(base(model).floats("tokenizer.ggml.scores", {0, -1}).numbers("tokenizer.ggml.token_type", {2, 6}));  // 'a' is no byte
        refused(base(model).floats("tokenizer.ggml.scores", {0, -1}).numbers("tokenizer.ggml.token_type", {2}));
    }
    refused(base("t5").floats("tokenizer.ggml.scores", {0, -1}));  // no unknown token
    auto t5 = base("t5").floats("tokenizer.ggml.scores", {0, -1}).number("tokenizer.ggml.unknown_token_id", 0);
    CHECK(t5.tokenizer().encode_ids("a", false) == Ids{1});
    refused(GgufFile(t5).numbers("tokenizer.ggml.precompiled_charsmap", {1, 2, 300}));
    refused(GgufFile(t5).numbers("tokenizer.ggml.precompiled_charsmap", {1, 2, 3}));
}
