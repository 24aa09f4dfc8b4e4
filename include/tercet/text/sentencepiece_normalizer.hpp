// What a SentencePiece model does to a text before it is cut (Kudo and Richardson 2018, section 3; normalizer.cc): its character map, the longest
// entry first, then spaces.
//
//   " Hello  world "   →   ▁Hello▁world
//
// remove_extra_whitespaces drops spaces in front, at the end and after another; add_dummy_prefix puts one in front, or at the end where the model was
// trained with spaces as suffixes; escape_whitespaces writes them as U+2581. Symbols that the user defined pass through the map as they are.
#pragma once

#include "tercet/text/charsmap.hpp"
#include "tercet/text/normalized_text.hpp"
#include "tercet/text/trie.hpp"

namespace tercet::inline TERCET_ABI {

/// The meta symbol, U+2581.
inline constexpr std::string_view meta_space = "\xe2\x96\x81";

struct SentencePieceNormalizerOptions {
    bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
    bool whitespace_as_suffix = false;
    std::vector<std::string> user_defined = {};
};

class SentencePieceNormalizer {
public:
    SentencePieceNormalizer(Charsmap map, SentencePieceNormalizerOptions options) : map_(std::move(map)), options_(std::move(options)) {
        std::vector<Trie::Entry> symbols;
        for (const auto& symbol : options_.user_defined) {
            symbols.emplace_back(symbol, 0);
            if (!symbol.empty()) starts_[static_cast<unsigned char>(symbol[0])] = true;
        }
        symbols_ = Trie(std::move(symbols));
        for (std::size_t c = 0; c < 0x80; ++c) plain_[c] = map_.plain(static_cast<char>(c)) && !starts_[c];
    }

    const Charsmap& map() const { return map_; }
    const SentencePieceNormalizerOptions& options() const { return options_; }

    /// Appends the normalized form of well-formed UTF-8 to `out`; origins count bytes from `base`.
    void apply(std::string_view text, std::uint32_t base, NormalizedText& out) const {
        const std::string_view space = options_.escape_whitespaces ? meta_space : std::string_view(" ");
        const bool squeeze = options_.remove_extra_whitespaces;
        const auto place = [&](std::size_t at) { return base + static_cast<std::uint32_t>(at); };
        std::size_t at = 0;
        while (squeeze && at < text.size()) {
            const auto step = next(text, at);
            if (step.replacement != " ") break;
            at += step.size;
        }
        if (at == text.size()) return;
        const Span front{place(at), place(at)};
        const std::size_t begin = out.text.size();
        if (options_.add_dummy_prefix && !options_.whitespace_as_suffix) out.append(space, front);
        bool after_space = squeeze;
        while (at < text.size()) {
            if (const std::size_t end = plain_end(text, at); end > at) {
                out.append_each(text.substr(at, end - at), place(at));
                at = end;
                after_space = false;
                continue;
            }
            if (text[at] == ' ' && plain_[std::size_t{' '}] && (at + 1 == text.size() || static_cast<unsigned char>(text[at + 1]) < 0x80)) {
                if (!after_space) out.append(space, {place(at), place(at + 1)});
                after_space = squeeze;
                ++at;
                continue;
            }
            const auto step = next(text, at);
            auto piece = step.replacement;
            while (after_space && piece.starts_with(' ')) piece.remove_prefix(1);
            const Span from{place(at), place(at + step.size)};
            for (std::size_t i = 0; i < piece.size(); ++i) {
                if (piece[i] == ' ') out.append(space, from);
                else out.append(piece.substr(i, 1), from);
            }
            if (!piece.empty()) after_space = squeeze && piece.back() == ' ';
            at += step.size;
        }
        if (squeeze) {
            while (out.text.size() >= begin + space.size() && out.text.ends_with(space)) out.shrink(out.text.size() - space.size());
        }
        if (options_.add_dummy_prefix && options_.whitespace_as_suffix) out.append(space, {place(text.size()), place(text.size())});
    }

private:
    // What stands at text[at], and what becomes of it.
    Charsmap::Match next(std::string_view text, std::size_t at) const {
        if (starts_[static_cast<unsigned char>(text[at])]) {
            if (const auto [size, index] = symbols_.longest(text, at); size > 0) return {size, text.substr(at, size)};
        }
        if (const auto match = map_.longest(text, at); match.size > 0) return match;
        const std::size_t size = utf8_decode_valid(text, at).size;
        return {size, text.substr(at, size)};
    }

    // The end of the ASCII characters from `at` on that stay as they are, without spaces.
    std::size_t plain_end(std::string_view text, std::size_t at) const {
        const auto plain = [&](std::size_t i) {
            const auto c = static_cast<unsigned char>(text[i]);
            return c < 0x80 && c != ' ' && plain_[c] && (i + 1 == text.size() || static_cast<unsigned char>(text[i + 1]) < 0x80);
        };
        while (at < text.size() && plain(at)) ++at;
        return at;
    }

    Charsmap map_;
    SentencePieceNormalizerOptions options_;
    Trie symbols_;
    bool starts_[256] = {}, plain_[0x80] = {};
};

}  // namespace tercet::inline TERCET_ABI
