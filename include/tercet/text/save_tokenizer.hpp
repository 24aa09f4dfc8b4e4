// Saving a byte-level BPE tokenizer: the twin of text/load_tokenizer.hpp.
//
//   tokenizer.json, tokenizer_config.json     as Hugging Face's libraries read them
//   metadata of a GGUF file                   tokenizer.ggml.*, as llama.cpp reads them
//
// What is written is read back as the same tokenizer. One that these forms, or this version, have no words for is refused: that it cuts words
// in another way than GPT-2's, say, or puts tokens around a text.
#pragma once

#include "tercet/io/gguf_writer.hpp"
#include "tercet/text/load_tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

inline void require_saveable(const Tokenizer& tokenizer) {
    const TokenizerParts& p = tokenizer.parts();
    const auto& steps = p.pre_tokenizer.steps();
    const auto& options = p.bpe.options();
    const auto check = [&](bool fits, std::string_view what) {
        require(fits, ErrorCode::unsupported, p.source, ": saving a tokenizer ", what, " is not supported");
    };
    check(p.model == TokenModel::bpe && tokenizer.decodes_bytes(), "that is no byte-level BPE");
    const bool gpt2 = steps.size() == 2 && steps[0].kind == PreTokenizerKind::gpt2 && steps[0].behavior == SplitBehavior::isolated &&
                      !steps[0].invert && steps[1].kind == PreTokenizerKind::byte_level;
    check(gpt2 && p.normalizer.empty(), "that cuts words in another way than GPT-2's");
    check(p.single.empty() && p.pair.empty(), "that puts tokens around a text");
    check(options.continuing_prefix.empty() && options.end_of_word_suffix.empty() && !options.byte_fallback && !options.ignore_merges &&
              !options.fuse_unknown,
          "with prefixes, suffixes, byte fallback, fused unknown tokens or whole words");
}

// "bos_token" and its kin, as the files call the roles.
inline std::vector<std::pair<std::string_view, TokenId>> roles_of(const SpecialIds& special) {
    return {{"bos_token", special.bos}, {"eos_token", special.eos}, {"unk_token", special.unk},  {"pad_token", special.pad},
            {"cls_token", special.cls}, {"sep_token", special.sep}, {"mask_token", special.mask}};
}

}  // namespace detail::text

