// Tokenizers of vocabularies that were learnt from texts, where the learner does not say how words were cut: the unigram model's, whole words',
// characters'. (Those of learn_bpe and learn_wordpiece are byte_level_tokenizer in text/byte_level.hpp and wordpiece_tokenizer beside its trainer.)
//
//   WordCounts words;
//   words.add_lines(text, unigram_normalizer(), unigram_pre_tokenizer());
//   const auto tokenizer = unigram_tokenizer(learn_unigram(words, {.vocab_size = 8000}));
//
// Each takes the stages that the words were counted with in its options; the defaults are those that published tokenizers of its kind have. The
// special tokens' roles are told by the usual spellings.
#pragma once

#include "tercet/text/char_bpe_trainer.hpp"
#include "tercet/text/tokenizer.hpp"
#include "tercet/text/tokenizer_parts.hpp"
#include "tercet/text/unigram_trainer.hpp"
#include "tercet/text/word_level_trainer.hpp"

namespace tercet::inline TERCET_ABI {

/// What SentencePiece's models do to a text, as Hugging Face's library spells it: NFKC, no spaces at the ends, one where there are several.
inline Normalizer unigram_normalizer() {
    return Normalizer({{.kind = NormalizerKind::nfkc},
                       {.kind = NormalizerKind::strip},
                       {.kind = NormalizerKind::replace, .content = " ", .regex = Pattern(" {2,}")}});
}

/// Words that begin with the meta symbol, which stands for the space in front of them; the first word of a text has one, too.
inline PreTokenizer unigram_pre_tokenizer() {
    return PreTokenizer({{.kind = PreTokenizerKind::metaspace, .pattern = std::string(meta_space)}});
}

struct UnigramTokenizerOptions {
    Normalizer normalizer = unigram_normalizer();
    PreTokenizer pre_tokenizer = unigram_pre_tokenizer();
    Decoder decoder = Decoder({{.kind = DecoderKind::metaspace, .pattern = std::string(meta_space)}});
    std::string bos = {}, eos = {};  // special tokens in front of a text and behind it, as "</s>" is T5's; empty: none
    std::string source = "unigram";  // in front of errors
};

struct WordTokenizerOptions {
    Normalizer normalizer = {};
    PreTokenizer pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::whitespace}});
    Decoder decoder = {};          // none: tokens are joined with spaces
    std::string source = "words";  // in front of errors
};

struct CharBpeTokenizerOptions {
    Normalizer normalizer = {};
    PreTokenizer pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::whitespace_split, .behavior = SplitBehavior::removed}});
    std::optional<Decoder> decoder =
        {};  // unless told, by the marks: spaces behind the suffix, or in front of what lacks the prefix, or between tokens
    std::string source = "character BPE";  // in front of errors
};

namespace detail::text {

// Special tokens, their roles, and the unknown token's id.
inline TokenId add_learnt_special(TokenizerParts& parts, std::vector<std::string> special, const std::string& unknown) {
    for (auto& content : special) {
        AddedToken token{.id = parts.vocabulary.find(content), .content = std::move(content), .special = true};
        require(token.id != no_token, ErrorCode::bad_tokenizer, parts.source, ": the special token '", token.content, "' is not in the vocabulary");
        parts.added.push_back(std::move(token));
    }
    guess_roles(parts);
    if (unknown.empty()) return no_token;
    parts.special.unk = parts.vocabulary.find(unknown);
    require(parts.special.unk != no_token, ErrorCode::bad_tokenizer, parts.source, ": the unknown token '", unknown, "' is not in the vocabulary");
    return parts.special.unk;
}

// The id of a token that is put around texts; no_token for the empty name.
inline TokenId end_token(const TokenizerParts& parts, const std::string& content) {
    if (content.empty()) return no_token;
    const auto at = std::find_if(parts.added.begin(), parts.added.end(), [&](const AddedToken& token) { return token.content == content; });
    require(at != parts.added.end(), ErrorCode::bad_tokenizer, parts.source, ": '", content, "' is not among the special tokens");
    return at->id;
}

}  // namespace detail::text

