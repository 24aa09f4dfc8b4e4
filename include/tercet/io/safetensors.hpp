// safetensors: named tensors behind a JSON header, read in place through a mapping, and written.
//
//   8 bytes: length N of the header, little-endian | N bytes: JSON, padded with spaces | the tensors' bytes
//   header: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …, "__metadata__": {"key": "text"}}
//
// Offsets count from the end of the header. As the format demands (github.com/huggingface/safetensors, "Format"), the tensors together
// cover the rest of the file without hole or overlap, no name stands there twice, and the header is at most 100 MB.
//
// A file may end with a checksum: a last tensor of four bytes, the CRC-32C of all that stands before them. Other readers see one tensor more.
#pragma once

#include "tercet/io/checksum.hpp"
#include "tercet/io/mmap.hpp"
#include "tercet/io/stored_tensor.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// The content of a safetensors file. Tensors are views into it, in the order of their bytes.
class Safetensors {
public:
    /// Maps or reads a file and checks its whole header. Throws io, bad_magic, bad_header, bad_json, bad_offset, size_overflow, and
    /// unsupported for an element type that is not known.
    static Safetensors open(const std::string& path, const LoadOptions& options = {}) {
        auto file = std::make_shared<const FileBytes>(open_file(path, options));
        Safetensors result = parse(file->bytes(), path);
        result.file_ = std::move(file);
        return result;
    }

    /// The same for a file that ends with a checksum, which is taken off. Every byte is verified before any is believed: throws damaged for a file
    /// that was changed, cut off, or written without one, and what open() does.
    static Safetensors open_checked(const std::string& path, const LoadOptions& options = {}) {
        auto file = std::make_shared<const FileBytes>(open_file(path, options));
        require(crc32c(file->bytes()) == crc32c_residue && !file->bytes().empty(), ErrorCode::damaged, path,
                ": the checksum at its end does not hold: the file is damaged, or of another kind");
        Safetensors result = parse(file->bytes(), path);
        result.file_ = std::move(file);
        require(!result.tensors_.empty() && result.tensors_.back().name == checksum_name, ErrorCode::bad_header, path, ": the last tensor is not '",
                checksum_name, "'");
        result.tensors_.pop_back();
        result.index_.build(result.tensors_, detail::tensor_name);
        return result;
    }

    /// The same for bytes that the caller keeps; `source` names them in messages.
    static Safetensors parse(std::span<const std::byte> bytes, std::string source) {
        Safetensors result;
        result.source_ = std::move(source);
        result.read(bytes);
        return result;
    }

    /// What the tensor with a file's checksum is called.
    static constexpr std::string_view checksum_name = "crc32c";

    const std::vector<StoredTensor>& tensors() const { return tensors_; }
    /// The tensor of that name, or null.
    const StoredTensor* find(std::string_view name) const { return index_.find(tensors_, name, detail::tensor_name); }
    /// The texts under "__metadata__".
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    /// What messages call the file.
    const std::string& source() const { return source_; }
    /// What keeps the tensors' bytes alive; null after parse().
    std::shared_ptr<const void> owner() const { return file_; }

private:
    static constexpr std::uint64_t max_header = 100'000'000;

    Safetensors() = default;

    void read(std::span<const std::byte> bytes) {
        const std::size_t size = bytes.size();
        require(size >= 8, ErrorCode::bad_header, source_, ": a safetensors file begins with its header's length in 8 bytes, this one has ", size);
        const auto length = detail::load_unaligned<std::uint64_t>(bytes.data());
        require(length <= max_header, ErrorCode::bad_header, source_, ": a header of ", length, " bytes, at most ", max_header,
                " are allowed; is it a safetensors file?");
        require(length <= size - 8, ErrorCode::bad_header, source_, ": a header of ", length, " bytes in a file of ", size, "; was it cut off?");
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<std::size_t>(length));
        require(text.substr(0, 1) == "{", ErrorCode::bad_magic, source_, ": not a safetensors file: the header does not begin with '{'");

