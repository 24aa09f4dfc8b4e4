// Attention on the CPU (Vaswani et al. 2017, eq. 1), a block of queries at a time:
//
//   S = scale · Q Kᵀ + bias, masked        P = softmax(S)        O = P V
//
// A block's scores are all that is ever held, so memory grows linearly with the tokens. Backward computes P again from S and the saved
// log-sum-exp L of each row (Dao 2023, "FlashAttention-2", section 3.1) and then, with D = Σ dO · O:
//
//   dV = Pᵀ dO        dP = dO Vᵀ        dS = P · (dP − D)        dQ = scale · dS K        dK = scale · dSᵀ Q
#pragma once

#include "tercet/backend/cpu/gemm.hpp"

#include <limits>

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
    index_t window = 0;       // 0: none; otherwise query at p sees keys at (p − window, p]
    const T* bias = nullptr;  // added to the scores; (B, H, Tq, Tk) by strides, 0 where it is broadcast
    index_t bias_batch = 0, bias_head = 0, bias_query = 0, bias_key = 0;

    index_t group() const { return heads / kv_heads; }
    index_t position(index_t query) const { return query + key_tokens - query_tokens; }
    /// Keys [first, last) that a query may see by causality and window.
    index_t first_key(index_t query) const { return window > 0 ? std::clamp<index_t>(position(query) - window + 1, 0, key_tokens) : 0; }
    index_t last_key(index_t query) const { return causal ? std::clamp<index_t>(position(query) + 1, 0, key_tokens) : key_tokens; }
};

namespace cpu::detail {

inline constexpr index_t query_block = 64;

// Queries [begin, end) of head h in batch b, with the scores of their block in `scores` (end − begin, keys).
template <class T>
struct ScoreBlock {
    const AttentionShape<T>& shape;

    // scores = scale · q kᵀ + bias, −∞ where masked; keys [0, keys)
    void operator()(T* scores, const HeadsView<const T>& q, const HeadsView<const T>& k, index_t b, index_t h, index_t begin, index_t end,
                    index_t keys) const {
        const RightOperand<T> transposed{RightOperand<T>::Kind::strided, {k.at(b, h / shape.group(), 0), 1, k.token_stride}};
        gemm_serial<T>(scores, keys, {q.at(b, h, begin), q.token_stride, 1}, transposed, end - begin, keys, shape.head_dim, false);
        for (index_t i = begin; i < end; ++i) mask(scores + (i - begin) * keys, b, h, i, keys);
    }
    void mask(T* row, index_t b, index_t h, index_t query, index_t keys) const {
        const T masked = -std::numeric_limits<T>::infinity();
        const index_t first = std::min(shape.first_key(query), keys), last = std::min(shape.last_key(query), keys);
        std::fill(row, row + first, masked);
        for (index_t j = first; j < last; ++j) row[j] *= shape.scale;
        if (shape.bias != nullptr) {
            const T* bias = shape.bias + b * shape.bias_batch + h * shape.bias_head + query * shape.bias_query;
            for (index_t j = first; j < last; ++j) row[j] += bias[j * shape.bias_key];
        }
        std::fill(row + std::max(first, last), row + keys, masked);
    }
};

}  // namespace cpu::detail

