// Loading a tokenizer from the files that a model comes with.
//
//   tokenizer.json               everything but the roles of the special tokens
//   tokenizer_config.json        bos_token, eos_token, …, model_max_length, chat_template
//   special_tokens_map.json      the same roles, in older directories
//   chat_template.jinja          the chat template, in newer ones
//   model.gguf                   all of it in one file
//   tokenizer.model, *.tiktoken, vocab.json, vocab.txt      in place of tokenizer.json: text/sentencepiece.hpp, tiktoken.hpp, vocab_files.hpp
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/text/sentencepiece.hpp"
#include "tercet/text/tiktoken.hpp"
#include "tercet/text/tokenizer_gguf.hpp"
#include "tercet/text/tokenizer_json.hpp"
#include "tercet/text/vocab_files.hpp"

#include <filesystem>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

inline bool is_file(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

// The id of a role: "bos_token": "<s>", or {"content": "<s>", …}.
inline void read_role(const Json& config, std::string_view key, const TokenizerParts& parts, TokenId& role) {
    const Json* value = config.find(key);
    if (value && value->is_object()) value = value->find("content");
    if (!value || !value->is_string()) return;
    const auto& text = value->as_string();
    for (const auto& token : parts.added) {
        if (token.content == text) return void(role = token.id);
    }
    if (const TokenId id = parts.vocabulary.find(text); id != no_token) role = id;
}

inline void read_roles(const Json& config, TokenizerParts& parts) {
    auto& roles = parts.special;
    for (auto [key, role] : {std::pair{"bos_token", &roles.bos},
                             {"eos_token", &roles.eos},
                             {"unk_token", &roles.unk},
                             {"pad_token", &roles.pad},
                             {"cls_token", &roles.cls},
                             {"sep_token", &roles.sep},
                             {"mask_token", &roles.mask}})
        read_role(config, key, parts, *role);
}

// A template is a string, or a list of named ones, of which "default" counts.
inline std::string chat_template_of(const Json& config) {
    const Json* value = config.find("chat_template");
    if (!value) return {};
    if (value->is_string()) return value->as_string();
    if (!value->is_array()) return {};
    for (const auto& entry : value->elements()) {
        if (entry.get_or("name", std::string{}) == "default") return entry.at("template").as_string();
    }
    return {};
}

inline void read_config(const Json& config, TokenizerParts& parts) {
    read_roles(config, parts);
    parts.chat_template = chat_template_of(config);
    const double length = config.get_or("model_max_length", 0.0);
    if (length > 0 && length < 1e9) parts.max_length = static_cast<index_t>(length);
    // A Llama tokenizer adds its tokens by these two flags; its tokenizer.json usually says the same in a post_processor.
    const auto kind = config.get_or("tokenizer_class", std::string{});
    if (!parts.single.empty() || !(kind.starts_with("Llama") || kind.starts_with("CodeLlama") || kind.starts_with("Gemma"))) return;
    add_ends(parts, config.get_or("add_bos_token", false), config.get_or("add_eos_token", false));
}

// What a kind of model makes of its SentencePiece vocabulary.
inline void finish_sentencepiece(const Json& config, TokenizerParts& parts) {
    const auto kind = config.get_or("tokenizer_class", std::string{});
    const auto is = [&](std::string_view name) { return kind.starts_with(name); };
    if (is("T5")) {
        const auto count = config.get_or("extra_ids", std::int64_t{100});
        require(count >= 0 && count <= 10000, ErrorCode::bad_tokenizer, parts.source, ": extra_ids is ", count);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::string token = "<extra_id_" + std::to_string(i) + ">";
            if (parts.vocabulary.find(token) == no_token)
                parts.added.push_back({.id = parts.vocabulary.size() + static_cast<TokenId>(count - 1 - i), .content = token, .special = true});
        }
        return add_ends(parts, false, true);
    }
    const bool llama = is("Llama") || is("CodeLlama") || is("Gemma");
    require(kind.empty() || llama || is("PreTrainedTokenizer"), ErrorCode::unsupported, parts.source, ": the SentencePiece model of a ", kind,
            " is not supported without a tokenizer.json, its ids are others");
    add_ends(parts, config.get_or("add_bos_token", llama), config.get_or("add_eos_token", false));
    for (auto& token : parts.added) token.in_text = llama;  // there "<s>" is found in texts
}

// Rank files of tiktoken go by the name tokenizer.model too: a line is base64, a space and a number.
inline bool has_ranks(std::string_view text) {
    const auto line = text.substr(0, std::min<std::size_t>(text.find('\n'), 4096));
    const auto space = line.find(' ');
    return space != std::string_view::npos && line.find_first_not_of("0123456789\r", space + 1) == std::string_view::npos &&
           line.substr(0, space).find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == std::string_view::npos;
}

