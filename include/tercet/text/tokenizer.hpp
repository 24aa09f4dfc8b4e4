// Tokenizers: text to ids and back, exact to the id with the libraries that published models were trained with.
//
//   text -> added tokens taken out -> normalizer -> pre-tokenizer -> model (BPE, WordPiece, Unigram, words) -> template (special tokens) -> ids
//   ids  -> tokens -> decoder -> text
//
// A Tokenizer is assembled from its parts and never changes, so threads may share one. text/load_tokenizer.hpp makes one from a
// tokenizer.json, a model directory or a GGUF file.
#pragma once

#include "tercet/core/parallel.hpp"
#include "tercet/text/tokenize_words.hpp"

namespace tercet::inline TERCET_ABI {

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
    explicit Tokenizer(TokenizerParts parts) : p_(std::move(parts)) {
        size_ = p_.vocabulary.size();
        std::vector<std::pair<std::size_t, int>> raw, normalized;
        for (std::size_t i = 0; i < p_.added.size(); ++i) {
            const auto& token = p_.added[i];
            const auto index = static_cast<int>(i);
            require(token.id >= 0 && static_cast<std::size_t>(token.id) <= (p_.vocabulary.count() + p_.added.size()) * 16 + 65536,
                    ErrorCode::bad_tokenizer, p_.source, ": added token '", token.content, "' has the id ", token.id, " in a vocabulary of ",
                    p_.vocabulary.count(), " tokens");
            require(token.content.size() <= 4096, ErrorCode::bad_tokenizer, p_.source, ": added token ", token.id, " is ", token.content.size(),
                    " bytes long, at most 4096 are supported");
            const bool normalize = token.normalized && !p_.normalizer.empty();
            if (normalize) require_utf8(token.content, p_.source);
            shown_.push_back(normalize ? p_.normalizer.apply(token.content).text : token.content);
            if (token.in_text) (token.normalized ? normalized : raw).emplace_back(i, index);
            size_ = std::max(size_, token.id + 1);
        }
        for (const auto& [list, trie] : {std::pair{&raw, &raw_}, {&normalized, &normalized_}}) {
            std::vector<Trie::Entry> entries;
            for (const auto& [i, index] : *list) entries.emplace_back(shown_[i], index);
            *trie = detail::text::AddedTokenTrie(std::move(entries));
        }
        by_id_.assign(static_cast<std::size_t>(size_), -1);
        std::vector<std::pair<std::string, TokenId>> names;
        for (std::size_t i = 0; i < p_.added.size(); ++i) {
            by_id_[static_cast<std::size_t>(p_.added[i].id)] = static_cast<int>(i);
            names.emplace_back(p_.added[i].content, static_cast<TokenId>(i));
        }
        added_names_ = Vocabulary(names, p_.source);
    }

    /// Tokens of a text or a pair. Throws bad_text unless it is UTF-8, invalid_argument when a limit cannot be held.
    Encoding encode(std::string_view text, const EncodeOptions& options = {}) const {
        const Raw first = raw_encode(text, options);
        if (!options.pair) return finish(whole(first), nullptr, options);
        const Encoding second = whole(raw_encode(*options.pair, options));
        return finish(whole(first), &second, options);
    }

    /// The ids alone: what encode() gives, without the time for the rest. Takes no limit and no pair.
    std::vector<TokenId> encode_ids(std::string_view text, bool add_special = true, bool special_as_text = false) const {
        EncodeOptions options;
        options.add_special = add_special;
        options.special_as_text = special_as_text;
        Scratch scratch;
        return ids_of(text, options, scratch);
    }

