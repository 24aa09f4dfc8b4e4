// From one file format to another: a Hugging Face directory as GGUF, GGUF in another type, and GGUF as a directory.
//
//   gguf_of(files)       names by the tables of models/gguf_names.hpp; q and k of Llama paired, Gemma's norms with their 1 added, as
//                        llama.cpp's converter does
//   requantized(file)    matrices unpacked and packed again; metadata and vectors as they are
//   save_directory(…)    the same names and orders the other way round, in float32
//
// Source: llama.cpp, convert_hf_to_gguf.py (names, order of rows) and llama-quant.cpp (which matrices Q4_K_M keeps in six bits).
#pragma once

#include "tercet/models/auto.hpp"
#include "tercet/models/config_json.hpp"
#include "tercet/models/save.hpp"
#include "tercet/models/save_gguf.hpp"
#include "tercet/text/load_tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

inline std::uint32_t gguf_count(index_t value) {
    return static_cast<std::uint32_t>(value);
}

inline void set_rope(GgufWriter& file, const std::string& arch, const RopeConfig& rope, index_t context) {
    file.set(arch + "rope.freq_base", static_cast<float>(rope.theta));
    file.set(arch + "rope.dimension_count", gguf_count(rope.channels));
    const auto floats = [&](std::string name, const std::vector<double>& values) {
        std::vector<std::byte> bytes;
        for (const double x : values) {
            const auto f = std::bit_cast<std::array<std::byte, 4>>(static_cast<float>(x));
            bytes.insert(bytes.end(), f.begin(), f.end());
        }
        file.add(std::move(name), StorageType::f32, {static_cast<index_t>(values.size())}, std::move(bytes));
    };
    if (const auto* linear = std::get_if<RopeLinear>(&rope.scaling)) {
        file.set(arch + "rope.scaling.type", "linear");
        file.set(arch + "rope.scaling.factor", static_cast<float>(linear->factor));
    } else if (const auto* yarn = std::get_if<RopeYarn>(&rope.scaling)) {
        file.set(arch + "rope.scaling.type", "yarn");
        file.set(arch + "rope.scaling.factor", static_cast<float>(yarn->factor));
        file.set(arch + "rope.scaling.yarn_beta_fast", static_cast<float>(yarn->beta_fast));
        file.set(arch + "rope.scaling.yarn_beta_slow", static_cast<float>(yarn->beta_slow));
        const double usual = yarn->factor <= 1 ? 1 : 0.1 * std::log(yarn->factor) + 1;
        require(yarn->whole_channels && (yarn->attention_factor == 0 || std::abs(yarn->attention_factor - usual) < 1e-6), ErrorCode::unsupported,
                "GGUF: another attention factor of yarn than 0.1 ln s + 1, and borders within a channel, have no place in the format");
        file.set(arch + "rope.scaling.original_context_length", static_cast<std::uint32_t>(yarn->original_context));
    } else if (std::holds_alternative<RopeLlama3>(rope.scaling)) {  // the blend, worked out
        const auto plain = rope_frequencies(rope.channels, rope.theta).frequencies, slow = rope_table(rope).frequencies;
        std::vector<double> factors;
        for (std::size_t i = 0; i < plain.size(); ++i) factors.push_back(plain[i] / slow[i]);
        floats("rope_freqs.weight", factors);
    } else if (const auto* longer = std::get_if<RopeFactors>(&rope.scaling)) {
        file.set(arch + "rope.scaling.original_context_length", static_cast<std::uint32_t>(longer->original_context));
        file.set(arch + "rope.scaling.attn_factor", static_cast<float>(longer->attention_factor));
        floats("rope_factors_short.weight", longer->within);
        floats("rope_factors_long.weight", longer->beyond);
    } else {
        require(std::holds_alternative<std::monostate>(rope.scaling), ErrorCode::unsupported, "GGUF: the dynamic base of rotary positions (context ",
                context, ") has no place in the format");
    }
}

