// Pre-tokenizers: cut a normalized text into words, which the model then cuts into tokens one by one.
//
// The steps are those of tokenizer.json's "pre_tokenizer". Each takes the words so far and cuts them further; a few also change
// the text (a space put in front, the byte-level alphabet, the meta symbol for spaces), and then each byte's origin comes along.
// A pattern finds matches; a behaviour says what becomes of them ("the-final--countdown" cut at '-'):
//
//   removed               the · final · countdown
//   isolated              the · - · final · - · - · countdown
//   merged_with_previous  the- · final- · - · countdown
//   merged_with_next      the · -final · - · -countdown
//   contiguous            the · - · final · -- · countdown
#pragma once

#include "tercet/text/byte_alphabet.hpp"
#include "tercet/text/grapheme.hpp"
#include "tercet/text/normalized_text.hpp"
#include "tercet/text/pattern.hpp"
#include "tercet/text/piece_borders.hpp"
#include "tercet/text/scanner.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace tercet::inline TERCET_ABI {

enum class SplitBehavior : std::uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

enum class PreTokenizerKind : std::uint8_t {
    bert,              // at whitespace, then around each punctuation character
    gpt2,              // GPT-2's expression
    cl100k,            // cl100k's, with `limit` numbers a word
    byte_level,        // the byte alphabet; must be preceded by gpt2 where use_regex is set
    digits,            // around numbers, each on its own when the behaviour is isolated
    number_run,        // \p{N}{1,limit}
    literal,           // a literal pattern
    pattern,           // a regular expression, `compiled`
    punctuation,       // each punctuation character
    whitespace,        // \w+|[^\w\s]+
    whitespace_split,  // at whitespace
    metaspace,         // spaces become `pattern`, the meta symbol
    prefix_space,      // a space in front of each word that has none
    scripts,           // where the script changes; a space is of any script
    fixed_length,      // `limit` characters a word
    borders,           // where no token reaches across
};

enum class PrependScheme : std::uint8_t { always, first, never };

struct PreTokenizerStep {
    PreTokenizerKind kind = PreTokenizerKind::bert;
    SplitBehavior behavior = SplitBehavior::isolated;
    std::string pattern = {};                          // literal, metaspace
    std::size_t limit = 3;                             // cl100k, number_run, fixed_length
    bool invert = false;                               // literal, pattern, number_run, gpt2, cl100k: what does not match is what matches
    bool split = true;                                 // metaspace
    PrependScheme prepend = PrependScheme::always;     // metaspace
    Pattern compiled = {};                             // pattern
    std::shared_ptr<const PieceBorders> borders = {};  // borders
};

/// A word: bytes [begin, end) of the text that is being cut.
struct Word {
    std::uint32_t begin, end;
};

/// A text on its way through the steps. spans is null while each byte's origin is its own place, `base` further on.
struct PreTokenized {
    std::string_view text;
    const Span* spans = nullptr;
    std::uint32_t base = 0;
    bool tracked = true;     // steps that rewrite the text keep the origins
    bool raw_bytes = false;  // the words hold the bytes themselves: the byte alphabet is left to the model
    std::vector<Word> words;
    std::vector<Word> next;  // room for the words of the next step
    NormalizedText owned;    // text and spans, once a step has rewritten them

    Span origin(std::size_t byte) const {
        const auto i = static_cast<std::uint32_t>(byte);
        return spans ? spans[byte] : Span{base + i, base + i + 1};
    }
};

namespace detail::text {

// Applies a behaviour to matches as they come; finish() before the next word.
class Splitter {
public:
    Splitter(SplitBehavior behavior, bool invert, std::vector<Word>& out) : behavior_(behavior), invert_(invert), out_(out) {}

