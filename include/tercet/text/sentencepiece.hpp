// A SentencePiece model (Kudo and Richardson 2018): the file spiece.model or tokenizer.model, a protocol buffer (sentencepiece_model.proto).
//
//   1 pieces: {1 piece, 2 score, 3 type}…    2 trainer: what kind of model    3 normalizer: character map, spaces    5 denormalizer
//
// Four kinds of model: unigram, BPE, words, characters. A text is normalized and then cut into tokens as a whole; that gives the same as cutting it
// where no token reaches across (text/piece_borders.hpp) and then each part, which is what is done here. Control pieces ("<s>") are never found in a
// text, and none are added around it: a model's directory says if it wants them.
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/io/protobuf.hpp"
#include "tercet/text/tokenizer.hpp"
#include "tercet/text/tokenizer_parts.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

class SentencePieceReader {
public:
    explicit SentencePieceReader(std::string source) { p_.source = std::move(source); }

    TokenizerParts read(std::string_view bytes) {
        ProtobufReader model(bytes, p_.source);
        for (ProtobufField field; model.next(field);) {
            if (!field.is_bytes()) continue;
            if (field.number == 1) read_piece(field.bytes);
            else if (field.number == 2) read_trainer(field.bytes);
            else if (field.number == 3) read_normalizer(field.bytes, normalizer_, map_);
            else if (field.number == 5) read_normalizer(field.bytes, denormalizer_, denormalizer_map_);
        }
        require(!pieces_.empty(), ErrorCode::bad_tokenizer, p_.source, ": not a SentencePiece model, it has no pieces");
        require(utf8_first_error(unknown_surface_) == std::string::npos, ErrorCode::bad_tokenizer, p_.source,
                ": the surface of the unknown piece is not valid UTF-8");
        p_.vocabulary = Vocabulary(pieces_, p_.source);
        check_pieces();
        read_roles();
        read_model();
        finish_normalizer();
        return std::move(p_);
    }

private:
    enum : std::int32_t { unigram = 1, bpe = 2, word = 3, character = 4 };

    void read_piece(std::string_view bytes) {
        std::string piece;
        float score = 0;
        std::int32_t kind = 1;
        ProtobufReader message(bytes, p_.source);
        for (ProtobufField field; message.next(field);) {
            if (field.number == 1 && field.is_bytes()) piece = field.bytes;
            else if (field.number == 2 && field.type == 5) score = field.as_float();
            else if (field.number == 3 && field.type == 0) kind = field.as_int32();
        }
        const auto id = pieces_.size();
        require(id < 0x7fffffff, ErrorCode::bad_tokenizer, p_.source, ": too many pieces");
        require(!piece.empty() && piece.find('\0') == std::string::npos && utf8_first_error(piece) == std::string::npos, ErrorCode::bad_tokenizer,
                p_.source, ": piece ", id, " is empty or not valid UTF-8");
        require(kind >= 1 && kind <= 6, ErrorCode::bad_tokenizer, p_.source, ": piece '", piece, "' is of type ", kind);
        require(std::isfinite(score), ErrorCode::bad_tokenizer, p_.source, ": the score of piece '", piece, "' is not a number");
        pieces_.emplace_back(std::move(piece), static_cast<TokenId>(id));
        scores_.push_back(score);
        kinds_.push_back(static_cast<PieceKind>(kind));
    }

    void read_trainer(std::string_view bytes) {
        ProtobufReader message(bytes, p_.source);
        for (ProtobufField field; message.next(field);) {
            switch (field.number) {
            case 3: model_ = field.as_int32(); break;
            case 24: normalizer_.whitespace_as_suffix = field.as_bool(); break;
            case 35: byte_fallback_ = field.as_bool(); break;
            case 44: unknown_surface_ = field.bytes; break;
            case 46: bos_ = field.bytes; break;
            case 47: eos_ = field.bytes; break;
            case 48: pad_ = field.bytes; break;
            default: break;
            }
        }
    }

    void read_normalizer(std::string_view bytes, SentencePieceNormalizerOptions& options, std::string& map) {
        ProtobufReader message(bytes, p_.source);
        for (ProtobufField field; message.next(field);) {
            switch (field.number) {
            case 2: map = field.bytes; break;
            case 3: options.add_dummy_prefix = field.as_bool(); break;
            case 4: options.remove_extra_whitespaces = field.as_bool(); break;
            case 5: options.escape_whitespaces = field.as_bool(); break;
            default: break;
            }
        }
    }

    void check_pieces() {
        std::size_t bytes = 0;
        for (TokenId id = 0; id < p_.vocabulary.size(); ++id) {
            const auto token = p_.vocabulary.token(id);
            const auto kind = kinds_[static_cast<std::size_t>(id)];
            require(p_.vocabulary.find(token) == id, ErrorCode::bad_tokenizer, p_.source, ": piece '", token, "' is there twice");
            if (kind == PieceKind::unknown) {
                require(p_.special.unk == no_token, ErrorCode::bad_tokenizer, p_.source, ": two pieces, ", p_.special.unk, " and ", id,
                        ", are the unknown one");
                p_.special.unk = id;
            }
            if (kind == PieceKind::byte) {
                require(fallback_byte(token) >= 0, ErrorCode::bad_tokenizer, p_.source, ": the byte piece '", token, "' is not of the form <0x00>");
                ++bytes;
            }
        }
        require(p_.special.unk != no_token, ErrorCode::bad_tokenizer, p_.source, ": no piece is the unknown one");
        require(bytes == (byte_fallback_ ? 256 : 0), ErrorCode::bad_tokenizer, p_.source, ": ", bytes, " byte pieces, ",
                byte_fallback_ ? "256 are needed" : "and byte_fallback is not set");
    }

