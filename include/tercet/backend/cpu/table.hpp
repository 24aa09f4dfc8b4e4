// The function table: everything that a CPU kernel region offers, as pointers. One table for each instruction set, filled by kernels.inc.
//
// A kernel works on one tile in one thread: rows and tiles are handed out above it (backend/cpu/backend.hpp). Outputs come first, then
// inputs, then extents. Gradients are added to: dx += …; a null gradient is skipped where the comment says so.
#pragma once

#include "tercet/backend/operations.hpp"
#include "tercet/core/shape.hpp"
#include "tercet/quant/block.hpp"

namespace tercet::inline TERCET_ABI::cpu {

/// Columns of a packed panel: the same for every instruction set, so that packed weights outlive a change of it.
inline constexpr index_t panel_width = 32;

/// Depth of one pass of the matrix product: a panel of this depth stays in the first-level cache.
inline constexpr index_t panel_depth = 256;

/// A matrix in memory: element (i, j) stands at data[i · row_stride + j · col_stride].
template <class T>
struct MatrixView {
    const T* data;
    index_t row_stride, col_stride;
};

/// The right operand B (k, n) of a product, as it is stored.
template <class T>
struct RightOperand {
    enum class Kind { strided, packed, stored } kind;
    MatrixView<T> view{};             // strided: any strides
    const T* panels = nullptr;        // packed: panel j holds columns [32 j, 32 j + 32), k rows of 32; the last one is filled with zeros
    const std::byte* rows = nullptr;  // stored: Bᵀ by rows in a file's type, each of k elements: a checkpoint's (out, in) weight
    StorageType type{};
    index_t row_bytes = 0;
};

template <class T>
struct Kernels {
    // y (n) = f(x (n));   dx (n) += dy · f'(x, y)
    void (*unary[static_cast<int>(UnaryOp::count)])(T* y, const T* x, index_t n);
    void (*unary_backward[static_cast<int>(UnaryOp::count)])(T* dx, const T* dy, const T* x, const T* y, index_t n);
    // y (n) = f(a, b); an operand whose step is 0 is one number for all
    void (*binary[static_cast<int>(BinaryOp::count)])(T* y, const T* a, const T* b, index_t n, index_t a_step, index_t b_step);
    // y (n) += alpha · x (n)
    void (*add_scaled)(T* y, const T* x, T alpha, index_t n);
    T (*sum)(const T* x, index_t n);
    T (*dot)(const T* a, const T* b, index_t n);

    // One row of n each.
    void (*softmax)(T* y, const T* x, index_t n);  // a row of −∞ gives zeros
    void (*softmax_backward)(T* dx, const T* dy, const T* y, index_t n);
    void (*log_softmax)(T* y, const T* x, index_t n);
    void (*log_softmax_backward)(T* dx, const T* dy, const T* y, index_t n);
    T (*exp_sum)(T* shift, const T* x, index_t n);  // shift = max x, or 0 where that is infinite; gives Σ e^(x − shift)
    T (*log_sum_exp)(const T* x, index_t n);
    void (*add_exp_minus)(T* y, const T* x, T shift, T scale, index_t n);                                      // y += scale · e^(x − shift)
    void (*layer_norm)(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps, index_t n);  // bias may be null
    void (*layer_norm_backward)(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* weight, T mean, T rstd,
                                index_t n);  // any gradient may be null
    void (*rms_norm)(T* y, T* rstd, const T* x, const T* weight, T eps, index_t n);
    void (*rms_norm_backward)(T* dx, T* dweight, const T* dy, const T* x, const T* weight, T rstd, index_t n);  // either gradient may be null
    // Rotates the pairs (x[i], x[i + half]) by the angle whose cosine and sine are given; sign −1 turns back.
    void (*rotate)(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t half);

    // One step of AdamW on n parameters (see train/optimizer.hpp).
    void (*adamw)(T* parameter, T* m, T* v, const T* gradient, T rate, T beta1, T beta2, T eps, T decay, T correction1, T correction2, index_t n);

    // C (m, n) with row stride ldc = [C +] A (m, k) · B (k, n)[:, column …]; scratch holds gemm_scratch(m, k) numbers.
    void (*gemm)(T* c, index_t ldc, MatrixView<T> a, const RightOperand<T>& b, index_t column, index_t m, index_t n, index_t k, bool accumulate,
                 T* scratch);
    // Columns [column, column + 32) of a strided B, rows [0, k), into a packed panel.
    void (*pack_panel)(T* panel, const MatrixView<T>& b, index_t column, index_t n, index_t k);
    index_t tile_rows;  // rows of a register tile
};

/// Rows of the stored types, in float.
struct StoredKernels {
    // y (n) = the row's values, from its element `begin` on; begin and n are multiples of the block
    void (*dequantize)(float* y, const std::byte* row, StorageType type, index_t begin, index_t n);
    // the dot product of a stored row with x (n)
    float (*dot)(const std::byte* row, StorageType type, const float* x, index_t n);
};

/// Writing past the caches, for results that are larger than they are.
struct StreamKernels {
    void (*copy)(void* y, const void* x, index_t bytes);
    void (*end)();  // after the last copy of a task: its results may be read elsewhere
};

struct KernelSet {
    std::string_view name;
    Kernels<float> f32;
    Kernels<double> f64;
    StoredKernels stored;
    StreamKernels stream;
};

template <class T>
const Kernels<T>& kernels_for(const KernelSet& set) {
    if constexpr (std::is_same_v<T, float>) return set.f32;
    else return set.f64;
}

/// Numbers of scratch that Kernels::gemm needs for m rows and depth k: the packed rows of A, one panel of B, one panel of rows.
inline index_t gemm_scratch(index_t m, index_t k) {
    const index_t depth = std::min(k, panel_depth), rows = (m + 15) / 16 * 16 + 16;
    return rows * depth + 2 * panel_width * depth + 16 * panel_width;
}

}  // namespace tercet::inline TERCET_ABI::cpu
