#include "task_data.hpp"

namespace cli {

using namespace tercet;

LabelledTexts read_examples(const std::string& path, std::vector<std::string> labels) {
    auto texts = read_labelled_texts(path, std::move(labels));
    require(texts.size() > 0, ErrorCode::invalid_argument, path, ": there are no texts in it");
    require(texts.labels.size() >= 2, ErrorCode::invalid_argument, path, ": all ", texts.size(), " texts have the label '", texts.labels[0],
            "'; it takes two labels to tell apart");
    return texts;
}

ClassifiedTexts tokenized(const LabelledTexts& texts, const Tokenizer& tokenizer, index_t max_length) {
    return {encode_texts(tokenizer, texts.texts, max_length), texts.classes};
}

namespace {

// {"messages": …} as a conversation.
LearntTokens conversation(const Json& row, const Tokenizer& tokenizer) {
    std::vector<ChatMessage> messages;
    for (const auto& message : row.at("messages").elements()) messages.push_back({message.at("role").as_string(), message.at("content").as_string()});
    return conversation_tokens(tokenizer, messages);
}

}  // namespace

std::vector<LearntTokens> read_learnt_texts(const std::string& path, const Tokenizer& tokenizer, index_t max_length, TokenId end) {
    std::vector<LearntTokens> texts;
    if (!path.ends_with(".jsonl")) {
        const auto ids = tokenizer.encode_ids(read_utf8_file(path), false);
        for (std::size_t at = 0; at < ids.size(); at += static_cast<std::size_t>(max_length)) {
            const auto window = std::span(ids).subspan(at, std::min(static_cast<std::size_t>(max_length), ids.size() - at));
            if (window.size() >= 2) texts.emplace_back().add(window, true);
        }
        return texts;
    }
    for (const Json& row : read_json_lines(path)) {
        LearntTokens text;
        if (row.find("messages") != nullptr) text = conversation(row, tokenizer);
        else if (row.find("prompt") != nullptr)
            text = prompt_and_answer(tokenizer, row.at("prompt").as_string(), row.at("completion").as_string(), end);
        else text = prompt_and_answer(tokenizer, "", row.at("text").as_string(), end);
        text = text.cut(max_length);
        const bool any = std::find(text.learnt.begin() + (text.learnt.empty() ? 0 : 1), text.learnt.end(), 1) != text.learnt.end();
        require(any, ErrorCode::invalid_argument, row.place(), ": nothing is left to learn of the first ", max_length, " tokens");
        texts.push_back(std::move(text));
    }
    return texts;
}

TextPairs read_text_pairs(const std::string& path, const Tokenizer& tokenizer, index_t max_length) {
    std::vector<std::string> first, second;
    for (auto& row : read_text_rows(path, "anchor", "positive")) {
        first.push_back(std::move(row.first));
        second.push_back(std::move(row.second));
    }
    return {encode_texts(tokenizer, first, max_length), encode_texts(tokenizer, second, max_length)};
}

}  // namespace cli
