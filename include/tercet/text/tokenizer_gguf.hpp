// The tokenizer of a GGUF file (ggml's gguf.md, "Tokenizer"): its metadata under tokenizer.ggml.*.
//
//   model = gpt2   byte-level BPE: tokens and merges; "pre" names how words are cut before merging
//   model = llama  SentencePiece's BPE, model = t5 its unigram model: tokens and scores (text/gguf_sentencepiece.hpp)
//   model = bert   WordPiece: tokens that begin a word are stored with "▁" in front, the others without their "##"
//
// token_type says which tokens are taken out of a text first: 3 (control), 2 (unknown) and 4 (defined by the user). Bytes outside a gpt2
// vocabulary become the unknown token where it is of type 2; without one they are dropped, or refused where there are no merges (text/bpe.hpp).
#pragma once

#include "tercet/io/gguf.hpp"
#include "tercet/text/gguf_pretokenizers.hpp"
#include "tercet/text/gguf_sentencepiece.hpp"
#include "tercet/text/token_lists.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

class TokenizerGgufReader {
public:
    explicit TokenizerGgufReader(const Gguf& file) : file_(file) { p_.source = file.source(); }

    TokenizerParts read() {
        require(file_.has("tokenizer.ggml.model"), ErrorCode::bad_tokenizer, p_.source, ": no tokenizer (tokenizer.ggml.model is absent)");
        const auto model = file_.string("tokenizer.ggml.model");
        require(model == "gpt2" || model == "bert" || model == "llama" || model == "t5", ErrorCode::unsupported, p_.source, ": a tokenizer of type '",
                model, "' is not supported");
        require(file_.has("tokenizer.ggml.tokens"), ErrorCode::bad_tokenizer, p_.source, ": no vocabulary (tokenizer.ggml.tokens is absent)");
        auto tokens = file_.strings("tokenizer.ggml.tokens");
        require(!tokens.empty() && tokens.size() < 0x7fffffff, ErrorCode::bad_tokenizer, p_.source, ": a vocabulary of ", tokens.size(), " tokens");
        for (const auto& token : tokens)
            require(utf8_first_error(token) == std::string::npos, ErrorCode::bad_tokenizer, p_.source, ": a token is not valid UTF-8");
        if (model == "bert") {
            for (auto& token : tokens) token = with_continuation_marks(token);
        }
        std::vector<std::pair<std::string, TokenId>> pairs;
        pairs.reserve(tokens.size());
        for (auto& token : tokens) pairs.emplace_back(std::move(token), static_cast<TokenId>(pairs.size()));
        p_.vocabulary = Vocabulary(pairs, p_.source);
        p_.special = {id("bos"), id("eos"), id("unknown"), id("padding"), id("cls"), id("seperator"), id("mask")};
        p_.chat_template = file_.string_or("tokenizer.chat_template", {});
        read_added();
        if (model == "bert") read_bert();
        else if (model == "llama") GgufSentencePieceReader(file_, p_).read_llama();
        else if (model == "t5") GgufSentencePieceReader(file_, p_).read_t5();
        else read_bpe();
        return std::move(p_);
    }

    // "▁word" -> "word", "piece" -> "##piece"; "[CLS]" and its kind stay.
    static std::string with_continuation_marks(const std::string& token) {
        constexpr std::string_view mark = "\xe2\x96\x81";
        if (token.starts_with(mark)) return token.substr(mark.size());
        if (token.size() > 1 && token.front() == '[' && token.back() == ']') return token;
        return "##" + token;
    }

private:
    TokenId id(std::string_view role) const {
        const auto key = "tokenizer.ggml." + std::string(role) + "_token_id";
        const auto value = file_.integer_or(key, no_token);
        return value >= 0 && value < p_.vocabulary.size() ? static_cast<TokenId>(value) : no_token;
    }

    void read_added() {
        const auto types = file_.integers_or("tokenizer.ggml.token_type", {});
        require(types.empty() || types.size() == static_cast<std::size_t>(p_.vocabulary.size()), ErrorCode::bad_tokenizer, p_.source, ": ",
                types.size(), " token types for ", p_.vocabulary.size(), " tokens");
        constexpr std::int64_t unknown = 2, control = 3, user_defined = 4;
        for (std::size_t i = 0; i < types.size(); ++i) {
            if (types[i] != unknown && types[i] != control && types[i] != user_defined) continue;
            AddedToken token;
            token.id = static_cast<TokenId>(i);
            token.content = p_.vocabulary.token(token.id);
            token.special = types[i] != user_defined;
            if (types[i] == unknown && token.id == p_.special.unk) unknown_ = token.content;
            if (!token.content.empty()) p_.added.push_back(std::move(token));
        }
    }

    void read_bert() {
        p_.model = TokenModel::wordpiece;
        p_.special.cls = p_.special.cls != no_token ? p_.special.cls : p_.special.bos;
        p_.special.sep = p_.special.sep != no_token ? p_.special.sep : p_.special.eos;
        if (p_.special.unk == no_token) p_.special.unk = p_.vocabulary.find("[UNK]");
        require(p_.special.unk != no_token, ErrorCode::bad_tokenizer, p_.source, ": the vocabulary has no unknown token");
        WordPieceOptions options;
        options.unknown = p_.special.unk;
        p_.wordpiece = WordPiece(options);
        p_.normalizer = Normalizer({{.kind = NormalizerKind::bert}});
        p_.pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::bert}});
        p_.decoder = Decoder({{.kind = DecoderKind::wordpiece, .pattern = "##"}});
        add_bert_template(p_);
    }

    void read_bpe() {
        const auto name = file_.string_or("tokenizer.ggml.pre", "default");
        auto pre = pretokenizer_for_gguf(name);
        require(pre && pre->byte_level, ErrorCode::unsupported, p_.source, ": byte-level BPE with the pre-tokenizer '", name,
                "' (tokenizer.ggml.pre) is not supported");
        auto steps = std::move(pre->steps);
        steps.push_back({.kind = PreTokenizerKind::byte_level});
        BpeOptions options;
        options.unknown = unknown_;
        options.ignore_merges = pre->ignore_merges;
        p_.pre_tokenizer = PreTokenizer(std::move(steps));
        p_.decoder = Decoder({{.kind = DecoderKind::byte_level}});

        require(file_.has("tokenizer.ggml.merges"), ErrorCode::bad_tokenizer, p_.source, ": no merges (tokenizer.ggml.merges is absent)");
        const auto lines = file_.strings("tokenizer.ggml.merges");
        std::vector<std::pair<std::string_view, std::string_view>> merges;
        for (const auto& merge : lines) merges.push_back(split_merge(merge, "merge", merges.size(), p_.source));
        p_.bpe = Bpe(p_.vocabulary, merges, std::move(options), p_.source);

        add_ends(p_, file_.boolean_or("tokenizer.ggml.add_bos_token", pre->add_bos), file_.boolean_or("tokenizer.ggml.add_eos_token", false));
    }

    const Gguf& file_;
    TokenizerParts p_;
    std::string unknown_;
};

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