// What the metadata of Llama's and Gemma's families have in common.
template <class Config>
void set_decoder(GgufWriter& file, const std::string& arch, const Config& c) {
    file.set(arch + "context_length", gguf_count(c.context));
    file.set(arch + "embedding_length", gguf_count(c.hidden_size));
    file.set(arch + "feed_forward_length", gguf_count(c.intermediate_size));
    file.set(arch + "block_count", gguf_count(c.layers));
    file.set(arch + "attention.head_count", gguf_count(c.heads));
    file.set(arch + "attention.head_count_kv", gguf_count(c.kv_heads));
    file.set(arch + "attention.key_length", gguf_count(c.head_dim));
    file.set(arch + "attention.value_length", gguf_count(c.head_dim));
    file.set(arch + "attention.layer_norm_rms_epsilon", c.rms_eps);
    const auto window = std::find_if(c.windows.begin(), c.windows.end(), [](index_t w) { return w > 0; });
    if (window != c.windows.end()) file.set(arch + "attention.sliding_window", gguf_count(*window));
    set_rope(file, arch, c.rope, c.context);
}

// A checkpoint's tensors under GGUF's names, matrices in the type asked for and vectors in float.
template <class Config>
void add_tensors(GgufWriter& file, Checkpoint checkpoint, const std::string& arch, const Config& c, const GgufOptions& options) {
    const bool gemma = arch.starts_with("gemma");
    const auto block_names = llama_block_names_of(arch.substr(0, arch.size() - 1));
    for (auto& t : checkpoint.tensors) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, "conversion to GGUF was cancelled at ", t.name);
        if (t.name.ends_with("rotary_emb.inv_freq") || (c.tied && t.name == "lm_head.weight")) continue;
        const std::string name = gguf_name(t.name, llama_names, block_names, "model.layers.");
        auto dense = dense_from(t);
        const bool query = t.name.find(".q_proj.") != std::string::npos, key = t.name.find(".k_proj.") != std::string::npos;
        if (arch == "llama." && (query || key)) {
            const auto values = std::as_bytes(dense.span());
            const auto turned = paired_rows(values, dense.size(0), query ? c.heads : c.kv_heads);
            std::memcpy(dense.mutable_data(), turned.data(), turned.size());
        }
        if (gemma && t.name.ends_with("norm.weight")) dense = dense + 1.f;
        const auto type = dense.rank() == 2 ? matrix_type(options, name, dense.size(-1), c.layers, c.tied) : StorageType::f32;
        file.add(name, type, dense.shape(), packed_as(type, dense));
    }
}

}  // namespace detail

