// Rows of two texts, as files have them: a label and a text, a text and another that belongs to it.
//
//   .tsv      first <tab> second, a line each
//   .jsonl    {"<first key>": "…", "<second key>": "…"}, a line each
#pragma once

#include "tercet/io/hub.hpp"

namespace tercet::inline TERCET_ABI {

struct TextRow {
    std::string first, second;
    std::string place;  // file and line, for messages
};

/// Lines of white space are passed over; a whole number stands for its text. Throws io, bad_json, missing_key, unsupported for another kind of file,
/// invalid_argument for a line without a tab.
inline std::vector<TextRow> read_text_rows(const std::string& path, std::string_view first_key, std::string_view second_key) {
    const bool json = path.ends_with(".jsonl");
    require(json || path.ends_with(".tsv"), ErrorCode::unsupported, path, ": expected a .tsv file (", first_key, ", tab, ", second_key,
            " on each line) or a .jsonl file");
    std::vector<TextRow> rows;
    if (json) {
        const auto text = [](const Json& value) { return value.is_integer() ? std::to_string(value.as_int()) : value.as_string(); };
        for (const Json& row : read_json_lines(path)) rows.push_back({text(row.at(first_key)), text(row.at(second_key)), row.place()});
        return rows;
    }
    std::size_t number = 0;
    for (const auto& line : read_lines(path)) {
        const std::string place = path + ":" + std::to_string(++number);
        if (line.find_first_not_of(" \t") == std::string::npos) continue;
        const std::size_t tab = line.find('\t');
        require(tab != std::string::npos, ErrorCode::invalid_argument, place, ": expected ", first_key, ", a tab and ", second_key);
        rows.push_back({line.substr(0, tab), line.substr(tab + 1), place});
    }
    return rows;
}

}  // namespace tercet::inline TERCET_ABI