/// The tokenizer of learnt pieces. Throws bad_tokenizer, with the options' source in front, where the parts do not fit each other.
inline Tokenizer unigram_tokenizer(LearntPieces learnt, UnigramTokenizerOptions options = {}) {
    TokenizerParts parts;
    parts.source = std::move(options.source);
    std::vector<std::pair<std::string, TokenId>> tokens;
    std::vector<double> scores;
    for (auto& piece : learnt.pieces) {
        tokens.emplace_back(std::move(piece.text), static_cast<TokenId>(tokens.size()));
        scores.push_back(piece.score);
    }
    parts.vocabulary = Vocabulary(tokens, parts.source);
    parts.model = TokenModel::unigram;
    const TokenId unknown = detail::text::add_learnt_special(parts, std::move(learnt.special_tokens), learnt.unknown);
    parts.unigram = Unigram(parts.vocabulary, std::move(scores), {.unknown = unknown}, parts.source);
    parts.normalizer = std::move(options.normalizer);
    parts.pre_tokenizer = std::move(options.pre_tokenizer);
    parts.decoder = std::move(options.decoder);
    const TokenId bos = detail::text::end_token(parts, options.bos), eos = detail::text::end_token(parts, options.eos);
    if (bos != no_token) parts.special.bos = bos;
    if (eos != no_token) parts.special.eos = eos;
    if (bos != no_token || eos != no_token) detail::text::add_ends(parts, bos != no_token, eos != no_token);
    return Tokenizer(std::move(parts));
}

/// The tokenizer of learnt words. Without an unknown token, words outside the vocabulary have no token (and no file says so). Throws bad_tokenizer,
/// with the options' source in front, where the parts do not fit each other.
inline Tokenizer word_level_tokenizer(LearntWords learnt, WordTokenizerOptions options = {}) {
    TokenizerParts parts;
    parts.source = std::move(options.source);
    parts.vocabulary = std::move(learnt.vocabulary);
    parts.model = TokenModel::word_level;
    parts.word_level.unknown = detail::text::add_learnt_special(parts, std::move(learnt.special_tokens), learnt.unknown);
    parts.normalizer = std::move(options.normalizer);
    parts.pre_tokenizer = std::move(options.pre_tokenizer);
    parts.decoder = std::move(options.decoder);
    return Tokenizer(std::move(parts));
}

/// The tokenizer of learnt merges of characters. Without an unknown token, characters outside the alphabet are dropped. Throws bad_tokenizer, with
/// the options' source in front, where the parts do not fit each other.
inline Tokenizer char_bpe_tokenizer(CharBpe learnt, CharBpeTokenizerOptions options = {}) {
    TokenizerParts parts;
    parts.source = std::move(options.source);
    parts.vocabulary = std::move(learnt.vocabulary);
    detail::text::add_learnt_special(parts, std::move(learnt.special_tokens), learnt.unknown);
    if (options.decoder) parts.decoder = std::move(*options.decoder);
    else if (!learnt.end_of_word_suffix.empty()) parts.decoder = Decoder({{.kind = DecoderKind::bpe, .pattern = learnt.end_of_word_suffix}});
    else if (!learnt.continuing_prefix.empty()) parts.decoder = Decoder({{.kind = DecoderKind::wordpiece, .pattern = learnt.continuing_prefix}});
    BpeOptions bpe;
    bpe.unknown = std::move(learnt.unknown);
    bpe.continuing_prefix = std::move(learnt.continuing_prefix);
    bpe.end_of_word_suffix = std::move(learnt.end_of_word_suffix);
    parts.bpe = Bpe(parts.vocabulary, learnt.merges, std::move(bpe), parts.source);
    parts.normalizer = std::move(options.normalizer);
    parts.pre_tokenizer = std::move(options.pre_tokenizer);
    return Tokenizer(std::move(parts));
}

}  // namespace tercet::inline TERCET_ABI
