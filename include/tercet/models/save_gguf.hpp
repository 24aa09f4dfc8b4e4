// A GPT-2 and its tokenizer as one GGUF file, as llama.cpp's converter lays it out: load_causal_lm() reads it back, and llama.cpp too.
//
//   metadata    general.*, gpt2.* and tokenizer.ggml.* (text/save_tokenizer.hpp)
//   matrices    (out, in), in the type that was asked for; where its blocks do not fill a row, in the nearest one whose blocks do
//   the rest    biases, norms and the table of positions, in float32
//
// Source: ggml/docs/gguf.md; llama.cpp, convert_hf_to_gguf.py (GPT2Model) and llama-quant.cpp (what a type gives way to).
#pragma once

#include "tercet/io/gguf_writer.hpp"
#include "tercet/models/gguf_names.hpp"
#include "tercet/models/gpt2.hpp"
#include "tercet/text/save_tokenizer.hpp"

#include <charconv>

namespace tercet::inline TERCET_ABI {

struct GgufOptions {
    StorageType weights = StorageType::f32;  // of the matrices: f32, f16, bf16, or a supported block type
    bool mixed = false;                      // with q4_k: llama.cpp's Q4_K_M, which has q6_k for the matrices that matter most
    std::string name = "gpt2";               // general.name: what the model is called
    std::stop_token stop{};                  // cancels between two tensors
};

namespace detail {

// The type that a matrix with rows of that length is stored in: as in llama.cpp, large blocks give way to small ones, and those to half precision.
constexpr StorageType type_for_rows(StorageType type, index_t row) {
    using enum StorageType;
    if (row % block_size(type) == 0) return type;
    switch (type) {
    case q2_k:
    case q3_k: return type_for_rows(iq4_nl, row);
    case q4_k: return type_for_rows(q5_0, row);
    case q5_k: return type_for_rows(q5_1, row);
    case q6_k: return type_for_rows(q8_0, row);
    default: return f16;
    }
}

// general.file_type: llama.cpp's number for a file whose matrices are mostly of a type (enum llama_ftype).
constexpr std::uint32_t gguf_file_type(StorageType type) {
    using enum StorageType;
    constexpr std::pair<StorageType, std::uint32_t> numbers[] = {{f32, 0},   {f16, 1},   {q4_0, 2},    {q4_1, 3},  {q8_0, 7},
                                                                 {q5_0, 8},  {q5_1, 9},  {q2_k, 10},   {q3_k, 11}, {q4_k, 14},
                                                                 {q5_k, 16}, {q6_k, 18}, {iq4_nl, 25}, {bf16, 32}};
    for (const auto& [t, number] : numbers)
        if (t == type) return number;
    fail(ErrorCode::unsupported, "GGUF: matrices cannot be stored as ", type);
}

// What a matrix is stored as. In a mixed file the head is in six bits, and of the values and the MLP's second layers those of the first and last
// eighth of the blocks and of every third one between; queries, keys and values in one matrix are in five.
inline StorageType matrix_type(const GgufOptions& options, const std::string& name, index_t row, index_t layers, bool tied) {
    auto type = options.weights;
    if (options.mixed) {
        bool matters = name == "output.weight" || (tied && name == "token_embd.weight");
        if (name.starts_with("blk.") && (name.ends_with("attn_v.weight") || name.ends_with("ffn_down.weight"))) {
            index_t layer = 0;
            std::from_chars(name.data() + 4, name.data() + name.size(), layer);
            const index_t eighth = layers / 8;
            matters = layer < eighth || layer >= layers - (layers + 7) / 8 || (layer - eighth) % 3 == 2;
        }
        if (matters) type = StorageType::q6_k;
        else if (name.ends_with("attn_qkv.weight")) type = StorageType::q5_k;
    }
    return type_for_rows(type, row);
}

inline std::uint32_t file_type_of(const GgufOptions& options) {
    require(!options.mixed || options.weights == StorageType::q4_k, ErrorCode::invalid_argument, "GGUF: a mixed file has q4_k weights, not ",
            options.weights);
    return options.mixed ? 15 : gguf_file_type(options.weights);
}

// "transformer.h.3.attn.c_attn.weight" -> "blk.3.attn_qkv.weight": checkpoint_name() the other way round.
inline std::string gguf_name(const std::string& name, std::span<const NamePair> names, std::span<const NamePair> block_names,
                             std::string_view blocks) {
    const auto find = [](std::span<const NamePair> in, std::string_view stem) {
        const auto at = std::find_if(in.begin(), in.end(), [&](const NamePair& n) { return n.checkpoint == stem; });
        return at == in.end() ? std::string_view() : at->gguf;
    };
    const auto dot = name.rfind('.');
    require(dot != std::string::npos, ErrorCode::unsupported, "GGUF: there is no name for the tensor '", name, "'");
    const std::string_view stem = std::string_view(name).substr(0, dot), ending = std::string_view(name).substr(dot);
    if (const auto found = find(names, stem); !found.empty()) return std::string(found).append(ending);
    require(stem.starts_with(blocks) && stem.find('.', blocks.size()) != std::string_view::npos, ErrorCode::unsupported,
            "GGUF: there is no name for the tensor '", name, "'");
    const auto number_end = stem.find('.', blocks.size());
    const auto found = find(block_names, stem.substr(number_end + 1));
    require(!found.empty(), ErrorCode::unsupported, "GGUF: there is no name for the tensor '", name, "'");
    return std::string("blk.").append(stem.substr(blocks.size(), number_end + 1 - blocks.size())).append(found).append(ending);
}

// A weight's numbers as that type, a matrix by its outputs.
inline std::vector<std::byte> packed_as(StorageType type, const Tensor<float>& rows) {  // (R, n) or (n)
    const index_t n = rows.size(-1), R = n == 0 ? 0 : rows.numel() / n;
    const auto row_bytes = bytes_of(type, n);
    std::vector<std::byte> bytes(row_bytes * static_cast<std::size_t>(R));
    const auto values = rows.span();
    Device::for_rows(R, n, [&](index_t r) {
        const auto row = static_cast<std::size_t>(r);
        quantize(type, values.subspan(row * static_cast<std::size_t>(n), static_cast<std::size_t>(n)),
                 std::span(bytes).subspan(row * row_bytes, row_bytes));
    });
    return bytes;
}

}  // namespace detail

/// The file of a model, whatever its weights are held as, and of its tokenizer (null: none); save() or bytes() it. Throws unsupported for a type
/// that matrices cannot be stored as, a model with adapters that are not merged, and a tokenizer that is not saved; invalid_argument for a tokenizer
/// of more tokens than the model and for numbers that the type cannot hold; cancelled.
inline GgufWriter gguf_of(const Gpt2& model, const Tokenizer* tokenizer, const GgufOptions& options = {}) {
    const Gpt2Config& c = model.config;
    require(c.activation == UnaryOp::gelu_tanh && c.scaled_scores && !c.scaled_by_layer, ErrorCode::unsupported,
            "GGUF: GPT-2 with another activation or scale of its scores than the paper's has no place in the format");
    const auto count = [](index_t value) { return static_cast<std::uint32_t>(value); };
    GgufWriter file;
    file.set("general.architecture", "gpt2");
    file.set("general.type", "model");
    file.set("general.name", options.name);
    file.set("general.file_type", detail::file_type_of(options));
    if (is_supported_block(options.weights)) file.set("general.quantization_version", std::uint32_t{2});
    file.set("gpt2.context_length", count(c.context));
    file.set("gpt2.embedding_length", count(c.hidden_size));
    file.set("gpt2.feed_forward_length", count(c.inner()));
    file.set("gpt2.block_count", count(c.layers));
    file.set("gpt2.attention.head_count", count(c.heads));
    file.set("gpt2.attention.layer_norm_epsilon", c.layer_norm_eps);
    if (tokenizer != nullptr) add_tokenizer(file, *tokenizer, static_cast<TokenId>(c.vocab_size));

    for_each_weight(model, [&](const std::string& name, const Weight& w) {
        require(!options.stop.stop_requested(), ErrorCode::cancelled, "saving as GGUF was cancelled at ", name);
        require(w.low_rank() == nullptr, ErrorCode::unsupported, "GGUF: '", name, "' has an adapter beside it; merge it first (merge_lora)");
        const bool matrix = w.shape().rank() == 2, positions = &w == &model.wpe.weight;
        const auto values = w.to_dense();
        const auto rows = matrix && w.order() == WeightOrder::in_out ? values.transpose().contiguous() : values.contiguous();
        const auto gguf = detail::gguf_name(name, detail::gpt2_names, detail::gpt2_block_names, "transformer.h.");
        const auto type = matrix && !positions ? detail::matrix_type(options, gguf, rows.size(-1), c.layers, c.tied) : StorageType::f32;
        file.add(gguf, type, rows.shape(), detail::packed_as(type, rows));
    });
    return file;
}

/// Writes a model and its tokenizer as one GGUF file, whole or not at all. Throws io, and what gguf_of() throws.
inline void save_gguf(const std::string& path, const Gpt2& model, const Tokenizer& tokenizer, const GgufOptions& options = {}) {
    gguf_of(model, &tokenizer, options).save(path);
}

}  // namespace tercet::inline TERCET_ABI
