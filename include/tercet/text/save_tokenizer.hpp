// Saving a tokenizer: the twin of text/load_tokenizer.hpp.
//
//   tokenizer.json, tokenizer_config.json     as Hugging Face's libraries read them: text/write_tokenizer_json.hpp
//   metadata of a GGUF file                   tokenizer.ggml.*, as llama.cpp reads them: text/write_tokenizer_gguf.hpp
//
// What is written is read back as the same tokenizer; what a form has no words for is refused by name.
#pragma once

#include "tercet/text/load_tokenizer.hpp"
#include "tercet/text/write_tokenizer_gguf.hpp"
#include "tercet/text/write_tokenizer_json.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

// "bos_token" and its kin, as the files call the roles.
inline std::vector<std::pair<std::string_view, TokenId>> roles_of(const SpecialIds& special) {
    return {{"bos_token", special.bos}, {"eos_token", special.eos}, {"unk_token", special.unk},  {"pad_token", special.pad},
            {"cls_token", special.cls}, {"sep_token", special.sep}, {"mask_token", special.mask}};
}

}  // namespace detail::text

/// Writes tokenizer.json, and tokenizer_config.json with the special tokens' roles, the recommended length and the chat template, into a directory
/// that is there, each whole or not at all. Throws io, and unsupported as tokenizer_json() does.
inline void save_tokenizer(const std::string& directory, const Tokenizer& tokenizer) {
    const TokenizerParts& p = tokenizer.parts();
    const auto path = [&](const char* name) { return (std::filesystem::path(directory) / name).string(); };
    std::string config = "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"clean_up_tokenization_spaces\": false";
    for (const auto& [role, id] : detail::text::roles_of(p.special))
        if (id != no_token) ((config += ",\n  \"") += role) += "\": " + quote_json(detail::text::spelling(p, id));
    if (p.max_length > 0) config += ",\n  \"model_max_length\": " + std::to_string(p.max_length);
    if (!p.chat_template.empty()) config += ",\n  \"chat_template\": " + quote_json(p.chat_template);
    write_file_atomically(path("tokenizer.json"), tokenizer_json(tokenizer));
    write_file_atomically(path("tokenizer_config.json"), config + "\n}\n");
}

}  // namespace tercet::inline TERCET_ABI
