// Rows of two texts, as files have them: a label and a text, a text and another that belongs to it.
//
//   .tsv      first <tab> second, a line each
//   .csv      RFC 4180; the first row names the columns, two of them by the keys
//   .jsonl    {"<first key>": "…", "<second key>": "…"}, a line each
#pragma once

#include "tercet/data/records.hpp"

namespace tercet::inline TERCET_ABI {

struct TextRow {
    std::string first, second;
    std::string place;  // file and line, for messages
};

/// Lines of white space are passed over; a whole number stands for its text. Throws io, unsupported for another kind of file, bad_json, missing_key,
/// and, with file and line, bad_text for what is not UTF-8 and invalid_argument for a line without a tab, broken quotes or a first text that is
/// empty.
inline std::vector<TextRow> read_text_rows(const std::string& path, std::string_view first_key, std::string_view second_key) {
    std::vector<TextRow> rows;
    const auto add = [&](std::string first, std::string second, std::string place) {
        require(!first.empty(), ErrorCode::invalid_argument, place, ": the ", first_key, " is empty");
        rows.push_back({std::move(first), std::move(second), std::move(place)});
    };
    if (path.ends_with(".jsonl")) {
        const auto text = [](const Json& value) { return value.is_integer() ? std::to_string(value.as_int()) : value.as_string(); };
        for (const Json& row : read_json_lines(path)) add(text(row.at(first_key)), text(row.at(second_key)), row.place());
    } else if (path.ends_with(".csv")) {
        auto table = table_columns(path, {std::string(first_key), std::string(second_key)});
        while (auto row = table.next()) add(std::move(row->fields[0]), std::move(row->fields[1]), std::move(row->place));
    } else {
        require(path.ends_with(".tsv"), ErrorCode::unsupported, path, ": expected a .tsv file (", first_key, ", tab, ", second_key,
                " on each line), a .csv or a .jsonl file");
        std::size_t number = 0;
        for (const auto& line : read_utf8_lines(path)) {
            const std::string place = path + ":" + std::to_string(++number);
            if (line.find_first_not_of(" \t") == std::string::npos) continue;
            const std::size_t tab = line.find('\t');
            require(tab != std::string::npos, ErrorCode::invalid_argument, place, ": expected ", first_key, ", a tab and ", second_key);
            add(line.substr(0, tab), line.substr(tab + 1), place);
        }
    }
    return rows;
}

}  // namespace tercet::inline TERCET_ABI
