// tercet train as a user runs it, and train_gpt.
#include "examples/run_program.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/train/checkpoint_store.hpp"
#include "tercet/train/json_log.hpp"

#include <unistd.h>
#include <csignal>

using namespace tercet;
using Catch::Matchers::ContainsSubstring;
using tercet_test::check_failure;
using tercet_test::run_program;
using tercet_test::tercet_command;

namespace {

std::string rhymes() {
    std::string text;
    for (int i = 0; i < 40; ++i) text += "one for sorrow, two for joy, three for a girl, four for a boy;\n";
    return text;
}

std::vector<std::string> tiny(const std::string& file, const std::string& out, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"train", "--file", file, "--out", out, "--json"};
    for (const char* option : {"--steps", "40", "--every", "20", "--layers", "1", "--heads", "2", "--width", "16", "--context", "16"})
        arguments.emplace_back(option);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

}  // namespace

TEST_CASE("tercet train: a run that lost its newest checkpoint goes on from the one before and ends with the same bits") {
    TempDir dir;
    std::string text = rhymes();
    const auto train = [&](std::vector<std::string> more) {
        for (const char* option : {"--report", "--log-dir"}) more.emplace_back(option);
        more.push_back(dir / "events");
        for (const char* option : {"--dropout", "0.1", "--gguf", "q8_0"}) more.emplace_back(option);
        return tercet_command(tiny(dir.write("rhyme.txt", text), dir / "gpt", more));
    };
    const auto first = train({});
    CHECK(first.json().at("steps").as_int() == 40);
    CHECK(first.json().at("end").as_string() == "finished");
    CHECK_THAT(first.err, ContainsSubstring("step 40  training loss"));
    for (const char* name : {"model.safetensors", "config.json", "tokenizer.json", "model.gguf", "log.jsonl", "report.html"})
        CHECK(file_exists(dir / "gpt/" + name));
    CHECK(is_directory(dir / "events"));
    const auto records = read_json_log(dir / "gpt/log.jsonl");
    CHECK(records.size() == 42);

    const std::string newest = dir / "gpt/checkpoints/step-00000040.safetensors", whole = read_text_file(newest);
    std::string damaged = whole;
    damaged[damaged.size() / 3] ^= 1;
    dir.write("gpt/checkpoints/step-00000040.safetensors", damaged);
    CHECK(train({"--resume", "--batch", "5"}).status == 1);
    CHECK(train({"--resume", "--seed", "3"}).status == 1);
    for (const auto& [option, value] : {std::pair{"--heads", "4"}, {"--width", "32"}, {"--layers", "2"}}) {  // of another model
        auto arguments = tiny(dir / "rhyme.txt", dir / "gpt", {"--resume"});
        *(std::find(arguments.begin(), arguments.end(), option) + 1) = value;
        CHECK(tercet_command(arguments).status == 1);
    }
    const auto resumed = train({"--resume"});
    CHECK_THAT(resumed.err, ContainsSubstring("step-00000040.safetensors") && ContainsSubstring("passed over"));
    CHECK(resumed.json().at("validation_loss").as_number() == first.json().at("validation_loss").as_number());
    CHECK(read_text_file(newest) == whole);
    const auto again = read_json_log(dir / "gpt/log.jsonl");
    REQUIRE(again.size() == 42);
    for (std::size_t i = 0; i < again.size(); ++i) {
        CHECK(again[i].step == records[i].step);
        for (const char* name : {"training/loss", "training/gradient_norm", "validation/loss"})
            if (!std::isnan(records[i].value(name))) CHECK(again[i].value(name) == records[i].value(name));
    }
    CHECK(train({"--resume"}).json().at("steps").as_int() == 40);  // nothing is left to do
    text[5] = 'x';
    const auto other = train({"--resume"});
    CHECK(other.status == 1);
    CHECK_THAT(other.err, ContainsSubstring("the run has text"));
}

TEST_CASE("tercet train: Ctrl-C and a supervisor's SIGTERM end a run after the step in progress, with a checkpoint") {
    for (const int signal : {SIGINT, SIGTERM}) {
        INFO("signal " << signal);
        TempDir dir;
        auto arguments = tiny(dir.write("rhyme.txt", rhymes()), dir / "gpt", {"--report"});
        for (const std::string option : {"--steps", "--every"}) *(std::find(arguments.begin(), arguments.end(), option) + 1) = "100000000";
        arguments.insert(arguments.begin(), TERCET_TEST_PROGRAMS "/tercet");
        std::vector<char*> words;
        for (auto& argument : arguments) words.push_back(argument.data());
        words.push_back(nullptr);
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            std::signal(SIGINT, SIG_DFL);
            if (std::freopen((dir / "out").c_str(), "w", stdout) != nullptr && std::freopen((dir / "err").c_str(), "w", stderr) != nullptr)
                execv(words[0], words.data());
            _exit(127);
        }
        const std::string log = dir / "gpt/log.jsonl";  // its first step has been made
        for (int wait = 0; wait < 6000 && !(file_exists(log) && !read_text_file(log).empty()); ++wait) usleep(10000);
        kill(child, signal);
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        INFO(read_text_file(dir / "err"));
        REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
        const auto said = parse_json(read_text_file(dir / "out"), "what it printed");
        CHECK(said.at("end").as_string() == "stopped");
        const auto kept = CheckpointStore(dir / "gpt/checkpoints").list();
        REQUIRE(kept.size() == 1);
        CHECK(kept[0].step == said.at("steps").as_int());
        CHECK(file_exists(dir / "gpt/model.safetensors"));
    }
}