namespace cpu {

/// out, q (B, H, Tq, D); k, v (B, Hkv, Tk, D); log_sums (B, H, Tq), or null when no backward will follow.
template <class T>
void attention(const HeadsView<T>& out, T* log_sums, const HeadsView<const T>& q, const HeadsView<const T>& k, const HeadsView<const T>& v,
               const AttentionShape<T>& s) {
    const auto& kernels = cpu::kernels<T>();
    if (s.query_tokens == 1) {  // decoding: the heads that share a key head are the rows of one product
        const index_t group = s.group(), first = s.first_key(0), keys = s.last_key(0) - first;
        parallel_for(s.batch * s.kv_heads, [&](index_t task) {
            const index_t b = task / s.kv_heads, kv = task % s.kv_heads;
            const Scratch<T> scores(group * s.key_tokens);
            const RightOperand<T> keys_by_column{RightOperand<T>::Kind::strided, {k.at(b, kv, first), 1, k.token_stride}};
            gemm_serial<T>(scores.data(), keys, {q.at(b, kv * group, 0), q.head_stride, 1}, keys_by_column, group, keys, s.head_dim, false);
            for (index_t g = 0; g < group; ++g) {
                T* row = scores.data() + g * keys;
                const index_t h = kv * group + g;
                const T* bias = s.bias == nullptr ? nullptr : s.bias + b * s.bias_batch + h * s.bias_head;
                for (index_t j = 0; j < keys; ++j) row[j] = row[j] * s.scale + (bias == nullptr ? T(0) : bias[(first + j) * s.bias_key]);
                if (log_sums != nullptr) log_sums[b * s.heads + h] = kernels.log_sum_exp(row, keys);
                kernels.softmax(row, row, keys);
            }
            const RightOperand<T> values{RightOperand<T>::Kind::strided, {v.at(b, kv, first), v.token_stride, 1}};
            gemm_serial<T>(out.at(b, kv * group, 0), out.head_stride, {scores.data(), keys, 1}, values, group, s.head_dim, keys, false);
        });
        return;
    }
    const index_t blocks = (s.query_tokens + detail::query_block - 1) / detail::query_block;
    parallel_for(s.batch * s.heads * blocks, [&](index_t task) {
        const index_t b = task / (s.heads * blocks), h = task / blocks % s.heads, begin = task % blocks * detail::query_block;
        const index_t end = std::min(begin + detail::query_block, s.query_tokens), keys = s.last_key(end - 1);
        if (keys == 0) {  // causal, with fewer keys than queries: nothing to see
            for (index_t i = begin; i < end; ++i) {
                std::fill_n(out.at(b, h, i), s.head_dim, T(0));
                if (log_sums != nullptr) log_sums[(b * s.heads + h) * s.query_tokens + i] = -std::numeric_limits<T>::infinity();
            }
            return;
        }
        const Scratch<T> scores((end - begin) * keys);
        detail::ScoreBlock<T>{s}(scores.data(), q, k, b, h, begin, end, keys);
        for (index_t i = begin; i < end; ++i) {
            T* row = scores.data() + (i - begin) * keys;
            if (log_sums != nullptr) log_sums[(b * s.heads + h) * s.query_tokens + i] = kernels.log_sum_exp(row, keys);
            kernels.softmax(row, row, keys);
        }
        const RightOperand<T> values{RightOperand<T>::Kind::strided, {v.at(b, h / s.group(), 0), v.token_stride, 1}};
        gemm_serial<T>(out.at(b, h, begin), out.token_stride, {scores.data(), keys, 1}, values, end - begin, s.head_dim, keys, false);
    });
}

/// Adds to dq (B, H, Tq, D), dk and dv (B, Hkv, Tk, D), each of which may be null (data), from dout, out and what forward saw and saved.
template <class T>
void attention_backward(const HeadsView<T>& dq, const HeadsView<T>& dk, const HeadsView<T>& dv, const HeadsView<const T>& dout,
                        const HeadsView<const T>& out, const T* log_sums, const HeadsView<const T>& q, const HeadsView<const T>& k,
                        const HeadsView<const T>& v, const AttentionShape<T>& s) {
    const auto& kernels = cpu::kernels<T>();
    using Kind = typename RightOperand<T>::Kind;
    parallel_for(s.batch * s.kv_heads, [&](index_t task) {  // one owner for each dk and dv
        const index_t b = task / s.kv_heads, kv = task % s.kv_heads;
        const Scratch<T> scores(detail::query_block * s.key_tokens), gradients(detail::query_block * s.key_tokens);
        for (index_t h = kv * s.group(); h < (kv + 1) * s.group(); ++h) {
            for (index_t begin = 0; begin < s.query_tokens; begin += detail::query_block) {
                const index_t end = std::min(begin + detail::query_block, s.query_tokens), rows = end - begin, keys = s.last_key(end - 1);
                if (keys == 0) continue;
                T *p = scores.data(), *dp = gradients.data();
                detail::ScoreBlock<T>{s}(p, q, k, b, h, begin, end, keys);
                for (index_t i = 0; i < rows; ++i) {  // P = e^(S − L)
                    T* row = p + i * keys;
                    const T log_sum = log_sums[(b * s.heads + h) * s.query_tokens + begin + i];
                    if (log_sum == -std::numeric_limits<T>::infinity()) {
                        std::fill_n(row, keys, T(0));
                    } else {
                        for (index_t j = 0; j < keys; ++j) row[j] -= log_sum;
                        kernels.unary[static_cast<int>(UnaryOp::exp)](row, row, keys);
                    }
                }
                const MatrixView<T> p_transposed{p, 1, keys}, dout_block{dout.at(b, h, begin), dout.token_stride, 1};
                if (dv.data != nullptr)  // dV += Pᵀ dO
                    gemm_serial<T>(dv.at(b, kv, 0), dv.token_stride, p_transposed, {Kind::strided, dout_block}, keys, s.head_dim, rows, true);
                // dP = dO Vᵀ
                gemm_serial<T>(dp, keys, dout_block, {Kind::strided, {v.at(b, kv, 0), 1, v.token_stride}}, rows, keys, s.head_dim, false);
                for (index_t i = 0; i < rows; ++i) {  // dS = scale · P · (dP − D)
                    const T d = kernels.dot(dout.at(b, h, begin + i), out.at(b, h, begin + i), s.head_dim);
                    for (index_t j = i * keys; j < (i + 1) * keys; ++j) dp[j] = s.scale * p[j] * (dp[j] - d);
                }
                if (dq.data != nullptr)  // dQ += dS K
                    gemm_serial<T>(dq.at(b, h, begin), dq.token_stride, {dp, keys, 1}, {Kind::strided, {k.at(b, kv, 0), k.token_stride, 1}}, rows,
                                   s.head_dim, keys, true);
                if (dk.data != nullptr)  // dK += dSᵀ Q
                    gemm_serial<T>(dk.at(b, kv, 0), dk.token_stride, {dp, 1, keys}, {Kind::strided, {q.at(b, h, begin), q.token_stride, 1}}, keys,
                                   s.head_dim, rows, true);
            }
        }
    });
}

}  // namespace cpu
}  // namespace tercet::inline TERCET_ABI