    void read_roles() {
        for (TokenId id = 0; id < p_.vocabulary.size(); ++id) {
            const auto kind = kinds_[static_cast<std::size_t>(id)];
            if (kind != PieceKind::control && kind != PieceKind::unknown) continue;
            p_.added.push_back({.id = id, .content = std::string(p_.vocabulary.token(id)), .special = true, .in_text = false});
        }
        for (const auto& [role, piece] : {std::pair{&p_.special.bos, &bos_}, {&p_.special.eos, &eos_}, {&p_.special.pad, &pad_}}) {
            const TokenId id = p_.vocabulary.find(*piece);
            if (id != no_token && kinds_[static_cast<std::size_t>(id)] == PieceKind::control) *role = id;
        }
    }

    std::vector<TokenId> ids_of(std::initializer_list<PieceKind> kinds) const {
        std::vector<TokenId> out;
        for (std::size_t id = 0; id < kinds_.size(); ++id)
            if (std::find(kinds.begin(), kinds.end(), kinds_[id]) != kinds.end()) out.push_back(static_cast<TokenId>(id));
        return out;
    }

    void read_model() {
        using enum PieceKind;
        if (model_ == unigram) {
            p_.model = TokenModel::unigram;
            p_.unigram = Unigram(p_.vocabulary, std::vector<double>(scores_.begin(), scores_.end()),
                                 {.unknown = p_.special.unk,
                                  .byte_fallback = byte_fallback_,
                                  .single_precision = true,
                                  .user_defined = ids_of({user_defined}),
                                  .left_out = ids_of({PieceKind::unknown, control, unused, byte})},
                                 p_.source);
        } else if (model_ == bpe || model_ == character) {
            BpeOptions options;
            options.unknown = p_.vocabulary.token(p_.special.unk);
            options.byte_fallback = byte_fallback_;
            options.unknown_last = true;
            options.user_defined = ids_of({user_defined});
            options.unused = ids_of({unused});
            for (const TokenId id : ids_of({PieceKind::unknown, control}))
                if (utf8_count(p_.vocabulary.token(id)) == 1) options.left_out.push_back(id);
            auto ranks = BpeRanks::by_score(scores_);
            for (std::size_t id = 0; id < kinds_.size(); ++id)
                if (model_ == character || (kinds_[id] != normal && kinds_[id] != unused)) ranks.of[id] = BpeRanks::no_rank;
            p_.bpe = Bpe::from_ranks(p_.vocabulary, ranks, std::move(options), p_.source);
        } else if (model_ == word) {
            p_.model = TokenModel::word_level;
            p_.word_level = {.unknown = p_.special.unk, .fuse_unknown = true, .left_out = ids_of({PieceKind::unknown, control, byte})};
        } else {
            fail(ErrorCode::unsupported, p_.source, ": a SentencePiece model of type ", model_, " is not supported");
        }
    }

    void finish_normalizer() {
        for (const TokenId id : ids_of({PieceKind::user_defined})) normalizer_.user_defined.emplace_back(p_.vocabulary.token(id));
        if (model_ == word) {
            // At the beginning of each meta symbol, also where spaces are suffixes.
            const PreTokenizerStep words{
                .kind = PreTokenizerKind::literal, .behavior = SplitBehavior::merged_with_next, .pattern = std::string(meta_space)};
            p_.pre_tokenizer = PreTokenizer({words});
        } else {
            const auto borders = std::make_shared<PieceBorders>(p_.vocabulary, [&](TokenId id) {
                const auto kind = kinds_[static_cast<std::size_t>(id)];
                return kind == PieceKind::normal || kind == PieceKind::user_defined || kind == PieceKind::unused;
            });
            p_.pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::borders, .borders = borders}});
        }
        SentencePieceDecoder decoder;
        decoder.kinds = kinds_;
        decoder.unknown_surface = unknown_surface_;
        decoder.drop_front = normalizer_.add_dummy_prefix || normalizer_.remove_extra_whitespaces;
        decoder.drop_all_front = normalizer_.remove_extra_whitespaces;
        if (!denormalizer_map_.empty())
            decoder.denormalizer = std::make_shared<SentencePieceNormalizer>(Charsmap(std::move(denormalizer_map_), p_.source), denormalizer_);
        p_.sentencepiece_decoder = std::move(decoder);
        const auto normalizer = std::make_shared<SentencePieceNormalizer>(Charsmap(std::move(map_), p_.source), normalizer_);
        p_.normalizer = Normalizer({{.kind = NormalizerKind::sentencepiece, .sentencepiece = normalizer}});
    }

    TokenizerParts p_;
    std::vector<std::pair<std::string, TokenId>> pieces_;
    std::vector<float> scores_;
    std::vector<PieceKind> kinds_;
    std::int32_t model_ = unigram;
    bool byte_fallback_ = false;
    std::string unknown_surface_ = " \xe2\x81\x87 ", bos_ = "<s>", eos_ = "</s>", pad_ = "<pad>", map_, denormalizer_map_;
    SentencePieceNormalizerOptions normalizer_,
        denormalizer_ = {.add_dummy_prefix = false, .remove_extra_whitespaces = false, .escape_whitespaces = false};
};

}  // namespace detail::text

/// The tokenizer of a SentencePiece model's bytes; `source` names it in messages. Throws bad_offset or bad_header for bytes that are no protocol
/// buffer, bad_tokenizer for pieces that do not make a model, unsupported for a kind of model that this version does not have.
inline Tokenizer tokenizer_from_sentencepiece(std::string_view bytes, std::string source) {
    return Tokenizer(detail::text::SentencePieceReader(std::move(source)).read(bytes));
}

}  // namespace tercet::inline TERCET_ABI
