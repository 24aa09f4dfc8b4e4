// Loading a tokenizer from the files that a model comes with.
//
//   tokenizer.json               everything but the roles of the special tokens
//   tokenizer_config.json        bos_token, eos_token, …, model_max_length, chat_template
//   special_tokens_map.json      the same roles, in older directories
//   chat_template.jinja          the chat template, in newer ones
//   model.gguf                   all of it in one file
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/text/sentencepiece.hpp"
#include "tercet/text/tokenizer_gguf.hpp"
#include "tercet/text/tokenizer_json.hpp"

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
    const bool bos = config.get_or("add_bos_token", false) && parts.special.bos != no_token;
    const bool eos = config.get_or("add_eos_token", false) && parts.special.eos != no_token;
    if (!bos && !eos) return;
    for (auto* pieces : {&parts.single, &parts.pair}) {
        for (const int sequence : {0, 1}) {
            if (sequence == 1 && pieces == &parts.single) continue;
            if (bos) pieces->push_back({-1, {parts.special.bos}, sequence});
            pieces->push_back({sequence, {}, sequence});
            if (eos) pieces->push_back({-1, {parts.special.eos}, sequence});
        }
    }
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

/// A tokenizer from a .gguf file, a tokenizer.json, or a directory with one; beside a tokenizer.json its tokenizer_config.json,
/// special_tokens_map.json and chat_template.jinja are read too. Throws io, bad_json, bad_magic, bad_tokenizer, unsupported.
inline Tokenizer load_tokenizer(const std::string& path, const LoadOptions& options = {}) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (fs::is_directory(path, error)) {
        const auto inner = fs::path(path) / "tokenizer.json";
        require(detail::text::is_file(inner),
                detail::text::is_file(fs::path(path) / "tokenizer.model") ? ErrorCode::unsupported : ErrorCode::bad_tokenizer, path,
                detail::text::is_file(fs::path(path) / "tokenizer.model") ? ": a SentencePiece tokenizer.model is not supported"
                                                                          : ": no tokenizer.json in this directory");
        return load_tokenizer(inner.string(), options);
    }
    if (path.ends_with(".gguf")) return tokenizer_from_gguf(Gguf::open(path, options));
    if (path.ends_with(".model")) return tokenizer_from_sentencepiece(read_text_file(path), path);

    auto parts = detail::text::TokenizerJsonReader(parse_json(read_text_file(path), path), path).read();
    const auto beside = [&](const char* name) { return (fs::path(path).parent_path() / name).string(); };
    bool roles = false;
    for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
        const auto file = beside(name);
        if (!detail::text::is_file(file)) continue;
        const auto config = parse_json(read_text_file(file), file);
        if (std::string_view(name) == "tokenizer_config.json") detail::text::read_config(config, parts);
        else detail::text::read_roles(config, parts);
        roles = true;
    }
    if (!roles) detail::text::guess_roles(parts);
    if (const auto file = beside("chat_template.jinja"); detail::text::is_file(file)) parts.chat_template = read_text_file(file);
    return Tokenizer(std::move(parts));
}

}  // namespace tercet::inline TERCET_ABI