    void operator()(std::size_t begin, std::size_t end, bool match) {
        if (begin == end) {  // an empty match only cuts
            if (match && behavior_ == SplitBehavior::contiguous) previous_ = !invert_;
            return;
        }
        match = match != invert_;
        const Word word{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
        const bool extend = behavior_ == SplitBehavior::contiguous             ? have_ && match == previous_
                            : behavior_ == SplitBehavior::merged_with_previous ? have_ && match && !previous_
                            : behavior_ == SplitBehavior::merged_with_next     ? have_ && !match && previous_
                                                                               : false;
        if (behavior_ == SplitBehavior::removed && match) {
        } else if (extend) {
            out_.back().end = word.end;
        } else {
            out_.push_back(word);
        }
        previous_ = match;
        have_ = true;
    }

    void finish() { previous_ = have_ = false; }

private:
    SplitBehavior behavior_;
    bool invert_, previous_ = false, have_ = false;
    std::vector<Word>& out_;
};

}  // namespace detail::text

class PreTokenizer {
public:
    PreTokenizer() = default;
    /// Throws invalid_argument for a step without what its kind needs: a pattern, words of at least one character.
    explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {
        using enum PreTokenizerKind;
        for (const auto& s : steps_) {
            require((s.kind != literal && s.kind != metaspace) || !s.pattern.empty(), ErrorCode::invalid_argument, "pre-tokenizer: an empty pattern");
            require((s.kind != cl100k && s.kind != number_run && s.kind != fixed_length) || s.limit > 0, ErrorCode::invalid_argument,
                    "pre-tokenizer: words of at most 0 characters");
            require(s.kind != borders || s.borders, ErrorCode::invalid_argument, "pre-tokenizer: a step without its borders");
        }
    }

    const std::vector<PreTokenizerStep>& steps() const { return steps_; }

    /// Whether a step asks where a word stood in the text.
    bool needs_origins() const {
        return std::any_of(steps_.begin(), steps_.end(), [](const PreTokenizerStep& step) {
            return step.kind == PreTokenizerKind::metaspace && step.prepend == PrependScheme::first;
        });
    }

    /// Cuts p.words further, step by step. With `keep_raw_bytes` a byte-level last step only sets raw_bytes.
    void apply(PreTokenized& p, bool keep_raw_bytes) const {
        auto& next = p.next;
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            const auto& step = steps_[i];
            if (step.kind == PreTokenizerKind::byte_level && keep_raw_bytes && i + 1 == steps_.size()) {
                p.raw_bytes = true;
                break;
            }
            if (step.kind == PreTokenizerKind::byte_level || step.kind == PreTokenizerKind::metaspace ||
                step.kind == PreTokenizerKind::prefix_space) {
                rewrite(p, step);
                if (step.kind != PreTokenizerKind::metaspace || !step.split) continue;
            }
            next.clear();
            next.reserve(p.words.size() + p.text.size() / 6);
            cut(p, step, next);
            p.words.swap(next);
        }
    }

private:
    // One word after the other, each match to a splitter.
    static void cut(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out) {
        using enum PreTokenizerKind;
        switch (step.kind) {
        case bert: return cut_bert(p, out);
        case gpt2: return scan(p, step, out, [](std::string_view text, std::size_t at) { return scan_gpt2(text, at); });
        case cl100k: return scan(p, step, out, [&](std::string_view text, std::size_t at) { return scan_cl100k(text, at, step.limit); });
        case digits: return cut_at(p, step, out, [](char32_t c) { return is_numeric(c); });
        case punctuation: return cut_at(p, step, out, [](char32_t c) { return is_bert_punctuation(c); });
        case whitespace_split: return cut_at(p, step, out, [](char32_t c) { return is_space(c); });
        case number_run: return cut_numbers(p, step, out);
        case pattern: return cut_pattern(p, step, out);
        case literal:
        case metaspace: return cut_literal(p, step, out);
        case whitespace: return cut_whitespace(p, out);
        case borders: return cut_borders(p, *step.borders, out);
        case scripts: return cut_scripts(p, out);
        case fixed_length: return cut_fixed(p, step, out);
        case byte_level:
        case prefix_space: return;
        }
    }

    template <class Scan>
    static void scan(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out, Scan next) {
        detail::text::Splitter split(step.behavior, step.invert, out);
        for (const auto& word : p.words) {
            const auto text = p.text.substr(0, word.end);
            for (std::size_t at = word.begin; at < word.end;) {
                const std::size_t end = next(text, at);
                split(at, end, true);
                at = end;
            }
            split.finish();
        }
    }