/// The text of a tokenizer.json. Throws unsupported for a tokenizer that is not saved (see above).
inline std::string tokenizer_json(const Tokenizer& tokenizer) {
    detail::text::require_saveable(tokenizer);
    const TokenizerParts& p = tokenizer.parts();
    const auto boolean = [](bool value) { return std::string(value ? "true" : "false"); };
    const auto byte_level = [&](bool prefix_space) {
        return "{\"type\": \"ByteLevel\", \"add_prefix_space\": " + boolean(prefix_space) + ", \"trim_offsets\": true, \"use_regex\": true}";
    };
    const auto lines = [](const std::vector<std::string>& items) {
        std::string out;
        for (const auto& item : items) (out += out.empty() ? "\n    " : ",\n    ") += item;
        return out;
    };
    std::vector<std::string> added, vocabulary, merges;
    for (const auto& t : p.added)
        added.push_back("{\"id\": " + std::to_string(t.id) + ", \"content\": " + quote_json(t.content) +
                        ", \"single_word\": " + boolean(t.single_word) + ", \"lstrip\": " + boolean(t.lstrip) + ", \"rstrip\": " + boolean(t.rstrip) +
                        ", \"normalized\": " + boolean(t.normalized) + ", \"special\": " + boolean(t.special) + '}');
    for (TokenId id = 0; id < p.vocabulary.size(); ++id)
        if (p.vocabulary.has(id)) vocabulary.push_back(quote_json(p.vocabulary.token(id)) + ": " + std::to_string(id));
    for (const auto& [left, right] : p.bpe.merges())
        merges.push_back('[' + quote_json(p.vocabulary.token(left)) + ", " + quote_json(p.vocabulary.token(right)) + ']');
    const auto& unknown = p.bpe.options().unknown;

    std::string out = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [" + lines(added);
    out += "\n  ],\n  \"normalizer\": null,\n  \"pre_tokenizer\": " + byte_level(false);
    out += ",\n  \"post_processor\": " + (p.trim_offsets ? byte_level(p.trim_keeps_prefix_space) : "null") + ",\n  \"decoder\": " + byte_level(true);
    out += ",\n  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": " + (unknown.empty() ? "null" : quote_json(unknown));
    out += ", \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null,\n    \"fuse_unk\": false, \"byte_fallback\": false, ";
    out += "\"ignore_merges\": false,\n    \"vocab\": {" + lines(vocabulary) + "\n    },\n    \"merges\": [" + lines(merges);
    return out += "\n    ]\n  }\n}\n";
}

/// Writes tokenizer.json, and tokenizer_config.json with the special tokens' roles, into a directory that is there, each whole or not at all.
/// Throws io, and unsupported as above.
inline void save_tokenizer(const std::string& directory, const Tokenizer& tokenizer) {
    const TokenizerParts& p = tokenizer.parts();
    const auto path = [&](const char* name) { return (std::filesystem::path(directory) / name).string(); };
    std::string config = "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"clean_up_tokenization_spaces\": false";
    for (const auto& [role, id] : detail::text::roles_of(p.special))
        if (id != no_token) ((config += ",\n  \"") += role) += "\": " + quote_json(tokenizer.token(id));
    if (p.max_length > 0) config += ",\n  \"model_max_length\": " + std::to_string(p.max_length);
    if (!p.chat_template.empty()) config += ",\n  \"chat_template\": " + quote_json(p.chat_template);
    write_file_atomically(path("tokenizer.json"), tokenizer_json(tokenizer));
    write_file_atomically(path("tokenizer_config.json"), config + "\n}\n");
}

/// Sets a GGUF file's tokenizer.* metadata. `size` is the number of rows of the model's table: ids beyond the tokenizer's become unused tokens.
/// llama.cpp takes token 11 for the end of a text where no token has the role eos; this library takes none.
/// Throws unsupported as above, and invalid_argument for a table smaller than the vocabulary.
inline void add_tokenizer(GgufWriter& file, const Tokenizer& tokenizer, TokenId size = 0) {
    detail::text::require_saveable(tokenizer);
    const TokenizerParts& p = tokenizer.parts();
    require(size == 0 || size >= tokenizer.vocab_size(), ErrorCode::invalid_argument, p.source, ": a vocabulary of ", tokenizer.vocab_size(),
            " tokens for a table of ", size);
    enum : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5 };
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types;
    for (TokenId id = 0; id < std::max(size, tokenizer.vocab_size()); ++id) {
        const bool has = tokenizer.has(id);
        tokens.push_back(has ? std::string(tokenizer.token(id)) : "[unused " + std::to_string(id) + "]");
        types.push_back(has ? normal : unused);
    }
    for (const auto& token : p.added) {
        require(!token.single_word && !token.lstrip && !token.rstrip, ErrorCode::unsupported, p.source, ": the token '", token.content,
                "' asks for whole words or takes spaces along, which a GGUF file cannot say");
        types[static_cast<std::size_t>(token.id)] = token.special ? control : user_defined;
    }
    const TokenId outside = p.vocabulary.find(p.bpe.options().unknown);  // the token of bytes outside the vocabulary
    if (outside != no_token) types[static_cast<std::size_t>(outside)] = unknown;
    std::vector<std::string> merges;
    for (const auto& [left, right] : p.bpe.merges())
        merges.push_back(std::string(p.vocabulary.token(left)).append(" ").append(p.vocabulary.token(right)));

    file.set("tokenizer.ggml.model", "gpt2");
    file.set("tokenizer.ggml.pre", "gpt-2");
    file.set("tokenizer.ggml.tokens", tokens);
    file.set("tokenizer.ggml.token_type", types);
    file.set("tokenizer.ggml.merges", merges);
    const auto role = [&](const char* key, TokenId id) {
        if (id != no_token) file.set(std::string("tokenizer.ggml.") + key + "_token_id", static_cast<std::uint32_t>(id));
    };
    role("bos", p.special.bos);
    role("eos", p.special.eos);
    role("unknown", outside != no_token ? outside : p.special.unk);
    role("padding", p.special.pad);
    file.set("tokenizer.ggml.add_bos_token", false);
    if (!p.chat_template.empty()) file.set("tokenizer.chat_template", p.chat_template);
}

}  // namespace tercet::inline TERCET_ABI
