// Products of a few rows of A, those of a token or some, with weights: every weight is read once, as it comes, and memory sets the pace.
//
// W is cut into strips of rows, each of them a task's. Weights that share A, as those of query, key and value, share one parallel loop: between
// two loops the memory has nothing to do.
#pragma once

#include "tercet/backend/cpu/arranged.hpp"

#include <array>
#include <span>

namespace tercet::inline TERCET_ABI::cpu {

/// Whether activations become bytes before they meet this operand.
inline bool wants_bytes(const RightOperand<float>& b) {
    using Kind = RightOperand<float>::Kind;
    return (b.kind == Kind::arranged || (b.kind == Kind::stored && b.activations == Activations::int8)) && block_size(b.type) > 1;
}

/// The most products that share a loop.
inline constexpr std::size_t most_sharing = 4;

namespace detail {

inline constexpr index_t few_rows = 4;                 // up to this many, a stored W is not unpacked into panels
inline constexpr index_t numbers_of_a_task = 1 << 15;  // of A, to be rounded: long beside what handing out a task costs
inline constexpr index_t least_bytes_of_a_task = 1 << 14, most_bytes_of_a_task = 1 << 17;  // of W

// Row i of A times the factors, in `room`; or where it lies, if it is contiguous and there are none.
inline const float* multiplied_row(float* room, const MatrixView<float>& a, index_t i, const float* factors, index_t k) {
    const float* row = a.data + i * a.row_stride;
    if (a.col_stride != 1) {
        for (index_t p = 0; p < k; ++p) room[p] = row[p * a.col_stride];
        row = room;
    }
    if (factors == nullptr) return row;
    kernels<float>().binary[static_cast<int>(BinaryOp::mul)](room, row, factors, k, 1, 1, false);
    return room;
}

/// The rows of A (m, k) as bytes for weights of one kind: what they were rounded for, and the memory.
class RoundedRows {
public:
    RoundedRows(const MatrixView<float>& a, const RightOperand<float>& w, index_t m, index_t k)
        : kernels_(kernel_set().quant.of[static_cast<int>(w.type)]),
          factors_(w.factors),
          together_(rows_together(w, m)),
          groups_((k / kernels_.group + 7) / 8 * 8),
          padded_((m + together_ - 1) / together_ * together_),
          codes_(padded_ * k),
          numbers_(2 * padded_ * groups_),
          starts_(padded_ * groups_),
          rows_{codes_.data(), numbers_.data(), starts_.data(), numbers_.data() + padded_ * groups_, k, groups_, together_} {
        parallel_ranges(m, std::max<index_t>(few_rows, numbers_of_a_task / std::max<index_t>(k, 1)), [&](index_t begin, index_t end) {
            const Scratch<float> changed(a.col_stride == 1 && factors_ == nullptr ? 0 : k);
            for (index_t i = begin; i < end; ++i) {
                const float* row = multiplied_row(changed.data(), a, i, factors_, k);
                kernels_.quantize_row(rows_.from(i - i % together_), i % together_, row);
            }
        });
    }
    const ByteRows& rows() const { return rows_; }
    /// Whether these are what another weight wants of the same A.
    bool serve(const RightOperand<float>& w, index_t m) const {
        const auto& kernels = kernel_set().quant.of[static_cast<int>(w.type)];
        return kernels.quantize_row == kernels_.quantize_row && kernels.group == kernels_.group && w.factors == factors_ &&
               rows_together(w, m) == together_;
    }

private:
    static index_t rows_together(const RightOperand<float>& w, index_t m) {
        return w.kind == RightOperand<float>::Kind::stored && m <= few_rows ? 1 : kernel_set().quant.tile_rows;
    }

    const QuantKernels& kernels_;
    const float* factors_;
    index_t together_, groups_, padded_;
    Scratch<std::int8_t> codes_;
    Scratch<float> numbers_;
    Scratch<std::int32_t> starts_;
    ByteRows rows_;
};

inline bool is_packed(const RightOperand<float>& w) {
    return w.kind == RightOperand<float>::Kind::packed;
}
inline bool is_arranged_bfloats(const RightOperand<float>& w) {
    return w.kind == RightOperand<float>::Kind::arranged && w.type == StorageType::bf16;
}

/// One of the products, cut into strips of columns of C.
struct StripProduct {
    SharingProduct<float> product;
    MatrixView<float> a;
    index_t m, k;
    bool accumulate;
    const ByteRows* bytes = nullptr;  // A as bytes, where the weight wants them

