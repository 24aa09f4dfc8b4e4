// The `tercet` command on models: info, logits, embed, generate, perplexity.
#include "examples/run_program.hpp"
#include "generate/tiny.hpp"
#include "tercet/generate/beam.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/metrics/language_model.hpp"

using namespace tercet;
using namespace tercet_test;
using golden::Expected;

namespace {

std::string model(const std::string& name) {
    return golden::model_folder(name);
}
std::string adapter(const std::string& name) {
    return std::string(TERCET_TEST_DATA) + "/lora/" + name;
}

std::string list(const std::vector<std::int32_t>& ids) {
    std::string text;
    for (const auto id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
    return text;
}
std::string row(const Tensor<std::int32_t>& ids, index_t r) {
    return list(ids[r].to_vector());
}

std::vector<std::int32_t> ids_of(const Json& json) {
    std::vector<std::int32_t> ids;
    for (const auto& id : json.elements()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
    return ids;
}

// {"shape", "data"} as a tensor.
Tensor<float> tensor_of(const Json& json) {
    Shape shape;
    for (const auto& extent : json.at("shape").elements()) shape.push_back(extent.as_int());
    std::vector<float> values;
    for (const auto& x : json.at("data").elements()) values.push_back(static_cast<float>(x.as_number()));
    return Tensor<float>::copy(values, shape);
}

// A copy of a golden model with a tokenizer, whose ids spell "<0>", "<1>", … or what the test says, and other files.
std::string with_tokenizer(const TempDir& dir, const std::string& name, const std::map<int, std::string>& texts = {}) {
    for (const char* file : {"config.json", "model.safetensors"}) dir.write(file, read_text_file(model(name) + "/" + file));
    dir.write("tokenizer.json", tiny_tokenizer_json(103, texts));
    return dir.path();
}

}  // namespace

TEST_CASE("tercet info: what a directory, a .safetensors and a .gguf hold") {
    const auto llama = tercet_command({"info", model("llama"), "--json"}).json();
    CHECK(llama.at("architecture").as_string() == "llama");
    CHECK(llama.at("config").at("vocab_size").as_int() == 103);
    CHECK(llama.at("parameters").as_int() == parameter_count(golden_model("llama")));
    CHECK(llama.at("tensors").size() == 1);
    CHECK(llama.at("bytes").as_int() == static_cast<std::int64_t>(read_text_file(model("llama") + "/model.safetensors").size()));
    const auto lone = tercet_command({"info", adapter("llama") + "/adapter_model.safetensors", "--json"}).json();
    CHECK(lone.at("architecture").is_null());
    CHECK(lone.at("tensors").at("F32").as_int() == 20);
    const auto gguf = tercet_command({"info", std::string(TERCET_TEST_DATA) + "/io/kv_types.gguf", "--json"}).json();
    CHECK(gguf.at("config").is_object());
    CHECK(gguf.at("tensors").at("F32").as_int() == 3);
    const auto text = tercet_command({"info", model("bert-base")});
    CHECK(text.status == 0);
    CHECK_THAT(text.out, Catch::Matchers::ContainsSubstring("architecture  bert"));
}

TEST_CASE("tercet info: a missing, truncated or wrong file is one line of error") {
    const TempDir dir;
    check_failure({"info", dir / "nothing"}, 1, "nothing");
    check_failure({"info", dir / "nothing.gguf"}, 1, "nothing.gguf");
    check_failure({"info", dir.write("wrong.gguf", "nonsense")}, 1, "wrong.gguf");
    const auto whole = read_text_file(std::string(TERCET_TEST_DATA) + "/io/kv_types.gguf");
    check_failure({"info", dir.write("short.gguf", whole.substr(0, whole.size() - 100))}, 1, "cut off");
    const auto weights = read_text_file(model("llama") + "/model.safetensors");
    check_failure({"info", dir.write("short.safetensors", weights.substr(0, weights.size() - 1))}, 1, "short.safetensors");
    dir.write("config.json", "{\"model_type\": ");
    check_failure({"info", dir.path()}, 1, "config.json");
}

TEST_CASE("tercet logits: a language model's logits are transformers', a padded row's what it has alone, and an adapter changes them") {
    for (const std::string name : {"llama", "gpt2", "mistral-sliding", "gemma2", "gemma3", "phi3"}) {
        INFO(name);
        const Expected expected(model(name) + "/expected.safetensors");
        const auto ids = expected.ids("input_ids");
        const auto logits =
            tensor_of(tercet_command({"logits", "--model", model(name), "--ids", row(ids, 0), "--ids", row(ids, 1), "--json"}).json());
        CHECK(golden::deviation(logits, expected.real("logits")) <= 2e-5);
    }
    const auto ids = Expected(model("llama") + "/expected.safetensors").ids("input_ids");
    const auto together = tensor_of(tercet_command({"logits", "--model", model("llama"), "--ids", row(ids, 0), "--ids", "5,6,7", "--json"}).json());
    const auto alone = tensor_of(tercet_command({"logits", "--model", model("llama"), "--ids", "5,6,7", "--json", "--activations", "f32"}).json());
    CHECK(golden::deviation(together.slice(0, 1, 2).slice(1, 0, 3), alone) <= 1e-5);
    const auto bytes = tensor_of(tercet_command({"logits", "--model", model("llama"), "--ids", "5,6,7", "--json", "--activations", "int8"}).json());
    CHECK(golden::deviation(bytes, alone) == 0);  // this model's weights are f32, which int8 activations leave alone
    const auto hidden =
        tensor_of(tercet_command({"logits", "--model", model("llama"), "--ids", "5,6,7", "--attention-mask", "0,1,1", "--json"}).json());
    CHECK(golden::deviation(hidden, alone) > 1e-3);

    const Expected tuned(adapter("llama") + "/expected.safetensors");
    const auto adapted = tensor_of(tercet_command({"logits", "--model", model("llama"), "--ids", row(tuned.ids("input_ids"), 0), "--ids",
                                                   row(tuned.ids("input_ids"), 1), "--adapter", adapter("llama"), "--json"})
                                       .json());
    CHECK(golden::deviation(adapted, tuned.real("logits")) <= 2e-5);
    const auto text = tercet_command({"logits", "--model", model("llama"), "--ids", "5,6,7"}).out;
    CHECK(std::count(text.begin(), text.end(), '\n') == 3);
}

TEST_CASE("tercet logits: encoders give transformers' hidden states, or the logits of their heads, with types and a mask") {
    for (const std::string name : {"bert-base", "bert-mlm", "bert-seqcls", "bert-tokencls", "bert-qa", "roberta-base", "roberta-seqcls", "distilbert",
                                   "mpnet", "modernbert"}) {
        INFO(name);
        const Expected expected(model(name) + "/expected.safetensors");
        const auto ids = expected.ids("input_ids"), mask = expected.ids("attention_mask");
        std::vector<std::string> command{"logits",           "--model",    model(name),        "--ids",      row(ids, 0), "--ids", row(ids, 1),
                                         "--attention-mask", row(mask, 0), "--attention-mask", row(mask, 1), "--json"};
        if (expected.has("token_type_ids"))
            for (const index_t r : {0, 1}) command.insert(command.end(), {"--type-ids", row(expected.ids("token_type_ids"), r)});
        const auto got = tensor_of(tercet_command(command).json());
        if (name == "bert-qa") {
            CHECK(golden::deviation(got.select(2, 0), expected.real("start_logits")) <= 2e-5);
            CHECK(golden::deviation(got.select(2, 1), expected.real("end_logits")) <= 2e-5);
        } else {
            CHECK(golden::deviation(got, expected.real(expected.has("logits") ? "logits" : "last_hidden_state")) <= 2e-5);
        }
    }
    // As text: a line a text, or a token; of a masked language model the likeliest tokens.
    const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
    CHECK(lines(tercet_command({"logits", "--model", model("bert-seqcls"), "--ids", "1,2,3"}).out) == 1);
    CHECK(lines(tercet_command({"logits", "--model", model("bert-tokencls"), "--ids", "1,2,3"}).out) == 3);
    CHECK(tercet_command({"logits", "--model", model("bert-mlm"), "--ids", "1,2,3"}).out.find(':') != std::string::npos);
}

TEST_CASE("tercet logits and generate: encoder-decoders give transformers' logits for the decoder's ids, and its greedy and beam ids") {
    for (const std::string name : {"t5", "t5-v1.1", "bart", "marian"}) {
        INFO(name);
        const Expected expected(model(name) + "/expected.safetensors");
        const auto ids = expected.ids("input_ids"), mask = expected.ids("attention_mask"), target = expected.ids("decoder_input_ids");
        const auto got =
            tensor_of(tercet_command({"logits", "--model", model(name), "--ids", row(ids, 0), "--ids", row(ids, 1), "--attention-mask", row(mask, 0),
                                      "--attention-mask", row(mask, 1), "--decoder-ids", row(target, 0), "--decoder-ids", row(target, 1), "--json"})
                          .json());
        CHECK(golden::deviation(got, expected.real("logits")) <= 2e-5);
        const auto prompt = list(expected.ids("prompt_ids").to_vector());
        const auto whole = expected.ids("greedy_ids").to_vector();
        std::vector<std::string> command{
            "generate", "--model",      model(name),     "--ids", prompt, "--max-tokens", std::to_string(whole.size() - 1),
            "--json",   "--ignore-eos", "--temperature", "0"};
        CHECK(ids_of(tercet_command(command).json().at("ids")) == std::vector<std::int32_t>(whole.begin() + 1, whole.end()));
        if (!expected.has("beam_ids")) continue;
        command.insert(command.end(), {"--beams", "3"});
        const auto best = tercet_command(command).json();
        const auto want = expected.ids("beam_ids").to_vector();
        CHECK(ids_of(best.at("ids")) == std::vector<std::int32_t>(want.begin() + 1, want.end()));
        CHECK(best.at("score").as_number() == Catch::Approx(static_cast<double>(expected.real("beam_scores")(0))).margin(1e-5));
    }
    check_failure({"logits", "--model", model("t5"), "--ids", "1,2"}, 2, "--decoder-ids");
    check_failure({"logits", "--model", model("t5"), "--ids", "1,2", "--decoder-ids", "1", "--decoder-ids", "2"}, 1, "decode");
    check_failure({"generate", "--model", model("t5"), "--prompt", "words"}, 1, "tokenizer");
}

TEST_CASE("tercet logits: models with other heads are refused, not given hidden states") {
    const TempDir dir;
    auto config = read_text_file(model("bert-base") + "/config.json");
    const auto at = config.find("BertModel");
    REQUIRE(at != std::string::npos);
    dir.write("config.json", config.replace(at, 9, "BertForNextSentencePrediction"));
    dir.write("model.safetensors", read_text_file(model("bert-base") + "/model.safetensors"));
    check_failure({"logits", "--model", dir.path(), "--ids", "1,2"}, 1, "BertForNextSentencePrediction");
    check_failure({"logits", "--model", model("llama"), "--ids", "1,2", "--decoder-ids", "1"}, 1, "encoder-decoder");
}

TEST_CASE("tercet logits: ids, masks and adapters that do not fit are one line of error") {
    check_failure({"logits", "--model", model("nothing"), "--ids", "1"}, 1, "nothing");
    check_failure({"logits", "--model", model("llama"), "--ids", ""}, 1, "no ids");
    check_failure({"logits", "--model", model("llama"), "--ids", "1,103"}, 1, "103");
    check_failure({"logits", "--model", model("llama"), "--ids", "-1"}, 1, "-1");
    check_failure({"logits", "--model", model("llama"), "--ids", list(std::vector<std::int32_t>(65, 1))}, 1, "65");
    check_failure({"logits", "--model", model("llama"), "--ids", "1", "--adapter", model("llama")}, 1, "adapter_config.json");
    check_failure({"logits", "--model", model("gpt2"), "--ids", "1", "--adapter", adapter("llama")}, 1, "down_proj");
    check_failure({"logits", "--model", model("bert-base"), "--ids", "1", "--type-ids", "2"}, 1, "2");
    check_failure({"logits", "--model", model("llama")}, 2, "--ids");
    check_failure({"logits", "--ids", "1"}, 2, "--model");
    check_failure({"logits", "--model", model("llama"), "--ids", "1,2", "--attention-mask", "1"}, 2, "--attention-mask");
    check_failure({"logits", "--model", model("llama"), "--ids", "1,2", "--attention-mask", "1,2"}, 2, "--attention-mask");
    check_failure({"logits", "--model", model("llama"), "--ids", "1,2", "--attention-mask", "1,1", "--attention-mask", "1,1"}, 2, "--attention-mask");
    check_failure({"logits", "--model", model("llama"), "--ids", "1", "--activations", "int3"}, 2, "int3");
}

TEST_CASE("tercet generate: greedy ids are transformers', streamed or as JSON") {
    for (const std::string name : {"llama", "qwen3", "gpt2"}) {
        INFO(name);
        const auto [prompt, next] = greedy_case(name);
        const auto json = tercet_command({"generate", "--model", model(name), "--ids", list(prompt), "--temperature", "0", "--max-tokens", "20",
                                          "--ignore-eos", "--json"})
                              .json();
        CHECK(ids_of(json.at("ids")) == next);
        CHECK(json.at("finish").as_string() == "length");
        CHECK(json.at("text").as_string().empty());
        CHECK(json.at("prompt_tokens_per_s").as_number() > 0);
        CHECK(json.at("tokens_per_s").as_number() > 0);
    }
    const auto [prompt, next] = greedy_case("llama");
    CHECK(tercet_command({"generate", "--model", model("llama"), "--ids", list(prompt), "--temperature", "0", "--max-tokens", "4"}).out ==
          "50 63 63 63\n");
    const auto ended = tercet_command({"generate", "--model", model("llama"), "--ids", list(prompt), "--temperature", "0", "--json"}).json();
    CHECK(ended.at("finish").as_string() == "eos");  // config.json's end token is 2
    CHECK(ids_of(ended.at("ids")) == std::vector<std::int32_t>(next.begin(), std::find(next.begin(), next.end(), 2)));
}

TEST_CASE("tercet generate: text from a prompt, stop texts, seeds and samples") {
    const TempDir dir;
    const auto [prompt, next] = greedy_case("llama");
    std::map<int, std::string> letters;
    for (std::size_t i = 0; i < prompt.size(); ++i) letters[prompt[i]] = std::string(1, static_cast<char>('a' + i));
    const auto path = with_tokenizer(dir, "llama", letters);
    CHECK(tercet_command({"generate", "--model", path, "--prompt", "abcde", "--temperature", "0", "--max-tokens", "6"}).out ==
          "<50><63><63><63><86><85>\n");
    const auto stopped =
        tercet_command({"generate", "--model", path, "--prompt", "abcde", "--temperature", "0", "--stop", "nowhere", "--stop", "3><86", "--json"})
            .json();
    CHECK(stopped.at("text").as_string() == "<50><63><63><6");
    CHECK(stopped.at("finish").as_string() == "stop");
    CHECK(ids_of(stopped.at("ids")).size() == 5);

    const std::vector<std::string> sampling{"generate", "--model",      path,      "--prompt",     "abcde",   "--temperature", "1.5",
                                            "--top-k",  "40",           "--top-p", "0.95",         "--min-p", "0.01",          "--repeat-penalty",
                                            "1.1",      "--max-tokens", "8",       "--ignore-eos", "--json",  "--seed"};
    const auto sample = [&](const std::string& seed, std::vector<std::string> more = {}) {
        auto arguments = sampling;
        arguments.push_back(seed);
        arguments.insert(arguments.end(), more.begin(), more.end());
        return tercet_command(arguments).json();
    };
    const auto three = sample("7", {"--n", "3", "--threads", "2"});
    REQUIRE(three.at("samples").size() == 3);
    CHECK(to_string(three.at("ids")) == to_string(three.at("samples").at(std::size_t{0}).at("ids")));
    for (std::size_t i = 0; i < 3; ++i) CHECK(to_string(sample(std::to_string(7 + i)).at("ids")) == to_string(three.at("samples").at(i).at("ids")));
    CHECK(to_string(sample("7").at("ids")) != to_string(sample("8").at("ids")));
    CHECK(sample("7").find("samples") == nullptr);
}

TEST_CASE("tercet generate: a chat prompt goes through the model's template") {
    const TempDir dir;
    const auto [prompt, next] = greedy_case("llama");
    std::map<int, std::string> letters;
    for (std::size_t i = 0; i < prompt.size(); ++i) letters[prompt[i]] = std::string(1, static_cast<char>('a' + i));
    const auto path = with_tokenizer(dir, "llama", letters);
    check_failure({"generate", "--model", path, "--prompt", "c", "--chat"}, 1, "chat template");
    dir.write("tokenizer_config.json", R"({"chat_template": "ab{{ messages[0]['content'] }}d{% if add_generation_prompt %}e{% endif %}"})");
    CHECK(tercet_command({"generate", "--model", path, "--prompt", "c", "--chat", "--temperature", "0", "--max-tokens", "2"}).out == "<50><63>\n");
}

TEST_CASE("tercet generate: beams are transformers', with scores, the n best, end tokens and stop texts") {
    const Expected expected(model("gpt2") + "/expected.safetensors");
    const auto prompt = list(expected.ids("prompt_ids").to_vector());
    const auto want = expected.ids("beam_all_ids");
    const auto best =
        tercet_command({"generate", "--model", model("gpt2"), "--ids", prompt, "--beams", "3", "--max-tokens", "20", "--n", "3", "--json"}).json();
    REQUIRE(best.at("samples").size() == 3);
    for (index_t r = 0; r < 3; ++r) {
        const auto& sample = best.at("samples").at(static_cast<std::size_t>(r));
        CHECK(ids_of(sample.at("ids")) == want[r].slice(0, 5, 25).to_vector());
        CHECK(sample.at("score").as_number() == Catch::Approx(static_cast<double>(expected.real("beam_scores")(r))).margin(1e-5));
    }
    CHECK(to_string(best.at("ids")) == to_string(best.at("samples").at(std::size_t{0}).at("ids")));

    const TempDir dir;  // the same model with the golden case's end token
    auto config = read_text_file(model("gpt2") + "/config.json");
    const auto at = config.find("\"eos_token_id\": 0");
    REQUIRE(at != std::string::npos);
    dir.write("config.json", config.replace(at, 17, "\"eos_token_id\": 68"));
    dir.write("model.safetensors", read_text_file(model("gpt2") + "/model.safetensors"));
    const auto ended = tercet_command({"generate", "--model", dir.path(), "--ids", prompt, "--beams", "3", "--max-tokens", "20", "--length-penalty",
                                       "0.8", "--json"})
                           .json();
    CHECK(ended.at("finish").as_string() == "eos");
    CHECK(ended.at("score").as_number() == Catch::Approx(static_cast<double>(expected.real("beam_eos_scores")(0))).margin(1e-5));
    dir.write("tokenizer.json", tiny_tokenizer_json(101));
    const auto stopped = tercet_command({"generate", "--model", dir.path(), "--ids", prompt, "--beams", "3", "--stop", "<22>", "--json"}).json();
    CHECK(stopped.at("finish").as_string() == "stop");
    CHECK(stopped.at("text").as_string().find("<22>") == std::string::npos);
}

TEST_CASE("tercet generate: a constraint holds the text to choices, an expression or a schema; guesses change nothing") {
    const TempDir dir;
    for (const char* name : {"config.json", "model.safetensors"}) dir.write(name, read_text_file(model("llama") + "/" + name));
    dir.write("tokenizer.json", tiny_tokenizer_json(103, {{40, "yes"}, {41, "no"}, {42, "{"}, {43, "}"}, {44, "\"a\":"}, {45, "1"}}));
    dir.write("schema.json", R"({"type": "object", "required": ["a"], "properties": {"a": {"enum": [1, 11]}}})");
    const auto text = [&](std::vector<std::string> options) {
        std::vector<std::string> command{"generate", "--model", dir.path(), "--ids", "5,6,7", "--json", "--temperature", "2"};
        command.insert(command.end(), options.begin(), options.end());
        return tercet_command(command).json().at("text").as_string();
    };
    const auto choice = text({"--choice", "yes", "--choice", "no"});
    CHECK((choice == "yes" || choice == "no"));
    CHECK(text({"--regex", "(?:yes){3}"}) == "yesyesyes");
    const auto object = text({"--json-schema", dir.path() + "/schema.json"});
    CHECK((object == "{\"a\":1}" || object == "{\"a\":11}"));
    CHECK(text({"--max-tokens", "20", "--lookup", "8"}) == text({"--max-tokens", "20"}));
    check_failure({"generate", "--model", dir.path(), "--ids", "5", "--regex", "(a"}, 1, "(a");
    check_failure({"generate", "--model", dir.path(), "--ids", "5", "--regex", "a", "--choice", "b"}, 2, "--regex");
    check_failure({"generate", "--model", dir.path(), "--ids", "5", "--regex", "a", "--beams", "3"}, 2, "--beams");
    check_failure({"generate", "--model", model("llama"), "--ids", "5", "--choice", "b"}, 1, "tokenizer");
}

TEST_CASE("tercet quantize and convert: a directory as GGUF, and GGUF in another type") {
    const TempDir dir;
    const std::string f32 = dir.path() + "/f32.gguf", q8 = dir.path() + "/q8.gguf", direct = dir.path() + "/direct.gguf";
    const auto converted = tercet_command({"convert", model("llama"), f32, "--json"}).json();
    CHECK(converted.at("bytes").as_int() == static_cast<std::int64_t>(std::filesystem::file_size(f32)));
    const Expected expected(model("llama") + "/expected.safetensors");
    const auto ids = expected.ids("input_ids");
    const auto logits = [&](const std::string& path) {
        return tensor_of(tercet_command({"logits", "--model", path, "--ids", row(ids, 0), "--ids", row(ids, 1), "--json"}).json());
    };
    CHECK(golden::deviation(logits(f32), expected.real("logits")) <= 2e-5);
    tercet_command({"quantize", f32, q8, "--type", "q8_0"});
    tercet_command({"quantize", model("llama"), direct, "--type", "q8_0"});
    CHECK(golden::deviation(logits(q8), logits(direct)) == 0);
    CHECK(std::filesystem::file_size(q8) < std::filesystem::file_size(f32) / 2);
    check_failure({"quantize", f32, q8, "--type", "q9"}, 2, "q9");
    check_failure({"quantize", f32, dir.path() + "/x.bin", "--type", "q8_0"}, 2, ".gguf");
    check_failure({"convert", model("bert-base"), f32}, 1, "bert");
    for (const std::string& from : {f32, model("llama"), model("bert-seqcls"), model("t5")}) {
        const std::string out = dir.path() + "/directory";
        CHECK(tercet_command({"convert", from, out, "--json"}).json().at("bytes").as_int() > 1000);
        CHECK(tercet_command({"info", out}).status == 0);
    }
    check_failure({"convert", dir.path() + "/nothing.gguf", q8}, 1, "nothing.gguf");
}

TEST_CASE("tercet generate: bad usage and bad input") {
    const auto path = model("llama");
    check_failure({"generate", "--model", path}, 2, "--prompt");
    check_failure({"generate", "--model", path, "--ids", "1", "--prompt", "a"}, 2, "exclude");
    check_failure({"generate", "--model", path, "--ids", "1", "--ids", "2"}, 2, "--ids");
    check_failure({"generate", "--model", path, "--ids", "1", "--chat"}, 2, "--chat");
    check_failure({"generate", "--model", path, "--ids", "1", "--max-tokens", "-1"}, 2, "--max-tokens");
    check_failure({"generate", "--model", path, "--ids", "1", "--beams", "2", "--n", "3"}, 2, "--n");
    check_failure({"generate", "--model", path, "--ids", "1", "--seed", "x"}, 2, "--seed");
    check_failure({"generate", "--model", path, "--ids", ""}, 1, "empty");
    check_failure({"generate", "--model", path, "--ids", "103"}, 1, "103");
    check_failure({"generate", "--model", path, "--ids", list(std::vector<std::int32_t>(65, 1))}, 1, "65");
    check_failure({"generate", "--model", path, "--ids", "1", "--temperature", "-1"}, 1, "temperature");
    check_failure({"generate", "--model", path, "--ids", "1", "--top-p", "0"}, 1, "top_p");
    check_failure({"generate", "--model", path, "--prompt", "a"}, 1, "tokenizer");
    check_failure({"generate", "--model", path, "--ids", "1", "--stop", "a"}, 1, "tokenizer");
    check_failure({"generate", "--model", model("bert-base"), "--ids", "1"}, 1, "bert");
    const auto none = tercet_command({"generate", "--model", path, "--ids", "1", "--max-tokens", "0", "--json"}).json();
    CHECK(none.at("ids").size() == 0);
    CHECK(none.at("finish").as_string() == "length");
}

TEST_CASE("tercet perplexity: windows one after the other, each scored from its second token on") {
    const auto llama = golden_model("llama");
    const auto ids = Expected(model("llama") + "/expected.safetensors").ids("input_ids").to_vector();  // 26
    const auto nats_of = [&](std::size_t begin, std::size_t end) {
        double nats = 0;
        std::vector<double> p;
        const auto logits =
            forward(llama, Tensor<std::int32_t>::copy(std::span(ids).subspan(begin, end - begin), {1, static_cast<index_t>(end - begin)}));
        for (std::size_t i = begin; i + 1 < end; ++i) {
            detail::log_probabilities(p, logits.data() + static_cast<index_t>(i - begin) * 103, 103);
            nats -= p[static_cast<std::size_t>(ids[i + 1])];
        }
        return nats;
    };
    const auto measured = [&](const std::string& context, std::size_t count) {
        return tercet_command({"perplexity", "--model", model("llama"), "--ids",
                               list({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)}), "--context", context, "--json"})
            .json();
    };
    const auto whole = measured("64", 26);
    CHECK(whole.at("tokens").as_int() == 25);
    CHECK(whole.at("nll").as_number() == Catch::Approx(nats_of(0, 26) / 25).epsilon(1e-6));
    CHECK(whole.at("perplexity").as_number() == Catch::Approx(std::exp(nats_of(0, 26) / 25)).epsilon(1e-6));
    const auto cut = measured("12", 26);  // 12, 12 and 2
    CHECK(cut.at("tokens").as_int() == 23);
    CHECK(cut.at("nll").as_number() == Catch::Approx((nats_of(0, 12) + nats_of(12, 24) + nats_of(24, 26)) / 23).epsilon(1e-6));
    const auto left_out = measured("12", 25);  // 12, 12 and 1
    CHECK(left_out.at("tokens").as_int() == 22);
    CHECK(left_out.at("nll").as_number() == Catch::Approx((nats_of(0, 12) + nats_of(12, 24)) / 22).epsilon(1e-6));

    const TempDir dir;
    const auto path = with_tokenizer(dir, "llama", {{5, "a"}, {6, "b"}, {7, "c"}});
    const auto text = dir.write("text", "abcabc");
    const auto from_text = tercet_command({"perplexity", "--model", path, "--file", text, "--json"}),
               from_ids = tercet_command({"perplexity", "--model", path, "--ids", "5,6,7,5,6,7", "--json"});
    CHECK(from_text.out == from_ids.out);
    CHECK(tercet_command({"perplexity", "--model", path, "--file", text}).out.starts_with("perplexity  "));
    check_failure({"perplexity", "--model", path, "--file", dir.write("short", "a")}, 1, "two");
    check_failure({"perplexity", "--model", path, "--file", dir / "missing"}, 1, "missing");
    check_failure({"perplexity", "--model", path, "--file", text, "--context", "65"}, 1, "64");
    check_failure({"perplexity", "--model", path, "--file", text, "--context", "1"}, 2, "--context");
    check_failure({"perplexity", "--model", path}, 2, "--file");
    check_failure({"perplexity", "--model", model("llama"), "--file", text}, 1, "tokenizer");
    check_failure({"perplexity", "--model", model("llama"), "--ids", "1,103"}, 1, "103");
}

TEST_CASE("tercet embed: texts from the command line, lines of a file and a list of strings are the library's embeddings") {
    const TempDir dir;
    for (const char* file : {"config.json", "model.safetensors"}) dir.write(file, read_text_file(model("bert-base") + "/" + file));
    std::map<int, std::string> letters;
    for (int i = 0; i < 26; ++i) letters[i + 5] = std::string(1, static_cast<char>('a' + i));
    const auto size = read_json_file(model("bert-base") + "/config.json").at("vocab_size").as_int();
    dir.write("tokenizer.json", tiny_tokenizer_json(static_cast<int>(size), letters));
    dir.write("modules.json", R"([{"type": "sentence_transformers.models.Transformer", "path": ""},)"
                              R"( {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"}])");
    const auto encoder = load_text_encoder(dir.path());
    const auto want = encoder.embed(std::vector<std::string>{"abc", "de", "fgh", "hi"});
    const auto json = tercet_command({"embed", "--model", dir.path(), "--text", "abc", "--text", "de", "--file", dir.write("lines", "fgh\nhi\n"),
                                      "--strings", dir.write("s.json", "[\"abc\"]"), "--json"})
                          .json();
    const auto& rows = json.at("embeddings");
    REQUIRE(rows.size() == 5);
    for (std::size_t r = 0; r < 5; ++r)
        for (std::size_t i = 0; i < rows.at(r).size(); ++i)
            CHECK(std::abs(rows.at(r).at(i).as_number() - static_cast<double>(want(static_cast<index_t>(r % 4), static_cast<index_t>(i)))) <= 1e-6);
    const auto text = tercet_command({"embed", "--model", dir.path(), "--text", "abc", "--text", "-d"}).out;
    CHECK(std::count(text.begin(), text.end(), '\n') == 2);
    check_failure({"embed", "--model", dir.path()}, 2, "--text");
    check_failure({"embed", "--model", dir.path(), "--strings", dir / "none.json"}, 1, "none.json");
    check_failure({"embed", "--model", model("llama"), "--text", "a"}, 1, "llama");
    check_failure({"embed", "--model", model("bert-base"), "--text", "a"}, 1, "tokenizer.json");
}
