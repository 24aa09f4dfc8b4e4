// The two real models against their references: MiniLM's embeddings and hidden states, SmolLM2's logits, continuations and perplexity.
#include "support/model_golden.hpp"
#include "support/real_model.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/ops/softmax.hpp"

using namespace tercet;
using golden::Expected;

namespace {

const std::string data = std::string(TERCET_TEST_DATA) + "/real/";

template <class T>
std::vector<T> list_of(const Json& json) {
    std::vector<T> out;
    for (const auto& e : json.elements()) out.push_back(static_cast<T>(e.as_number()));
    return out;
}

}  // namespace

TEST_CASE("MiniLM: embeddings, cosines and hidden states equal the reference", "[real]") {
    const auto path = real_model("minilm");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh minilm has not been run");
    const auto encoder = load_text_encoder(path);
    const auto json = read_json_file(data + "minilm.json");
    const Expected expected(data + "minilm.safetensors");
    std::vector<std::string> sentences;
    for (const auto& s : json.at("sentences").elements()) sentences.push_back(s.as_string());

    const auto embeddings = encoder.embed(sentences);
    CHECK(golden::deviation(embeddings, expected.real("embeddings")) <= 2e-6);
    WARN("MiniLM embeddings deviate by " << golden::deviation(embeddings, expected.real("embeddings")));
    const auto cosines = expected.real("cosine");
    double worst = 0;
    for (index_t i = 0; i < 24; ++i) {
        CHECK(encoder.tokenizer().encode(sentences[static_cast<std::size_t>(i)]).ids ==
              list_of<TokenId>(json.at("ids").at(static_cast<std::size_t>(i))));
        for (index_t j = 0; j < 24; ++j)
            worst = std::max(worst, std::abs(static_cast<double>(cosine(embeddings[i], embeddings[j])) - static_cast<double>(cosines(i, j))));
    }
    CHECK(worst <= 1e-6);
    CHECK(golden::deviation(encoder.embed(sentences[3]), expected.real("embeddings")[3]) <= 2e-6);

    const auto which = list_of<index_t>(json.at("last_hidden_state_of"));
    for (std::size_t i = 0; i < which.size(); ++i) {
        const auto ids = encoder.tokenizer().encode(sentences[static_cast<std::size_t>(which[i])]).ids;
        const auto row = Tensor<std::int32_t>::copy(std::span<const TokenId>(ids), {1, static_cast<index_t>(ids.size())});
        const auto name = "last_hidden_state." +
                          std::to_string(expected.has("last_hidden_state." + std::to_string(which[i])) ? static_cast<std::size_t>(which[i]) : i);
        const double d = golden::deviation(forward(encoder.model(), row).last_hidden_state[0], expected.real(name));
        CHECK(d <= 2e-5);
        WARN("MiniLM " << name << " deviates by " << d);
    }
}

TEST_CASE("MiniLM: with weights in bf16 or q8_0 and narrow activations the embeddings stay close", "[real]") {
    const auto path = real_model("minilm");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh minilm has not been run");
    const auto json = read_json_file(data + "minilm.json");
    std::vector<std::string> sentences;
    for (const auto& s : json.at("sentences").elements()) sentences.push_back(s.as_string());
    const auto exact = load_text_encoder(path).embed(sentences);
    for (const StorageType type : {StorageType::bf16, StorageType::q8_0}) {
        ModelOptions options;
        options.weights = type;
        options.activations = Activations::int8;
        const auto narrow = load_text_encoder(path, options).embed(sentences);
        double least = 1;
        for (index_t i = 0; i < exact.size(0); ++i) least = std::min(least, static_cast<double>(cosine(exact[i], narrow[i])));
        WARN("MiniLM in " << name_of(type) << ": the least cosine to float32 is " << least);
        CHECK(least >= (type == StorageType::bf16 ? 0.9999 : 0.999));
        CHECK(least < 1);
    }
}

