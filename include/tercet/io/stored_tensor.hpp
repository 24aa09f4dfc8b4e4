// A tensor as it lies in a file: its name, type, shape and bytes. What every reader of model files gives, and every writer takes.
#pragma once

#include "tercet/core/shape.hpp"
#include "tercet/io/json.hpp"
#include "tercet/quant/block.hpp"

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

static_assert(std::endian::native == std::endian::little, "the file formats are little-endian, and read without swapping");

/// One tensor of a file. `bytes` is a view into the file, valid as long as the reader's owner() is kept, and aligned to nothing.
struct StoredTensor {
    std::string name;
    StorageType type = StorageType::f32;
    Shape shape;  // row-major, outermost dimension first
    std::span<const std::byte> bytes;
};

namespace detail {

// A little-endian number at an address of any alignment.
template <class T>
T load_unaligned(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return value;
}

// The bytes that a tensor of this type and shape takes; `where` begins the messages. Rows must be whole blocks where `rows_of_blocks`
// (GGUF), else the whole tensor. Throws size_overflow, and bad_header for a shape that does not fit the blocks.
inline std::size_t stored_bytes(StorageType type, const Shape& shape, bool rows_of_blocks, std::string_view where) {
    index_t elements = 1;
    bool empty = false;
    for (const index_t extent : shape) {
        if (extent == 0) empty = true;  // the other extents must fit all the same: strides are made of them
        else elements = checked_mul(elements, extent, where);
    }
    if (empty) elements = 0;
    const index_t unit = rows_of_blocks ? (shape.empty() ? 1 : shape.back()) : elements, block = block_size(type);
    require(unit % block == 0, ErrorCode::bad_header, where, " ", shape, ": ", unit, " elements are no whole blocks of ", type, ", ", block, " each");
    return checked_mul(static_cast<std::size_t>(elements / block), block_bytes(type), where);
}

inline const auto tensor_name = [](const StoredTensor& tensor) -> const std::string& { return tensor.name; };

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
