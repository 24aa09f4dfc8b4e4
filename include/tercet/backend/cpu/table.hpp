// The function table: everything that a CPU kernel region offers, as pointers. One table for each instruction set, filled by kernels.inc.
//
// A kernel works on one tile in one thread: rows and tiles are handed out above it (backend/cpu/backend.hpp). Outputs come first, then
// inputs, then extents. Gradients are added to: dx += …; a null gradient is skipped where the comment says so.
#pragma once

#include "tercet/backend/operands.hpp"
#include "tercet/backend/updates.hpp"
#include "tercet/core/shape.hpp"

namespace tercet::inline TERCET_ABI::cpu {

using tercet::Epilogue;
using tercet::MatrixView;
using tercet::PackedWord;
using tercet::RightOperand;

/// Columns of a packed panel, and of the two strips it is made of: a line of the cache each row. They are the same for every instruction
/// set, so that packed weights outlive a change of it.
inline constexpr index_t panel_width = 32, strip_width = 16;
/// Up to so many rows of A, where they do not fit one register tile of 14, go in two tiles of 8.
inline constexpr index_t rows_of_two_tiles = 16;

/// Depth, in packed words, of one pass of a matrix product over so many, the same for all but the last: a panel of it stays close to the core.
inline constexpr index_t most_depth = 416;
constexpr index_t panel_depth(index_t words) {
    const index_t depths = (words + most_depth - 1) / most_depth;
    return words <= most_depth ? most_depth : ((words + depths - 1) / depths + 7) / 8 * 8;
}

/// Where in a panel of `words`, up to panel_depth(), row p of a column stands: (2, words, 16).
constexpr index_t panel_offset(index_t p, index_t column, index_t words) {
    return (column / strip_width * words + p) * strip_width + column % strip_width;
}

/// Rows of activations as bytes, for a weight of one block type:  x ≈ scale[g] · code,  a scale for 32 of them. What a product needs of them
/// stands ready for each group g of the weight's, of 32 or 16: the scale, −offset · Σ code and scale · Σ code. So many rows as are multiplied
/// together stand side by side, fours of their codes by turns.
struct ByteRows {
    std::int8_t* codes;           // (rows / together, k / 4, together, 4)
    float* scales;                // (rows / together, groups, together)
    std::int32_t* starts;         // the same
    float* sums;                  // the same
    index_t k, groups, together;  // groups are rounded up to eight, those beyond the row with scale and sum 0

    /// The rows from i on, a multiple of `together`.
    ByteRows from(index_t i) const { return {codes + i * k, scales + i * groups, starts + i * groups, sums + i * groups, k, groups, together}; }
};

/// 32 rows of a block-quantised weight side by side, a record for each group of codes: the codes (group / 4, 32, 4), the scales (32) and, where the
/// type has them, the minima (32).
constexpr index_t byte_record(index_t group, bool minima) {
    return panel_width * (group + static_cast<index_t>(sizeof(float)) * (minima ? 2 : 1));
}

/// A panel that is still in memory: the first rows of A that meet it, a full tile, leave it packed for the others. Few rows take it as it is.
template <class Word>
struct RawPanel {
    const Word* from = nullptr;  // 32 neighbouring columns, rows `step` apart
    index_t step = 0;
    Word* to = nullptr;          // where b points; null: it is not packed
    const Word* next = nullptr;  // the panel whose turn comes after this one
};

/// A block of C in one task: C (rows, columns) = [C +] [start +] A · B over a depth of packed words.
template <class Word, class Sum>
struct GemmBlock {
    Sum* c;
    index_t ldc;
    const Word* a;  // groups as high as a register tile, each (words, its rows); with a_step, rows that lie in memory so far apart
    index_t a_step;
    const Word* b;  // panels of 32 columns, b_panel_step apart; with `raw`, the place of one of them
    index_t b_panel_step;
    const Sum* start;  // (columns), or null
    index_t rows, columns, words;
    bool accumulate;
    RawPanel<Word> raw{};
};

/// The parts of a matrix product, for one kind of operands.
template <class Element, class Sum>
struct GemmKernels {
    using Word = PackedWord<Element>;
    void (*pack_rows)(Word* packed, const MatrixView<Element>& a, index_t rows, index_t k);     // A (rows, k)
    void (*pack_panel)(Word* panel, const MatrixView<Element>& b, index_t columns, index_t k);  // B (k, columns), columns up to 32
    void (*block)(const GemmBlock<Word, Sum>& block);
    index_t header;     // rows of 32 sums before a panel's words
    index_t tile_rows;  // rows of a full register tile
};

/// Most queries of an attention tile, its keys at a time, and the most keys of a run of the decoding kernel.
inline constexpr index_t attention_queries = 64, attention_keys = 64, attention_run = 256;

/// One piece of attention: some queries of a head (or one query of several heads that share their keys) and the keys they see.
template <class T>
struct AttentionTile {
    T* out;          // (queries, D)
    T* log_sums;     // (queries), or null
    const T* query;  // (queries, D)
    index_t out_stride, query_stride, queries;
    const void *key, *value;  // (Tk, D), of T, or bf16 where that is set
    index_t key_stride, value_stride, channels;
    bool bf16;
    index_t position, first_key, last_key;  // of the first query among the keys; keys [first, last) that any of the queries sees
    T scale, softcap;                       // softcap: 0 for none
    bool causal;
    index_t window;
    const T* bias;  // of the first query and key 0, or null
    index_t bias_query, bias_key;
    const T* slopes;  // score −= slope · (position − key): of the head (or one a head), or null
};

/// Channels of a row of the backward pass: whole vectors, the last filled up with zeros.
constexpr index_t padded_channels(index_t channels) {
    return (channels + 15) / 16 * 16;
}

/// What the queries of a tile hand back. Keys and values, and their gradients, are rows (Tk, padded_channels(D)) without gaps.
template <class T>
struct AttentionBackwardTile {
    AttentionTile<T> seen;           // as forward had it, but for out, log_sums and the strides
    const T *out, *dout, *log_sums;  // (queries, D), (queries, D), (queries)
    T* dquery;                       // (queries, D), or null
    T *dkey, *dvalue;
    index_t out_stride, dout_stride, dquery_stride;
};

template <class T>
struct Kernels {
    // y (n) = f(x (n));   dx (n) = [dx +] dy · f'(x, y). Here and below, a y that goes past_caches is seen by others after stream.end().
    void (*unary[static_cast<int>(UnaryOp::count)])(T* y, const T* x, index_t n, bool past_caches);
    void (*unary_backward[static_cast<int>(UnaryOp::count)])(T* dx, const T* dy, const T* x, const T* y, index_t n, bool add);
    // y (n) = f(a, b); an operand whose step is 0 is one number for all
    void (*binary[static_cast<int>(BinaryOp::count)])(T* y, const T* a, const T* b, index_t n, index_t a_step, index_t b_step, bool past_caches);
    // y (n) += alpha · x (n)
    void (*add_scaled)(T* y, const T* x, T alpha, index_t n);
    T (*sum)(const T* x, index_t n);
    T (*dot)(const T* a, const T* b, index_t n);

