// tercet finetune and eval as a user runs them, and the examples that teach encoders.
#include "examples/run_program.hpp"
#include "support/model_golden.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;
using tercet_test::check_failure;
using tercet_test::run_program;
using tercet_test::tercet_command;

namespace {

// A directory with the smallest BERT and a vocabulary of some words.
std::string small_bert(const TempDir& dir) {
    std::filesystem::create_directories(dir / "bert");
    for (const char* name : {"config.json", "model.safetensors"})
        std::filesystem::copy_file(golden::model_folder("bert-base") + "/" + name, dir / ("bert/" + std::string(name)));
    dir.write("bert/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm\nplot\na\nthe\nwas\nvery\nand\nwhere\nis\nit\nin\n?\nx\ny\nz\n");
    return dir / "bert";
}

std::string reviews(int count) {
    const char* fillers[] = {"the film was", "a plot and a film", "very", "the plot is"};
    std::string out;
    for (int i = 0; i < count; ++i)
        out += i % 3 == 0 ? std::string("neg\t") + fillers[i % 4] + " bad\n" : std::string("pos\t") + fillers[i % 4] + " good\n";
    return out;
}

}  // namespace

TEST_CASE("tercet finetune --task classify: learns, saves a directory, and eval measures it") {
    const TempDir dir;
    const std::string model = small_bert(dir), train = dir.write("train.tsv", reviews(90)), test = dir.write("test.tsv", reviews(12));
    const auto learn = [&](const std::string& out, std::vector<std::string> more) {
        std::vector<std::string> all{"finetune", "--task", "classify", "--model",  model, "--train", train, "--out",
                                     out,        "--lr",   "3e-3",     "--epochs", "5",   "--batch", "16",  "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return tercet_command(all);
    };
    const auto result = learn(dir / "tuned", {"--test", test});
    CHECK(result.json().at("steps").as_int() == 30);
    CHECK(result.json().at("accuracy").as_number() == 1);
    CHECK_THAT(result.err, ContainsSubstring("90 examples") && ContainsSubstring("step 30  held out 1"));
    const auto measured = tercet_command({"eval", "--task", "classify", "--model", dir / "tuned", "--file", test, "--json"}).json();
    CHECK(measured.at("accuracy").as_number() == 1);
    CHECK(measured.at("labels").at(0).as_string() == "neg");
    CHECK(measured.at("confusion").at(1).at(1).as_int() == 8);
    CHECK(measured.at("classes").at("pos").at("support").as_int() == 8);
    CHECK(tercet_command({"eval", "--task", "classify", "--model", dir / "tuned", "--file", test}).out.starts_with("accuracy  1"));
    for (const char* key : {"balanced_accuracy", "roc_auc", "average_precision", "mcc", "kappa"}) CHECK(measured.at(key).as_number() == 1);
    for (const char* key : {"log_loss", "brier", "calibration_error"}) CHECK(measured.at(key).as_number() < 0.5);
    CHECK(measured.at("accuracy_interval").at(0).as_number() == 1);

    // The head alone: the body's weights are as they were.
    CHECK(learn(dir / "head", {"--hold-out", "10", "--train-only", "classifier*", "--no-dropout"}).status == 0);
    const auto before = Safetensors::open(model + "/model.safetensors"), after = Safetensors::open(dir / "head/model.safetensors");
    const std::string name = "encoder.layer.0.attention.self.query.weight";
    const auto *was = before.find(name), *is = after.find("bert." + name);
    REQUIRE((was != nullptr && is != nullptr));
    CHECK(std::ranges::equal(was->bytes, is->bytes));

    // Two models on one page, and one of them on a text.
    const auto both = tercet_command({"eval", "--task", "classify", "--model", dir / "tuned", "--against", dir / "head", "--file", test, "--report",
                                      dir / "both.html", "--json"})
                          .json();
    CHECK(both.at("against").at("model").as_string() == "head");
    CHECK(both.at("against").at("only_second").as_int() == 0);
    CHECK_THAT(read_text_file(dir / "both.html"), ContainsSubstring("tuned and head on 12 examples of 2 classes") && ContainsSubstring("McNemar"));
    const auto why = tercet_command({"explain", "--model", dir / "tuned", "--text", "the film was good", "--steps", "4", dir / "why.html", "--json"});
    CHECK(why.json().at("tokens").as_int() == 6);
    CHECK_THAT(read_text_file(dir / "why.html"), ContainsSubstring("What speaks for pos") && ContainsSubstring("encoder.layer.1.attention.self"));
    check_failure({"explain", "--model", dir / "tuned", dir / "why.html"}, 2, "--text");
    check_failure({"eval", "--task", "lm", "--model", dir / "tuned", "--file", test, "--report", dir / "x.html"}, 2, "--task classify");

    // Its embeddings, before any of that, by folds.
    const auto folds =
        tercet_command({"cross-validate", "--model", model, "--file", train, "--folds", "3", "--c", "10", "--json", "--report", dir / "folds.html"})
            .json();
    CHECK(folds.at("folds").size() == 3);
    CHECK(folds.at("examples").as_int() == 90);
    CHECK(folds.at("accuracy").as_number() > 0.6);
    CHECK_THAT(read_text_file(dir / "folds.html"), ContainsSubstring("3 folds"));
    CHECK(tercet_command({"cross-validate", "--model", model, "--file", test, "--leave-one-out", "--json"}).json().at("folds").size() == 12);
    check_failure({"cross-validate", "--model", model, "--file", test, "--folds", "13"}, 1, "13");

    const std::vector<std::string> common{"finetune", "--task", "classify", "--model", model, "--out", dir / "x", "--train"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), common.begin(), common.end());
        return more;
    };
    check_failure(with({dir.write("bad.tsv", "no tab\n")}), 1, "bad.tsv:1");
    check_failure(with({dir / "none.tsv"}), 1, "none.tsv");
    check_failure(with({train, "--test", test, "--hold-out", "3"}), 2, "exclude");
    check_failure(with({train, "--train-only", "nothing*"}), 1, "nothing*");
    check_failure(with({train, "--lora", "4"}), 2, "--task lm");
    check_failure({"eval", "--task", "classify", "--model", model, "--file", test}, 1, "no classifier");
    check_failure({"eval", "--task", "classify", "--model", dir / "tuned", "--file", dir.write("other.tsv", "odd\tx\n")}, 1, "odd");
}

