// Normalizers: what happens to a text before it is cut into words, with each byte's origin kept.
//
// The steps are those of tokenizer.json's "normalizer": BERT's cleaning (Devlin et al. 2018), the Unicode forms NFC, NFD, NFKC,
// NFKD (UAX #15), lower-casing, accent stripping, literal replacement, a prepended string, stripping at the ends.
//
// Origins follow the rules of the Hugging Face library, since its offsets are what a user compares with: a character that
// replaces another has that one's origin, an inserted character has the origin of the one consumed before it, and a removed
// character leaves no trace. Each step is therefore a list of (character, change): 0 replaces, 1 inserts, -n replaces and drops n.
#pragma once

#include "tercet/text/unicode.hpp"
#include "tercet/text/utf8.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// A range of bytes of the original text.
struct Span {
    std::uint32_t begin = 0, end = 0;
};

/// A text and where each of its bytes came from: spans has one entry a byte.
struct NormalizedText {
    std::string text;
    std::vector<Span> spans;

    void append(char32_t point, Span from) {
        utf8_append(text, point);
        spans.resize(text.size(), from);
    }
};

enum class NormalizerKind : std::uint8_t { bert, nfc, nfd, nfkc, nfkd, lowercase, strip_accents, replace, prepend, strip };

/// One step; each kind reads the options that are its own.
struct NormalizerStep {
    NormalizerKind kind = NormalizerKind::nfc;
    bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;  // bert
    std::string pattern = {}, content = {};                                                       // replace; prepend has content only
    bool left = true, right = true;                                                               // strip
};

namespace detail::text {

struct AlignedChar {
    char32_t point;
    Span from;
};

struct Change {
    char32_t point;
    int change;  // 0 replaces, 1 inserts, -n replaces and drops the n that follow
};

// The new characters with their origins; `skip` characters at the front are dropped.
inline std::vector<AlignedChar> transform(const std::vector<AlignedChar>& in, const std::vector<Change>& changes, std::size_t skip, Span before) {
    std::vector<AlignedChar> out;
    out.reserve(changes.size());
    std::size_t at = skip;
    for (const auto& [point, change] : changes) {
        if (change > 0) {
            out.push_back({point, at > 0 && at <= in.size() ? in[at - 1].from : before});
        } else {
            out.push_back({point, at < in.size() ? in[at].from : before});
            at += 1 + static_cast<std::size_t>(-change);
        }
    }
    return out;
}

template <class Keep>
std::vector<AlignedChar> filter(std::vector<AlignedChar> in, Keep keep) {
    std::erase_if(in, [&](const AlignedChar& c) { return !keep(c.point); });
    return in;
}

// NFD or NFKD as a list of changes: marks sorted by class, the changes travelling with them.
inline std::vector<Change> decompose_changes(const std::vector<AlignedChar>& in, bool compatible) {
    struct Mark {
        Change change;
        std::uint32_t combining;
    };
    std::vector<Change> out;
    std::vector<Mark> pending;
    out.reserve(in.size());
    const auto flush = [&] {
        std::stable_sort(pending.begin(), pending.end(), [](const Mark& a, const Mark& b) { return a.combining < b.combining; });
        for (const auto& mark : pending) out.push_back(mark.change);
        pending.clear();
    };
    for (const auto& c : in) {
        int change = 0;
        const auto emit = [&](char32_t point) {
            const auto combining = combining_class(point);
            if (combining == 0) {
                flush();
                out.push_back({point, change});
            } else {
                pending.push_back({{point, change}, combining});
            }
            change = 1;
        };
        if (compatible) decompose_compatible(c.point, emit);
        else decompose_canonical(c.point, emit);
    }
    flush();
    return out;
}

// NFC or NFKC from the decomposed changes (UAX #15, section 3.11): a starter takes each later mark that nothing blocks.
inline std::vector<Change> compose_changes(const std::vector<Change>& in) {
    std::vector<Change> out, marks;
    bool have_starter = false;
    Change starter{};
    std::uint32_t last_class = 0;  // of the last mark kept between the starter and here; 0 when none was
    const auto flush = [&] {
        out.insert(out.end(), marks.begin(), marks.end());
        marks.clear();
        last_class = 0;
    };
    for (const auto& c : in) {
        const auto combining = combining_class(c.point);
        if (!have_starter) {
            if (combining != 0) {
                out.push_back(c);
            } else {
                starter = c;
                have_starter = true;
            }
            continue;
        }
        const bool blocked = !marks.empty() && last_class >= combining;
        if (const char32_t composed = blocked ? 0 : compose(starter.point, c.point)) {
            starter = {composed, starter.change + c.change - 1};
        } else if (combining == 0) {
            out.push_back(starter);
            flush();
            starter = c;
        } else {
            marks.push_back(c);
            last_class = combining;
        }
    }
    if (have_starter) out.push_back(starter);
    flush();
    return out;
}

// BERT's four steps in one pass. Characters come in one by one; what comes out goes to sink(point, span).
template <class Sink>
class BertCleaner {
public:
    BertCleaner(const NormalizerStep& options, Span before, Sink sink) : options_(options), consumed_(before), sink_(std::move(sink)) {}

