// .npy files: one tensor each, as NumPy saves them (NumPy Enhancement Proposal 1 and numpy.lib.format, versions 1.0 to 3.0).
//
//   "\x93NUMPY" | major, minor | header length, 2 bytes (version 1) or 4, little-endian | header | elements
//   header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, padded with spaces and a newline
//
// The header is a Python dictionary; read here is what NumPy writes and nothing more. Little-endian numbers of the types f2 f4 f8 i1 u1 i4
// i8 b1 are supported, in row-major and column-major order. This header reads and writes files itself: tensors stand below io.
#pragma once

#include "tercet/tensor/tensor.hpp"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace tercet::inline TERCET_ABI {

/// What stands at the beginning of a .npy file.
struct NpyHeader {
    DType dtype = DType::f32;
    bool fortran_order = false;  // the first index runs fastest
    Shape shape;
    std::size_t offset = 0;  // of the elements in the file
};

namespace detail {

inline constexpr std::size_t npy_longest_header = 1 << 16;  // NumPy itself refuses more than 10,000 bytes

struct NpyType {
    DType dtype;
    std::string_view descr;
};
inline constexpr NpyType npy_types[] = {{DType::f32, "<f4"}, {DType::f64, "<f8"}, {DType::f16, "<f2"}, {DType::i8, "|i1"},
                                        {DType::u8, "|u1"},  {DType::i32, "<i4"}, {DType::i64, "<i8"}, {DType::boolean, "|b1"}};

// The dictionary in the header, token by token.
class NpyDictionary {
public:
    NpyDictionary(std::string_view text, const std::string& source) : text_(text), source_(source) {}

    void read(NpyHeader& header) {
        unsigned met = 0;
        expect('{');
        while (!accept('}')) {
            const std::string_view key = quoted();
            const unsigned bit = key == "descr" ? 1u : key == "fortran_order" ? 2u : key == "shape" ? 4u : 0u;
            if (bit == 0 || (met & bit) != 0) refuse("descr, fortran_order and shape, once each");
            met |= bit;
            expect(':');
            if (bit == 1) header.dtype = element_type();
            if (bit == 2) header.fortran_order = truth();
            if (bit == 4) header.shape = extents();
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        if (met != 7) refuse("all of descr, fortran_order and shape");
        skip_space();
        if (at_ != text_.size()) refuse("nothing after the dictionary");
    }

private:
    [[noreturn]] void refuse(std::string_view expected) const {
        fail(ErrorCode::bad_header, source_, ": .npy header, byte ", at_, ": expected ", expected, " in ", text_.substr(0, 200));
    }
    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    }
    bool accept(char c) {
        skip_space();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!accept(c)) refuse(std::string("'") + c + "'");
    }
    bool accept(std::string_view word) {
        skip_space();
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }
    std::string_view quoted() {
        const char quote = accept('\'') ? '\'' : '"';
        if (quote == '"') expect('"');
        const auto end = text_.find(quote, at_);
        if (end == std::string_view::npos) refuse("a closing quote");
        const auto inside = text_.substr(at_, end - at_);
        at_ = end + 1;
        return inside;
    }
    DType element_type() {
        skip_space();
        const bool simple = at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"');
        require(simple, ErrorCode::unsupported, source_, ": .npy elements with fields are not supported");
        const auto descr = quoted();
        for (const auto& type : npy_types) {
            const bool one_byte = type.descr[0] == '|';  // has no byte order: any mark will do
            if (descr == type.descr || (one_byte && descr.size() == 3 && std::string_view("|<>=").find(descr[0]) != std::string_view::npos &&
                                        descr.substr(1) == type.descr.substr(1)))
                return type.dtype;
        }
        fail(ErrorCode::unsupported, source_, ": .npy elements of type '", descr, "' are not supported, only <f2 <f4 <f8 |i1 |u1 <i4 <i8 |b1");
    }
    bool truth() {
        if (accept(std::string_view("True"))) return true;
        if (!accept(std::string_view("False"))) refuse("True or False");
        return false;
    }
    Shape extents() {
        Shape shape;
        expect('(');
        while (!accept(')')) {
            require(shape.rank() < max_rank, ErrorCode::unsupported, source_, ": more than ", max_rank, " dimensions");
            shape.push_back(extent());
            if (!accept(',')) {
                expect(')');
                if (shape.rank() == 1) refuse("a comma after the only extent");  // (3) is a number in Python, not a shape
                break;
            }
        }
        return shape;
    }
    index_t extent() {
        skip_space();
        const std::size_t begin = at_;
        index_t value = 0;
        for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
            value = checked_add(checked_mul<index_t>(value, 10, source_), static_cast<index_t>(text_[at_] - '0'), source_);
        if (at_ == begin) refuse("an extent");
        return value;
    }

