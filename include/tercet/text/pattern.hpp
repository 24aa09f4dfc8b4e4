// A compiled regular expression, and the matches it finds in a text.
//
//   const Pattern digits(R"(\p{N}{1,3})");
//   for (PatternMatches found(digits, text); const auto match = found.next();) …      // [match->begin, match->end), bytes
//
// Matches are those of a backtracking matcher, in particular of Oniguruma, which published tokenizers were trained with: the first
// alternative that leads to a match counts, not the longest. Three ways lead there:
//
//   an automaton (text/pattern_automaton.hpp)      nearly every expression that tokenizers use
//   counting, for the two that group digits        1234567 -> 1 · 234 · 567: their lookaheads run to the end of the digits
//   PCRE2 (text/pcre2.hpp)                         anything else, in builds with TERCET_PCRE2; without it such an expression is refused
//
// Time is linear in the text with the first two. An automaton may read far past the end of a match, or to no match, and then again from the
// next place; what it found to lead nowhere is noted every 16 bytes and not followed twice (Reps 1998, "Maximal-Munch Tokenization in Linear Time").
#pragma once

#include "tercet/text/pattern_automaton.hpp"
#include "tercet/text/pcre2.hpp"

#include <memory>
#include <unordered_set>

namespace tercet::inline TERCET_ABI {

/// Bytes [begin, end) of a text.
struct PatternMatch {
    std::size_t begin = 0, end = 0;
    friend constexpr bool operator==(PatternMatch, PatternMatch) = default;
};

namespace detail::text {

enum class DigitGroups : std::uint8_t {
    none,
    before_thousands,  // (?=(\d{3})+(?!\d)): the empty place before each group of three
    groups,            // \d{1,3}(?=(?:\d{3})*\b): the groups themselves, of a number that no letter follows
};

struct CompiledPattern {
    std::string expression;
    DigitGroups digits = DigitGroups::none;
    CharSet digit_set, word_set;  // for them
    std::optional<PatternAutomaton> automaton;
#ifdef TERCET_PCRE2
    std::optional<Pcre2Pattern> pcre2;
#endif
};

constexpr DigitGroups digit_groups_of(std::string_view expression) {
    for (const std::string_view text : {R"((?=(\d{3})+(?!\d)))", R"((?=(?:\d{3})+(?!\d)))"}) {
        if (expression == text) return DigitGroups::before_thousands;
    }
    return expression == R"(\d{1,3}(?=(?:\d{3})*\b))" ? DigitGroups::groups : DigitGroups::none;
}

}  // namespace detail::text

/// A compiled expression; copies share it, and any number of threads may search with it.
class Pattern {
public:
    Pattern() = default;  // matches nowhere

    /// Throws unsupported, naming `source`, the expression and what it needs, for one that this build cannot run.
    explicit Pattern(std::string_view expression, std::string_view source = "pattern") {
        auto made = std::make_shared<detail::text::CompiledPattern>();
        made->expression = expression;
        made->digits = detail::text::digit_groups_of(expression);
        if (made->digits != detail::text::DigitGroups::none) {
            made->digit_set = *property_set("Nd");
            made->word_set = word_set(false);
        } else {
            auto parsed = detail::text::PatternParser(expression).read();
            if (parsed.problem.empty()) parsed.problem = made->automaton.emplace(parsed.root).problem();
            if (!parsed.problem.empty()) {
                made->automaton.reset();
#ifdef TERCET_PCRE2
                made->pcre2.emplace(expression, source);
#else
                fail(ErrorCode::unsupported, source, ": the regular expression '", expression, "' has ", parsed.problem,
                     ", which is not supported (a build with TERCET_PCRE2 would hand it to PCRE2)");
#endif
            }
        }
        compiled_ = std::move(made);
    }

    explicit operator bool() const {
        return compiled_ != nullptr;
    }
    std::string_view expression() const {
        return compiled_ ? std::string_view(compiled_->expression) : std::string_view();
    }

    /// The first match that begins at text[from] or later; the text is well formed, and what stands before `from` is seen by \b and the like.
    /// Whether there is no expression.
    bool empty() const {
        return compiled_ == nullptr;
    }

    /// For one match after the other use PatternMatches, whose time is linear. Throws unsupported where PCRE2 gives up.
    std::optional<PatternMatch> find(std::string_view text, std::size_t from = 0) const;

private:
    friend class PatternMatches;
    std::shared_ptr<const detail::text::CompiledPattern> compiled_;
};

/// The matches of a pattern in a text, from left to right; both must outlive it.
class PatternMatches {
public:
    PatternMatches(const Pattern& pattern, std::string_view text, std::size_t from = 0)
        : pattern_(pattern.compiled_.get()), text_(text), from_(pattern_ ? from : text.size() + 1) {}

    /// The next match, or nothing when there is none. An empty one right behind the last match is passed over, as in the tokenizers library.
    std::optional<PatternMatch> next() {
        while (from_ <= text_.size()) {
            const auto match = search(from_);
            if (!match) break;
            if (match->begin < match->end || match->end != last_end_) {
                from_ = last_end_ = match->end;
                return match;
            }
            from_ = after(match->end);
        }
        from_ = text_.size() + 1;
        return std::nullopt;
    }

private:
    static constexpr std::size_t none = ~std::size_t{0}, stride = 16;

