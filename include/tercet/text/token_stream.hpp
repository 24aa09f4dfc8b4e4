// Text as its tokens come: each piece is whole characters, or whole graphemes.
#pragma once

#include "tercet/text/byte_alphabet.hpp"
#include "tercet/text/grapheme.hpp"
#include "tercet/text/tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

/// Text as its tokens come: holds back what may yet be part of a longer character; with `whole_graphemes` also the last grapheme, which a mark or
/// a joiner may yet make longer (text/grapheme.hpp), so that what is shown never changes.
class TokenStream {
public:
    explicit TokenStream(const Tokenizer& tokenizer, bool skip_special = true, bool whole_graphemes = false)
        : tokenizer_(tokenizer), skip_special_(skip_special), whole_graphemes_(whole_graphemes) {}

    /// The text that this token completes; empty while a character is unfinished. Throws index_out_of_range.
    std::string push(TokenId id) {
        auto piece = tokenizer_.decodes_bytes() ? push_bytes(id) : push_text(id);
        return whole_graphemes_ ? hold_last_grapheme(std::move(piece)) : piece;
    }

    /// What is still held back, unfinished characters as U+FFFD.
    std::string finish() { return std::exchange(grapheme_, {}) + finish_text(); }

private:
    std::string hold_last_grapheme(std::string piece) {
        std::string text = std::exchange(grapheme_, {}) + piece;
        std::size_t last = 0;
        for (std::size_t at = 0; at < text.size(); at = grapheme_end(text, at)) last = at;
        grapheme_ = text.substr(last);
        text.resize(last);
        return text;
    }

    std::string finish_text() {
        if (tokenizer_.decodes_bytes()) return utf8_replace_invalid(std::exchange(held_, {}));
        const std::string text = tokenizer_.decode(ids_, skip_special_);
        std::string piece = text.size() > shown_.size() ? text.substr(shown_.size()) : std::string{};
        shown_ = text;
        return piece;
    }

    // Everything but a tail that is the beginning of a well-formed character.
    std::string push_bytes(TokenId id) {
        const auto token = tokenizer_.token(id);
        if (skip_special_ && tokenizer_.is_special(id)) return {};
        detail::text::append_alphabet_bytes(held_, token);
        std::size_t at = 0;
        while (at < held_.size()) {
            const auto step = utf8_decode(held_, at);
            if (!step.valid && at + step.size == held_.size() && static_cast<unsigned char>(held_[at]) >= 0xc2) break;
            at += step.size;
        }
        std::string piece = utf8_replace_invalid(std::string_view(held_).substr(0, at));
        held_.erase(0, at);
        return piece;
    }

    // Other decoders look at neighbouring tokens: decode the last piece's tokens again with the new ones behind them.
    std::string push_text(TokenId id) {
        ids_.push_back(id);
        const std::string text = tokenizer_.decode(ids_, skip_special_);
        if (text.size() <= shown_.size() || (text.ends_with("\xef\xbf\xbd") && ids_.size() - window_ < 64)) return {};
        std::string piece = text.starts_with(shown_) ? text.substr(shown_.size()) : text;
        ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(window_));
        window_ = ids_.size();
        shown_ = tokenizer_.decode(ids_, skip_special_);
        return piece;
    }

    Tokenizer tokenizer_;
    bool skip_special_, whole_graphemes_;
    std::string grapheme_;      // the last one, which may grow
    std::string held_;          // bytes of an unfinished character
    std::vector<TokenId> ids_;  // the last piece's tokens, then those since
    std::size_t window_ = 0;    // how many belong to the last piece
    std::string shown_;         // what those of the last piece decode to
};

}  // namespace tercet::inline TERCET_ABI