TEST_CASE("tercet finetune --task lm: answers are learnt, by all weights or by an adapter") {
    const TempDir dir;
    std::string rhyme;
    for (int i = 0; i < 60; ++i) rhyme += "one for sorrow, two for joy;\n";
    REQUIRE(tercet_command({"train", "--file", dir.write("rhyme.txt", rhyme), "--out", dir / "gpt", "--steps", "30", "--layers", "1", "--heads", "2",
                            "--width", "32", "--context", "32"})
                .status == 0);
    std::string pairs;
    for (int i = 0; i < 40; ++i)
        pairs += i % 2 == 0 ? "{\"prompt\": \"one for \", \"completion\": \"joy\"}\n" : "{\"prompt\": \"two for \", \"completion\": \"sorrow\"}\n";
    const std::string train = dir.write("pairs.jsonl", pairs);
    const auto loss = [&](std::vector<std::string> more) {
        std::vector<std::string> all{"eval", "--task", "lm", "--file", train, "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return tercet_command(all).json().at("nll").as_number();
    };
    const double before = loss({"--model", dir / "gpt"});
    const auto learn = [&](const std::string& out, std::vector<std::string> more) {
        std::vector<std::string> all{"finetune", "--task", "lm",       "--model", dir / "gpt", "--train", train,
                                     "--out",    out,      "--epochs", "8",       "--batch",   "8",       "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return tercet_command(all);
    };
    CHECK(learn(dir / "full", {"--lr", "3e-3", "--hold-out", "10"}).json().at("validation_loss").as_number() < before);
    CHECK(loss({"--model", dir / "full"}) < 0.5 * before);
    for (const char* kind : {"--rslora", "--dora", "--recompute"}) {
        INFO(kind);
        CHECK(learn(dir / "adapter", {"--lora", "4", "--lora-target", "c_attn", "--lora-target", "c_fc", "--lr", "2e-2", kind}).status == 0);
        const Json config = parse_json(read_text_file(dir / "adapter/adapter_config.json"), "adapter_config.json");
        CHECK(config.at("use_rslora").as_bool() == (kind == std::string("--rslora")));
        CHECK(config.at("use_dora").as_bool() == (kind == std::string("--dora")));
        CHECK(loss({"--model", dir / "gpt", "--adapter", dir / "adapter"}) < 0.9 * before);
    }
    // Any text, in windows.
    CHECK(tercet_command({"finetune", "--task", "lm", "--model", dir / "gpt", "--train", dir / "rhyme.txt", "--out", dir / "more", "--epochs", "1",
                          "--max-length", "16"})
              .status == 0);
    check_failure({"finetune", "--task", "lm", "--model", "x.gguf", "--train", train, "--out", dir / "y"}, 2, "--lora");
    check_failure({"finetune", "--task", "lm", "--model", dir / "gpt", "--train", dir.write("e.jsonl", "{\"prompt\": \"x\"}"), "--out", dir / "y"}, 1,
                  "completion");
    check_failure(
        {"finetune", "--task", "lm", "--model", dir / "gpt", "--train", train, "--out", dir / "y", "--lora", "2", "--lora-target", "k_proj"}, 1,
        "k_proj");
    check_failure({"eval", "--task", "embed", "--model", dir / "gpt", "--file", train, "--adapter", dir / "adapter"}, 2, "--adapter");
}

TEST_CASE("tercet finetune --task embed: pairs come near, and eval ranks them") {
    const TempDir dir;
    const std::string model = small_bert(dir);
    std::string pairs;
    const char* topics[] = {"x", "y", "z", "good", "bad", "film"};
    std::string six;  // one of each
    for (int i = 0; i < 60; ++i) {
        pairs += std::string("the ") + topics[i % 6] + "\twhere is " + topics[i % 6] + "\n";
        if (i == 5) six = pairs;
    }
    const std::string train = dir.write("pairs.tsv", pairs), test = dir.write("test.tsv", six);
    const auto accuracy = [&](const std::string& path) {
        return tercet_command({"eval", "--task", "embed", "--model", path, "--file", test, "--json"}).json().at("accuracy").as_number();
    };
    const auto result = tercet_command({"finetune", "--task", "embed", "--model", model, "--train", train, "--test", test, "--out", dir / "near",
                                        "--lr", "3e-3", "--batch", "6", "--epochs", "8", "--json"});
    CHECK(result.json().at("validation_loss").as_number() < 1);
    CHECK(accuracy(dir / "near") > accuracy(model));
    check_failure({"eval", "--task", "embed", "--model", model, "--file", dir.write("none.tsv", "\n")}, 1, "no pairs");
    for (const char* type : {"f32", "bf16", "int8"})
        CHECK(tercet_command({"bench", "sentences", "--model", model, "--file", train, "--type", type, "--json"}).json().at("texts").as_int() == 60);
    check_failure({"bench", "sentences", "--model", model}, 2, "--file");
}

TEST_CASE("tercet: data that cannot be right is refused in a line with file and line") {
    const TempDir dir;
    const std::string model = small_bert(dir);
    const auto classify = [&](const std::string& file) {
        return std::vector<std::string>{"finetune", "--task", "classify", "--model", model, "--train", file, "--out", dir / "out"};
    };
    const auto folds = [&](const std::string& file, std::vector<std::string> more = {}) {
        std::vector<std::string> all{"cross-validate", "--model", model, "--file", file};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    const std::string latin = dir.write("latin.tsv",
                                        "pos\tgood\nneg\tb\xe4"
                                        "d\n"),
                      quotes = dir.write("quotes.csv", "label,text\npos,\"good\n");
    for (const auto& [file, words] : {std::pair{latin, "latin.tsv:2: byte 6"},
                                      {quotes, "quotes.csv:2: a field in quotes has no end"},
                                      {dir.write("unlabelled.tsv", "pos\tgood\n\tbad\n"), "unlabelled.tsv:2: the label is empty"},
                                      {dir.write("none.tsv", "\n"), "none.tsv: there are no texts"},
                                      {dir.write("one.tsv", "pos\tgood\npos\tx\n"), "one.tsv: all 2 texts have the label 'pos'"}}) {
        check_failure(classify(file), 1, words);
        check_failure(folds(file), 1, words);
    }
    check_failure(folds(dir.write("few.tsv", "pos\tgood\nneg\tbad\npos\tx\nneg\ty\n")), 1, "few.tsv: 4 texts do not make 5 folds");
    CHECK(tercet_command(folds(dir / "few.tsv", {"--leave-one-out"})).status == 0);
    const std::string rare = dir.write("rare.tsv", "pos\tgood\nneg\tbad\npos\tx\n");
    check_failure(folds(rare, {"--folds", "2"}), 1, "rare.tsv:2: the label \"neg\" has 1 text");
    check_failure(folds(rare, {"--leave-one-out"}), 1, "rare.tsv:2: the label \"neg\" has 1 text");
    check_failure({"finetune", "--task", "embed", "--model", model, "--train", latin, "--out", dir / "out"}, 1, "latin.tsv:2: byte 6");
    check_failure({"embed", "--model", model, "--file", latin}, 1, "latin.tsv:2: byte 6");
    check_failure({"train-tokenizer", "--file", latin, dir / "t.json"}, 1, "latin.tsv:2: byte 6");
    check_failure({"finetune", "--task", "embed", "--balanced", "--model", model, "--train", latin, "--out", dir / "out"}, 2, "--balanced");
}

TEST_CASE("tercet: labelled texts from a table, classes that weigh alike") {
    const TempDir dir;
    const std::string model = small_bert(dir);
    std::string table = "id,label,text\n";
    for (int i = 0; i < 60; ++i) table += std::to_string(i) + (i % 6 == 0 ? ",neg,\"a plot, bad\"\n" : ",pos,the film was good\n");
    const std::string file = dir.write("reviews.csv", table);
    for (const char* balanced : {"", "--balanced"}) {
        std::vector<std::string> folds{"cross-validate", "--model", model, "--file", file, "--json"},
            learn{"finetune", "--task",    "classify", "--model", model,      "--train", file,      "--test", file,
                  "--out",    dir / "out", "--lr",     "3e-3",    "--epochs", "8",       "--batch", "12",     "--json"};
        if (*balanced != 0) folds.emplace_back(balanced), learn.emplace_back(balanced);
        const auto measured = tercet_command(folds).json();
        CHECK(measured.at("accuracy").as_number() == 1);
        CHECK(measured.at("examples").as_int() == 60);
        CHECK(tercet_command(learn).json().at("accuracy").as_number() == 1);
    }
}

TEST_CASE("examples: sentiment, question_types and answer_questions learn and save what loads again") {
    const TempDir dir;
    const std::string model = small_bert(dir);
    std::string good, bad, questions, answered;
    for (int i = 0; i < 30; ++i) {
        good += "the film was good\n";
        bad += "a bad plot\n";
        questions += i % 2 == 0 ? "LOC:other where is it ?\n" : "DESC:def what is \xe9 x ?\n";
        answered +=
            std::string("{\"question\": \"where is it ?\", \"context\": \"it is in ") + "xyz"[i % 3] + "\", \"answer\": \"" + "xyz"[i % 3] + "\"}\n";
    }
    const auto sentiment = run_program("sentiment", {model, dir.write("neg", bad), dir.write("pos", good), dir / "sentiment", "1"});
    CHECK(sentiment.status == 0);
    CHECK_THAT(sentiment.out, ContainsSubstring("accuracy held out") && ContainsSubstring("s an epoch"));
    CHECK(tercet_command({"info", dir / "sentiment"}).status == 0);
    const std::string file = dir.write("questions", questions);
    const auto types = run_program("question_types", {model, file, file, dir / "types", "1"});
    CHECK(types.status == 0);
    CHECK_THAT(types.out, ContainsSubstring("macro-averaged F1"));
    const auto learnt = run_program("answer_questions", {model, dir.write("answered", answered), dir / "answers", "2"});
    CHECK(learnt.status == 0);
    CHECK_THAT(learnt.out, ContainsSubstring("3 questions held out"));
    const auto asked = run_program("answer_questions", {dir / "answers", dir.write("text", "it is in y")}, "where is it ?\n");
    CHECK(asked.status == 0);
    CHECK_THAT(asked.out, ContainsSubstring("score"));
    for (const char* name :
         {"sentiment", "question_types", "answer_questions", "chat", "semantic_search", "complete_code", "summarise", "moderate", "debias"}) {
        CHECK(run_program(name, {}).status == 2);
        CHECK(run_program(name, {dir / "none", dir / "none", dir / "none", dir / "none"}).status == 1);
    }
}

TEST_CASE("examples: moderate learns what to hold, judges lines and says why") {
    const TempDir dir;
    std::string messages;
    for (int i = 0; i < 60; ++i) messages += i % 2 == 0 ? "pass\tthe film was good\n" : "hold\tthe plot was bad\n";
    const auto learnt = run_program("moderate", {small_bert(dir), dir.write("messages.tsv", messages), dir / "out", "1"});
    CHECK(learnt.status == 0);
    CHECK_THAT(learnt.out, ContainsSubstring("of these rightly"));
    const auto judged = run_program("moderate", {dir / "out", "0.0"}, "the film was good\nvery bad\n");
    CHECK(judged.status == 0);
    CHECK(judged.out.starts_with("hold  0."));  // from 0 on everything is held
    CHECK(std::count(judged.out.begin(), judged.out.end(), '\n') == 2);
    CHECK(run_program("moderate", {dir / "out", "1.1"}, "very bad\n").out.starts_with("pass  0."));
}

TEST_CASE("examples: summarise chooses sentences of the text, in their order") {
    const TempDir dir;
    const std::string text = "the film was very good. a plot and a film is in it. where is it in the film? the film was very good.\n";
    const auto two = run_program("summarise", {small_bert(dir), dir.write("text", text), "2"});
    REQUIRE(two.status == 0);
    CHECK(std::count(two.out.begin(), two.out.end(), '\n') == 2);
    const auto first = two.out.substr(0, two.out.find('\n'));
    CHECK(text.find(first) != std::string::npos);
    CHECK(run_program("summarise", {dir / "bert", dir.write("short", "no.\n")}).status == 1);
}

TEST_CASE("examples: debias measures an association and takes it out") {
    const TempDir dir;
    const auto shown = run_program("debias", {small_bert(dir), dir.write("lists", "good very x\nbad is y\nfilm plot\nwhere in\n")});
    REQUIRE(shown.status == 0);
    CHECK_THAT(shown.out, ContainsSubstring("as it is:") && ContainsSubstring("without the direction:"));
    CHECK(run_program("debias", {dir / "bert", dir.write("three", "a\nb\nc\n")}).status == 1);
}

TEST_CASE("examples: translate learns numbers that it has not seen, in some steps") {
    const auto learnt = run_program("translate", {"150"}, "two thousand five hundred\n");
    REQUIRE(learnt.status == 0);
    const auto at = learnt.out.find("to the letter: ");
    REQUIRE(at != std::string::npos);
    CHECK(std::stod(learnt.out.substr(at + 15)) > 0.6);  // with its own 800 steps 0.998
    CHECK(learnt.out.ends_with("\n"));
}

TEST_CASE("examples: model_zoo keeps versions and goes back") {
    const TempDir dir;
    const std::string zoo = dir / "zoo", one = dir.write("one", "1"), two = dir.write("two", "2");
    CHECK_THAT(run_program("model_zoo", {zoo, "add", "m", one, "the first"}).out, ContainsSubstring("version 1"));
    CHECK_THAT(run_program("model_zoo", {zoo, "add", "m", two}).out, ContainsSubstring("version 2"));
    CHECK(run_program("model_zoo", {zoo, "promote", "m", "1"}).status == 0);
    CHECK(run_program("model_zoo", {zoo, "promote", "m", "2"}).status == 0);
    CHECK(run_program("model_zoo", {zoo, "tag", "m", "candidate", "2"}).status == 0);
    CHECK_THAT(run_program("model_zoo", {zoo, "list"}).out, ContainsSubstring("[candidate]  [production]"));
    CHECK_THAT(run_program("model_zoo", {zoo, "rollback", "m"}).out, ContainsSubstring("the first"));
    CHECK(run_program("model_zoo", {zoo, "restore", "m", "production", dir / "out"}).status == 0);
    CHECK(read_text_file(dir / "out/one") == "1");
    CHECK(run_program("model_zoo", {zoo, "verify", "m", "candidate"}).status == 0);
    CHECK(run_program("model_zoo", {zoo, "verify", "m", "3"}).status == 1);
    CHECK(run_program("model_zoo", {zoo, "dance"}).status == 2);
    CHECK(run_program("model_zoo", {}).status == 2);
}
