// GGUF files put together entry by entry.
#pragma once

#include "tercet/text/load_tokenizer.hpp"
#include "tercet/text/tokenizer_gguf.hpp"

namespace tercet_test {

inline void put_gguf(std::string& out, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
}
inline void put_gguf(std::string& out, std::string_view text) {
    put_gguf(out, text.size(), 8);
    out += text;
}

/// A GGUF file of strings (type 8), lists of strings (9 of 8), of integers (9 of 5) and of floats (9 of 6), numbers (4 and 5) and flags (7).
struct GgufFile {
    std::string entries;
    std::uint64_t count = 0;
    GgufFile& text(std::string_view key, std::string_view value) {
        put_gguf(entries, key);
        put_gguf(entries, 8, 4);
        put_gguf(entries, value);
        ++count;
        return *this;
    }
    GgufFile& list(std::string_view key, const std::vector<std::string>& values) {
        put_gguf(entries, key);
        put_gguf(entries, 9, 4);
        put_gguf(entries, 8, 4);
        put_gguf(entries, values.size(), 8);
        for (const auto& value : values) put_gguf(entries, value);
        ++count;
        return *this;
    }
    GgufFile& numbers(std::string_view key, const std::vector<int>& values) {
        put_gguf(entries, key);
        put_gguf(entries, 9, 4);
        put_gguf(entries, 5, 4);
        put_gguf(entries, values.size(), 8);
        for (const int value : values) put_gguf(entries, static_cast<std::uint64_t>(value), 4);
        ++count;
        return *this;
    }
    GgufFile& floats(std::string_view key, const std::vector<float>& values) {
        put_gguf(entries, key);
        put_gguf(entries, 9, 4);
        put_gguf(entries, 6, 4);
        put_gguf(entries, values.size(), 8);
        for (const float value : values) put_gguf(entries, std::bit_cast<std::uint32_t>(value), 4);
        ++count;
        return *this;
    }
    GgufFile& number(std::string_view key, std::uint32_t value) {
        put_gguf(entries, key);
        put_gguf(entries, 4, 4);
        put_gguf(entries, value, 4);
        ++count;
        return *this;
    }
    GgufFile& flag(std::string_view key, bool value) {
        put_gguf(entries, key);
        put_gguf(entries, 7, 4);
        put_gguf(entries, value, 1);
        ++count;
        return *this;
    }
    std::string bytes() const {
        std::string out = "GGUF";
        put_gguf(out, 3, 4);
        put_gguf(out, 0, 8);
        put_gguf(out, count, 8);
        return out + entries;
    }
    tercet::Tokenizer tokenizer() const {
        const auto file = bytes();
        return tercet::tokenizer_from_gguf(tercet::Gguf::parse(std::as_bytes(std::span(file)), "made.gguf"));
    }
};

}  // namespace tercet_test
