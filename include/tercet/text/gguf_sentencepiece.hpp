// SentencePiece vocabularies in GGUF files (llama.cpp, llama-vocab.cpp): "llama" is a BPE by scores, "t5" a unigram model.
//
// llama   a space in front of each part of a text between special tokens, spaces as U+2581, the pair that makes the token of the best score merges
//         first, what is left over becomes bytes. Any token may come of merging, whatever its type.
// t5      the character map and the handling of spaces as in SentencePiece's own models; scores of paths are doubles
#pragma once

#include "tercet/io/gguf.hpp"
#include "tercet/text/sentencepiece.hpp"

namespace tercet::inline TERCET_ABI::detail::text {

class GgufSentencePieceReader {
public:
    /// The vocabulary and the special tokens of `parts` have been read.
    GgufSentencePieceReader(const Gguf& file, TokenizerParts& parts) : file_(file), p_(parts) {}

    void read_llama() {
        read_pieces();
        // Ids that the file does not name are Llama's.
        const auto otherwise = [&](TokenId& role, std::string_view key, TokenId id) {
            if (!file_.has(key) && id < p_.vocabulary.size()) role = id;
        };
        otherwise(p_.special.bos, "tokenizer.ggml.bos_token_id", 1);
        otherwise(p_.special.eos, "tokenizer.ggml.eos_token_id", 2);
        otherwise(p_.special.unk, "tokenizer.ggml.unknown_token_id", 0);
        BpeOptions options;
        options.unknown_last = options.byte_fallback = true;
        if (p_.special.unk != no_token) options.unknown = p_.vocabulary.token(p_.special.unk);
        p_.bpe = Bpe::from_ranks(p_.vocabulary, BpeRanks::by_score(scores_), std::move(options), p_.source);
        finish({.add_dummy_prefix = file_.boolean_or("tokenizer.ggml.add_space_prefix", true), .remove_extra_whitespaces = false}, {});
        cut_at_borders([](TokenId) { return true; });
        ends(true, false);
    }

    void read_t5() {
        read_pieces();
        require(p_.special.unk != no_token, ErrorCode::bad_tokenizer, p_.source, ": the vocabulary has no unknown token");
        std::vector<TokenId> left_out;
        for (std::size_t id = 0; id < kinds_.size(); ++id)
            if (kinds_[id] != PieceKind::normal) left_out.push_back(static_cast<TokenId>(id));
        p_.model = TokenModel::unigram;
        p_.unigram = Unigram(p_.vocabulary, std::vector<double>(scores_.begin(), scores_.end()),
                             {.unknown = p_.special.unk, .left_out = std::move(left_out)}, p_.source);
        std::string map;
        for (const auto byte : file_.integers_or("tokenizer.ggml.precompiled_charsmap", {})) {
            require(byte >= -128 && byte <= 255, ErrorCode::bad_tokenizer, p_.source, ": ", byte, " is no byte of the character map");
            map.push_back(static_cast<char>(static_cast<unsigned char>(byte & 0xff)));
        }
        finish({.add_dummy_prefix = file_.boolean_or("tokenizer.ggml.add_space_prefix", false),
                .remove_extra_whitespaces = file_.boolean_or("tokenizer.ggml.remove_extra_whitespaces", false)},
               std::move(map));
        cut_at_borders([&](TokenId id) { return kinds_[static_cast<std::size_t>(id)] == PieceKind::normal; });
        ends(false, true);
    }

private:
    void read_pieces() {
        const auto count = static_cast<std::size_t>(p_.vocabulary.size());
        const auto scores = file_.numbers_or("tokenizer.ggml.scores", {});
        const auto types = file_.integers_or("tokenizer.ggml.token_type", {});
        require(scores.size() == count, ErrorCode::bad_tokenizer, p_.source, ": ", scores.size(), " scores for ", count, " tokens");
        require(types.empty() || types.size() == count, ErrorCode::bad_tokenizer, p_.source, ": ", types.size(), " token types for ", count,
                " tokens");
        for (std::size_t id = 0; id < count; ++id) {
            const auto type = types.empty() ? 1 : types[id];
            const auto token = p_.vocabulary.token(static_cast<TokenId>(id));
            require(std::isfinite(scores[id]), ErrorCode::bad_tokenizer, p_.source, ": the score of token ", id, " is not a number");
            require(type >= 0 && type <= 6, ErrorCode::bad_tokenizer, p_.source, ": token ", id, " is of type ", type);
            require(type != 6 || fallback_byte(token) >= 0, ErrorCode::bad_tokenizer, p_.source, ": the byte token '", token,
                    "' is not of the form <0x00>");
            scores_.push_back(static_cast<float>(scores[id]));
            kinds_.push_back(type == 0 ? PieceKind::normal : static_cast<PieceKind>(type));
        }
    }

    void finish(SentencePieceNormalizerOptions options, std::string map) {
        SentencePieceDecoder decoder;
        decoder.kinds = kinds_;
        decoder.drop_front = options.add_dummy_prefix || options.remove_extra_whitespaces;
        decoder.drop_all_front = options.remove_extra_whitespaces;
        p_.sentencepiece_decoder = std::move(decoder);
        const auto normalizer = std::make_shared<SentencePieceNormalizer>(Charsmap(std::move(map), p_.source), std::move(options));
        p_.normalizer = Normalizer({{.kind = NormalizerKind::sentencepiece, .sentencepiece = normalizer}});
    }

    template <class Reaches>
    void cut_at_borders(Reaches reaches) {
        const auto borders = std::make_shared<PieceBorders>(p_.vocabulary, reaches);
        p_.pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::borders, .borders = borders}});
    }

    void ends(bool bos, bool eos) {
        add_ends(p_, file_.boolean_or("tokenizer.ggml.add_bos_token", bos), file_.boolean_or("tokenizer.ggml.add_eos_token", eos));
    }

    const Gguf& file_;
    TokenizerParts& p_;
    std::vector<float> scores_;
    std::vector<PieceKind> kinds_;
};

}  // namespace tercet::inline TERCET_ABI::detail::text
