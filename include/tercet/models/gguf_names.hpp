// GGUF's names and layouts into the checkpoint's: one table a family, and the rows of q and k put back in order.
//
// GGUF files of the llama architecture keep q and k for rotation in neighbouring pairs: row (h, i, half) where the checkpoint has
// (h, half, i). Rows are whole in every stored type, so they are moved as bytes. Norms of Gemma are kept with their 1 added.
#pragma once

#include "tercet/models/config.hpp"
#include "tercet/nn/load.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

struct NamePair {
    std::string_view gguf, checkpoint;
};

inline constexpr NamePair llama_names[] = {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};
inline constexpr NamePair llama_block_names[] = {{"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
                                                 {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
                                                 {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
                                                 {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
                                                 {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
                                                 {"ffn_down", "mlp.down_proj"},       {"attn_qkv", "self_attn.qkv_proj"}};
// Phi-3's "ffn_up" is gate and up in one; Gemma 2 and 3 have norms after the branches, and "ffn_norm" is the one before the MLP.
inline constexpr NamePair phi3_block_names[] = {{"ffn_up", "mlp.gate_up_proj"}};
inline constexpr NamePair gemma_block_names[] = {
    {"ffn_norm", "pre_feedforward_layernorm"}, {"post_attention_norm", "post_attention_layernorm"}, {"post_ffw_norm", "post_feedforward_layernorm"}};
// The names in a block of Llama, or of a relative: the first pair that fits is the one.
inline std::vector<NamePair> llama_block_names_of(std::string_view architecture) {
    std::vector<NamePair> names;
    if (architecture == "phi3") names.assign(std::begin(phi3_block_names), std::end(phi3_block_names));
    if (architecture == "gemma2" || architecture == "gemma3") names.assign(std::begin(gemma_block_names), std::end(gemma_block_names));
    names.insert(names.end(), std::begin(llama_block_names), std::end(llama_block_names));
    return names;
}
inline constexpr NamePair gpt2_names[] = {
    {"token_embd", "transformer.wte"}, {"position_embd", "transformer.wpe"}, {"output_norm", "transformer.ln_f"}, {"output", "lm_head"}};
inline constexpr NamePair gpt2_block_names[] = {{"attn_norm", "ln_1"}, {"attn_qkv", "attn.c_attn"}, {"attn_output", "attn.c_proj"},
                                                {"ffn_norm", "ln_2"},  {"ffn_up", "mlp.c_fc"},      {"ffn_down", "mlp.c_proj"}};

inline const NamePair* find_name(std::span<const NamePair> names, std::string_view stem) {
    const auto at = std::find_if(names.begin(), names.end(), [&](const NamePair& n) { return n.gguf == stem; });
    return at == names.end() ? nullptr : &*at;
}

// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; a name that is in no table is left as it is, and reported later.
inline std::string checkpoint_name(const std::string& name, std::span<const NamePair> names, std::span<const NamePair> block_names,
                                   std::string_view blocks) {
    const auto dot = name.rfind('.');
    if (dot == std::string::npos) return name;
    const std::string_view stem = std::string_view(name).substr(0, dot), ending = std::string_view(name).substr(dot);
    if (const auto* pair = find_name(names, stem)) return std::string(pair->checkpoint).append(ending);
    if (!stem.starts_with("blk.")) return name;
    const auto number_end = stem.find('.', 4);
    if (number_end == std::string_view::npos) return name;
    const auto* pair = find_name(block_names, stem.substr(number_end + 1));
    if (pair == nullptr) return name;
    return std::string(blocks).append(stem.substr(4, number_end - 3)).append(pair->checkpoint).append(ending);
}

// Rows (h, i, half) of each head as (h, half, i). Vectors (biases) are rows of one element.
inline std::vector<std::byte> unpaired_rows(const StoredTensor& t, index_t heads, std::string_view source) {
    const index_t rows = t.shape.empty() ? 0 : t.shape[0];
    require(rows > 0 && rows % (2 * heads) == 0 && t.bytes.size() % static_cast<std::size_t>(rows) == 0, ErrorCode::shape_mismatch, source,
            ": tensor '", t.name, "' ", t.shape, " does not divide into ", heads, " heads");
    const auto row_bytes = t.bytes.size() / static_cast<std::size_t>(rows);
    const index_t half = rows / heads / 2;
    std::vector<std::byte> out(t.bytes.size());
    for (index_t r = 0; r < rows; ++r) {
        const index_t head = r / (2 * half), within = r % (2 * half), from = head * 2 * half + within % half * 2 + within / half;
        std::memcpy(out.data() + static_cast<std::size_t>(r) * row_bytes, t.bytes.data() + static_cast<std::size_t>(from) * row_bytes, row_bytes);
    }
    return out;
}

// The weights of Gemma's norms: the file has 1 + w.
inline std::vector<std::byte> less_one(const StoredTensor& t) {
    std::vector<std::byte> out(t.bytes.begin(), t.bytes.end());
    for (std::size_t at = 0; at + 4 <= out.size(); at += 4) {
        const float w = load_unaligned<float>(out.data() + at) - 1;
        std::memcpy(out.data() + at, &w, 4);
    }
    return out;
}

// Rows of a matrix that holds several side by side, under the names of its parts.
inline void split_rows(Checkpoint& checkpoint, std::string_view ending, std::span<const std::pair<std::string_view, index_t>> parts) {
    std::vector<StoredTensor> all;
    for (auto& t : checkpoint.tensors) {
        if (!t.name.ends_with(ending)) {
            all.push_back(std::move(t));
            continue;
        }
        index_t rows = 0;
        for (const auto& part : parts) rows += part.second;
        require(t.shape.rank() == 2 && t.shape[0] == rows, ErrorCode::shape_mismatch, checkpoint.source, ": tensor '", t.name, "' ", t.shape,
                ": the model expects ", rows, " rows");
        const std::size_t row_bytes = t.bytes.size() / static_cast<std::size_t>(rows);
        std::size_t from = 0;
        for (const auto& [name, count] : parts) {
            const std::size_t bytes = row_bytes * static_cast<std::size_t>(count);
            all.push_back({t.name.substr(0, t.name.size() - ending.size()).append(name), t.type, {count, t.shape[1]}, t.bytes.subspan(from, bytes)});
            from += bytes;
        }
    }
    checkpoint.tensors = std::move(all);
}

// Phi-3 has q, k, v in one matrix, and gate and up.
inline void split_phi3(Checkpoint& checkpoint, const LlamaConfig& c) {
    const index_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
    const std::pair<std::string_view, index_t> qkv[] = {{"q_proj.weight", q}, {"k_proj.weight", kv}, {"v_proj.weight", kv}};
    const std::pair<std::string_view, index_t> gate_up[] = {{"gate_proj.weight", c.intermediate_size}, {"up_proj.weight", c.intermediate_size}};
    split_rows(checkpoint, "qkv_proj.weight", qkv);
    split_rows(checkpoint, "gate_up_proj.weight", gate_up);
}

// Rows (h, half, i) of each head as (h, i, half): unpaired_rows() the other way round.
inline std::vector<std::byte> paired_rows(std::span<const std::byte> bytes, index_t rows, index_t heads) {
    require(rows > 0 && rows % (2 * heads) == 0, ErrorCode::shape_mismatch, "GGUF: ", rows, " rows do not divide into ", heads, " heads");
    const auto row_bytes = bytes.size() / static_cast<std::size_t>(rows);
    const index_t half = rows / heads / 2;
    std::vector<std::byte> out(bytes.size());
    for (index_t r = 0; r < rows; ++r) {
        const index_t head = r / (2 * half), within = r % (2 * half), to = head * 2 * half + within % half * 2 + within / half;
        std::memcpy(out.data() + static_cast<std::size_t>(to) * row_bytes, bytes.data() + static_cast<std::size_t>(r) * row_bytes, row_bytes);
    }
    return out;
}

}  // namespace detail

/// A GGUF file's tensors under the names of the Hugging Face checkpoint; `file` is kept alive by the result where it was opened from disk. The heads
/// are asked for by the architecture llama alone.
inline Checkpoint checkpoint_from_gguf(const Gguf& file, const std::string& architecture, index_t heads = 1, index_t kv_heads = 1) {
    struct Kept {
        std::shared_ptr<const void> file;
        std::vector<std::vector<std::byte>> moved;
    };
    auto kept = std::make_shared<Kept>();
    kept->file = file.owner();
    Checkpoint result{file.source(), {}, {}, true};
    const bool gpt2 = architecture == "gpt2", paired = architecture == "llama", gemma = architecture.starts_with("gemma");
    const auto block_names = detail::llama_block_names_of(architecture);
    for (StoredTensor t : file.tensors()) {
        t.name = gpt2 ? detail::checkpoint_name(t.name, detail::gpt2_names, detail::gpt2_block_names, "transformer.h.")
                      : detail::checkpoint_name(t.name, detail::llama_names, block_names, "model.layers.");
        const bool query = t.name.find(".q_proj.") != std::string::npos, key = t.name.find(".k_proj.") != std::string::npos;
        if (paired && (query || key)) {
            kept->moved.push_back(detail::unpaired_rows(t, query ? heads : kv_heads, file.source()));
            t.bytes = kept->moved.back();
        }
        if (gemma && t.name.ends_with("norm.weight") && t.type == StorageType::f32) {
            kept->moved.push_back(detail::less_one(t));
            t.bytes = kept->moved.back();
        }
        result.tensors.push_back(std::move(t));
    }
    result.owner = std::move(kept);
    return result;
}

}  // namespace tercet::inline TERCET_ABI
