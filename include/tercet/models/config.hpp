// Configurations read from files: a Hugging Face config.json, or a GGUF file's metadata, into the structs the models are built from.
//
// Every number is checked for its range here, so that a model can trust its config. What a config asks for and the models do not do is
// refused by name: a wrong answer would be worse.
#pragma once

#include "tercet/io/gguf.hpp"
#include "tercet/models/encoder.hpp"
#include "tercet/models/gpt2.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr std::int64_t largest_extent = std::int64_t{1} << 26;

// An extent from a config: positive and of a size that exists.
inline index_t checked_extent(std::int64_t value, std::string_view key, std::string_view source) {
    require(value > 0 && value <= largest_extent, ErrorCode::invalid_argument, source, ": ", key, " = ", value, " is not in [1, ", largest_extent,
            "]");
    return static_cast<index_t>(value);
}
inline index_t extent(const Json& config, std::string_view key, std::string_view source) {
    return checked_extent(config.at(key).as_int(), key, source);
}
inline index_t extent_or(const Json& config, std::string_view key, index_t fallback, std::string_view source) {
    const Json* value = config.find(key);
    return value == nullptr || value->is_null() ? fallback : checked_extent(value->as_int(), key, source);
}
inline float epsilon(double value, std::string_view key, std::string_view source) {
    require(value > 0 && value < 1, ErrorCode::invalid_argument, source, ": ", key, " = ", value, " is not in (0, 1)");
    return static_cast<float>(value);
}

// The row of a table that stands for padding and is not trained; -1 where there is none.
inline index_t padding_row(const Json& config, std::int64_t otherwise, index_t rows, std::string_view source) {
    const Json* value = config.find("pad_token_id");
    if (value != nullptr && value->is_null()) return -1;
    const auto row = value == nullptr ? otherwise : value->as_int();
    require(row >= 0 && row < rows, ErrorCode::invalid_argument, source, ": pad_token_id ", row, " is not in the vocabulary of ", rows);
    return static_cast<index_t>(row);
}

inline UnaryOp activation(const std::string& name, std::string_view source) {
    if (name == "gelu") return UnaryOp::gelu;
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return UnaryOp::gelu_tanh;
    if (name == "relu") return UnaryOp::relu;
    if (name == "silu" || name == "swish") return UnaryOp::silu;
    fail(ErrorCode::unsupported, source, ": the activation '", name, "' is not supported");
}

// transformers 5 writes rope_parameters, earlier versions rope_theta and rope_scaling.
inline void read_rope(LlamaConfig& c, const Json& config, std::string_view source) {
    const Json* newer = config.find("rope_parameters");
    const Json* older = config.find("rope_scaling");
    const Json* scaling = newer != nullptr && !newer->is_null() ? newer : older != nullptr && !older->is_null() ? older : nullptr;
    c.rope_theta = config.get_or("rope_theta", 10000.0);
    if (scaling != nullptr) {
        c.rope_theta = scaling->get_or("rope_theta", c.rope_theta);
        const std::string type = scaling->get_or("rope_type", scaling->get_or("type", std::string("default")));
        if (type == "linear") {
            c.rope_linear = scaling->at("factor").as_number();
        } else if (type == "llama3") {
            c.rope_llama3 = RopeLlama3{scaling->at("factor").as_number(), scaling->at("low_freq_factor").as_number(),
                                       scaling->at("high_freq_factor").as_number(), scaling->at("original_max_position_embeddings").as_number()};
            const auto& r = *c.rope_llama3;
            require(r.factor > 0 && r.high_freq_factor > r.low_freq_factor && r.original_context > 0, ErrorCode::invalid_argument, source,
                    ": rope_scaling is out of range");
        } else if (type != "default") {
            fail(ErrorCode::unsupported, source, ": rotary scaling of type '", type, "' is not supported");
        }
    }
    require(c.rope_theta > 0 && c.rope_linear > 0, ErrorCode::invalid_argument, source, ": rope_theta and the scaling factor must be positive");
}

