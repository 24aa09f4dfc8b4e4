// The syntax of regular expressions, read into a tree: the part of Oniguruma's Ruby dialect that cutting words needs.
//
//   x  .  \n \t \x41 \u0041 \x{10ffff}  \s \S \d \D \w \W \h \p{L} \P{Han} \p{^L}  [a-z&&[^aeiou]]        one character
//   xy  x|y  (x)  (?:x)  (?i:x)  (?i)x                                                                     sequence, choice, group
//   x?  x*  x+  x{2}  x{1,3}  x{2,}  x{,3}     lazy with ? behind; ?+ *+ ++ (possessive) where x is one character
//   ^  $  \A  \z  \b  \B  (?=x)  (?!x)  (?<=x)  (?<!x)     around a position; x is one character, an edge, or a choice of those
//
// Dialect: ^ and $ also match at line breaks, \h is a hexadecimal digit, x{1,3}+ repeats x{1,3}, and (?i:s) takes U+017F (long s) along. A
// possessive run of one character is a plain run that must not go on: x++ is x+(?!x). What is left out, such as back references, atomic
// groups and longer lookaheads, is refused with its name, since an automaton (text/pattern_automaton.hpp) runs the tree.
#pragma once

#include "tercet/text/char_set.hpp"
#include "tercet/text/utf8.hpp"

#include <utility>

namespace tercet::inline TERCET_ABI::detail::text {

enum class PatternKind : std::uint8_t {
    nothing,   // the empty sequence
    one,       // a character of `set`
    sequence,  // the parts, one after the other
    choice,    // the first part that leads to a match
    repeat,    // parts[0], `least` to `most` times
    ahead,     // the next character is in `set`, or the text ends and `edge` holds
    behind,    // the same of the character before
};

struct PatternNode {
    PatternKind kind = PatternKind::nothing;
    CharSet set = {};
    bool edge = false, lazy = false;
    std::size_t least = 0, most = 0;
    std::vector<PatternNode> parts = {};

    static constexpr std::size_t unbounded = ~std::size_t{0};

    bool may_be_empty() const {
        const auto empty = [](const PatternNode& part) { return part.may_be_empty(); };
        switch (kind) {
        case PatternKind::one: return false;
        case PatternKind::sequence: return std::all_of(parts.begin(), parts.end(), empty);
        case PatternKind::choice: return std::any_of(parts.begin(), parts.end(), empty);
        case PatternKind::repeat: return least == 0 || parts[0].may_be_empty();
        default: return true;
        }
    }
};

// A tree, or why there is none.
struct ParsedPattern {
    PatternNode root;
    std::string problem = {};
};

class PatternParser {
public:
    explicit PatternParser(std::string_view text) : text_(text) {}

    ParsedPattern read() {
        PatternNode root;
        if (text_.size() > most_bytes) stop("more than 8192 bytes");
        else if (utf8_first_error(text_) != std::string_view::npos) stop("malformed UTF-8");
        else root = choice();
        if (at_ < text_.size()) stop("an unmatched ')'");
        return {std::move(root), std::move(problem_)};
    }

private:
    static constexpr std::size_t most_bytes = 8192, most_depth = 100, most_repeats = 1000;

    // The first problem stands; reading goes to the end of the text at once, so every loop ends.
    void stop(std::string problem) {
        if (problem_.empty()) problem_ = std::move(problem);
        at_ = text_.size();
    }

    bool done() const { return at_ >= text_.size(); }
    bool sees(std::string_view what) const { return text_.substr(at_).starts_with(what); }
    bool take(std::string_view what) {
        if (!sees(what)) return false;
        at_ += what.size();
        return true;
    }
    char32_t take_point() {
        if (done()) {
            stop("an expression that breaks off");
            return 0;
        }
        const auto step = utf8_decode_valid(text_, at_);
        at_ += step.size;
        return step.point;
    }

    PatternNode choice() {
        if (++depth_ > most_depth) stop("groups nested more than 100 deep");
        const bool ignore_case = ignore_case_;  // (?i) in the middle holds to the end of its group
        PatternNode out{.kind = PatternKind::choice};
        do out.parts.push_back(sequence());
        while (take("|"));
        ignore_case_ = ignore_case;
        --depth_;
        if (out.parts.size() == 1) return std::move(out.parts[0]);
        return out;
    }