    std::string_view text_;
    const std::string& source_;
    std::size_t at_ = 0;
};

// From a file's first bytes and its size; checks that elements and file fit each other exactly.
inline NpyHeader parse_npy_header(std::string_view start, std::uint64_t file_size, const std::string& source) {
    require(start.substr(0, 6) == std::string_view("\x93NUMPY", 6), ErrorCode::bad_magic, source,
            ": not a .npy file: it does not begin with \\x93NUMPY");
    require(start.size() >= 10, ErrorCode::bad_header, source, ": a .npy file of ", start.size(), " bytes has no header");
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(start[i])); };
    const std::size_t major = byte(6), minor = byte(7), prefix = major == 1 ? 10 : 12;
    require(major >= 1 && major <= 3 && minor == 0, ErrorCode::unsupported, source, ": .npy version ", major, ".", minor,
            ", known are 1.0, 2.0 and 3.0");
    require(start.size() >= prefix, ErrorCode::bad_header, source, ": a .npy file of ", start.size(), " bytes has no header");
    const std::size_t length = major == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
    require(length <= file_size - prefix, ErrorCode::bad_header, source, ": a .npy header of ", length, " bytes in a file of ", file_size);
    require(prefix + length <= start.size(), ErrorCode::unsupported, source, ": a .npy header of ", length, " bytes, at most ",
            npy_longest_header - prefix, " are read");
    NpyHeader header;
    NpyDictionary(start.substr(prefix, length), source).read(header);
    header.offset = prefix + length;
    const auto count = static_cast<std::uint64_t>(element_count(header.shape));
    const std::uint64_t needed = checked_mul(count, static_cast<std::uint64_t>(size_of(header.dtype)), source), there = file_size - header.offset;
    require(needed == there, ErrorCode::bad_offset, source, ": .npy elements ", header.shape, " of ", header.dtype, " need ", needed,
            " bytes, after the header come ", there);
    return header;
}

// The tensor of a header whose elements `read(pointer, bytes)` delivers.
template <Element T, class F>
Tensor<T> npy_tensor(const NpyHeader& header, const std::string& source, const F& read) {
    require(header.dtype == dtype_of<T>, ErrorCode::dtype_mismatch, source, ": holds ", header.dtype, ", asked for was ", dtype_of<T>);
    Shape shape = header.shape;
    if (header.fortran_order) std::reverse(shape.begin(), shape.end());
    Tensor<T> x;
    if constexpr (std::is_same_v<T, bool>) {  // any byte may stand in a file, only 0 and 1 in a bool
        auto bytes = Tensor<std::uint8_t>::empty(shape);
        read(bytes.mutable_data(), bytes.numel());
        x = bytes.template to<bool>();
    } else {
        x = Tensor<T>::empty(shape);
        read(x.mutable_data(), x.numel() * static_cast<index_t>(sizeof(T)));
    }
    if (!header.fortran_order) return x;
    Shape order = shape;
    for (index_t d = 0; d < order.rank(); ++d) order[d] = order.rank() - 1 - d;
    return x.permute(order).contiguous();
}

struct NpyFile {
    std::ifstream stream;
    NpyHeader header;