    index_t strips() const { return cuts(product.n, width()); }
    void run(index_t strip) const {
        const auto& [c, ldc, w, n, epilogue] = product;
        const index_t begin = strip * width(), columns = std::min(width(), n - begin);
        const auto from_panels = [&](const auto& blocked) { blocked.strip(begin, columns); };  // the epilogue too
        if (is_packed(w)) return with_product(c, ldc, a, w, m, n, k, epilogue, accumulate, from_panels);
        if (is_arranged_bfloats(w)) return with_product(c, ldc, a, arranged_bfloats(w), m, n, k, epilogue, accumulate, from_panels);
        if (bytes == nullptr) {
            dot_columns(c, ldc, a, w, begin, m, columns, k, accumulate);
        } else if (w.kind == RightOperand<float>::Kind::arranged) {
            const index_t size = byte_panel_size(w.type, k);
            for (index_t j = begin; j < begin + columns; j += panel_width)
                kernels().multiply_panel(c + j, ldc, *bytes, w.rows + j / panel_width * size, m, std::min(panel_width, n - j), accumulate);
        } else {
            for (index_t i = 0; i < m; ++i)
                kernels().dot_rows(c + i * ldc + begin, w.rows + begin * w.row_bytes, w.row_bytes, bytes->from(i), columns, accumulate);
        }
        finish(c, ldc, epilogue, 0, m, begin, columns, false);
    }

private:
    const QuantKernels& kernels() const { return kernel_set().quant.of[static_cast<int>(product.b.type)]; }
    index_t width() const {
        const auto& w = product.b;
        if (is_packed(w) || is_arranged_bfloats(w)) return round_up(cuts(product.n, 32), panel_width);
        if (bytes == nullptr) return dots_of_a_task(k);
        const bool arranged = w.kind == RightOperand<float>::Kind::arranged;
        const index_t unit = arranged ? panel_width : 4, unit_bytes = std::max<index_t>(arranged ? byte_panel_size(w.type, k) : 4 * w.row_bytes, 1);
        const index_t wanted = std::clamp(cuts(product.n, unit) * unit_bytes / 12, least_bytes_of_a_task, most_bytes_of_a_task);
        return std::max<index_t>(1, wanted / unit_bytes) * unit;
    }
};

}  // namespace detail

/// Whether the product of m rows of A with this operand is one of strips.
inline bool takes_strips(const MatrixView<float>& a, const RightOperand<float>& b, index_t m) {
    if (!wants_bytes(b)) {
        const bool rounded = b.kind == RightOperand<float>::Kind::strided && b.activations == Activations::bf16;
        const bool in_panels = m <= detail::few_rows && (detail::is_packed(b) || detail::is_arranged_bfloats(b));
        return (in_panels || (detail::takes_dots(a, b, m) && !rounded)) && b.factors == nullptr;
    }
    return m <= (b.kind == RightOperand<float>::Kind::arranged ? kernel_set().quant.tile_rows : detail::few_rows);
}

/// C_i (m, n_i) = [C_i +] A (m, k) · B_i (k, n_i) for up to four B that take strips. Infinities and NaN where A becomes bytes: as in quant_gemm().
inline void products_of_few_rows(std::span<const SharingProduct<float>> products, const MatrixView<float>& a, index_t m, index_t k, bool accumulate) {
    std::array<std::optional<detail::RoundedRows>, most_sharing> rounded;
    std::array<std::optional<detail::StripProduct>, most_sharing> parts;
    index_t strips = 0;
    for (std::size_t i = 0; i < products.size(); ++i) {
        const auto& w = products[i].b;
        auto& part = parts[i].emplace(detail::StripProduct{products[i], a, m, k, accumulate});
        if (wants_bytes(w)) {
            std::size_t r = 0;
            while (rounded[r] && !rounded[r]->serve(w, m)) ++r;
            if (!rounded[r]) rounded[r].emplace(a, w, m, k);
            part.bytes = &rounded[r]->rows();
        }
        strips += part.strips();
    }
    parallel_for(strips, [&](index_t strip) {
        std::size_t i = 0;
        for (; strip >= parts[i]->strips(); ++i) strip -= parts[i]->strips();
        parts[i]->run(strip);
    });
}

}  // namespace tercet::inline TERCET_ABI::cpu
