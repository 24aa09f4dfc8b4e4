// GGUF: the file format of ggml and llama.cpp, versions 2 and 3, read in place through a mapping.
//
//   "GGUF" | u32 version | u64 tensors | u64 metadata entries
//   an entry:  string key | u32 value type | value              string: u64 length | bytes
//   a tensor:  string name | u32 dimensions | u64 extents, innermost first | u32 type | u64 offset
//   padding to general.alignment (32 unless the metadata say otherwise) | the tensors' bytes, each at an aligned offset from here
//
// Source: ggml/docs/gguf.md. All numbers are little-endian. The whole header is checked when the file is opened, so that reading
// the metadata later cannot fail for the file's sake.
#pragma once

#include "tercet/io/gguf_value.hpp"
#include "tercet/io/mmap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// The content of a GGUF file: metadata and tensors, both views into it.
class Gguf {
public:
    using Metadata = std::vector<std::pair<std::string, GgufValue>>;

    /// Maps or reads a file and checks its whole header. Throws io, bad_magic, bad_header, bad_offset, size_overflow, and unsupported
    /// for version 1, big-endian files and unknown tensor types.
    static Gguf open(const std::string& path, const LoadOptions& options = {}) {
        auto file = std::make_shared<const FileBytes>(open_file(path, options));
        Gguf result = parse(file->bytes(), path);
        result.file_ = std::move(file);
        return result;
    }

    /// The same for bytes that the caller keeps; `source` names them in messages.
    static Gguf parse(std::span<const std::byte> bytes, std::string source) {
        Gguf result;
        result.source_ = std::move(source);
        result.read(bytes);
        return result;
    }

    std::uint32_t version() const { return version_; }
    std::size_t alignment() const { return alignment_; }
    const std::vector<StoredTensor>& tensors() const { return tensors_; }
    /// The tensor of that name, or null.
    const StoredTensor* find(std::string_view name) const { return tensor_index_.find(tensors_, name, detail::tensor_name); }
    /// What messages call the file.
    const std::string& source() const { return source_; }
    /// What keeps the tensors' and the metadata's bytes alive; null after parse().
    std::shared_ptr<const void> owner() const { return file_; }

    /// All entries in the file's order.
    const Metadata& metadata() const { return metadata_; }
    /// The value under a key, or null.
    const GgufValue* find_value(std::string_view key) const {
        const auto* entry = metadata_index_.find(metadata_, key, key_of);
        return entry != nullptr ? &entry->second : nullptr;
    }
    bool has(std::string_view key) const { return find_value(key) != nullptr; }

    /// The value under a key. Each throws missing_key, dtype_mismatch when it is of another kind, and size_overflow for an integer beyond 64 bits
    /// with sign. A number may be stored as an integer; integers() takes booleans as 0 and 1.
    std::string string(std::string_view key) const { return one<std::string>(key, &GgufValue::is_string, "a string"); }
    std::int64_t integer(std::string_view key) const { return one<std::int64_t>(key, &GgufValue::is_integer, "an integer"); }
    double number(std::string_view key) const { return one<double>(key, &GgufValue::is_number, "a number"); }
    bool boolean(std::string_view key) const { return one<bool>(key, &GgufValue::is_bool, "a boolean"); }
    std::vector<std::string> strings(std::string_view key) const {
        return many<std::string>(
            key, [](GgufType t) { return t == GgufType::string; }, "strings");
    }
    std::vector<std::int64_t> integers(std::string_view key) const {
        return many<std::int64_t>(
            key, [](GgufType t) { return detail::is_integer(t) || t == GgufType::boolean; }, "integers");
    }
    std::vector<double> numbers(std::string_view key) const {
        return many<double>(
            key, [](GgufType t) { return detail::is_integer(t) || detail::is_float(t); }, "numbers");
    }

    /// The same, or the fallback when there is no such key. Throw dtype_mismatch as above.
    std::string string_or(std::string_view key, std::string fallback) const { return has(key) ? string(key) : std::move(fallback); }
    std::int64_t integer_or(std::string_view key, std::int64_t fallback) const { return has(key) ? integer(key) : fallback; }
    double number_or(std::string_view key, double fallback) const { return has(key) ? number(key) : fallback; }
    bool boolean_or(std::string_view key, bool fallback) const { return has(key) ? boolean(key) : fallback; }
    std::vector<std::string> strings_or(std::string_view key, std::vector<std::string> fallback) const {
        return has(key) ? strings(key) : std::move(fallback);
    }
    std::vector<std::int64_t> integers_or(std::string_view key, std::vector<std::int64_t> fallback) const {
        return has(key) ? integers(key) : std::move(fallback);
    }
    std::vector<double> numbers_or(std::string_view key, std::vector<double> fallback) const { return has(key) ? numbers(key) : std::move(fallback); }

private:
    static constexpr std::size_t least_entry = 8 + 4 + 1, least_tensor = 8 + 4 + 4 + 8;  // bytes that each takes at least
    static constexpr std::size_t longest_key = 65535;

