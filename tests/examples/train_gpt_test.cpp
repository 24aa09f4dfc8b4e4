// train_gpt as a user runs it: a run that lost its newest checkpoint goes on from the one before and ends with the same bits.
#include "run_program.hpp"
#include "tercet/train/json_log.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;
using tercet_test::run_program;

TEST_CASE("train_gpt: trains, writes its report and logs, and resumes from the newest whole checkpoint") {
    TempDir dir;
    std::string text;
    for (int i = 0; i < 40; ++i) text += "one for sorrow, two for joy, three for a girl, four for a boy;\n";
    const auto train = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments{dir.write("rhyme.txt", text), "--out", dir / "gpt", "--report", "--log-dir", dir / "events"};
        for (const char* option :
             {"--steps", "40", "--every", "20", "--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--dropout", "0.1"})
            arguments.emplace_back(option);
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_program("train_gpt", arguments);
    };
    const auto first = train({});
    INFO(first.err);
    REQUIRE(first.status == 0);
    CHECK_THAT(first.out, ContainsSubstring("step 40  validation loss"));
    for (const char* name : {"model.safetensors", "config.json", "vocabulary.json", "log.jsonl", "report.html"})
        CHECK(file_exists(dir / "gpt/" + name));
    CHECK(is_directory(dir / "events"));
    const auto records = read_json_log(dir / "gpt/log.jsonl");
    CHECK(records.size() == 42);

    const std::string newest = dir / "gpt/checkpoints/step-00000040.safetensors", whole = read_text_file(newest);
    std::string damaged = whole;
    damaged[damaged.size() / 3] ^= 1;
    dir.write("gpt/checkpoints/step-00000040.safetensors", damaged);
    CHECK(train({"--resume", "--batch", "5"}).status == 1);
    const auto resumed = train({"--resume"});
    REQUIRE(resumed.status == 0);
    CHECK_THAT(resumed.err, ContainsSubstring("step-00000040.safetensors") && ContainsSubstring("passed over"));
    CHECK(read_text_file(newest) == whole);
    const auto again = read_json_log(dir / "gpt/log.jsonl");
    REQUIRE(again.size() == 42);
    for (std::size_t i = 0; i < again.size(); ++i) {
        CHECK(again[i].step == records[i].step);
        for (const char* name : {"training/loss", "training/gradient_norm", "validation/loss"})
            if (!std::isnan(records[i].value(name))) CHECK(again[i].value(name) == records[i].value(name));
    }
    CHECK_THAT(train({"--resume"}).out, ContainsSubstring("nothing to do: the run is at step 40"));
    text[5] = 'x';
    const auto other = train({"--resume"});
    CHECK(other.status == 1);
    CHECK_THAT(other.err, ContainsSubstring("the run has text"));
    text = "too short";
    CHECK_THAT(train({}).err, ContainsSubstring("too few"));
}
