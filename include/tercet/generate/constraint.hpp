// Constrained output: tokens that cannot lead to a text of a regular language are ruled out before each draw (Willard & Louf 2023, "Efficient Guided
// Generation for Large Language Models").
//
//   expression -> automaton over code points (text/pattern_automaton.hpp), whose states from which no match can be reached are dead
//   token      -> its bytes; it may come next if they lead from the present state to a live one. A character that tokens cut may be finished later.
//
// The tokens that a state allows are found once and kept.
#pragma once

#include "tercet/text/byte_alphabet.hpp"
#include "tercet/text/pattern_automaton.hpp"
#include "tercet/text/tokenizer.hpp"

#include <charconv>
#include <limits>
#include <map>
#include <memory>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

// A text as a tree: its characters one after the other.
inline PatternNode literal(std::string_view text) {
    PatternNode out{.kind = PatternKind::sequence};
    for (std::size_t at = 0; at < text.size();) {
        const auto step = utf8_decode_valid(text, at);
        out.parts.push_back({.kind = PatternKind::one, .set = CharSet({{step.point, step.point}})});
        at += step.size;
    }
    return out;
}

}  // namespace detail::text

/// A set of texts, by an automaton; cheap to copy, shared by threads.
class Constraint {
public:
    /// The texts that the tree matches as a whole. Throws, naming `what`, unsupported for one that is too large, invalid_argument for one that
    /// matches nothing.
    Constraint(detail::text::PatternNode root, std::string_view what) {
        using namespace detail::text;
        PatternNode whole{.kind = PatternKind::sequence};
        whole.parts.push_back(std::move(root));
        whole.parts.push_back({.kind = PatternKind::ahead, .edge = true});  // the end of the text
        auto made = std::make_shared<Parts>(Parts{PatternAutomaton(whole), {}});
        require(made->automaton.problem().empty(), ErrorCode::unsupported, what, ": ", made->automaton.problem(), " is not supported");
        made->alive = alive_states(made->automaton);
        parts_ = std::move(made);
        require(alive(start()), ErrorCode::invalid_argument, what, ": no text can meet it");
    }

    std::uint32_t start() const { return parts_->automaton.start(parts_->automaton.end_symbol()); }
    /// The state after a character.
    std::uint32_t step(std::uint32_t state, char32_t c) const {
        bool match = false;
        return parts_->automaton.step(state, parts_->automaton.symbol_of(c), match);
    }
    /// Whether the characters so far are a text of the set.
    bool complete(std::uint32_t state) const {
        bool match = false;
        parts_->automaton.step(state, parts_->automaton.end_symbol(), match);
        return match;
    }
    /// Whether they are the beginning of one, or one.
    bool alive(std::uint32_t state) const { return parts_->alive[state]; }
    /// Whether more may follow.
    bool may_go_on(std::uint32_t state) const {
        bool match = false;
        for (std::size_t symbol = 0; symbol < parts_->automaton.end_symbol(); ++symbol)
            if (alive(parts_->automaton.step(state, symbol, match))) return true;
        return false;
    }

private:
    struct Parts {
        detail::text::PatternAutomaton automaton;
        std::vector<bool> alive;  // by state, which is where its row begins
    };

    // Backwards from the states in which the text may end.
    static std::vector<bool> alive_states(const detail::text::PatternAutomaton& automaton) {
        const std::size_t width = automaton.end_symbol() + 1, count = automaton.states();
        std::vector<std::vector<std::uint32_t>> from(count);
        std::vector<bool> alive(count * width);
        std::vector<std::uint32_t> todo;
        for (std::size_t s = 0; s < count; ++s)
            for (std::size_t symbol = 0; symbol < width; ++symbol) {
                const auto row = static_cast<std::uint32_t>(s * width);
                bool match = false;
                const auto next = automaton.step(row, symbol, match);
                if (symbol + 1 < width) {
                    auto& before = from[next / width];
                    if (before.empty() || before.back() != row) before.push_back(row);
                } else if (match) {
                    alive[row] = true;
                    todo.push_back(row);
                }
            }
        while (!todo.empty()) {
            const auto state = todo.back();
            todo.pop_back();
            for (const auto before : from[state / width])
                if (!alive[before]) alive[before] = true, todo.push_back(before);
        }
        return alive;
    }

    std::shared_ptr<const Parts> parts_;
};

/// Texts that a regular expression (text/pattern_syntax.hpp) matches as a whole. Throws unsupported for one that an automaton cannot run,
/// invalid_argument for one that matches nothing.
inline Constraint pattern_constraint(std::string_view expression) {
    auto parsed = detail::text::PatternParser(expression).read();
    require(parsed.problem.empty(), ErrorCode::unsupported, "constraint: the regular expression '", expression, "' has ", parsed.problem,
            ", which is not supported");
    return Constraint(std::move(parsed.root), "constraint: the regular expression");
}

/// One of these texts. Throws invalid_argument for none, or an empty one; bad_text for one that is not UTF-8.
inline Constraint choice_constraint(std::span<const std::string> texts) {
    using namespace detail::text;
    require(!texts.empty(), ErrorCode::invalid_argument, "constraint: there are no choices");
    PatternNode any{.kind = PatternKind::choice};
    for (const auto& text : texts) {
        require(!text.empty(), ErrorCode::invalid_argument, "constraint: a choice is empty");
        require(utf8_first_error(text) == std::string_view::npos, ErrorCode::bad_text, "constraint: a choice is not UTF-8");
        any.parts.push_back(literal(text));
    }
    return Constraint(std::move(any), "constraint: the choices");
}

