// The matrix product above its kernels: operands of every kind, for the whole of C, for a batch, on one thread or on all.
#pragma once

#include "tercet/backend/cpu/blocked_product.hpp"

namespace tercet::inline TERCET_ABI::cpu {

namespace detail {

/// Does what there is to do for a product without rows, columns or depth.
template <class Sum>
bool is_empty(Sum* c, index_t ldc, index_t m, index_t n, index_t k, bool accumulate, const Epilogue<Sum>& epilogue) {
    if (m != 0 && n != 0 && k != 0) return false;
    for (index_t i = 0; i < m && !accumulate; ++i) std::fill_n(c + i * ldc, n, Sum(0));
    finish(c, ldc, epilogue, 0, m, 0, n, false);
    return true;
}

/// A view of bfloat16 as the kernels take it: its bits.
inline MatrixView<std::uint16_t> bits(const MatrixView<bf16>& v) {
    return {v.data == nullptr ? nullptr : &v.data->bits, v.row_stride, v.col_stride};
}

/// Calls f with the blocked product C (m, n) = [C +] A (m, k) · B (k, n), B in memory by its strides or packed; pack_a as above.
template <class Element, class Sum, class PackA, class F>
void with_product(const GemmKernels<Element, Sum>& kernels, Sum* c, index_t ldc, const PackA& pack_a, const MatrixView<Element>& b,
                  const PackedWord<Element>* panels, index_t m, index_t n, index_t k, const Epilogue<Sum>& epilogue, bool accumulate, const F& f) {
    const auto pack_b = [&](PackedWord<Element>* to, index_t column, index_t columns, index_t begin, index_t count) {
        kernels.pack_panel(to, from(b, begin, column), columns, count);
    };
    constexpr index_t per_word = sizeof(PackedWord<Element>) / sizeof(Element);
    BlockedProduct<GemmKernels<Element, Sum>, Sum, PackA, decltype(pack_b)> product{kernels,  c,      ldc,    m,      n,        k,
                                                                                    per_word, panels, pack_a, pack_b, epilogue, accumulate};
    if constexpr (per_word == 1)
        if (b.col_stride == 1) product.b_rows = b;
    f(product);
}

/// Whether tiles take A (m, k) from rows. Turning it into groups pays where it meets many columns: one tile would read it once a panel, and two low
/// ones have nobody to share the turning with.
inline bool stays_in_rows(index_t col_stride, index_t m, index_t n, index_t tile_rows) {
    return col_stride == 1 && m > tile_rows && (n <= 1024 || m <= rows_of_two_tiles);
}

/// The same for operands of floats or doubles, B as it is stored.
template <Real T, class F>
void with_product(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, const Epilogue<T>& epilogue,
                  bool accumulate, const F& f) {
    const auto& kernels = cpu::kernels<T>().gemm;
    const auto pack_a = [&](T* to, index_t, index_t row, index_t rows, index_t begin, index_t count) {
        kernels.pack_rows(to, from(a, row, begin), rows, count);
    };
    const auto with_rows = [&](auto product) {
        // Rows a multiple of 2,048 bytes apart push each other out of the first-level cache, unless a tile has eight of them or fewer.
        const bool fit = m <= rows_of_two_tiles || a.row_stride * static_cast<index_t>(sizeof(T)) % 2048 != 0;
        if (stays_in_rows(a.col_stride, m, n, kernels.tile_rows) && a.row_stride > 0 && fit) product.a_rows = a;
        f(product);
    };
    if constexpr (std::is_same_v<T, float>) {
        if (b.kind == RightOperand<T>::Kind::stored) {
            const auto unpack = [&](T* to, index_t column, index_t columns, index_t begin, index_t count) {
                const index_t block = block_size(b.type), skip = begin % block, whole = round_up(skip + count, block);  // a depth may end in one
                const Scratch<T> rows(panel_width * whole);
                kernel_set().stored.unpack_panel(to, rows.data(), b, column, columns, begin - skip, whole, skip, count);
            };
            return with_rows(BlockedProduct<GemmKernels<T, T>, T, decltype(pack_a), decltype(unpack)>{kernels, c, ldc, m, n, k, 1, nullptr, pack_a,
                                                                                                      unpack, epilogue, accumulate});
        }
    }
    with_product(kernels, c, ldc, pack_a, b.view, b.kind == RightOperand<T>::Kind::packed ? b.panels : nullptr, m, n, k, epilogue, accumulate,
                 with_rows);
}

/// Columns [column, column + n) of one to four rows of A against a B whose columns lie contiguous in memory: dot products, each column read
/// once and nothing packed.
template <Real T>
void dot_columns(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t column, index_t m, index_t n, index_t k,
                 bool accumulate) {
    const auto dot = cpu::kernels<T>().dot;
    const auto stored_dots = kernel_set().stored.dots;
    for (index_t j = column; j < column + n; ++j) {
        T values[4]{};
        if (b.kind == RightOperand<T>::Kind::strided)
            for (index_t i = 0; i < m; ++i) values[i] = dot(b.view.data + j * b.view.col_stride, a.data + i * a.row_stride, k);
        else if constexpr (std::is_same_v<T, float>) stored_dots(values, b.rows + j * b.row_bytes, b.type, a.data, a.row_stride, m, k);
        for (index_t i = 0; i < m; ++i) {
            T& to = c[i * ldc + j];
            to = accumulate ? to + values[i] : values[i];
        }
    }
}
/// Columns of one task.
inline index_t dots_of_a_task(index_t k) {
    return std::max<index_t>(8, 32768 / k);
}
template <Real T>
bool takes_dots(const MatrixView<T>& a, const RightOperand<T>& b, index_t m) {
    using Kind = typename RightOperand<T>::Kind;
    return m <= 4 && a.col_stride == 1 && (b.kind == Kind::stored || (b.kind == Kind::strided && b.view.row_stride == 1));
}

/// One row of A against a B whose rows lie contiguous in memory: runs of rows of B, each summed into a row of its own, which are added up
/// in their order.
template <Real T>
void sum_rows(T* c, const MatrixView<T>& a, const MatrixView<T>& b, index_t n, index_t k, const Epilogue<T>& epilogue, bool accumulate) {
    constexpr index_t most_columns = 4096, run = 65536;  // a run of columns stays in the first-level cache; a task is worth its hand-over
    const index_t across = cuts(n, most_columns), width = round_up(cuts(n, across), 16);
    const index_t down = std::clamp<index_t>(n * k / run / across, 1, std::max<index_t>(1, 32 / across)), height = round_up(cuts(k, down), 8);
    const index_t runs = cuts(k, height);
    const Scratch<T> sums(runs * n);
    const auto& f = cpu::kernels<T>();
    parallel_for(runs * across, [&](index_t task) {
        const index_t p = task % runs * height, j = task / runs * width;
        if (j >= n) return;
        f.add_rows(sums.data() + task % runs * n + j, a.data + p * a.col_stride, a.col_stride, b.data + p * b.row_stride + j, b.row_stride,
                   std::min(height, k - p), std::min(width, n - j));
    });
    if (!accumulate) std::fill_n(c, n, T(0));
    for (index_t r = 0; r < runs; ++r) f.add_scaled(c, sums.data() + r * n, T(1), n);
    finish(c, n, epilogue, 0, 1, 0, n, false);
}

}  // namespace detail

/// C (m, n) with row stride ldc = [C +] A (m, k) · B (k, n), in the thread it is called in.
template <Real T>
void gemm_serial(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, bool accumulate,
                 const Epilogue<T>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    if (detail::takes_dots(a, b, m)) {
        detail::dot_columns(c, ldc, a, b, 0, m, n, k, accumulate);
        return detail::finish(c, ldc, epilogue, 0, m, 0, n, false);
    }
    detail::with_product(c, ldc, a, b, m, n, k, epilogue, accumulate, [](const auto& product) { product.serial(); });
}

/// The same on all threads.
template <Real T>
void gemm(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, bool accumulate,
          const Epilogue<T>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    using Kind = typename RightOperand<T>::Kind;
    if (m * n * k <= 32768) return gemm_serial(c, ldc, a, b, m, n, k, accumulate, epilogue);
    if (detail::takes_dots(a, b, m)) {
        return parallel_ranges(n, detail::dots_of_a_task(k), [&](index_t j, index_t end) {
            detail::dot_columns(c, ldc, a, b, j, m, end - j, k, accumulate);
            detail::finish(c, ldc, epilogue, 0, m, j, end - j, false);
        });
    }
    if (m == 1 && b.kind == Kind::strided && b.view.col_stride == 1) return detail::sum_rows(c, a, b.view, n, k, epilogue, accumulate);
    detail::with_product(c, ldc, a, b, m, n, k, epilogue, accumulate, [](const auto& product) { product.parallel(); });
}

/// `count` products of the same extents; product(i) gives the operands of the i-th: c, a, b. Small ones share a task.
template <Real T, class F>
void gemm_batch(index_t count, const F& product, index_t ldc, index_t m, index_t n, index_t k, bool accumulate) {
    const index_t work = std::max<index_t>(1, m * n * k);
    if (count > 1 && (count >= 16 || work <= (index_t{1} << 20)) && k > 0) {
        parallel_ranges(count, std::max<index_t>(1, 32768 / work), [&](index_t first, index_t last) {
            for (index_t i = first; i < last; ++i) {
                const auto p = product(i);
                gemm_serial<T>(p.c, ldc, p.a, p.b, m, n, k, accumulate);
            }
        });
    } else {
        for (index_t i = 0; i < count; ++i) {
            const auto p = product(i);
            gemm<T>(p.c, ldc, p.a, p.b, m, n, k, accumulate);
        }
    }
}

namespace detail {

/// The rows of A (m, k) rounded to bfloat16, where tiles take them from memory: once for several products.
class BfloatRows {
public:
    BfloatRows(const MatrixView<float>& a, index_t m, index_t k) : step_(apart(cuts(k, 2))), words_(m * step_) {
        parallel_ranges(m, std::max<index_t>(1, packed_in_task / step_), [&](index_t begin, index_t end) {
            kernel_set().narrow.pack_float_rows(words_.data() + begin * step_, step_, from(a, begin, 0), end - begin, k);
        });
    }
    MatrixView<std::int32_t> view() const { return {words_.data(), step_, 1}; }

