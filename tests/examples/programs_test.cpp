// The example programs that teach nothing: each run as a user does, on tiny models.
#include "examples/run_program.hpp"
#include "generate/tiny.hpp"

#include <filesystem>
#include <fstream>

using namespace tercet;
using namespace tercet_test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A tiny encoder of sentences that knows some words.
std::string word_encoder(const TempDir& dir) {
    for (const char* file : {"config.json", "model.safetensors"}) dir.write(file, read_text_file(golden::model_folder("bert-base") + "/" + file));
    dir.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm\nplot\na\nthe\nwas\nvery\nand\nwhere\nis\nit\nin\n?\nx\ny\nz\n");
    return dir.path();
}

// A tiny language model; its tokens spell "<0>", "<1>", … but for a few words.
std::string tiny_model(const TempDir& dir) {
    for (const char* file : {"config.json", "model.safetensors"}) dir.write(file, read_text_file(golden::model_folder("llama") + "/" + file));
    dir.write("tokenizer.json", tiny_tokenizer_json(103, {{5, "a"}, {6, "b"}, {7, "c"}}));
    return dir.path();
}

}  // namespace

TEST_CASE("examples: semantic_search and sentence_similarity put the same words first") {
    const TempDir dir;
    const auto encoder = word_encoder(dir);
    const std::string lines = dir.write("lines", "the film was good\nwhere is it ?\na bad plot\n");
    const auto found = run_program("semantic_search", {encoder, lines, "2"}, "where is it ?\na bad plot\n");
    REQUIRE(found.status == 0);
    CHECK_THAT(found.out, ContainsSubstring(" 1.00  where is it ?\n") && ContainsSubstring(" 1.00  a bad plot\n"));
    CHECK(found.out.starts_with(" 1.00  where is it ?\n"));
    CHECK(std::count(found.out.begin(), found.out.end(), '\n') == 6);  // two for each question, and a line between
    const auto ranked = run_program("sentence_similarity", {encoder, "a bad plot", "the film was good", "a bad plot"});
    CHECK(ranked.out.starts_with("a bad plot\n   1.00  a bad plot\n"));
    CHECK(run_program("sentence_similarity", {encoder}).status == 0);
    CHECK(run_program("sentence_similarity", {encoder, "alone"}).status == 2);
    CHECK_THAT(run_program("semantic_search", {encoder, dir.write("latin", "x\n\xe9\n")}).err, ContainsSubstring("latin:2: byte 1"));
}

TEST_CASE("examples: generate_text writes as many tokens as it is asked for; chat answers each line") {
    const TempDir dir;
    const auto model = tiny_model(dir);
    const auto written = run_program("generate_text", {model, "abc", "6"});
    REQUIRE(written.status == 0);
    CHECK(written.out.starts_with("abc"));
    CHECK_THAT(written.out, ContainsSubstring("6 tokens, "));
    CHECK(run_program("generate_text", {model, "abc", "6"}).out.substr(0, 12) == written.out.substr(0, 12));
    CHECK(run_program("generate_text", {}).status == 2);
    CHECK(run_program("generate_text", {dir / "none"}).status == 1);
    CHECK(run_program("chat", {model}, "abc\n").status == 1);  // it has no template
    dir.write("tokenizer_config.json", R"({"chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}"})");
    const auto talk = run_program("chat", {model, "c"}, "ab\nba\n");
    REQUIRE(talk.status == 0);
    CHECK(talk.out.starts_with("> "));
    CHECK(std::count(talk.out.begin(), talk.out.end(), '>') >= 3);
}

TEST_CASE("examples: complete_code learns from headers and goes on with a line") {
    const TempDir dir;
    const auto code = std::filesystem::path(TERCET_TEST_DATA).parent_path().parent_path() / "include/tercet/core";
    const auto learnt = run_program("complete_code", {code.string(), dir / "coder", "2"});
    REQUIRE(learnt.status == 0);
    CHECK_THAT(learnt.out, ContainsSubstring("step 2  perplexity of held-out code"));
    const auto completed = run_program("complete_code", {dir / "coder"}, "const std::");
    REQUIRE(completed.status == 0);
    CHECK(completed.out.starts_with("const std::"));
    CHECK(completed.out.size() > std::string("const std::\n").size());
}

TEST_CASE("examples: verse carries its model inside, and writes the same verse for the same seed") {
    const auto verse = run_program("verse", {"ROMEO:\n", "40", "3"});
    REQUIRE(verse.status == 0);
    CHECK(verse.out.starts_with("ROMEO:\n"));
    CHECK_THAT(verse.out, ContainsSubstring("40 characters, "));
    const auto text = [](const ProgramResult& r) { return r.out.substr(0, r.out.rfind("\n\n")); };
    CHECK(text(run_program("verse", {"ROMEO:\n", "40", "3"})) == text(verse));
    CHECK(text(run_program("verse", {"ROMEO:\n", "40", "4"})) != text(verse));
}