    template <class Match>
    static void cut_at(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out, Match match) {
        detail::text::Splitter split(step.behavior, step.invert, out);
        for (const auto& word : p.words) {
            std::size_t begin = word.begin;
            for (std::size_t at = begin; at < word.end;) {
                const auto c = utf8_decode_valid(p.text, at);
                if (match(c.point)) {
                    split(begin, at, false);
                    split(at, at + c.size, true);
                    begin = at + c.size;
                }
                at += c.size;
            }
            split(begin, word.end, false);
            split.finish();
        }
    }

    static void cut_bert(const PreTokenized& p, std::vector<Word>& out) {
        for (const auto& word : p.words) {
            std::uint32_t begin = word.begin;
            const auto close = [&](std::uint32_t at) {
                if (begin < at) out.push_back({begin, at});
            };
            for (std::uint32_t at = word.begin; at < word.end;) {
                const auto c = utf8_decode_valid(p.text, at);
                const auto flags = detail::unicode::flags_of(c.point);
                if (flags & (detail::unicode::space | detail::unicode::bert_punctuation)) {
                    close(at);
                    if (!(flags & detail::unicode::space)) out.push_back({at, at + c.size});
                    begin = at + c.size;
                }
                at += c.size;
            }
            close(word.end);
        }
    }

    static void cut_numbers(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out) {
        detail::text::Splitter split(step.behavior, step.invert, out);
        for (const auto& word : p.words) {
            const auto text = p.text.substr(0, word.end);
            std::size_t begin = word.begin;
            for (std::size_t at = begin; at < word.end;) {
                const std::size_t end = detail::text::run_end(text, at, detail::text::WordClass::number, step.limit);
                if (end > at) {
                    split(begin, at, false);
                    split(at, end, true);
                    begin = at = end;
                } else {
                    at += utf8_decode_valid(text, at).size;
                }
            }
            split(begin, word.end, false);
            split.finish();
        }
    }

    // The expression sees one word, no text around it.
    static void cut_pattern(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out) {
        detail::text::Splitter split(step.behavior, step.invert, out);
        for (const auto& word : p.words) {
            PatternMatches matches(step.compiled, p.text.substr(word.begin, word.end - word.begin));
            std::size_t begin = word.begin;
            while (const auto match = matches.next()) {
                split(begin, word.begin + match->begin, false);
                split(word.begin + match->begin, word.begin + match->end, true);
                begin = word.begin + match->end;
            }
            split(begin, word.end, false);
            split.finish();
        }
    }

    static void cut_literal(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out) {
        detail::text::Splitter split(step.kind == PreTokenizerKind::metaspace ? SplitBehavior::merged_with_next : step.behavior, step.invert, out);
        for (const auto& word : p.words) {
            const auto text = p.text.substr(0, word.end);
            std::size_t begin = word.begin;
            for (std::size_t at; (at = text.find(step.pattern, begin)) != std::string_view::npos; begin = at + step.pattern.size()) {
                split(begin, at, false);
                split(at, at + step.pattern.size(), true);
            }
            split(begin, word.end, false);
            split.finish();
        }
    }

    static void cut_borders(const PreTokenized& p, const PieceBorders& borders, std::vector<Word>& out) {
        for (const auto& word : p.words) {
            std::uint32_t begin = word.begin;
            borders.each(p.text, word.begin, word.end, [&](std::size_t at) {
                out.push_back({begin, static_cast<std::uint32_t>(at)});
                begin = static_cast<std::uint32_t>(at);
            });
            if (begin < word.end) out.push_back({begin, word.end});
        }
    }

