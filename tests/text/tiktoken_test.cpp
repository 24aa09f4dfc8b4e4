#include "text/made.hpp"

#include "tercet/text/tiktoken.hpp"

#include <random>

using namespace tercet;
using namespace tercet_test;

namespace {

std::string ranks() {
    return made().at("tiktoken").at("ranks").as_string();
}

std::vector<TokenId> ids(const Json& list) {
    std::vector<TokenId> out;
    for (const auto& id : list.elements()) out.push_back(static_cast<TokenId>(id.as_int()));
    return out;
}

const TiktokenOptions words = {.pattern = R"(\S+|\s+)"};

}  // namespace

TEST_CASE("tiktoken: a hand-made rank file gives the ids of the tiktoken package under each pattern", "[text][golden]") {
    for (const auto& e : made().at("tiktoken").at("encodings").elements()) {
        const auto tokenizer =
            tokenizer_from_tiktoken(ranks(), "made", {.pattern = e.at("pattern").as_string(), .special_tokens = {{"<|end|>", 300}, {"<|en|>", 301}}});
        CHECK(tokenizer.vocab_size() == 302);
        const auto texts = strings_of(e.at("texts"));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            INFO(e.at("pattern").as_string() << ": " << texts[i]);
            CHECK(tokenizer.encode_ids(texts[i]) == ids(e.at("ids").at(i)));
            CHECK(tokenizer.encode_ids(texts[i], true, true) == ids(e.at("as_text").at(i)));
            CHECK(tokenizer.decode(tokenizer.encode_ids(texts[i]), false) == texts[i]);
        }
    }
}

TEST_CASE("tiktoken: GPT-2's tokens as a rank file give GPT-2's ids", "[text][golden]") {
    const auto folder = std::string(TERCET_TEST_DATA) + "/tokenizers/";
    const auto file = parse_json(read_text_file(folder + "gpt2/tokenizer.json"), "gpt2");
    std::vector<std::string> tokens(50256);
    for (const auto& [token, id] : file.at("model").at("vocab").items())
        if (id.as_int() < 50256) detail::text::append_alphabet_bytes(tokens[static_cast<std::size_t>(id.as_int())], token);
    std::string text;
    for (std::size_t rank = 0; rank < tokens.size(); ++rank) text += encode_base64(tokens[rank]) + " " + std::to_string(rank) + "\n";
    const auto tokenizer = tokenizer_from_tiktoken(text, "made");  // r50k_base, told by the number of tokens
    CHECK((tokenizer.special().eos == 50256 && tokenizer.is_special(50256) && tokenizer.vocab_size() == 50257));
    const auto expected = parse_json(read_text_file(folder + "gpt2/expected.json"), "gpt2");
    const auto strings = parse_json(read_text_file(folder + "tricky.txt.json"), "tricky");
    for (std::size_t i = 0; i < strings.size(); ++i) {
        INFO(strings.at(i).as_string().substr(0, 80));
        CHECK(tokenizer.encode_ids(strings.at(i).as_string()) == ids(expected.at("ids").at(i)));
    }
}

