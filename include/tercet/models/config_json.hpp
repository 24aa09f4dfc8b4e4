// A model's extents as a config.json, for a directory that the transformers library loads too. The layout is that of its version 4, which version 5
// reads as well: rope_theta and rope_scaling.
#pragma once

#include "tercet/io/json_text.hpp"
#include "tercet/models/gemma.hpp"
#include "tercet/models/gpt2.hpp"
#include "tercet/models/llama.hpp"

#include <algorithm>
#include <cmath>

namespace tercet::inline TERCET_ABI {

namespace detail {

inline const char* activation_name(UnaryOp activation) {
    switch (activation) {
    case UnaryOp::gelu: return "gelu";
    case UnaryOp::gelu_tanh: return "gelu_pytorch_tanh";
    case UnaryOp::relu: return "relu";
    case UnaryOp::silu: return "silu";
    default: break;
    }
    fail(ErrorCode::unsupported, "config.json: the activation has no name there");
}

inline void add_rope(JsonText& config, const RopeConfig& rope, index_t head_dim, index_t context) {
    config.number("rope_theta", rope.theta);
    if (rope.channels != head_dim) config.number("partial_rotary_factor", static_cast<double>(rope.channels) / static_cast<double>(head_dim));
    JsonText scaling("    ");
    const auto number = [](double value) { return real_to_json(value); };
    if (const auto* linear = std::get_if<RopeLinear>(&rope.scaling)) {
        scaling.string("rope_type", "linear").number("factor", linear->factor);
    } else if (const auto* dynamic = std::get_if<RopeDynamic>(&rope.scaling)) {
        scaling.string("rope_type", "dynamic").number("factor", dynamic->factor);
    } else if (const auto* llama3 = std::get_if<RopeLlama3>(&rope.scaling)) {
        scaling.string("rope_type", "llama3").number("factor", llama3->factor);
        scaling.number("low_freq_factor", llama3->low_freq_factor).number("high_freq_factor", llama3->high_freq_factor);
        scaling.count("original_max_position_embeddings", llama3->original_context);
    } else if (const auto* yarn = std::get_if<RopeYarn>(&rope.scaling)) {
        scaling.string("rope_type", "yarn").number("factor", yarn->factor).count("original_max_position_embeddings", yarn->original_context);
        scaling.number("beta_fast", yarn->beta_fast).number("beta_slow", yarn->beta_slow).flag("truncate", yarn->whole_channels);
        if (yarn->attention_factor > 0) scaling.number("attention_factor", yarn->attention_factor);
    } else if (const auto* factors = std::get_if<RopeFactors>(&rope.scaling)) {
        scaling.string("rope_type", "longrope").list("short_factor", factors->within, number).list("long_factor", factors->beyond, number);
        scaling.number("attention_factor", factors->attention_factor);
        const double original = factors->original_context > 0 ? factors->original_context : static_cast<double>(context);
        scaling.number("factor", static_cast<double>(context) / original).count("original_max_position_embeddings", original);
        config.count("original_max_position_embeddings", original);
    } else {
        config.json("rope_scaling", "null");
        return;
    }
    config.json("rope_scaling", scaling.nested());
}

// What the families of Llama and Gemma have in common.
template <class Config>
void add_decoder(JsonText& config, const Config& c) {
    config.count("vocab_size", c.vocab_size).count("hidden_size", c.hidden_size).count("intermediate_size", c.intermediate_size);
    config.count("num_hidden_layers", c.layers).count("num_attention_heads", c.heads).count("num_key_value_heads", c.kv_heads);
    const auto* dynamic = std::get_if<RopeDynamic>(&c.rope.scaling);  // whose c.context is as far as it grows
    config.count("head_dim", c.head_dim).count("max_position_embeddings", dynamic != nullptr ? static_cast<index_t>(dynamic->context) : c.context);
    config.number("rms_norm_eps", c.rms_eps);
    config.flag("tie_word_embeddings", c.tied);
    add_rope(config, c.rope, c.head_dim, c.context);
    const auto window = std::find_if(c.windows.begin(), c.windows.end(), [](index_t w) { return w > 0; });
    if (window == c.windows.end()) return;
    config.count("sliding_window", *window);
    config.list("layer_types", c.windows, [](index_t w) { return w > 0 ? "\"sliding_attention\"" : "\"full_attention\""; });
}

}  // namespace detail

/// For a GPT-2.
inline std::string config_json(const Gpt2Config& c) {
    JsonText config;
    config.json("architectures", "[\"GPT2LMHeadModel\"]").string("model_type", "gpt2");
    config.string("activation_function", c.activation == UnaryOp::gelu_tanh ? "gelu_new" : detail::activation_name(c.activation));
    config.count("vocab_size", c.vocab_size).count("n_positions", c.context).count("n_embd", c.hidden_size).count("n_layer", c.layers);
    config.count("n_head", c.heads).json("n_inner", c.inner_size > 0 ? std::to_string(c.inner_size) : "null");
    config.number("layer_norm_epsilon", c.layer_norm_eps);
    config.number("embd_pdrop", c.dropout).number("resid_pdrop", c.dropout).number("attn_pdrop", 0.0);
    if (!c.scaled_scores) config.flag("scale_attn_weights", false);
    if (c.scaled_by_layer) config.flag("scale_attn_by_inverse_layer_idx", true);
    return config.json("bos_token_id", "null").json("eos_token_id", "null").flag("tie_word_embeddings", c.tied).text();
}

/// For a model of Llama's family, which `type` names: llama, mistral, qwen2, qwen3 or phi3. Throws unsupported for what that family does not have.
inline std::string config_json(const LlamaConfig& c, std::string_view type) {
    constexpr std::pair<std::string_view, std::string_view> classes[] = {
        {"llama", "Llama"}, {"mistral", "Mistral"}, {"qwen2", "Qwen2"}, {"qwen3", "Qwen3"}, {"phi3", "Phi3"}};
    const auto at = std::find_if(std::begin(classes), std::end(classes), [&](const auto& row) { return row.first == type; });
    require(at != std::end(classes), ErrorCode::unsupported, "config.json: '", type, "' is no model of Llama's family");
    const bool qwen2 = type == "qwen2", qwen = qwen2 || type == "qwen3", biases = type == "llama" || type == "qwen3";
    const bool fits = c.qk_norm == (type == "qwen3") && (qwen2 ? c.qkv_bias && !c.out_bias : c.qkv_bias == c.out_bias && (biases || !c.qkv_bias)) &&
                      (!c.mlp_bias || type == "llama") && (c.windows.empty() || type != "llama");
    require(fits, ErrorCode::unsupported, "config.json: the model has biases, norms or windows that ", type, " does not have");
    JsonText config;
    config.json("architectures", "[\"" + std::string(at->second) + "ForCausalLM\"]").string("model_type", type);
    config.string("hidden_act", detail::activation_name(c.activation));
    detail::add_decoder(config, c);
    if (biases) config.flag("attention_bias", c.out_bias);
    if (type == "llama") config.flag("mlp_bias", c.mlp_bias);
    if (qwen && !c.windows.empty()) config.flag("use_sliding_window", true).json("max_window_layers", "0");
    if (!qwen && type != "llama" && c.windows.empty()) config.json("sliding_window", "null");
    return config.json("bos_token_id", "null").json("eos_token_id", "null").json("pad_token_id", "null").text();
}

/// For a Gemma, which `type` names: gemma, gemma2 or gemma3_text.
inline std::string config_json(const GemmaConfig& c, std::string_view type) {
    constexpr std::pair<std::string_view, std::string_view> classes[] = {{"gemma", "Gemma"}, {"gemma2", "Gemma2"}, {"gemma3_text", "Gemma3"}};
    const auto at = std::find_if(std::begin(classes), std::end(classes), [&](const auto& row) { return row.first == type; });
    require(at != std::end(classes), ErrorCode::unsupported, "config.json: '", type, "' is no Gemma");
    JsonText config;
    config.json("architectures", "[\"" + std::string(at->second) + "ForCausalLM\"]").string("model_type", type);
    config.string("hidden_activation", detail::activation_name(c.activation));
    detail::add_decoder(config, c);
    config.flag("attention_bias", c.out_bias);
    if (type != "gemma") {
        const auto cap = [](double value) { return value > 0 ? detail::real_to_json(value) : std::string("null"); };
        config.count("query_pre_attn_scalar", 1 / (c.score_scale * c.score_scale));  // a whole number there
        config.json("attn_logit_softcapping", cap(c.attention_softcap)).json("final_logit_softcapping", cap(c.logit_softcap));
    }
    if (type == "gemma3_text") config.number("rope_local_base_freq", c.local_rope.theta);
    return config.json("bos_token_id", "null").json("eos_token_id", "null").json("pad_token_id", "null").text();
}

}  // namespace tercet::inline TERCET_ABI
