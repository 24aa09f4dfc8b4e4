// Attention on the CPU (Vaswani et al. 2017, eq. 1), cut into tiles for the kernels of isa/attention.inc:
//
//   S = scale · Q Kᵀ + bias, masked        P = softmax(S)        O = P V
//
// Forward holds tiles of 64 queries by 64 keys and keeps of each row of S its log-sum-exp L alone, so memory grows linearly with the tokens.
// Backward computes P again from S and L (Dao 2023, "FlashAttention-2", section 3.1) and then, with D = Σ dO · O:
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
    const T* slopes = nullptr;  // (H): score −= slope · (position of the query − key)

    index_t group() const { return heads / kv_heads; }
    index_t position(index_t query) const { return query + key_tokens - query_tokens; }
    /// Keys [first, last) that a query may see by causality and window.
    index_t first_key(index_t query) const { return window > 0 ? std::clamp<index_t>(position(query) - window + 1, 0, key_tokens) : 0; }
    index_t last_key(index_t query) const { return causal ? std::clamp<index_t>(position(query) + 1, 0, key_tokens) : key_tokens; }
};

namespace cpu::detail {

inline constexpr index_t query_block = 64;

// Tasks of so many multiplications each that go together, so that one is worth a thread.
inline index_t task_grain(index_t multiplications) {
    return std::max<index_t>(1, 65536 / std::max<index_t>(1, multiplications));
}

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
        if (shape.slopes != nullptr)
            for (index_t j = first; j < last; ++j) row[j] -= shape.slopes[h] * static_cast<T>(shape.position(query) - j);
        std::fill(row + std::max(first, last), row + keys, masked);
    }
};

}  // namespace cpu::detail

namespace cpu {

namespace detail {

// What a kernel needs to know of query `query` of head h in batch b and those after it, up to `end`.
template <class T, class S>
AttentionTile<T> attention_tile(const HeadsView<T>& out, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
                                const AttentionShape<T>& s, index_t b, index_t h, index_t query, index_t end) {
    AttentionTile<T> tile{};
    tile.out = out.at(b, h, query);
    tile.query = q.at(b, h, query);
    tile.key = k.at(b, h / s.group(), 0);
    tile.value = v.at(b, h / s.group(), 0);
    tile.out_stride = out.token_stride, tile.query_stride = q.token_stride, tile.key_stride = k.token_stride, tile.value_stride = v.token_stride;
    tile.queries = end - query, tile.channels = s.head_dim, tile.bf16 = std::is_same_v<S, bf16>;
    tile.position = s.position(query), tile.first_key = s.first_key(query), tile.last_key = s.last_key(end - 1);
    tile.scale = s.scale, tile.causal = s.causal, tile.window = s.window;
    if (s.bias != nullptr) {
        tile.bias = s.bias + b * s.bias_batch + h * s.bias_head + query * s.bias_query;
        tile.bias_query = s.bias_query, tile.bias_key = s.bias_key;
    }
    if (s.slopes != nullptr) tile.slopes = s.slopes + h;
    return tile;
}

// Decoding: runs of keys, so that there is work for every core whatever the number of heads. The heads of a group go through a run together.
template <class T, class S>
void attend_few(const HeadsView<T>& out, T* log_sums, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
                const AttentionShape<T>& s) {
    const auto& kernels = cpu::kernels<T>();
    const index_t group = s.group(), queries = s.query_tokens, row = s.head_dim + 2;
    const index_t first = s.first_key(0), runs = std::max<index_t>(1, (s.last_key(queries - 1) - first + attention_run - 1) / attention_run);
    const Scratch<T> partials(s.batch * s.kv_heads * runs * queries * group * row);
    const auto partial = [&](index_t pair, index_t run, index_t i) { return partials.data() + ((pair * runs + run) * queries + i) * group * row; };
    parallel_ranges(s.batch * s.kv_heads * runs, task_grain(queries * group * attention_run * s.head_dim), [&](index_t begin, index_t end) {
        const Scratch<T> scratch(attention_scratch(s.head_dim, false));
        for (index_t task = begin; task < end; ++task) {
            const index_t pair = task / runs, run = task % runs, from = first + run * attention_run;
            for (index_t i = 0; i < queries; ++i) {
                auto tile = attention_tile(out, q, k, v, s, pair / s.kv_heads, pair % s.kv_heads * group, i, i + 1);
                tile.queries = group, tile.query_stride = q.head_stride, tile.bias_query = s.bias_head;
                tile.first_key = std::max(tile.first_key, from), tile.last_key = std::min(tile.last_key, from + attention_run);
                T* to = partial(pair, run, i);
                if (tile.first_key < tile.last_key) {
                    kernels.attention_heads(to, tile, scratch.data());
                } else {  // none of this run
                    std::fill_n(to, group * row, T(0));
                    for (index_t g = 0; g < group; ++g) to[g * row] = -std::numeric_limits<T>::infinity();
                }
            }
        }
    });
    for (index_t pair = 0; pair < s.batch * s.kv_heads; ++pair)
        for (index_t g = 0; g < group; ++g)
            for (index_t i = 0; i < queries; ++i) {
                const index_t b = pair / s.kv_heads, h = pair % s.kv_heads * group + g;
                kernels.attention_merge(out.at(b, h, i), log_sums == nullptr ? nullptr : log_sums + (b * s.heads + h) * queries + i,
                                        partial(pair, 0, i) + g * row, runs, queries * group * row, s.head_dim);
            }
}

}  // namespace detail

/// out, q (B, H, Tq, D); k, v (B, Hkv, Tk, D), of T or bf16; log_sums (B, H, Tq), or null when no backward will follow.
template <class T, class S>
void attention(const HeadsView<T>& out, T* log_sums, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
               const AttentionShape<T>& s) {
    constexpr index_t few = 4;
    if (s.query_tokens <= few) return detail::attend_few(out, log_sums, q, k, v, s);
    // Blocks of queries, a head's longest first: the tasks at the end are the short ones, and a head's keys are used while they are cached.
    const index_t blocks = (s.query_tokens + attention_queries - 1) / attention_queries;
    const index_t work = std::min(s.query_tokens, attention_queries) * s.key_tokens * s.head_dim;
    parallel_ranges(s.batch * s.heads * blocks, detail::task_grain(work), [&](index_t first, index_t last) {
        const Scratch<T> scratch(attention_scratch(s.head_dim, std::is_same_v<S, bf16>));
        for (index_t task = first; task < last; ++task) {
            const index_t head = task / blocks, begin = (blocks - 1 - task % blocks) * attention_queries;
            auto tile =
                detail::attention_tile(out, q, k, v, s, head / s.heads, head % s.heads, begin, std::min(begin + attention_queries, s.query_tokens));
            if (log_sums != nullptr) tile.log_sums = log_sums + head * s.query_tokens + begin;
            cpu::kernels<T>().attention_tile(tile, scratch.data());
        }
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
                        kernels.unary[static_cast<int>(UnaryOp::exp)](row, row, keys, false);
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
