// Normalizers: what happens to a text before it is cut into words, with each byte's origin kept.
//
// The steps are those of tokenizer.json's "normalizer": BERT's cleaning (Devlin et al. 2018), the Unicode forms NFC, NFD, NFKC,
// NFKD (UAX #15), lower-casing, accent stripping, SentencePiece's character map and its clean-up for translation (NMT), the byte alphabet,
// replacement, a prepended string, stripping at the ends; and what SentencePiece's own models do (text/sentencepiece_normalizer.hpp).
#pragma once

#include "tercet/text/bert_cleaner.hpp"
#include "tercet/text/byte_alphabet.hpp"
#include "tercet/text/grapheme.hpp"
#include "tercet/text/normal_forms.hpp"
#include "tercet/text/pattern.hpp"
#include "tercet/text/sentencepiece_normalizer.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

enum class NormalizerKind : std::uint8_t {
    bert,
    nfc,
    nfd,
    nfkc,
    nfkd,
    lowercase,
    strip_accents,  // drops combining marks
    nmt,            // drops control characters, makes spaces of what looks like one
    precompiled,    // a character map, grapheme by grapheme
    byte_level,     // the byte alphabet
    replace,
    prepend,
    strip,
    sentencepiece,  // a SentencePiece model's own
};

/// One step; each kind reads the options that are its own.
struct NormalizerStep {
    NormalizerKind kind = NormalizerKind::nfc;
    BertNormalizerOptions bert = {};
    std::string pattern = {}, content = {};    // replace; prepend has content only
    Pattern regex = {};                        // replace: in place of `pattern`, where it is not empty
    bool left = true, right = true;            // strip
    std::shared_ptr<const Charsmap> map = {};  // precompiled
    std::shared_ptr<const SentencePieceNormalizer> sentencepiece = {};
};

/// A sequence of steps; an empty one leaves texts as they are.
class Normalizer {
public:
    Normalizer() = default;
    /// Throws invalid_argument for a step without its character map.
    explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {
        using enum NormalizerKind;
        for (const auto& s : steps_)
            require((s.kind != precompiled || s.map) && (s.kind != sentencepiece || s.sentencepiece), ErrorCode::invalid_argument,
                    "normalizer: a step without its character map");
    }

    bool empty() const { return steps_.empty(); }
    const std::vector<NormalizerStep>& steps() const { return steps_; }

    /// Normalizes well-formed UTF-8; origins count bytes from `base`, where the text begins in a longer one, and are left out unless tracked.
    /// Throws size_overflow for a text of 4 GiB or more.
    NormalizedText apply(std::string_view text, std::uint32_t base = 0, bool tracked = true) const {
        NormalizedText out;
        out.tracked = tracked;
        apply(text, base, out);
        return out;
    }

    /// The same into `out`, in place of what is there.
    void apply(std::string_view text, std::uint32_t base, NormalizedText& out) const {
        require(text.size() < 0xffffffffu - base, ErrorCode::size_overflow, "normalizer: a text of ", text.size(),
                " bytes, below 4 GiB is supported");
        out.text.clear();
        out.spans.clear();
        out.reserve(text.size() + text.size() / 8);
        if (steps_.size() == 1 && steps_[0].kind == NormalizerKind::bert) {
            apply_bert(steps_[0].bert, text, base, out);
        } else if (steps_.size() == 1 && steps_[0].kind == NormalizerKind::sentencepiece) {
            steps_[0].sentencepiece->apply(text, base, out);
        } else {
            Points points;
            points.reserve(text.size());
            for (std::size_t i = 0; i < text.size();) {
                const auto step = utf8_decode_valid(text, i);
                const auto begin = base + static_cast<std::uint32_t>(i);
                points.push_back({step.point, {begin, begin + step.size}});
                i += step.size;
            }
            for (const auto& step : steps_) points = apply_step(step, std::move(points), {base, base});
            for (const auto& c : points) out.append(c.point, c.from);
        }
        require(out.text.size() < 0xffffffffu, ErrorCode::size_overflow, "normalizer: the text grew to ", out.text.size(), " bytes");
    }

private:
    using Points = std::vector<detail::text::AlignedChar>;

