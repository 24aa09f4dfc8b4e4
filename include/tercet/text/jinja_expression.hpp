// The expressions of the chat-template language: the part of Jinja 3 that published chat templates use.
//
//   a if c else b · or · and · not · == != < > <= >= in · is · + - ~ * / // % ** · x.y x[y] x[a:b:c] f(x, k=v) · x|filter
//
// Nodes lie in one vector and refer to each other by index. Nesting is limited; every error names line and column.
#pragma once

#include "tercet/text/jinja_value.hpp"

namespace tercet::inline TERCET_ABI::detail::jinja {

enum class Kind : std::uint8_t {
    text,
    output,
    block,
    for_loop,
    branch,
    assign,
    assign_block,
    macro,
    loop_break,
    loop_continue,  // statements
    literal,
    name,
    list,
    map,
    attribute,
    index,
    slice,
    call,
    keyword,
    filter,
    test,
    negate,
    logical_not,
    binary,
    conditional
};

struct Node {
    Kind kind = Kind::text;
    std::size_t position = 0;        // in the template, for messages
    std::string text;                // text, name, operator
    JinjaValue value;                // literal
    std::vector<int> kids;           // -1 where a part is left out
    std::vector<std::string> names;  // loop or assignment targets, macro parameters
    bool flag = false;               // test: negated
};

struct Program {
    std::string source;
    std::vector<Node> nodes;
    int root = -1;

    [[noreturn]] void fail_at(std::size_t position, std::string_view message, ErrorCode code = ErrorCode::bad_tokenizer) const {
        std::size_t line = 1, column = 1;
        for (std::size_t i = 0; i < position && i < source.size(); ++i) {
            ++column;
            if (source[i] == '\n') {
                ++line;
                column = 1;
            }
        }
        fail(code, "chat template: line ", line, ", column ", column, ": ", message);
    }
};

class ExpressionParser {
protected:
    static constexpr int max_nesting = 100;

    [[noreturn]] void error(std::string_view message) const { p_.fail_at(at_, message); }

    int add(Kind kind, std::size_t position, std::vector<int> kids = {}, std::string text = {}) {
        Node node;
        node.kind = kind;
        node.position = position;
        node.kids = std::move(kids);
        node.text = std::move(text);
        p_.nodes.push_back(std::move(node));
        return static_cast<int>(p_.nodes.size()) - 1;
    }
    Node& node(int i) { return p_.nodes[static_cast<std::size_t>(i)]; }

    struct Nesting {
        explicit Nesting(ExpressionParser& parser) : p(parser) {
            if (++p.nesting_ > max_nesting) p.error("nested too deeply");
        }
        ~Nesting() { --p.nesting_; }
        Nesting(const Nesting&) = delete;
        ExpressionParser& p;
    };

    std::string_view source() const { return p_.source; }
    bool looking_at(std::string_view text) const { return source().substr(std::min(at_, source().size())).starts_with(text); }

    static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

    // Words and signs.
    void skip_blanks() {
        while (at_ < source().size() && blank(source()[at_])) ++at_;
    }
    static bool word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

    std::string peek_word() {
        skip_blanks();
        std::size_t end = at_;
        while (end < source().size() && word_char(source()[end])) ++end;
        if (end > at_ && source()[at_] >= '0' && source()[at_] <= '9') return {};
        return std::string(source().substr(at_, end - at_));
    }
    std::string word() {
        auto text = peek_word();
        if (text.empty()) error("expected a name");
        at_ += text.size();
        return text;
    }
    bool take_word(std::string_view text) {
        if (peek_word() != text) return false;
        at_ += text.size();
        return true;
    }
    void keyword(std::string_view text) {
        if (!take_word(text)) error("expected '" + std::string(text) + "'");
    }
    bool take(std::string_view sign) {
        skip_blanks();
        if (!looking_at(sign)) return false;
        const auto rest = source().substr(at_ + sign.size());
        if (sign == "=" && rest.starts_with('=')) return false;
        if (rest.starts_with("}}") && sign == "-") return false;  // the end of a tag
        if (rest.starts_with("%}") && (sign == "-" || sign == "+")) return false;
        if (sign == "%" && rest.starts_with('}')) return false;
        if (sign == "*" && rest.starts_with('*')) return false;
        at_ += sign.size();
        return true;
    }
    void expect(std::string_view sign) {
        if (!take(sign)) error("expected '" + std::string(sign) + "'");
    }
    std::vector<std::string> target_names() {
        std::vector<std::string> out{word()};
        while (take(",")) out.push_back(word());
        return out;
    }

