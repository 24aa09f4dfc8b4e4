// Stored types: every element type that a GGUF or safetensors file can name, and which of them are blocks that can be unpacked.
//
// A plain type stores each element alone. A block type stores a fixed number of neighbours together, usually as small integers under a
// common scale; rows are whole blocks. All are known by name and size, so that any file can be listed; those with a struct in the last column
// can be unpacked and packed too. A new one is a header with that struct, and its name in this table.
//
// Sources: ggml.h (enum ggml_type) and ggml-common.h for ids and block sizes; the safetensors format for the names of its types.
#pragma once

#include "tercet/core/dtype.hpp"
#include "tercet/quant/iq4_nl.hpp"
#include "tercet/quant/k_quants.hpp"
#include "tercet/quant/q4_0.hpp"
#include "tercet/quant/q4_1.hpp"
#include "tercet/quant/q5_0.hpp"
#include "tercet/quant/q5_1.hpp"
#include "tercet/quant/q8_0.hpp"

#include <algorithm>
#include <concepts>
#include <iterator>
#include <optional>

namespace tercet::inline TERCET_ABI {

// clang-format off
// enum entry, name, elements in a block, bytes of a block, ggml's id (-1: not in GGUF), safetensors' name ("": not there), block struct (void: none)
#define TERCET_FOR_EACH_STORAGE_TYPE(X)                     \
    X(f32, "F32", 1, 4, 0, "F32", void)                     \
    X(f16, "F16", 1, 2, 1, "F16", void)                     \
    X(bf16, "BF16", 1, 2, 30, "BF16", void)                 \
    X(f64, "F64", 1, 8, 28, "F64", void)                    \
    X(i8, "I8", 1, 1, 24, "I8", void)                       \
    X(i16, "I16", 1, 2, 25, "I16", void)                    \
    X(i32, "I32", 1, 4, 26, "I32", void)                    \
    X(i64, "I64", 1, 8, 27, "I64", void)                    \
    X(u8, "U8", 1, 1, -1, "U8", void)                       \
    X(u16, "U16", 1, 2, -1, "U16", void)                    \
    X(u32, "U32", 1, 4, -1, "U32", void)                    \
    X(u64, "U64", 1, 8, -1, "U64", void)                    \
    X(boolean, "BOOL", 1, 1, -1, "BOOL", void)              \
    X(f8_e4m3, "F8_E4M3", 1, 1, -1, "F8_E4M3", void)        \
    X(f8_e5m2, "F8_E5M2", 1, 1, -1, "F8_E5M2", void)        \
    X(f8_e8m0, "F8_E8M0", 1, 1, -1, "F8_E8M0", void)        \
    X(f8_e4m3fnuz, "F8_E4M3FNUZ", 1, 1, -1, "F8_E4M3FNUZ", void) \
    X(f8_e5m2fnuz, "F8_E5M2FNUZ", 1, 1, -1, "F8_E5M2FNUZ", void) \
    X(f6_e2m3, "F6_E2M3", 4, 3, -1, "F6_E2M3", void)        \
    X(f6_e3m2, "F6_E3M2", 4, 3, -1, "F6_E3M2", void)        \
    X(f4, "F4", 2, 1, -1, "F4", void)                       \
    X(c64, "C64", 1, 8, -1, "C64", void)                    \
    X(q4_0, "Q4_0", 32, 18, 2, "", Q4_0)                    \
    X(q4_1, "Q4_1", 32, 20, 3, "", Q4_1)                    \
    X(q5_0, "Q5_0", 32, 22, 6, "", Q5_0)                    \
    X(q5_1, "Q5_1", 32, 24, 7, "", Q5_1)                    \
    X(q8_0, "Q8_0", 32, 34, 8, "", Q8_0)                    \
    X(q8_1, "Q8_1", 32, 36, 9, "", void)                    \
    X(q2_k, "Q2_K", 256, 84, 10, "", Q2_K)                  \
    X(q3_k, "Q3_K", 256, 110, 11, "", Q3_K)                 \
    X(q4_k, "Q4_K", 256, 144, 12, "", Q4_K)                 \
    X(q5_k, "Q5_K", 256, 176, 13, "", Q5_K)                 \
    X(q6_k, "Q6_K", 256, 210, 14, "", Q6_K)                 \
    X(q8_k, "Q8_K", 256, 292, 15, "", void)                 \
    X(iq2_xxs, "IQ2_XXS", 256, 66, 16, "", void)            \
    X(iq2_xs, "IQ2_XS", 256, 74, 17, "", void)              \
    X(iq3_xxs, "IQ3_XXS", 256, 98, 18, "", void)            \
    X(iq1_s, "IQ1_S", 256, 50, 19, "", void)                \
    X(iq4_nl, "IQ4_NL", 32, 18, 20, "", IQ4_NL)             \
    X(iq3_s, "IQ3_S", 256, 110, 21, "", void)               \
    X(iq2_s, "IQ2_S", 256, 82, 22, "", void)                \
    X(iq4_xs, "IQ4_XS", 256, 136, 23, "", void)             \
    X(iq1_m, "IQ1_M", 256, 56, 29, "", void)                \
    X(tq1_0, "TQ1_0", 256, 54, 34, "", void)                \
    X(tq2_0, "TQ2_0", 256, 66, 35, "", void)                \
    X(mxfp4, "MXFP4", 32, 17, 39, "", void)                 \
    X(nvfp4, "NVFP4", 64, 36, 40, "", void)                 \
    X(q1_0, "Q1_0", 128, 18, 41, "", void)
// clang-format on

enum class StorageType : std::uint8_t {
#define TERCET_ENTRY(entry, ...) entry,
    TERCET_FOR_EACH_STORAGE_TYPE(TERCET_ENTRY)
#undef TERCET_ENTRY
};

/// A struct that holds B::size neighbouring elements as they stand in a file, and unpacks and packs them. Kernels read it straight from a
/// mapped file, so it is plain, and needs no more than two bytes of alignment.
template <class B>
concept QuantBlock = std::is_trivially_copyable_v<B> && alignof(B) <= 2 && requires(const B& block, const float* in, float* out) {
    { B::size } -> std::convertible_to<index_t>;
    B::dequantize(block, out);
    { B::quantize(in) } -> std::same_as<B>;
};

/// What is known of a stored type: a row of the table above.
struct StorageInfo {
    std::string_view name;
    index_t block;      // elements stored together; 1 for plain types
    std::size_t bytes;  // of one block
    int ggml_id;
    std::string_view safetensors_name;
};

namespace detail {

inline constexpr StorageInfo storage_table[] = {
#define TERCET_ENTRY(entry, name, block, bytes, ggml, safetensors, type) {name, block, bytes, ggml, safetensors},
    TERCET_FOR_EACH_STORAGE_TYPE(TERCET_ENTRY)
#undef TERCET_ENTRY
};
inline constexpr std::size_t storage_types = std::size(storage_table);

template <class B, index_t Size, std::size_t Bytes>
constexpr bool fits_table() {
    if constexpr (std::is_void_v<B>) return true;
    else return QuantBlock<B> && B::size == Size && sizeof(B) == Bytes;
}
#define TERCET_ENTRY(entry, name, block, bytes, ggml, safetensors, type) \
    static_assert(fits_table<type, block, bytes>(), name ": the struct is no QuantBlock, or its size is not the table's");
TERCET_FOR_EACH_STORAGE_TYPE(TERCET_ENTRY)
#undef TERCET_ENTRY

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <class Matches>
constexpr std::optional<StorageType> find_storage_type(Matches matches) {
    for (std::size_t i = 0; i < storage_types; ++i)
        if (matches(storage_table[i])) return static_cast<StorageType>(i);
    return std::nullopt;
}

}  // namespace detail

/// The type's row of the table. Throws invalid_argument for a value outside the enum.
constexpr const StorageInfo& info_of(StorageType type) {
    const auto row = static_cast<std::size_t>(type);
    if (row >= detail::storage_types) fail(ErrorCode::invalid_argument, "stored type ", row, ": there are ", detail::storage_types);
    return detail::storage_table[row];
}

/// "F32", "Q4_1": ggml's and safetensors' names.
constexpr std::string_view name_of(StorageType type) {
    return info_of(type).name;
}
/// Elements that are stored together: 1 for plain types, 32 or 256 for most block types.
constexpr index_t block_size(StorageType type) {
    return info_of(type).block;
}
/// Bytes of one block; of one element for plain types.
constexpr std::size_t block_bytes(StorageType type) {
    return info_of(type).bytes;
}

inline std::ostream& operator<<(std::ostream& out, StorageType type) {
    return out << name_of(type);
}

/// Bytes of that many elements. Throws shape_mismatch unless they are whole blocks (ask for a row, then multiply), and size_overflow.
inline std::size_t bytes_of(StorageType type, index_t elements) {
    const auto& row = info_of(type);
    require(elements >= 0, ErrorCode::invalid_argument, row.name, ": ", elements, " elements");
    require(elements % row.block == 0, ErrorCode::shape_mismatch, row.name, ": ", elements, " elements are no multiple of its block of ", row.block);
    return checked_mul(static_cast<std::size_t>(elements / row.block), row.bytes, row.name);
}

/// The type of that name in either case ("Q4_1", "q4_1"), if there is one.
constexpr std::optional<StorageType> storage_type_named(std::string_view name) {
    return detail::find_storage_type([&](const StorageInfo& row) {
        const auto same = [](char a, char b) { return detail::lower(a) == detail::lower(b); };
        return std::equal(name.begin(), name.end(), row.name.begin(), row.name.end(), same);
    });
}
/// The type with that id in GGUF files, if there is one.
constexpr std::optional<StorageType> storage_type_of_ggml(std::uint32_t id) {
    return detail::find_storage_type([&](const StorageInfo& row) { return row.ggml_id >= 0 && static_cast<std::uint32_t>(row.ggml_id) == id; });
}
/// The type that safetensors files call so, if there is one.
constexpr std::optional<StorageType> storage_type_of_safetensors(std::string_view name) {
    return detail::find_storage_type([&](const StorageInfo& row) { return !name.empty() && row.safetensors_name == name; });
}

/// The stored type of a tensor's element type.
constexpr StorageType storage_type_of(DType dtype) {
    switch (dtype) {
#define TERCET_ENTRY(entry, type, text) \
    case DType::entry: return StorageType::entry;
        TERCET_FOR_EACH_DTYPE(TERCET_ENTRY)
#undef TERCET_ENTRY
    }
    fail(ErrorCode::dtype_mismatch, "storage_type_of: no such element type: ", static_cast<int>(dtype));
}

/// Calls f with a value-initialised block of the type: visit_block(type, [](auto block) { using B = decltype(block); … }).
/// Throws unsupported, naming the type, when it is no block type or one that is only known by name.
template <class F>
decltype(auto) visit_block(StorageType type, F&& f) {
    const auto call = [&]<class B>(std::type_identity<B>) -> decltype(f(Q8_0{})) {
        if constexpr (std::is_void_v<B>) fail(ErrorCode::unsupported, name_of(type), ": blocks of this type are not supported");
        else return f(B{});
    };
    switch (type) {
#define TERCET_ENTRY(entry, name, block, bytes, ggml, safetensors, block_type) \
    case StorageType::entry: return call(std::type_identity<block_type>{});
        TERCET_FOR_EACH_STORAGE_TYPE(TERCET_ENTRY)
#undef TERCET_ENTRY
    }
    fail(ErrorCode::invalid_argument, "stored type ", static_cast<int>(type), ": there are ", detail::storage_types);
}

/// Whether visit_block takes the type.
constexpr bool is_supported_block(StorageType type) {
    switch (type) {
#define TERCET_ENTRY(entry, name, block, bytes, ggml, safetensors, block_type) \
    case StorageType::entry: return !std::is_void_v<block_type>;
        TERCET_FOR_EACH_STORAGE_TYPE(TERCET_ENTRY)
#undef TERCET_ENTRY
    }
    return false;
}

}  // namespace tercet::inline TERCET_ABI
