// tokenizer.json, the format of the Hugging Face tokenizers library (version "1.0"): one object whose entries are the stages of
// a tokenizer, each named by its "type".
//
//   {"added_tokens": […], "normalizer": …, "pre_tokenizer": …, "model": …, "post_processor": …, "decoder": …}
//
// A stage that this version has no equivalent for is refused by name: a wrong id would be worse.
#pragma once

#include "tercet/io/base64.hpp"
#include "tercet/text/patterns.hpp"
#include "tercet/text/token_lists.hpp"
#include "tercet/text/tokenizer_parts.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

class TokenizerJsonReader {
public:
    TokenizerJsonReader(const Json& root, std::string source) : root_(root) { p_.source = std::move(source); }

    TokenizerParts read() {
        require(root_.is_object(), ErrorCode::bad_tokenizer, p_.source, ": the top level is not an object");
        const Json* model = find(root_, "model");
        require(model && model->is_object(), ErrorCode::bad_tokenizer, p_.source, ": no \"model\"");
        read_vocabulary(*model);
        if (const Json* normalizer = find(root_, "normalizer")) read_normalizer(*normalizer);
        p_.normalizer = Normalizer(std::move(normalizer_));
        if (const Json* pre = find(root_, "pre_tokenizer")) read_pre_tokenizer(*pre);
        p_.pre_tokenizer = PreTokenizer(std::move(pre_));
        if (const Json* decoder = find(root_, "decoder")) read_decoder(*decoder);
        p_.decoder = Decoder(std::move(decoder_));
        read_added();
        read_model(*model);
        if (const Json* post = find(root_, "post_processor")) read_post_processor(*post);
        if (const Json* truncation = find(root_, "truncation"))
            p_.max_length = static_cast<index_t>(truncation->get_or("max_length", std::int64_t{0}));
        return std::move(p_);
    }

private:
    // A member that is there and not null.
    static const Json* find(const Json& object, std::string_view key) {
        const Json* value = object.is_object() ? object.find(key) : nullptr;
        return value && !value->is_null() ? value : nullptr;
    }

    std::string type_of(const Json& stage, std::string_view what) const {
        const Json* type = find(stage, "type");
        require(type && type->is_string(), ErrorCode::bad_tokenizer, p_.source, ": the ", what, " has no \"type\"");
        return type->as_string();
    }

    template <class F>
    void for_each_of(const Json& sequence, std::string_view key, F f) {
        const Json* list = find(sequence, key);
        require(list && list->is_array(), ErrorCode::bad_tokenizer, p_.source, ": a Sequence without \"", key, "\"");
        for (const auto& stage : list->elements()) f(stage);
    }

    [[noreturn]] void unsupported(std::string_view what, std::string_view type) const {
        fail(ErrorCode::unsupported, p_.source, ": ", what, " of type '", type, "' is not supported");
    }

    void read_vocabulary(const Json& model) {
        // Older files leave the type out; what the model has tells it.
        const Json* vocab = find(model, "vocab");
        require(vocab && (vocab->is_object() || vocab->is_array()) && vocab->size() > 0, ErrorCode::bad_tokenizer, p_.source,
                ": the model has no \"vocab\"");
        const std::string type = find(model, "type")     ? type_of(model, "model")
                                 : vocab->is_array()     ? "Unigram"
                                 : find(model, "merges") ? "BPE"
                                                         : "WordPiece";
        if (type == "BPE") p_.model = TokenModel::bpe;
        else if (type == "WordPiece") p_.model = TokenModel::wordpiece;
        else if (type == "Unigram") p_.model = TokenModel::unigram;
        else if (type == "WordLevel") p_.model = TokenModel::word_level;
        else unsupported("a model", type);
        require(vocab->is_array() == (p_.model == TokenModel::unigram), ErrorCode::bad_tokenizer, p_.source, ": the \"vocab\" of a ", type,
                " model is ", vocab->is_array() ? "a list" : "an object");
        std::vector<std::pair<std::string, TokenId>> tokens;
        if (vocab->is_array()) {
            tokens.reserve(vocab->size());
            for (const auto& piece : vocab->elements()) {
                tokens.emplace_back(piece.at(0).as_string(), static_cast<TokenId>(tokens.size()));
                scores_.push_back(piece.at(1).as_number());
            }
        } else {
            tokens = tokens_and_ids(*vocab, p_.source);
        }
        p_.vocabulary = Vocabulary(tokens, p_.source);
    }

