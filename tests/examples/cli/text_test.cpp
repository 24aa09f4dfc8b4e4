// The `tercet` command on tokenizers: tokenize, detokenize; and bad usage of the command itself.
#include "examples/run_program.hpp"
#include "generate/tiny.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

// A folder with a tokenizer of words: [CLS] 0, [SEP] 1, [UNK] 2, hello 3, world 4, ##s 5, é 6, a 7, b 8, c 9.
std::string word_tokenizer(const TempDir& dir) {
    return dir.write(
        "tokenizer.json",
        R"({"added_tokens":[)"
        R"({"id":0,"content":"[CLS]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},)"
        R"({"id":1,"content":"[SEP]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},)"
        R"({"id":2,"content":"[UNK]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],)"
        R"("normalizer":null,"pre_tokenizer":{"type":"Whitespace"},)"
        R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},)"
        R"({"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],)"
        R"("pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},)"
        R"({"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":1}}],)"
        R"("special_tokens":{"[CLS]":{"id":"[CLS]","ids":[0],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[1],"tokens":["[SEP]"]}}},)"
        R"("decoder":{"type":"WordPiece","prefix":"##","cleanup":true},)"
        R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
        R"("vocab":{"[CLS]":0,"[SEP]":1,"[UNK]":2,"hello":3,"world":4,"##s":5,"é":6,"a":7,"b":8,"c":9}}})");
}

}  // namespace

TEST_CASE("tercet tokenize: ids, types and offsets in code points, of a file as it is or of standard input") {
    const TempDir dir;
    const auto tokenizer = word_tokenizer(dir);
    const std::string expected =
        R"({"ids": [0, 6, 3, 4, 5, 1], "type_ids": [0, 0, 0, 0, 0, 0], "offsets": [[0, 0], [0, 1], [2, 7], [8, 13], [13, 14], [0, 0]]})";
    CHECK(to_string(tercet_command({"tokenize", "--tokenizer", tokenizer, "--json"}, "é hello worlds\n").json()) == expected);
    CHECK(
        to_string(tercet_command({"tokenize", "--tokenizer", dir.path(), "--file", dir.write("text", "é hello worlds\n"), "--json", "--threads", "1"})
                      .json()) == expected);
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer}, "hello").out == "0 3 1\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--no-special"}, "hello").out == "3\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer}, "").out == "0 1\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--no-special"}, "[SEP] hello").out == "1 3\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--no-special", "--special-as-text"}, "[SEP] hello").out == "2 2 2 3\n");
}

TEST_CASE("tercet tokenize: pairs, truncation and many strings") {
    const TempDir dir;
    const auto tokenizer = word_tokenizer(dir);
    const auto pair = tercet_command({"tokenize", "--tokenizer", tokenizer, "--pair", "b c", "--json"}, "a").json();
    CHECK(to_string(pair.at("ids")) == "[0, 7, 1, 8, 9, 1]");
    CHECK(to_string(pair.at("type_ids")) == "[0, 0, 0, 1, 1, 1]");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--pair", ""}, "a").out == "0 7 1 1\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--pair", "b c a", "--max-length", "6"}, "a").out == "0 7 1 8 9 1\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--max-length", "3"}, "a b c").out == "0 7 1\n");
    const auto strings = dir.write("strings.json", R"(["a", "", "b c"])");
    const auto rows = tercet_command({"tokenize", "--tokenizer", tokenizer, "--strings", strings, "--json"}).json().at("rows");
    REQUIRE(rows.size() == 3);
    CHECK(to_string(rows.at(std::size_t{2})) == R"({"ids": [0, 8, 9, 1], "type_ids": [0, 0, 0, 0], "offsets": [[0, 0], [0, 1], [2, 3], [0, 0]]})");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--strings", strings}).out == "0 7 1\n0 1\n0 8 9 1\n");
    CHECK(tercet_command({"tokenize", "--tokenizer", tokenizer, "--strings", dir.write("none.json", "[]"), "--json"}).out == "{\"rows\":[]}\n");
}

TEST_CASE("tercet detokenize: the text of ids, special tokens in it or left out") {
    const TempDir dir;
    const auto tokenizer = word_tokenizer(dir);
    CHECK(tercet_command({"detokenize", "--tokenizer", tokenizer, "--ids", "0,3,4,5,1"}).out == "[CLS] hello worlds [SEP]\n");
    CHECK(tercet_command({"detokenize", "--tokenizer", tokenizer, "--ids", "0, 3 ,4,5,1", "--skip-special", "--json"}).out ==
          "{\"text\":\"hello worlds\"}\n");
    CHECK(tercet_command({"detokenize", "--tokenizer", tokenizer, "--ids", ""}).out == "\n");
}