    // Expressions, loosest first.
    int expression_list() {
        const std::size_t position = at_;
        std::vector<int> kids{expression()};
        while (take(",")) kids.push_back(expression());
        return kids.size() == 1 ? kids[0] : add(Kind::list, position, std::move(kids));
    }

    int expression() {
        const Nesting nesting(*this);
        const int value = or_expression();
        if (peek_word() != "if") return value;
        const std::size_t position = at_;
        keyword("if");
        const int condition = or_expression();
        const int otherwise = take_word("else") ? expression() : -1;
        return add(Kind::conditional, position, {condition, value, otherwise});
    }

    int binary(int left, int right, std::size_t position, std::string_view sign) {
        return add(Kind::binary, position, {left, right}, std::string(sign));
    }

    int or_expression() {
        int left = and_expression();
        for (std::size_t position = at_; take_word("or"); position = at_) left = binary(left, and_expression(), position, "or");
        return left;
    }
    int and_expression() {
        int left = not_expression();
        for (std::size_t position = at_; take_word("and"); position = at_) left = binary(left, not_expression(), position, "and");
        return left;
    }
    int not_expression() {
        const Nesting nesting(*this);
        const std::size_t position = at_;
        if (take_word("not")) return add(Kind::logical_not, position, {not_expression()});
        return comparison();
    }
    int comparison() {
        int left = sum();
        while (true) {
            const std::size_t position = at_;
            bool found = false;
            for (const std::string_view sign : {"==", "!=", "<=", ">=", "<", ">"}) {
                if (!found && take(sign)) {
                    left = binary(left, sum(), position, sign);
                    found = true;
                }
            }
            if (!found && take_word("in")) {
                left = binary(left, sum(), position, "in");
                found = true;
            }
            if (!found && peek_word() == "not") {
                keyword("not");
                keyword("in");
                left = add(Kind::logical_not, position, {binary(left, sum(), position, "in")});
                found = true;
            }
            if (!found) return left;
        }
    }
    template <class Next>
    int chain(std::initializer_list<std::string_view> signs, Next next) {
        int left = next();
        while (true) {
            const std::size_t position = at_;
            const auto sign = std::find_if(signs.begin(), signs.end(), [&](std::string_view s) { return take(s); });
            if (sign == signs.end()) return left;
            left = binary(left, next(), position, *sign);
        }
    }
    int sum() {
        const auto power = [&] { return chain({"**"}, [&] { return unary(true); }); };
        const auto product = [&] { return chain({"*", "//", "/", "%"}, power); };
        return chain({"+", "-"}, [&] { return chain({"~"}, product); });
    }
    int unary(bool filters) {
        const Nesting nesting(*this);
        const std::size_t position = at_;
        int value;
        if (take("-")) value = add(Kind::negate, position, {unary(false)});
        else if (take("+")) value = unary(false);
        else value = postfix(primary());
        return filters ? filtered(value) : value;
    }

    int filtered(int value) {
        while (true) {
            const std::size_t position = at_;
            if (take("|")) {
                const std::string name = word();
                std::vector<int> kids{value};
                if (take("(")) arguments(kids);
                value = add(Kind::filter, position, std::move(kids), name);
            } else if (take_word("is")) {
                const bool negated = take_word("not");
                std::string name = word();
                std::vector<int> kids{value};
                if (take("(")) {
                    arguments(kids);
                } else {
                    const auto next = peek_word();  // a test may have one argument without brackets: x is divisibleby 3
                    skip_blanks();
                    const char c = at_ < source().size() ? source()[at_] : ' ';
                    const bool operand = c == '\'' || c == '"' || (c >= '0' && c <= '9') ||
                                         (!next.empty() && next != "and" && next != "or" && next != "not" && next != "if" && next != "else" &&
                                          next != "is" && next != "in");
                    if (operand) kids.push_back(postfix(primary()));
                }
                value = add(Kind::test, position, std::move(kids), name);
                node(value).flag = negated;
            } else {
                return value;
            }
        }
    }

    void arguments(std::vector<int>& kids) {
        bool first = true;
        while (!take(")")) {
            if (!first) {
                expect(",");
                if (take(")")) return;
            }
            first = false;
            const std::size_t position = at_;
            const auto name = peek_word();
            if (!name.empty()) {
                at_ += name.size();
                if (take("=")) {
                    kids.push_back(add(Kind::keyword, position, {expression()}, name));
                    continue;
                }
                at_ = position;
            }
            kids.push_back(expression());
        }
    }

