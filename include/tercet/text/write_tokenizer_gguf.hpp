// A tokenizer as the metadata of a GGUF file: the twin of text/tokenizer_gguf.hpp.
//
//   gpt2   byte-level BPE that cuts words in a way that has a name in text/gguf_pretokenizers.hpp
//   bert   WordPiece with BERT's normalizer, words and template
//
// What these have no words for is refused by name. Offsets that leave out spaces are the one thing that is lost: a GGUF file does not speak of them.
#pragma once

#include "tercet/io/gguf_writer.hpp"
#include "tercet/text/bpe_merges.hpp"
#include "tercet/text/tokenizer_gguf.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

inline bool same_steps(const std::vector<PreTokenizerStep>& a, const std::vector<PreTokenizerStep>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const PreTokenizerStep& x, const PreTokenizerStep& y) {
        const bool limited = x.kind == PreTokenizerKind::cl100k || x.kind == PreTokenizerKind::number_run;
        return x.kind == y.kind && x.behavior == y.behavior && x.invert == y.invert && x.pattern == y.pattern && (!limited || x.limit == y.limit) &&
               x.compiled.expression() == y.compiled.expression();
    });
}

// An empty template is the two texts, one after the other.
inline bool same_template(const Template& a, const Template& b, bool pair) {
    const Template plain = ends_template(no_token, no_token, pair);
    const auto &x = a.empty() ? plain : a, &y = b.empty() ? plain : b;
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const TemplatePiece& p, const TemplatePiece& q) {
        return p.sequence == q.sequence && p.ids == q.ids && p.type_id == q.type_id;
    });
}

// The name in tokenizer.ggml.pre for steps without the byte alphabet, or nothing. Where several cut alike, GPT-2's own, or else one whose decoding
// leaves spaces alone, as ours does.
inline std::string_view gguf_name_of(const std::vector<PreTokenizerStep>& steps, bool ignore_merges) {
    std::string_view found;
    for (const auto& row : gguf_pre_names) {
        if (row.ignore_merges != ignore_merges || (!found.empty() && row.clean_spaces)) continue;
        const auto pre = pretokenizer_for_gguf(row.name);
        if (!pre->byte_level || !same_steps(pre->steps, steps)) continue;
        if (found.empty()) found = row.name;
        if (row.name == "gpt-2" || !row.clean_spaces) return row.name;
    }
    return found;
}

class TokenizerGgufWriter {
public:
    TokenizerGgufWriter(const Tokenizer& tokenizer, TokenId size) : tokenizer_(tokenizer), p_(tokenizer.parts()) {
        require(size == 0 || size >= tokenizer.vocab_size(), ErrorCode::invalid_argument, p_.source, ": a vocabulary of ", tokenizer.vocab_size(),
                " tokens for a table of ", size);
        size_ = std::max(size, tokenizer.vocab_size());
    }

