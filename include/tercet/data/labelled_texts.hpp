// Texts and the class that each is of.
#pragma once

#include "tercet/data/text_rows.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct LabelledTexts {
    std::vector<std::string> texts;
    std::vector<std::int32_t> classes;  // of each text: its place among the labels
    std::vector<std::string> labels;    // in alphabetical order, or as given

    std::size_t size() const { return texts.size(); }

    /// One more text, of the file and line `place`. Throws invalid_argument for a label that is none of the labels.
    void add(std::string text, std::string_view label, std::string_view place = "labelled texts") {
        const auto at = std::find(labels.begin(), labels.end(), label);
        require(at != labels.end(), ErrorCode::invalid_argument, place, ": the label ", detail::excerpt(label), " is none of the ", labels.size(),
                " that there are");
        texts.push_back(std::move(text));
        classes.push_back(static_cast<std::int32_t>(at - labels.begin()));
    }
};

/// Reads a .tsv file (label, tab, text) or a .jsonl file ({"label", "text"}). The labels are those given (a model's own), or those that occur. Throws
/// what read_text_rows() throws, and invalid_argument, with file and line, for an unknown label.
inline LabelledTexts read_labelled_texts(const std::string& path, std::vector<std::string> labels = {}) {
    auto rows = read_text_rows(path, "label", "text");
    LabelledTexts out{{}, {}, std::move(labels)};
    if (out.labels.empty()) {
        std::set<std::string> found;
        for (const auto& row : rows) found.insert(row.first);
        out.labels.assign(found.begin(), found.end());
    }
    for (auto& row : rows) out.add(std::move(row.second), row.first, row.place);
    return out;
}

}  // namespace tercet::inline TERCET_ABI