    /// The ids of many texts, each as encode_ids() gives them; on all threads, and without cutting a word twice where it can be helped.
    std::vector<std::vector<TokenId>> encode_batch(std::span<const std::string_view> texts, bool add_special = true,
                                                   bool special_as_text = false) const {
        EncodeOptions options;
        options.add_special = add_special;
        options.special_as_text = special_as_text;
        std::vector<std::vector<TokenId>> out(texts.size());
        const auto count = static_cast<index_t>(texts.size());
        parallel_ranges(count, std::max<index_t>(1, (count + threads() - 1) / threads()), [&](index_t begin, index_t end) {
            Scratch scratch;
            scratch.cache.prepare(static_cast<std::size_t>(end - begin) * 16);
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) out[i] = ids_of(texts[i], options, scratch);
        });
        return out;
    }

    /// Like encode() with max_length, but gives everything: windows of at most that many tokens that share options.stride tokens. Of a pair
    /// only one text may be longer than its share. Throws invalid_argument for a stride that leaves no progress.
    std::vector<Encoding> encode_windows(std::string_view text, const EncodeOptions& options) const {
        const Encoding first = whole(raw_encode(text, options));
        const Encoding second = options.pair ? whole(raw_encode(*options.pair, options)) : Encoding{};
        const auto [n1, n2] = shares(first.size(), second.size(), options);
        require(n1 == first.size() || n2 == second.size(), ErrorCode::unsupported, "encode_windows: both texts are longer than their share");
        const bool cut_first = n1 < first.size();
        const auto& cut = cut_first ? first : second;
        const std::size_t limit = cut_first ? n1 : n2;
        const auto stride = static_cast<std::size_t>(std::max<index_t>(options.stride, 0));
        require(options.stride >= 0 && (cut.size() == limit || limit == 0 || stride < limit), ErrorCode::invalid_argument,
                "encode_windows: a stride of ", options.stride, " in windows of ", limit, " tokens");
        std::vector<Encoding> out;
        for (const auto& [begin, end] : detail::text::windows(cut.size(), limit, stride, options.truncate_left)) {
            const Encoding part = cut.slice(begin, end);
            const Encoding* other = options.pair ? (cut_first ? &second : &part) : nullptr;
            out.push_back(detail::text::apply_template(template_for(options), cut_first || !options.pair ? part : first, other, options.add_special));
        }
        return out;
    }

    /// The text of ids; bytes that are not UTF-8 become U+FFFD. Throws index_out_of_range for an id that has no token.
    std::string decode(std::span<const TokenId> ids, bool skip_special = true) const {
        if (p_.sentencepiece_decoder) return decode_pieces(ids, skip_special);
        const bool bytes_only = decodes_bytes();
        std::string bytes;
        std::vector<std::string> tokens;
        for (const TokenId id : ids) {
            const auto text = token(id);
            if (skip_special && is_special(id)) continue;
            if (bytes_only) detail::text::append_alphabet_bytes(bytes, text);
            else tokens.emplace_back(text);
        }
        return bytes_only ? utf8_replace_invalid(bytes) : p_.decoder.decode(std::move(tokens));
    }
    std::string decode(std::initializer_list<TokenId> ids, bool skip_special = true) const {
        return decode(std::span<const TokenId>(ids.begin(), ids.size()), skip_special);
    }

    /// Whether a text is its tokens' bytes, one after the other (byte-level BPE).
    bool decodes_bytes() const {
        return !p_.sentencepiece_decoder && p_.decoder.steps().size() == 1 && p_.decoder.steps()[0].kind == DecoderKind::byte_level;
    }

    /// One more than the largest id.
    TokenId vocab_size() const { return size_; }
    bool has(TokenId id) const { return id >= 0 && id < size_ && (by_id_[static_cast<std::size_t>(id)] >= 0 || p_.vocabulary.has(id)); }

    /// A token as the vocabulary spells it ("Ġthe", "##ing"). Throws index_out_of_range.
    std::string_view token(TokenId id) const {
        require(has(id), ErrorCode::index_out_of_range, p_.source, ": token id ", id, " in a vocabulary of ", size_);
        const int added = by_id_[static_cast<std::size_t>(id)];
        return added >= 0 ? std::string_view(shown_[static_cast<std::size_t>(added)]) : p_.vocabulary.token(id);
    }

    /// The id of a token, or no_token.
    TokenId id_of(std::string_view token) const {
        const TokenId added = added_names_.find(token);
        return added != no_token ? p_.added[static_cast<std::size_t>(added)].id : p_.vocabulary.find(token);
    }

    bool is_special(TokenId id) const {
        const int added = id >= 0 && id < size_ ? by_id_[static_cast<std::size_t>(id)] : -1;
        if (added < 0) return false;
        const auto& token = p_.added[static_cast<std::size_t>(added)];
        return token.special && token.content == shown_[static_cast<std::size_t>(added)];  // one that the normalizer changes is text
    }

    /// What it was assembled from.
    const TokenizerParts& parts() const { return p_; }
    const SpecialIds& special() const { return p_.special; }
    TokenModel model() const { return p_.model; }
    const std::string& source() const { return p_.source; }
    /// The length that the tokenizer's files recommend to truncate at; 0 when they name none.
    index_t recommended_length() const { return p_.max_length; }
    /// The chat template (Jinja) of the tokenizer's files; empty when they have none.
    const std::string& chat_template() const { return p_.chat_template; }

