// Everything that a tokenizer consists of, as its files say.
#pragma once

#include "tercet/text/added_tokens.hpp"
#include "tercet/text/bpe.hpp"
#include "tercet/text/decoder.hpp"
#include "tercet/text/encoding.hpp"
#include "tercet/text/normalizer.hpp"
#include "tercet/text/pretokenizer.hpp"
#include "tercet/text/unigram.hpp"
#include "tercet/text/word_level.hpp"
#include "tercet/text/wordpiece.hpp"

#include <optional>

namespace tercet::inline TERCET_ABI {

struct TokenizerParts {
    std::string source;  // for messages: the file
    Vocabulary vocabulary;
    TokenModel model = TokenModel::bpe;
    Bpe bpe;
    WordPiece wordpiece;
    Unigram unigram;
    WordLevel word_level;
    Normalizer normalizer;
    PreTokenizer pre_tokenizer;
    Decoder decoder;
    std::optional<SentencePieceDecoder> sentencepiece_decoder;  // in place of decoder
    std::vector<AddedToken> added;
    detail::text::Template single, pair;  // empty: nothing is added
    bool trim_offsets = false;            // offsets leave out the whitespace that a token covers
    bool trim_keeps_prefix_space = true;  // … but for one space at the very front
    SpecialIds special;
    index_t max_length = 0;     // as the files recommend; encode() takes it from its options only
    std::string chat_template;  // empty when the files have none
};

namespace detail::text {

// Roles by the usual spellings, where no file names them.
inline void guess_roles(TokenizerParts& parts) {
    const auto guess = [&](TokenId& role, std::initializer_list<std::string_view> names) {
        for (const auto name : names) {
            for (const auto& token : parts.added) {
                if (role == no_token && token.special && token.content == name) role = token.id;
            }
        }
    };
    auto& roles = parts.special;
    guess(roles.bos, {"<s>", "<|begin_of_text|>", "<bos>", "<|endoftext|>"});
    guess(roles.eos, {"</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>"});
    guess(roles.unk, {"[UNK]", "<unk>"});
    guess(roles.pad, {"[PAD]", "<pad>"});
    guess(roles.cls, {"[CLS]"});
    guess(roles.sep, {"[SEP]"});
    guess(roles.mask, {"[MASK]", "<mask>"});
}

// [CLS] A [SEP] and [CLS] A [SEP] B [SEP], where the vocabulary has both.
inline void add_bert_template(TokenizerParts& parts) {
    if (parts.special.cls == no_token || parts.special.sep == no_token) return;
    const TemplatePiece cls{-1, {parts.special.cls}, 0}, sep{-1, {parts.special.sep}, 0};
    parts.single = {cls, {0, {}, 0}, sep};
    parts.pair = {cls, {0, {}, 0}, sep, {1, {}, 1}, {-1, sep.ids, 1}};
}

// The bos token in front of each text and the eos token behind it, as far as there are such tokens.
inline void add_ends(TokenizerParts& parts, bool bos, bool eos) {
    for (auto* pieces : {&parts.single, &parts.pair})
        *pieces = ends_template(bos ? parts.special.bos : no_token, eos ? parts.special.eos : no_token, pieces == &parts.pair);
}

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
