// A metadata value of a GGUF file: a scalar, a string, or an array of either or of arrays, decoded from the file's bytes when asked for.
//
// A vocabulary has hundreds of thousands of strings; here it is checked once, when the file is opened, and costs nothing more until read.
#pragma once

#include "tercet/io/stored_tensor.hpp"

#include <vector>

namespace tercet::inline TERCET_ABI {

/// The value types, with the ids that stand in the file (ggml/docs/gguf.md, gguf_metadata_value_type).
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// "u8", "string", …
constexpr std::string_view name_of(GgufType type) {
    constexpr std::string_view names[] = {"u8", "i8", "u16", "i16", "u32", "i32", "f32", "boolean", "string", "array", "u64", "i64", "f64"};
    const auto i = static_cast<std::size_t>(type);
    return i < std::size(names) ? names[i] : std::string_view("unknown");
}

namespace detail {

// Calls f with a zero of the C++ type of a scalar that is neither string nor bool.
template <class F>
void visit_number(GgufType type, F&& f) {
    switch (type) {
    case GgufType::u8: return f(std::uint8_t{});
    case GgufType::i8: return f(std::int8_t{});
    case GgufType::u16: return f(std::uint16_t{});
    case GgufType::i16: return f(std::int16_t{});
    case GgufType::u32: return f(std::uint32_t{});
    case GgufType::i32: return f(std::int32_t{});
    case GgufType::f32: return f(float{});
    case GgufType::u64: return f(std::uint64_t{});
    case GgufType::i64: return f(std::int64_t{});
    default: return f(double{});
    }
}

constexpr bool is_integer(GgufType type) {
    return type < GgufType::f32 || type == GgufType::u64 || type == GgufType::i64;
}
constexpr bool is_float(GgufType type) {
    return type == GgufType::f32 || type == GgufType::f64;
}

// Bytes of an element; the least that one takes for strings (a length) and arrays (a type and a length).
constexpr std::size_t least_bytes(GgufType type) {
    switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean: return 1;
    case GgufType::u16:
    case GgufType::i16: return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32: return 4;
    case GgufType::array: return 12;
    default: return 8;
    }
}

// Reads front to back; each step is checked against the bytes that are left. `source` begins the messages.
class GgufCursor {
public:
    GgufCursor(std::span<const std::byte> bytes, std::string_view source) : bytes_(bytes), source_(source) {}

    std::size_t position() const { return at_; }
    std::size_t left() const { return bytes_.size() - at_; }
    std::string_view source() const { return source_; }
    /// What has been read since a position.
    std::span<const std::byte> since(std::size_t begin) const { return bytes_.subspan(begin, at_ - begin); }

    std::span<const std::byte> take(std::uint64_t size, std::string_view what) {
        if (size > left())
            fail(ErrorCode::bad_header, source_, ": ", what, " at byte ", at_, " needs ", size, " bytes, ", left(), " are left; was it cut off?");
        const auto piece = bytes_.subspan(at_, static_cast<std::size_t>(size));
        at_ += piece.size();
        return piece;
    }
    template <class T>
    T number(std::string_view what) {
        return load_unaligned<T>(take(sizeof(T), what).data());
    }
    std::string_view text(std::string_view what) {
        const auto length = number<std::uint64_t>(what);
        const auto piece = take(length, what);
        return {reinterpret_cast<const char*>(piece.data()), piece.size()};
    }
    /// A number of things that take at least `least` bytes each.
    std::size_t count(std::size_t least, std::string_view what) {
        const auto value = number<std::uint64_t>(what);
        if (value > left() / least) fail(ErrorCode::bad_header, source_, ": ", what, " is ", value, ", but only ", left(), " bytes are left");
        return static_cast<std::size_t>(value);
    }
    GgufType type(std::string_view what) {
        const auto id = number<std::uint32_t>(what);
        if (id > static_cast<std::uint32_t>(GgufType::f64)) fail(ErrorCode::bad_header, source_, ": ", what, ": unknown value type ", id);
        return static_cast<GgufType>(id);
    }

private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    std::string_view source_;
};

}  // namespace detail

/// One metadata value: a view into the file.
class GgufValue {
public:
    /// The type; of the elements when it is an array.
    GgufType type() const { return type_; }
    bool is_array() const { return array_; }
    /// Elements of an array, 1 for anything else.
    std::size_t size() const { return count_; }

