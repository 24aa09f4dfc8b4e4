// Learning a WordPiece vocabulary (Schuster and Nakajima 2012; BERT, Devlin et al. 2018) as Hugging Face's WordPieceTrainer does: by the merges
// of a character BPE whose continuing characters are marked, of which only the tokens are kept.
//
//   unaffable  =  u ##n ##a ##f ##f ##a ##b ##l ##e        merges:  ##f ##f -> ##ff,  u ##n -> un,  …        vocabulary:  …, ##ff, un, …
//
// (The original criterion divides a pair's count by those of its parts; the program was never published, and what came after it counts pairs.)
// Tokens and ids are theirs, but for the order of the "##" characters, which in theirs changes from run to run: text/char_bpe_trainer.hpp.
#pragma once

#include "tercet/text/char_bpe_trainer.hpp"
#include "tercet/text/tokenizer.hpp"
#include "tercet/text/tokenizer_parts.hpp"

namespace tercet::inline TERCET_ABI {

struct WordPieceTraining {
    TokenId vocab_size = 30000;      // at most this many tokens; the special tokens and the alphabet are always there
    std::int64_t min_frequency = 0;  // a pair that occurs less often is not merged
    std::size_t limit_alphabet = 0;  // keeps the most frequent characters, at most this many; 0: all
    std::string initial_alphabet{};  // characters that are in the alphabet, even where no word has them
    std::vector<std::string> special_tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};  // the first ids, in this order
    std::string unknown = "[UNK]";  // for words that cannot be cut; the first id when it is not among the special tokens; empty: none
    std::string continuing_prefix = "##";
    std::stop_token stop{};
};

struct LearntWordPieces {
    Vocabulary vocabulary;
    std::vector<std::string> special_tokens;
    std::string unknown, continuing_prefix;
};

/// BERT's normalizer; a model that keeps case keeps accents, too.
inline Normalizer bert_normalizer(bool lowercase = true) {
    return Normalizer({{.kind = NormalizerKind::bert, .bert = {.strip_accents = lowercase, .lowercase = lowercase}}});
}

/// BERT's words: cut at whitespace and around punctuation.
inline PreTokenizer bert_pre_tokenizer() {
    return PreTokenizer({{.kind = PreTokenizerKind::bert}});
}

/// Learns a vocabulary from the words of texts:
///
///     WordCounts words;
///     words.add_lines(text, bert_normalizer(), bert_pre_tokenizer());
///     const auto tokenizer = wordpiece_tokenizer(learn_wordpiece(words, {.vocab_size = 8000}));
///
/// Throws invalid_argument for sizes below 0 and empty special tokens, bad_text for special tokens, alphabets and prefixes that are not UTF-8,
/// cancelled.
inline LearntWordPieces learn_wordpiece(const WordCounts& words, const WordPieceTraining& options = {}) {
    CharBpeTraining characters;
    characters.vocab_size = options.vocab_size;
    characters.min_frequency = options.min_frequency;
    characters.limit_alphabet = options.limit_alphabet;
    characters.initial_alphabet = options.initial_alphabet;
    characters.continuing_prefix = options.continuing_prefix;
    characters.special_tokens = options.special_tokens;
    characters.unknown = options.unknown;
    characters.stop = options.stop;
    auto learnt = detail::text::learn_characters(words, characters, "learn_wordpiece");
    return {std::move(learnt.vocabulary), std::move(learnt.special_tokens), std::move(learnt.unknown), std::move(learnt.continuing_prefix)};
}

/// BERT's tokenizer of a learnt vocabulary: [CLS] A [SEP] and [CLS] A [SEP] B [SEP], where those two are special tokens. The special tokens'
/// roles are told by the usual spellings. Throws bad_tokenizer, with `source` in front, where the parts do not fit each other.
inline Tokenizer wordpiece_tokenizer(LearntWordPieces learnt, bool lowercase = true, std::string source = "WordPiece") {
    TokenizerParts parts;
    parts.source = std::move(source);
    parts.vocabulary = std::move(learnt.vocabulary);
    parts.model = TokenModel::wordpiece;
    for (auto& content : learnt.special_tokens) {
        AddedToken token{.id = parts.vocabulary.find(content), .content = std::move(content), .special = true};
        require(token.id != no_token, ErrorCode::bad_tokenizer, parts.source, ": the special token '", token.content, "' is not in the vocabulary");
        parts.added.push_back(std::move(token));
    }
    detail::text::guess_roles(parts);
    WordPieceOptions options;
    options.next_prefix = learnt.continuing_prefix;
    options.unknown = learnt.unknown.empty() ? no_token : parts.vocabulary.find(learnt.unknown);
    require(options.unknown != no_token, ErrorCode::bad_tokenizer, parts.source, ": the unknown token '", learnt.unknown,
            "' is not in the vocabulary");
    parts.special.unk = options.unknown;
    parts.wordpiece = WordPiece(options);
    parts.normalizer = bert_normalizer(lowercase);
    parts.pre_tokenizer = bert_pre_tokenizer();
    parts.decoder = Decoder({{.kind = DecoderKind::wordpiece, .pattern = std::move(learnt.continuing_prefix)}});
    detail::text::add_bert_template(parts);
    return Tokenizer(std::move(parts));
}

}  // namespace tercet::inline TERCET_ABI
