// Bytes put together by hand, for files that no writer would make.
//
//   Bytes().text("GGUF").number<std::uint32_t>(3)…
//   on_heap(bytes)     a copy of exactly that size, so that a sanitizer sees the first byte read past its end
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

class Bytes {
public:
    template <class T>
    Bytes& number(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
        return *this;
    }
    Bytes& text(std::string_view text) {
        bytes_ += text;
        return *this;
    }
    /// A GGUF string: its length in 64 bits, then the bytes.
    Bytes& string(std::string_view value) { return number<std::uint64_t>(value.size()).text(value); }
    Bytes& pad_to(std::size_t alignment) {
        bytes_.append((alignment - bytes_.size() % alignment) % alignment, '\0');
        return *this;
    }
    const std::string& str() const { return bytes_; }

private:
    std::string bytes_;
};

struct HeapBytes {
    std::unique_ptr<std::byte[]> data;
    std::size_t size;
    std::span<const std::byte> span() const { return {data.get(), size}; }
};

inline HeapBytes on_heap(std::string_view text) {
    HeapBytes heap{std::make_unique<std::byte[]>(text.size()), text.size()};
    std::memcpy(heap.data.get(), text.data(), text.size());
    return heap;
}
