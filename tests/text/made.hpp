// Hand-made tokenizers and what the reference libraries give for them: tests/data/tokenizers/made.json.
#pragma once

#include "support/catch.hpp"

#include "tercet/io/base64.hpp"
#include "tercet/io/json.hpp"
#include "tercet/io/mmap.hpp"

namespace tercet_test {

inline const tercet::Json& made() {
    static const tercet::Json json = [] {
        const auto path = std::string(TERCET_TEST_DATA) + "/tokenizers/made.json";
        return tercet::parse_json(tercet::read_text_file(path), path);
    }();
    return json;
}

/// A character map in the form that SentencePiece's models have it in; its rules are made().at("charsmap").at("rules").
inline std::string made_charsmap() {
    return tercet::decode_base64(made().at("charsmap").at("map").as_string(), "made.json");
}

inline std::vector<std::string> strings_of(const tercet::Json& list) {
    std::vector<std::string> out;
    for (const auto& text : list.elements()) out.push_back(text.as_string());
    return out;
}

}  // namespace tercet_test
