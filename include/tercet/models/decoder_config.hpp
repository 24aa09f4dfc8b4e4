// Configurations of decoder-only language models, from config.json or a GGUF file's metadata.
#pragma once

#include "tercet/models/config_reader.hpp"
#include "tercet/models/gemma.hpp"
#include "tercet/models/gpt2.hpp"
#include "tercet/models/llama.hpp"

namespace tercet::inline TERCET_ABI {

/// A config.json of model_type llama, mistral, qwen2, qwen3 or phi3.
inline LlamaConfig llama_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    const std::string type = r.type();
    LlamaConfig c;
    c.vocab_size = r.extent("vocab_size");
    c.hidden_size = r.extent("hidden_size");
    c.intermediate_size = r.extent("intermediate_size");
    c.layers = r.layers("num_hidden_layers");
    c.heads = r.extent("num_attention_heads");
    c.kv_heads = r.extent_or("num_key_value_heads", c.heads);
    c.head_dim = r.extent_or("head_dim", std::max<index_t>(1, c.hidden_size / c.heads));
    c.context = r.extent_or("max_position_embeddings", 2048);
    c.rms_eps = r.epsilon("rms_norm_eps", 1e-6);
    c.tied = r.flag("tie_word_embeddings", false);
    c.qkv_bias = type == "qwen2" || r.flag("attention_bias", false);
    c.out_bias = type != "qwen2" && r.flag("attention_bias", false);
    c.mlp_bias = r.flag("mlp_bias", false);
    c.qk_norm = type == "qwen3";
    const bool always = type == "mistral" || type == "phi3";
    if (always || r.flag("use_sliding_window", false)) {
        const index_t from = always ? 0 : static_cast<index_t>(r.integer("max_window_layers", 28));
        c.windows = r.windows(c.layers, r.window("sliding_window"), [&](index_t layer) { return layer >= from; });
    }
    c.activation = r.activation("hidden_act", "silu");
    detail::check_kv_heads(c.heads, c.kv_heads, source);
    c.rope = r.rope(c.head_dim);
    if (const auto* dynamic = std::get_if<RopeDynamic>(&c.rope.scaling))
        c.context = static_cast<index_t>(dynamic->factor * static_cast<double>(c.context));
    return c;
}

/// A GGUF file of architecture llama, qwen2, qwen3 or phi3.
inline LlamaConfig llama_config(const Gguf& file) {
    const detail::GgufReader r(file);
    const std::string& source = file.source();
    LlamaConfig c;
    c.vocab_size = r.vocabulary();
    c.hidden_size = r.extent("embedding_length");
    c.intermediate_size = r.extent("feed_forward_length");
    c.layers = r.layers("block_count");
    c.heads = r.extent("attention.head_count");
    c.kv_heads = r.extent_or("attention.head_count_kv", c.heads);
    c.head_dim = r.extent_or("attention.key_length", std::max<index_t>(1, c.hidden_size / c.heads));
    c.context = r.extent_or("context_length", 2048);
    c.rms_eps = r.epsilon("attention.layer_norm_rms_epsilon");
    c.tied = file.find("output.weight") == nullptr;
    c.qkv_bias = file.find("blk.0.attn_q.bias") != nullptr;
    c.out_bias = file.find("blk.0.attn_output.bias") != nullptr;
    c.mlp_bias = file.find("blk.0.ffn_down.bias") != nullptr;
    c.qk_norm = file.find("blk.0.attn_q_norm.weight") != nullptr;
    if (r.has("attention.sliding_window")) {
        require(r.prefix == "llama." || r.prefix == "phi3.", ErrorCode::unsupported, source, ": a sliding window is not supported for ", r.prefix);
        c.windows.assign(static_cast<std::size_t>(c.layers), r.extent("attention.sliding_window"));
    }
    require(file.integer_or(r.prefix + "expert_count", 0) == 0, ErrorCode::unsupported, source, ": mixtures of experts are not supported");
    detail::check_kv_heads(c.heads, c.kv_heads, source);
    c.rope = r.rope(c.head_dim);
    return c;
}