/// A directory's language model as GGUF, with its tokenizer (null: none); save() or bytes() it. Throws unsupported for a family that has no tables
/// here (llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gemma3_text and gpt2 have) and for what the format has no place for; and what loading
/// throws.
inline GgufWriter gguf_of(const ModelFiles& files, const Tokenizer* tokenizer, const GgufOptions& options = {}) {
    const std::string type = files.config().at("model_type").as_string(), where = files.directory() + "/config.json";
    if (type == "gpt2") {
        const auto model = load_causal_model(files, {.stop = options.stop});
        return gguf_of(*model.as<Gpt2>(), tokenizer, options);
    }
    const bool llama = type == "llama" || type == "mistral" || type == "qwen2" || type == "qwen3" || type == "phi3";
    const bool gemma = type == "gemma" || type == "gemma2" || type == "gemma3_text";
    require(llama || gemma, ErrorCode::unsupported, where, ": model_type '", type,
            "' cannot be written as GGUF (llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gemma3_text, gpt2)");
    const std::string architecture = type == "mistral" ? "llama" : type == "gemma3_text" ? "gemma3" : type, arch = architecture + ".";
    GgufWriter file;
    file.set("general.architecture", architecture);
    file.set("general.type", "model");
    file.set("general.name", options.name);
    file.set("general.file_type", detail::file_type_of(options));
    if (is_supported_block(options.weights)) file.set("general.quantization_version", std::uint32_t{2});
    auto checkpoint = checkpoint_from(files);
    detail::add_prefix(checkpoint, "model.", "lm_head.");
    const auto finish = [&](const auto& c, const auto& model) {
        auto whole = checkpoint;
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(c)>, LlamaConfig>)
            if (type == "phi3") detail::split_phi3(whole, c);
        check_weights(model, whole);
        detail::set_decoder(file, arch, c);
        if (tokenizer != nullptr) add_tokenizer(file, *tokenizer, static_cast<TokenId>(c.vocab_size));
        detail::add_tensors(file, std::move(checkpoint), arch, c, options);
    };
    if (gemma) {
        const auto c = gemma_config(files.config(), where);
        // What readers take from the family rather than from the file.
        const auto usual = gemma_layout(architecture, c);
        const bool caps =
            architecture == "gemma2" ? c.attention_softcap > 0 && c.logit_softcap > 0 : c.attention_softcap == 0 && c.logit_softcap == 0;
        require(caps && c.activation == UnaryOp::gelu_tanh && c.score_scale == usual.score_scale && c.windows == usual.windows &&
                    c.local_rope.theta == usual.local_rope.theta,
                ErrorCode::unsupported, where, ": other caps, activation, scale of the scores, windows or local theta than ", type,
                "'s has no place in GGUF");
        if (c.attention_softcap > 0) file.set(arch + "attn_logit_softcapping", static_cast<float>(c.attention_softcap));
        if (c.logit_softcap > 0) file.set(arch + "final_logit_softcapping", static_cast<float>(c.logit_softcap));
        finish(c, Gemma(c));
    } else {
        const auto c = llama_config(files.config(), where);
        const bool alike = std::adjacent_find(c.windows.begin(), c.windows.end(), std::not_equal_to<>()) == c.windows.end();
        require(c.activation == UnaryOp::silu && alike && (c.windows.empty() || architecture == "llama" || architecture == "phi3"),
                ErrorCode::unsupported, where, ": an activation other than SiLU, windows in some layers only, and windows in ", type,
                ", have no place in GGUF");
        finish(c, Llama(c));
    }
    return file;
}

/// A GGUF file with its matrices in another type; the bytes of the file must stay. Throws unsupported for a type without kernels here; cancelled.
inline GgufWriter requantized(const Gguf& file, const GgufOptions& options) {
    GgufWriter out;
    for (const auto& [key, value] : file.metadata()) out.set(key, value);
    out.set("general.file_type", detail::file_type_of(options));
    if (is_supported_block(options.weights)) out.set("general.quantization_version", std::uint32_t{2});
    const bool tied = file.find("output.weight") == nullptr;
    const index_t layers = file.integer_or(file.string("general.architecture") + ".block_count", 0);
    for (const auto& t : file.tensors()) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, "quantising was cancelled at ", t.name);
        const bool matrix = t.shape.rank() == 2 && t.name != "position_embd.weight" && t.name.ends_with(".weight");
        const auto type = matrix ? detail::matrix_type(options, t.name, t.shape[1], layers, tied) : t.type;
        if (type == t.type) out.add(t);
        else out.add(t.name, type, t.shape, detail::packed_as(type, detail::dense_from(t)));
    }
    return out;
}

/// A GGUF file's language model as a directory that the transformers library loads: config.json, model.safetensors in float32, and its tokenizer.
/// Throws what loading throws, unsupported for what the family's config has no place for and for a tokenizer that a tokenizer.json cannot be; io.
inline void save_directory(const std::string& directory, const Gguf& file, std::stop_token stop = {}) {
    const std::string architecture = file.string("general.architecture");
    const auto model = load_causal_model(file, {.stop = std::move(stop)});
    if (const auto* gpt2 = model.as<Gpt2>()) {
        save_model(directory, model, config_json(gpt2->config));
    } else if (const auto* gemma = model.as<Gemma>()) {
        save_model(directory, model, config_json(gemma->config, architecture == "gemma3" ? "gemma3_text" : architecture));
    } else {
        const auto& c = model.as<Llama>()->config;
        const std::string type = architecture == "llama" && !c.windows.empty() ? "mistral" : architecture;
        detail::save_model_as(directory, model, type, config_json(c, type));
    }
    if (file.has("tokenizer.ggml.model")) save_tokenizer(directory, tokenizer_from_gguf(file));
}

}  // namespace tercet::inline TERCET_ABI