TEST_CASE("Gemma 3 270M in Q4_K_M: the likeliest tokens and a greedy continuation equal the reference's, beyond the window too", "[real]") {
    const auto path = real_model("gemma3");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh gemma3 has not been run");
    const auto llm = load_causal_lm(path);
    const auto json = read_json_file(data + "gemma3.json");
    CHECK(llm.tokenizer().encode("The capital of France is").ids.front() == 2);  // <bos>
    double worst = 0;
    for (const auto& c : json.at("cases").elements()) {
        INFO(c.at("name").as_string());
        const auto ids = list_of<std::int32_t>(c.at("ids"));
        const auto logits = Session(llm.model()).feed(ids);
        const auto top_ids = list_of<index_t>(c.at("top_ids"));
        const auto top_logits = list_of<double>(c.at("top_logits"));
        for (std::size_t k = 0; k < top_ids.size(); ++k) worst = std::max(worst, std::abs(static_cast<double>(logits(top_ids[k])) - top_logits[k]));
        if (c.find("greedy") == nullptr) continue;
        const auto want = list_of<std::int32_t>(c.at("greedy"));
        auto generation = llm.generate(ids, {.max_tokens = static_cast<index_t>(want.size()), .temperature = 0, .ignore_eos = true});
        generation.finish_text();
        CHECK(std::vector<std::int32_t>(generation.ids().begin(), generation.ids().end()) == want);
    }
    CHECK(worst <= 1e-3);
    WARN("Gemma 3 logits deviate by " << worst);
}

TEST_CASE("SmolLM2: int8 activations move the perplexity of a short passage by less than 2 %", "[real]") {
    const auto path = real_model("smollm2");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh smollm2 has not been run");
    const Expected expected(data + "smollm2.safetensors");
    const auto ids = expected.ids("passage_ids").to_vector();
    const auto nll = [&](Activations activations) {
        ModelOptions options;
        options.activations = activations;
        const auto llm = load_causal_lm(path, options);
        const NoGrad guard;
        const auto count = static_cast<index_t>(ids.size());
        const auto row = Tensor<std::int32_t>::copy(ids, {1, count});
        const auto log_probs = log_softmax(forward(llm.model(), row));
        double sum = 0;
        for (index_t t = 1; t < count; ++t) sum -= static_cast<double>(log_probs(0, t - 1, static_cast<index_t>(ids[static_cast<std::size_t>(t)])));
        return sum / static_cast<double>(count - 1);
    };
    const double change = std::exp(nll(Activations::int8) - nll(Activations::f32)) - 1;
    WARN("SmolLM2 Q4_1: int8 activations change the perplexity by " << 100 * change << " %");
    CHECK(std::abs(change) < 0.02);  // 199 tokens: instruction sets alone differ by 0.4 %
    CHECK(change != 0);
}

TEST_CASE("SmolLM2: logits, greedy continuations and log-probabilities equal the reference", "[real]") {
    const auto path = real_model("smollm2");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh smollm2 has not been run");
    const auto llm = load_causal_lm(path);
    const auto json = read_json_file(data + "smollm2.json");
    const Expected expected(data + "smollm2.safetensors");
    double worst = 0;
    for (std::size_t i = 0; i < json.at("prompts").size(); ++i) {
        const auto& prompt = json.at("prompts").at(i);
        INFO(prompt.at("prompt").as_string());
        const auto ids = llm.tokenizer().encode(prompt.at("prompt").as_string()).ids;
        CHECK(ids == list_of<TokenId>(prompt.at("ids")));
        const auto logits = Session(llm.model()).feed(ids);
        const auto top_ids = list_of<index_t>(prompt.at("top50_ids"));
        const auto top_logits = list_of<double>(prompt.at("top50_logits"));
        for (std::size_t k = 0; k < top_ids.size(); ++k) worst = std::max(worst, std::abs(static_cast<double>(logits(top_ids[k])) - top_logits[k]));
        if (const auto all = "logits." + std::to_string(i); expected.has(all)) worst = std::max(worst, golden::deviation(logits, expected.real(all)));

        const auto want = list_of<std::int32_t>(prompt.at("greedy_ids"));
        auto generation = llm.generate(ids, {.max_tokens = static_cast<index_t>(want.size()), .temperature = 0, .ignore_eos = true});
        std::string text;
        for (const auto& piece : generation) text += piece;
        CHECK(std::vector<std::int32_t>(generation.ids().begin(), generation.ids().end()) == want);
        CHECK(text == generation.text());
    }
    CHECK(worst <= 5e-4);
    WARN("SmolLM2 logits deviate by " << worst);

    const NoGrad guard;
    const auto passage = expected.ids("passage_ids").reshape({1, -1});
    const auto log_probs = log_softmax(forward(llm.model(), passage));
    const auto want = expected.real("passage_logprobs");
    double worst_probability = 0;
    for (index_t t = 0; t + 1 < passage.size(1); ++t)
        worst_probability =
            std::max(worst_probability, std::abs(static_cast<double>(log_probs(0, t, passage(0, t + 1))) - static_cast<double>(want(t))));
    CHECK(worst_probability <= 3e-4);
    WARN("SmolLM2 log-probabilities of the passage deviate by " << worst_probability);
}
