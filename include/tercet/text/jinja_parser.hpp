// The statements of the chat-template language: a template as a tree of nodes.
//
//   statements   {% for a, b in x if c %} … {% else %} … {% endfor %} · if/elif/else · set · macro · break · continue · generation
//   whitespace   {%- -%} strip; a newline after a block goes, and so do blanks before it on its line (trim_blocks, lstrip_blocks)
#pragma once

#include "tercet/text/jinja_expression.hpp"

namespace tercet::inline TERCET_ABI::detail::jinja {

class Parser : private ExpressionParser {
public:
    static Program parse(std::string_view source) {
        Parser parser;
        require(source.size() <= 1 << 20, ErrorCode::bad_tokenizer, "chat template: ", source.size(), " bytes, at most 1 MiB is supported");
        if (source.ends_with('\n')) source.remove_suffix(1);  // Jinja's default
        parser.p_.source = source;
        parser.p_.root = parser.statements({});
        return std::move(parser.p_);
    }

private:
    // Statements up to one of the tags in `ends`, whose name is left in tag_; the tag's own expressions are not read yet.
    int statements(std::initializer_list<std::string_view> ends) {
        const Nesting nesting(*this);
        std::vector<int> kids;
        const std::size_t begin = at_;
        while (at_ < source().size()) {
            const std::size_t open = find_tag(at_);
            text(at_, open, kids);
            at_ = open;
            if (at_ >= source().size()) break;
            const bool strip_mark = at_ + 2 < source().size() && (source()[at_ + 2] == '-' || source()[at_ + 2] == '+');
            if (looking_at("{#")) {
                const auto close = source().find("#}", at_);
                if (close == std::string_view::npos) error("a comment that does not end");
                at_ = close + 2;
                after_tag(source()[close - 1], true);
                continue;
            }
            const bool is_output = looking_at("{{");
            const std::size_t position = at_;
            at_ += strip_mark ? 3 : 2;
            if (is_output) {
                const int value = expression();
                kids.push_back(add(Kind::output, position, {value}));
                close_tag("}}");
                continue;
            }
            tag_ = word();
            if (std::find(ends.begin(), ends.end(), tag_) != ends.end()) return add(Kind::block, begin, std::move(kids));
            if (const int statement = one_statement(position); statement >= 0) kids.push_back(statement);
        }
        if (ends.size() > 0) error("the template ends inside a block");
        return add(Kind::block, begin, std::move(kids));
    }

    std::size_t find_tag(std::size_t from) const {
        for (std::size_t i = from; (i = source().find('{', i)) != std::string_view::npos; ++i) {
            if (i + 1 < source().size() && (source()[i + 1] == '{' || source()[i + 1] == '%' || source()[i + 1] == '#')) return i;
        }
        return source().size();
    }

    // The text between tags, stripped as the tag that follows asks.
    void text(std::size_t begin, std::size_t end, std::vector<int>& kids) {
        if (strip_next_)
            while (begin < end && blank(source()[begin])) ++begin;
        strip_next_ = false;
        if (end < source().size()) {
            const char mark = end + 2 < source().size() ? source()[end + 2] : ' ';
            if (mark == '-') {
                while (end > begin && blank(source()[end - 1])) --end;
            } else if (source()[end + 1] != '{' && mark != '+') {
                std::size_t line = end;
                while (line > begin && (source()[line - 1] == ' ' || source()[line - 1] == '\t')) --line;
                if (line == 0 || source()[line - 1] == '\n') end = line;
            }
        }
        if (begin < end) kids.push_back(add(Kind::text, begin, {}, std::string(source().substr(begin, end - begin))));
    }

    void after_tag(char mark, bool block) {
        if (mark == '-') strip_next_ = true;
        else if (block && mark != '+' && at_ < source().size() && source()[at_] == '\n') ++at_;
    }

    void close_tag(std::string_view close) {
        skip_blanks();
        char mark = ' ';
        if (at_ < source().size() && (source()[at_] == '-' || source()[at_] == '+')) mark = source()[at_++];
        if (!looking_at(close)) error("expected the end of the tag");
        at_ += close.size();
        after_tag(mark, close == "%}");
    }
    void end_tag() { close_tag("%}"); }

    int one_statement(std::size_t position) {
        if (tag_ == "if") {
            std::vector<int> kids;
            while (true) {
                kids.push_back(expression());
                end_tag();
                kids.push_back(statements({"elif", "else", "endif"}));
                if (tag_ == "elif") continue;
                if (tag_ == "else") {
                    end_tag();
                    kids.push_back(statements({"endif"}));
                }
                end_tag();
                return add(Kind::branch, position, std::move(kids));
            }
        }
        if (tag_ == "for") {
            std::vector<std::string> targets = target_names();
            keyword("in");
            const int over = or_expression();
            int condition = -1, otherwise = -1;
            if (take_word("if")) condition = expression();
            end_tag();
            const int body = statements({"else", "endfor"});
            if (tag_ == "else") {
                end_tag();
                otherwise = statements({"endfor"});
            }
            end_tag();
            const int loop = add(Kind::for_loop, position, {over, condition, body, otherwise});
            node(loop).names = std::move(targets);
            return loop;
        }
        if (tag_ == "set") {
            std::vector<std::string> targets = target_names();
            std::string attribute;
            if (take(".")) attribute = word();
            int statement;
            if (take("=")) {
                statement = add(Kind::assign, position, {expression_list()}, attribute);
                end_tag();
            } else {
                end_tag();
                statement = add(Kind::assign_block, position, {statements({"endset"})}, attribute);
                end_tag();
            }
            node(statement).names = std::move(targets);
            return statement;
        }
        if (tag_ == "macro") {
            const std::string name = word();
            std::vector<std::string> parameters;
            std::vector<int> kids{-1};
            expect("(");
            while (!take(")")) {
                if (!parameters.empty()) expect(",");
                parameters.push_back(word());
                kids.push_back(take("=") ? expression() : -1);
            }
            end_tag();
            kids[0] = statements({"endmacro"});
            end_tag();
            const int macro = add(Kind::macro, position, std::move(kids), name);
            node(macro).names = std::move(parameters);
            return macro;
        }
        if (tag_ == "generation") {
            end_tag();
            const int body = statements({"endgeneration"});
            end_tag();
            return body;
        }
        if (tag_ == "break" || tag_ == "continue") {
            const auto kind = tag_ == "break" ? Kind::loop_break : Kind::loop_continue;
            end_tag();
            return add(kind, position);
        }
        error("unknown statement '" + tag_ + "'");
    }

    bool strip_next_ = false;
    std::string tag_;
};

}  // namespace tercet::inline TERCET_ABI::detail::jinja