    void write(GgufWriter& file) {
        read_tokens();
        if (p_.model == TokenModel::bpe) write_bpe(file);
        else if (p_.model == TokenModel::wordpiece) write_bert(file);
        else check(false, "a model that is neither byte-level BPE nor WordPiece");
        file.set("tokenizer.ggml.tokens", tokens_);
        file.set("tokenizer.ggml.token_type", types_);
        if (!p_.chat_template.empty()) file.set("tokenizer.chat_template", p_.chat_template);
    }

private:
    enum : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5 };

    void check(bool fits, std::string_view what) const {
        require(fits, ErrorCode::unsupported, p_.source, ": a GGUF file cannot say, or this version does not write, ", what);
    }

    void read_tokens() {
        for (TokenId id = 0; id < size_; ++id) {
            const bool has = tokenizer_.has(id);
            tokens_.push_back(has ? std::string(p_.vocabulary.has(id) ? p_.vocabulary.token(id) : tokenizer_.token(id))
                                  : "[unused " + std::to_string(id) + "]");
            types_.push_back(has ? normal : unused);
        }
        for (const auto& token : p_.added) {
            require(!token.single_word && !token.lstrip && !token.rstrip, ErrorCode::unsupported, p_.source, ": the token '", token.content,
                    "' asks for whole words or takes spaces along, which a GGUF file cannot say");
            require(token.in_text && (!token.normalized || p_.normalizer.empty()), ErrorCode::unsupported, p_.source, ": the token '", token.content,
                    "' is not looked for in a text as it stands, which a GGUF file cannot say");
            types_[static_cast<std::size_t>(token.id)] = token.special ? control : user_defined;
        }
    }

    void role(GgufWriter& file, const char* key, TokenId id) const {
        if (id != no_token) file.set(std::string("tokenizer.ggml.") + key + "_token_id", static_cast<std::uint32_t>(id));
    }

    void write_bpe(GgufWriter& file) {
        const auto& o = p_.bpe.options();
        check(tokenizer_.decodes_bytes() && p_.normalizer.empty(), "a BPE that is not byte-level, or has a normalizer");
        check(o.continuing_prefix.empty() && o.end_of_word_suffix.empty() && !o.byte_fallback && !o.fuse_unknown && o.dropout == 0 && !o.unknown_last,
              "a BPE with prefixes, suffixes, byte fallback, fused unknown tokens or dropout");
        auto steps = p_.pre_tokenizer.steps();
        check(!steps.empty() && steps.back().kind == PreTokenizerKind::byte_level, "a BPE whose words are not bytes in the end");
        steps.pop_back();
        const auto name = gguf_name_of(steps, o.ignore_merges);
        check(!name.empty(), "a way to cut words that has no name there");
        const TokenId outside = p_.vocabulary.find(o.unknown);  // the token of bytes outside the vocabulary
        if (outside != no_token) types_[static_cast<std::size_t>(outside)] = unknown;
        std::vector<std::string> merges;
        for (const auto& [left, right] : merge_list(p_.bpe, p_.vocabulary, p_.source))
            merges.push_back(std::string(p_.vocabulary.token(left)).append(" ").append(p_.vocabulary.token(right)));
        file.set("tokenizer.ggml.model", "gpt2");
        file.set("tokenizer.ggml.pre", std::string(name));
        file.set("tokenizer.ggml.merges", merges);
        role(file, "bos", p_.special.bos);
        role(file, "eos", p_.special.eos);
        role(file, "unknown", outside != no_token ? outside : p_.special.unk);
        role(file, "padding", p_.special.pad);
        write_ends(file);
    }

    // The tokens around a text: bos in front, eos behind.
    void write_ends(GgufWriter& file) const {
        for (const bool bos : {false, true}) {
            for (const bool eos : {false, true}) {
                const TokenId front = bos ? p_.special.bos : no_token, behind = eos ? p_.special.eos : no_token;
                if (!same_template(p_.single, ends_template(front, behind, false), false) ||
                    !same_template(p_.pair, ends_template(front, behind, true), true))
                    continue;
                file.set("tokenizer.ggml.add_bos_token", bos);
                if (eos) file.set("tokenizer.ggml.add_eos_token", true);
                return;
            }
        }
        check(false, "tokens around a text other than bos and eos");
    }

    void write_bert(GgufWriter& file) {
        const auto& steps = p_.normalizer.steps();
        const auto& o = p_.wordpiece.options();
        const bool bert = steps.size() == 1 && steps[0].kind == NormalizerKind::bert && steps[0].bert.clean_text && steps[0].bert.lowercase &&
                          steps[0].bert.handle_chinese_chars && steps[0].bert.strip_accents;
        check(bert && same_steps(p_.pre_tokenizer.steps(), {{.kind = PreTokenizerKind::bert}}),
              "a WordPiece that cuts words in another way than BERT");
        check(o.first_prefix.empty() && o.next_prefix == "##" && o.max_word_chars == WordPieceOptions{}.max_word_chars,
              "a WordPiece with other marks or longer words than BERT's");
        const auto& decoder = p_.decoder.steps();
        check(decoder.size() == 1 && decoder[0].kind == DecoderKind::wordpiece && decoder[0].pattern == "##" && decoder[0].cleanup,
              "a WordPiece with another decoder than BERT's");
        TokenizerParts expected;
        expected.special = p_.special;
        add_bert_template(expected);
        check(same_template(p_.single, expected.single, false) && same_template(p_.pair, expected.pair, true),
              "tokens around a text other than BERT's");
        for (auto& token : tokens_) {
            const auto as_is = token;
            token = without_continuation_marks(token);
            require(TokenizerGgufReader::with_continuation_marks(token) == as_is, ErrorCode::unsupported, p_.source, ": a GGUF file cannot tell '",
                    as_is, "' from a token in brackets");
        }
        file.set("tokenizer.ggml.model", "bert");
        // llama.cpp puts bos in front where BERT has [CLS].
        role(file, "bos", p_.special.bos != no_token ? p_.special.bos : p_.special.cls);
        role(file, "eos", p_.special.eos != no_token ? p_.special.eos : p_.special.sep);
        role(file, "unknown", o.unknown);
        role(file, "seperator", p_.special.sep);  // as llama.cpp spells it
        role(file, "padding", p_.special.pad);
        role(file, "cls", p_.special.cls);
        role(file, "mask", p_.special.mask);
    }

    // "word" -> "▁word", "##piece" -> "piece"; "[CLS]" and its kind stay.
    static std::string without_continuation_marks(const std::string& token) {
        if (token.starts_with("##")) return token.substr(2);
        if (token.size() > 1 && token.front() == '[' && token.back() == ']') return token;
        return std::string(meta_space) + token;
    }

    const Tokenizer& tokenizer_;
    const TokenizerParts& p_;
    TokenId size_ = 0;
    std::vector<std::string> tokens_;
    std::vector<std::int32_t> types_;
};

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
