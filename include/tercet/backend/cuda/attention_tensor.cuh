// Attention on tensor cores (Dao 2023, "FlashAttention-2", algorithms 1 and 2), forward and backward: operands in bfloat16, sums, softmax and results
// in float. The formulas and who owns what are those of attention.cuh.
//
// A warp owns 16 rows. What multiply_tile() leaves in a lane as D is what it takes from it as the left operand of the next product, so S, P and dS go
// from one product to the next in registers:
//
//   lane 4g + t has    rows g and g + 8, in each eight columns those at 2t and 2t + 1
#pragma once

#include "tercet/backend/cuda/attention.cuh"
#include "tercet/backend/cuda/tensor_tile.cuh"

namespace tercet::inline TERCET_ABI::cuda {

namespace kernels {

/// How the tiles of a head of up to `width` channels are cut: rows of a block, 16 a warp, and of what it goes over.
template <int width>
struct TensorCut {
    static constexpr int rows = width <= 64 ? 64 : 32, over = width <= 64 ? 32 : 16, threads = rows / mma_rows * lanes_in_warp;
};

// Rows of one head from memory into `tile` (rows, width), those beyond `extent` and channels beyond D zeros, and into `turned` (width, rows), which
// has them as columns. Either may be null.
template <int rows, int width, int threads, class S>
__device__ void fetch_bfloats(bf16 (*tile)[width + tile_gap], bf16 (*turned)[rows + tile_gap], const HeadsView<const S>& x, index_t b, index_t h,
                              index_t first, index_t extent, index_t channels) {
    for (int i = static_cast<int>(threadIdx.x); i < rows * width; i += threads) {
        const int r = i / width, c = i % width;
        const bool there = first + r < extent && c < channels;
        const bf16 value = to_bfloat(there ? x.data[b * x.batch_stride + h * x.head_stride + (first + r) * x.token_stride + c] : S(0.f));
        if (tile != nullptr) tile[r][c] = value;
        if (turned != nullptr) turned[c][r] = value;
    }
}

// D (16, columns) of a warp: `columns` / 8 tiles side by side.
template <int columns>
struct WarpTiles {
    static constexpr int count = columns / mma_columns;
    float of[count][4] = {};

    /// += left (16, depth) · right (depth, columns): rows of `left` from `row` on, rows of `right` are columns.
    template <int left_stride, int right_stride>
    __device__ void add(const bf16 (*left)[left_stride], int row, const bf16 (*right)[right_stride], int depth) {
#pragma unroll 2
        for (int d = 0; d < depth; d += mma_depth) {
            unsigned a[4], b[2];
            load_left(a, left, row, d);
#pragma unroll
            for (int n = 0; n < count; ++n) {
                load_right(b, right, n * mma_columns, d);
                multiply_tile(of[n], a, b);
            }
        }
    }
    /// The same with a left operand that another product left in the registers.
    template <int depth, int right_stride>
    __device__ void add(const WarpTiles<depth>& left, const bf16 (*right)[right_stride]) {
#pragma unroll
        for (int d = 0; d < depth / mma_depth; ++d) {
            const auto &low = left.of[2 * d], &high = left.of[2 * d + 1];
            const unsigned a[4] = {two_bfloats(low[0], low[1]), two_bfloats(low[2], low[3]), two_bfloats(high[0], high[1]),
                                   two_bfloats(high[2], high[3])};
#pragma unroll
            for (int n = 0; n < count; ++n) {
                unsigned b[2];
                load_right(b, right, n * mma_columns, d * mma_depth);
                multiply_tile(of[n], a, b);
            }
        }
    }
    /// f(number, which of the lane's two rows, column).
    template <class F>
    __device__ void each(const LanePlace& lane, const F& f) {
#pragma unroll
        for (int n = 0; n < count; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) f(of[n][i], i / 2, n * mma_columns + lane.column + i % 2);
    }
    /// f(number, the other's, which row, column).
    template <class F>
    __device__ void each_with(WarpTiles& other, const LanePlace& lane, const F& f) {
#pragma unroll
        for (int n = 0; n < count; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) f(of[n][i], other.of[n][i], i / 2, n * mma_columns + lane.column + i % 2);
    }
};

// Of a block's rows, this warp's first.
__device__ inline int warp_row_of_block() {
    return static_cast<int>(threadIdx.x) / lanes_in_warp * mma_rows;
}

/// Which queries of which head a block has, what any of them sees, [first, last), and this lane's first row, which has another one 8 further on.
template <int rows>
struct QueryRows {
    index_t head, b, h, kv, begin, end, row, first, last;
    int warp_row;
    Seen<float> seen[2];

