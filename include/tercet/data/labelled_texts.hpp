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
    std::vector<std::string> places{};  // of each text, for messages: file and line

    std::size_t size() const { return texts.size(); }

    /// One more text, of the file and line `place`. Throws invalid_argument for a label that is none of the labels.
    void add(std::string text, std::string_view label, std::string_view place = "labelled texts") {
        const auto at = std::find(labels.begin(), labels.end(), label);
        require(at != labels.end(), ErrorCode::invalid_argument, place, ": the label ", detail::excerpt(label), " is none of the ", labels.size(),
                " that there are");
        texts.push_back(std::move(text));
        classes.push_back(static_cast<std::int32_t>(at - labels.begin()));
        places.emplace_back(place);
    }

    /// Throws invalid_argument where a label is that of fewer than `least` texts, with the place of the last of them: where they are held out, nobody
    /// can learn it.
    void require_of_each(std::size_t least) const {
        std::vector<std::size_t> count(labels.size()), last(labels.size());
        for (std::size_t i = 0; i < size(); ++i) {
            const auto c = static_cast<std::size_t>(classes[i]);
            ++count[c];
            last[c] = i;
        }
        for (std::size_t c = 0; c < labels.size(); ++c)
            require(count[c] >= least, ErrorCode::invalid_argument, count[c] > 0 ? places[last[c]] : "labelled texts", ": the label ",
                    detail::excerpt(labels[c]), " has ", count[c], count[c] == 1 ? " text" : " texts", ", and should have ", least, " or more");
    }
};

/// Reads a .tsv file (label, tab, text), a .csv file with columns of these names, or a .jsonl file ({"label", "text"}). The labels are those given (a
/// model's own), or those that occur. Throws what read_text_rows() throws, and invalid_argument, with file and line, for an unknown label.
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