private:
    struct Raw {
        std::vector<TokenId> ids;
        std::vector<std::pair<index_t, index_t>> offsets;
    };

    // Counts code points up to a byte; asked for neighbouring bytes it walks only between them.
    class Counter {
    public:
        explicit Counter(std::string_view text) : text_(text) {}
        index_t floor(std::size_t at) {
            move(at);
            return at < text_.size() && continues(at) ? index_ - 1 : index_;
        }
        index_t ceil(std::size_t at) {
            move(at);
            return index_;
        }

    private:
        bool continues(std::size_t i) const { return (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80; }
        void move(std::size_t at) {
            for (; byte_ < at; ++byte_) index_ += !continues(byte_);
            for (; byte_ > at; --byte_) index_ -= !continues(byte_ - 1);
        }
        std::string_view text_;
        std::size_t byte_ = 0;
        index_t index_ = 0;
    };

    using Scratch = detail::text::TokenizeScratch;

    Raw raw_encode(std::string_view text, const EncodeOptions& options) const {
        Scratch scratch;
        return raw_encode(text, options, scratch, true);
    }

    Raw raw_encode(std::string_view text, const EncodeOptions& options, Scratch& work, bool offsets) const {
        require(text.size() < 0x7fffffffu, ErrorCode::size_overflow, "encode: a text of ", text.size(), " bytes, below 2 GiB is supported");
        require_utf8(text, "encode");
        work.bpe.dropout = options.dropout.value_or(p_.bpe.options().dropout);
        require(work.bpe.dropout >= 0 && work.bpe.dropout <= 1, ErrorCode::invalid_argument, "encode: a dropout of ", work.bpe.dropout);
        work.bpe.seed = options.seed;
        work.bpe.drawn = 0;
        Raw out;
        Counter counter(text);
        const bool in_bytes = options.offsets == OffsetUnit::bytes;
        const bool tracked = offsets || p_.pre_tokenizer.needs_origins();
        out.ids.reserve(text.size() / 4 + 1);
        if (offsets) out.offsets.reserve(text.size() / 4 + 1);
        // `shown` is the token as its text or the vocabulary spells it.
        const auto put = [&](TokenId id, Span from, std::string_view shown) {
            out.ids.push_back(id);
            if (!offsets) return;
            std::pair<index_t, index_t> place;
            if (in_bytes) {
                place = {utf8_floor(text, from.begin), utf8_ceil(text, from.end)};
            } else {
                place.first = counter.floor(from.begin);
                place.second = counter.ceil(from.end);
            }
            out.offsets.push_back(p_.trim_offsets ? trimmed(place, shown, out.ids.size() == 1) : place);
        };
        const auto slice = [](const PreTokenized& p, std::size_t begin, std::size_t end) { return p.text.substr(begin, end - begin); };
        const auto cut = [&](PreTokenized& p) {
            p_.pre_tokenizer.apply(p, p_.model == TokenModel::bpe);
            detail::text::tokenize_words(p_, p, work);
            for (const auto& t : work.tokens) {
                if (!offsets) {
                    out.ids.push_back(t.id);
                } else {
                    const bool unknown = p_.model == TokenModel::unigram && t.id == p_.unigram.options().unknown;
                    const auto shown = unknown ? slice(p, t.begin, t.end) : token(t.id);
                    put(t.id, {p.origin(t.begin).begin, p.origin(t.end - 1).end}, shown);
                }
            }
        };
        raw_.split(text, p_.added, options.special_as_text, work.parts);
        for (const auto& part : work.parts) {
            const auto base = static_cast<std::uint32_t>(part.begin);
            const auto piece = text.substr(part.begin, part.end - part.begin);
            if (part.index >= 0) {
                put(p_.added[static_cast<std::size_t>(part.index)].id, {base, static_cast<std::uint32_t>(part.end)}, piece);
                continue;
            }
            const bool normalize = !p_.normalizer.empty();
            work.normal.tracked = tracked;
            if (normalize) p_.normalizer.apply(piece, base, work.normal);
            const std::string_view ready = normalize ? std::string_view(work.normal.text) : piece;
            normalized_.split(ready, p_.added, options.special_as_text, work.inner_parts);
            for (const auto& inner : work.inner_parts) {
                auto& p = work.pre;
                p.text = ready;
                p.spans = normalize && tracked ? work.normal.spans.data() : nullptr;
                p.tracked = tracked;
                p.raw_bytes = false;
                p.base = base;
                p.words.assign(1, {static_cast<std::uint32_t>(inner.begin), static_cast<std::uint32_t>(inner.end)});
                if (inner.index >= 0)
                    put(p_.added[static_cast<std::size_t>(inner.index)].id, {p.origin(inner.begin).begin, p.origin(inner.end - 1).end},
                        slice(p, inner.begin, inner.end));
                else cut(p);
            }
        }
        return out;
    }

    // A byte-level token's place without the spaces that it begins or ends with.
    std::pair<index_t, index_t> trimmed(std::pair<index_t, index_t> place, std::string_view shown, bool first) const {
        const auto blank = [](char32_t c) { return c == byte_alphabet.point_of[' '] || is_space(c); };
        index_t leading = 0, trailing = 0;
        for (std::size_t k = 0; k < shown.size(); ++leading) {
            const auto c = utf8_decode_valid(shown, k);
            if (!blank(c.point)) break;
            k += c.size;
        }
        for (std::size_t k = shown.size(); k > 0; ++trailing) {
            k = utf8_previous(shown, k);
            if (!blank(utf8_decode_valid(shown, k).point)) break;
        }
        auto& [begin, end] = place;
        if ((first || begin == 0) && p_.trim_keeps_prefix_space && leading == 1) leading = 0;
        begin = std::min(begin + leading, end);
        if (end >= trailing) end = std::max(end - trailing, begin);
        return place;
    }

    std::vector<TokenId> ids_of(std::string_view text, const EncodeOptions& options, Scratch& scratch) const {
        Raw raw = raw_encode(text, options, scratch, false);
        if (!options.add_special || p_.single.empty()) return std::move(raw.ids);
        std::vector<TokenId> out;
        for (const auto& piece : p_.single) {
            const auto& ids = piece.sequence == 0 ? raw.ids : piece.ids;
            if (piece.sequence <= 0) out.insert(out.end(), ids.begin(), ids.end());
        }
        return out;
    }

    static Encoding whole(Raw raw) {
        Encoding out;
        const std::size_t n = raw.ids.size();
        out.ids = std::move(raw.ids);
        out.offsets = std::move(raw.offsets);
        out.type_ids.assign(n, 0);
        out.special_tokens_mask.assign(n, 0);
        out.attention_mask.assign(n, 1);
        return out;
    }

    std::string decode_pieces(std::span<const TokenId> ids, bool skip_special) const {
        std::vector<std::pair<TokenId, std::string_view>> pieces;
        for (const TokenId id : ids) {
            const auto text = token(id);
            const bool unknown = p_.sentencepiece_decoder->kind(id) == PieceKind::unknown;  // which has a surface of its own
            if (!skip_special || unknown || !is_special(id)) pieces.emplace_back(id, text);
        }
        return p_.sentencepiece_decoder->decode(pieces);
    }

    const detail::text::Template& template_for(const EncodeOptions& options) const { return options.pair ? p_.pair : p_.single; }

    // How many tokens of each text stay within the limit.
    std::pair<std::size_t, std::size_t> shares(std::size_t n1, std::size_t n2, const EncodeOptions& options) const {
        if (options.max_length == 0) return {n1, n2};
        const std::size_t added = options.add_special ? detail::text::added_tokens(template_for(options)) : 0;
        require(options.max_length >= static_cast<index_t>(added), ErrorCode::invalid_argument, "encode: max_length ", options.max_length, ", but ",
                added, " tokens are added around the text");
        return detail::text::truncated_sizes(n1, n2, options.pair.has_value(), static_cast<std::size_t>(options.max_length) - added,
                                             options.truncation);
    }

    Encoding finish(Encoding first, const Encoding* second, const EncodeOptions& options) const {
        const auto& pieces = template_for(options);
        const auto [n1, n2] = shares(first.size(), second ? second->size() : 0, options);
        const auto cut = [&](const Encoding& from, std::size_t n) {
            return options.truncate_left ? from.slice(from.size() - n, from.size()) : from.slice(0, n);
        };
        if (n1 < first.size()) first = cut(first, n1);
        if (!second) return pieces.empty() ? first : detail::text::apply_template(pieces, first, nullptr, options.add_special);
        const Encoding cut_second = cut(*second, n2);
        return detail::text::apply_template(pieces, first, &cut_second, options.add_special);
    }

    TokenizerParts p_;
    TokenId size_ = 0;
    detail::text::AddedTokenTrie raw_, normalized_;
    std::vector<int> by_id_;          // index into added, or -1
    std::vector<std::string> shown_;  // the added tokens as they are found and decoded: normalized where they say so
    Vocabulary added_names_;          // content -> index into added
};

}  // namespace tercet::inline TERCET_ABI
