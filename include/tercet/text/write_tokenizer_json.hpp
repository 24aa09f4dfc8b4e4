// Writing a tokenizer.json: the twin of text/tokenizer_json.hpp, stage by stage in its order.
//
// What is written gives the same ids, offsets and texts, here and in Hugging Face's tokenizers. Stages that are steps here (a ByteLevel that also
// cuts words and puts a space in front) are put together again, and a scanner (text/patterns.hpp) is written as the expression that it stands for.
// What the format has no words for is refused by name: all that makes a SentencePiece model SentencePiece's own, in the first place.
#pragma once

#include "tercet/io/base64.hpp"
#include "tercet/io/json.hpp"
#include "tercet/text/bpe_merges.hpp"
#include "tercet/text/patterns.hpp"
#include "tercet/text/tokenizer_parts.hpp"

#include <map>
#include <set>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

// The token of an id as the files spell it; the normalizer may have changed what Tokenizer::token() shows. Empty where there is none.
inline std::string_view spelling(const TokenizerParts& parts, TokenId id) {
    for (const auto& token : parts.added)
        if (token.id == id) return token.content;
    return parts.vocabulary.has(id) ? parts.vocabulary.token(id) : std::string_view();
}

class TokenizerJsonWriter {
public:
    explicit TokenizerJsonWriter(const TokenizerParts& parts) : p_(parts) {}

    std::string write(bool truncate) {
        check(!p_.sentencepiece_decoder, "the decoder of SentencePiece's models");
        std::string out = "{\n  \"version\": \"1.0\",\n  \"truncation\": " + truncation(truncate) + ",\n  \"padding\": null,\n  \"added_tokens\": [";
        out += lines(added_tokens()) + "\n  ],\n  \"normalizer\": " + normalizer() + ",\n  \"pre_tokenizer\": " + pre_tokenizer();
        out += ",\n  \"post_processor\": " + post_processor() + ",\n  \"decoder\": " + decoder() + ",\n  \"model\": " + model();
        return out += "\n}\n";
    }

private:
    using Member = std::pair<std::string_view, std::string>;
    using Members = std::vector<Member>;

    template <class... Parts>
    void check(bool fits, const Parts&... what) const {
        require(fits, ErrorCode::unsupported, p_.source, ": a tokenizer.json cannot say ", what...);
    }

    static std::string boolean(bool value) { return value ? "true" : "false"; }
    static std::string count(std::size_t value) { return std::to_string(value); }

    std::string quoted(std::string_view text) const {
        check(utf8_first_error(text) == std::string_view::npos, "a text of ", text.size(), " bytes that is not UTF-8");
        return quote_json(text);
    }

    std::string one_character(std::string_view text, std::string_view what) const {
        check(utf8_first_error(text) == std::string_view::npos && utf8_count(text) == 1, what, " of another length than one character");
        return quote_json(text);
    }

    static std::string object(const Members& members) {
        std::string out;
        for (const auto& [key, value] : members) (((out += out.empty() ? "{\"" : ", \"") += key) += "\": ") += value;
        return out += '}';
    }

    static std::string stage(std::string_view type, const Members& members = {}) {
        Members all = {{"type", '"' + std::string(type) + '"'}};
        all.insert(all.end(), members.begin(), members.end());
        return object(all);
    }

    static std::string list(const std::vector<std::string>& items) {
        std::string out = "[";
        for (const auto& item : items) (out += out.size() > 1 ? ", " : "") += item;
        return out += ']';
    }

    static std::string lines(const std::vector<std::string>& items) {
        std::string out;
        for (const auto& item : items) (out += out.empty() ? "\n    " : ",\n    ") += item;
        return out;
    }

    // No stage, one, or several by the name that a Sequence has for them.
    static std::string sequence(std::string_view key, const std::vector<std::string>& stages) {
        if (stages.size() < 2) return stages.empty() ? "null" : stages[0];
        return stage("Sequence", {{key, list(stages)}});
    }

    // ---- the model

    std::string model() const {
        switch (p_.model) {
        case TokenModel::bpe: return bpe();
        case TokenModel::wordpiece: return wordpiece();
        case TokenModel::unigram: return unigram();
        case TokenModel::word_level: return word_level();
        }
        return {};
    }