TEST_CASE("tiktoken: which encoding it is, told by name, by the file's name, or not at all", "[text]") {
    std::string many = ranks();  // enough for ids of some two hundred thousand
    int next = 269;
    for (int a = 128; a < 200; ++a)
        for (int b = 0; b < 128; ++b)
            many += encode_base64(std::string{static_cast<char>(static_cast<unsigned char>(a)), static_cast<char>(b)}) + " " +
                    std::to_string(next++) + "\n";
    CHECK(tokenizer_from_tiktoken(many, "x/cl100k_base.tiktoken").id_of("<|endofprompt|>") == 100276);
    CHECK(tokenizer_from_tiktoken(many, "x/o200k_base.tiktoken").id_of("<|endofprompt|>") == 200018);
    CHECK(tokenizer_from_tiktoken(ranks(), "x/p50k_edit.tiktoken").id_of("<|fim_suffix|>") == 50283);
    CHECK(tokenizer_from_tiktoken(many, "made", {.encoding = "qwen"}).id_of("<|im_start|>") == 151644);
    const auto llama = tokenizer_from_tiktoken(many, "made", {.encoding = "llama3"});
    CHECK((llama.id_of("<|begin_of_text|>") == 128000 && llama.id_of("<|reserved_special_token_4|>") == 128008 &&
           llama.id_of("<|reserved_special_token_250|>") == 128255 && llama.special().bos == 128000));
    const auto harmony = tokenizer_from_tiktoken(many, "made", {.encoding = "o200k_harmony"});
    CHECK((harmony.id_of("<|call|>") == 200012 && harmony.id_of("<|endofprompt|>") == 200018 && harmony.id_of("<|reserved_201087|>") == 201087));
    CHECK_ERROR(tokenizer_from_tiktoken(ranks(), "made"), ErrorCode::unsupported);
    CHECK_ERROR((tokenizer_from_tiktoken(ranks(), "made", {.encoding = "r51k"})), ErrorCode::unsupported);
    CHECK_ERROR((tokenizer_from_tiktoken(ranks(), "made", {.pattern = "(a"})), ErrorCode::unsupported);
    // Its special tokens lie far behind so few ranks.
    CHECK_ERROR((tokenizer_from_tiktoken(ranks(), "made", {.encoding = "qwen"})), ErrorCode::bad_tokenizer);
    // A pattern of one's own goes before the encoding's, and what it does not match is a word too.
    CHECK(tokenizer_from_tiktoken(ranks(), "made", {.pattern = "a"}).encode_ids("bca") == std::vector<TokenId>{257, 97});
    CHECK(tokenizer_from_tiktoken(ranks(), "made", {.encoding = "r50k_base", .pattern = "."}).encode_ids("abc").size() == 3);
}

TEST_CASE("tiktoken: lines that are no token and rank are refused", "[text]") {
    const auto load = [](const std::string& text) { return tokenizer_from_tiktoken(text, "made", words); };
    CHECK(load(ranks()).encode_ids("ab") == std::vector<TokenId>{256});
    CHECK(load("\n\r\n" + ranks() + "\n").vocab_size() == 269);
    for (const char* bad : {"", "\n", "YWJjZA==", "YWJjZA== ", " 269", "YWJjZA== x", "YWJjZA== 269x", "YWJjZA== -1", "YWJjZA== 99999999999",
                            "YWJjZA==  269", "YWJjZA== 269 1", "YWJjZA== 2000000000", "YWJjZA== 255", "YWI= 269", "= 269"}) {
        INFO(bad);
        CHECK_ERROR(load((*bad == 0 || *bad == '\n' ? "" : ranks()) + bad), ErrorCode::bad_tokenizer);
    }
    CHECK_ERROR(load(ranks() + "Y!== 269"), ErrorCode::bad_header);
    CHECK_ERROR(load("IQ== 0\nIg== 1\n"), ErrorCode::bad_tokenizer);  // bytes without a token
    CHECK_ERROR((tokenizer_from_tiktoken(ranks(), "made", {.pattern = ".", .special_tokens = {{"<a>", -5}}})), ErrorCode::bad_tokenizer);
    CHECK_ERROR((tokenizer_from_tiktoken(ranks(), "made", {.pattern = ".", .special_tokens = {{"<a>", 2000000000}}})), ErrorCode::bad_tokenizer);
}

TEST_CASE("tiktoken: a file that was cut or damaged loads as another one, or is refused", "[text]") {
    std::mt19937 random(12);
    const auto file = ranks();
    std::size_t loaded = 0;
    for (int trial = 0; trial < 1000; ++trial) {
        auto damaged = file;
        if (trial % 3 == 0) damaged.resize(random() % file.size());
        for (std::size_t n = random() % 4; n > 0 && !damaged.empty(); --n) damaged[random() % damaged.size()] = static_cast<char>(random() % 128);
        const auto error = error_of([&] {
            const auto tokenizer = tokenizer_from_tiktoken(damaged, "made", words);
            CHECK(tokenizer.decode(tokenizer.encode_ids("abc \u00e9 deaaaa")).size() > 5);
            ++loaded;
        });
        if (error) CHECK((error->code() == ErrorCode::bad_tokenizer || error->code() == ErrorCode::bad_header));
    }
    CHECK((loaded > 50 && loaded < 950));
}