inline void check_heads(index_t heads, index_t kv_heads, index_t head_dim, std::string_view source) {
    require(heads % kv_heads == 0, ErrorCode::invalid_argument, source, ": ", heads, " heads do not divide among ", kv_heads, " key heads");
    require(head_dim % 2 == 0, ErrorCode::invalid_argument, source, ": head_dim ", head_dim, " is odd, rotary positions need pairs");
}

}  // namespace detail

/// A config.json of model_type llama, mistral, qwen2 or qwen3.
inline LlamaConfig llama_config(const Json& config, const std::string& source) {
    using detail::extent, detail::extent_or;
    const std::string type = config.at("model_type").as_string();
    LlamaConfig c;
    c.vocab_size = extent(config, "vocab_size", source);
    c.hidden_size = extent(config, "hidden_size", source);
    c.intermediate_size = extent(config, "intermediate_size", source);
    c.layers = extent(config, "num_hidden_layers", source);
    c.heads = extent(config, "num_attention_heads", source);
    c.kv_heads = extent_or(config, "num_key_value_heads", c.heads, source);
    c.head_dim = extent_or(config, "head_dim", std::max<index_t>(1, c.hidden_size / c.heads), source);
    c.context = extent_or(config, "max_position_embeddings", 2048, source);
    c.rms_eps = detail::epsilon(config.get_or("rms_norm_eps", 1e-6), "rms_norm_eps", source);
    c.tied = config.get_or("tie_word_embeddings", false);
    c.qkv_bias = type == "qwen2" || config.get_or("attention_bias", false);
    c.out_bias = type != "qwen2" && config.get_or("attention_bias", false);
    c.mlp_bias = config.get_or("mlp_bias", false);
    c.qk_norm = type == "qwen3";
    const Json* window = config.find("sliding_window");
    const bool windowed = window != nullptr && !window->is_null() && (type == "mistral" || config.get_or("use_sliding_window", false));
    if (windowed) {
        require(type == "mistral", ErrorCode::unsupported, source, ": a sliding window in some layers only is not supported for ", type);
        c.window = detail::checked_extent(window->as_int(), "sliding_window", source);
    }
    require(detail::activation(config.get_or("hidden_act", std::string("silu")), source) == UnaryOp::silu, ErrorCode::unsupported, source, ": ", type,
            " with another activation than silu");
    detail::check_heads(c.heads, c.kv_heads, c.head_dim, source);
    detail::read_rope(c, config, source);
    return c;
}

/// A GGUF file of architecture llama, or qwen2 or qwen3.
inline LlamaConfig llama_config(const Gguf& file) {
    const std::string arch = file.string("general.architecture") + ".", &source = file.source();
    const auto extent = [&](const char* key) { return detail::checked_extent(file.integer(arch + key), arch + key, source); };
    const auto extent_or = [&](const char* key, index_t fallback) { return file.has(arch + key) ? extent(key) : fallback; };
    LlamaConfig c;
    const StoredTensor* table = file.find("token_embd.weight");
    require(table != nullptr && table->shape.rank() == 2, ErrorCode::missing_tensor, source,
            ": tensor 'token_embd.weight' (vocabulary, width) is not there");
    c.vocab_size = detail::checked_extent(table->shape[0], "token_embd.weight", source);
    c.hidden_size = extent("embedding_length");
    c.intermediate_size = extent("feed_forward_length");
    c.layers = extent("block_count");
    c.heads = extent("attention.head_count");
    c.kv_heads = extent_or("attention.head_count_kv", c.heads);
    c.head_dim = extent_or("attention.key_length", std::max<index_t>(1, c.hidden_size / c.heads));
    c.context = extent_or("context_length", 2048);
    c.rms_eps = detail::epsilon(file.number(arch + "attention.layer_norm_rms_epsilon"), arch + "attention.layer_norm_rms_epsilon", source);
    c.rope_theta = file.number_or(arch + "rope.freq_base", 10000.0);
    c.tied = file.find("output.weight") == nullptr;
    c.qkv_bias = file.find("blk.0.attn_q.bias") != nullptr;
    c.qk_norm = file.find("blk.0.attn_q_norm.weight") != nullptr;
    c.window = extent_or("attention.sliding_window", 0);
    require(c.window == 0 || arch == "llama.", ErrorCode::unsupported, source, ": a sliding window is not supported for ", arch);
    require(file.integer_or(arch + "expert_count", 0) == 0, ErrorCode::unsupported, source, ": mixtures of experts are not supported");
    const std::string scaling = file.string_or(arch + "rope.scaling.type", "none");
    if (scaling == "linear") c.rope_linear = file.number(arch + "rope.scaling.factor");
    else require(scaling == "none", ErrorCode::unsupported, source, ": rotary scaling of type '", scaling, "' is not supported");
    require(file.find("rope_freqs.weight") == nullptr, ErrorCode::unsupported, source,
            ": rotary frequencies from the tensor 'rope_freqs.weight' are not supported");
    require(c.rope_theta > 0 && c.rope_linear > 0, ErrorCode::invalid_argument, source, ": rope.freq_base and the scaling factor must be positive");
    detail::check_heads(c.heads, c.kv_heads, c.head_dim, source);
    return c;
}