    // {token: id}, in the order of ids.
    std::string vocabulary() const {
        std::map<TokenId, std::string_view> tokens(in_vocabulary_.begin(), in_vocabulary_.end());
        for (TokenId id = 0; id < p_.vocabulary.size(); ++id) {
            if (!p_.vocabulary.has(id)) continue;
            const auto token = p_.vocabulary.token(id);
            check(p_.vocabulary.find(token) == id, "that two tokens, ", id, " and ", p_.vocabulary.find(token), ", are both '", token, "'");
            tokens.emplace_hint(tokens.end(), id, token);
        }
        std::vector<std::string> out;
        for (const auto& [id, token] : tokens) out.push_back(quoted(token) + ": " + std::to_string(id));
        return '{' + lines(out) + "\n    }";
    }

    std::string unknown_token(TokenId id) const {
        check(p_.vocabulary.has(id), "that there is no unknown token in the vocabulary");
        return quoted(p_.vocabulary.token(id));
    }

    std::string bpe() const {
        const auto& o = p_.bpe.options();
        check(!o.unknown_last && o.user_defined.empty() && o.unused.empty(), "a BPE that merges in SentencePiece's way");
        const auto text = [&](const std::string& value) { return value.empty() ? "null" : quoted(value); };
        std::vector<std::string> merges;
        for (const auto& [left, right] : merge_list(p_.bpe, p_.vocabulary, p_.source))
            merges.push_back('[' + quoted(p_.vocabulary.token(left)) + ", " + quoted(p_.vocabulary.token(right)) + ']');
        return stage("BPE", {{"dropout", o.dropout == 0 ? "null" : detail::number_to_json(o.dropout)},
                             {"unk_token", text(o.unknown)},
                             {"continuing_subword_prefix", text(o.continuing_prefix)},
                             {"end_of_word_suffix", text(o.end_of_word_suffix)},
                             {"fuse_unk", boolean(o.fuse_unknown)},
                             {"byte_fallback", boolean(o.byte_fallback)},
                             {"ignore_merges", boolean(o.ignore_merges)},
                             {"vocab", vocabulary()},
                             {"merges", '[' + lines(merges) + "\n    ]"}});
    }

    std::string wordpiece() const {
        const auto& o = p_.wordpiece.options();
        check(o.first_prefix.empty(), "a prefix of the tokens that begin a word");
        check(o.max_word_chars <= 10000, "words of ", o.max_word_chars, " characters");
        return stage("WordPiece", {{"unk_token", unknown_token(o.unknown)},
                                   {"continuing_subword_prefix", quoted(o.next_prefix)},
                                   {"max_input_chars_per_word", count(o.max_word_chars)},
                                   {"vocab", vocabulary()}});
    }

    std::string unigram() const {
        const auto& o = p_.unigram.options();
        check(!o.single_precision && o.user_defined.empty() && o.left_out.empty(), "a unigram model that cuts in SentencePiece's way");
        std::vector<std::string> pieces;
        for (TokenId id = 0; id < p_.vocabulary.size(); ++id) {
            check(p_.vocabulary.has(id), "that the id ", id, " of a unigram model has no token");
            const double score = p_.unigram.score(id);
            check(std::isfinite(score), "a score of ", score);
            pieces.push_back('[' + quoted(p_.vocabulary.token(id)) + ", " + detail::number_to_json(score) + ']');
        }
        return stage("Unigram", {{"unk_id", o.unknown == no_token ? "null" : std::to_string(o.unknown)},
                                 {"byte_fallback", boolean(o.byte_fallback)},
                                 {"vocab", '[' + lines(pieces) + "\n    ]"}});
    }

    std::string word_level() const {
        check(!p_.word_level.fuse_unknown, "that neighbouring unknown words are one");
        return stage("WordLevel", {{"unk_token", unknown_token(p_.word_level.unknown)}, {"vocab", vocabulary()}});
    }

    // ---- added tokens