        const Json header = parse_json(text, source_);
        const auto data = bytes.subspan(8 + text.size());
        tensors_.reserve(header.size());
        for (const auto& [name, entry] : header.items()) {
            if (name == "__metadata__") {
                for (const auto& [key, value] : entry.items()) metadata_.emplace(key, value.as_string());
            } else {
                tensors_.push_back(read_tensor(name, entry, data));
            }
        }
        check_coverage(data);
        index_.build(tensors_, detail::tensor_name);  // no name twice: the JSON would have been refused
    }

    StoredTensor read_tensor(const std::string& name, const Json& entry, std::span<const std::byte> data) const {
        const std::string where = source_ + ": tensor " + detail::excerpt(name);
        const auto& dtype = entry.at("dtype").as_string();
        const auto type = storage_type_of_safetensors(dtype);
        require(type.has_value(), ErrorCode::unsupported, where, ": unknown element type ", detail::excerpt(dtype));

        const auto& extents = entry.at("shape").elements();
        const bool rank_fits = extents.size() <= static_cast<std::size_t>(max_rank);
        require(rank_fits, ErrorCode::unsupported, where, ": ", extents.size(), " dimensions, at most ", max_rank, " are supported");
        Shape shape;
        for (const auto& extent : extents) shape.push_back(count(extent));

        const auto& offsets = entry.at("data_offsets");
        require(offsets.elements().size() == 2, ErrorCode::bad_header, where, ": data_offsets should be two numbers, there are ", offsets.size());
        const auto begin = static_cast<std::size_t>(count(offsets.at(0))), end = static_cast<std::size_t>(count(offsets.at(1)));
        const std::size_t needed = detail::stored_bytes(*type, shape, false, where);
        require(begin <= end && end <= data.size() && end - begin == needed, ErrorCode::bad_offset, where, " ", shape, " of ", *type, " needs ",
                needed, " bytes, the header gives [", begin, ", ", end, ") of ", data.size());
        return {name, *type, shape, data.subspan(begin, needed)};
    }

    // An extent or offset: an integer that is not negative.
    static index_t count(const Json& value) {
        if (!value.is_integer() || value.as_int() < 0)
            fail(ErrorCode::bad_header, value.place(), ": expected an integer of 0 or more, got ", value.description());
        return static_cast<index_t>(value.as_int());
    }

    // Sorts the tensors by place, and sees that each begins where the one before ends.
    void check_coverage(std::span<const std::byte> data) {
        const auto place = [&](const StoredTensor& t) { return static_cast<std::size_t>(t.bytes.data() - data.data()); };
        std::stable_sort(tensors_.begin(), tensors_.end(), [&](const StoredTensor& a, const StoredTensor& b) {
            return place(a) != place(b) ? place(a) < place(b) : a.bytes.size() < b.bytes.size();
        });
        std::size_t covered = 0;
        for (const auto& tensor : tensors_) {
            require(place(tensor) == covered, ErrorCode::bad_offset, source_, ": tensor ", detail::excerpt(tensor.name), " begins at ", place(tensor),
                    ", the one before ends at ", covered);
            covered += tensor.bytes.size();
        }
        require(covered == data.size(), ErrorCode::bad_offset, source_, ": the tensors end at ", covered, " of ", data.size(), " bytes");
    }

    std::string source_;
    std::shared_ptr<const FileBytes> file_;
    std::vector<StoredTensor> tensors_;
    detail::NameIndex index_;
    std::map<std::string, std::string> metadata_;
};

struct SafetensorsOptions {
    bool durable = false;   // on the disk before the call returns (WriteOptions)
    bool checksum = false;  // with a checksum at the end, for Safetensors::open_checked
};

