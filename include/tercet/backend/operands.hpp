// What a matrix product is given: operands as they lie in memory, and what happens to the result before it is written.
#pragma once

#include "tercet/backend/operations.hpp"
#include "tercet/quant/block.hpp"

#include <optional>

namespace tercet::inline TERCET_ABI {

/// What the activations of a product are rounded to before they meet its weight.
enum class Activations : std::uint8_t {
    f32,   // nothing: they stay as they are
    bf16,  // bfloat16, and so are a dense weight's elements, and the gradients of both on the way back; elsewhere they stay as they are
    int8,  // bytes under one scale for 32 neighbours, where the weight is of a block type; bfloat16 where it is bf16 and the machine multiplies that
};

/// A matrix in memory: element (i, j) stands at data[i · row_stride + j · col_stride].
template <class T>
struct MatrixView {
    const T* data;
    index_t row_stride, col_stride;
};

/// What packed operands are made of: numbers of 32 bits or more, or as many narrower ones as fill 32.
template <class Element>
using PackedWord = std::conditional_t<sizeof(Element) >= 4, Element, std::int32_t>;

/// The right operand B (k, n) of a product, as it is stored.
template <class T>
struct RightOperand {
    enum class Kind { strided, packed, stored, arranged } kind;
    MatrixView<T> view{};                   // strided: any strides
    const PackedWord<T>* panels = nullptr;  // packed: panel j holds columns [32 j, 32 j + 32), see cpu::panel_offset; zeros fill the last
    const std::byte* rows = nullptr;        // stored: Bᵀ by rows in a file's type, each of k elements: a checkpoint's (out, in) weight;
                                            // arranged: the same for narrow activations, see backend/cpu/arranged.hpp
    StorageType type{};
    index_t row_bytes = 0;
    Activations activations = Activations::f32;  // what those of the left operand become; bf16: and these, where they are strided
    const float* factors = nullptr;              // (k) stored and arranged: a row of A is multiplied by these first; or null
};

/// What happens to C once it is summed: C = f(scale · A B + bias) + residual, each part optional.
template <class T>
struct Epilogue {
    const T* bias = nullptr;  // (n)
    std::optional<UnaryOp> activation{};
    const T* residual = nullptr;  // (m, n)
    index_t residual_stride = 0;
    T scale = 1;
};

/// One of several products with the same A (m, k): C (m, n) with row stride ldc = A · B (k, n), then the epilogue.
template <class T>
struct SharingProduct {
    T* c;
    index_t ldc;
    RightOperand<T> b;
    index_t n;
    Epilogue<T> epilogue{};
};

}  // namespace tercet::inline TERCET_ABI