    TokenId unknown_of(const Json& model, std::string_view otherwise) const {
        const auto unknown = model.get_or("unk_token", std::string(otherwise));
        const TokenId id = p_.vocabulary.find(unknown);
        require(id != no_token, ErrorCode::bad_tokenizer, p_.source, ": the unknown token '", unknown, "' is not in the vocabulary");
        return id;
    }

    void read_unigram(const Json& model) {
        UnigramOptions options;
        options.byte_fallback = model.get_or("byte_fallback", false);
        const auto unknown = model.get_or("unk_id", std::int64_t{no_token});
        require(unknown == no_token || (unknown >= 0 && unknown < p_.vocabulary.size()), ErrorCode::bad_tokenizer, p_.source, ": unk_id is ", unknown,
                " in a vocabulary of ", p_.vocabulary.size());
        p_.special.unk = options.unknown = static_cast<TokenId>(unknown);
        p_.unigram = Unigram(p_.vocabulary, std::move(scores_), std::move(options), p_.source);
    }

    void read_model(const Json& model) {
        if (p_.model == TokenModel::wordpiece) {
            WordPieceOptions options;
            options.next_prefix = model.get_or("continuing_subword_prefix", std::string("##"));
            const auto chars = model.get_or("max_input_chars_per_word", std::int64_t{100});
            require(chars >= 0 && chars <= 10000, ErrorCode::bad_tokenizer, p_.source, ": max_input_chars_per_word is ", chars);
            options.max_word_chars = static_cast<std::size_t>(chars);
            p_.special.unk = options.unknown = unknown_of(model, "[UNK]");
            p_.wordpiece = WordPiece(options);
            return;
        }
        if (p_.model == TokenModel::unigram) return read_unigram(model);
        if (p_.model == TokenModel::word_level) {
            p_.special.unk = p_.word_level.unknown = unknown_of(model, "<unk>");
            return;
        }
        BpeOptions options;
        options.dropout = model.get_or("dropout", 0.0);
        options.unknown = model.get_or("unk_token", std::string{});
        options.continuing_prefix = model.get_or("continuing_subword_prefix", std::string{});
        options.end_of_word_suffix = model.get_or("end_of_word_suffix", std::string{});
        options.fuse_unknown = model.get_or("fuse_unk", false);
        options.byte_fallback = model.get_or("byte_fallback", false);
        options.ignore_merges = model.get_or("ignore_merges", false);
        const Json* list = find(model, "merges");
        require(list && list->is_array(), ErrorCode::bad_tokenizer, p_.source, ": the BPE model has no \"merges\"");
        std::vector<std::pair<std::string_view, std::string_view>> merges;
        merges.reserve(list->elements().size());
        for (const auto& merge : list->elements()) {
            if (merge.is_array()) {
                require(merge.size() == 2, ErrorCode::bad_tokenizer, p_.source, ": merge ", merges.size(), " has ", merge.size(), " parts");
                merges.emplace_back(merge.elements()[0].as_string(), merge.elements()[1].as_string());
            } else {
                merges.push_back(split_merge(merge.as_string(), "merge", merges.size(), p_.source));
            }
        }
        p_.special.unk = options.unknown.empty() ? no_token : p_.vocabulary.find(options.unknown);
        p_.bpe = Bpe(p_.vocabulary, merges, std::move(options), p_.source);
    }

