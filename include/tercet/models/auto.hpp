// From files to models: config.json or GGUF metadata names the architecture, and this table knows how to build it.
#pragma once

#include "tercet/io/hub.hpp"
#include "tercet/models/gguf_names.hpp"
#include "tercet/nn/lora.hpp"

#include <variant>

namespace tercet::inline TERCET_ABI {

/// A decoder-only language model of any architecture here.
using CausalModel = std::variant<Llama, Gpt2>;

struct ModelOptions {
    bool map = true;         // map the file; false reads it into memory, for files that may shrink meanwhile
    bool trainable = false;  // all weights as dense f32 on the tape; otherwise they are packed, or stay as stored
    std::stop_token stop{};  // cancels loading
    // What activations become in matrix products. With int8, weights of block types (Q8_0, Q4_K, …) are met by bytes under a scale for each 32
    // activations: several times as fast, and the logits move by some hundredths. BF16 weights are met by bfloat16
    // where the machine multiplies that; F32 and F16 are unaffected.
    Activations activations = Activations::f32;
    // What matrices that a checkpoint has in float32 are held as: q8_0 takes a quarter of the memory, bf16 half of it. Float32 when absent.
    std::optional<StorageType> weights{};
    std::string adapter{};  // a directory with a LoRA adapter to put on the model (nn/lora.hpp); none when empty
};

/// ids (B, T) -> logits (B, T, V).
inline Tensor<float> forward(const CausalModel& model, const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) {
    require(ids.rank() == 2 && ids.numel() > 0, ErrorCode::invalid_argument, "forward: ids must be (batch, tokens) with at least one token, not ",
            ids.shape());
    return std::visit([&](const auto& m) { return m(ids, options); }, model);
}
inline index_t layers(const CausalModel& model) {
    return std::visit([](const auto& m) { return m.layers(); }, model);
}
/// Positions the model was made for.
inline index_t context(const CausalModel& model) {
    return std::visit([](const auto& m) { return m.context(); }, model);
}
inline index_t vocab_size(const CausalModel& model) {
    return std::visit([](const auto& m) { return m.vocab_size(); }, model);
}

namespace detail {

inline Checkpoint checkpoint_from(const ModelFiles& files) {
    return {files.shards().size() == 1 ? files.shards()[0].source() : files.directory(), files.tensors(), files.owner(), false};
}

// Checkpoints saved from the bare model leave out the prefix that the model with a head has, and the other way round: all names get
// `prefix` when none but `without` has it, or lose it.
inline void add_prefix(Checkpoint& checkpoint, std::string_view prefix, std::string_view without) {
    for (const auto& t : checkpoint.tensors)
        if (t.name.starts_with(prefix)) return;
    for (auto& t : checkpoint.tensors)
        if (!t.name.starts_with(without)) t.name.insert(0, prefix);
}
inline void drop_prefix(Checkpoint& checkpoint, std::string_view prefix) {
    for (auto& t : checkpoint.tensors)
        if (t.name.starts_with(prefix)) t.name.erase(0, prefix.size());
}

template <class Model>
Model loaded(Model model, const Checkpoint& checkpoint, const ModelOptions& options, std::vector<std::string> ignored) {
    load_weights(model, checkpoint, {options.trainable, std::move(ignored), options.stop, options.weights, options.activations});
    if (!options.adapter.empty()) attach_lora(model, load_lora(options.adapter, {options.trainable, options.map, options.stop}));
    return model;
}

inline Llama load_llama(const ModelFiles& files, const ModelOptions& options) {
    auto checkpoint = checkpoint_from(files);
    add_prefix(checkpoint, "model.", "lm_head.");
    const auto config = llama_config(files.config(), files.directory() + "/config.json");
    std::vector<std::string> ignored{"rotary_emb.inv_freq"};
    if (config.tied) ignored.emplace_back("lm_head.weight");
    return loaded(Llama(config), checkpoint, options, std::move(ignored));
}

inline Gpt2 load_gpt2(const ModelFiles& files, const ModelOptions& options) {
    auto checkpoint = checkpoint_from(files);
    add_prefix(checkpoint, "transformer.", "lm_head.");
    const auto config = gpt2_config(files.config(), files.directory() + "/config.json");
    std::vector<std::string> ignored{".attn.bias", ".attn.masked_bias"};  // the causal mask, saved by older versions
    if (config.tied) ignored.emplace_back("lm_head.weight");
    return loaded(Gpt2(config), checkpoint, options, std::move(ignored));
}

struct CausalRow {
    std::string_view type;
    CausalModel (*from_files)(const ModelFiles&, const ModelOptions&);
};
template <auto Load>
CausalModel as_causal(const ModelFiles& files, const ModelOptions& options) {
    return Load(files, options);
}
inline constexpr CausalRow causal_models[] = {{"llama", as_causal<load_llama>},
                                              {"mistral", as_causal<load_llama>},
                                              {"qwen2", as_causal<load_llama>},
                                              {"qwen3", as_causal<load_llama>},
                                              {"gpt2", as_causal<load_gpt2>}};

}  // namespace detail

/// A language model from an opened directory. Throws unsupported for an architecture that is not in the table.
inline CausalModel load_causal_model(const ModelFiles& files, const ModelOptions& options = {}) {
    const std::string type = files.config().at("model_type").as_string();
    for (const auto& row : detail::causal_models)
        if (row.type == type) return row.from_files(files, options);
    fail(ErrorCode::unsupported, files.directory(), "/config.json: model_type '", type,
         "' is not a language model that is supported (llama, mistral, qwen2, qwen3, gpt2)");
}

/// A language model from an opened GGUF file.
inline CausalModel load_causal_model(const Gguf& file, const ModelOptions& options = {}) {
    const std::string architecture = file.string("general.architecture");
    if (architecture == "gpt2") {
        const auto config = gpt2_config(file);
        return detail::loaded(Gpt2(config), checkpoint_from_gguf(file, architecture, config.heads, config.heads), options, {});
    }
    require(architecture == "llama" || architecture == "qwen2" || architecture == "qwen3", ErrorCode::unsupported, file.source(),
            ": the architecture '", architecture, "' is not a language model that is supported (llama, qwen2, qwen3, gpt2)");
    const auto config = llama_config(file);
    return detail::loaded(Llama(config), checkpoint_from_gguf(file, architecture, config.heads, config.kv_heads), options, {});
}

/// A BERT encoder from an opened directory, whatever head it was saved with; the heads' tensors are left aside.
inline Bert load_bert(const ModelFiles& files, const ModelOptions& options = {}) {
    const std::string type = files.config().at("model_type").as_string();
    require(type == "bert", ErrorCode::unsupported, files.directory(), "/config.json: model_type '", type,
            "' is not an encoder that is supported (bert)");
    auto checkpoint = detail::checkpoint_from(files);
    detail::drop_prefix(checkpoint, "bert.");
    auto config = bert_config(files.config(), files.directory() + "/config.json");
    config.pooler = checkpoint.find("pooler.dense.weight") != nullptr;
    std::erase_if(checkpoint.tensors, [](const StoredTensor& t) {
        return t.name.starts_with("cls.") || t.name.starts_with("classifier.") || t.name.starts_with("qa_outputs.");
    });
    return detail::loaded(Bert(config), checkpoint, options, {"embeddings.position_ids"});
}

/// Whether the path names a GGUF file.
inline bool is_gguf(std::string_view path) {
    return path.ends_with(".gguf");
}

}  // namespace tercet::inline TERCET_ABI