    Gguf() = default;

    static const std::string& key_of(const Metadata::value_type& entry) { return entry.first; }

    const GgufValue& value(std::string_view key) const {
        const GgufValue* found = find_value(key);
        if (found == nullptr) fail(ErrorCode::missing_key, source_, ": the metadata key ", detail::excerpt(key), " is missing");
        return *found;
    }

    // A decoded element as T. The kinds have been checked; only an unsigned integer can still be too large.
    template <class T, class From>
    T as(std::string_view key, const From& element) const {
        if constexpr (std::is_same_v<From, std::uint64_t> && std::is_same_v<T, std::int64_t>)
            require(element <= static_cast<std::uint64_t>(INT64_MAX), ErrorCode::size_overflow, source_, ": ", key, " is ", element);
        if constexpr (std::is_constructible_v<T, From> && std::is_arithmetic_v<T> == std::is_arithmetic_v<From>) return static_cast<T>(element);
        else return T();
    }
    template <class T>
    T one(std::string_view key, bool (GgufValue::*is_kind)() const, std::string_view expected) const {
        const GgufValue& found = value(key);
        if (!(found.*is_kind)()) fail(ErrorCode::dtype_mismatch, source_, ": ", key, ": expected ", expected, ", got ", found.description());
        T result{};
        found.for_each([&](const auto& element) { result = as<T>(key, element); });
        return result;
    }
    template <class T, class IsKind>
    std::vector<T> many(std::string_view key, IsKind is_kind, std::string_view expected) const {
        const GgufValue& found = value(key);
        if (!found.is_array() || !(is_kind(found.type()) || found.size() == 0))
            fail(ErrorCode::dtype_mismatch, source_, ": ", key, ": expected an array of ", expected, ", got ", found.description());
        std::vector<T> result;
        result.reserve(found.size());
        found.for_each([&](const auto& element) { result.push_back(as<T>(key, element)); });
        return result;
    }

    void read(std::span<const std::byte> bytes) {
        detail::GgufCursor cursor(bytes, source_);
        const auto magic = cursor.take(std::min<std::size_t>(4, bytes.size()), "magic");
        const std::string_view word(reinterpret_cast<const char*>(magic.data()), magic.size());
        require(word == "GGUF", ErrorCode::bad_magic, source_, ": not a GGUF file: it does not begin with \"GGUF\"");
        version_ = cursor.number<std::uint32_t>("version");
        const bool big_endian = version_ != 0 && (version_ & 0xffff) == 0;
        require(!big_endian, ErrorCode::unsupported, source_, ": a big-endian GGUF file; only little-endian ones are read");
        require(version_ == 2 || version_ == 3, ErrorCode::unsupported, source_, ": GGUF version ", version_, "; versions 2 and 3 are read");
        const auto tensors = cursor.number<std::uint64_t>("number of tensors");
        const auto entries = cursor.count(least_entry, "the number of metadata entries");
        const bool plausible = tensors <= cursor.left() / least_tensor;
        require(plausible, ErrorCode::bad_header, source_, ": ", tensors, " tensors in a file of ", bytes.size(), " bytes");

        for (std::size_t i = 0; i < entries; ++i) {
            const std::string_view key = cursor.text("metadata key");
            require(key.size() <= longest_key, ErrorCode::bad_header, source_, ": a metadata key of ", key.size(), " bytes, at most ", longest_key);
            metadata_.emplace_back(key, GgufValue::read(cursor, "the value of " + detail::excerpt(key)));
        }
        const auto key_twice = metadata_index_.build(metadata_, key_of);
        if (key_twice.data() != nullptr)
            fail(ErrorCode::bad_header, source_, ": the metadata key ", detail::excerpt(key_twice), " stands there twice");
        read_alignment();

        std::vector<std::uint64_t> offsets;
        for (std::uint64_t i = 0; i < tensors; ++i) offsets.push_back(read_tensor(cursor));
        const auto name_twice = tensor_index_.build(tensors_, detail::tensor_name);
        if (name_twice.data() != nullptr) fail(ErrorCode::bad_header, source_, ": tensor ", detail::excerpt(name_twice), " stands there twice");

        const std::size_t begin = checked_add(cursor.position(), alignment_ - 1, source_) / alignment_ * alignment_;
        place_tensors(begin < bytes.size() ? bytes.subspan(begin) : std::span<const std::byte>(), offsets);
    }

