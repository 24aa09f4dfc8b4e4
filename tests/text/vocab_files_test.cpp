#include "support/catch.hpp"

#include "tercet/text/vocab_files.hpp"

using namespace tercet;

namespace {

using Ids = std::vector<TokenId>;

constexpr std::string_view bert =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nhello\n,\n\u00e9t\u00e9\nete\nHello\n\u65e5\n\u65e5\u672c\n";

constexpr std::string_view vocab =
    R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6, "\u0120": 7, "\u0120ab": 8, "<mask>": 9})";
constexpr std::string_view merges = "#version: 0.2\na b\n\u0120 ab\n";

Tokenizer roberta(std::string_view kind = "RobertaTokenizer") {
    return tokenizer_from_vocab_and_merges(vocab, merges, "test", kind);
}

}  // namespace

TEST_CASE("vocab_files: a vocab.txt is BERT's tokenizer", "[text]") {
    const auto t = tokenizer_from_vocab_txt(bert, "vocab.txt");
    CHECK((t.model() == TokenModel::wordpiece && t.vocab_size() == 15));
    CHECK(t.encode("Hello, UNaffable").ids == Ids{2, 8, 9, 5, 6, 7, 3});
    CHECK(t.encode("hello", {.pair = "un"}).ids == Ids{2, 8, 3, 5, 3});
    CHECK(t.encode("hello", {.pair = "un"}).type_ids == Ids{0, 0, 0, 1, 1});
    CHECK(t.encode_ids("\u00c9t\u00e9 \u65e5\u672c [MASK] x", false) == Ids{11, 13, 1, 4, 1});
    CHECK(t.decode({2, 5, 6, 7, 9, 8, 3}) == "unaffable, hello");
    CHECK((t.special().pad == 0 && t.special().unk == 1 && t.special().cls == 2 && t.special().sep == 3 && t.special().mask == 4));
}

TEST_CASE("vocab_files: case, accents and ideographs are as the options say", "[text]") {
    CHECK(tokenizer_from_vocab_txt(bert, "x", {.lowercase = false}).encode_ids("Hello \u00e9t\u00e9", false) == Ids{12, 10});
    CHECK(tokenizer_from_vocab_txt(bert, "x", {.strip_accents = false}).encode_ids("Hello \u00c9t\u00e9", false) == Ids{8, 10});
    CHECK(tokenizer_from_vocab_txt(bert, "x", {.lowercase = false, .strip_accents = true}).encode_ids("\u00e9t\u00e9", false) == Ids{11});
    CHECK(tokenizer_from_vocab_txt(bert, "x", {.handle_chinese_chars = false}).encode_ids("\u65e5\u672c", false) == Ids{14});
}

TEST_CASE("vocab_files: lines may end in a carriage return, the last in nothing", "[text]") {
    const auto t = tokenizer_from_vocab_txt("[UNK]\r\na\r\n##b", "x");
    CHECK(t.encode_ids("ab a") == Ids{1, 2, 1});  // without [CLS] and [SEP] nothing is added
    CHECK(t.vocab_size() == 3);
}

TEST_CASE("vocab_files: a vocab.txt without [UNK], with a token twice, or of other bytes is refused", "[text]") {
    CHECK_ERROR(tokenizer_from_vocab_txt("", "x"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(tokenizer_from_vocab_txt("a\nb\n", "x"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(tokenizer_from_vocab_txt("[UNK]\na\nb\na\n", "x"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(tokenizer_from_vocab_txt("[UNK]\n\xff\n", "x"), ErrorCode::bad_tokenizer);
}

TEST_CASE("vocab_files: vocab.json and merges.txt are GPT-2's byte-level BPE, or RoBERTa's", "[text]") {
    const auto gpt2 = tokenizer_from_vocab_and_merges(vocab, merges, "test");
    CHECK(gpt2.encode_ids("ab ab<s>a") == Ids{6, 8, 0, 4});
    CHECK(gpt2.decode({6, 8}) == "ab ab");
    const auto t = roberta();
    CHECK(t.encode("ab ab").ids == Ids{0, 6, 8, 2});
    CHECK(t.encode("ab", {.pair = "b"}).ids == Ids{0, 6, 2, 2, 5, 2});
    CHECK(t.encode_ids("ab  <mask>b", false) == Ids{6, 9, 5});  // <mask> takes the spaces on its left
    CHECK((t.special().cls == 0 && t.special().sep == 2 && t.special().mask == 9 && t.special().pad == 1));
    for (const char* kind : {"BartTokenizer", "LongformerTokenizerFast", "LEDTokenizer", "BlenderbotTokenizer"})
        CHECK(roberta(kind).encode_ids("ab") == Ids{0, 6, 2});
    for (const char* kind : {"", "GPT2TokenizerFast", "PreTrainedTokenizerFast"}) CHECK(roberta(kind).encode_ids("ab") == Ids{6});
    CHECK(tokenizer_from_vocab_and_merges(vocab, merges, "test", "", true).encode_ids("ab") == Ids{8});
}

TEST_CASE("vocab_files: a vocabulary and merges that do not fit each other are refused", "[text]") {
    const auto load = [](std::string_view v, std::string_view m) { return tokenizer_from_vocab_and_merges(v, m, "test"); };
    CHECK_ERROR(load("{", merges), ErrorCode::bad_json);
    CHECK_ERROR(load(R"({"a": 0, "a": 1})", ""), ErrorCode::bad_json);
    CHECK_ERROR(load(R"({"a": "b"})", ""), ErrorCode::bad_json);
    CHECK_ERROR(load(R"({"a": -1})", ""), ErrorCode::bad_tokenizer);
    CHECK_ERROR(load(R"({"a": 3000000000})", ""), ErrorCode::bad_tokenizer);
    CHECK_ERROR(load(R"({"a": 2000000000})", ""), ErrorCode::bad_tokenizer);
    CHECK_ERROR(load(R"({"a": 0, "b": 0})", ""), ErrorCode::bad_tokenizer);
    for (const char* bad : {"a", "a ", "a b c", "a c", "b a", "a  b", " a"}) {
        INFO(bad);
        CHECK_ERROR(load(vocab, bad), ErrorCode::bad_tokenizer);
    }
    CHECK(load(vocab, "a b\r\n\n").encode_ids("ab").size() == 1);
    CHECK_ERROR(roberta("T5Tokenizer"), ErrorCode::unsupported);
}