    int postfix(int value) {
        while (true) {
            const std::size_t position = at_;
            if (take(".")) {
                skip_blanks();
                std::size_t end = at_;
                while (end < source().size() && word_char(source()[end])) ++end;
                if (end == at_) error("expected a name");
                value = add(Kind::attribute, position, {value}, std::string(source().substr(at_, end - at_)));
                at_ = end;
            } else if (take("[")) {
                std::vector<int> kids{value, -1, -1, -1};
                std::size_t part = 1;
                bool slice = false;
                while (!take("]")) {
                    if (take(":")) {
                        slice = true;
                        if (++part > 3) error("too many parts in a slice");
                    } else {
                        if (kids[part] >= 0) error("expected ']'");
                        kids[part] = expression();
                    }
                }
                if (!slice) {
                    if (kids[1] < 0) error("expected an index");
                    kids.resize(2);
                }
                value = add(slice ? Kind::slice : Kind::index, position, std::move(kids));
            } else if (take("(")) {
                std::vector<int> kids{value};
                arguments(kids);
                value = add(Kind::call, position, std::move(kids));
            } else {
                return value;
            }
        }
    }

    int literal(std::size_t position, JinjaValue value) {
        const int i = add(Kind::literal, position);
        node(i).value = std::move(value);
        return i;
    }

    int primary() {
        skip_blanks();
        const std::size_t position = at_;
        if (at_ >= source().size()) error("expected an expression");
        const char c = source()[at_];
        if (c == '\'' || c == '"') {
            std::string text = string_literal();
            for (skip_blanks(); looking_at("'") || looking_at("\""); skip_blanks()) text += string_literal();
            return literal(position, std::move(text));
        }
        if (c >= '0' && c <= '9') return number();
        if (take("(")) {
            std::vector<int> kids;
            bool tuple = false;
            while (!take(")")) {
                kids.push_back(expression());
                if (!take(",")) {
                    expect(")");
                    break;
                }
                tuple = true;
            }
            return kids.size() == 1 && !tuple ? kids[0] : add(Kind::list, position, std::move(kids));
        }
        if (take("[")) {
            std::vector<int> kids;
            while (!take("]")) {
                kids.push_back(expression());
                if (!take(",")) {
                    expect("]");
                    break;
                }
            }
            return add(Kind::list, position, std::move(kids));
        }
        if (take("{")) {
            std::vector<int> kids;
            while (!take("}")) {
                kids.push_back(expression());
                expect(":");
                kids.push_back(expression());
                if (!take(",")) {
                    expect("}");
                    break;
                }
            }
            return add(Kind::map, position, std::move(kids));
        }
        const std::string name = word();
        if (name == "true" || name == "True") return literal(position, true);
        if (name == "false" || name == "False") return literal(position, false);
        if (name == "none" || name == "None") return literal(position, JinjaValue::None{});
        return add(Kind::name, position, {}, name);
    }

    int number() {
        const std::size_t position = at_;
        std::size_t end = at_;
        bool fraction = false;
        while (end < source().size() &&
               ((source()[end] >= '0' && source()[end] <= '9') || source()[end] == '_' ||
                (!fraction && source()[end] == '.' && end + 1 < source().size() && source()[end + 1] >= '0' && source()[end + 1] <= '9'))) {
            fraction = fraction || source()[end] == '.';
            ++end;
        }
        std::string digits;
        for (const char c : source().substr(at_, end - at_)) {
            if (c != '_') digits += c;
        }
        at_ = end;
        if (fraction) {
            double value = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
            return literal(position, value);
        }
        std::int64_t value = 0;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) error("a number that does not fit 64 bits");
        return literal(position, value);
    }

    std::string string_literal() {
        const char quote = source()[at_++];
        std::string out;
        while (at_ < source().size() && source()[at_] != quote) {
            char c = source()[at_++];
            if (c == '\\' && at_ < source().size()) {
                c = source()[at_++];
                if (c == 'n') c = '\n';
                else if (c == 't') c = '\t';
                else if (c == 'r') c = '\r';
                else if (c != '\\' && c != '\'' && c != '"') out += '\\';
            }
            out += c;
        }
        if (at_ >= source().size()) error("a string that does not end");
        ++at_;
        return out;
    }

    Program p_;
    std::size_t at_ = 0;
    int nesting_ = 0;
};

}  // namespace tercet::inline TERCET_ABI::detail::jinja
