// Saving a tokenizer: the twin of text/load_tokenizer.hpp.
//
//   tokenizer.json, tokenizer_config.json     as Hugging Face's libraries read them: text/write_tokenizer_json.hpp
//   metadata of a GGUF file                   tokenizer.ggml.*, as llama.cpp reads them: text/write_tokenizer_gguf.hpp
//
// What is written is read back as the same tokenizer; what a form has no words for is refused by name.
#pragma once

#include "tercet/text/tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

class GgufWriter;

struct TokenizerJsonOptions {
    bool truncate = false;  // "truncation" at the recommended length: Hugging Face's library then cuts every text there, this one does not
};

/// The text of a tokenizer.json. Throws unsupported, naming the part, for what such a file cannot say: the normalizer, decoder and models of
/// SentencePiece files, tokens that are not looked for in texts, parts that only a program can have put together.
TERCET_LINKAGE std::string tokenizer_json(const Tokenizer& tokenizer, const TokenizerJsonOptions& options = {});

/// Sets a GGUF file's tokenizer.* metadata. `size` is the number of rows of the model's table: ids beyond the tokenizer's become unused tokens.
/// llama.cpp takes token 11 for the end of a text where no token has the role eos; this library takes none.
/// Throws unsupported for a tokenizer that is neither of the two above, and invalid_argument for a table smaller than the vocabulary.
TERCET_LINKAGE void add_tokenizer(GgufWriter& file, const Tokenizer& tokenizer, TokenId size = 0);

/// Writes tokenizer.json, and tokenizer_config.json with the special tokens' roles, the recommended length and the chat template, into a directory
/// that is there, each whole or not at all. Throws io, and unsupported as tokenizer_json() does.
TERCET_LINKAGE void save_tokenizer(const std::string& directory, const Tokenizer& tokenizer);

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/text/save_tokenizer.inc"
#endif