    /// Whether a product with n columns of B takes them.
    static bool serve(const MatrixView<float>& a, index_t m, index_t n) {
        return stays_in_rows(a.col_stride, m, n, kernel_set().narrow.bfloats.tile_rows);
    }

private:
    index_t step_;
    Scratch<std::int32_t> words_;
};

/// Calls f with the blocked product of a B of bfloat16; A may be float: it is rounded while it is packed, or has been: `rounded`.
template <class A, class F>
void with_product(float* c, index_t ldc, const MatrixView<A>& a, const RightOperand<bf16>& b, index_t m, index_t n, index_t k,
                  const Epilogue<float>& epilogue, bool accumulate, const F& f, const MatrixView<std::int32_t>& rounded = {}) {
    const auto& kernels = kernel_set().narrow;
    const auto pack_a = [&](std::int32_t* to, index_t step, index_t row, index_t rows, index_t begin, index_t count) {
        if constexpr (std::is_same_v<A, float>) kernels.pack_float_rows(to, step, from(a, row, begin), rows, count);
        else kernels.bfloats.pack_rows(to, bits(from(a, row, begin)), rows, count);
    };
    const auto in_rows = [&](auto product) {
        if constexpr (std::is_same_v<A, float>) product.packs_rows = BfloatRows::serve(a, m, n);
        product.a_rows = rounded;
        f(product);
    };
    with_product(kernels.bfloats, c, ldc, pack_a, bits(b.view), b.panels, m, n, k, epilogue, accumulate, in_rows);
}

}  // namespace detail

/// C (m, n) in float = [C +] A (m, k) · B (k, n) of bfloat16, each product exact and summed in float. A may be float.
template <class A>
requires std::is_same_v<A, bf16> || std::is_same_v<A, float>
void gemm(float* c, index_t ldc, const MatrixView<A>& a, const RightOperand<bf16>& b, index_t m, index_t n, index_t k, bool accumulate,
          const Epilogue<float>& epilogue = {}, const MatrixView<std::int32_t>& rounded = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    detail::with_product(
        c, ldc, a, b, m, n, k, epilogue, accumulate, [](const auto& product) { product.parallel(); }, rounded);
}

namespace detail {

/// C (m, n) = [C +] A (m, k) · B (k, n) of floats that are rounded to bfloat16 while they are packed; pack_b as BlockedProduct has it.
template <class PackB>
void product_of_bfloats(float* c, index_t ldc, const MatrixView<float>& a, const PackB& pack_b, index_t m, index_t n, index_t k, bool accumulate,
                        const Epilogue<float>& epilogue) {
    if (is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    const auto& kernels = kernel_set().narrow;
    const auto pack_a = [&](std::int32_t* to, index_t step, index_t row, index_t rows, index_t begin, index_t count) {
        kernels.pack_float_rows(to, step, from(a, row, begin), rows, count);
    };
    using Kernels = GemmKernels<std::uint16_t, float>;
    BlockedProduct<Kernels, float, decltype(pack_a), PackB> product{kernels.bfloats, c,      ldc,    m,        n,         k, 2,
                                                                    nullptr,         pack_a, pack_b, epilogue, accumulate};
    product.packs_rows = BfloatRows::serve(a, m, n);
    product.parallel();
}

}  // namespace detail

/// C (m, n) = [C +] A (m, k) · B (k, n) of floats that are rounded to bfloat16 while they are packed.
inline void gemm_of_bfloats(float* c, index_t ldc, const MatrixView<float>& a, const MatrixView<float>& b, index_t m, index_t n, index_t k,
                            bool accumulate, const Epilogue<float>& epilogue = {}) {
    const auto pack = kernel_set().narrow.pack_float_panel;
    const auto pack_b = [&](std::int32_t* to, index_t column, index_t columns, index_t begin, index_t count) {
        pack(to, detail::from(b, begin, column), columns, count);
    };
    detail::product_of_bfloats(c, ldc, a, pack_b, m, n, k, accumulate, epilogue);
}

/// The same with a B of stored weights.
inline void gemm_of_bfloats(float* c, index_t ldc, const MatrixView<float>& a, const RightOperand<float>& b, index_t m, index_t n, index_t k,
                            bool accumulate, const Epilogue<float>& epilogue = {}) {
    const auto pack = kernel_set().narrow.pack_float_panel;
    const auto dequantize = kernel_set().stored.dequantize;
    const auto pack_b = [&](std::int32_t* to, index_t column, index_t columns, index_t begin, index_t count) {
        const index_t block = block_size(b.type), skip = begin % block, whole = detail::round_up(skip + count, block);  // a depth may end in one
        const Scratch<float> rows(columns * whole);
        for (index_t j = 0; j < columns; ++j) dequantize(rows.data() + j * whole, b.rows + (column + j) * b.row_bytes, b.type, begin - skip, whole);
        pack(to, {rows.data() + skip, 1, whole}, columns, count);
    };
    detail::product_of_bfloats(c, ldc, a, pack_b, m, n, k, accumulate, epilogue);
}

/// Stored bfloat16 weights as the right operand of such a product, where their activations may be rounded to it too; else nothing.
inline std::optional<RightOperand<bf16>> as_bfloats(const RightOperand<float>& b, index_t k) {
    const bool aligned = reinterpret_cast<std::uintptr_t>(b.rows) % alignof(bf16) == 0;
    if (b.kind != RightOperand<float>::Kind::stored || b.type != StorageType::bf16 || b.activations == Activations::f32 || !aligned) return {};
    if (!kernel_set().narrow.multiplies_bfloats) return {};
    return RightOperand<bf16>{RightOperand<bf16>::Kind::strided, {reinterpret_cast<const bf16*>(b.rows), 1, k}};
}

/// C (m, n) in 32-bit integers = [C +] A (m, k) · B (k, n) of bytes, exact as long as the sums fit.
inline void gemm(std::int32_t* c, index_t ldc, const MatrixView<std::int8_t>& a, const RightOperand<std::int8_t>& b, index_t m, index_t n, index_t k,
                 bool accumulate, const Epilogue<std::int32_t>& = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, Epilogue<std::int32_t>{})) return;
    const auto& kernels = kernel_set().narrow.bytes;
    const auto pack_a = [&](std::int32_t* to, index_t, index_t row, index_t rows, index_t begin, index_t count) {
        kernels.pack_rows(to, detail::from(a, row, begin), rows, count);
    };
    detail::with_product(kernels, c, ldc, pack_a, b.view, b.panels, m, n, k, Epilogue<std::int32_t>{}, accumulate,
                         [](const auto& product) { product.parallel(); });
}

