// Stored bytes to floats and back, for every type that this version can read: plain numbers one by one, block types block by block.
//
// This is the reference, in portable code; a matmul over stored weights has kernels of its own. Bytes may lie at any address: a safetensors
// file aligns nothing.
#pragma once

#include "tercet/quant/block.hpp"

#include <cmath>
#include <cstring>
#include <span>

namespace tercet::inline TERCET_ABI {

namespace detail {

// The C++ type of a plain stored type, value-initialised, to f; false when there is none.
template <class F>
bool visit_plain(StorageType type, F&& f) {
    switch (type) {
    case StorageType::f32: return f(float{}), true;
    case StorageType::f64: return f(double{}), true;
    case StorageType::f16: return f(f16{}), true;
    case StorageType::bf16: return f(bf16{}), true;
    case StorageType::i8: return f(std::int8_t{}), true;
    case StorageType::i16: return f(std::int16_t{}), true;
    case StorageType::i32: return f(std::int32_t{}), true;
    case StorageType::i64: return f(std::int64_t{}), true;
    case StorageType::u8:
    case StorageType::boolean: return f(std::uint8_t{}), true;
    case StorageType::u16: return f(std::uint16_t{}), true;
    case StorageType::u32: return f(std::uint32_t{}), true;
    case StorageType::u64: return f(std::uint64_t{}), true;
    default: return false;
    }
}

inline void check_extents(std::string_view what, StorageType type, std::size_t bytes, std::size_t elements) {
    const auto expected = bytes_of(type, static_cast<index_t>(elements));
    require(bytes == expected, ErrorCode::shape_mismatch, what, ": ", elements, " elements of ", type, " are ", expected, " bytes, not ", bytes);
}

template <QuantBlock B>
void dequantize_blocks(std::span<const std::byte> in, std::span<float> out) {
    for (std::size_t i = 0; i * sizeof(B) < in.size(); ++i) {
        B block;
        std::memcpy(&block, in.data() + i * sizeof(B), sizeof(B));
        B::dequantize(block, out.data() + i * static_cast<std::size_t>(B::size));
    }
}

template <QuantBlock B>
void quantize_blocks(StorageType type, std::span<const float> in, std::span<std::byte> out) {
    constexpr auto size = static_cast<std::size_t>(B::size);
    float back[size];
    for (std::size_t i = 0; i * size < in.size(); ++i) {
        for (std::size_t k = 0; k < size; ++k)
            require(std::isfinite(in[i * size + k]), ErrorCode::invalid_argument, "quantize: element ", i * size + k, " is ", in[i * size + k],
                    ", which ", type, " cannot hold");
        const B block = B::quantize(in.data() + i * size);
        B::dequantize(block, back);
        require(std::isfinite(back[0]), ErrorCode::invalid_argument, "quantize: the block at element ", i * size,
                " has values too large for the scale of ", type);
        std::memcpy(out.data() + i * sizeof(B), &block, sizeof(B));
    }
}

}  // namespace detail

/// Unpacks stored bytes into floats. Throws shape_mismatch unless the bytes are those of out.size() elements, and unsupported, naming
/// the type, for one that is only known by name.
inline void dequantize(StorageType type, std::span<const std::byte> in, std::span<float> out) {
    detail::check_extents("dequantize", type, in.size(), out.size());
    const bool plain = detail::visit_plain(type, [&](auto value) {
        for (std::size_t i = 0; i < out.size(); ++i) {
            std::memcpy(&value, in.data() + i * sizeof(value), sizeof(value));
            out[i] = static_cast<float>(value);
        }
    });
    if (!plain) visit_block(type, [&]<class B>(B) { detail::dequantize_blocks<B>(in, out); });
}

/// Packs floats into stored bytes: F32, F64, F16, BF16 (rounded to nearest even) and the supported block types. Throws shape_mismatch unless out
/// has the bytes of in.size() elements, invalid_argument for numbers that a block cannot hold (infinities, NaN, a scale beyond half
/// precision), and unsupported for any other type.
inline void quantize(StorageType type, std::span<const float> in, std::span<std::byte> out) {
    detail::check_extents("quantize", type, out.size(), in.size());
    const auto pack = [&](auto convert) {
        for (std::size_t i = 0; i < in.size(); ++i) {
            const auto value = convert(in[i]);
            std::memcpy(out.data() + i * sizeof(value), &value, sizeof(value));
        }
    };
    switch (type) {
    case StorageType::f32: return pack([](float x) { return x; });
    case StorageType::f64: return pack([](float x) { return static_cast<double>(x); });
    case StorageType::f16: return pack([](float x) { return f16(x); });
    case StorageType::bf16: return pack([](float x) { return bf16(x); });
    default: visit_block(type, [&]<class B>(B) { detail::quantize_blocks<B>(type, in, out); });
    }
}

}  // namespace tercet::inline TERCET_ABI
