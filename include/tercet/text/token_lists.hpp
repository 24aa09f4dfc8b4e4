// The lists that vocabulary files are made of: lines, {token: id} objects, and merges written as two tokens with a space between.
#pragma once

#include "tercet/io/json.hpp"
#include "tercet/text/vocabulary.hpp"

namespace tercet::inline TERCET_ABI::detail::text {

// Takes the first line off a text, and gives it without what ends it ("\n" or "\r\n").
inline std::string_view next_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// {"the": 262, …}. Throws bad_tokenizer for what is no id.
inline std::vector<std::pair<std::string, TokenId>> tokens_and_ids(const Json& object, std::string_view source) {
    std::vector<std::pair<std::string, TokenId>> tokens;
    tokens.reserve(object.size());
    for (const auto& [token, id] : object.items()) {
        const auto value = id.as_int();
        require(value >= 0 && value < 0x7fffffff, ErrorCode::bad_tokenizer, source, ": token '", token, "' has the id ", value);
        tokens.emplace_back(token, static_cast<TokenId>(value));
    }
    return tokens;
}

// "a b" -> (a, b). Throws bad_tokenizer, where `unit` and `index` say which it is: "merge" or "line" and a number.
inline std::pair<std::string_view, std::string_view> split_merge(std::string_view merge, std::string_view unit, std::size_t index,
                                                                 std::string_view source) {
    const auto space = merge.find(' ', 1);
    require(space != std::string_view::npos && space + 1 < merge.size() && merge.find(' ', space + 1) == std::string_view::npos,
            ErrorCode::bad_tokenizer, source, ": ", unit, " ", index, " ('", merge, "') is not two tokens");
    return {merge.substr(0, space), merge.substr(space + 1)};
}

}  // namespace tercet::inline TERCET_ABI::detail::text