    std::vector<std::string> added_tokens() {
        std::vector<const AddedToken*> tokens;
        for (const auto& token : p_.added) tokens.push_back(&token);
        std::stable_sort(tokens.begin(), tokens.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
        check_order();
        number(tokens);
        std::vector<std::string> out;
        for (const auto* token : tokens)
            out.push_back(object({{"id", std::to_string(token->id)},
                                  {"content", quoted(token->content)},
                                  {"single_word", boolean(token->single_word)},
                                  {"lstrip", boolean(token->lstrip)},
                                  {"rstrip", boolean(token->rstrip)},
                                  {"normalized", boolean(token->normalized)},
                                  {"special", boolean(token->special)}}));
        return out;
    }

    // The file has them by id, and in reading it special ones come first: of tokens that look the same in a text the first one has to stay that.
    void check_order() const {
        std::map<std::pair<bool, std::string>, std::pair<bool, TokenId>> first;
        for (const auto& token : p_.added) {
            check(token.in_text, "that the token '", token.content, "' is not looked for in texts");
            check(!token.content.empty(), "that the token ", token.id, " is empty");
            const bool normalize = token.normalized && !p_.normalizer.empty();
            const std::pair key(token.normalized, normalize ? p_.normalizer.apply(token.content).text : token.content);
            const std::pair place(!token.special, token.id);
            const auto [at, is_new] = first.emplace(key, place);
            check(is_new || at->second <= place, "that the token '", token.content, "' comes after ", at->second.second);
        }
    }

    // Hugging Face's library numbers the tokens that the model's vocabulary has not from its size on, whatever the file says. Where that gives other
    // ids, the tokens are written into the vocabulary, if the model cannot come to them by itself.
    void number(const std::vector<const AddedToken*>& tokens) {
        const auto size = static_cast<TokenId>(p_.vocabulary.count());
        TokenId next = size;
        bool in_order = true;
        std::vector<const AddedToken*> outside;
        std::set<TokenId> ids;
        for (const auto* token : tokens) {
            const TokenId id = p_.vocabulary.find(token->content);
            check(id == no_token || id == token->id, "that the added token '", token->content, "' is ", token->id, " and not ", id,
                  ", as in the vocabulary");
            if (id != no_token) {
                in_order = in_order && id < size;
                continue;
            }
            check(!p_.vocabulary.has(token->id) && ids.insert(token->id).second, "that '", token->content, "' and another token have the id ",
                  token->id);
            in_order = in_order && token->id == next++;
            outside.push_back(token);
        }
        if (in_order) return;
        for (const auto* token : outside) {
            check(never_comes_up(*token), "that the added token '", token->content, "' has the id ", token->id);
            in_vocabulary_.emplace(token->id, token->content);
        }
    }

    bool never_comes_up(const AddedToken& token) const {
        if (p_.model == TokenModel::unigram) return false;  // its ids have no gaps
        if (p_.model == TokenModel::bpe && !p_.bpe.options().ignore_merges) {
            const auto& o = p_.bpe.options();
            std::string_view rest = token.content;
            if (rest.starts_with(o.continuing_prefix)) rest.remove_prefix(o.continuing_prefix.size());
            if (rest.ends_with(o.end_of_word_suffix)) rest.remove_suffix(o.end_of_word_suffix.size());
            return utf8_first_error(rest) == std::string_view::npos && utf8_count(rest) > 1 && !(o.byte_fallback && fallback_byte(rest) >= 0);
        }
        if (token.single_word || utf8_first_error(token.content) != std::string_view::npos) return false;
        const auto normal = p_.normalizer.apply(token.content).text;
        PreTokenized p;
        p.text = normal;
        p.words.push_back({0, static_cast<std::uint32_t>(normal.size())});
        p_.pre_tokenizer.apply(p, true);
        return p.words.size() > 1;
    }

    // ---- the normalizer

    std::string normalizer() const {
        std::vector<std::string> stages;
        for (const auto& step : p_.normalizer.steps())
            if (step.kind != NormalizerKind::precompiled || !step.map->empty()) stages.push_back(normalizer_stage(step));
        return sequence("normalizers", stages);
    }

    std::string normalizer_stage(const NormalizerStep& step) const {
        using enum NormalizerKind;
        switch (step.kind) {
        case bert:
            return stage("BertNormalizer", {{"clean_text", boolean(step.bert.clean_text)},
                                            {"handle_chinese_chars", boolean(step.bert.handle_chinese_chars)},
                                            {"strip_accents", boolean(step.bert.strip_accents)},
                                            {"lowercase", boolean(step.bert.lowercase)}});
        case nfc: return stage("NFC");
        case nfd: return stage("NFD");
        case nfkc: return stage("NFKC");
        case nfkd: return stage("NFKD");
        case lowercase: return stage("Lowercase");
        case strip_accents: return stage("StripAccents");
        case nmt: return stage("Nmt");
        case precompiled: return stage("Precompiled", {{"precompiled_charsmap", '"' + encode_base64(step.map->blob()) + '"'}});
        case byte_level: return stage("ByteLevel");
        case replace: return stage("Replace", {{"pattern", pattern(step.pattern, step.regex)}, {"content", quoted(step.content)}});
        case prepend: return stage("Prepend", {{"prepend", quoted(step.content)}});
        case strip: return stage("Strip", {{"strip_left", boolean(step.left)}, {"strip_right", boolean(step.right)}});
        case sentencepiece: break;
        }
        check(false, "the normalizer of SentencePiece's models");
        return {};
    }

    std::string pattern(std::string_view text, const Pattern& regex) const {
        return regex.empty() ? object({{"String", quoted(text)}}) : object({{"Regex", quoted(regex.expression())}});
    }

    // ---- the pre-tokenizer

    std::string pre_tokenizer() const {
        const auto& steps = p_.pre_tokenizer.steps();
        std::vector<std::string> stages;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const std::size_t used = byte_level_at(i);
            if (used == 0) {
                stages.push_back(pre_tokenizer_stage(steps[i]));
                continue;
            }
            const bool regex = used > 1 && steps[i + used - 2].kind == PreTokenizerKind::gpt2;
            stages.push_back(byte_level_stage(steps[i].kind == PreTokenizerKind::prefix_space, regex));
            i += used - 1;
        }
        return sequence("pretokenizers", stages);
    }

