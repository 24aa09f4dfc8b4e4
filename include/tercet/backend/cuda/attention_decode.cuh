// Attention of one new token, split over the cache (Dao et al. 2023, "Flash-Decoding"): what generating a token does in each layer.
//
//   each 256 keys:   m = max S       l = Σ e^(S − m)       o = Σ e^(S − m) V           S = scale · q · K, masked, as in attention.cuh
//   then:            O = Σ e^(m − M) o / Σ e^(m − M) l     M = max m
//
// Why it is fast: one query is too little work for the blocks of attention.cuh, of which there would be one a head; here each stretch of the cache is
// a block's. Up to eight query heads that share keys are in the same block, so the cache is read once for them. Stretches are cut by the number of
// keys, never by the device, so the bits are the same on each.
#pragma once

#include "tercet/backend/cuda/attention.cuh"

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int keys_of_stretch = 256, heads_together = 8, decode_threads = 128;

namespace kernels {

// Of one head and one stretch of keys: m, l and o (D).
template <class T>
struct Partial {
    T* of;
    __device__ Partial(T* all, index_t head, index_t stretch, index_t stretches, index_t channels)
        : of(all + (head * stretches + stretch) * (channels + 2)) {}
    __device__ T& most() const { return of[0]; }
    __device__ T& sum() const { return of[1]; }
    __device__ T* result() const { return of + 2; }
};

// A warp has a head at a time while scores are made, a lane a key; then a thread has a channel of a head.
template <int keys, int width, class T, class S>
__global__ void attention_decode(T* partials, HeadsView<const T> q, HeadsView<const S> k, HeadsView<const S> v, AttentionShape<T> s, index_t first,
                                 index_t stretches) {
    static_assert(keys <= lanes_in_warp);
    __shared__ T query[heads_together][width + 1], tile[keys][width + 1], weight[heads_together][keys], result[heads_together][width];
    __shared__ T most[heads_together], sum[heads_together], kept[heads_together];
    const index_t group = s.heads / s.kv_heads, parts = (group + heads_together - 1) / heads_together, stretch = blockIdx.x % stretches,
                  part = blockIdx.x / stretches % parts, kv = blockIdx.x / stretches / parts % s.kv_heads,
                  b = blockIdx.x / stretches / parts / s.kv_heads;
    const index_t h0 = kv * group + part * heads_together, begin = first + stretch * keys_of_stretch;
    const int heads = static_cast<int>(group - part * heads_together < heads_together ? group - part * heads_together : heads_together);
    const index_t end = begin + keys_of_stretch < s.key_tokens ? begin + keys_of_stretch : s.key_tokens;
    const int warp = static_cast<int>(threadIdx.x) / lanes_in_warp, lane = static_cast<int>(threadIdx.x) % lanes_in_warp;
    const Seen<T> seen(s, 0);
    for (int i = static_cast<int>(threadIdx.x); i < heads_together * width; i += decode_threads) {
        const int h = i / width, c = i % width;
        query[h][c] = h < heads && c < s.head_dim ? q.data[b * q.batch_stride + (h0 + h) * q.head_stride + c] : T(0);
        result[h][c] = 0;
    }
    if (threadIdx.x < heads_together) {
        most[threadIdx.x] = -INFINITY;
        sum[threadIdx.x] = 0;
    }
    __syncthreads();
    for (index_t j = begin; j < end; j += keys) {
        fetch<keys, width>(tile, k, b, kv, j, end, s.head_dim);
        __syncthreads();
        for (int h = warp; h < heads; h += decode_threads / lanes_in_warp) {
            T product = 0, slope, mine = -INFINITY;
            if (lane < keys) {
                for (int c = 0; c < width; ++c) product += query[h][c] * tile[lane][c];
                if (j + lane < end && seen.has(j + lane)) mine = score(product, s, b, h0 + h, 0, j + lane, slope);
            }
            const T before = most[h], top = Maximum::of(over_warp<Maximum>(mine), before), shift = shift_of(top);
            const T p = exp(mine - shift), added = over_warp<Sum>(p), old = exp(before - shift);
            if (lane < keys) weight[h][lane] = p;
            __syncwarp();  // all lanes have read what is written now
            if (lane == 0) {
                most[h] = top;
                kept[h] = old;
                sum[h] = sum[h] * old + added;
            }
        }
        __syncthreads();
        fetch<keys, width>(tile, v, b, kv, j, end, s.head_dim);
        __syncthreads();
        for (int i = static_cast<int>(threadIdx.x); i < heads * width; i += decode_threads) {
            const int h = i / width, c = i % width;
            T total = result[h][c] * kept[h];
            for (int key = 0; key < keys; ++key) total += weight[h][key] * tile[key][c];
            result[h][c] = total;
        }
        __syncthreads();
    }
    for (int i = static_cast<int>(threadIdx.x); i < heads * width; i += decode_threads) {
        const int h = i / width, c = i % width;
        const Partial<T> partial(partials, b * s.heads + h0 + h, stretch, stretches, s.head_dim);
        if (c < s.head_dim) partial.result()[c] = result[h][c];
        if (c == 0) {
            partial.most() = most[h];
            partial.sum() = sum[h];
        }
    }
}

// A block a head, a thread a channel.
template <class T>
__global__ void attention_join(HeadsView<T> out, T* partials, AttentionShape<T> s, index_t stretches) {
    const index_t head = blockIdx.x;
    const auto partial = [&](index_t i) { return Partial<T>(partials, head, i, stretches, s.head_dim); };
    T most = -INFINITY;
    for (index_t i = 0; i < stretches; ++i) most = Maximum::of(most, partial(i).most());
    const T shift = shift_of(most);
    for (index_t c = threadIdx.x; c < s.head_dim; c += blockDim.x) {
        T total = 0, result = 0;
        for (index_t i = 0; i < stretches; ++i) {
            const T share = exp(partial(i).most() - shift);
            total += share * partial(i).sum();
            result += share * partial(i).result()[c];
        }
        out.data[head / s.heads * out.batch_stride + head % s.heads * out.head_stride + c] = normalised(result, total);
    }
}

}  // namespace kernels

/// Stretches that attention_decode() cuts the keys into that the query sees.
template <class T>
index_t decode_stretches(const AttentionShape<T>& s) {
    return std::max<index_t>(1, (s.key_tokens - s.first_key(0) + keys_of_stretch - 1) / keys_of_stretch);
}

/// attention() where there is one query: out, q (B, H, 1, D); k, v (B, Hkv, Tk, D), of T or bf16. partials: working memory (B, H, decode_stretches(),
/// D + 2).
template <class T, class S>
void attention_decode(const HeadsView<T>& out, T* partials, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
                      const AttentionShape<T>& s, cudaStream_t stream = nullptr) {
    require(s.query_tokens == 1, ErrorCode::invalid_argument, "attention_decode: ", s.query_tokens, " queries, not one");
    const index_t stretches = decode_stretches(s), parts = (s.group() + heads_together - 1) / heads_together;
    detail::with_tile<T>(s.head_dim, [&](auto rows, auto width) {
        constexpr int keys = decltype(rows)::value;
        launch("attention_decode", kernels::attention_decode<keys, decltype(width)::value, T, S>, s.batch * s.kv_heads * parts * stretches,
               decode_threads, stream, partials, q, k, v, s, s.first_key(0), stretches);
    });
    launch("attention_join", kernels::attention_join<T>, s.batch * s.heads, 64, stream, out, partials, s, stretches);
}

}  // namespace tercet::inline TERCET_ABI::cuda