namespace detail {

/// The kernels for operands of this element, and how those see a bfloat16.
template <class Element>
const auto& gemm_kernels() {
    if constexpr (std::is_same_v<Element, bf16>) return kernel_set().narrow.bfloats;
    else if constexpr (std::is_same_v<Element, std::int8_t>) return kernel_set().narrow.bytes;
    else return kernels<Element>().gemm;
}
template <class Element>
auto kernel_view(const MatrixView<Element>& v) {
    if constexpr (std::is_same_v<Element, bf16>) return bits(v);
    else return v;
}
template <class Element>
index_t panel_words(index_t k) {
    const index_t words = cuts(k, static_cast<index_t>(sizeof(PackedWord<Element>) / sizeof(Element)));
    return (words + cuts(words, panel_depth(words)) * gemm_kernels<Element>().header) * panel_width;
}

}  // namespace detail

/// Words of a B (k, n) packed into panels of 32 columns.
template <class Element>
index_t packed_words(index_t n, index_t k) {
    return detail::cuts(n, panel_width) * detail::panel_words<Element>(k);
}

/// Packs B (k, n) as a whole into packed_words(n, k) words.
template <class Element>
void pack(PackedWord<Element>* panels, const MatrixView<Element>& b, index_t n, index_t k) {
    const auto& kernels = detail::gemm_kernels<Element>();
    const auto view = detail::kernel_view(b);
    constexpr index_t per_word = sizeof(PackedWord<Element>) / sizeof(Element);
    const index_t depth = panel_depth(detail::cuts(k, per_word));
    parallel_for(detail::cuts(n, panel_width), [&](index_t p) {
        PackedWord<Element>* to = panels + p * detail::panel_words<Element>(k);
        for (index_t begin = 0; begin < k; begin += depth * per_word) {
            kernels.pack_panel(to, detail::from(view, begin, p * panel_width), std::min(panel_width, n - p * panel_width),
                               std::min(depth * per_word, k - begin));
            to += (depth + kernels.header) * panel_width;
        }
    });
}

}  // namespace tercet::inline TERCET_ABI::cpu