    static void apply_bert(const BertNormalizerOptions& options, std::string_view text, std::uint32_t base, NormalizedText& out) {
        detail::text::BertCleaner cleaner(options, {base, base}, [&](char32_t c, Span from) { out.append(c, from); });
        for (std::size_t i = 0; i < text.size();) {
            const auto c = static_cast<unsigned char>(text[i]);
            const auto begin = base + static_cast<std::uint32_t>(i);
            if (c < 0x80 && options.clean_text && !cleaner.pending()) {  // most of most texts
                ++i;
                const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
                if (!space && (c < 0x20 || c == 0x7f)) continue;
                const Span from{begin, begin + 1};
                out.text.push_back(static_cast<char>(space ? ' ' : options.lowercase && c >= 'A' && c <= 'Z' ? c + 32 : c));
                if (out.tracked) out.spans.push_back(from);
                cleaner.note(from);
                continue;
            }
            const auto step = utf8_decode_valid(text, i);
            cleaner.push(step.point, {begin, begin + step.size});
            i += step.size;
        }
        cleaner.finish();
    }

    static Points apply_step(const NormalizerStep& step, Points in, Span before) {
        using enum NormalizerKind;
        switch (step.kind) {
        case bert: {
            Points out;
            out.reserve(in.size());
            detail::text::BertCleaner cleaner(step.bert, before, [&](char32_t c, Span from) { out.push_back({c, from}); });
            for (const auto& c : in) cleaner.push(c.point, c.from);
            cleaner.finish();
            return out;
        }
        case nfd:
        case nfkd: return detail::text::transform(in, detail::text::decompose_changes(in, step.kind == nfkd), before);
        case nfc:
        case nfkc: return detail::text::transform(in, detail::text::compose_changes(detail::text::decompose_changes(in, step.kind == nfkc)), before);
        case lowercase: {
            Points out;
            out.reserve(in.size());
            for (const auto& c : in) {
                const auto lowered = to_lower(c.point);
                out.push_back({lowered.first, c.from});
                if (lowered.second) out.push_back({lowered.second, c.from});
            }
            return out;
        }
        case strip_accents: std::erase_if(in, [](const auto& c) { return is_combining_mark(c.point); }); return in;
        case nmt:
            std::erase_if(in, [](const auto& c) { return is_nmt_control(c.point); });
            for (auto& c : in) c.point = is_nmt_space(c.point) ? U' ' : c.point;
            return in;
        case precompiled: return map_graphemes(*step.map, std::move(in), before);
        case byte_level: {
            Points out;
            for (const auto& c : in)
                for (const char byte : utf8_encode({&c.point, 1})) out.push_back({byte_alphabet.point_of[static_cast<unsigned char>(byte)], c.from});
            return out;
        }
        case replace: return step.regex.empty() ? replace_all(step, std::move(in)) : replace_matches(step, in);
        case prepend: {
            if (in.empty()) return in;
            Points out;
            for (const char32_t c : utf8_points(step.content)) out.push_back({c, in[0].from});
            out.insert(out.end(), in.begin(), in.end());
            return out;
        }
        case strip: {
            std::size_t first = 0, last = in.size();
            while (step.left && first < last && is_space(in[first].point)) ++first;
            while (step.right && last > first && is_space(in[last - 1].point)) --last;
            return {in.begin() + static_cast<std::ptrdiff_t>(first), in.begin() + static_cast<std::ptrdiff_t>(last)};
        }
        case sentencepiece: return apply_sentencepiece(*step.sentencepiece, in);
        }
        return in;
    }

