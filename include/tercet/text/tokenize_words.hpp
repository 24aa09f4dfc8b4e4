// Words to tokens, by whichever model a tokenizer has. Words that came before are copied from a cache.
#pragma once

#include "tercet/text/tokenizer_parts.hpp"
#include "tercet/text/word_cache.hpp"

namespace tercet::inline TERCET_ABI::detail::text {

/// What it needs room for; one a thread and a tokenizer, used again from text to text.
struct TokenizeScratch {
    std::vector<TextPart> parts, inner_parts;  // between added tokens
    NormalizedText normal;
    PreTokenized pre;
    std::vector<Token> tokens;
    WordCache cache;
    BpeScratch bpe;
    WordPieceScratch wordpiece;
    UnigramScratch unigram;
};

inline void tokenize_word(const TokenizerParts& parts, const PreTokenized& p, Word word, TokenizeScratch& s) {
    const auto [begin, end] = word;
    switch (parts.model) {
    case TokenModel::bpe: return parts.bpe.encode(parts.vocabulary, p.text, begin, end, p.raw_bytes, s.bpe, s.tokens);
    case TokenModel::wordpiece: return parts.wordpiece.encode(parts.vocabulary, p.text, begin, end, s.wordpiece, s.tokens);
    case TokenModel::unigram: return parts.unigram.encode(p.text, begin, end, s.unigram, s.tokens);
    case TokenModel::word_level: return parts.word_level.encode(parts.vocabulary, p.text, begin, end, s.tokens);
    }
}

/// Leaves the tokens of all words of a text in s.tokens.
inline void tokenize_words(const TokenizerParts& parts, const PreTokenized& p, TokenizeScratch& s) {
    require(p.text.size() < 0x7fffffffu, ErrorCode::size_overflow, "encode: the normalized text has ", p.text.size(), " bytes");
    s.tokens.clear();
    s.unigram.before = 0;
    const bool carries = parts.model == TokenModel::unigram && parts.unigram.options().single_precision;
    const bool remember = parts.model != TokenModel::word_level && s.bpe.dropout == 0 && s.cache.prepare(p.words.size());
    for (const auto& word : p.words) {
        const std::uint32_t size = word.end - word.begin;
        if (size == 0) continue;
        if (!remember || size > WordCache::max_bytes) {
            tokenize_word(parts, p, word, s);
            continue;
        }
        const auto key = WordCache::key_of(p.text.substr(word.begin, size));
        auto& entry = s.cache.place(key);
        if (entry.is(key) && (!carries || Unigram::same_after(s.unigram.before, entry.score, entry.margin, size))) {
            std::uint32_t at = word.begin;
            for (std::size_t i = 0; i < entry.count; ++i) {
                const std::uint32_t end = word.begin + entry.end[i];
                s.tokens.push_back({entry.ids[i], at, end});
                if (carries) s.unigram.before = parts.unigram.after(s.unigram.before, entry.ids[i], end - at);
                at = end;
            }
            continue;
        }
        const std::size_t first = s.tokens.size();
        const float before = s.unigram.before;
        tokenize_word(parts, p, word, s);
        // Unknown characters may have joined the token before, or share their place with others.
        if (s.bpe.unknown || s.unigram.unknown || s.tokens.size() < first) continue;
        entry.score = s.unigram.before - before;
        entry.margin = s.unigram.margin - Unigram::noise(before, entry.score, size);
        WordCache::put(entry, key, word.begin, std::span(s.tokens).subspan(first));
    }
}

}  // namespace tercet::inline TERCET_ABI::detail::text
