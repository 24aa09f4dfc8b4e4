// The `tercet` command's benches: each measures what it is asked to, on small sizes. How fast is not for a test to say.
#include "examples/run_program.hpp"
#include "support/model_golden.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

// The result of `tercet bench …`, whose numbers must all be positive.
Json bench(std::vector<std::string> arguments, const std::vector<std::string>& names) {
    arguments.insert(arguments.begin(), "bench");
    arguments.insert(arguments.end(), {"--json", "--threads", "2"});
    const auto json = tercet_command(arguments).json();
    for (const auto& name : names) CHECK(json.at(name).as_number() > 0);
    CHECK(json.at("threads").as_int() == 2);
    CHECK_FALSE(json.at("isa").as_string().empty());
    return json;
}

}  // namespace

TEST_CASE("tercet bench gemm: plain, prepacked, with weights from memory, and of narrow numbers") {
    const auto json = bench({"gemm", "--size", "33,17,65"}, {"gflops", "ms"});
    const double flops = 2. * 33 * 17 * 65;
    CHECK(json.at("gflops").as_number() * json.at("ms").as_number() * 1e6 == Catch::Approx(flops).epsilon(1e-6));
    bench({"gemm", "--size", "1,64,64", "--type", "f32", "--prepacked", "--rotate", "1"}, {"gflops", "gb_per_s"});
    for (const std::string type : {"bf16", "int8"}) {
        bench({"gemm", "--size", "9,17,33", "--type", type}, {"gflops", "ms"});
        bench({"gemm", "--size", "9,17,33", "--type", type, "--prepacked"}, {"gflops", "ms"});
    }
}

TEST_CASE("tercet bench rows: operations on rows and on elements") {
    for (const std::string op : {"softmax", "layer_norm", "rms_norm", "gelu", "silu", "exp", "tanh", "copy"}) {
        INFO(op);
        const auto json = bench({"rows", "--op", op, "--size", "7,33"}, {"ms", "gb_per_s"});
        CHECK(json.at("gb_per_s").as_number() * json.at("ms").as_number() * 1e6 == Catch::Approx(2. * 4 * 7 * 33).epsilon(1e-6));
    }
}

TEST_CASE("tercet bench attention: forward, and forward and backward") {
    bench({"attention", "--heads", "2", "--tokens", "9", "--head-dim", "8"}, {"ms"});
    bench({"attention", "--heads", "2", "--tokens", "9", "--head-dim", "8", "--causal", "--backward"}, {"ms"});
}

TEST_CASE("tercet bench embed and generate: models on ids, without a tokenizer") {
    bench({"embed", "--model", golden::model_folder("bert-base"), "--batch", "2", "--sequence", "5"}, {"ms"});
    bench({"generate", "--model", golden::model_folder("llama"), "--prompt-tokens", "9", "--tokens", "3"}, {"prompt_tokens_per_s", "tokens_per_s"});
    const auto text = tercet_command({"bench", "generate", "--model", golden::model_folder("gpt2"), "--prompt-tokens", "2", "--tokens", "1"});
    CHECK(text.status == 0);
    CHECK(text.out.starts_with("prompt_tokens_per_s  "));
}

TEST_CASE("tercet bench embed: weights of each type") {
    for (const std::string type : {"f32", "bf16", "int8"})
        bench({"embed", "--model", golden::model_folder("bert-base"), "--batch", "2", "--sequence", "5", "--type", type}, {"ms"});
    check_failure({"bench", "embed", "--model", golden::model_folder("bert-base"), "--type", "int4"}, 2, "int4");
}

TEST_CASE("tercet bench train: a step of each model, in float and with products of bfloat16") {
    for (const std::string name : {"baby", "char"})
        for (const bool narrow : {false, true}) {
            std::vector<std::string> arguments{"train", "--case", name, "--batch", "1", "--sequence", "4", "--steps", "1"};
            if (narrow) arguments.emplace_back("--bf16");
            bench(arguments, {"step_s", "peak_rss_mb"});
        }
    check_failure({"bench", "train", "--case", "giant"}, 2, "giant");
    check_failure({"bench", "train", "--case", "baby", "--sequence", "100000"}, 1, "100000");
}

TEST_CASE("tercet bench: what cannot be measured is one line of error") {
    check_failure({"bench"}, 2, "tercet bench --help");
    check_failure({"bench", "nothing"}, 2, "bench");
    check_failure({"bench", "gemm"}, 2, "tercet bench gemm --help");
    check_failure({"bench", "gemm", "--size", "3,4"}, 2, "M,N,K");
    check_failure({"bench", "gemm", "--size", "3,4,0"}, 2, "M,N,K");
    check_failure({"bench", "gemm", "--size", "3,4,x"}, 2, "x");
    check_failure({"bench", "gemm", "--size", "3,4,5", "--type", "f8"}, 2, "f8");
    check_failure({"bench", "rows", "--op", "sort", "--size", "3,4"}, 2, "sort");
    check_failure({"bench", "rows", "--op", "exp", "--size", "3"}, 2, "R,C");
    check_failure({"bench", "attention", "--tokens", "0"}, 2, "--tokens");
    check_failure({"bench", "embed"}, 2, "--model");
    check_failure({"bench", "embed", "--model", golden::model_folder("nothing")}, 1, "nothing");
    check_failure({"bench", "embed", "--model", golden::model_folder("bert-base"), "--sequence", "100000"}, 1, "100000");
    check_failure({"bench", "generate", "--model", golden::model_folder("llama"), "--prompt-tokens", "100000"}, 1, "100000");
}
