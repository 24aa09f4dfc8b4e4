// Writing GGUF, version 3: the twin of io/gguf.hpp, which tells the layout.
//
//   GgufWriter file;
//   file.set("general.architecture", "gpt2");                      the value's type follows from the C++ type
//   file.set("tokenizer.ggml.merges", std::vector<std::string>{…});  arrays too, and arrays of arrays
//   file.add({"token_embd.weight", StorageType::q8_0, {65, 128}, bytes});
//   file.save("model.gguf");                                       or file.bytes(), to keep it in memory
//
// Source: ggml/docs/gguf.md.
#pragma once

#include "tercet/io/gguf.hpp"

#include <ranges>
#include <set>

namespace tercet::inline TERCET_ABI {

namespace detail {

template <class T>
inline constexpr bool is_gguf_text = std::is_convertible_v<const T&, std::string_view>;

// The type under which a C++ value is stored.
template <class T>
constexpr GgufType gguf_type_of() {
    if constexpr (is_gguf_text<T>) return GgufType::string;
    else if constexpr (std::ranges::range<T>) return GgufType::array;
    else if constexpr (std::is_same_v<T, bool>) return GgufType::boolean;
    else if constexpr (std::is_same_v<T, float>) return GgufType::f32;
    else if constexpr (std::is_same_v<T, double>) return GgufType::f64;
    else {
        static_assert(std::is_integral_v<T> && sizeof(T) <= 8, "GGUF metadata are booleans, integers, float, double, text, and arrays of these");
        constexpr bool s = std::is_signed_v<T>;
        constexpr GgufType of_size[] = {s ? GgufType::i8 : GgufType::u8, s ? GgufType::i16 : GgufType::u16, s ? GgufType::i32 : GgufType::u32,
                                        s ? GgufType::i64 : GgufType::u64};
        return of_size[std::bit_width(sizeof(T)) - 1];
    }
}

template <class T>
void append_number(std::string& out, T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
}
inline void append_gguf_type(std::string& out, GgufType type) {
    append_number(out, static_cast<std::uint32_t>(type));
}
inline void append_gguf_text(std::string& out, std::string_view text) {
    append_number(out, static_cast<std::uint64_t>(text.size()));
    out += text;
}

// A value without its type: an array is the type of its elements, their number, and they themselves.
template <class T>
void append_gguf_value(std::string& out, const T& value) {
    constexpr GgufType type = gguf_type_of<T>();
    if constexpr (type == GgufType::string) {
        append_gguf_text(out, value);
    } else if constexpr (type == GgufType::array) {
        using Element = std::ranges::range_value_t<T>;
        append_gguf_type(out, gguf_type_of<Element>());
        append_number(out, static_cast<std::uint64_t>(std::ranges::size(value)));
        for (const auto& element : value) append_gguf_value<Element>(out, element);
    } else if constexpr (type == GgufType::boolean) {
        append_number(out, static_cast<std::uint8_t>(value));
    } else {
        append_number(out, value);
    }
}

}  // namespace detail

/// A GGUF file being put together: metadata and tensors, in the order in which they come.
class GgufWriter {
public:
    /// Sets a metadata entry, in the place of the one that has the key. A bool, an integer of any width, float, double, text, or a range of these,
    /// or of ranges. "general.alignment" (a power of two, std::uint32_t) is what tensors are aligned to, 32 without it.
    /// Throws invalid_argument for a key that is empty or longer than 65,535 bytes, and for another alignment.
    template <class T>
    void set(std::string_view key, const T& value) {
        std::string bytes;
        detail::append_gguf_value<T>(bytes, value);
        put(key, detail::gguf_type_of<T>(), std::move(bytes));
    }
    /// The same for a value of another file, copied as it is.
    void set(std::string_view key, const GgufValue& value) {
        std::string bytes;
        if (value.is_array()) {
            detail::append_gguf_type(bytes, value.type());
            detail::append_number(bytes, static_cast<std::uint64_t>(value.size()));
        }
        bytes.append(reinterpret_cast<const char*>(value.bytes().data()), value.bytes().size());
        put(key, value.is_array() ? GgufType::array : value.type(), std::move(bytes));
    }

