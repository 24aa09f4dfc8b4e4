// Added tokens: strings that a tokenizer takes out of a text before anything else happens to it ("<|endoftext|>", "[MASK]").
//
// The leftmost match wins, and of those the longest. A token may ask to stand alone as a word, to swallow the whitespace on its left
// or right, and to be looked for in the normalized text instead of the original one. Matching walks a trie, so a text takes at
// most its length times the longest token's.
#pragma once

#include "tercet/text/trie.hpp"
#include "tercet/text/unicode.hpp"
#include "tercet/text/utf8.hpp"
#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tercet::inline TERCET_ABI {

struct AddedToken {
    TokenId id = no_token;
    std::string content;
    bool special = false;      // skipped by decode(…, skip_special), and left in the text by EncodeOptions::special_as_text
    bool single_word = false;  // not where a word character touches it
    bool lstrip = false;       // takes the whitespace on its left
    bool rstrip = false;       // … and on its right
    bool normalized = false;   // looked for in the normalized text
    bool in_text = true;       // looked for at all; false: it comes from templates and callers only
};

namespace detail::text {

/// A part of a text: an added token's, or (index < 0) what lies between them.
struct TextPart {
    std::size_t begin, end;
    int index;
};

class AddedTokenTrie {
public:
    AddedTokenTrie() = default;
    /// Patterns and the indices of the tokens that they stand for; of equal ones the first counts.
    explicit AddedTokenTrie(std::vector<Trie::Entry> patterns) {
        for (const auto& [pattern, index] : patterns) {
            if (pattern.empty()) continue;
            starts_[static_cast<unsigned char>(pattern[0])] = true;
        }
        only_start_ = std::count(std::begin(starts_), std::end(starts_), true) == 1
                          ? static_cast<int>(std::find(std::begin(starts_), std::end(starts_), true) - std::begin(starts_))
                          : -1;
        trie_ = Trie(std::move(patterns));
    }

    bool empty() const { return trie_.empty(); }

    /// Cuts well-formed text into tokens and what lies between; `skip_special` leaves special tokens in the text.
    void split(std::string_view text, const std::vector<AddedToken>& tokens, bool skip_special, std::vector<TextPart>& out) const {
        out.clear();
        std::size_t begin = 0;  // of the text not yet put out
        for (std::size_t at = 0; !empty() && (at = next_start(text, at)) < text.size();) {
            const auto [size, index] = trie_.longest(text, at);
            if (index < 0) {
                ++at;
                continue;
            }
            const auto& token = tokens[static_cast<std::size_t>(index)];
            std::size_t start = at, stop = at + size;
            at = stop;  // also where the match is turned down, or takes more whitespace along: what is in that is looked for all the same
            if (skip_special && token.special) continue;
            if (token.single_word && !stands_alone(text, start, stop)) continue;
            while (token.lstrip && start > begin) {
                const auto previous = utf8_previous(text, start);
                if (!is_space(utf8_decode_valid(text, previous).point)) break;
                start = previous;
            }
            if (token.lstrip) start = std::max(start, begin);
            while (token.rstrip && stop < text.size()) {
                const auto next = utf8_decode_valid(text, stop);
                if (!is_space(next.point)) break;
                stop += next.size;
            }
            if (begin < start) out.push_back({begin, start, -1});
            if (start < stop) out.push_back({start, stop, index});  // else the token before has taken all of it
            begin = stop;
        }
        if (begin < text.size()) out.push_back({begin, text.size(), -1});
    }

private:
    // Where a token may begin, or the end.
    std::size_t next_start(std::string_view text, std::size_t at) const {
        if (only_start_ >= 0) return std::min(text.find(static_cast<char>(only_start_), at), text.size());
        while (at < text.size() && !starts_[static_cast<unsigned char>(text[at])]) ++at;
        return at;
    }

    static bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
        if (begin > 0 && is_word(utf8_decode_valid(text, utf8_previous(text, begin)).point)) return false;
        return end == text.size() || !is_word(utf8_decode_valid(text, end).point);
    }

    Trie trie_;
    bool starts_[256] = {};
    int only_start_ = -1;  // the byte that all of them begin with, if there is one
};

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
