// What the text tests share: the golden tokenizers and their expectations.
#pragma once

#include "support/catch.hpp"

#include "tercet/io/json.hpp"
#include "tercet/io/mmap.hpp"
#include "tercet/text/load_tokenizer.hpp"
#include "tercet/text/utf8.hpp"

#include <cstdlib>
#include <optional>

namespace tercet_test {

inline std::string tokenizer_data(const std::string& name) {
    return std::string(TERCET_TEST_DATA) + "/tokenizers/" + name;
}

inline tercet::Json json_file(const std::string& path) {
    return tercet::parse_json(tercet::read_text_file(path), path);
}

/// A folder of golden files too large to be copied, if TERCET_GOLDEN names one.
inline std::optional<std::string> golden_folder() {
    const char* folder = std::getenv("TERCET_GOLDEN");
    if (folder == nullptr || *folder == '\0') return std::nullopt;
    return std::string(folder);
}

inline std::vector<tercet::TokenId> ids_of(const tercet::Json& list) {
    std::vector<tercet::TokenId> out;
    for (const auto& id : list.elements()) out.push_back(static_cast<tercet::TokenId>(id.as_int()));
    return out;
}

/// Offsets given as [[a, b], …] or as one flat list.
inline std::vector<std::pair<tercet::index_t, tercet::index_t>> offsets_of(const tercet::Json& list) {
    std::vector<std::pair<tercet::index_t, tercet::index_t>> out;
    const auto& values = list.elements();
    if (!values.empty() && values[0].is_array()) {
        for (const auto& pair : values) out.emplace_back(pair.at(0).as_int(), pair.at(1).as_int());
        return out;
    }
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) out.emplace_back(values[i].as_int(), values[i + 1].as_int());
    return out;
}

struct VocabCase {
    std::string text;
    std::vector<tercet::TokenId> ids;
};

/// The texts of a .inp file and the ids of the .out file beside it.
inline std::vector<VocabCase> vocab_cases(const std::string& path) {
    const auto in = tercet::read_text_file(path + ".inp"), out = tercet::read_text_file(path + ".out");
    const std::string_view mark = "\n__ggml_vocab_test__\n";
    std::vector<VocabCase> cases;
    std::size_t line = 0, at = 0;
    for (std::size_t hit; (hit = in.find(mark, at)) != std::string::npos; at = hit + mark.size()) {
        VocabCase next{in.substr(at, hit - at), {}};
        const auto end = std::min(out.find('\n', line), out.size());
        for (std::size_t i = line; i < end;) {
            tercet::TokenId id = 0;
            while (i < end && out[i] == ' ') ++i;
            if (i >= end) break;
            for (; i < end && out[i] != ' '; ++i) id = id * 10 + (out[i] - '0');
            next.ids.push_back(id);
        }
        line = end + 1;
        cases.push_back(std::move(next));
    }
    return cases;
}

}  // namespace tercet_test