    // The characters that SentencePiece's clean-up for translation drops, and those that it takes for spaces.
    static bool is_nmt_control(char32_t c) {
        return (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
    }
    static bool is_nmt_space(char32_t c) {
        return c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 ||
               c == 0x2581 || c == 0xfeff || c == 0xfffd;
    }

    static std::string text_of(const Points& points) {
        std::string text;
        text.reserve(points.size());
        for (const auto& c : points) utf8_append(text, c.point);
        return text;
    }

    // A grapheme of less than six bytes is looked up as a whole, the others character by character; the map's shortest entry counts, and what is
    // behind it in the grapheme goes. That is how the Hugging Face library reads the map.
    static Points map_graphemes(const Charsmap& map, Points in, Span before) {
        const std::string text = text_of(in);
        std::vector<detail::text::Change> changes;
        changes.reserve(in.size());
        bool modified = false;
        const auto replaced = [&](std::string_view part) {
            const auto match = map.shortest(part, 0);
            if (match.size == 0) return false;
            modified = true;
            const auto had = static_cast<std::ptrdiff_t>(utf8_count(part)), has = static_cast<std::ptrdiff_t>(utf8_count(match.replacement));
            for (const char32_t c : utf8_points(match.replacement)) changes.push_back({c, 0});
            for (std::ptrdiff_t i = 0; i < has - had; ++i) changes[changes.size() - 1 - static_cast<std::size_t>(i)].change = 1;
            if (has < had && !changes.empty()) changes.back().change += static_cast<int>(has - had);
            return true;
        };
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = grapheme_end(text, at);
            const auto grapheme = std::string_view(text).substr(at, end - at);
            at = end;
            if (grapheme.size() == 1 && map.plain(grapheme[0])) {
                changes.push_back({static_cast<char32_t>(grapheme[0]), 0});
                continue;
            }
            if (grapheme.size() < 6 && replaced(grapheme)) continue;
            for (std::size_t i = 0; i < grapheme.size();) {
                const auto c = utf8_decode_valid(grapheme, i);
                if (!replaced(grapheme.substr(i, c.size))) changes.push_back({c.point, 0});
                i += c.size;
            }
        }
        return modified ? detail::text::transform(in, changes, before) : in;
    }

    // After other steps: the origins are those steps', looked up by the bytes of the text between.
    static Points apply_sentencepiece(const SentencePieceNormalizer& normalizer, const Points& in) {
        std::vector<Span> origins;
        for (const auto& c : in) origins.resize(origins.size() + utf8_size(c.point), c.from);
        NormalizedText normal;
        normalizer.apply(text_of(in), 0, normal);
        Points out;
        for (std::size_t i = 0; i < normal.text.size();) {
            const auto c = utf8_decode_valid(normal.text, i);
            const Span from = normal.spans[i];
            const auto begin = from.begin < origins.size() ? origins[from.begin].begin : origins.empty() ? 0 : origins.back().end;
            out.push_back({c.point, {begin, from.end > from.begin ? origins[from.end - 1].end : begin}});
            i += c.size;
        }
        return out;
    }

    static Points replace_matches(const NormalizerStep& step, const Points& in) {
        const std::string text = text_of(in);
        const auto content = utf8_points(step.content);
        Points out;
        std::size_t i = 0, at = 0;  // a character, and where it begins in the text
        const auto copy_until = [&](std::size_t end, bool keep) {
            for (; at < end; at += utf8_size(in[i++].point))
                if (keep) out.push_back(in[i]);
        };
        PatternMatches matches(step.regex, text);
        while (const auto match = matches.next()) {
            copy_until(match->begin, true);
            copy_until(match->end, false);
            for (const char32_t c : content) out.push_back({c, i > 0 ? in[i - 1].from : Span{}});
        }
        copy_until(text.size(), true);
        return out;
    }

    // Every occurrence of the pattern, left to right; what comes in has the origin of the last character that went.
    static Points replace_all(const NormalizerStep& step, Points in) {
        const auto pattern = utf8_points(step.pattern), content = utf8_points(step.content);
        if (pattern.empty()) return in;
        Points out;
        out.reserve(in.size());
        for (std::size_t i = 0; i < in.size();) {
            std::size_t matched = 0;
            while (matched < pattern.size() && i + matched < in.size() && in[i + matched].point == pattern[matched]) ++matched;
            if (matched == pattern.size()) {
                i += matched;
                for (const char32_t c : content) out.push_back({c, in[i - 1].from});
            } else {
                out.push_back(in[i++]);
            }
        }
        return out;
    }

    std::vector<NormalizerStep> steps_;
};

}  // namespace tercet::inline TERCET_ABI