TEST_CASE("tercet train: any rule, a vocabulary that is learned, narrow products, recomputation; the model loads from each form") {
    TempDir dir;
    const std::string file = dir.write("rhyme.txt", rhymes());
    const auto result = tercet_command(tiny(file, dir / "gpt",
                                            {"--tokenizer", "bpe", "--vocab", "270", "--optimizer", "lion", "--option", "beta2=0.98", "--lr", "1e-3",
                                             "--bf16", "--recompute", "--accumulate", "2", "--best", "--gguf", "q8_0"}));
    CHECK(result.json().at("validation_loss").as_number() < 5.6);
    const auto whole = load_causal_lm(dir / "gpt"), small = load_causal_lm(dir / "gpt/model.gguf");
    CHECK(vocab_size(whole.model()) == 270);
    for (const auto* llm : {&whole, &small}) {
        CHECK(llm->tokenizer().decode(llm->tokenizer().encode("four for joy").ids) == "four for joy");
        auto generation = llm->generate("one", {.max_tokens = 30, .slide_context = true});
        CHECK_FALSE(generation.finish_text().empty());
    }
    const auto written = tercet_command({"generate", "--model", dir / "gpt", "--prompt", "one", "--max-tokens", "30", "--slide-context", "--json"});
    CHECK(written.json().at("ids").size() == 30);
}

TEST_CASE("tercet train: what cannot be done is said in a line") {
    TempDir dir;
    const std::string file = dir.write("rhyme.txt", rhymes());
    check_failure(tiny(dir.write("short.txt", "too short"), dir / "gpt"), 1, "too few");
    check_failure(tiny(file, dir / "gpt", {"--batch", "10000"}), 1, "too few");
    check_failure(tiny(dir.write("latin.txt", "one\ntw\xe9\n"), dir / "gpt"), 1, "latin.txt:2: byte 3");
    check_failure(tiny(dir / "absent.txt", dir / "gpt"), 1, "absent.txt");
    check_failure(tiny(file, dir / "gpt", {"--resume"}), 1, "no whole checkpoint");
    check_failure(tiny(file, dir / "gpt", {"--optimizer", "magic"}), 2, "magic");
    check_failure(tiny(file, dir / "gpt", {"--option", "beta2"}), 2, "NAME=NUMBER");
    check_failure(tiny(file, dir / "gpt", {"--option", "beta9=1"}), 1, "beta9");
    check_failure(tiny(file, dir / "gpt", {"--gguf", "q9"}), 2, "q9");
}

TEST_CASE("train_gpt: learns, writes, and goes on from where it was") {
    TempDir dir;
    const std::string file = dir.write("rhyme.txt", rhymes());
    const auto first = run_program("train_gpt", {file, "6", "0", dir / "gpt"});
    INFO(first.err);
    REQUIRE(first.status == 0);
    CHECK_THAT(first.out, ContainsSubstring("from step 0") && ContainsSubstring("step 6  loss on held-out text"));
    const auto more = run_program("train_gpt", {file, "8", "0", dir / "gpt"});
    CHECK_THAT(more.out, ContainsSubstring("from step 6") && ContainsSubstring("step 8  loss"));
    CHECK(run_program("train_gpt", {dir.write("short.txt", "short"), "6", "0", dir / "other"}).status == 1);
    CHECK(run_program("train_gpt", {}).status == 2);
}

TEST_CASE("finetune: a model that is given another text comes to foretell it better, and is saved as a model directory") {
    TempDir dir;
    REQUIRE(tercet_command(tiny(dir.write("rhyme.txt", rhymes()), dir / "gpt")).status == 0);
    std::string other;
    for (int i = 0; i < 60; ++i) other += "for joy a boy, for sorrow a girl, two for one;\n";
    const auto result = run_program("finetune", {dir / "gpt", dir.write("other.txt", other), dir / "tuned", "60"});
    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK_THAT(result.out, ContainsSubstring("before: ") && ContainsSubstring("step 60  perplexity"));
    const auto perplexity = [&](const std::string& model) {
        return tercet_command({"perplexity", "--model", dir / model, "--file", dir / "other.txt", "--json"}).json().at("perplexity").as_number();
    };
    CHECK(perplexity("tuned") < perplexity("gpt"));
    CHECK(run_program("finetune", {dir / "gpt", dir.write("short.txt", "joy"), dir / "tuned"}).status == 1);
    CHECK(run_program("finetune", {dir / "gpt"}).status == 2);
}
