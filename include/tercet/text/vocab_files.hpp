// Vocabularies in files of their own, from before tokenizer.json.
//
//   vocab.txt                  a token a line: BERT's WordPiece
//   vocab.json, merges.txt     {token: id} and two tokens a line: GPT-2's byte-level BPE, and RoBERTa's and BART's
//
// Neither says what is done to a text before, nor what is put around it: that follows from the kind of model. tokenizer_config.json beside them may
// name it ("tokenizer_class"), and whether BERT's letters are lowered ("do_lower_case").
#pragma once

#include "tercet/text/patterns.hpp"
#include "tercet/text/token_lists.hpp"
#include "tercet/text/tokenizer.hpp"
#include "tercet/text/tokenizer_parts.hpp"

namespace tercet::inline TERCET_ABI {

struct BertVocabOptions {
    bool lowercase = true;
    bool handle_chinese_chars = true;
    std::optional<bool> strip_accents = {};  // as lowercase, unless told
};

namespace detail::text {

// Those of the names that are in the vocabulary become special tokens.
inline void add_special(TokenizerParts& parts, std::initializer_list<std::string_view> names) {
    for (const auto name : names) {
        const TokenId id = parts.vocabulary.find(name);
        if (id != no_token) parts.added.push_back({.id = id, .content = std::string(name), .special = true});
    }
    guess_roles(parts);
}

inline TokenizerParts bert_parts(std::string_view text, std::string source, const BertVocabOptions& options) {
    TokenizerParts parts;
    parts.source = std::move(source);
    require(utf8_first_error(text) == std::string_view::npos, ErrorCode::bad_tokenizer, parts.source, ": not valid UTF-8");
    std::vector<std::pair<std::string, TokenId>> tokens;
    while (!text.empty()) tokens.emplace_back(next_line(text), static_cast<TokenId>(tokens.size()));
    parts.vocabulary = Vocabulary(tokens, parts.source);
    for (const auto& [token, id] : tokens)
        require(parts.vocabulary.find(token) == id, ErrorCode::bad_tokenizer, parts.source, ": '", token, "' is in the lines ", id + 1, " and ",
                parts.vocabulary.find(token) + 1);
    add_special(parts, {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
    require(parts.special.unk != no_token, ErrorCode::bad_tokenizer, parts.source, ": no line is [UNK]");
    parts.model = TokenModel::wordpiece;
    parts.wordpiece = WordPiece({.unknown = parts.special.unk});
    BertNormalizerOptions normalizer;
    normalizer.lowercase = options.lowercase;
    normalizer.handle_chinese_chars = options.handle_chinese_chars;
    normalizer.strip_accents = options.strip_accents.value_or(options.lowercase);
    parts.normalizer = Normalizer({{.kind = NormalizerKind::bert, .bert = normalizer}});
    parts.pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::bert}});
    parts.decoder = Decoder({{.kind = DecoderKind::wordpiece, .pattern = "##"}});
    add_bert_template(parts);
    return parts;
}

inline TokenizerParts byte_level_parts(const Json& vocab, std::string_view merges, std::string source, std::string_view tokenizer_class,
                                       bool prefix_space) {
    TokenizerParts parts;
    parts.source = std::move(source);
    parts.vocabulary = Vocabulary(tokens_and_ids(vocab, parts.source), parts.source);
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    for (std::size_t line = 1; !merges.empty(); ++line) {
        const auto row = next_line(merges);
        if (row.empty() || (line == 1 && row.starts_with("#version"))) continue;
        pairs.push_back(split_merge(row, "line", line, parts.source));
    }
    parts.bpe = Bpe(parts.vocabulary, pairs, {}, parts.source);
    std::vector<PreTokenizerStep> steps;
    if (prefix_space) steps.push_back({.kind = PreTokenizerKind::prefix_space});
    steps.push_back({.kind = PreTokenizerKind::gpt2});
    steps.push_back({.kind = PreTokenizerKind::byte_level});
    parts.pre_tokenizer = PreTokenizer(std::move(steps));
    parts.decoder = Decoder({{.kind = DecoderKind::byte_level}});
    const auto is = [&](std::string_view name) { return tokenizer_class.starts_with(name); };
    const bool pairs_of_ends = is("Roberta") || is("Bart") || is("Longformer") || is("LED") || is("Blenderbot");
    require(pairs_of_ends || tokenizer_class.empty() || is("GPT2") || is("PreTrainedTokenizer"), ErrorCode::unsupported, parts.source,
            ": vocab.json and merges.txt of a ", tokenizer_class, " are not supported");
    add_special(parts, {"<|endoftext|>", "<s>", "<pad>", "</s>", "<unk>"});
    if (const TokenId mask = parts.vocabulary.find("<mask>"); mask != no_token) {
        parts.added.push_back({.id = mask, .content = "<mask>", .special = true, .lstrip = true});
        parts.special.mask = mask;
    }
    if (!pairs_of_ends || parts.special.bos == no_token || parts.special.eos == no_token) return parts;
    const TemplatePiece front{-1, {parts.special.bos}, 0}, behind{-1, {parts.special.eos}, 0};
    parts.single = {front, {0, {}, 0}, behind};
    parts.pair = {front, {0, {}, 0}, behind, behind, {1, {}, 0}, behind};
    parts.special.cls = parts.special.bos;
    parts.special.sep = parts.special.eos;
    return parts;
}

}  // namespace detail::text

/// The tokenizer of a vocab.txt's text; `source` names it in messages. Throws bad_tokenizer without [UNK], or for a token that is there twice.
inline Tokenizer tokenizer_from_vocab_txt(std::string_view text, std::string source, const BertVocabOptions& options = {}) {
    return Tokenizer(detail::text::bert_parts(text, std::move(source), options));
}

/// The tokenizer of the texts of vocab.json and merges.txt. `tokenizer_class` is "GPT2Tokenizer", "RobertaTokenizer", "BartTokenizer", … or empty,
/// which is GPT-2's. Throws bad_json, bad_tokenizer where the parts do not fit each other, unsupported for another class.
inline Tokenizer tokenizer_from_vocab_and_merges(std::string_view vocab, std::string_view merges, const std::string& source,
                                                 std::string_view tokenizer_class = {}, bool prefix_space = false) {
    return Tokenizer(detail::text::byte_level_parts(parse_json(vocab, source), merges, source, tokenizer_class, prefix_space));
}

}  // namespace tercet::inline TERCET_ABI
