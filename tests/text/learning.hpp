// What the tests of learners share: cases whose results the reference library gave.
#pragma once

#include "text/golden.hpp"

#include "tercet/text/wordpiece_trainer.hpp"

namespace tercet_test {

inline std::vector<std::string> texts_of(const tercet::Json& list) {
    std::vector<std::string> out;
    for (const auto& text : list.elements()) out.push_back(text.as_string());
    return out;
}

inline std::vector<std::string> tokens_of(const tercet::Vocabulary& vocabulary) {
    std::vector<std::string> out;
    for (tercet::TokenId id = 0; id < vocabulary.size(); ++id) out.emplace_back(vocabulary.token(id));
    return out;
}

inline tercet::WordCounts bert_words(std::string_view text) {
    tercet::WordCounts words;
    words.add(text, tercet::bert_normalizer(), tercet::bert_pre_tokenizer());
    return words;
}

/// The cases of one kind in learning_cases.json.
template <class F>
void each_learning_case(const std::string& kind, const F& f) {
    const auto file = json_file(tokenizer_data("learning_cases.json"));
    int count = 0;
    for (const auto& c : file.at("cases").elements()) {
        if (c.at("kind").as_string() != kind) continue;
        INFO(c.at("name").as_string());
        f(c);
        ++count;
    }
    CHECK(count > 0);
}

}  // namespace tercet_test
