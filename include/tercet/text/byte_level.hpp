// Byte-level BPE as plain parts (Radford et al. 2019): what training gives, and what a tokenizer is made of.
//
// Tokens are spelled in the byte alphabet (text/pretokenizer.hpp), special ones as they are. Without merges the tokens are single bytes, and
// the tokenizer is a character-level one of ASCII texts. Without an unknown token, bytes that are no tokens are dropped, as Hugging Face's
// tokenizers and llama.cpp do.
#pragma once

#include "tercet/text/char_level.hpp"
#include "tercet/text/tokenizer.hpp"
#include "tercet/text/tokenizer_parts.hpp"

namespace tercet::inline TERCET_ABI {

struct ByteLevelBpe {
    Vocabulary vocabulary;
    std::vector<std::pair<std::string, std::string>> merges;  // first learnt first
    std::vector<std::string> special_tokens;                  // those of the vocabulary that are taken out of a text first
    std::string unknown;                                      // the one that stands for bytes outside the vocabulary; empty: none does
};

/// The tokenizer that cuts words by GPT-2's expression and merges their bytes. The special tokens' roles are told by the usual spellings
/// ("<|endoftext|>", "<pad>", …). Throws bad_tokenizer, with `source` in front, where the parts do not fit each other.
inline Tokenizer byte_level_tokenizer(ByteLevelBpe bpe, std::string source = "byte-level BPE") {
    TokenizerParts parts;
    parts.source = std::move(source);
    parts.vocabulary = std::move(bpe.vocabulary);
    for (auto& content : bpe.special_tokens) {
        AddedToken token{.id = parts.vocabulary.find(content), .content = std::move(content), .special = true};
        require(token.id != no_token, ErrorCode::bad_tokenizer, parts.source, ": the special token '", token.content, "' is not in the vocabulary");
        parts.added.push_back(std::move(token));
    }
    detail::text::guess_roles(parts);
    if (!bpe.unknown.empty()) parts.special.unk = parts.vocabulary.find(bpe.unknown);
    BpeOptions options;
    options.unknown = std::move(bpe.unknown);
    parts.bpe = Bpe(parts.vocabulary, bpe.merges, std::move(options), parts.source);
    parts.pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::gpt2}, {.kind = PreTokenizerKind::byte_level}});
    parts.decoder = Decoder({{.kind = DecoderKind::byte_level}});
    return Tokenizer(std::move(parts));
}

/// A vocabulary of ASCII characters with the same ids, so that a character-level model's vocabulary can stand in a tokenizer.json or a GGUF
/// file. Throws unsupported for a character that is more than one byte.
inline ByteLevelBpe byte_level_bpe(const CharVocabulary& characters) {
    std::vector<std::pair<std::string, TokenId>> tokens;
    for (TokenId id = 0; id < characters.size(); ++id) {
        const std::string text = characters.decode({&id, 1});
        require(text.size() == 1, ErrorCode::unsupported, "byte_level_bpe: the character ", quote_json(text), " is ", text.size(),
                " bytes, and a token without merges is one");
        tokens.emplace_back(std::string(), id);
        utf8_append(tokens.back().first, byte_alphabet.point_of[static_cast<unsigned char>(text[0])]);
    }
    return {Vocabulary(tokens, "character vocabulary"), {}, {}, {}};
}

}  // namespace tercet::inline TERCET_ABI