    // Rows of n; one each where there is no number of them.
    void (*softmax)(T* y, const T* x, index_t rows, index_t n, bool past_caches);  // a row of −∞ gives zeros
    void (*softmax_backward)(T* dx, const T* dy, const T* y, index_t n);
    void (*log_softmax)(T* y, const T* x, index_t n, bool past_caches);
    void (*log_softmax_backward)(T* dx, const T* dy, const T* y, index_t n);
    T (*exp_sum)(T* shift, const T* x, index_t n);  // shift = max x, or 0 where that is infinite; gives Σ e^(x − shift)
    T (*log_sum_exp)(const T* x, index_t n);
    // y = [y +] scale · e^(x − shift) + offset; y may be x
    void (*scaled_exp)(T* y, const T* x, T shift, T scale, T offset, index_t n, bool add, bool past_caches);
    void (*layer_norm)(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps, index_t rows, index_t n,
                       bool past_caches);  // bias may be null
    void (*layer_norm_backward)(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* weight, T mean, T rstd,
                                index_t n);  // any gradient may be null
    void (*rms_norm)(T* y, T* rstd, const T* x, const T* weight, T eps, index_t rows, index_t n, bool past_caches);
    void (*rms_norm_backward)(T* dx, T* dweight, const T* dy, const T* x, const T* weight, T rstd, index_t n);  // either gradient may be null
    // Rotates the pairs (x[i], x[i + half]) by the angle whose cosine and sine are given; sign −1 turns back.
    void (*rotate)(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t half);
    void (*rotate_neighbours)(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t half);  // the pairs (x[2i], x[2i + 1])

    // y = [y +] x · (u < dropped ? 0 : scale), u the upper 24 bits of word i of the Philox stream from block `counter` on
    void (*dropout)(T* y, const T* x, std::uint64_t seed, std::uint64_t counter, std::int32_t dropped, T scale, index_t n, bool add);

    // Steps of training (backend/updates.hpp); of a factored second moment one row each, and the sums of its gradient.
    UpdateKernels<T> update;
    T (*add_squares)(T* columns, const T* x, index_t n);           // columns (n) += x², and gives Σ x²
    T (*factored_squares)(const FactoredUpdate<T>& u, index_t n);  // Σ g² / max(row · column, least)
    void (*factored_step)(const FactoredUpdate<T>& u, index_t n);

    GemmKernels<T, T> gemm;
    // y (n) = Σ_p x[p · x_step] · B[p], rows of B (rows, n) by their stride
    void (*add_rows)(T* y, const T* x, index_t x_step, const T* b, index_t row_stride, index_t rows, index_t n);

