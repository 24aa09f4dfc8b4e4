// WordPiece (Schuster and Nakajima 2012; BERT, Devlin et al. 2018): a word is the longest token it begins with, then the longest
// continuation token that follows, and so on. A word that cannot be cut to its end is one unknown token.
//
//   unaffable  ->  una ##ffa ##ble
//
// Continuations are marked by a prefix, "##" in BERT's files. GGUF files mark the beginnings instead ("▁una", "ffa"): the same
// search with two prefixes.
#pragma once

#include "tercet/text/utf8.hpp"
#include "tercet/text/vocabulary.hpp"

namespace tercet::inline TERCET_ABI {

struct WordPieceOptions {
    std::string first_prefix = "";     // of tokens that begin a word
    std::string next_prefix = "##";    // of tokens that continue one
    std::size_t max_word_chars = 100;  // longer words are unknown
    TokenId unknown = no_token;
};

/// What encode() needs room for; one a thread, used again from word to word.
struct WordPieceScratch {
    struct Candidate {
        TextHash hash;
        std::uint32_t end;
    };
    std::vector<Candidate> candidates;
};

class WordPiece {
public:
    WordPiece() = default;
    explicit WordPiece(WordPieceOptions options) : options_(std::move(options)) {
        first_.add(options_.first_prefix);
        next_.add(options_.next_prefix);
    }

    const WordPieceOptions& options() const { return options_; }

    /// Appends the tokens of text[begin, end), one word. At most max_word_chars² lookups.
    void encode(const Vocabulary& vocabulary, std::string_view text, std::uint32_t begin, std::uint32_t end, WordPieceScratch& scratch,
                std::vector<Token>& out) const {
        const std::size_t before = out.size();
        const auto unknown = [&] {
            out.resize(before);
            out.push_back({options_.unknown, begin, end});
        };
        if (utf8_count(text.substr(begin, end - begin)) > options_.max_word_chars) return unknown();

        // Each round hashes the rest of the word once, noting the hash at every character's end, then looks from the longest down.
        auto& candidates = scratch.candidates;
        for (std::uint32_t at = begin; at < end;) {
            const bool first = at == begin;
            const std::string_view prefix = first ? options_.first_prefix : options_.next_prefix;
            TextHash hash = first ? first_ : next_;
            candidates.clear();
            for (std::uint32_t i = at; i < end;) {
                hash.add(text[i++]);
                if (i == end || (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) candidates.push_back({hash, i});
            }
            TokenId id = no_token;
            while (!candidates.empty()) {
                const auto& [candidate, stop] = candidates.back();
                id = vocabulary.find(candidate, prefix, text.substr(at, stop - at));
                if (id != no_token) {
                    out.push_back({id, at, stop});
                    at = stop;
                    break;
                }
                candidates.pop_back();
            }
            if (id == no_token) return unknown();
        }
    }

private:
    WordPieceOptions options_;
    TextHash first_, next_;
};

}  // namespace tercet::inline TERCET_ABI