    /// Adds a tensor, whose bytes stay the caller's until the file is written. Throws shape_mismatch where bytes and shape disagree or a row is no
    /// whole number of blocks, unsupported for a type or a number of dimensions that the format has not, invalid_argument for a name given twice.
    void add(StoredTensor tensor) {
        const std::string where = "GGUF tensor " + detail::excerpt(tensor.name);
        require(info_of(tensor.type).ggml_id >= 0, ErrorCode::unsupported, where, ": the GGUF format has no type ", tensor.type);
        require(tensor.shape.rank() <= most_dimensions, ErrorCode::unsupported, where, " ", tensor.shape, ": GGUF tensors have at most ",
                most_dimensions, " dimensions");
        const index_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
        require(row % block_size(tensor.type) == 0, ErrorCode::shape_mismatch, where, " ", tensor.shape, ": rows of ", row,
                " are no whole blocks of ", tensor.type);
        const std::size_t needed = detail::stored_bytes(tensor.type, tensor.shape, true, where);
        require(needed == tensor.bytes.size(), ErrorCode::shape_mismatch, where, " ", tensor.shape, " of ", tensor.type, " needs ", needed,
                " bytes, it has ", tensor.bytes.size());
        require(names_.insert(tensor.name).second, ErrorCode::invalid_argument, where, " was given twice");
        tensors_.push_back(std::move(tensor));
    }
    /// The same for bytes that the writer keeps.
    void add(std::string name, StorageType type, const Shape& shape, std::vector<std::byte> bytes) {
        kept_.push_back(std::make_shared<const std::vector<std::byte>>(std::move(bytes)));
        add({std::move(name), type, shape, *kept_.back()});
    }

    /// Writes the file, whole or not at all. Throws io.
    void save(const std::string& path) const {
        AtomicFile file(path);
        write([&](std::span<const std::byte> bytes) { file.write(bytes); });
        file.commit();
    }
    /// The file's bytes.
    std::vector<std::byte> bytes() const {
        std::size_t size = 0;
        write([&](std::span<const std::byte> bytes) { size += bytes.size(); });
        std::vector<std::byte> out;
        out.reserve(size);
        write([&](std::span<const std::byte> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); });
        return out;
    }

private:
    static constexpr index_t most_dimensions = 4;  // ggml's GGML_MAX_DIMS
    struct Entry {
        std::string key;
        GgufType type;
        std::string bytes;
    };

    void put(std::string_view key, GgufType type, std::string bytes) {
        require(!key.empty() && key.size() <= 65535, ErrorCode::invalid_argument, "GGUF metadata: a key of ", key.size(), " bytes");
        if (key == "general.alignment") {
            const auto value = type == GgufType::u32 ? detail::load_unaligned<std::uint32_t>(std::as_bytes(std::span(bytes)).data()) : 0;
            require(std::has_single_bit(value), ErrorCode::invalid_argument, "GGUF metadata: general.alignment must be a power of two, as u32");
            alignment_ = value;
        }
        const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
        if (at != entries_.end()) *at = {at->key, type, std::move(bytes)};
        else entries_.push_back({std::string(key), type, std::move(bytes)});
    }

    std::size_t padding(std::size_t size) const { return (alignment_ - size % alignment_) % alignment_; }

    // The file's parts, front to back, to a sink.
    template <class Sink>
    void write(const Sink& sink) const {
        std::string header = "GGUF";
        detail::append_number(header, std::uint32_t{3});
        detail::append_number(header, static_cast<std::uint64_t>(tensors_.size()));
        detail::append_number(header, static_cast<std::uint64_t>(entries_.size()));
        for (const auto& [key, type, bytes] : entries_) {
            detail::append_gguf_text(header, key);
            detail::append_gguf_type(header, type);
            header += bytes;
        }
        std::size_t offset = 0;
        for (const auto& tensor : tensors_) {
            detail::append_gguf_text(header, tensor.name);
            detail::append_number(header, static_cast<std::uint32_t>(tensor.shape.rank()));
            for (index_t d = tensor.shape.rank(); d-- > 0;) detail::append_number(header, static_cast<std::uint64_t>(tensor.shape[d]));
            detail::append_number(header, static_cast<std::uint32_t>(info_of(tensor.type).ggml_id));
            detail::append_number(header, static_cast<std::uint64_t>(offset));
            offset = checked_add(offset, tensor.bytes.size() + padding(tensor.bytes.size()), "GGUF tensors");
        }
        header.append(padding(header.size()), '\0');
        sink(std::as_bytes(std::span(header)));
        const std::vector<std::byte> zeros(alignment_);
        for (const auto& tensor : tensors_) {
            sink(tensor.bytes);
            sink(std::span(zeros).first(padding(tensor.bytes.size())));
        }
    }

    std::size_t alignment_ = 32;
    std::vector<Entry> entries_;
    std::vector<StoredTensor> tensors_;
    std::set<std::string> names_;
    std::vector<std::shared_ptr<const std::vector<std::byte>>> kept_;
};

}  // namespace tercet::inline TERCET_ABI
