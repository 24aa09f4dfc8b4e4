// The product of float activations, rounded to bytes on the way, with a block-quantised weight: C (m, n) = [C +] A (m, k) · Wᵀ.
//
// A few rows: each stored row of W is read once and multiplied as it comes, so memory sets the pace. More rows: 32 rows of W at a time are
// unpacked into a panel that stays in the cache, and all rows of A go past it in register tiles. A weight that was arranged at loading consists of
// such panels, and is not unpacked.
#pragma once

#include "tercet/backend/cpu/arranged.hpp"

namespace tercet::inline TERCET_ABI::cpu {

/// Whether activations become bytes before they meet this operand.
inline bool wants_bytes(const RightOperand<float>& b) {
    using Kind = RightOperand<float>::Kind;
    return (b.kind == Kind::arranged || (b.kind == Kind::stored && b.activations == Activations::int8)) && block_size(b.type) > 1;
}

namespace detail {

inline constexpr index_t few_rows = 4;                 // up to this many, W is not unpacked into panels
inline constexpr index_t numbers_of_a_task = 1 << 15;  // of A, to be rounded: long beside what handing out a task costs
inline constexpr index_t least_bytes_of_a_task = 1 << 14, most_bytes_of_a_task = 1 << 17;  // of W

// Memory for m rows of k activations.
class ByteRowsBuffer {
public:
    ByteRowsBuffer(index_t m, index_t k, index_t group, index_t together)
        : groups_((k / group + 7) / 8 * 8),
          padded_((m + together - 1) / together * together),
          codes_(padded_ * k),
          numbers_(2 * padded_ * groups_),
          starts_(padded_ * groups_),
          rows_{codes_.data(), numbers_.data(), starts_.data(), numbers_.data() + padded_ * groups_, k, groups_, together} {}
    const ByteRows& rows() const { return rows_; }

private:
    index_t groups_, padded_;
    Scratch<std::int8_t> codes_;
    Scratch<float> numbers_;
    Scratch<std::int32_t> starts_;
    ByteRows rows_;
};

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

}  // namespace detail

/// C (m, n) with row stride ldc = [C +] A (m, k) · Wᵀ, the stored W (n, k), then the epilogue. An infinity or NaN in a row of A makes its row of C
/// NaN.
inline void quant_gemm(float* c, index_t ldc, const MatrixView<float>& a, const RightOperand<float>& w, index_t m, index_t n, index_t k,
                       bool accumulate, const Epilogue<float>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    const QuantTable& table = kernel_set().quant;
    const QuantKernels& kernels = table.of[static_cast<int>(w.type)];
    const bool arranged = w.kind == RightOperand<float>::Kind::arranged, few = m <= detail::few_rows && !arranged;
    const detail::ByteRowsBuffer buffer(m, k, kernels.group, few ? 1 : table.tile_rows);
    const ByteRows& x = buffer.rows();
    const auto quantize_rows = [&](index_t begin, index_t end) {
        const Scratch<float> changed(a.col_stride == 1 && w.factors == nullptr ? 0 : k);
        for (index_t i = begin; i < end; ++i) {
            const float* row = detail::multiplied_row(changed.data(), a, i, w.factors, k);
            kernels.quantize_row(x.from(i - i % x.together), i % x.together, row);
        }
    };
    parallel_ranges(m, std::max<index_t>(detail::few_rows, detail::numbers_of_a_task / std::max<index_t>(k, 1)), quantize_rows);

    if (few) {
        const index_t bytes = std::clamp(n * w.row_bytes / 12, detail::least_bytes_of_a_task, detail::most_bytes_of_a_task);
        const index_t rows = std::max<index_t>(4, bytes / std::max<index_t>(w.row_bytes, 1) / 4 * 4);
        return parallel_ranges(n, rows, [&](index_t begin, index_t end) {
            for (index_t i = 0; i < m; ++i)
                kernels.dot_rows(c + i * ldc + begin, w.rows + begin * w.row_bytes, w.row_bytes, x.from(i), end - begin, accumulate);
            detail::finish(c, ldc, epilogue, 0, m, begin, end - begin, false);
        });
    }
    const index_t across = (n + panel_width - 1) / panel_width, size = detail::byte_panel_size(w.type, k);
    const auto multiply = [&](index_t i, index_t rows, index_t panel_number, const std::byte* panel) {
        const index_t j = panel_number * panel_width, columns = std::min(panel_width, n - j);
        kernels.multiply_panel(c + i * ldc + j, ldc, x.from(i), panel, rows, columns, accumulate);
        detail::finish(c, ldc, epilogue, i, rows, j, columns, false);
    };
    if (arranged && m <= table.tile_rows) {  // each panel is read once: memory sets the pace
        const index_t bytes = std::clamp(across * size / 12, detail::least_bytes_of_a_task, detail::most_bytes_of_a_task);
        return parallel_ranges(across, std::max<index_t>(1, bytes / size), [&](index_t begin, index_t end) {
            for (index_t j = begin; j < end; ++j) multiply(0, m, j, w.rows + j * size);
        });
    }
    const index_t parts = std::max<index_t>(1, std::min(16 / across, m / 96)), height = ((m + parts - 1) / parts + 11) / 12 * 12;  // whole tiles
    const index_t down = (m + height - 1) / height;
    parallel_for(down * across, [&](index_t tile) {
        const Scratch<std::byte> unpacked(arranged ? 0 : size);
        const index_t i = tile / across * height, j = tile % across;
        if (!arranged)
            kernels.unpack_panel(unpacked.data(), w.rows + j * panel_width * w.row_bytes, w.row_bytes, std::min(panel_width, n - j * panel_width), k);
        const std::byte* panel = arranged ? w.rows + j * size : unpacked.data();
        constexpr index_t run = 96;  // rows of C that are still in the first-level cache for the epilogue: whole tiles
        for (index_t first = i; first < std::min(i + height, m); first += run) {
            multiply(first, std::min({run, i + height - first, m - first}), j, panel);
        }
    });
}

}  // namespace tercet::inline TERCET_ABI::cpu