    static std::string byte_level_stage(bool prefix_space, bool regex, bool trim = true) {
        return stage("ByteLevel", {{"add_prefix_space", boolean(prefix_space)}, {"trim_offsets", boolean(trim)}, {"use_regex", boolean(regex)}});
    }

    // How many steps from here are one ByteLevel: a space in front, GPT-2's expression, the byte alphabet, of which the first two may lack.
    std::size_t byte_level_at(std::size_t i) const {
        using enum PreTokenizerKind;
        const auto& steps = p_.pre_tokenizer.steps();
        std::size_t at = i;
        if (steps[at].kind == prefix_space) ++at;
        if (at < steps.size() && steps[at].kind == gpt2 && steps[at].behavior == SplitBehavior::isolated && !steps[at].invert) ++at;
        return at < steps.size() && steps[at].kind == byte_level ? at + 1 - i : 0;
    }

    std::string pre_tokenizer_stage(const PreTokenizerStep& step) const {
        using enum PreTokenizerKind;
        const auto plain = [&](std::string_view name, bool fits) {
            check(fits && !step.invert, "a ", name, " that cuts in another way than its own");
            return name;
        };
        switch (step.kind) {
        case bert: return stage("BertPreTokenizer");
        case gpt2: return split(step, regex(patterns::gpt2));
        case cl100k: return split(step, regex(with_limit(patterns::cl100k, step.limit)));
        case number_run: return split(step, regex(with_limit(R"(\p{N}{1,3})", step.limit)));
        case pattern: return split(step, regex(step.compiled.expression()));
        case literal: return split(step, object({{"String", quoted(step.pattern)}}));
        case digits: {
            const bool each = step.behavior == SplitBehavior::isolated;
            return stage(plain("Digits", each || step.behavior == SplitBehavior::contiguous), {{"individual_digits", boolean(each)}});
        }
        case punctuation: return stage(plain("Punctuation", true), {{"behavior", behavior(step.behavior)}});
        case whitespace: return stage("Whitespace");
        case whitespace_split: return stage(plain("WhitespaceSplit", step.behavior == SplitBehavior::removed));
        case metaspace: return metaspace_stage(step.pattern, scheme(step.prepend), step.split);
        case scripts: return stage("UnicodeScripts");
        case fixed_length: return stage("FixedLength", {{"length", count(step.limit)}});
        case byte_level: break;  // see byte_level_at
        case prefix_space: check(false, "a space in front of words without the byte alphabet"); break;
        case borders: check(false, "words that end where no token reaches across"); break;
        }
        return {};
    }

    std::string regex(std::string_view expression) const { return object({{"Regex", quoted(expression)}}); }

    // An expression of ours for runs of other lengths than three.
    static std::string with_limit(std::string_view expression, std::size_t limit) {
        constexpr std::string_view three = "{1,3}";
        const auto at = expression.find(three);
        const auto times = limit == 1 ? std::string() : "{1," + std::to_string(limit) + '}';
        return std::string(expression.substr(0, at)).append(times).append(expression.substr(at + three.size()));
    }

    std::string split(const PreTokenizerStep& step, const std::string& pattern) const {
        return stage("Split", {{"pattern", pattern}, {"behavior", behavior(step.behavior)}, {"invert", boolean(step.invert)}});
    }

    static std::string behavior(SplitBehavior value) {
        switch (value) {
        case SplitBehavior::removed: return "\"Removed\"";
        case SplitBehavior::isolated: return "\"Isolated\"";
        case SplitBehavior::merged_with_previous: return "\"MergedWithPrevious\"";
        case SplitBehavior::merged_with_next: return "\"MergedWithNext\"";
        case SplitBehavior::contiguous: return "\"Contiguous\"";
        }
        return {};
    }

