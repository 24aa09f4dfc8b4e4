// Stored weights arranged once, at loading, for products with narrow activations: what would be turned and unpacked in every product.
//
//   bf16    panels of 32 columns as the bfloat16 product packs them
//   q8_0    panels of 32 rows of W as byte_record() says, codes 128 too large, one after another
//
// They take the memory that the stored rows took (q8_0 a sixteenth more) and hold the same values to the bit. Types of fewer bits stay as they are
// stored: a decoding step reads every weight, and less is less.
#pragma once

#include "tercet/backend/cpu/gemm.hpp"

#include <cstring>

namespace tercet::inline TERCET_ABI::cpu {

/// Whether weights of this type are worth arranging for this machine.
inline bool can_arrange(StorageType type) {
    return type == StorageType::q8_0 || (type == StorageType::bf16 && kernel_set().narrow.multiplies_bfloats);
}

namespace detail {

/// Bytes of one panel of a block type.
inline index_t byte_panel_size(StorageType type, index_t k) {
    const QuantKernels& kernels = kernel_set().quant.of[static_cast<int>(type)];
    return k / kernels.group * kernels.record;
}

}  // namespace detail

/// Bytes of an arranged weight (n, k).
inline index_t arranged_bytes(StorageType type, index_t n, index_t k) {
    if (type == StorageType::bf16) return packed_words<bf16>(n, k) * static_cast<index_t>(sizeof(PackedWord<bf16>));
    return detail::cuts(n, panel_width) * detail::byte_panel_size(type, k);
}

/// Arranges the stored rows of a weight (n, k), which for bf16 are aligned to 2 bytes; `to` is aligned to 64.
inline void arrange(std::byte* to, StorageType type, const std::byte* rows, index_t n, index_t k) {
    if (type == StorageType::bf16) return pack<bf16>(reinterpret_cast<PackedWord<bf16>*>(to), {reinterpret_cast<const bf16*>(rows), 1, k}, n, k);
    const auto row_bytes = static_cast<index_t>(bytes_of(type, k));
    parallel_for(detail::cuts(n, panel_width), [&](index_t j) {
        kernel_set().quant.of[static_cast<int>(type)].unpack_panel(to + j * detail::byte_panel_size(type, k), rows + j * panel_width * row_bytes,
                                                                   row_bytes, std::min(panel_width, n - j * panel_width), k);
    });
}

/// Row r of an arranged weight (n, k), as it was stored.
inline void stored_row(std::byte* to, StorageType type, const std::byte* arranged, index_t r, index_t k) {
    const index_t column = r % panel_width;
    if (type == StorageType::bf16) {
        const index_t words = detail::cuts(k, 2), depth = panel_depth(words);
        const auto* panel = reinterpret_cast<const PackedWord<bf16>*>(arranged) + r / panel_width * detail::panel_words<bf16>(k);
        for (index_t begin = 0; begin < words; begin += depth) {
            const index_t here = std::min(depth, words - begin);
            const auto* from = panel + begin * panel_width + panel_offset(0, column, here);
            for (index_t p = 0; p < here; ++p) {  // a word holds two elements; the last one may be half empty
                const index_t i = 2 * (begin + p);
                std::memcpy(to + 2 * i, from + p * strip_width, static_cast<std::size_t>(std::min<index_t>(2, k - i) * 2));
            }
        }
        return;
    }
    constexpr index_t group = 32;
    const std::byte* record = arranged + r / panel_width * detail::byte_panel_size(type, k);
    for (index_t i = 0; i < k; i += group, to += 2 + group, record += byte_record(group, false)) {
        float scale;
        std::memcpy(&scale, record + panel_width * group + 4 * column, 4);
        const f16 half(scale);
        std::memcpy(to, &half, 2);
        for (index_t j = 0; j < group; ++j) to[2 + j] = record[j / 4 * 4 * panel_width + 4 * column + j % 4] ^ std::byte{128};
    }
}

/// An arranged bf16 weight as the right operand of the bfloat16 product.
inline RightOperand<bf16> arranged_bfloats(const RightOperand<float>& b) {
    return {.kind = RightOperand<bf16>::Kind::packed, .panels = reinterpret_cast<const PackedWord<bf16>*>(b.rows)};
}

}  // namespace tercet::inline TERCET_ABI::cpu
