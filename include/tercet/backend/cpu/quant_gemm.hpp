// The product of float activations, rounded to bytes on the way, with a block-quantised weight: C (m, n) = [C +] A (m, k) · Wᵀ.
//
// A few rows: few_rows.hpp. More rows: 32 rows of W at a time are unpacked into a panel that stays in the cache, and all rows of A go past it in
// register tiles. A weight that was arranged at loading consists of such panels, and is not unpacked.
#pragma once

#include "tercet/backend/cpu/few_rows.hpp"

namespace tercet::inline TERCET_ABI::cpu {

namespace detail {

/// Products of many rows, which have been rounded.
inline void quant_gemm(float* c, index_t ldc, const ByteRows& x, const RightOperand<float>& w, index_t m, index_t n, index_t k, bool accumulate,
                       const Epilogue<float>& epilogue) {
    const QuantKernels& kernels = kernel_set().quant.of[static_cast<int>(w.type)];
    const bool arranged = w.kind == RightOperand<float>::Kind::arranged;
    const index_t across = (n + panel_width - 1) / panel_width, size = byte_panel_size(w.type, k);
    const auto multiply = [&](index_t i, index_t rows, index_t panel_number, const std::byte* panel) {
        const index_t j = panel_number * panel_width, columns = std::min(panel_width, n - j);
        kernels.multiply_panel(c + i * ldc + j, ldc, x.from(i), panel, rows, columns, accumulate);
        finish(c, ldc, epilogue, i, rows, j, columns, false);
    };
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

}  // namespace detail

/// C (m, n) with row stride ldc = [C +] A (m, k) · Wᵀ, the stored W (n, k), then the epilogue. An infinity or NaN in a row of A makes its row of C
/// NaN.
inline void quant_gemm(float* c, index_t ldc, const MatrixView<float>& a, const RightOperand<float>& w, index_t m, index_t n, index_t k,
                       bool accumulate, const Epilogue<float>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    if (takes_strips(a, w, m)) return products_of_few_rows(std::array{SharingProduct<float>{c, ldc, w, n, epilogue}}, a, m, k, accumulate);
    detail::quant_gemm(c, ldc, detail::RoundedRows(a, w, m, k).rows(), w, m, n, k, accumulate, epilogue);
}

/// Several products of the same A (m, k), which is rounded once for neighbours that round it alike; the others one by one, as gemm(p) makes them.
template <class Gemm>
void products_of_many_rows(std::span<const SharingProduct<float>> products, const MatrixView<float>& a, index_t m, index_t k, const Gemm& gemm) {
    std::optional<detail::RoundedRows> bytes;
    std::optional<detail::BfloatRows> bfloats;
    for (const auto& p : products) {
        if (wants_bytes(p.b)) {
            if (!bytes || !bytes->serve(p.b, m)) bytes.emplace(a, p.b, m, k);
            detail::quant_gemm(p.c, p.ldc, bytes->rows(), p.b, m, p.n, k, false, p.epilogue);
        } else if (detail::is_arranged_bfloats(p.b) && p.b.factors == nullptr && detail::BfloatRows::serve(a, m, p.n)) {
            if (!bfloats) bfloats.emplace(a, m, k);
            cpu::gemm(p.c, p.ldc, a, arranged_bfloats(p.b), m, p.n, k, false, p.epilogue, bfloats->view());
        } else {
            gemm(p);
        }
    }
}

}  // namespace tercet::inline TERCET_ABI::cpu