    PatternNode sequence() {
        PatternNode out{.kind = PatternKind::sequence};
        previous_letter_ = 0;
        while (!done() && !sees("|") && !sees(")")) {
            if (take("(?i)")) {
                // Oniguruma has the rest of the group, its later alternatives too, inside: a(?i)b|c is a(?i:b|c).
                ignore_case_ = true;
                out.parts.push_back(choice());
                break;
            }
            out.parts.push_back(repeated());
        }
        if (out.parts.empty()) return {};
        if (out.parts.size() == 1) return std::move(out.parts[0]);
        return out;
    }

    PatternNode repeated() {
        auto node = atom();
        bool after_interval = false;
        for (int quantifiers = 0; !done(); ++quantifiers) {
            std::size_t least = 0, most = PatternNode::unbounded;
            bool interval = false;
            if (take("?")) most = 1;
            else if (take("*")) least = 0;
            else if (take("+")) least = 1;
            else if (sees("{") && (interval = take_interval(least, most))) {
            } else break;
            // x{1,3}+ repeats x{1,3}; any other pile of quantifiers is a slip, or is refused as one.
            if (quantifiers > 0 && !(quantifiers == 1 && after_interval && least == 1 && most == PatternNode::unbounded))
                stop("a quantifier after a quantifier");
            after_interval = interval;
            if (most < least) stop("a repetition from more to less");
            if (most == PatternNode::unbounded && node.may_be_empty()) stop("the repetition of what may be empty");
            PatternNode out{.kind = PatternKind::repeat, .least = least, .most = most};
            const bool possessive = !interval && take("+");
            if (!possessive && sees("?")) {
                if (interval && least == most) stop("x{n}?");
                out.lazy = take("?");
            }
            if (!possessive) {
                out.parts.push_back(std::move(node));
                node = std::move(out);
                continue;
            }
            if (node.kind != PatternKind::one) {
                stop("a possessive quantifier of more than one character");
                break;
            }
            PatternNode no_more{.kind = PatternKind::ahead, .set = ~node.set, .edge = true};
            out.parts.push_back(std::move(node));
            node = {.kind = PatternKind::sequence};
            if (most == 1) {  // x?+ is x|(?!x)
                node.kind = PatternKind::choice;
                node.parts.push_back(std::move(out.parts[0]));
            } else {
                node.parts.push_back(std::move(out));
            }
            node.parts.push_back(std::move(no_more));
        }
        return node;
    }

