// A vocabulary of whole words: one that is not in it is the unknown token.
#pragma once

#include "tercet/text/vocabulary.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

struct WordLevel {
    TokenId unknown = no_token;          // none: a word outside the vocabulary has no token
    bool fuse_unknown = false;           // neighbouring unknown words are one token
    std::vector<TokenId> left_out = {};  // tokens that no word is, in ascending order

    /// Appends the token of text[begin, end), one word.
    void encode(const Vocabulary& vocabulary, std::string_view text, std::uint32_t begin, std::uint32_t end, std::vector<Token>& out) const {
        TokenId id = vocabulary.find(text.substr(begin, end - begin));
        if (std::binary_search(left_out.begin(), left_out.end(), id)) id = no_token;
        if (id == no_token && fuse_unknown && !out.empty() && out.back().id == unknown && out.back().end == begin) out.back().end = end;
        else if (id != no_token || unknown != no_token) out.push_back({id != no_token ? id : unknown, begin, end});
    }
};

}  // namespace tercet::inline TERCET_ABI