/// A config.json of model_type gpt2.
inline Gpt2Config gpt2_config(const Json& config, const std::string& source) {
    using detail::extent, detail::extent_or;
    Gpt2Config c;
    c.vocab_size = extent(config, "vocab_size", source);
    c.context = extent(config, "n_positions", source);
    c.hidden_size = extent(config, "n_embd", source);
    c.layers = extent(config, "n_layer", source);
    c.heads = extent(config, "n_head", source);
    c.inner_size = extent_or(config, "n_inner", 0, source);
    c.layer_norm_eps = detail::epsilon(config.get_or("layer_norm_epsilon", 1e-5), "layer_norm_epsilon", source);
    c.tied = config.get_or("tie_word_embeddings", true);
    require(detail::activation(config.get_or("activation_function", std::string("gelu_new")), source) == UnaryOp::gelu_tanh &&
                config.get_or("scale_attn_weights", true) && !config.get_or("scale_attn_by_inverse_layer_idx", false),
            ErrorCode::unsupported, source, ": this variant of GPT-2's activation or attention scale is not supported");
    require(c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, source, ": n_embd ", c.hidden_size, " does not divide into ", c.heads,
            " heads");
    return c;
}

/// A GGUF file of architecture gpt2.
inline Gpt2Config gpt2_config(const Gguf& file) {
    const std::string& source = file.source();
    const auto extent = [&](const std::string& key) { return detail::checked_extent(file.integer("gpt2." + key), "gpt2." + key, source); };
    const StoredTensor* table = file.find("token_embd.weight");
    require(table != nullptr && table->shape.rank() == 2, ErrorCode::missing_tensor, source,
            ": tensor 'token_embd.weight' (vocabulary, width) is not there");
    Gpt2Config c;
    c.vocab_size = detail::checked_extent(table->shape[0], "token_embd.weight", source);
    c.context = extent("context_length");
    c.hidden_size = extent("embedding_length");
    c.layers = extent("block_count");
    c.heads = extent("attention.head_count");
    c.inner_size = extent("feed_forward_length");
    c.layer_norm_eps = detail::epsilon(file.number_or("gpt2.attention.layer_norm_epsilon", 1e-5), "gpt2.attention.layer_norm_epsilon", source);
    c.tied = file.find("output.weight") == nullptr;
    require(c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, source, ": embedding_length ", c.hidden_size, " does not divide into ",
            c.heads, " heads");
    return c;
}

