// Attention by tiles with an online softmax (Dao et al. 2022, "FlashAttention", algorithm 1; Dao 2023, "FlashAttention-2", section 3.1):
//
//   S = scale · Q Kᵀ + bias, masked        P = softmax(S)        O = P V        L = log Σ e^S of each row
//
//   forward     a block has some queries of one head, and goes over the keys that they see: it keeps the running maximum and sum of each row, and
//               scales what it has of O when the maximum grows
//   backward    P = e^(S − L) again, tile by tile:   dV = Pᵀ dO      dS = P ∘ (dO Vᵀ − Σ dO ∘ O)      dQ = scale · dS K      dK = scale · dSᵀ Q
//               one kernel owns queries and writes dQ, another owns keys and writes dK and dV, so that nobody adds to what another one writes
//
// Why it is fast: S and P never reach memory, which would be Tq · Tk numbers a head; Q, K and V are read once for each tile across them. Four
// neighbouring threads share a row, so that its maximum and sum are two shuffles.
#pragma once

#include "tercet/backend/attention_shape.hpp"
#include "tercet/backend/cuda/launch.cuh"
#include "tercet/backend/cuda/reduce.cuh"

namespace tercet::inline TERCET_ABI::cuda {

/// Threads that share a row of a tile.
inline constexpr int threads_of_row = 4;

namespace kernels {

using std::tanh;

// Keys [first, last) that a query sees by causality and window: AttentionShape says the same for the host.
template <class T>
struct Seen {
    index_t first, last;