    void read_added() {
        const Json* list = find(root_, "added_tokens");
        if (!list) return;
        for (const auto& entry : list->elements()) {
            AddedToken token;
            token.content = entry.at("content").as_string();
            token.special = entry.get_or("special", false);
            token.single_word = entry.get_or("single_word", false);
            token.lstrip = entry.get_or("lstrip", false);
            token.rstrip = entry.get_or("rstrip", false);
            token.normalized = entry.get_or("normalized", !token.special);
            if (token.content.empty()) continue;
            token.id = p_.vocabulary.find(token.content);
            if (token.id == no_token) {
                const auto id = entry.at("id").as_int();
                require(id >= 0 && id < 0x7fffffff, ErrorCode::bad_tokenizer, p_.source, ": added token '", token.content, "' has the id ", id);
                token.id = static_cast<TokenId>(id);
            }
            p_.added.push_back(std::move(token));
        }
        // Special tokens are looked for first: of two with one spelling, theirs counts.
        std::stable_partition(p_.added.begin(), p_.added.end(), [](const AddedToken& t) { return t.special; });
    }

    void read_normalizer(const Json& stage) {
        const auto type = type_of(stage, "normalizer");
        NormalizerStep step;
        using enum NormalizerKind;
        if (type == "Sequence") return for_each_of(stage, "normalizers", [&](const Json& inner) { read_normalizer(inner); });
        if (type == "BertNormalizer") {
            step.kind = bert;
            step.bert.clean_text = stage.get_or("clean_text", true);
            step.bert.handle_chinese_chars = stage.get_or("handle_chinese_chars", true);
            step.bert.lowercase = stage.get_or("lowercase", true);
            step.bert.strip_accents = stage.get_or("strip_accents", step.bert.lowercase);
        } else if (type == "NFC") {
            step.kind = nfc;
        } else if (type == "NFD") {
            step.kind = nfd;
        } else if (type == "NFKC") {
            step.kind = nfkc;
        } else if (type == "NFKD") {
            step.kind = nfkd;
        } else if (type == "Lowercase") {
            step.kind = lowercase;
        } else if (type == "StripAccents") {
            step.kind = strip_accents;
        } else if (type == "Strip" || type == "StripNormalizer") {
            step.kind = strip;
            step.left = stage.get_or("strip_left", true);
            step.right = stage.get_or("strip_right", true);
        } else if (type == "Nmt") {
            step.kind = nmt;
        } else if (type == "ByteLevel") {
            step.kind = byte_level;
        } else if (type == "Precompiled") {
            step.kind = precompiled;
            step.map = std::make_shared<Charsmap>(decode_base64(stage.at("precompiled_charsmap").as_string(), p_.source), p_.source);
        } else if (type == "Prepend") {
            step.kind = prepend;
            step.content = stage.at("prepend").as_string();
        } else if (type == "Replace") {
            step.kind = replace;
            read_replace(stage, step);
        } else {
            unsupported("a normalizer", type);
        }
        normalizer_.push_back(std::move(step));
    }

    // {"pattern": {"String": …}}, or null when it is a regular expression.
    const Json* pattern_string(const Json& stage) const {
        const Json* pattern = find(stage, "pattern");
        require(pattern, ErrorCode::bad_tokenizer, p_.source, ": a stage lacks its \"pattern\"");
        return pattern->is_string() ? pattern : find(*pattern, "String");
    }

    // What a Replace looks for.
    template <class Step>
    void read_replace(const Json& stage, Step& step) const {
        step.content = stage.at("content").as_string();
        if (const Json* text = pattern_string(stage)) step.pattern = text->as_string();
        else step.regex = Pattern(stage.at("pattern").at("Regex").as_string(), p_.source);
        require(step.pattern.size() <= 256, ErrorCode::unsupported, p_.source, ": a pattern of ", step.pattern.size(),
                " bytes, at most 256 are supported");
    }

    SplitBehavior behavior_of(const Json& stage, SplitBehavior otherwise) const {
        const auto name = stage.get_or("behavior", std::string{});
        if (name.empty()) return otherwise;
        if (name == "Removed") return SplitBehavior::removed;
        if (name == "Isolated") return SplitBehavior::isolated;
        if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
        if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
        if (name == "Contiguous") return SplitBehavior::contiguous;
        fail(ErrorCode::bad_tokenizer, p_.source, ": no split behavior is called '", name, "'");
    }