// The file of a directory that its tokenizer is read from.
inline std::filesystem::path tokenizer_file_in(const std::string& directory) {
    namespace fs = std::filesystem;
    constexpr const char* names[] = {"tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt"};
    for (const char* name : names)
        if (is_file(fs::path(directory) / name)) return fs::path(directory) / name;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error))
        if (entry.path().extension() == ".tiktoken") return entry.path();
    fail(ErrorCode::bad_tokenizer, directory,
         ": no tokenizer in this directory (tokenizer.json, tokenizer.model, spiece.model, vocab.json with merges.txt, vocab.txt or *.tiktoken)");
}

}  // namespace detail::text

/// The tokenizer of a parsed tokenizer.json; `source` names it in messages. Throws bad_tokenizer, or unsupported naming the stage.
inline Tokenizer tokenizer_from_json(const Json& json, std::string source) {
    auto parts = detail::text::TokenizerJsonReader(json, std::move(source)).read();
    detail::text::guess_roles(parts);
    return Tokenizer(std::move(parts));
}

/// The same for its text. Throws bad_json too.
inline Tokenizer tokenizer_from_json(std::string_view text, std::string source) {
    return tokenizer_from_json(parse_json(text, source), source);
}

/// A tokenizer from a .gguf file, a tokenizer.json, a SentencePiece model, a tiktoken rank file, a vocab.txt, a vocab.json with merges.txt beside it,
/// or a directory with one of these. Beside a tokenizer.json, and in a directory, its tokenizer_config.json, special_tokens_map.json and
/// chat_template.jinja are read too; a SentencePiece model by its own name is SentencePiece's, without tokens around a text. Throws io, bad_json,
/// bad_magic, bad_header, bad_offset, bad_tokenizer, unsupported.
inline Tokenizer load_tokenizer(const std::string& path, const LoadOptions& options = {}) {
    namespace fs = std::filesystem;
    std::error_code error;
    const bool directory = fs::is_directory(path, error);
    const auto file = directory ? detail::text::tokenizer_file_in(path) : fs::path(path);
    const auto name = file.string();
    const auto beside = [&](const char* other) { return (file.parent_path() / other).string(); };
    const auto json_beside = [&](const char* other) {
        return detail::text::is_file(beside(other)) ? parse_json(read_text_file(beside(other)), beside(other)) : Json();
    };
    if (name.ends_with(".gguf")) return tokenizer_from_gguf(Gguf::open(name, options));
    const Json config = json_beside("tokenizer_config.json");

    TokenizerParts parts;
    bool roles = true;  // whether they are known without guessing
    if (name.ends_with(".tiktoken") || name.ends_with(".model")) {
        const auto bytes = read_text_file(name);
        if (name.ends_with(".tiktoken") || detail::text::has_ranks(bytes)) {
            parts = tokenizer_from_tiktoken(bytes, name).parts();
        } else {
            parts = detail::text::SentencePieceReader(name).read(bytes);
            if (!directory) return Tokenizer(std::move(parts));
            detail::text::finish_sentencepiece(config, parts);
        }
    } else if (name.ends_with(".txt")) {
        BertVocabOptions bert;
        bert.lowercase = config.get_or("do_lower_case", true);
        bert.handle_chinese_chars = config.get_or("tokenize_chinese_chars", true);
        if (const Json* strip = config.find("strip_accents"); strip && strip->is_bool()) bert.strip_accents = strip->as_bool();
        parts = detail::text::bert_parts(read_text_file(name), name, bert);
    } else if (file.filename() == "vocab.json") {
        parts = detail::text::byte_level_parts(parse_json(read_text_file(name), name), read_text_file(beside("merges.txt")), name,
                                               config.get_or("tokenizer_class", std::string{}), config.get_or("add_prefix_space", false));
    } else {
        parts = detail::text::TokenizerJsonReader(parse_json(read_text_file(name), name), name).read();
        roles = false;
    }
    if (const Json map = json_beside("special_tokens_map.json"); map.is_object()) {
        detail::text::read_roles(map, parts);
        roles = true;
    }
    if (config.is_object()) {
        detail::text::read_config(config, parts);
        roles = true;
    }
    if (!roles) detail::text::guess_roles(parts);
    if (detail::text::is_file(beside("chat_template.jinja"))) parts.chat_template = read_text_file(beside("chat_template.jinja"));
    return Tokenizer(std::move(parts));
}

}  // namespace tercet::inline TERCET_ABI