    __device__ Seen(const AttentionShape<T>& s, index_t query) : first(0), last(s.key_tokens) {
        const index_t position = query + s.key_tokens - s.query_tokens;
        if (s.window > 0 && position - s.window + 1 > 0) first = position - s.window + 1;
        if (s.causal || s.window > 0) {
            const index_t end = position + (s.causal ? 1 : s.window);
            last = end < 0 ? 0 : end < s.key_tokens ? end : s.key_tokens;
        }
    }
    __device__ bool has(index_t key) const { return key >= first && key < last; }
};

// The score of a query and a key from their product, with all that is added to it; `slope` (c') is what the soft cap does to gradients.
template <class T>
__device__ T score(T product, const AttentionShape<T>& s, index_t b, index_t h, index_t query, index_t key, T& slope) {
    T x = product * s.scale;
    slope = 1;
    if (s.softcap > 0) {
        const T t = tanh(x / s.softcap);
        x = s.softcap * t;
        slope = 1 - t * t;
    }
    if (s.bias != nullptr) x += s.bias[b * s.bias_batch + h * s.bias_head + query * s.bias_query + key * s.bias_key];
    if (s.slopes != nullptr) x -= s.slopes[h] * static_cast<T>(query + s.key_tokens - s.query_tokens - key);
    return x;
}

// A tile (rows, D) of one head from memory into shared memory, rows beyond `extent` and channels beyond D zeros.
template <int rows, int width, class T, class S>
__device__ void fetch(T (&tile)[rows][width + 1], const HeadsView<const S>& x, index_t b, index_t h, index_t first, index_t extent,
                      index_t channels) {
    for (int i = static_cast<int>(threadIdx.x); i < rows * width; i += static_cast<int>(blockDim.x)) {
        const int r = i / width, c = i % width;
        const bool there = first + r < extent && c < channels;
        tile[r][c] = there ? static_cast<T>(x.data[b * x.batch_stride + h * x.head_stride + (first + r) * x.token_stride + c]) : T(0);
    }
}

// What scores are taken off: their maximum, or 0 while none but −∞ was seen.
template <class T>
__device__ T shift_of(T most) {
    return most - most == T(0) ? most : T(0);
}
// Σ P V / Σ P: 0 for a query that sees nothing, NaN where one of its scores was.
template <class T>
__device__ T normalised(T result, T sum) {
    return sum > 0 ? result / sum : sum != sum ? sum : T(0);
}

// Over the four threads of a row.
template <class Op, class T>
__device__ T over_row(T value) {
    value = Op::of(value, __shfl_xor_sync(0xffffffffu, value, 1));
    return Op::of(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

template <int queries, int keys, int width, class T, class S>
__global__ void attention(HeadsView<T> out, T* log_sums, HeadsView<const T> q, HeadsView<const S> k, HeadsView<const S> v, AttentionShape<T> s,
                          index_t blocks) {
    constexpr int own_keys = keys / threads_of_row, own_channels = width / threads_of_row;
    __shared__ T query[queries][width + 1], other[keys][width + 1], weight[queries][keys + 1];
    const index_t head = blockIdx.x / blocks, b = head / s.heads, h = head % s.heads, kv = h / (s.heads / s.kv_heads),
                  begin = blockIdx.x % blocks * queries;
    const int row = static_cast<int>(threadIdx.x) / threads_of_row, part = static_cast<int>(threadIdx.x) % threads_of_row;
    const index_t i = begin + row, end = begin + queries < s.query_tokens ? begin + queries : s.query_tokens;
    const Seen<T> seen(s, i);
    const index_t first = Seen<T>(s, begin).first, last = Seen<T>(s, end - 1).last;  // what any of them sees
    fetch<queries, width>(query, q, b, h, begin, s.query_tokens, s.head_dim);
    T most = -INFINITY, sum = 0, result[own_channels] = {};
    for (index_t j = first; j < last; j += keys) {
        fetch<keys, width>(other, k, b, kv, j, s.key_tokens, s.head_dim);
        __syncthreads();
        T mine[own_keys], top = most;
        for (int x = 0; x < own_keys; ++x) {
            const int key = part + x * threads_of_row;
            T product = 0, slope;
#pragma unroll 8  // whole rows unrolled in double would not fit into the registers
            for (int c = 0; c < width; ++c) product += query[row][c] * other[key][c];
            mine[x] = i < end && seen.has(j + key) ? score(product, s, b, h, i, j + key, slope) : -INFINITY;
            top = Maximum::of(top, mine[x]);
        }
        top = over_row<Maximum>(top);
        const T shift = shift_of(top);
        const T kept = exp(most - shift);
        T added = 0;
        for (int x = 0; x < own_keys; ++x) {
            const T p = exp(mine[x] - shift);
            weight[row][part + x * threads_of_row] = p;
            added += p;
        }
        sum = sum * kept + over_row<Sum>(added);
        most = top;
        __syncthreads();
        fetch<keys, width>(other, v, b, kv, j, s.key_tokens, s.head_dim);
        __syncthreads();
        for (int c = 0; c < own_channels; ++c) result[c] *= kept;
        for (int key = 0; key < keys; ++key)
            for (int c = 0; c < own_channels; ++c) result[c] += weight[row][key] * other[key][part + c * threads_of_row];
        __syncthreads();
    }
    if (i >= end) return;
    for (int c = 0; c < own_channels; ++c) {
        const int channel = part + c * threads_of_row;
        if (channel < s.head_dim) out.data[b * out.batch_stride + h * out.head_stride + i * out.token_stride + channel] = normalised(result[c], sum);
    }
    if (log_sums != nullptr && part == 0) log_sums[head * s.query_tokens + i] = shift_of(most) + log(sum);
}

// Σ dO ∘ O of each row, (B, H, Tq); a warp a row.
template <class T>
__global__ void attention_row_sums(T* sums, HeadsView<const T> dout, HeadsView<const T> out, AttentionShape<T> s) {
    const index_t row = blockIdx.x * static_cast<index_t>(blockDim.x / lanes_in_warp) + threadIdx.x / lanes_in_warp;
    const bool there = row < s.batch * s.heads * s.query_tokens;
    const index_t b = row / s.query_tokens / s.heads, h = row / s.query_tokens % s.heads, i = row % s.query_tokens;
    T sum = 0;
    for (index_t c = threadIdx.x % lanes_in_warp; there && c < s.head_dim; c += lanes_in_warp)
        sum += dout.data[b * dout.batch_stride + h * dout.head_stride + i * dout.token_stride + c] *
               out.data[b * out.batch_stride + h * out.head_stride + i * out.token_stride + c];
    sum = over_warp<Sum>(sum);
    if (there && threadIdx.x % lanes_in_warp == 0) sums[row] = sum;
}

// dS of a query and a key, and P, from their products.
template <class T>
struct ScoreGradient {
    T weight, score;

    __device__ ScoreGradient(T product, T dout_value, T log_sum, T row_sum, const AttentionShape<T>& s, index_t b, index_t h, index_t i, index_t j,
                             bool sees) {
        T slope;
        const T x = sees && log_sum - log_sum == T(0) ? cuda::kernels::score(product, s, b, h, i, j, slope) : -INFINITY;
        weight = x - x == T(0) ? exp(x - log_sum) : T(0);
        score = weight > 0 || weight != weight ? weight * (dout_value - row_sum) * slope * s.scale : T(0);
    }
};

template <int queries, int keys, int width, class T>
__global__ void attention_query_gradient(HeadsView<T> dq, HeadsView<const T> dout, const T* log_sums, const T* row_sums, HeadsView<const T> q,
                                         HeadsView<const T> k, HeadsView<const T> v, AttentionShape<T> s, index_t blocks) {
    constexpr int own_keys = keys / threads_of_row, own_channels = width / threads_of_row;
    __shared__ T query[queries][width + 1], grad[queries][width + 1], key_tile[keys][width + 1], value_tile[keys][width + 1], ds[queries][keys + 1];
    const index_t head = blockIdx.x / blocks, b = head / s.heads, h = head % s.heads, kv = h / (s.heads / s.kv_heads),
                  begin = blockIdx.x % blocks * queries;
    const int row = static_cast<int>(threadIdx.x) / threads_of_row, part = static_cast<int>(threadIdx.x) % threads_of_row;
    const index_t i = begin + row, end = begin + queries < s.query_tokens ? begin + queries : s.query_tokens;
    const Seen<T> seen(s, i);
    const index_t first = Seen<T>(s, begin).first, last = Seen<T>(s, end - 1).last;
    fetch<queries, width>(query, q, b, h, begin, s.query_tokens, s.head_dim);
    fetch<queries, width>(grad, dout, b, h, begin, s.query_tokens, s.head_dim);
    const T log_sum = i < end ? log_sums[head * s.query_tokens + i] : T(0), row_sum = i < end ? row_sums[head * s.query_tokens + i] : T(0);
    T result[own_channels] = {};
    for (index_t j = first; j < last; j += keys) {
        fetch<keys, width>(key_tile, k, b, kv, j, s.key_tokens, s.head_dim);
        fetch<keys, width>(value_tile, v, b, kv, j, s.key_tokens, s.head_dim);
        __syncthreads();
        for (int x = 0; x < own_keys; ++x) {
            const int key = part + x * threads_of_row;
            T product = 0, value = 0;
#pragma unroll 8
            for (int c = 0; c < width; ++c) {
                product += query[row][c] * key_tile[key][c];
                value += grad[row][c] * value_tile[key][c];
            }
            ds[row][key] = ScoreGradient<T>(product, value, log_sum, row_sum, s, b, h, i, j + key, i < end && seen.has(j + key)).score;
        }
        __syncthreads();
        for (int key = 0; key < keys; ++key)
            for (int c = 0; c < own_channels; ++c) result[c] += ds[row][key] * key_tile[key][part + c * threads_of_row];
        __syncthreads();
    }
    for (int c = 0; c < own_channels && i < end; ++c)
        if (const int channel = part + c * threads_of_row; channel < s.head_dim)
            dq.data[b * dq.batch_stride + h * dq.head_stride + i * dq.token_stride + channel] += result[c];
}

// A block has some keys of one head of keys, and goes over the queries of all heads that share it.
template <int keys, int queries, int width, class T>
__global__ void attention_key_gradient(HeadsView<T> dk, HeadsView<T> dv, HeadsView<const T> dout, const T* log_sums, const T* row_sums,
                                       HeadsView<const T> q, HeadsView<const T> k, HeadsView<const T> v, AttentionShape<T> s, index_t blocks) {
    constexpr int own_queries = queries / threads_of_row, own_channels = width / threads_of_row;
    __shared__ T key_tile[keys][width + 1], value_tile[keys][width + 1], query[queries][width + 1], grad[queries][width + 1];
    __shared__ T p[keys][queries + 1], ds[keys][queries + 1];
    const index_t head = blockIdx.x / blocks, b = head / s.kv_heads, kv = head % s.kv_heads, begin = blockIdx.x % blocks * keys;
    const int row = static_cast<int>(threadIdx.x) / threads_of_row, part = static_cast<int>(threadIdx.x) % threads_of_row;
    const index_t j = begin + row, group = s.heads / s.kv_heads;
    fetch<keys, width>(key_tile, k, b, kv, begin, s.key_tokens, s.head_dim);
    fetch<keys, width>(value_tile, v, b, kv, begin, s.key_tokens, s.head_dim);
    T key_result[own_channels] = {}, value_result[own_channels] = {};
    for (index_t h = kv * group; h < (kv + 1) * group; ++h)
        for (index_t i = 0; i < s.query_tokens; i += queries) {
            fetch<queries, width>(query, q, b, h, i, s.query_tokens, s.head_dim);
            fetch<queries, width>(grad, dout, b, h, i, s.query_tokens, s.head_dim);
            __syncthreads();
            for (int x = 0; x < own_queries; ++x) {
                const int own = part + x * threads_of_row;
                const index_t at = i + own;
                T product = 0, value = 0;
#pragma unroll 8
                for (int c = 0; c < width; ++c) {
                    product += query[own][c] * key_tile[row][c];
                    value += grad[own][c] * value_tile[row][c];
                }
                const bool there = at < s.query_tokens && j < s.key_tokens;
                const index_t number = (b * s.heads + h) * s.query_tokens + at;
                const ScoreGradient<T> g(product, value, there ? log_sums[number] : T(0), there ? row_sums[number] : T(0), s, b, h, at, j,
                                         there && Seen<T>(s, at).has(j));
                p[row][own] = g.weight;
                ds[row][own] = g.score;
            }
            __syncthreads();
            for (int own = 0; own < queries; ++own)
                for (int c = 0; c < own_channels; ++c) {
                    value_result[c] += p[row][own] * grad[own][part + c * threads_of_row];
                    key_result[c] += ds[row][own] * query[own][part + c * threads_of_row];
                }
            __syncthreads();
        }
    if (j >= s.key_tokens) return;
    for (int c = 0; c < own_channels; ++c) {
        const int channel = part + c * threads_of_row;
        if (channel >= s.head_dim) continue;
        if (dk.data != nullptr) dk.data[b * dk.batch_stride + kv * dk.head_stride + j * dk.token_stride + channel] += key_result[c];
        if (dv.data != nullptr) dv.data[b * dv.batch_stride + kv * dv.head_stride + j * dv.token_stride + channel] += value_result[c];
    }
}

}  // namespace kernels

namespace detail {

/// Calls f(tile of rows, width) with the numbers of a tile that shared memory holds for heads of this width. Throws unsupported for wider heads.
template <class T, class F>
void with_tile(index_t channels, const F& f) {
    constexpr int wide = sizeof(T) == 4 ? 2 : 1;
    if (channels <= 32) return f(std::integral_constant<int, 16 * wide>(), std::integral_constant<int, 32>());
    if (channels <= 64) return f(std::integral_constant<int, 16 * wide>(), std::integral_constant<int, 64>());
    if (channels <= 128) return f(std::integral_constant<int, 8 * wide>(), std::integral_constant<int, 128>());
    require(channels <= 128 * wide, ErrorCode::unsupported, "attention: heads of ", channels, " channels are wider than the ", 128 * wide,
            " that the GPU's tiles hold");
    if constexpr (wide > 1) f(std::integral_constant<int, 8>(), std::integral_constant<int, 256>());
}

}  // namespace detail

/// out, q (B, H, Tq, D); k, v (B, Hkv, Tk, D), of T or bf16; log_sums (B, H, Tq), or null when no backward will follow. In the order of a stream.
template <class T, class S>
void attention(const HeadsView<T>& out, T* log_sums, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
               const AttentionShape<T>& s, cudaStream_t stream = nullptr) {
    detail::with_tile<T>(s.head_dim, [&](auto rows, auto width) {
        constexpr int queries = 2 * decltype(rows)::value, keys = decltype(rows)::value;
        const index_t blocks = (s.query_tokens + queries - 1) / queries;
        launch("attention", kernels::attention<queries, keys, decltype(width)::value, T, S>, s.batch * s.heads * blocks, queries * threads_of_row,
               stream, out, log_sums, q, k, v, s, blocks);
    });
}

/// Adds to dq (B, H, Tq, D), dk and dv (B, Hkv, Tk, D), each of which may be null (data), from dout, out and what forward saw and saved. row_sums:
/// working memory (B, H, Tq).
template <class T>
void attention_backward(const HeadsView<T>& dq, const HeadsView<T>& dk, const HeadsView<T>& dv, const HeadsView<const T>& dout,
                        const HeadsView<const T>& out, const T* log_sums, const HeadsView<const T>& q, const HeadsView<const T>& k,
                        const HeadsView<const T>& v, const AttentionShape<T>& s, T* row_sums, cudaStream_t stream = nullptr) {
    constexpr int warps = 8;
    const index_t all = s.batch * s.heads * s.query_tokens;
    launch("attention_row_sums", kernels::attention_row_sums<T>, (all + warps - 1) / warps, warps * lanes_in_warp, stream, row_sums, dout, out, s);
    detail::with_tile<T>(s.head_dim, [&](auto rows, auto w) {
        constexpr int tile = decltype(rows)::value, width = decltype(w)::value;
        const index_t query_blocks = (s.query_tokens + tile - 1) / tile, key_blocks = (s.key_tokens + tile - 1) / tile;
        if (dq.data != nullptr)
            launch("attention_query_gradient", kernels::attention_query_gradient<tile, tile, width, T>, s.batch * s.heads * query_blocks,
                   tile * threads_of_row, stream, dq, dout, log_sums, static_cast<const T*>(row_sums), q, k, v, s, query_blocks);
        if (dk.data != nullptr || dv.data != nullptr)
            launch("attention_key_gradient", kernels::attention_key_gradient<tile, tile, width, T>, s.batch * s.kv_heads * key_blocks,
                   tile * threads_of_row, stream, dk, dv, dout, log_sums, static_cast<const T*>(row_sums), q, k, v, s, key_blocks);
    });
}

}  // namespace tercet::inline TERCET_ABI::cuda