    void read_alignment() {
        const auto alignment = integer_or("general.alignment", 32);
        const bool power_of_two = alignment > 0 && alignment <= UINT32_MAX && std::has_single_bit(static_cast<std::uint64_t>(alignment));
        require(power_of_two, ErrorCode::bad_header, source_, ": general.alignment should be a power of two, it is ", alignment);
        alignment_ = static_cast<std::size_t>(alignment);
    }

    // Name, shape and type of a tensor; returns its offset.
    std::uint64_t read_tensor(detail::GgufCursor& cursor) {
        StoredTensor tensor;
        tensor.name = cursor.text("tensor name");
        const std::string where = source_ + ": tensor " + detail::excerpt(tensor.name);
        const auto rank = cursor.number<std::uint32_t>("number of dimensions");
        const bool rank_fits = rank <= static_cast<std::uint32_t>(max_rank);
        require(rank_fits, ErrorCode::unsupported, where, ": ", rank, " dimensions, at most ", max_rank, " are supported");
        for (std::uint32_t d = 0; d < rank; ++d) {
            const auto extent = cursor.number<std::uint64_t>("extent");
            require(extent <= static_cast<std::uint64_t>(INT64_MAX), ErrorCode::size_overflow, where, ": an extent of ", extent);
            tensor.shape.insert(0, static_cast<index_t>(extent));
        }
        const auto id = cursor.number<std::uint32_t>("tensor type");
        const auto type = storage_type_of_ggml(id);
        require(type.has_value(), ErrorCode::unsupported, where, ": unknown ggml type ", id);
        tensor.type = *type;
        tensors_.push_back(std::move(tensor));
        return cursor.number<std::uint64_t>("tensor offset");
    }

    // Gives each tensor its bytes, and sees that no two share any.
    void place_tensors(std::span<const std::byte> data, const std::vector<std::uint64_t>& offsets) {
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            auto& tensor = tensors_[i];
            const std::uint64_t offset = offsets[i];
            const std::string where = source_ + ": tensor " + detail::excerpt(tensor.name);
            const std::size_t needed = detail::stored_bytes(tensor.type, tensor.shape, true, where);
            require(offset % alignment_ == 0, ErrorCode::bad_offset, where, ": its offset ", offset, " is no multiple of the alignment ", alignment_);
            require(offset <= data.size() && needed <= data.size() - offset, ErrorCode::bad_offset, where, " ", tensor.shape, " of ", tensor.type,
                    " needs ", needed, " bytes at ", offset, ", the file has ", data.size(), "; was it cut off?");
            tensor.bytes = data.subspan(static_cast<std::size_t>(offset), needed);
        }
        std::vector<const StoredTensor*> order;
        for (const auto& tensor : tensors_)
            if (!tensor.bytes.empty()) order.push_back(&tensor);
        std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->bytes.data() < b->bytes.data(); });
        for (std::size_t i = 1; i < order.size(); ++i)
            require(order[i - 1]->bytes.data() + order[i - 1]->bytes.size() <= order[i]->bytes.data(), ErrorCode::bad_offset, source_, ": tensors ",
                    detail::excerpt(order[i - 1]->name), " and ", detail::excerpt(order[i]->name), " overlap");
    }

    std::string source_;
    std::shared_ptr<const FileBytes> file_;
    std::uint32_t version_ = 0;
    std::size_t alignment_ = 32;
    Metadata metadata_;
    std::vector<StoredTensor> tensors_;
    detail::NameIndex metadata_index_, tensor_index_;
};

/// Whether there is a file of that name which begins as GGUF files do. Throws io when it is there but cannot be read.
inline bool is_gguf_file(const std::string& path) {
    if (!file_exists(path) || is_directory(path)) return false;
    const FileBytes file = open_file(path);
    return file.bytes().size() >= 4 && std::memcmp(file.bytes().data(), "GGUF", 4) == 0;
}

}  // namespace tercet::inline TERCET_ABI