/// A config.json of model_type gemma, gemma2, gemma3_text, or gemma3 (whose text model it is).
inline GemmaConfig gemma_config(const Json& config, const std::string& source) {
    const Json* text = config.find("text_config");
    if (text != nullptr && text->is_object()) return gemma_config(*text, source + ": text_config");
    const detail::ConfigReader r{config, source};
    const std::string type = r.type();
    GemmaConfig c;
    const bool second = type == "gemma2", third = type.starts_with("gemma3");
    c.vocab_size = r.extent_or("vocab_size", third ? 262208 : 256000);
    c.hidden_size = r.extent_or("hidden_size", 2304);
    c.intermediate_size = r.extent_or("intermediate_size", 9216);
    c.layers = r.layers("num_hidden_layers", 26);
    c.heads = r.extent_or("num_attention_heads", 8);
    c.kv_heads = r.extent_or("num_key_value_heads", 4);
    c.head_dim = r.extent_or("head_dim", 256);
    c.context = r.extent_or("max_position_embeddings", third ? 131072 : 8192);
    c.rms_eps = r.epsilon("rms_norm_eps", 1e-6);
    c.qkv_bias = c.out_bias = r.flag("attention_bias", false);
    c.tied = r.flag("tie_word_embeddings", true);
    c.qk_norm = third;
    c.branch_norms = second || third;
    c.activation = r.activation(r.has("hidden_activation") ? "hidden_activation" : "hidden_act", "gelu_pytorch_tanh");
    if (type == "gemma") c.activation = UnaryOp::gelu_tanh;  // whatever the file says: Gemma's first files say "gelu" and mean this
    c.score_scale = 1 / std::sqrt(r.positive("query_pre_attn_scalar", second || third ? 256 : static_cast<double>(c.head_dim)));
    if (second || third) {
        // What is absent is as Gemma 2 had it; null is none.
        c.attention_softcap = r.number("attn_logit_softcapping", second && config.find("attn_logit_softcapping") == nullptr ? 50 : 0);
        c.logit_softcap = r.number("final_logit_softcapping", second && config.find("final_logit_softcapping") == nullptr ? 30 : 0);
        require(c.attention_softcap >= 0 && c.logit_softcap >= 0, ErrorCode::invalid_argument, source, ": a soft cap is negative");
        const auto every = second ? 2 : static_cast<index_t>(r.integer("sliding_window_pattern", r.integer("_sliding_window_pattern", 6)));
        require(every >= 1, ErrorCode::invalid_argument, source, ": sliding_window_pattern = ", every, " is not positive");
        c.windows =
            r.windows(c.layers, r.window("sliding_window", 4096), [&](index_t layer) { return second ? layer % 2 == 0 : (layer + 1) % every != 0; });
    }
    require(!r.flag("use_bidirectional_attention", false), ErrorCode::unsupported, source, ": attention in both directions is not supported for ",
            type);
    detail::check_kv_heads(c.heads, c.kv_heads, source);

    const Json* both = r.find("rope_parameters");
    if (third && both != nullptr && both->find("full_attention") != nullptr) {
        c.rope = r.rope(c.head_dim, 1e6, both->find("full_attention"));
        c.local_rope = r.rope(c.head_dim, 1e4, both->find("sliding_attention"));
    } else {
        c.rope = r.rope(c.head_dim, third ? 1e6 : 1e4);
        c.local_rope = third ? RopeConfig{c.rope.channels, r.positive("rope_local_base_freq", 1e4), {}} : c.rope;
    }
    return c;
}

