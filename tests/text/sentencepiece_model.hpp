// SentencePiece models put together field by field, and those of tests/data/tokenizers/sentencepiece.
#pragma once

#include "support/catch.hpp"

#include "tercet/io/mmap.hpp"
#include "tercet/io/protobuf.hpp"

#include <initializer_list>
#include <string>

namespace tercet_test {

inline std::string varint(std::uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(static_cast<unsigned char>(value | 0x80)));
    out.push_back(static_cast<char>(static_cast<unsigned char>(value)));
    return out;
}
inline std::string field(std::uint32_t number, std::string_view bytes) {
    return varint(number << 3 | 2).append(varint(bytes.size())).append(bytes);
}
inline std::string field(std::uint32_t number, std::int64_t value) {
    return varint(number << 3).append(varint(static_cast<std::uint64_t>(value)));
}

/// type: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
inline std::string piece(std::string_view text, float score, std::int64_t type = 1) {
    auto out = field(1, text).append(varint(2 << 3 | 5));
    const auto bits = std::bit_cast<std::uint32_t>(score);
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(static_cast<unsigned char>(bits >> (8 * i))));
    return field(1, out.append(field(3, type)));
}

enum : std::int64_t { unigram_model = 1, bpe_model = 2, word_model = 3, char_model = 4 };

/// The trainer's part: the kind of model.
inline std::string trainer(std::int64_t kind, std::string_view more = {}) {
    return field(2, field(3, kind).append(more));
}

/// <unk>, <s>, </s>, ▁, a, b, ab, ▁ab.
inline std::string small_model(std::int64_t kind = unigram_model, std::string_view more = {}) {
    std::string out;
    for (const auto& p : {piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("</s>", 0, 3), piece("\xe2\x96\x81", -2), piece("a", -3), piece("b", -3.5f),
                          piece("ab", -4),
                          piece("\xe2\x96\x81"
                                "ab",
                                -5)})
        out += p;
    return out + trainer(kind) + std::string(more);
}

inline std::string sentencepiece_data(const std::string& name) {
    return std::string(TERCET_TEST_DATA) + "/tokenizers/sentencepiece/" + name;
}

/// The character map of a model.
inline std::string charsmap_of(std::string_view model) {
    tercet::ProtobufReader reader(model, "model");
    for (tercet::ProtobufField f; reader.next(f);) {
        if (f.number != 3) continue;
        tercet::ProtobufReader normalizer(f.bytes, "model");
        for (tercet::ProtobufField inner; normalizer.next(inner);)
            if (inner.number == 2) return std::string(inner.bytes);
    }
    return {};
}

/// One of the five models. sp_char has sp_unigram's character map, which its file leaves out.
inline std::string golden_sentencepiece(const std::string& name) {
    auto bytes = tercet::read_text_file(sentencepiece_data(name + ".model"));
    if (name == "sp_char") bytes += field(3, field(2, charsmap_of(tercet::read_text_file(sentencepiece_data("sp_unigram.model")))));
    return bytes;
}

}  // namespace tercet_test
