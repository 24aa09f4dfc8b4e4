// What an attention is given besides its options: heads by their strides, extents, and which keys a query may see.
#pragma once

#include "tercet/core/config.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

/// A tensor (B, heads, tokens, D) with D contiguous, by its strides.
template <class T>
struct HeadsView {
    T* data = nullptr;
    index_t batch_stride = 0, head_stride = 0, token_stride = 0;

    T* at(index_t b, index_t h, index_t t) const { return data + b * batch_stride + h * head_stride + t * token_stride; }
};

/// Extents and masking of one attention. Query i stands at position i + key_tokens − query_tokens among the keys.
template <class T>
struct AttentionShape {
    index_t batch, heads, kv_heads, query_tokens, key_tokens, head_dim;
    T scale;
    bool causal = false;
    index_t window = 0;       // 0: none; otherwise query at p sees keys at (p − window, p], or (p − window, p + window) unless causal
    const T* bias = nullptr;  // added to the scores; (B, H, Tq, Tk) by strides, 0 where it is broadcast
    index_t bias_batch = 0, bias_head = 0, bias_query = 0, bias_key = 0;
    T softcap = 0;              // c > 0: scaled scores become c · tanh(score / c) before anything is added
    const T* slopes = nullptr;  // (H): score −= slope · (position of the query − key)

    index_t group() const { return heads / kv_heads; }
    index_t position(index_t query) const { return query + key_tokens - query_tokens; }
    /// Keys [first, last) that a query may see by causality and window.
    index_t first_key(index_t query) const { return window > 0 ? std::clamp<index_t>(position(query) - window + 1, 0, key_tokens) : 0; }
    index_t last_key(index_t query) const {
        return causal || window > 0 ? std::clamp<index_t>(position(query) + (causal ? 1 : window), 0, key_tokens) : key_tokens;
    }
};

}  // namespace tercet::inline TERCET_ABI