TEST_CASE("tercet tokenize and detokenize: what is wrong with files, texts and ids is one line of error") {
    const TempDir dir;
    const auto tokenizer = word_tokenizer(dir);
    check_failure({"tokenize", "--tokenizer", dir / "nothing.json"}, 1, "nothing.json");
    check_failure({"tokenize", "--tokenizer", dir.write("empty/config.json", "{}")}, 1, "config.json");
    check_failure({"tokenize", "--tokenizer", dir / "empty"}, 1, "tokenizer.json");
    check_failure({"tokenize", "--tokenizer", dir.write("bad.json", "{")}, 1, "bad.json");
    check_failure({"tokenize", "--tokenizer", dir.write("spiece.model", "x")}, 1, "spiece.model");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--file", dir / "missing.txt"}, 1, "missing.txt");
    check_failure({"tokenize", "--tokenizer", tokenizer}, 1, "UTF-8", "a\xff");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--max-length", "1"}, 1, "max_length", "a");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--strings", dir.write("list.json", "[\"a\", 3]")}, 1, "list.json");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--strings", dir.write("object.json", "{\"a\": 3}")}, 1, "object.json");
    check_failure({"detokenize", "--tokenizer", tokenizer, "--ids", "3,10"}, 1, "10");
    check_failure({"detokenize", "--tokenizer", tokenizer, "--ids", "-1"}, 1, "-1");
    check_failure({"detokenize", "--tokenizer", tokenizer, "--ids", "99999999999"}, 1, "99999999999");
}

TEST_CASE("tercet: bad usage exits with 2") {
    const TempDir dir;
    const auto tokenizer = word_tokenizer(dir);
    check_failure({}, 2, "--help");
    check_failure({"frobnicate"}, 2, "frobnicate");
    check_failure({"tokenize"}, 2, "--tokenizer");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--frob"}, 2, "--frob");
    check_failure({"tokenize", "--tokenizer", tokenizer, "extra"}, 2, "extra");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--threads", "0"}, 2, "--threads");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--threads", "many"}, 2, "--threads");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--max-length", "0"}, 2, "--max-length");
    check_failure({"tokenize", "--tokenizer", tokenizer, "--file", "a", "--strings", "b"}, 2, "--strings");
    check_failure({"detokenize", "--tokenizer", tokenizer}, 2, "--ids");
    check_failure({"detokenize", "--tokenizer", tokenizer, "--ids", "3,x"}, 2, "x");
    check_failure({"detokenize", "--tokenizer", tokenizer, "--ids", "3,,4"}, 2, "integer");
    check_failure({"info"}, 2, "path");
    const auto help = tercet_command({"--help"}), version = tercet_command({"--version"});
    CHECK(help.status == 0);
    CHECK_THAT(help.out, Catch::Matchers::ContainsSubstring("perplexity"));
    CHECK(version.out == "tercet " TERCET_VERSION_STRING "\n");
}

TEST_CASE("tercet train-tokenizer: a vocabulary of each kind is learnt, written and read again") {
    const TempDir dir;
    std::string lines;
    for (int i = 0; i < 50; ++i) lines += "the lower the slower, the newest is the widest\n";
    const auto text = dir.write("text", lines);
    for (const std::string type : {"bpe", "wordpiece", "unigram", "words"}) {
        INFO(type);
        const auto out = dir.path() + "/" + type + ".json";
        const auto learnt =
            tercet_command({"train-tokenizer", "--type", type, "--vocab", type == "bpe" ? "270" : "40", "--file", text, out, "--json"}).json();
        CHECK(learnt.at("tokens").as_int() > 7);
        CHECK(learnt.at("seconds").as_number() >= 0);
        const auto ids = tercet_command({"tokenize", "--tokenizer", out, "--no-special"}, "the slower").out;
        std::string list = ids.substr(0, ids.size() - 1);
        std::replace(list.begin(), list.end(), ' ', ',');
        CHECK(tercet_command({"detokenize", "--tokenizer", out, "--ids", list}).out == "the slower\n");
    }
    CHECK(tercet_command({"train-tokenizer", "--type", "char", "--file", text, dir.path() + "/x"}).status == 2);
    CHECK(tercet_command({"train-tokenizer", "--file", dir.path() + "/absent", dir.path() + "/x"}).status == 1);
}

TEST_CASE("tercet bench tokenize: a whole file, and line by line") {
    const TempDir dir;
    const auto tokenizer = word_tokenizer(dir), text = dir.write("text", "hello world\nhello\n\na b c\n");
    for (const bool by_line : {false, true}) {
        std::vector<std::string> command = {"bench", "tokenize", "--tokenizer", tokenizer, "--file", text, "--json"};
        if (by_line) command.emplace_back("--by-line");
        const auto json = tercet_command(command).json();
        CHECK(json.at("ids").as_int() == 6);
        CHECK(json.at("mb_per_s").as_number() > 0);
    }
}