    void read_pre_tokenizer(const Json& stage) {
        const auto type = type_of(stage, "pre_tokenizer");
        PreTokenizerStep step;
        using enum PreTokenizerKind;
        if (type == "Sequence") return for_each_of(stage, "pretokenizers", [&](const Json& inner) { read_pre_tokenizer(inner); });
        if (type == "BertPreTokenizer") {
            step.kind = bert;
        } else if (type == "ByteLevel") {
            if (stage.get_or("add_prefix_space", true)) pre_.push_back({.kind = prefix_space});
            if (stage.get_or("use_regex", true)) pre_.push_back({.kind = gpt2});
            step.kind = byte_level;
        } else if (type == "Digits") {
            step.kind = digits;
            step.behavior = stage.get_or("individual_digits", false) ? SplitBehavior::isolated : SplitBehavior::contiguous;
        } else if (type == "Punctuation") {
            step.kind = punctuation;
            step.behavior = behavior_of(stage, SplitBehavior::isolated);
        } else if (type == "Whitespace") {
            step.kind = whitespace;
        } else if (type == "WhitespaceSplit") {
            step.kind = whitespace_split;
            step.behavior = SplitBehavior::removed;
        } else if (type == "UnicodeScripts") {
            step.kind = scripts;
        } else if (type == "FixedLength") {
            step.kind = fixed_length;
            const auto length = stage.get_or("length", std::int64_t{5});
            require(length > 0, ErrorCode::bad_tokenizer, p_.source, ": words of a FixedLength of ", length);
            step.limit = static_cast<std::size_t>(length);
        } else if (type == "CharDelimiterSplit") {
            step.kind = literal;
            step.behavior = SplitBehavior::removed;
            step.pattern = stage.at("delimiter").as_string();
        } else if (type == "Metaspace") {
            step.kind = metaspace;
            step.pattern = stage.get_or("replacement", std::string("\xe2\x96\x81"));
            step.split = stage.get_or("split", true);
            step.prepend = prepend_scheme(stage);
        } else if (type == "Split") {
            read_split(stage, step);
        } else {
            unsupported("a pre_tokenizer", type);
        }
        require((step.kind != literal && step.kind != metaspace) || !step.pattern.empty(), ErrorCode::bad_tokenizer, p_.source, ": ", type,
                " with an empty pattern");
        pre_.push_back(std::move(step));
    }

    PrependScheme prepend_scheme(const Json& stage) const {
        const auto name = stage.get_or("prepend_scheme", std::string(stage.get_or("add_prefix_space", true) ? "always" : "never"));
        if (name == "always") return PrependScheme::always;
        if (name == "first") return PrependScheme::first;
        if (name == "never") return PrependScheme::never;
        fail(ErrorCode::bad_tokenizer, p_.source, ": no prepend_scheme is called '", name, "'");
    }

    void read_split(const Json& stage, PreTokenizerStep& step) const {
        step.behavior = behavior_of(stage, SplitBehavior::isolated);
        step.invert = stage.get_or("invert", false);
        if (const Json* text = pattern_string(stage)) {
            step.kind = PreTokenizerKind::literal;
            step.pattern = text->as_string();
            return;
        }
        const auto regex = stage.at("pattern").at("Regex").as_string();
        step = pattern_step(regex, step.behavior, step.invert, p_.source);
    }