/// Writes tensors and metadata as a safetensors file, whole or not at all. Wider elements are stored first, so that each tensor is aligned to its
/// own. Throws io; shape_mismatch where bytes and shape disagree; unsupported for block types, which the format has no names for;
/// invalid_argument for a name that is given twice or reserved; bad_text for one that is not UTF-8.
inline void write_safetensors(const std::string& path, std::span<const StoredTensor> tensors, const std::map<std::string, std::string>& metadata = {},
                              const SafetensorsOptions& options = {}) {
    const auto literal = [&](const std::string& text) {
        for (std::string_view rest = text; !rest.empty();) {
            const std::size_t length = detail::utf8_length(rest);
            require(length > 0, ErrorCode::bad_text, path, ": cannot write ", detail::excerpt(text), ": it is not UTF-8");
            rest.remove_prefix(length);
        }
        return quote_json(text);
    };
    const auto twice = detail::NameIndex().build(tensors, detail::tensor_name);
    require(twice.data() == nullptr, ErrorCode::invalid_argument, path, ": cannot write two tensors of the name ", detail::excerpt(twice));

    std::vector<const StoredTensor*> order;
    for (const auto& tensor : tensors) order.push_back(&tensor);
    const auto width = [](const StoredTensor* t) { return block_size(t->type) == 1 ? block_bytes(t->type) : 1; };
    std::stable_sort(order.begin(), order.end(), [&](const StoredTensor* a, const StoredTensor* b) { return width(a) > width(b); });
    std::uint32_t crc = 0;
    const StoredTensor checksum{std::string(Safetensors::checksum_name), StorageType::u8, {4}, std::as_bytes(std::span(&crc, 1))};
    if (options.checksum) order.push_back(&checksum);  // of single bytes, so it is the last one here too

    std::string header = "{";
    if (!metadata.empty()) {
        header += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata) (((header += header.back() == '{' ? "" : ",") += literal(key)) += ':') += literal(value);
        header += '}';
    }
    std::size_t offset = 0;
    for (const StoredTensor* tensor : order) {
        const std::string where = path + ": tensor " + detail::excerpt(tensor->name);
        const std::size_t needed = detail::stored_bytes(tensor->type, tensor->shape, false, where);
        const std::string_view type = info_of(tensor->type).safetensors_name;
        const bool reserved = tensor->name == "__metadata__" || (options.checksum && tensor != &checksum && tensor->name == checksum.name);
        require(!reserved, ErrorCode::invalid_argument, where, ": the name is reserved");
        require(!type.empty(), ErrorCode::unsupported, where, ": the safetensors format has no type ", tensor->type);
        require(needed == tensor->bytes.size(), ErrorCode::shape_mismatch, where, " ", tensor->shape, " of ", tensor->type, " needs ", needed,
                " bytes, it has ", tensor->bytes.size());
        ((((header += header.size() == 1 ? "" : ",") += literal(tensor->name)) += ":{\"dtype\":\"") += type) += "\",\"shape\":[";
        for (index_t d = 0; d < tensor->shape.rank(); ++d) (header += d == 0 ? "" : ",") += std::to_string(tensor->shape[d]);
        header += "],\"data_offsets\":[" + std::to_string(offset) + ',';
        offset = checked_add(offset, needed, where);
        header += std::to_string(offset) + "]}";
    }
    header += '}';
    header.append((8 - header.size() % 8) % 8, ' ');

    AtomicFile file(path, {.durable = options.durable});
    const auto write = [&](std::span<const std::byte> bytes) {
        if (options.checksum && bytes.data() != checksum.bytes.data()) crc = crc32c(bytes, crc);
        file.write(bytes);
    };
    const auto length = static_cast<std::uint64_t>(header.size());
    write(std::as_bytes(std::span(&length, 1)));
    write(std::as_bytes(std::span(header)));
    for (const StoredTensor* tensor : order) write(tensor->bytes);
    file.commit();
}

}  // namespace tercet::inline TERCET_ABI