    static std::string_view scheme(PrependScheme value) {
        return value == PrependScheme::always ? "\"always\"" : value == PrependScheme::first ? "\"first\"" : "\"never\"";
    }

    std::string metaspace_stage(std::string_view symbol, std::string_view scheme, bool split) const {
        return stage(
            "Metaspace",
            {{"replacement", one_character(symbol, "a symbol for spaces")}, {"prepend_scheme", std::string(scheme)}, {"split", boolean(split)}});
    }

    // ---- the decoder

    std::string decoder() const {
        std::vector<std::string> stages;
        for (const auto& step : p_.decoder.steps()) stages.push_back(decoder_stage(step));
        return sequence("decoders", stages);
    }

    std::string decoder_stage(const DecoderStep& step) const {
        using enum DecoderKind;
        switch (step.kind) {
        case wordpiece: return stage("WordPiece", {{"prefix", quoted(step.pattern)}, {"cleanup", boolean(step.cleanup)}});
        case byte_level: return byte_level_stage(true, true);
        case byte_fallback: return stage("ByteFallback");
        case fuse: return stage("Fuse");
        case strip:
            return stage("Strip",
                         {{"content", one_character(step.pattern, "to strip a text")}, {"start", count(step.start)}, {"stop", count(step.stop)}});
        case replace: return stage("Replace", {{"pattern", pattern(step.pattern, step.regex)}, {"content", quoted(step.content)}});
        case metaspace: return metaspace_stage(step.pattern, scheme(step.drop_first ? PrependScheme::always : PrependScheme::never), true);
        case bpe: return stage("BPEDecoder", {{"suffix", quoted(step.pattern)}});
        case ctc:
            return stage("CTC",
                         {{"pad_token", quoted(step.pattern)}, {"word_delimiter_token", quoted(step.content)}, {"cleanup", boolean(step.cleanup)}});
        }
        return {};
    }

    // ---- the post-processor and truncation

    std::string post_processor() const {
        std::vector<std::string> stages;
        if (p_.trim_offsets) stages.push_back(byte_level_stage(p_.trim_keeps_prefix_space, true));
        if (!p_.single.empty() || !p_.pair.empty()) stages.push_back(template_stage());
        return sequence("processors", stages);
    }

    std::string template_stage() const {
        std::map<std::string, std::vector<TokenId>> special;
        const auto single = template_pieces(p_.single.empty() ? Template{{0, {}, 0}} : p_.single, special);
        const auto pair = template_pieces(p_.pair.empty() ? Template{{0, {}, 0}, {1, {}, 1}} : p_.pair, special);
        std::string tokens;
        for (const auto& [name, ids] : special) {
            std::vector<std::string> numbers, texts;
            for (const TokenId id : ids) {
                numbers.push_back(std::to_string(id));
                texts.push_back(quoted(spelling(p_, id)));
            }
            (tokens += tokens.empty() ? "" : ", ") += quoted(name) + ": ";
            tokens += object({{"id", quoted(name)}, {"ids", list(numbers)}, {"tokens", list(texts)}});
        }
        return stage("TemplateProcessing", {{"single", single}, {"pair", pair}, {"special_tokens", '{' + tokens + '}'}});
    }

    // The pieces, and a name for each list of tokens.
    std::string template_pieces(const Template& pieces, std::map<std::string, std::vector<TokenId>>& special) const {
        std::vector<std::string> out;
        for (const auto& piece : pieces) {
            std::string name;
            for (const TokenId id : piece.ids) (name += name.empty() ? "" : " ") += spelling(p_, id);
            while (piece.sequence < 0 && special.try_emplace(name, piece.ids).first->second != piece.ids) name += '\'';
            const auto id = piece.sequence < 0 ? quoted(name) : piece.sequence == 0 ? "\"A\"" : "\"B\"";
            out.push_back(
                object({{piece.sequence < 0 ? "SpecialToken" : "Sequence", object({{"id", id}, {"type_id", std::to_string(piece.type_id)}})}}));
        }
        return list(out);
    }

    std::string truncation(bool truncate) const {
        if (!truncate || p_.max_length <= 0) return "null";
        return object({{"direction", "\"Right\""}, {"max_length", std::to_string(p_.max_length)}, {"strategy", "\"LongestFirst\""}, {"stride", "0"}});
    }

    const TokenizerParts& p_;
    std::map<TokenId, std::string_view> in_vocabulary_;  // added tokens that are written into the vocabulary
};

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
