// Protocol buffers, as far as SentencePiece's models need them (the wire format, protobuf.dev/programming-guides/encoding): a message is a list of
// fields, each a number, a wire type and a value.
//
//   tag = number << 3 | type      type 0: a varint    1: 8 bytes    2: a length and that many bytes    5: 4 bytes
//
// The bytes are not trusted: whatever runs past the end, or is of a type that does not exist any more (3 and 4, groups), is an error.
#pragma once

#include "tercet/core/error.hpp"

#include <bit>
#include <cstdint>
#include <string_view>

namespace tercet::inline TERCET_ABI {

/// A field of a message. `bytes` has the value of type 2, `number` that of the others.
struct ProtobufField {
    std::uint32_t number = 0, type = 0;
    std::uint64_t value = 0;
    std::string_view bytes;

    bool is_bytes() const { return type == 2; }
    float as_float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(value)); }
    std::int32_t as_int32() const { return static_cast<std::int32_t>(value); }
    bool as_bool() const { return value != 0; }
};

/// Walks the fields of a message.
class ProtobufReader {
public:
    /// `source` names the file in messages. Both are kept by the caller.
    ProtobufReader(std::string_view message, std::string_view source) : message_(message), source_(source) {}

    /// The next field, if there is one. Throws bad_offset where it is cut short, bad_header for what is no field.
    bool next(ProtobufField& field) {
        if (at_ == message_.size()) return false;
        const std::uint64_t tag = varint();
        field = {static_cast<std::uint32_t>(tag >> 3), static_cast<std::uint32_t>(tag & 7), 0, {}};
        require(field.number > 0 && tag >> 32 == 0, ErrorCode::bad_header, source_, ": field ", tag >> 3, " at byte ", at_);
        switch (field.type) {
        case 0: field.value = varint(); break;
        case 1: field.value = fixed(8); break;
        case 2: field.bytes = take(varint()); break;
        case 5: field.value = fixed(4); break;
        default: fail(ErrorCode::bad_header, source_, ": field ", field.number, " has the wire type ", field.type);
        }
        return true;
    }

private:
    std::string_view take(std::uint64_t size) {
        require(size <= message_.size() - at_, ErrorCode::bad_offset, source_, ": ", size, " bytes at byte ", at_, " of ", message_.size());
        const auto bytes = message_.substr(at_, static_cast<std::size_t>(size));
        at_ += bytes.size();
        return bytes;
    }

    std::uint64_t fixed(std::size_t size) {
        std::uint64_t value = 0;
        const auto bytes = take(size);
        for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
        return value;
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1)[0]);
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        fail(ErrorCode::bad_header, source_, ": a number of more than ten bytes before byte ", at_);
    }

    std::string_view message_, source_;
    std::size_t at_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