    bool is_string() const { return !array_ && type_ == GgufType::string; }
    bool is_bool() const { return !array_ && type_ == GgufType::boolean; }
    bool is_integer() const { return !array_ && detail::is_integer(type_); }
    bool is_number() const { return is_integer() || (!array_ && detail::is_float(type_)); }

    /// What the value is, for messages: "a string", "an array of 3 i32".
    std::string description() const {
        if (!array_) return "one " + std::string(name_of(type_));
        return "an array of " + std::to_string(count_) + " " + std::string(name_of(type_));
    }

    /// The elements as they stand in the file, one after the other, without the array's type and count.
    std::span<const std::byte> bytes() const { return bytes_; }

    /// Calls f with each element in turn (once for a scalar): a bool, number, std::string_view or GgufValue.
    template <class F>
    void for_each(F&& f) const {
        detail::GgufCursor cursor(bytes_, "GGUF metadata");  // all of it was checked when the file was opened
        for (std::size_t i = 0; i < count_; ++i) {
            if (type_ == GgufType::string) f(cursor.text("string"));
            else if (type_ == GgufType::array) f(read_array(cursor, "array", 1));
            else if (type_ == GgufType::boolean) f(cursor.number<std::uint8_t>("boolean") != 0);
            else detail::visit_number(type_, [&]<class T>(T) { f(cursor.number<T>("number")); });
        }
    }

private:
    friend class Gguf;
    static constexpr int max_depth = 8;

    // A value with its type in front; `what` names it in messages.
    static GgufValue read(detail::GgufCursor& cursor, std::string_view what) {
        const GgufType type = cursor.type(what);
        return type == GgufType::array ? read_array(cursor, what, 1) : read_elements(cursor, what, type, 1, 0);
    }
    // An array: element type, count, elements.
    static GgufValue read_array(detail::GgufCursor& cursor, std::string_view what, int depth) {
        require(depth <= max_depth, ErrorCode::bad_header, cursor.source(), ": ", what, ": arrays nest deeper than ", max_depth);
        const GgufType type = cursor.type(what);
        GgufValue value = read_elements(cursor, what, type, cursor.count(detail::least_bytes(type), what), depth);
        value.array_ = true;
        return value;
    }
    static GgufValue read_elements(detail::GgufCursor& cursor, std::string_view what, GgufType type, std::size_t count, int depth) {
        const std::size_t begin = cursor.position();
        if (type == GgufType::string) {
            for (std::size_t i = 0; i < count; ++i) cursor.text(what);
        } else if (type == GgufType::array) {
            for (std::size_t i = 0; i < count; ++i) read_array(cursor, what, depth + 1);
        } else {
            cursor.take(count * detail::least_bytes(type), what);  // no overflow: count() has compared it with what is left
        }
        GgufValue value;
        value.type_ = type;
        value.count_ = count;
        value.bytes_ = cursor.since(begin);
        return value;
    }

    GgufType type_ = GgufType::u8;
    bool array_ = false;
    std::size_t count_ = 1;
    std::span<const std::byte> bytes_;
};

/// The value as JSON text: numbers shortest, infinities and NaN as null. Of arrays the first `most` elements; then comes "...".
inline std::string to_string(const GgufValue& value, std::size_t most = static_cast<std::size_t>(-1)) {
    std::string out;
    std::size_t i = 0;
    value.for_each([&](const auto& element) {
        using T = std::decay_t<decltype(element)>;
        if (i++ >= most) return;
        if (i > 1) out += ", ";
        if constexpr (std::is_same_v<T, std::string_view>) out += quote_json(element);
        else if constexpr (std::is_same_v<T, GgufValue>) out += to_string(element, most);
        else if constexpr (std::is_same_v<T, bool>) out += element ? "true" : "false";
        else if constexpr (std::is_floating_point_v<T>) out += detail::number_to_json(element);
        else out += std::to_string(element);
    });
    if (!value.is_array()) return out;
    if (value.size() > most) out += most == 0 ? "\"...\"" : ", \"...\"";
    return "[" + out + "]";
}

}  // namespace tercet::inline TERCET_ABI
