// Rank files of tiktoken: a line a token, its bytes in base64 and its rank, which is its id.
//
//   IQ== 0
//   Ig== 1
//
// A word that is a token stays whole, else the pair merges that makes the token of the lowest rank. The file says neither how words are cut nor which
// special tokens there are: those follow from the encoding, which is told by the file's name, by the number of tokens, or by the caller.
#pragma once

#include "tercet/io/base64.hpp"
#include "tercet/text/patterns.hpp"
#include "tercet/text/token_lists.hpp"
#include "tercet/text/tokenizer.hpp"
#include "tercet/text/tokenizer_parts.hpp"

#include <charconv>

namespace tercet::inline TERCET_ABI {

struct TiktokenOptions {
    std::string encoding = {};  // r50k_base, p50k_base, p50k_edit, cl100k_base, o200k_base, o200k_harmony, llama3 or qwen; empty: told by the file
    std::string pattern = {};   // the regular expression that cuts words, in place of the encoding's; what it does not match is a word too
    std::vector<std::pair<std::string, TokenId>> special_tokens = {};  // … and their special tokens; empty: the encoding's
};

namespace detail::text {

struct TiktokenEncoding {
    std::string_view name;
    std::size_t tokens;  // in its rank file
    std::string_view pattern;
    std::vector<std::pair<std::string, TokenId>> special;
};

inline std::vector<TiktokenEncoding> tiktoken_encodings() {
    using patterns::cl100k, patterns::gpt2, patterns::o200k;
    const auto numbered = [](std::string_view stem, int first, int last, TokenId id, auto& out) {
        for (int i = first; i <= last; ++i, ++id) out.emplace_back(std::string(stem) + std::to_string(i) + "|>", id);
    };
    std::vector<std::pair<std::string, TokenId>> llama = {{"<|begin_of_text|>", 128000},
                                                          {"<|end_of_text|>", 128001},
                                                          {"<|start_header_id|>", 128006},
                                                          {"<|end_header_id|>", 128007},
                                                          {"<|eot_id|>", 128009}};
    numbered("<|reserved_special_token_", 0, 3, 128002, llama);
    numbered("<|reserved_special_token_", 4, 4, 128008, llama);
    numbered("<|reserved_special_token_", 5, 250, 128010, llama);
    std::vector<std::pair<std::string, TokenId>> qwens = {{"<|endoftext|>", 151643}, {"<|im_start|>", 151644}, {"<|im_end|>", 151645}};
    numbered("<|extra_", 0, 204, 151646, qwens);
    std::vector<std::pair<std::string, TokenId>> harmony = {{"<|startoftext|>", 199998},
                                                            {"<|endoftext|>", 199999},
                                                            {"<|reserved_200000|>", 200000},
                                                            {"<|reserved_200001|>", 200001},
                                                            {"<|return|>", 200002},
                                                            {"<|constrain|>", 200003},
                                                            {"<|reserved_200004|>", 200004},
                                                            {"<|channel|>", 200005},
                                                            {"<|start|>", 200006},
                                                            {"<|end|>", 200007},
                                                            {"<|message|>", 200008},
                                                            {"<|reserved_200009|>", 200009},
                                                            {"<|reserved_200010|>", 200010},
                                                            {"<|reserved_200011|>", 200011},
                                                            {"<|call|>", 200012}};
    numbered("<|reserved_", 200013, 200017, 200013, harmony);
    harmony.emplace_back("<|endofprompt|>", 200018);
    numbered("<|reserved_", 200019, 201087, 200019, harmony);
    return {{"r50k_base", 50256, gpt2, {{"<|endoftext|>", 50256}}},
            {"p50k_base", 50280, gpt2, {{"<|endoftext|>", 50256}}},
            {"p50k_edit", 0, gpt2, {{"<|endoftext|>", 50256}, {"<|fim_prefix|>", 50281}, {"<|fim_middle|>", 50282}, {"<|fim_suffix|>", 50283}}},
            {"cl100k_base",
             100256,
             cl100k,
             {{"<|endoftext|>", 100257},
              {"<|fim_prefix|>", 100258},
              {"<|fim_middle|>", 100259},
              {"<|fim_suffix|>", 100260},
              {"<|endofprompt|>", 100276}}},
            {"o200k_base", 199998, o200k, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
            {"o200k_harmony", 0, o200k, std::move(harmony)},
            {"llama3", 128000, cl100k, std::move(llama)},
            {"qwen", 151643, patterns::qwen2, std::move(qwens)}};
}

}  // namespace detail::text

/// The tokenizer of a rank file's text; `source` is its name. Throws bad_tokenizer for a line that is no token and rank, ranks that are there twice,
/// or bytes without a token; bad_header for what is no base64; unsupported when the encoding cannot be told.
inline Tokenizer tokenizer_from_tiktoken(std::string_view text, std::string source, const TiktokenOptions& options = {}) {
    TokenizerParts parts;
    parts.source = std::move(source);
    std::vector<std::pair<std::string, TokenId>> tokens;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto row = detail::text::next_line(text);
        if (row.empty()) continue;
        const auto space = row.find(' ');
        TokenId rank = no_token;
        const auto digits = row.substr(std::min(space, row.size() - 1) + 1);
        const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
        require(space != std::string_view::npos && error == std::errc{} && stop == digits.data() + digits.size() && rank >= 0,
                ErrorCode::bad_tokenizer, parts.source, ": line ", line, " is not a token in base64 and a rank");
        std::string spelled;
        for (const char byte : decode_base64(row.substr(0, space), parts.source))
            utf8_append(spelled, byte_alphabet.point_of[static_cast<unsigned char>(byte)]);
        require(!spelled.empty(), ErrorCode::bad_tokenizer, parts.source, ": line ", line, " has an empty token");
        tokens.emplace_back(std::move(spelled), rank);
    }
    require(!tokens.empty(), ErrorCode::bad_tokenizer, parts.source, ": no tokens");
    const std::size_t count = tokens.size();