    void push(char32_t c, Span from) {
        if (options_.clean_text) {
            if (c == 0 || c == U'\uFFFD' || is_bert_control(c)) return;
            if (is_space(c)) c = ' ';
        }
        if (options_.handle_chinese_chars && is_cjk_ideograph(c)) {
            decompose(' ', from);
            decompose(c, from);
            decompose(' ', from);
        } else {
            decompose(c, from);
        }
    }

    void finish() { flush(); }

    bool pending() const { return !marks_.empty(); }
    // For a character that the caller has cleaned and that is a starter without decomposition.
    void note(Span from) { consumed_ = from; }

private:
    struct Mark {
        char32_t point;
        std::uint32_t combining;
        int change;
    };

    void decompose(char32_t c, Span from) {
        if (!options_.strip_accents) return lower(c, from);
        waiting_.push_back(from);
        int change = 0;
        decompose_canonical(c, [&](char32_t point) {
            const auto combining = combining_class(point);
            if (combining == 0) {
                flush();
                resolve(point, change);
            } else {
                marks_.push_back({point, combining, change});
            }
            change = 1;
        });
    }

    void flush() {
        if (marks_.empty()) return;
        std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& a, const Mark& b) { return a.combining < b.combining; });
        for (const auto& mark : marks_) resolve(mark.point, mark.change);
        marks_.clear();
    }

    // A replacing character consumes the next origin that waits; an inserted one repeats the last.
    void resolve(char32_t point, int change) {
        if (change == 0) {
            consumed_ = waiting_[first_waiting_++];
            if (first_waiting_ == waiting_.size()) {
                waiting_.clear();
                first_waiting_ = 0;
            }
        }
        if (!is_bert_nonspacing(point)) lower(point, consumed_);
    }

    void lower(char32_t c, Span from) {
        if (!options_.lowercase) return sink_(c, from);
        const auto lowered = to_lower(c);
        sink_(lowered.first, from);
        if (lowered.second) sink_(lowered.second, from);
    }

    const NormalizerStep& options_;
    Span consumed_;  // the origin of the last character that the decomposition consumed
    Sink sink_;
    std::vector<Mark> marks_;
    std::vector<Span> waiting_;
    std::size_t first_waiting_ = 0;
};

}  // namespace detail::text

/// A sequence of steps; an empty one leaves texts as they are.
class Normalizer {
public:
    Normalizer() = default;
    explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}

    bool empty() const { return steps_.empty(); }
    const std::vector<NormalizerStep>& steps() const { return steps_; }

    /// Normalizes well-formed UTF-8; origins count bytes from `base`, where the text begins in a longer one.
    /// Throws size_overflow for a text of 4 GiB or more.
    NormalizedText apply(std::string_view text, std::uint32_t base = 0) const {
        require(text.size() < 0xffffffffu - base, ErrorCode::size_overflow, "normalizer: a text of ", text.size(),
                " bytes, below 4 GiB is supported");
        if (steps_.size() == 1 && steps_[0].kind == NormalizerKind::bert) return apply_bert(steps_[0], text, base);
        std::vector<detail::text::AlignedChar> points;
        points.reserve(text.size());
        for (std::size_t i = 0; i < text.size();) {
            const auto step = utf8_decode_valid(text, i);
            const auto begin = base + static_cast<std::uint32_t>(i);
            points.push_back({step.point, {begin, begin + step.size}});
            i += step.size;
        }
        for (const auto& step : steps_) points = apply_step(step, std::move(points), {base, base});
        NormalizedText out;
        out.text.reserve(points.size());
        for (const auto& c : points) out.append(c.point, c.from);
        require(out.text.size() < 0xffffffffu, ErrorCode::size_overflow, "normalizer: the text grew to ", out.text.size(), " bytes");
        return out;
    }

private:
    using Points = std::vector<detail::text::AlignedChar>;

    static NormalizedText apply_bert(const NormalizerStep& options, std::string_view text, std::uint32_t base) {
        NormalizedText out;
        out.text.reserve(text.size() + text.size() / 8);
        out.spans.reserve(text.size() + text.size() / 8);
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
                out.spans.push_back(from);
                cleaner.note(from);
                continue;
            }
            const auto step = utf8_decode_valid(text, i);
            cleaner.push(step.point, {begin, begin + step.size});
            i += step.size;
        }
        cleaner.finish();
        return out;
    }

    static Points apply_step(const NormalizerStep& step, Points in, Span before) {
        using enum NormalizerKind;
        switch (step.kind) {
        case bert: {
            Points out;
            out.reserve(in.size());
            detail::text::BertCleaner cleaner(step, before, [&](char32_t c, Span from) { out.push_back({c, from}); });
            for (const auto& c : in) cleaner.push(c.point, c.from);
            cleaner.finish();
            return out;
        }
        case nfd:
        case nfkd: return detail::text::transform(in, detail::text::decompose_changes(in, step.kind == nfkd), 0, before);
        case nfc:
        case nfkc:
            return detail::text::transform(in, detail::text::compose_changes(detail::text::decompose_changes(in, step.kind == nfkc)), 0, before);
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
        case strip_accents: return detail::text::filter(std::move(in), [](char32_t c) { return !is_combining_mark(c); });
        case replace: return replace_all(step, std::move(in));
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
        }
        return in;
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
