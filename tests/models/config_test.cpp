#include "tercet/models/config.hpp"

#include "support/catch.hpp"

#include <map>

using namespace tercet;

namespace {

// A config.json with one entry replaced or added.
Json llama_json(const std::string& key = "model_type", const std::string& value = "\"llama\"") {
    std::map<std::string, std::string> entries = {{"model_type", "\"llama\""}, {"vocab_size", "10"},       {"hidden_size", "8"},
                                                  {"intermediate_size", "16"}, {"num_hidden_layers", "1"}, {"num_attention_heads", "2"}};
    entries[key] = value;
    std::string text;
    for (const auto& [k, v] : entries) text += (text.empty() ? "{" : ", ") + quote_json(k) + ": " + v;
    return parse_json(text + "}", "config.json");
}
LlamaConfig read(const std::string& key, const std::string& value) {
    return llama_config(llama_json(key, value), "config.json");
}

}  // namespace

TEST_CASE("config: a short llama config takes the defaults that transformers takes") {
    const auto c = llama_config(llama_json(), "config.json");
    CHECK(c.kv_heads == 2);
    CHECK(c.head_dim == 4);
    CHECK(c.rope.theta == 10000);
    CHECK(c.rope.channels == 4);
    CHECK_FALSE(c.tied);
    CHECK_FALSE(c.qkv_bias);
    CHECK(read("model_type", "\"qwen2\"").qkv_bias);
    CHECK(read("model_type", "\"qwen3\"").qk_norm);
    CHECK(read("attention_bias", "true").out_bias);
    CHECK(read("hidden_act", "\"relu\"").activation == UnaryOp::relu);
    CHECK(read("partial_rotary_factor", "0.5").rope.channels == 2);
    CHECK(std::get<RopeLinear>(read("rope_scaling", R"({"type": "linear", "factor": 4.0})").rope.scaling).factor == 4);
    CHECK(std::get<RopeYarn>(read("rope_scaling", R"({"type": "yarn", "factor": 4.0})").rope.scaling).original_context == 2048);
    CHECK(read("rope_scaling", R"({"type": "dynamic", "factor": 3.0})").context == 3 * 2048);
    const auto phi = read("rope_scaling", R"({"type": "longrope", "short_factor": [1, 2], "long_factor": [3, 4], "factor": 1.0})");
    CHECK(std::get<RopeFactors>(phi.rope.scaling).beyond == std::vector<double>{3, 4});
    CHECK(std::get<RopeFactors>(phi.rope.scaling).attention_factor == 1);
}

TEST_CASE("config: windows are those of the layer types, or of the family") {
    CHECK(read("sliding_window", "4").windows.empty());  // a Llama has none
    const auto windows = [](const std::string& type, const std::string& rest) {
        return llama_config(parse_json(R"({"vocab_size": 5, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 3,
            "num_attention_heads": 2, "sliding_window": 4, "model_type": ")" +
                                           type + "\"" + rest + "}",
                                       "x"),
                            "x")
            .windows;
    };
    CHECK(windows("mistral", "") == std::vector<index_t>{4, 4, 4});
    CHECK(windows("qwen2", "").empty());
    CHECK(windows("qwen2", R"(, "use_sliding_window": true, "max_window_layers": 2)") == std::vector<index_t>{0, 0, 4});
    CHECK(windows("mistral", R"(, "layer_types": ["full_attention", "sliding_attention", "full_attention"])") == std::vector<index_t>{0, 4, 0});
    CHECK_ERROR(windows("mistral", R"(, "layer_types": ["full_attention"])"), ErrorCode::invalid_argument);
    CHECK_ERROR(windows("mistral", R"(, "layer_types": ["a", "b", "c"])"), ErrorCode::unsupported);
}