    std::size_t after(std::size_t at) const { return at < text_.size() ? at + utf8_decode_valid(text_, at).size : at + 1; }

    struct Symbol {
        std::size_t number, bytes;
    };

    // The symbol at text[at]; ASCII goes past the decoder, which is no inline code.
    Symbol symbol_at(std::size_t at) const {
        const auto byte = static_cast<unsigned char>(text_[at]);
        if (byte < 0x80) return {pattern_->automaton->symbol_of(byte), 1};
        const auto c = utf8_decode_valid(text_, at);
        return {pattern_->automaton->symbol_of(c.point), c.size};
    }

    std::optional<PatternMatch> search(std::size_t from) {
        if (pattern_->digits != detail::text::DigitGroups::none) return search_digits(from);
#ifdef TERCET_PCRE2
        if (pattern_->pcre2) {
            const auto found = pattern_->pcre2->search(text_, from);
            return found ? std::optional(PatternMatch{found->first, found->second}) : std::nullopt;
        }
#endif
        const auto& automaton = *pattern_->automaton;
        std::size_t before = automaton.end_symbol();
        if (automaton.looks_behind() && from > 0) before = symbol_at(utf8_previous(text_, from)).number;
        for (std::size_t begin = from;; begin = after(begin)) {
            if (!automaton.looks_behind()) {  // most places, for most expressions, end an attempt at once
                const auto start = automaton.start(before);
                for (bool match = false; begin < text_.size();) {
                    const auto symbol = symbol_at(begin);
                    if (automaton.step(start, symbol.number, match) != detail::text::PatternAutomaton::dead || match) break;
                    begin += symbol.bytes;
                }
            }
            if (const auto end = attempt(begin, automaton.start(before)); end != none) return PatternMatch{begin, end};
            if (begin >= text_.size()) return std::nullopt;
            if (automaton.looks_behind()) before = symbol_at(begin).number;
        }
    }

    // The end of the match that begins here.
    std::size_t attempt(std::size_t begin, std::uint32_t state) {
        const auto& automaton = *pattern_->automaton;
        std::size_t at = begin, end = none, checkpoint = (begin / stride + 1) * stride;
        pending_.clear();
        while (true) {
            if (at >= checkpoint) {
                const auto key = std::uint64_t{at} << 24 | state;
                if (!dead_ends_.empty() && dead_ends_.contains(key)) break;
                pending_.push_back(key);
                checkpoint = (at / stride + 1) * stride;
            }
            bool match = false;
            if (at == text_.size()) {
                automaton.step(state, automaton.end_symbol(), match);
                if (match) end = at;
                break;
            }
            const auto symbol = symbol_at(at);
            state = automaton.step(state, symbol.number, match);
            if (match) {
                end = at;
                pending_.clear();
            }
            if (state == detail::text::PatternAutomaton::dead) break;
            at += symbol.bytes;
        }
        if (end == text_.size()) pending_.clear();
        if (pending_.size() > 4) dead_ends_.insert(pending_.begin(), pending_.end());
        return end;
    }

    std::optional<PatternMatch> search_digits(std::size_t from) {
        const auto is_digit = [&](std::size_t at) { return at < text_.size() && pattern_->digit_set.contains(utf8_decode_valid(text_, at).point); };
        for (std::size_t at = from; at < text_.size();) {
            if (!is_digit(at)) {
                at = after(at);
                continue;
            }
            if (at >= digits_end_) {
                digits_at_ = digits_end_ = at;
                for (digits_left_ = 0; is_digit(digits_end_); ++digits_left_) digits_end_ = after(digits_end_);
            }
            for (; digits_at_ < at; --digits_left_) digits_at_ = after(digits_at_);
            if (pattern_->digits == detail::text::DigitGroups::before_thousands) {
                if (digits_left_ % 3 == 0) return PatternMatch{at, at};
                at = after(at);
            } else if (digits_end_ < text_.size() && pattern_->word_set.contains(utf8_decode_valid(text_, digits_end_).point)) {
                at = digits_end_;
            } else {
                auto end = at;
                for (auto left = (digits_left_ - 1) % 3 + 1; left > 0; --left) end = after(end);
                return PatternMatch{at, end};
            }
        }
        return std::nullopt;
    }

    const detail::text::CompiledPattern* pattern_;
    std::string_view text_;
    std::size_t from_, last_end_ = none;
    std::vector<std::uint64_t> pending_;                            // checkpoints since the last match seen
    std::unordered_set<std::uint64_t> dead_ends_;                   // place << 24 | state: no match from there
    std::size_t digits_at_ = 0, digits_end_ = 0, digits_left_ = 0;  // the run of digits, from digits_at_ on
};

inline std::optional<PatternMatch> Pattern::find(std::string_view text, std::size_t from) const {
    return PatternMatches(*this, text, from).next();
}

}  // namespace tercet::inline TERCET_ABI