    auto encodings = detail::text::tiktoken_encodings();
    const auto fits = [&](const auto& e) {
        if (!options.encoding.empty()) return e.name == options.encoding;
        return parts.source.find(e.name) != std::string::npos;
    };
    auto found = std::find_if(encodings.begin(), encodings.end(), fits);
    if (found == encodings.end() && options.encoding.empty())
        found = std::find_if(encodings.begin(), encodings.end(), [&](const auto& e) { return e.tokens == count; });
    require(found != encodings.end() || (options.encoding.empty() && !options.pattern.empty()), ErrorCode::unsupported, parts.source, ": ", count,
            " ranks of no known encoding", options.encoding.empty() ? "" : " '" + options.encoding + "'", "; tell its name or its pattern");
    const auto pattern = !options.pattern.empty() ? std::string_view(options.pattern) : found->pattern;
    auto special = options.special_tokens;
    if (special.empty() && found != encodings.end()) special = std::move(found->special);

    parts.vocabulary = Vocabulary(tokens, parts.source);
    BpeRanks ranks(std::vector<std::uint32_t>(static_cast<std::size_t>(parts.vocabulary.size()), BpeRanks::no_rank));
    for (const auto& [token, rank] : tokens) {
        require(parts.vocabulary.find(token) == rank, ErrorCode::bad_tokenizer, parts.source, ": the tokens ", rank, " and ",
                parts.vocabulary.find(token), " are the same bytes");
        ranks.of[static_cast<std::size_t>(rank)] = static_cast<std::uint32_t>(rank);
    }
    BpeOptions bpe;
    bpe.ignore_merges = true;
    for (std::size_t byte = 0; byte < 256; ++byte) {
        std::string spelled;
        utf8_append(spelled, byte_alphabet.point_of[byte]);
        require(parts.vocabulary.find(spelled) != no_token, ErrorCode::bad_tokenizer, parts.source, ": the byte ", byte, " has no token");
    }
    parts.bpe = Bpe::from_ranks(parts.vocabulary, ranks, std::move(bpe), parts.source);
    for (auto& [content, id] : special) parts.added.push_back({.id = id, .content = std::move(content), .special = true});
    detail::text::guess_roles(parts);
    parts.pre_tokenizer = PreTokenizer({pattern_step(pattern, SplitBehavior::isolated, false, parts.source), {.kind = PreTokenizerKind::byte_level}});
    parts.decoder = Decoder({{.kind = DecoderKind::byte_level}});
    return Tokenizer(std::move(parts));
}

}  // namespace tercet::inline TERCET_ABI