    explicit NpyFile(const std::string& path) : stream(path, std::ios::binary) {
        require(stream.is_open(), ErrorCode::io, path, ": cannot be opened for reading");
        stream.seekg(0, std::ios::end);
        const auto end = static_cast<std::streamoff>(stream.tellg());
        require(stream.good() && end >= 0 && end < std::numeric_limits<std::streamoff>::max(), ErrorCode::io, path, ": cannot be read");
        const auto size = static_cast<std::uint64_t>(end);
        std::string start(static_cast<std::size_t>(std::min<std::uint64_t>(size, npy_longest_header)), '\0');
        stream.seekg(0);
        stream.read(start.data(), static_cast<std::streamsize>(start.size()));
        require(stream.good(), ErrorCode::io, path, ": cannot be read");
        header = parse_npy_header(start, size, path);
    }
};

}  // namespace detail

/// The header of a .npy file, whose elements are known to be there. Throws io, bad_magic, bad_header, bad_offset, size_overflow, unsupported.
inline NpyHeader read_npy_header(const std::string& path) {
    return detail::NpyFile(path).header;
}

/// The tensor in a .npy file, in row-major order. Throws as read_npy_header, and dtype_mismatch when the elements are not T.
template <Element T>
Tensor<T> load_npy(const std::string& path) {
    detail::NpyFile file(path);
    file.stream.seekg(static_cast<std::streamoff>(file.header.offset));
    return detail::npy_tensor<T>(file.header, path, [&](void* to, index_t bytes) {
        if (bytes > 0) file.stream.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
        require(file.stream.good(), ErrorCode::io, path, ": ", bytes, " bytes of elements could not be read");
    });
}

/// The same from a .npy file in memory; `source` names it in messages.
template <Element T>
Tensor<T> parse_npy(std::span<const std::byte> bytes, const std::string& source = "npy") {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto header = detail::parse_npy_header(text.substr(0, detail::npy_longest_header), text.size(), source);
    return detail::npy_tensor<T>(header, source, [&](void* to, index_t count) {
        if (count > 0) std::memcpy(to, text.data() + header.offset, static_cast<std::size_t>(count));
    });
}

/// What stands before the elements of a row-major tensor: version 1.0, padded so that the elements begin at a multiple of 64.
inline std::string npy_header_text(DType dtype, const Shape& shape) {
    std::string_view descr;
    for (const auto& type : detail::npy_types)
        if (type.dtype == dtype) descr = type.descr;
    require(!descr.empty(), ErrorCode::unsupported, "save_npy: .npy has no name for ", dtype, "; convert to float32 first");
    std::ostringstream dictionary;
    dictionary << "{'descr': '" << descr << "', 'fortran_order': False, 'shape': " << shape << ", }";
    std::string header = std::move(dictionary).str();
    header.append(63 - (10 + header.size()) % 64, ' ');
    header += '\n';
    std::string text("\x93NUMPY\x01\x00", 8);
    text += static_cast<char>(header.size() & 0xff);
    text += static_cast<char>(header.size() >> 8);
    return text + header;
}

/// Writes a tensor as a .npy file, whole or not at all: to a temporary file beside it, which then takes its name. Throws io, and
/// unsupported for bfloat16.
template <Element T>
void save_npy(const std::string& path, const Tensor<T>& x) {
    const std::string header = npy_header_text(dtype_of<T>, x.shape());
    const auto elements = x.detach().contiguous();
    std::string temporary;
    std::FILE* file = nullptr;
    for (int attempt = 0; file == nullptr && attempt < 100; ++attempt) {  // "x": another's file is never taken over
        temporary = path + ".tmp" + std::to_string(attempt);
        file = std::fopen(temporary.c_str(), "wbx");
    }
    require(file != nullptr, ErrorCode::io, path, ": cannot be opened for writing");
    const auto write = [&](const void* data, std::size_t bytes) { return bytes == 0 || std::fwrite(data, 1, bytes, file) == bytes; };
    bool done = write(header.data(), header.size()) && write(elements.data(), static_cast<std::size_t>(elements.numel()) * sizeof(T));
    done = std::fclose(file) == 0 && done;
    if (!done || std::rename(temporary.c_str(), path.c_str()) != 0) {
        std::remove(temporary.c_str());
        fail(ErrorCode::io, path, ": could not be written");
    }
}

}  // namespace tercet::inline TERCET_ABI