TEST_CASE("config: a Gemma has its family's windows, scales and caps, and the text model is found beside images") {
    const auto read_gemma = [](const std::string& rest) { return gemma_config(parse_json("{" + rest + "}", "x"), "x"); };
    const auto second = read_gemma(R"("model_type": "gemma2", "num_hidden_layers": 4, "sliding_window": 8, "query_pre_attn_scalar": 144)");
    CHECK(second.windows == std::vector<index_t>{8, 0, 8, 0});
    CHECK(second.score_scale == 1 / 12.0);
    CHECK(second.attention_softcap == 50);
    CHECK(second.logit_softcap == 30);
    CHECK_FALSE(second.qk_norm);
    CHECK(read_gemma(R"("model_type": "gemma2", "attn_logit_softcapping": null)").attention_softcap == 0);
    const auto third =
        read_gemma(R"("model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "num_hidden_layers": 7, "sliding_window": 8})");
    CHECK(third.windows == std::vector<index_t>{8, 8, 8, 8, 8, 0, 8});
    CHECK(third.rope.theta == 1e6);
    CHECK(third.local_rope.theta == 1e4);
    const auto first = read_gemma(R"("model_type": "gemma", "head_dim": 64, "hidden_act": "gelu")");
    CHECK(gemma_config(parse_json(R"({"model_type": "gemma3_text", "num_hidden_layers": 2})", "x"), "x").windows == std::vector<index_t>{4096, 4096});
    CHECK_ERROR(read_gemma(R"("model_type": "gemma2", "num_hidden_layers": 1, "sliding_window": null, "layer_types": ["sliding_attention"])"),
                ErrorCode::invalid_argument);
    CHECK(first.activation == UnaryOp::gelu_tanh);
    CHECK_FALSE(first.branch_norms);
    CHECK(first.score_scale == 1 / 8.0);
    CHECK_ERROR(read_gemma(R"("model_type": "gemma2", "attn_logit_softcapping": -1)"), ErrorCode::invalid_argument);
    CHECK_ERROR(read_gemma(R"("model_type": "gemma2", "num_key_value_heads": 3)"), ErrorCode::invalid_argument);
}

TEST_CASE("config: numbers out of range and variants that are not built are refused") {
    CHECK_ERROR(read("vocab_size", "0"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("vocab_size", "-5"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("hidden_size", "9223372036854775807"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("hidden_size", "\"8\""), ErrorCode::bad_json);
    CHECK_ERROR(read("num_key_value_heads", "3"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("head_dim", "3"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rms_norm_eps", "0"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_theta", "-1"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "wave", "factor": 4.0})"), ErrorCode::unsupported);
    CHECK_ERROR(read("rope_scaling", R"({"type": "yarn"})"), ErrorCode::missing_key);
    CHECK_ERROR(read("rope_scaling", R"({"type": "yarn", "factor": 0})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "longrope", "short_factor": [1], "long_factor": [3, 4]})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "longrope", "short_factor": [1, 0], "long_factor": [3, 4]})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("partial_rotary_factor", "0.3"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("partial_rotary_factor", "2"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("partial_rotary_factor", "1e300"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("num_hidden_layers", "67108864"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "dynamic", "factor": 1e300})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "dynamic", "factor": 0.0001})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "yarn", "factor": 4.0, "rope_theta": 1.0})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("rope_scaling", R"({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1e300})"), ErrorCode::invalid_argument);
    CHECK_ERROR(read("hidden_act", "\"mish\""), ErrorCode::unsupported);
    CHECK_ERROR(llama_config(parse_json(R"({"model_type": "llama"})", "config.json"), "config.json"), ErrorCode::missing_key);
    CHECK_ERROR(
        gpt2_config(parse_json(R"({"vocab_size": 5, "n_positions": 4, "n_embd": 6, "n_layer": 1, "n_head": 4})", "config.json"), "config.json"),
        ErrorCode::invalid_argument);
    CHECK_ERROR(
        bert_config(
            parse_json(
                R"({"vocab_size": 5, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 1, "num_attention_heads": 2, "position_embedding_type": "relative_key"})",
                "config.json"),
            "config.json"),
        ErrorCode::unsupported);
}
