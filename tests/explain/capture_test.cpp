#include "tercet/explain/capture.hpp"

#include "support/catch.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/llama.hpp"

using namespace tercet;
using Catch::Matchers::ContainsSubstring;
using golden::Expected;

namespace {

CausalModel causal(const std::string& name) {
    return load_causal_model(ModelFiles::open(golden::model_folder(name)));
}
Tensor<std::int32_t> ids_of(const std::string& name, index_t rows = 1) {
    return Expected(golden::model_folder(name) + "/expected.safetensors").ids("input_ids").slice(0, 0, rows).contiguous();
}
bool same(const Tensor<float>& a, const Tensor<float>& b) {
    return a.shape() == b.shape() && a.contiguous().to_vector() == b.contiguous().to_vector();
}

// What a map makes of the values is what attention without the map has made: the input of the layer behind it.
void check_map(const Tensor<float>& map, const Tensor<float>& values, const Tensor<float>& joined, index_t kv_heads) {
    const index_t H = map.size(1);
    const auto v = repeat_interleave(split_heads(values, kv_heads), H / kv_heads, 1);
    CHECK(golden::deviation(join_heads(matmul(map, v)), joined) <= 1e-5);
    const auto sums = sum(map, {-1});
    for (const float s : sums.to_vector()) CHECK(std::abs(s - 1) <= 1e-5f);
}

}  // namespace

TEST_CASE("capture: layers by their names in the checkpoint, in the order in which they are computed") {
    const auto model = causal("llama");
    const auto ids = ids_of("llama");
    std::vector<Tensor<float>> hidden;
    explain::Capture capture(model);
    const auto logits = model(ids, {.hidden_states = &hidden});
    CHECK(capture.layers().front() == "model.embed_tokens");
    CHECK(same(capture.output("model.embed_tokens"), hidden[0]));
    CHECK(same(capture.output("model.norm"), hidden.back()));
    CHECK(same(capture.output("model.embed_tokens.output"), logits));  // the table is tied
    CHECK(same(capture.input("model.layers.0.input_layernorm"), hidden[0]));
    CHECK(same(capture.input("model.layers.1.input_layernorm"), hidden[1]));
    CHECK(capture.input("model.layers.0.mlp.down_proj").size(-1) == model.as<Llama>()->config.intermediate_size);
    CHECK(capture.attentions() == std::vector<std::string>{"model.layers.0.self_attn", "model.layers.1.self_attn"});
    CHECK(capture.all("model.norm").size() == 1);
    model(ids);
    CHECK(capture.all("model.norm").size() == 2);
    capture.clear();
    CHECK(capture.layers().empty());
}

TEST_CASE("capture: maps are those by which attention weighs the values, in every family") {
    for (const auto* name : {"llama", "mistral-sliding", "qwen2", "qwen3", "phi3", "gemma2", "gemma3"}) {
        INFO(name);
        const auto model = causal(name);
        const auto ids = ids_of(name);
        explain::Capture capture(model);
        model(ids);
        REQUIRE(capture.attentions().size() == static_cast<std::size_t>(model.layers()));
        const Json config = read_json_file(golden::model_folder(name) + "/config.json");
        for (const auto& attention : capture.attentions()) {
            const auto map = capture.attention(attention);
            check_map(map, capture.output(attention + ".v_proj"), capture.input(attention + ".o_proj"), config.at("num_key_value_heads").as_int());
            CHECK(map(0, 0, 0, 1) == 0);  // the first token sees itself alone
        }
    }
}

TEST_CASE("capture: GPT-2 makes query, key and value in one layer") {
    const auto model = causal("gpt2");
    explain::Capture capture(model);
    model(ids_of("gpt2"));
    REQUIRE(capture.attentions() == std::vector<std::string>{"transformer.h.0.attn", "transformer.h.1.attn"});
    const auto qkv = capture.output("transformer.h.1.attn.c_attn");
    check_map(capture.attention("transformer.h.1.attn"), slice(qkv, 2, qkv.size(2) / 3 * 2, qkv.size(2)),
              capture.input("transformer.h.1.attn.c_proj"), 4);
}

TEST_CASE("capture: an encoder's maps, padded and packed") {
    const std::string folder = golden::model_folder("bert-base");
    const auto model = load_encoder(ModelFiles::open(folder));
    const Expected expected(folder + "/expected.safetensors");
    const auto ids = expected.ids("input_ids");
    explain::Capture capture(model);
    forward(model, ids);
    REQUIRE(capture.attentions().size() == 2);
    const std::string name = capture.attentions()[1];
    CHECK_THAT(name, ContainsSubstring("encoder.layer.1.attention.self"));
    const std::string dense = name.substr(0, name.rfind("self")) + "output.dense";
    check_map(capture.attention(name), capture.output(name + ".value"), capture.input(dense), 4);
    // Packed: three sequences in one row, which do not see each other.
    const auto row = reshape(ids.slice(0, 0, 1), {1, -1});
    const index_t n = row.size(1);
    const std::vector<index_t> lengths{2, n - 3, 1};
    forward(model, row, {.lengths = lengths});
    const auto map = capture.attention(name);
    CHECK(map.shape() == Shape{1, 4, n, n});
    check_map(map, capture.output(name + ".value"), capture.input(dense), 4);
    CHECK(map(0, 0, 0, 2) == 0);
    CHECK(map(0, 3, n - 1, n - 1) == 1);
}

TEST_CASE("capture: patterns choose what is kept, and what is not there is named") {
    const auto model = causal("llama");
    const auto ids = ids_of("llama");
    explain::Capture capture(model, {"*.mlp.*"});
    model(ids);
    CHECK(capture.layers().size() == 6);
    CHECK(capture.attentions().empty());
    CHECK_ERROR(capture.output("model.norm"), ErrorCode::invalid_argument);
    CHECK_ERROR(capture.attention("model.layers.0.self_attn"), ErrorCode::invalid_argument);
    try {
        capture.output("model.norm");
    } catch (const Error& error) {
        CHECK_THAT(error.what(), ContainsSubstring("'model.norm'") && ContainsSubstring("6") && ContainsSubstring("model.layers.0.mlp.gate_proj"));
    }
    explain::Capture late(model);
    CHECK_ERROR(late.output("model.norm"), ErrorCode::invalid_argument);
}

TEST_CASE("capture: a generation's steps are kept one by one") {
    const auto model = causal("llama");
    KvCache cache(model.layers());
    const auto ids = ids_of("llama");
    explain::Capture capture(model, {"model.norm"});
    const NoGrad guard;
    for (index_t t = 0; t < 3; ++t) model(ids.slice(1, t, t + 1).contiguous(), {.cache = &cache});
    CHECK(capture.all("model.norm").size() == 3);
}