    // out and log_sums of up to attention_queries queries of one head; scratch holds attention_scratch(channels, bf16) numbers.
    void (*attention_tile)(const AttentionTile<T>& tile, T* scratch);
    // The same for one query of each of several heads, at most attention_run keys, before the division: a row (m, l, O) of D + 2 numbers a head.
    void (*attention_heads)(T* partials, const AttentionTile<T>& tile, T* scratch);
    // out (D) from such rows of one head, which stand `step` apart; log_sum may be null
    void (*attention_merge)(T* out, T* log_sum, const T* partials, index_t runs, index_t step, index_t channels);
    // Adds to dquery, dkey and dvalue; scratch holds attention_backward_scratch(channels) numbers.
    void (*attention_backward_tile)(const AttentionBackwardTile<T>& tile, T* scratch);
};

/// Products of narrow numbers: bfloat16 (as its bits) summed in float, bytes summed in 32-bit integers.
struct NarrowKernels {
    GemmKernels<std::uint16_t, float> bfloats;
    GemmKernels<std::int8_t, std::int32_t> bytes;
    // Floats packed as bfloat16, rounded to nearest even: A, in groups or with a step one row below the other, and a panel of B.
    void (*pack_float_rows)(std::int32_t* packed, index_t step, const MatrixView<float>& a, index_t rows, index_t k);
    void (*pack_float_panel)(std::int32_t* panel, const MatrixView<float>& b, index_t columns, index_t k);
    bool multiplies_bfloats;  // in one instruction: elsewhere float is faster
};

/// Rows of the stored types, in float.
struct StoredKernels {
    // y (n) = the row's values, from its element `begin` on; begin and n are multiples of the block
    void (*dequantize)(float* y, const std::byte* row, StorageType type, index_t begin, index_t n);
    // up to 32 stored rows from `column` on as a panel: of their elements [begin, begin + n), whole blocks, the k from `skip` on; rows: working
    // memory of 32 · n numbers
    void (*unpack_panel)(float* panel, float* rows, const RightOperand<float>& b, index_t column, index_t columns, index_t begin, index_t n,
                         index_t skip, index_t k);
    // y (rows) = the dot products of a stored row with one to four rows of x, each of n and x_stride behind the one before
    void (*dots)(float* y, const std::byte* row, StorageType type, const float* x, index_t x_stride, index_t rows, index_t n);
};

/// Writing past the caches, for results that are larger than they are.
struct StreamKernels {
    void (*copy)(void* y, const void* x, index_t bytes);
    void (*end)();  // after the last such store of a task: its results may be read elsewhere
};

/// Weights of one block type against activations in bytes. All sums of products are exact integers within a group.
struct QuantKernels {
    index_t group;   // weights under one scale; 0 where the type is no block type
    index_t record;  // bytes of a panel's record, see byte_record
    // x (k) into row r of those that stand together; where 32 of them hold an infinity or NaN their scale is NaN, and so are the row's products
    void (*quantize_row)(const ByteRows& rows, index_t r, const float* x);
    // y (n) = [y +] n stored rows · a row of activations that stands alone
    void (*dot_rows)(float* y, const std::byte* rows, index_t row_bytes, const ByteRows& x, index_t n, bool accumulate);
    // `columns` <= 32 stored rows into a panel of k / group records; the last one stands in for those that are missing
    void (*unpack_panel)(std::byte* panel, const std::byte* rows, index_t row_bytes, index_t columns, index_t k);
    // C (m, columns) with row stride ldc = [C +] x (m, k) · panel; tile_rows of x stand together
    void (*multiply_panel)(float* c, index_t ldc, const ByteRows& x, const std::byte* panel, index_t m, index_t columns, bool accumulate);
};
struct QuantTable {
    index_t tile_rows;                               // rows of activations that are multiplied together
    QuantKernels of[tercet::detail::storage_types];  // by StorageType
};

struct KernelSet {
    std::string_view name;
    Kernels<float> f32;
    Kernels<double> f64;
    StoredKernels stored;
    NarrowKernels narrow;
    StreamKernels stream;
    QuantTable quant;
};

template <class T>
const Kernels<T>& kernels_for(const KernelSet& set) {
    if constexpr (std::is_same_v<T, float>) return set.f32;
    else return set.f64;
}

/// Numbers of scratch that the attention kernels need: Qᵀ, O, S, the bias and four rows of a tile, its keys and values where they are bf16.
inline index_t attention_scratch(index_t channels, bool bf16) {
    return attention_queries * (2 * channels + 2 * attention_keys + 4) + (bf16 ? 2 * attention_keys * channels : 0);
}

/// The same for the backward pass: Qᵀ, dOᵀ and dQᵀ, rows of Q and dO, S, dP, the bias, the cap's slope and four rows of a tile.
inline index_t attention_backward_scratch(index_t channels) {
    return attention_queries * (3 * channels + 2 * padded_channels(channels) + 4 * attention_keys + 4);
}

}  // namespace tercet::inline TERCET_ABI::cpu
