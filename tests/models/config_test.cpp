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
    CHECK(c.rope_theta == 10000);
    CHECK_FALSE(c.tied);
    CHECK_FALSE(c.qkv_bias);
    CHECK(read("model_type", "\"qwen2\"").qkv_bias);
    CHECK(read("model_type", "\"qwen3\"").qk_norm);
    CHECK(read("attention_bias", "true").out_bias);
    CHECK(read("rope_scaling", R"({"type": "linear", "factor": 4.0})").rope_linear == 4);
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
    CHECK_ERROR(read("rope_scaling", R"({"type": "yarn", "factor": 4.0})"), ErrorCode::unsupported);
    CHECK_ERROR(read("hidden_act", "\"relu\""), ErrorCode::unsupported);
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