    __device__ QueryRows(const AttentionShape<float>& s, const LanePlace& lane, index_t blocks)
        : head(blockIdx.x / blocks),
          b(head / s.heads),
          h(head % s.heads),
          kv(h / (s.heads / s.kv_heads)),
          begin(blockIdx.x % blocks * rows),
          end(begin + rows < s.query_tokens ? begin + rows : s.query_tokens),
          row(begin + warp_row_of_block() + lane.row),
          first(Seen<float>(s, begin).first),
          last(Seen<float>(s, end - 1).last),
          warp_row(warp_row_of_block()),
          seen{Seen<float>(s, row), Seen<float>(s, row + 8)} {}
};

template <int width, class S>
__device__ void attend(const HeadsView<float>& out, float* log_sums, const HeadsView<const float>& q, const HeadsView<const S>& k,
                       const HeadsView<const S>& v, const AttentionShape<float>& s, index_t blocks) {
    using Cut = TensorCut<width>;
    __shared__ __align__(16) bf16 query[Cut::rows][width + tile_gap], key[Cut::over][width + tile_gap], value[width][Cut::over + tile_gap];
    const LanePlace lane;
    const QueryRows<Cut::rows> at(s, lane, blocks);
    const index_t row = at.row, end = at.end;
    fetch_bfloats<Cut::rows, width, Cut::threads>(query, nullptr, q, at.b, at.h, at.begin, s.query_tokens, s.head_dim);
    WarpTiles<width> result;
    float most[2] = {-INFINITY, -INFINITY}, sum[2] = {};
    for (index_t j = at.first; j < at.last; j += Cut::over) {
        fetch_bfloats<Cut::over, width, Cut::threads>(key, nullptr, k, at.b, at.kv, j, s.key_tokens, s.head_dim);
        fetch_bfloats<Cut::over, width, Cut::threads>(nullptr, value, v, at.b, at.kv, j, s.key_tokens, s.head_dim);
        __syncthreads();
        WarpTiles<Cut::over> p;
        p.add(query, at.warp_row, key, width);
        float top[2] = {most[0], most[1]}, kept[2], added[2] = {};
        p.each(lane, [&](float& x, int r, int column) {
            float slope;
            const bool sees = row + 8 * r < end && at.seen[r].has(j + column);
            x = sees ? score(x, s, at.b, at.h, row + 8 * r, j + column, slope) : -INFINITY;
            top[r] = Maximum::of(top[r], x);
        });
        for (int r = 0; r < 2; ++r) {
            top[r] = over_row<Maximum>(top[r]);
            const float shift = shift_of(top[r]);
            kept[r] = exp(most[r] - shift);
            most[r] = top[r];
            top[r] = shift;
        }
        p.each(lane, [&](float& x, int r, int) { added[r] += x = exp(x - top[r]); });
        for (int r = 0; r < 2; ++r) sum[r] = sum[r] * kept[r] + over_row<Sum>(added[r]);
        result.each(lane, [&](float& x, int r, int) { x *= kept[r]; });
        result.add(p, value);
        __syncthreads();
    }
    result.each(lane, [&](float& x, int r, int c) {
        if (row + 8 * r < end && c < s.head_dim)
            out.data[at.b * out.batch_stride + at.h * out.head_stride + (row + 8 * r) * out.token_stride + c] = normalised(x, sum[r]);
    });
    for (int r = 0; r < 2; ++r)
        if (log_sums != nullptr && lane.column == 0 && row + 8 * r < end)
            log_sums[at.head * s.query_tokens + row + 8 * r] = shift_of(most[r]) + log(sum[r]);
}

template <int width>
__device__ void gradient_of_queries(const HeadsView<float>& dq, const HeadsView<const float>& dout, const float* log_sums, const float* row_sums,
                                    const HeadsView<const float>& q, const HeadsView<const float>& k, const HeadsView<const float>& v,
                                    const AttentionShape<float>& s, index_t blocks) {
    using Cut = TensorCut<width>;
    __shared__ __align__(16) bf16 query[Cut::rows][width + tile_gap], grad[Cut::rows][width + tile_gap], key[Cut::over][width + tile_gap],
        key_turned[width][Cut::over + tile_gap], value[Cut::over][width + tile_gap];
    const LanePlace lane;
    const QueryRows<Cut::rows> at(s, lane, blocks);
    const index_t row = at.row, end = at.end;
    fetch_bfloats<Cut::rows, width, Cut::threads>(query, nullptr, q, at.b, at.h, at.begin, s.query_tokens, s.head_dim);
    fetch_bfloats<Cut::rows, width, Cut::threads>(grad, nullptr, dout, at.b, at.h, at.begin, s.query_tokens, s.head_dim);
    float log_sum[2], row_sum[2];
    for (int r = 0; r < 2; ++r) {
        const index_t number = at.head * s.query_tokens + row + 8 * r;
        log_sum[r] = row + 8 * r < end ? log_sums[number] : 0.f;
        row_sum[r] = row + 8 * r < end ? row_sums[number] : 0.f;
    }
    WarpTiles<width> result;
    for (index_t j = at.first; j < at.last; j += Cut::over) {
        fetch_bfloats<Cut::over, width, Cut::threads>(key, key_turned, k, at.b, at.kv, j, s.key_tokens, s.head_dim);
        fetch_bfloats<Cut::over, width, Cut::threads>(value, nullptr, v, at.b, at.kv, j, s.key_tokens, s.head_dim);
        __syncthreads();
        WarpTiles<Cut::over> products, ds;
        products.add(query, at.warp_row, key, width);
        ds.add(grad, at.warp_row, value, width);
        products.each_with(ds, lane, [&](float& x, float& d, int r, int column) {
            const bool sees = row + 8 * r < end && at.seen[r].has(j + column);
            d = ScoreGradient<float>(x, d, log_sum[r], row_sum[r], s, at.b, at.h, row + 8 * r, j + column, sees).score;
        });
        result.add(ds, key_turned);
        __syncthreads();
    }
    result.each(lane, [&](float& x, int r, int c) {
        if (row + 8 * r < end && c < s.head_dim) dq.data[at.b * dq.batch_stride + at.h * dq.head_stride + (row + 8 * r) * dq.token_stride + c] += x;
    });
}

// A block has some keys of one head of keys, and goes over the queries of all heads that share it; S, P and dS are (keys, queries) here.
template <int width>
__device__ void gradient_of_keys(const HeadsView<float>& dk, const HeadsView<float>& dv, const HeadsView<const float>& dout, const float* log_sums,
                                 const float* row_sums, const HeadsView<const float>& q, const HeadsView<const float>& k,
                                 const HeadsView<const float>& v, const AttentionShape<float>& s, index_t blocks) {
    using Cut = TensorCut<width>;
    __shared__ __align__(16) bf16 key[Cut::rows][width + tile_gap], value[Cut::rows][width + tile_gap], query[Cut::over][width + tile_gap],
        query_turned[width][Cut::over + tile_gap], grad[Cut::over][width + tile_gap], grad_turned[width][Cut::over + tile_gap];
    const index_t head = blockIdx.x / blocks, b = head / s.kv_heads, kv = head % s.kv_heads, begin = blockIdx.x % blocks * Cut::rows;
    const LanePlace lane;
    const int warp_row = warp_row_of_block();
    const index_t row = begin + warp_row + lane.row, group = s.heads / s.kv_heads;
    fetch_bfloats<Cut::rows, width, Cut::threads>(key, nullptr, k, b, kv, begin, s.key_tokens, s.head_dim);
    fetch_bfloats<Cut::rows, width, Cut::threads>(value, nullptr, v, b, kv, begin, s.key_tokens, s.head_dim);
    WarpTiles<width> key_result, value_result;
    for (index_t h = kv * group; h < (kv + 1) * group; ++h)
        for (index_t i = 0; i < s.query_tokens; i += Cut::over) {
            fetch_bfloats<Cut::over, width, Cut::threads>(query, query_turned, q, b, h, i, s.query_tokens, s.head_dim);
            fetch_bfloats<Cut::over, width, Cut::threads>(grad, grad_turned, dout, b, h, i, s.query_tokens, s.head_dim);
            __syncthreads();
            WarpTiles<Cut::over> p, ds;
            p.add(key, warp_row, query, width);
            ds.add(value, warp_row, grad, width);
            p.each_with(ds, lane, [&](float& x, float& d, int r, int column) {
                const index_t at = i + column, j = row + 8 * r, number = (b * s.heads + h) * s.query_tokens + at;
                const bool there = at < s.query_tokens && j < s.key_tokens;
                const ScoreGradient<float> g(x, d, there ? log_sums[number] : 0.f, there ? row_sums[number] : 0.f, s, b, h, at, j,
                                             there && Seen<float>(s, at).has(j));
                x = g.weight;
                d = g.score;
            });
            value_result.add(p, grad_turned);
            key_result.add(ds, query_turned);
            __syncthreads();
        }
    const auto write = [&](const HeadsView<float>& to, WarpTiles<width>& result) {
        result.each(lane, [&](float& x, int r, int c) {
            if (to.data != nullptr && row + 8 * r < s.key_tokens && c < s.head_dim)
                to.data[b * to.batch_stride + kv * to.head_stride + (row + 8 * r) * to.token_stride + c] += x;
        });
    };
    write(dk, key_result);
    write(dv, value_result);
}

template <int width, class S>
__global__ void __launch_bounds__(TensorCut<width>::threads, 1)
    attention_tensor(HeadsView<float> out, float* log_sums, HeadsView<const float> q, HeadsView<const S> k, HeadsView<const S> v,
                     AttentionShape<float> s, index_t blocks) {
    if constexpr (has_tensor_cores) attend<width>(out, log_sums, q, k, v, s, blocks);
    else __trap();  // callers ask the device first
}
template <int width>
__global__ void __launch_bounds__(TensorCut<width>::threads, 1)
    query_gradient_tensor(HeadsView<float> dq, HeadsView<const float> dout, const float* log_sums, const float* row_sums, HeadsView<const float> q,
                          HeadsView<const float> k, HeadsView<const float> v, AttentionShape<float> s, index_t blocks) {
    if constexpr (has_tensor_cores) gradient_of_queries<width>(dq, dout, log_sums, row_sums, q, k, v, s, blocks);
    else __trap();
}
template <int width>
__global__ void __launch_bounds__(TensorCut<width>::threads, 1)
    key_gradient_tensor(HeadsView<float> dk, HeadsView<float> dv, HeadsView<const float> dout, const float* log_sums, const float* row_sums,
                        HeadsView<const float> q, HeadsView<const float> k, HeadsView<const float> v, AttentionShape<float> s, index_t blocks) {
    if constexpr (has_tensor_cores) gradient_of_keys<width>(dk, dv, dout, log_sums, row_sums, q, k, v, s, blocks);
    else __trap();
}

}  // namespace kernels

namespace detail {

/// Calls f(width) with the width of tiles that heads of so many channels fit into. Throws unsupported for wider heads.
template <class F>
void with_tensor_width(index_t channels, const F& f) {
    require(channels <= 128, ErrorCode::unsupported, "attention: heads of ", channels, " channels are wider than the 128 of the tensor cores' tiles");
    if (channels <= 32) return f(std::integral_constant<int, 32>());
    if (channels <= 64) return f(std::integral_constant<int, 64>());
    f(std::integral_constant<int, 128>());
}

}  // namespace detail

/// attention() with operands rounded to bfloat16, for heads of up to 128 channels and compute capability 8.0 or later.
template <class S>
void attention_tensor(const HeadsView<float>& out, float* log_sums, const HeadsView<const float>& q, const HeadsView<const S>& k,
                      const HeadsView<const S>& v, const AttentionShape<float>& s, cudaStream_t stream = nullptr) {
    detail::with_tensor_width(s.head_dim, [&](auto w) {
        constexpr int width = decltype(w)::value;
        using Cut = kernels::TensorCut<width>;
        const index_t blocks = (s.query_tokens + Cut::rows - 1) / Cut::rows;
        launch("attention_tensor", kernels::attention_tensor<width, S>, s.batch * s.heads * blocks, Cut::threads, stream, out, log_sums, q, k, v, s,
               blocks);
    });
}

/// attention_backward() likewise.
inline void attention_backward_tensor(const HeadsView<float>& dq, const HeadsView<float>& dk, const HeadsView<float>& dv,
                                      const HeadsView<const float>& dout, const HeadsView<const float>& out, const float* log_sums,
                                      const HeadsView<const float>& q, const HeadsView<const float>& k, const HeadsView<const float>& v,
                                      const AttentionShape<float>& s, float* row_sums, cudaStream_t stream = nullptr) {
    constexpr int warps = 8;
    const index_t all = s.batch * s.heads * s.query_tokens;
    launch("attention_row_sums", kernels::attention_row_sums<float>, (all + warps - 1) / warps, warps * lanes_in_warp, stream, row_sums, dout, out,
           s);
    detail::with_tensor_width(s.head_dim, [&](auto w) {
        constexpr int width = decltype(w)::value;
        using Cut = kernels::TensorCut<width>;
        const index_t query_blocks = (s.query_tokens + Cut::rows - 1) / Cut::rows, key_blocks = (s.key_tokens + Cut::rows - 1) / Cut::rows;
        const float* sums = row_sums;
        if (dq.data != nullptr)
            launch("query_gradient_tensor", kernels::query_gradient_tensor<width>, s.batch * s.heads * query_blocks, Cut::threads, stream, dq, dout,
                   log_sums, sums, q, k, v, s, query_blocks);
        if (dk.data != nullptr || dv.data != nullptr)
            launch("key_gradient_tensor", kernels::key_gradient_tensor<width>, s.batch * s.kv_heads * key_blocks, Cut::threads, stream, dk, dv, dout,
                   log_sums, sums, q, k, v, s, key_blocks);
    });
}

}  // namespace tercet::inline TERCET_ABI::cuda