    void read_decoder(const Json& stage) {
        const auto type = type_of(stage, "decoder");
        DecoderStep step;
        using enum DecoderKind;
        if (type == "Sequence") return for_each_of(stage, "decoders", [&](const Json& inner) { read_decoder(inner); });
        if (type == "WordPiece") {
            step.kind = wordpiece;
            step.pattern = stage.get_or("prefix", std::string("##"));
            step.cleanup = stage.get_or("cleanup", true);
        } else if (type == "ByteLevel") {
            step.kind = byte_level;
        } else if (type == "ByteFallback") {
            step.kind = byte_fallback;
        } else if (type == "Fuse") {
            step.kind = fuse;
        } else if (type == "Strip") {
            step.kind = strip;
            step.pattern = stage.at("content").as_string();
            step.start = static_cast<std::size_t>(std::max<std::int64_t>(stage.get_or("start", std::int64_t{0}), 0));
            step.stop = static_cast<std::size_t>(std::max<std::int64_t>(stage.get_or("stop", std::int64_t{0}), 0));
        } else if (type == "Replace") {
            step.kind = replace;
            read_replace(stage, step);
        } else if (type == "Metaspace") {
            step.kind = metaspace;
            step.pattern = stage.get_or("replacement", std::string("\xe2\x96\x81"));
            step.drop_first = prepend_scheme(stage) != PrependScheme::never;
        } else if (type == "CTC") {
            step.kind = ctc;
            step.pattern = stage.get_or("pad_token", std::string("<pad>"));
            step.content = stage.get_or("word_delimiter_token", std::string("|"));
            step.cleanup = stage.get_or("cleanup", true);
        } else if (type == "BPEDecoder") {
            step.kind = bpe;
            step.pattern = stage.get_or("suffix", std::string("</w>"));
        } else {
            unsupported("a decoder", type);
        }
        decoder_.push_back(std::move(step));
    }

    void read_post_processor(const Json& stage) {
        const auto type = type_of(stage, "post_processor");
        if (type == "Sequence") return for_each_of(stage, "processors", [&](const Json& inner) { read_post_processor(inner); });
        if (type == "ByteLevel") return read_trim(stage);
        if (type == "TemplateProcessing") {
            p_.single = read_template(stage, "single");
            p_.pair = read_template(stage, "pair");
        } else if (type == "BertProcessing" || type == "RobertaProcessing") {
            const bool roberta = type == "RobertaProcessing";
            if (roberta) read_trim(stage);
            const TemplatePiece cls{-1, {pair_id(stage, "cls")}, 0}, sep{-1, {pair_id(stage, "sep")}, 0}, first{0, {}, 0};
            p_.single = {cls, first, sep};
            if (roberta) p_.pair = {cls, first, sep, sep, {1, {}, 0}, sep};
            else p_.pair = {cls, first, sep, {1, {}, 1}, {-1, sep.ids, 1}};
        } else {
            unsupported("a post_processor", type);
        }
    }

    void read_trim(const Json& stage) {
        p_.trim_offsets = p_.trim_offsets || stage.get_or("trim_offsets", true);
        p_.trim_keeps_prefix_space = stage.get_or("add_prefix_space", true);
    }

    TokenId checked_id(const Json& value) const {
        const auto id = value.as_int();
        require(id >= 0 && id < 0x7fffffff, ErrorCode::bad_tokenizer, p_.source, ": the post_processor adds a token with the id ", id);
        return static_cast<TokenId>(id);
    }

    TokenId pair_id(const Json& stage, std::string_view key) const { return checked_id(stage.at(key).at(1)); }

    Template read_template(const Json& stage, std::string_view key) const {
        Template out;
        const Json* pieces = find(stage, key);
        if (!pieces) return out;
        for (const auto& piece : pieces->elements()) {
            TemplatePiece next;
            const Json* sequence = find(piece, "Sequence");
            const Json& body = sequence ? *sequence : piece.at("SpecialToken");
            const auto type_id = body.get_or("type_id", std::int64_t{0});
            require(type_id >= 0 && type_id < 1024, ErrorCode::bad_tokenizer, p_.source, ": the post_processor gives the type id ", type_id);
            next.type_id = static_cast<TokenId>(type_id);
            const auto id = body.at("id").as_string();
            if (sequence) next.sequence = id == "B" ? 1 : 0;
            else
                for (const auto& token : stage.at("special_tokens").at(id).at("ids").elements()) next.ids.push_back(checked_id(token));
            out.push_back(std::move(next));
        }
        return out;
    }

private:
    const Json& root_;
    TokenizerParts p_;
    std::vector<double> scores_;
    std::vector<NormalizerStep> normalizer_;
    std::vector<PreTokenizerStep> pre_;
    std::vector<DecoderStep> decoder_;
};

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