/// What GGUF does not say of a Gemma, filled in by its architecture: the scale of scores, which layers have the window (c.windows, of one entry, is
/// how long it is), the rotary base of those.
inline GemmaConfig gemma_layout(std::string_view architecture, GemmaConfig c) {
    const bool second = architecture == "gemma2", third = architecture == "gemma3";
    // The 27B models scale by the width over the heads, all others by the head's own; llama.cpp tells them by the layers too.
    const bool by_width = (second && c.layers == 46) || (third && c.layers == 62);
    c.score_scale = 1 / std::sqrt(static_cast<double>(by_width ? c.hidden_size / c.heads : c.head_dim));
    const auto longest = std::max_element(c.windows.begin(), c.windows.end());
    const index_t window = longest == c.windows.end() ? 0 : *longest;
    c.windows.clear();
    for (index_t i = 0; i < c.layers && window > 0 && (second || third); ++i)
        c.windows.push_back((second ? i % 2 == 0 : (i + 1) % 6 != 0) ? window : 0);
    c.local_rope = third ? RopeConfig{c.rope.channels, 1e4, {}} : c.rope;
    return c;
}

/// A GGUF file of architecture gemma, gemma2 or gemma3.
inline GemmaConfig gemma_config(const Gguf& file) {
    const detail::GgufReader r(file);
    GemmaConfig c;
    const bool second = r.prefix == "gemma2.", third = r.prefix == "gemma3.";
    c.vocab_size = r.vocabulary();
    c.hidden_size = r.extent("embedding_length");
    c.intermediate_size = r.extent("feed_forward_length");
    c.layers = r.layers("block_count");
    c.heads = r.extent("attention.head_count");
    c.kv_heads = r.extent_or("attention.head_count_kv", c.heads);
    c.head_dim = r.extent_or("attention.key_length", std::max<index_t>(1, c.hidden_size / c.heads));
    c.context = r.extent_or("context_length", 8192);
    c.rms_eps = r.epsilon("attention.layer_norm_rms_epsilon", 1e-6);
    c.tied = file.find("output.weight") == nullptr;
    c.qk_norm = third;
    c.branch_norms = second || third;
    if (second) {
        c.attention_softcap = r.positive("attn_logit_softcapping", 50);
        c.logit_softcap = r.positive("final_logit_softcapping", 30);
    }
    if (r.has("attention.sliding_window")) c.windows = {r.extent("attention.sliding_window")};
    detail::check_kv_heads(c.heads, c.kv_heads, file.source());
    c.rope = r.rope(c.head_dim, third ? 1e6 : 1e4);
    return gemma_layout(file.string("general.architecture"), c);
}

/// A config.json of model_type gpt2.
inline Gpt2Config gpt2_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    Gpt2Config c;
    c.vocab_size = r.extent("vocab_size");
    c.context = r.extent("n_positions");
    c.hidden_size = r.extent("n_embd");
    c.layers = r.layers("n_layer");
    c.heads = r.extent("n_head");
    c.inner_size = r.extent_or("n_inner", 0);
    c.layer_norm_eps = r.epsilon("layer_norm_epsilon", 1e-5);
    c.tied = r.flag("tie_word_embeddings", true);
    c.activation = r.activation("activation_function", "gelu_new");
    c.scaled_scores = r.flag("scale_attn_weights", true);
    c.scaled_by_layer = r.flag("scale_attn_by_inverse_layer_idx", false);
    c.dropout = r.share("resid_pdrop", 0.1);
    detail::check_divides(c.hidden_size, c.heads, source);
    return c;
}

/// A GGUF file of architecture gpt2.
inline Gpt2Config gpt2_config(const Gguf& file) {
    const detail::GgufReader r(file);
    Gpt2Config c;
    c.vocab_size = r.vocabulary();
    c.context = r.extent("context_length");
    c.hidden_size = r.extent("embedding_length");
    c.layers = r.layers("block_count");
    c.heads = r.extent("attention.head_count");
    c.inner_size = r.extent("feed_forward_length");
    c.layer_norm_eps = r.epsilon("attention.layer_norm_epsilon", 1e-5);
    c.tied = file.find("output.weight") == nullptr;
    detail::check_divides(c.hidden_size, c.heads, file.source());
    return c;
}

}  // namespace tercet::inline TERCET_ABI
