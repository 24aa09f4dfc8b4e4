// GGUF files that we write, read by llama.cpp itself; and real ones, read by both. Skipped where there is no Python with llama-cpp-python.
#include "generate/tiny.hpp"
#include "support/python.hpp"
#include "support/real_model.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/models/convert.hpp"

using namespace tercet;
using namespace tercet_test;
using golden::Expected;

namespace {

// llama.cpp's greedy continuation of a prompt by `count` tokens, and the logits that it has behind each token of the prompt, if they are asked for;
// its cache in float.
struct Told {
    std::vector<std::int32_t> ids;
    Tensor<float> logits{};  // (prompt tokens, vocabulary)
};
Told in_llama_cpp(const std::string& python, const std::string& gguf, const std::vector<std::int32_t>& prompt, int count, bool with_logits = false) {
    std::string list;
    for (const auto id : prompt) list += (list.empty() ? "" : ",") + std::to_string(id);
    const Json got = run_python(python, R"(
import json, sys, llama_cpp
prompt = json.loads(sys.argv[2])
llm = llama_cpp.Llama(sys.argv[1], n_ctx=1024, n_threads=2, n_threads_batch=2, type_k=0, type_v=0, flash_attn=False, logits_all=True, verbose=False)
llm.eval(prompt)
logits, ids = llm.scores[:len(prompt)].tolist() if sys.argv[4] == "logits" else [], []
for _ in range(int(sys.argv[3])):
    ids.append(int(llm.scores[llm.n_tokens - 1].argmax()))
    llm.eval(ids[-1:])
print(json.dumps({"ids": ids, "logits": logits}))
)",
                                {gguf, "[" + list + "]", std::to_string(count), with_logits ? "logits" : "ids"});
    Told told;
    for (const auto& id : got.at("ids").elements()) told.ids.push_back(static_cast<std::int32_t>(id.as_int()));
    if (!with_logits) return told;
    const auto& rows = got.at("logits");
    told.logits = Tensor<float>::empty({static_cast<index_t>(rows.size()), static_cast<index_t>(rows.at(0).size())});
    float* to = told.logits.mutable_data();
    for (const auto& row : rows.elements())
        for (const auto& x : row.elements()) *to++ = static_cast<float>(x.as_number());
    return told;
}

std::vector<std::int32_t> greedy(const CausalModel& model, const std::vector<std::int32_t>& prompt, int count) {
    Generation generation(model, std::nullopt, {}, prompt, {.max_tokens = count, .temperature = 0, .ignore_eos = true});
    generation.finish_text();
    return to_vector(generation.ids());
}

}  // namespace

// Not Phi-3: by its context, not by the tokens there are, llama.cpp takes the rotary factors for long ones, and its least context is longer than the
// case's.
TEST_CASE("llama.cpp reads our GGUF: logits and greedy tokens of every family it shares with us", "[real]") {
    const auto python = python_with("llama_cpp");
    if (!python) SKIP_TEST("no Python with llama-cpp-python");
    for (const std::string name : {"llama", "llama3-rope-scaling", "llama-yarn", "mistral-sliding", "qwen2", "qwen3", "gemma2", "gpt2"}) {
        INFO(name);
        const TempDir dir;
        const auto files = ModelFiles::open(golden::model_folder(name));
        const auto model = load_causal_model(files);
        const auto tokenizer = tiny_tokenizer(static_cast<int>(vocab_size(model)));
        gguf_of(files, &tokenizer, {.name = "tiny"}).save(dir / "model.gguf");  // by some names it expects tokens that this vocabulary lacks
        const auto [prompt, next] = greedy_case(name);
        const auto told = in_llama_cpp(*python, dir / "model.gguf", prompt, static_cast<int>(next.size()), true);
        const NoGrad guard;
        const auto logits = forward(model, Tensor<std::int32_t>::copy(prompt, {1, static_cast<index_t>(prompt.size())}));
        // It leaves out Mistral's window: there the tokens are compared that a window holds.
        const Json* window = name == "mistral-sliding" ? files.config().find("sliding_window") : nullptr;
        const index_t rows = std::min(logits.size(1), window != nullptr ? static_cast<index_t>(window->as_int()) : logits.size(1));
        const double apart =
            golden::deviation(told.logits.slice(0, 0, rows).contiguous(), logits.reshape(told.logits.shape()).slice(0, 0, rows).contiguous());
        WARN(name << " in llama.cpp: logits of " << rows << " tokens deviate by " << apart);
        CHECK(apart <= 2e-3);  // its GELU is a table of half precision
        if (window == nullptr) CHECK(told.ids == next);
    }
}

TEST_CASE("llama.cpp writes the same greedy tokens from a real model that we wrote as float32", "[real]") {
    const auto python = python_with("llama_cpp");
    if (!python) SKIP_TEST("no Python with llama-cpp-python");
    for (const std::string name : {"smollm2"}) {
        INFO(name);
        const auto path = real_model(name);
        if (path.empty()) SKIP_TEST("scripts/fetch_model.sh " + name + " has not been run");
        const TempDir dir;
        requantized(Gguf::open(path), {.weights = StorageType::f32}).save(dir / "model.gguf");  // with other weights it rounds activations to bytes
        const auto llm = load_causal_lm(dir / "model.gguf");
        for (const char* text : {"The capital of France is", "def fibonacci(n):\n", "Once upon a time there was a"}) {
            INFO(text);
            const auto prompt = llm.tokenizer().encode_ids(text);
            CHECK(greedy(llm.model(), prompt, 24) == in_llama_cpp(*python, dir / "model.gguf", prompt, 24).ids);
        }
    }
}
