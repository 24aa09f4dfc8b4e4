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
#include "tercet/text/tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

class Gguf;
class Json;

/// The tokenizer of a parsed tokenizer.json; `source` names it in messages. Throws bad_tokenizer, or unsupported naming the stage.
TERCET_LINKAGE Tokenizer tokenizer_from_json(const Json& json, std::string source);

/// The same for its text. Throws bad_json too.
TERCET_LINKAGE Tokenizer tokenizer_from_json(std::string_view text, std::string source);

/// The tokenizer of a GGUF file. Throws bad_tokenizer when it has none or it lacks what its type needs, unsupported (naming the type or
/// the pre-tokenizer) for one that this version does not have.
TERCET_LINKAGE Tokenizer tokenizer_from_gguf(const Gguf& file);

/// A tokenizer from a .gguf file, a tokenizer.json, a SentencePiece model, a tiktoken rank file, a vocab.txt, a vocab.json with merges.txt beside it,
/// or a directory with one of these. Beside a tokenizer.json, and in a directory, its tokenizer_config.json, special_tokens_map.json and
/// chat_template.jinja are read too; a SentencePiece model by its own name is SentencePiece's, without tokens around a text. Throws io, bad_json,
/// bad_magic, bad_header, bad_offset, bad_tokenizer, unsupported.
TERCET_LINKAGE Tokenizer load_tokenizer(const std::string& path, const LoadOptions& options = {});

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/text/load_tokenizer.inc"
#endif
