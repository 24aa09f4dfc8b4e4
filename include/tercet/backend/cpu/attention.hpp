// Attention on the CPU (Vaswani et al. 2017, eq. 1), cut into tiles for the kernels of isa/attention.inc:
//
//   S = scale · Q Kᵀ + bias, masked        P = softmax(S)        O = P V
//
// Forward holds tiles of 64 queries by 64 keys and keeps of each row of S its log-sum-exp L alone, so memory grows linearly with the tokens.
// Backward computes P again from S and L (Dao 2023, "FlashAttention-2", section 3.1), tile by tile too: isa/attention_backward.inc.
#pragma once

#include "tercet/backend/attention_shape.hpp"
#include "tercet/backend/cpu/gemm.hpp"

#include <limits>

namespace tercet::inline TERCET_ABI {

namespace cpu {

namespace detail {

// Tasks of so many multiplications each that go together, so that one is worth a thread.
inline index_t task_grain(index_t multiplications) {
    return std::max<index_t>(1, 65536 / std::max<index_t>(1, multiplications));
}

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
    tile.scale = s.scale, tile.softcap = s.softcap, tile.causal = s.causal, tile.window = s.window;
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
    // Blocks of queries, a head's longest first: a thread ends with short ones, and a head's keys are used while they are cached.
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
    const index_t row = padded_channels(s.head_dim), rows = s.key_tokens * row;
    // A task owns what it adds to dk and dv: all blocks of queries that see one head of keys, or a share of them where there are few such heads.
    const index_t pairs = s.batch * s.kv_heads, blocks = (s.query_tokens + attention_queries - 1) / attention_queries, units = s.group() * blocks;
    const index_t shares = std::clamp<index_t>(8 / std::max<index_t>(pairs, 1), 1, units);
    const Scratch<T> shared(shares > 1 ? pairs * shares * 2 * rows : 0);
    const auto add = [&](index_t pair, const T* dkey) {
        const index_t b = pair / s.kv_heads, kv = pair % s.kv_heads;
        for (index_t j = 0; j < s.key_tokens; ++j) {
            if (dk.data != nullptr) kernels.add_scaled(dk.at(b, kv, j), dkey + j * row, T(1), s.head_dim);
            if (dv.data != nullptr) kernels.add_scaled(dv.at(b, kv, j), dkey + rows + j * row, T(1), s.head_dim);
        }
    };
    parallel_for(pairs * shares, [&](index_t task) {
        const index_t b = task / shares / s.kv_heads, kv = task / shares % s.kv_heads, share = task % shares;
        const Scratch<T> scratch(attention_backward_scratch(s.head_dim)), operands(2 * rows), own(shares > 1 ? 0 : 2 * rows);
        T *key = operands.data(), *value = key + rows, *dkey = shares > 1 ? shared.data() + task * 2 * rows : own.data(), *dvalue = dkey + rows;
        if (row != s.head_dim) std::fill_n(key, 2 * rows, T(0));
        std::fill_n(dkey, 2 * rows, T(0));
        for (index_t j = 0; j < s.key_tokens; ++j) {
            std::copy_n(k.at(b, kv, j), s.head_dim, key + j * row);
            std::copy_n(v.at(b, kv, j), s.head_dim, value + j * row);
        }
        for (index_t unit = units * share / shares; unit < units * (share + 1) / shares; ++unit) {
            const index_t h = kv * s.group() + unit / blocks, begin = unit % blocks * attention_queries;
            AttentionBackwardTile<T> tile{};
            tile.seen = detail::attention_tile<T, T>({}, q, k, v, s, b, h, begin, std::min(begin + attention_queries, s.query_tokens));
            tile.seen.key = key, tile.seen.value = value;
            tile.out = out.at(b, h, begin), tile.dout = dout.at(b, h, begin);
            tile.out_stride = out.token_stride, tile.dout_stride = dout.token_stride, tile.dquery_stride = dq.token_stride;
            tile.log_sums = log_sums + (b * s.heads + h) * s.query_tokens + begin;
            if (dq.data != nullptr) tile.dquery = dq.at(b, h, begin);
            tile.dkey = dkey, tile.dvalue = dvalue;
            kernels.attention_backward_tile(tile, scratch.data());
        }
        if (shares == 1) add(task, dkey);
    });
    if (shares == 1) return;
    parallel_for(pairs, [&](index_t pair) {
        for (index_t share = 0; share < shares; ++share) add(pair, shared.data() + (pair * shares + share) * 2 * rows);
    });
}

}  // namespace cpu
}  // namespace tercet::inline TERCET_ABI