    // {n} {n,} {n,m} {,m}; anything else is a brace.
    bool take_interval(std::size_t& least, std::size_t& most) {
        const auto start = at_++;
        const auto number = [&](std::size_t otherwise) {
            if (done() || text_[at_] < '0' || text_[at_] > '9') return otherwise;
            std::size_t value = 0;
            for (; !done() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
                value = std::min(value * 10 + static_cast<std::size_t>(text_[at_] - '0'), most_repeats + 1);
            return value;
        };
        constexpr auto none = PatternNode::unbounded;
        least = number(none);
        const bool comma = take(",");
        most = comma ? number(none) : least;
        if ((least == none && most == none) || !take("}")) {
            at_ = start;
            return false;
        }
        if (least == none) least = 0;
        if (least > most_repeats || (most != none && most > most_repeats)) stop("more than 1000 repetitions");
        return true;
    }

    PatternNode atom() {
        const char c = text_[at_];
        const auto before = std::exchange(previous_letter_, 0);
        if (take("(")) return group();
        if (sees("[")) return {.kind = PatternKind::one, .set = char_class()};
        if (take(".")) return {.kind = PatternKind::one, .set = ~CharSet{{'\n', '\n'}}};
        if (take("^")) return {.kind = PatternKind::behind, .set = {{'\n', '\n'}}, .edge = true};
        if (take("$")) return {.kind = PatternKind::ahead, .set = {{'\n', '\n'}}, .edge = true};
        if (take("\\A")) return {.kind = PatternKind::behind, .edge = true};
        if (take("\\z")) return {.kind = PatternKind::ahead, .edge = true};
        if (take("\\b")) return boundary(true);
        if (take("\\B")) return boundary(false);
        if (c == '*' || c == '+' || c == '?') {
            stop("a quantifier with nothing before it");
            return {};
        }
        if (c == '\\') {
            if (auto set = class_escape(false)) return {.kind = PatternKind::one, .set = std::move(*set)};
        }
        return {.kind = PatternKind::one, .set = literal(c == '\\' ? escaped_point() : take_point(), before)};
    }

    // Two characters that together fold to one (ss to U+00DF, ff fi fl st to ligatures) are beyond a set.
    CharSet literal(char32_t c, char32_t before) {
        const auto lower = c < 0x80 ? to_lower(c).first : c;
        if (ignore_case_) {
            const auto pair = [&](char32_t a, char32_t b) { return before == a && lower == b; };
            if (pair('s', 's') || pair('s', 't') || pair('f', 'f') || pair('f', 'i') || pair('f', 'l')) stop("a ligature inside (?i:)");
        }
        previous_letter_ = lower;
        return folded({{c, c}});
    }

    CharSet folded(CharSet set) {
        if (!ignore_case_) return set;
        if (!set.empty() && set.ranges().back().last >= 0x80) stop("letters beyond ASCII inside (?i:)");
        for (char32_t c = 'a'; c <= 'z'; ++c) {
            if (!set.contains(c) && !set.contains(c - 32)) continue;
            set |= {{c, c}, {c - 32, c - 32}};
            if (c == 's') set |= {{0x17f, 0x17f}};
            if (c == 'k') set |= {{0x212a, 0x212a}};
        }
        return set;
    }

    static PatternNode boundary(bool wanted) {
        const auto word = word_set(false);
        const auto both = [&](bool before, bool after) {
            PatternNode out{.kind = PatternKind::sequence};
            out.parts.push_back({.kind = PatternKind::behind, .set = before ? word : ~word, .edge = !before});
            out.parts.push_back({.kind = PatternKind::ahead, .set = after ? word : ~word, .edge = !after});
            return out;
        };
        PatternNode out{.kind = PatternKind::choice};
        out.parts.push_back(both(true, !wanted));
        out.parts.push_back(both(false, wanted));
        return out;
    }

    PatternNode group() {
        PatternNode out;
        const bool outer = ignore_case_;
        const auto look = [&](PatternKind kind, bool wanted) {
            auto inner = choice();
            PatternNode merged{.kind = kind};
            if (!merge_look(inner, merged)) stop("looking around for more than one character");
            if (!wanted) {
                merged.set = ~merged.set;
                merged.edge = !merged.edge;
            }
            return merged;
        };
        if (take("?=")) out = look(PatternKind::ahead, true);
        else if (take("?!")) out = look(PatternKind::ahead, false);
        else if (take("?<=")) out = look(PatternKind::behind, true);
        else if (take("?<!")) out = look(PatternKind::behind, false);
        else if (sees("?") && !sees("?:") && !sees("?i:") && !sees("?-i:")) stop("a group of this kind: (" + std::string(text_.substr(at_, 3)));
        else {
            if (take("?i:")) ignore_case_ = true;
            else if (take("?-i:")) ignore_case_ = false;
            else take("?:");
            out = choice();
        }
        ignore_case_ = outer;
        previous_letter_ = 0;
        if (!take(")")) stop("a '(' without its ')'");
        return out;
    }

    // What is looked for must be a choice of single characters and edges of the same side.
    static bool merge_look(const PatternNode& inner, PatternNode& out) {
        if (inner.kind == PatternKind::one || inner.kind == out.kind) {
            out.set |= inner.set;
            out.edge = out.edge || (inner.kind == out.kind && inner.edge);
            return true;
        }
        return inner.kind == PatternKind::choice &&
               std::all_of(inner.parts.begin(), inner.parts.end(), [&](const auto& part) { return merge_look(part, out); });
    }

    // [abc], [^a-z], [a[bc]&&[^b]]; at the '['.
    CharSet char_class() {
        CharSet all = {{0, 0x10ffff}}, set;
        take("[");
        if (++depth_ > most_depth) stop("classes nested more than 100 deep");
        const bool inverted = take("^");
        bool any = false, closed = false;
        if (sees("]")) stop("an empty character class");
        while (!done() && !(closed = take("]"))) {
            if (take("&&")) {
                all = all & set;
                set = {};
                continue;
            }
            any = true;
            if (sees("[:")) stop("a POSIX bracket");
            if (sees("[")) {
                set |= char_class();
                continue;
            }
            if (sees("\\")) {
                if (const auto escape = class_escape(true)) {
                    set |= *escape;
                    if (sees("-") && !sees("-]")) stop("a range that begins with a class");
                    continue;
                }
            }
            const auto first = sees("\\") ? escaped_point() : take_point();
            auto last = first;
            if (sees("-") && !sees("-]") && !sees("-&&")) {
                take("-");
                if (sees("[") || (sees("\\") && class_escape(true))) stop("a range that ends with a class");
                last = sees("\\") ? escaped_point() : take_point();
            }
            if (last < first) stop("a range from more to less");
            else set |= {{first, last}};
        }
        if (!closed) stop("a '[' without its ']'");
        if (!any) stop("an empty character class");
        --depth_;
        set = folded(all & set);  // before it is inverted: (?i:[^s]) leaves out S as well
        return inverted ? ~set : set;
    }

    // \s \d \w \h and their opposites, \p{…}: at the backslash; nothing, and nothing taken, for an escape of one character.
    std::optional<CharSet> class_escape(bool in_class) {
        const auto either = [](CharSet set, bool inverted) { return inverted ? ~set : set; };
        const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (c == 's' || c == 'S' || c == 'd' || c == 'D' || c == 'w' || c == 'W' || c == 'h' || c == 'H') {
            at_ += 2;
            const char lower = static_cast<char>(c | 0x20);
            return either(lower == 's'   ? space_set()
                          : lower == 'w' ? word_set(in_class)
                          : lower == 'd' ? *property_set("Nd")
                                         : CharSet{{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
                          c < 'a');
        }
        if ((c != 'p' && c != 'P') || text_.substr(at_ + 2, 1) != "{") return std::nullopt;
        const auto end = text_.find('}', at_);
        if (end == std::string_view::npos) {
            stop("a property without its '}'");
            return CharSet{};
        }
        auto name = text_.substr(at_ + 3, end - at_ - 3);
        const bool inverted = name.starts_with('^');
        auto set = property_set(name.substr(inverted ? 1 : 0));
        if (!set) {
            stop("the property '" + std::string(name) + "'");
            return CharSet{};
        }
        at_ = end + 1;
        return either(std::move(*set), inverted != (c == 'P'));
    }

    // An escape that stands for one character; at the backslash.
    char32_t escaped_point() {
        take("\\");
        const auto c = take_point();
        switch (c) {
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        case 'f': return '\f';
        case 'v': return '\v';
        case 'a': return '\a';
        case 'e': return 0x1b;
        case 'u': return hexadecimal(4, 4);
        case 'x': {
            if (!take("{")) return below_0x80(hexadecimal(1, 2));
            const auto point = hexadecimal(1, 8);
            if (!take("}")) stop("\\x{ without its '}'");
            return point;
        }
        default: break;
        }
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) stop("the escape \\" + std::string(1, static_cast<char>(c)));
        return c;
    }

    char32_t hexadecimal(int least, int most) {
        std::uint32_t value = 0;
        int digits = 0;
        for (; digits < most && !done(); ++digits, ++at_) {
            const char c = text_[at_];
            const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
            if (digit < 0) break;
            value = value << 4 | static_cast<std::uint32_t>(digit);
        }
        if (digits < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) stop("a code point in hexadecimal that is none");
        return static_cast<char32_t>(value);
    }

    // \x80 and above are bytes to Oniguruma, not code points.
    char32_t below_0x80(char32_t point) {
        if (point >= 0x80) stop("\\x with a byte beyond ASCII");
        return point;
    }

    std::string_view text_;
    std::size_t at_ = 0, depth_ = 0;
    bool ignore_case_ = false;
    char32_t previous_letter_ = 0;  // the literal just before, for the ligatures
    std::string problem_;
};

}  // namespace tercet::inline TERCET_ABI::detail::text