/// Where one generation stands in a constraint.
class ConstraintCursor {
public:
    ConstraintCursor(Constraint constraint, const Tokenizer& tokenizer) : constraint_(std::move(constraint)), state_(constraint_.start()) {
        texts_.resize(static_cast<std::size_t>(tokenizer.vocab_size()));
        for (TokenId id = 0; id < tokenizer.vocab_size(); ++id)
            if (tokenizer.has(id) && !tokenizer.is_special(id)) texts_[static_cast<std::size_t>(id)] = bytes_of(tokenizer, id);
    }

    /// Whether what was made so far meets the constraint, and whether more may follow.
    bool complete() const { return unfinished_.empty() && constraint_.complete(state_); }
    bool may_go_on() const { return !unfinished_.empty() || constraint_.may_go_on(state_); }

    /// −∞ for the logits of all tokens that may not come next; end tokens may where the text is complete. Throws unsupported when none may.
    void mask(std::span<float> logits, std::span<const std::int32_t> end_tokens) {
        std::vector<float> kept(logits.begin(), logits.end());
        std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
        bool any = false;
        const auto allow = [&](std::int32_t id) {
            if (id < 0 || static_cast<std::size_t>(id) >= logits.size()) return;
            logits[static_cast<std::size_t>(id)] = kept[static_cast<std::size_t>(id)];
            any = true;
        };
        for (const auto id : allowed()) allow(id);
        if (complete())
            for (const auto id : end_tokens) allow(id);
        require(any, ErrorCode::unsupported, "constraint: no token of the vocabulary goes on from here");
    }

    /// Takes in a token. Throws unsupported for one that may not come next: it is drawn where those that may have no probability left.
    void advance(std::int32_t id) {
        const bool known = id >= 0 && static_cast<std::size_t>(id) < texts_.size() && !texts_[static_cast<std::size_t>(id)].empty();
        const auto after = known ? walk({state_, unfinished_}, texts_[static_cast<std::size_t>(id)]) : std::nullopt;
        require(after.has_value(), ErrorCode::unsupported, "constraint: none of the tokens that go on from here has any probability");
        std::tie(state_, unfinished_) = *after;
    }

private:
    using Place = std::pair<std::uint32_t, std::string>;  // a state, and the bytes of a character that is not finished

    static std::string bytes_of(const Tokenizer& tokenizer, TokenId id) {
        const auto token = tokenizer.token(id);
        std::string bytes;
        if (tokenizer.decodes_bytes()) {
            detail::text::append_alphabet_bytes(bytes, token);
            return bytes;
        }
        if (token.size() == 6 && token.starts_with("<0x") && token.ends_with(">")) {  // SentencePiece's byte tokens
            unsigned value = 0;
            const auto read = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
            if (read.ptr == token.data() + 5) return std::string(1, static_cast<char>(value));
        }
        // What it adds behind another token: decoders strip a space at the beginning of a text.
        const TokenId both[] = {id, id};
        const std::string one = tokenizer.decode(std::span(both, 1)), two = tokenizer.decode(both);
        return two.starts_with(one) ? two.substr(one.size()) : one;
    }

    std::optional<Place> walk(Place place, std::string_view bytes) {
        std::string text = place.second + std::string(bytes);
        for (std::size_t at = 0; at < text.size();) {
            const auto step = utf8_decode(text, at);
            if (!step.valid) {
                const auto lead = static_cast<unsigned char>(text[at]);
                const bool breaks_off = at + step.size == text.size() && lead >= 0xc2 && lead <= 0xf4;
                text.erase(0, at);
                if (!breaks_off || !can_finish({place.first, text})) return std::nullopt;
                return Place{place.first, text};
            }
            place.first = constraint_.step(place.first, step.point);
            if (!constraint_.alive(place.first)) return std::nullopt;
            at += step.size;
        }
        return Place{place.first, {}};
    }

    // Whether there is a character that begins with these bytes and may come next.
    bool can_finish(const Place& place) {
        const auto [found, is_new] = finishable_.try_emplace(place, false);
        if (!is_new) return found->second;
        const auto first = static_cast<unsigned char>(place.second[0]);
        const int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2, missing = length - static_cast<int>(place.second.size());
        char32_t low = first & (0xffU >> (length + 1));
        for (std::size_t i = 1; i < place.second.size(); ++i) low = low << 6 | (static_cast<unsigned char>(place.second[i]) & 0x3fU);
        low <<= 6 * missing;
        const char32_t high = std::min<char32_t>(low | ((char32_t{1} << (6 * missing)) - 1), 0x10ffff);
        const char32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
        for (char32_t c = std::max(low, least); c <= high && !found->second; ++c)
            if (c < 0xd800 || c > 0xdfff) found->second = constraint_.alive(constraint_.step(place.first, c));
        return found->second;
    }

    const std::vector<std::int32_t>& allowed() {
        const auto [found, is_new] = allowed_.try_emplace(Place{state_, unfinished_});
        if (is_new)
            for (std::size_t id = 0; id < texts_.size(); ++id)
                if (!texts_[id].empty() && walk({state_, unfinished_}, texts_[id])) found->second.push_back(static_cast<std::int32_t>(id));
        return found->second;
    }

    Constraint constraint_;
    std::uint32_t state_;
    std::string unfinished_;
    std::vector<std::string> texts_;  // by token: its bytes; empty for special ones, which never come
    std::map<Place, std::vector<std::int32_t>> allowed_;
    std::map<Place, bool> finishable_;
};

}  // namespace tercet::inline TERCET_ABI