    static void cut_scripts(const PreTokenized& p, std::vector<Word>& out) {
        for (const auto& word : p.words) {
            std::uint32_t begin = word.begin, last = 0;  // script 0 fits any
            bool first = true;
            for (std::uint32_t at = word.begin; at < word.end;) {
                const auto c = utf8_decode_valid(p.text, at);
                const std::uint32_t script = detail::unicode::run_value(detail::unicode::script9_runs, c.point);
                if (script != 0 && (first || last != script)) {
                    // What stands in front of the first script belongs to no word.
                    if (!first) out.push_back({begin, at});
                    begin = at;
                }
                if (script != 0) {
                    last = script;
                    first = false;
                }
                at += c.size;
            }
            if (!first) out.push_back({begin, word.end});
        }
    }

    static void cut_fixed(const PreTokenized& p, const PreTokenizerStep& step, std::vector<Word>& out) {
        for (const auto& word : p.words) {
            std::uint32_t begin = word.begin;
            std::size_t count = 0;
            for (std::uint32_t at = word.begin; at < word.end;) {
                at += utf8_decode_valid(p.text, at).size;
                if (++count % step.limit != 0 && at < word.end) continue;
                out.push_back({begin, at});
                begin = at;
            }
        }
    }

    static void cut_whitespace(const PreTokenized& p, std::vector<Word>& out) {
        for (const auto& word : p.words) {
            int previous = 0;  // 0 a space, 1 a word character, 2 anything else
            for (std::uint32_t at = word.begin; at < word.end;) {
                const auto c = utf8_decode_valid(p.text, at);
                const int kind = is_word(c.point) ? 1 : is_space(c.point) ? 0 : 2;
                if (kind != 0 && kind == previous) out.back().end = at + c.size;
                else if (kind != 0) out.push_back({at, at + c.size});
                previous = kind;
                at += c.size;
            }
        }
    }

    // The steps that change the text: every word is written anew, its bytes with their origins.
    static void rewrite(PreTokenized& p, const PreTokenizerStep& step) {
        NormalizedText out;
        out.tracked = p.tracked;
        out.reserve(p.text.size() + p.words.size());
        std::vector<Word> words;
        words.reserve(p.words.size());
        for (const auto& word : p.words) {
            const auto begin = out.text.size();
            if (word.begin < word.end) rewrite_word(p, step, word, out);
            require(out.text.size() < 0xffffffffu, ErrorCode::size_overflow, "pre-tokenizer: the text grew to ", out.text.size(), " bytes");
            words.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(out.text.size())});
        }
        p.words = std::move(words);
        p.owned = std::move(out);
        p.text = p.owned.text;
        p.spans = p.tracked ? p.owned.spans.data() : nullptr;
    }

    static void rewrite_word(const PreTokenized& p, const PreTokenizerStep& step, Word word, NormalizedText& out) {
        const auto text = p.text.substr(word.begin, word.end - word.begin);
        const auto whole = [&](std::size_t at, std::uint32_t size) { return Span{p.origin(at).begin, p.origin(at + size - 1).end}; };
        const Span first = whole(word.begin, utf8_decode_valid(text, 0).size);
        const auto put = [&](std::string_view piece, Span from) { out.append(piece, from); };
        if (step.kind == PreTokenizerKind::prefix_space && text[0] != ' ') put(" ", first);
        if (step.kind == PreTokenizerKind::metaspace && text[0] != ' ' && !text.starts_with(step.pattern)) {
            const bool wanted = step.prepend == PrependScheme::always || (step.prepend == PrependScheme::first && first.begin == 0);
            if (wanted) put(step.pattern, first);
        }
        for (std::size_t i = 0; i < text.size();) {
            const auto c = utf8_decode_valid(text, i);
            const Span from = whole(word.begin + i, c.size);
            if (step.kind == PreTokenizerKind::byte_level) {
                for (std::size_t k = 0; k < c.size; ++k) out.append(byte_alphabet.point_of[static_cast<unsigned char>(text[i + k])], from);
            } else if (step.kind == PreTokenizerKind::metaspace && c.point == ' ') {
                put(step.pattern, from);
            } else {
                put(text.substr(i, c.size), from);
            }
            i += c.size;
        }
    }

    std::vector<PreTokenizerStep> steps_;
};

}  // namespace tercet::inline TERCET_ABI
