// Multi-head attention: projections around ops/attention.hpp (Vaswani et al. 2017, section 3.2.2; grouped key heads, Ainslie et al. 2023).
//
//   q = x Wq, k = x Wk, v = x Wv, cut into heads;  y = concat(attention(q_h, k_h, v_h)) Wo
#pragma once

#include "tercet/nn/kv_cache.hpp"
#include "tercet/nn/linear.hpp"
#include "tercet/ops/attention.hpp"
#include "tercet/ops/rope_scaling.hpp"
#include "tercet/ops/shape.hpp"

namespace tercet::inline TERCET_ABI {

/// (B, T, H·D) -> (B, H, T, D), a view where x is contiguous.
inline Tensor<float> split_heads(const Tensor<float>& x, index_t heads) {
    return permute(reshape(x, {x.size(0), x.size(1), heads, -1}), {0, 2, 1, 3});
}

/// (B, H, T, D) -> (B, T, H·D).
inline Tensor<float> join_heads(const Tensor<float>& x) {
    return reshape(permute(x, {0, 2, 1, 3}), {x.size(0), x.size(2), -1});
}

/// A padding mask (B, T), 1 for tokens and 0 for padding, as a bias on the scores: 0 or −∞, (B, 1, 1, T). A row without any token stays 0.
template <Element M>
Tensor<float> padding_bias(const Tensor<M>& mask) {
    require(mask.rank() == 2, ErrorCode::shape_mismatch, "attention mask: expected (batch, tokens), got ", mask.shape());
    auto bias = Tensor<float>::zeros({mask.size(0), 1, 1, mask.size(1)});
    float* to = bias.mutable_data();
    for (index_t b = 0; b < mask.size(0); ++b) {
        bool any = false;
        for (index_t t = 0; t < mask.size(1); ++t) any = any || mask(b, t) != M{};
        for (index_t t = 0; any && t < mask.size(1); ++t)
            if (mask(b, t) == M{}) to[b * mask.size(1) + t] = -std::numeric_limits<float>::infinity();
    }
    return bias;
}

/// The positions of tokens in sequences that are packed, one behind the other: 0 … n − 1 for each length n.
inline std::vector<index_t> packed_positions(std::span<const index_t> lengths) {
    std::vector<index_t> positions;
    for (const index_t length : lengths)
        for (index_t t = 0; t < length; ++t) positions.push_back(t);
    return positions;
}

/// Heads (B, T, H, D) turned to their positions: all channels, or the first ones that the angles are for (Wang & Komatsuzaki 2021, GPT-J). The angles
/// are those of T positions, or of one for each row of the batch where T is 1.
inline Tensor<float> rotate(const Tensor<float>& x, const RopeAngles<float>& angles) {
    if (const index_t B = x.size(0); B > 1 && x.size(1) == 1 && angles.cosine.size(0) == B)
        return reshape(rotate(reshape(x, {1, B, x.size(2), x.size(3)}), angles), x.shape());
    const index_t turned = 2 * angles.cosine.size(1);
    if (turned == x.size(3)) return rope(x, angles);
    return concatenate({rope(slice(x, 3, 0, turned), angles), slice(x, 3, turned, x.size(3))}, 3);
}

/// What a decoder's layers share in one forward pass.
struct DecoderContext {
    const RopeAngles<float>* angles = nullptr;  // of these T positions, for models that rotate
    KvCache* cache = nullptr;
    std::span<KvCache* const> rows{};  // a cache for each row of the batch, instead
    Tensor<float> bias{};              // (B, 1, 1, Tk) from padding, or none
    AttentionOptions attention{.causal = true};
};

/// Causal attention of a decoder's layer: query (B, H, T, D) to key and value (B, Hkv, T, D), and to those that the cache holds already.
inline Tensor<float> causal_attention(const Tensor<float>& query, const Tensor<float>& key, const Tensor<float>& value, const DecoderContext& context,
                                      index_t layer) {
    const auto attend = [&](const auto& k, const auto& v) { return attention(query, k, v, context.attention, context.bias); };
    if (!context.rows.empty()) {  // each row by itself: they are of different lengths
        std::vector<Tensor<float>> rows;
        for (std::size_t r = 0; r < context.rows.size(); ++r) {
            const auto row = [b = static_cast<index_t>(r)](const Tensor<float>& x) { return x.slice(0, b, b + 1); };
            DecoderContext alone{context.angles, context.rows[r], {}, {}, context.attention};
            rows.push_back(causal_attention(row(query), row(key), row(value), alone, layer));
        }
        return concatenate(rows, 0);
    }
    if (context.cache == nullptr) return attend(key, value);
    if (context.cache->type() == DType::bf16) {
        const auto all = context.cache->append<bf16>(layer, key, value);
        return attend(all.key, all.value);
    }
    const auto all = context.cache->append(layer, key, value);
    return attend(all.key, all.value);
}

}  // namespace tercet::inline TERCET_ABI
