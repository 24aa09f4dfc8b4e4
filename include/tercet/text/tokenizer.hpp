// Tokenizers: text to ids and back, exact to the id with the libraries that published models were trained with.
//
//   text -> added tokens taken out -> normalizer -> pre-tokenizer -> model (BPE, WordPiece, Unigram, words) -> template (special tokens) -> ids
//   ids  -> tokens -> decoder -> text
//
// A Tokenizer is assembled from its parts (text/tokenizer_parts.hpp) and never changes: threads may share one, and copies share what is in it.
// text/load_tokenizer.hpp makes one from a tokenizer.json, a model directory or a GGUF file. How texts go through the stages is in tokenizer.inc.
#pragma once

#include "tercet/text/encoding.hpp"

#include <memory>

namespace tercet::inline TERCET_ABI {

struct TokenizerParts;
namespace detail::text {
class TokenizerStages;
}

enum class OffsetUnit : std::uint8_t { code_points, bytes };

struct EncodeOptions {
    bool add_special = true;                    // the tokens that the model expects around a text
    bool special_as_text = false;               // special tokens written in the text are read as ordinary text
    std::optional<std::string_view> pair = {};  // the second text of a pair
    index_t max_length = 0;                     // at most this many tokens, added ones included; 0: no limit
    Truncation truncation = Truncation::longest_first;
    bool truncate_left = false;  // what goes is cut off at the beginning
    index_t stride = 0;          // encode_windows: how many tokens neighbouring windows share
    OffsetUnit offsets = OffsetUnit::code_points;
    std::optional<double> dropout = {};  // BPE: the probability of passing over a merge, in place of the file's
    std::uint64_t seed = 0;              // of dropout
};

class Tokenizer {
public:
    /// Throws bad_tokenizer, with the parts' source in front, where they do not fit each other.
    explicit Tokenizer(TokenizerParts parts);

    /// Tokens of a text or a pair. Throws bad_text unless it is UTF-8, invalid_argument when a limit cannot be held.
    Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;

    /// The ids alone: what encode() gives, without the time for the rest. Takes no limit and no pair.
    std::vector<TokenId> encode_ids(std::string_view text, bool add_special = true, bool special_as_text = false) const;

    /// The ids of many texts, each as encode_ids() gives them; on all threads, and without cutting a word twice where it can be helped.
    std::vector<std::vector<TokenId>> encode_batch(std::span<const std::string_view> texts, bool add_special = true,
                                                   bool special_as_text = false) const;

    /// Like encode() with max_length, but gives everything: windows of at most that many tokens that share options.stride tokens. Of a pair
    /// only one text may be longer than its share. Throws invalid_argument for a stride that leaves no progress.
    std::vector<Encoding> encode_windows(std::string_view text, const EncodeOptions& options) const;

    /// The text of ids; bytes that are not UTF-8 become U+FFFD. Throws index_out_of_range for an id that has no token.
    std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;
    std::string decode(std::initializer_list<TokenId> ids, bool skip_special = true) const {
        return decode(std::span<const TokenId>(ids.begin(), ids.size()), skip_special);
    }

    /// Whether a text is its tokens' bytes, one after the other (byte-level BPE).
    bool decodes_bytes() const;

    /// One more than the largest id.
    TokenId vocab_size() const;
    bool has(TokenId id) const;

    /// A token as the vocabulary spells it ("Ġthe", "##ing"). Throws index_out_of_range.
    std::string_view token(TokenId id) const;

    /// The id of a token, or no_token.
    TokenId id_of(std::string_view token) const;

    bool is_special(TokenId id) const;

    /// What it was assembled from.
    const TokenizerParts& parts() const;
    const SpecialIds& special() const;
    TokenModel model() const;
    const std::string& source() const;
    /// The length that the tokenizer's files recommend to truncate at; 0 when they name none.
    index_t recommended_length() const;
    /// The chat template (Jinja) of the tokenizer's files; empty when they have none.
    const std::string& chat_template() const;

private:
    std::shared_ptr<const detail::text::TokenizerStages> stages_;
};

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/text/tokenizer.inc"
#endif