/// A config.json of model_type bert, or roberta, xlm-roberta or camembert.
inline BertConfig bert_config(const Json& config, const std::string& source) {
    using detail::extent, detail::extent_or;
    BertConfig c;
    c.counted_positions = config.get_or("model_type", std::string("bert")) != "bert";
    c.vocab_size = extent(config, "vocab_size", source);
    c.hidden_size = extent(config, "hidden_size", source);
    c.intermediate_size = extent(config, "intermediate_size", source);
    c.layers = extent(config, "num_hidden_layers", source);
    c.heads = extent(config, "num_attention_heads", source);
    c.types = extent_or(config, "type_vocab_size", 2, source);
    c.padding = detail::padding_row(config, c.counted_positions ? 1 : 0, c.vocab_size, source);
    c.context = extent_or(config, "max_position_embeddings", 512, source);
    if (c.counted_positions) c.context = detail::checked_extent(c.context - c.padding - 1, "max_position_embeddings without padding", source);
    c.layer_norm_eps = detail::epsilon(config.get_or("layer_norm_eps", 1e-12), "layer_norm_eps", source);
    c.activation = detail::activation(config.get_or("hidden_act", std::string("gelu")), source);
    require(config.get_or("position_embedding_type", std::string("absolute")) == "absolute" && !config.get_or("is_decoder", false),
            ErrorCode::unsupported, source, ": relative positions and BERT as a decoder are not supported");
    require(c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, source, ": hidden_size ", c.hidden_size, " does not divide into ", c.heads,
            " heads");
    return c;
}

/// A config.json of model_type distilbert.
inline BertConfig distilbert_config(const Json& config, const std::string& source) {
    using detail::extent, detail::extent_or;
    BertConfig c;
    c.pooler = false;
    c.types = 0;
    c.vocab_size = extent(config, "vocab_size", source);
    c.hidden_size = extent(config, "dim", source);
    c.intermediate_size = extent(config, "hidden_dim", source);
    c.layers = extent(config, "n_layers", source);
    c.heads = extent(config, "n_heads", source);
    c.context = extent_or(config, "max_position_embeddings", 512, source);
    c.padding = detail::padding_row(config, 0, c.vocab_size, source);
    c.activation = detail::activation(config.get_or("activation", std::string("gelu")), source);
    require(c.hidden_size % c.heads == 0, ErrorCode::invalid_argument, source, ": dim ", c.hidden_size, " does not divide into ", c.heads, " heads");
    return c;
}

/// What an encoder was saved for, by the first of its "architectures"; hidden states where there is none. Throws unsupported for another one.
inline EncoderTask encoder_task(const Json& config, const std::string& source) {
    const Json* list = config.find("architectures");
    if (list == nullptr || list->is_null() || list->size() == 0) return EncoderTask::hidden_states;
    const auto& name = list->at(0).as_string();
    constexpr std::pair<std::string_view, EncoderTask> endings[] = {{"ForMaskedLM", EncoderTask::masked_lm},
                                                                    {"ForPreTraining", EncoderTask::masked_lm},
                                                                    {"ForSequenceClassification", EncoderTask::sequence_classification},
                                                                    {"ForTokenClassification", EncoderTask::token_classification},
                                                                    {"ForQuestionAnswering", EncoderTask::question_answering},
                                                                    {"Model", EncoderTask::hidden_states}};
    for (const auto& [ending, task] : endings)
        if (name.ends_with(ending)) return task;
    fail(ErrorCode::unsupported, source, ": the architecture '", name,
         "' is not supported (…Model, …ForMaskedLM, …ForSequenceClassification, …ForTokenClassification, …ForQuestionAnswering)");
}

/// The names of a classifier's classes in their order, from "id2label"; "LABEL_0", … where there are none. Throws invalid_argument for numbers that
/// are not 0, 1, …
inline std::vector<std::string> class_labels(const Json& config, const std::string& source) {
    const Json* names = config.find("id2label");
    if (names == nullptr || names->is_null()) {
        std::vector<std::string> labels;
        for (index_t i = 0; i < detail::extent_or(config, "num_labels", 2, source); ++i) labels.push_back("LABEL_" + std::to_string(i));
        return labels;
    }
    std::vector<std::string> labels(names->size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const Json* label = names->find(std::to_string(i));
        require(label != nullptr, ErrorCode::invalid_argument, source, ": id2label has ", labels.size(), " classes, but none with the number ", i);
        labels[i] = label->as_string();
    }
    require(!labels.empty(), ErrorCode::invalid_argument, source, ": id2label is empty");
    return labels;
}

}  // namespace tercet::inline TERCET_ABI
