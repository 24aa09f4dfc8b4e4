// Values of the chat-template language: none, booleans, numbers, strings, lists and maps, with Python's rules for truth, equality,
// order and printing, on which Jinja builds (Jinja 3, "Template Designer Documentation").
//
// Lists and maps are shared and never change, but for a namespace(), whose attributes a template may set. Nesting is limited, so that no
// value's destruction or printing recurses deeply.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// A value of a chat template.
class JinjaValue {
public:
    struct Undefined {};
    struct None {};
    using List = std::vector<JinjaValue>;
    struct Map {
        std::vector<std::pair<std::string, JinjaValue>> members;
        bool is_namespace = false;
        const JinjaValue* find(std::string_view key) const {
            for (const auto& [name, value] : members) {
                if (name == key) return &value;
            }
            return nullptr;
        }
    };
    struct Function {
        int macro = -1;    // index of a macro's node, or -1
        std::string name;  // a global function, or a method of `self`
        std::shared_ptr<const JinjaValue> self = nullptr;
    };

    static constexpr int max_depth = 32;

    JinjaValue() : value_(Undefined{}) {}
    JinjaValue(None value) : value_(value) {}
    JinjaValue(bool value) : value_(value) {}
    JinjaValue(std::int64_t value) : value_(value) {}
    JinjaValue(double value) : value_(value) {}
    JinjaValue(std::string value) : value_(std::move(value)) {}
    JinjaValue(std::string_view value) : value_(std::string(value)) {}
    JinjaValue(const char* value) : value_(std::string(value)) {}
    JinjaValue(Function value) : value_(std::move(value)) {}
    JinjaValue(List value) {
        for (const auto& element : value) depth_ = std::max(depth_, element.depth_ + 1);
        value_ = std::make_shared<const List>(std::move(value));
    }
    JinjaValue(Map value) {
        for (const auto& [name, member] : value.members) depth_ = std::max(depth_, member.depth_ + 1);
        value_ = std::make_shared<Map>(std::move(value));
    }

    bool is_undefined() const { return std::holds_alternative<Undefined>(value_); }
    bool is_none() const { return std::holds_alternative<None>(value_); }
    const bool* as_bool() const { return std::get_if<bool>(&value_); }
    const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&value_); }
    const double* as_float() const { return std::get_if<double>(&value_); }
    const std::string* as_string() const { return std::get_if<std::string>(&value_); }
    const Function* as_function() const { return std::get_if<Function>(&value_); }
    const List* as_list() const {
        const auto* list = std::get_if<std::shared_ptr<const List>>(&value_);
        return list ? list->get() : nullptr;
    }
    Map* as_map() const {
        const auto* map = std::get_if<std::shared_ptr<Map>>(&value_);
        return map ? map->get() : nullptr;
    }
    bool is_number() const { return as_integer() || as_float() || as_bool(); }
    int depth() const { return depth_; }

    double number() const {
        if (const auto* i = as_integer()) return static_cast<double>(*i);
        if (const auto* b = as_bool()) return *b ? 1.0 : 0.0;
        return as_float() ? *as_float() : 0.0;
    }

    bool truth() const {
        if (is_undefined() || is_none()) return false;
        if (is_number()) return number() != 0;
        if (const auto* s = as_string()) return !s->empty();
        if (const auto* l = as_list()) return !l->empty();
        if (const auto* m = as_map()) return m->is_namespace || !m->members.empty();
        return true;
    }

    std::string_view kind() const {
        if (is_undefined()) return "undefined";
        if (is_none()) return "none";
        if (as_bool()) return "a boolean";
        if (is_number()) return "a number";
        if (as_string()) return "a string";
        if (as_list()) return "a list";
        return as_map() ? "a map" : "a function";
    }

    friend bool operator==(const JinjaValue& a, const JinjaValue& b) {
        if (a.is_number() && b.is_number()) return a.as_integer() && b.as_integer() ? *a.as_integer() == *b.as_integer() : a.number() == b.number();
        if (a.as_string() && b.as_string()) return *a.as_string() == *b.as_string();
        if (a.as_list() && b.as_list()) return *a.as_list() == *b.as_list();
        if (a.as_map() && b.as_map()) {
            if (a.as_map()->members.size() != b.as_map()->members.size()) return false;
            for (const auto& [name, value] : a.as_map()->members) {
                const auto* other = b.as_map()->find(name);
                if (!other || !(value == *other)) return false;
            }
            return true;
        }
        return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
    }

    /// As {{ … }} prints it.
    std::string print() const {
        if (const auto* s = as_string()) return *s;
        return is_undefined() ? std::string{} : repr();
    }

    /// As Python prints it inside a list: strings quoted.
    std::string repr() const {
        std::string out;
        write(out, false, -1, 0);
        return out;
    }

    /// JSON; with an indent of 0 or more, over several lines.
    std::string to_json(int indent = -1) const {
        std::string out;
        write(out, true, indent, 0);
        return out;
    }

private:
    static void write_string(std::string& out, std::string_view text, bool json) {
        const char quote = json || (text.find('\'') != text.npos && text.find('"') == text.npos) ? '"' : '\'';
        constexpr std::string_view hex = "0123456789abcdef";
        out += quote;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == quote || c == '\\') (out += '\\') += c;
            else if (c == '\n') out += "\\n";
            else if (c == '\t') out += "\\t";
            else if (c == '\r') out += "\\r";
            else if (byte < 0x20) ((out += json ? "\\u00" : "\\x") += hex[byte >> 4]) += hex[byte & 15];
            else out += c;
        }
        out += quote;
    }

    void write(std::string& out, bool json, int indent, int level) const {
        const auto line = [&](int at) {
            if (indent >= 0) (out += '\n').append(static_cast<std::size_t>(indent * at), ' ');
        };
        const std::string_view comma = indent >= 0 ? "," : ", ";
        char buffer[32];
        if (const auto* s = as_string()) {
            write_string(out, *s, json);
        } else if (const auto* b = as_bool()) {
            out += json ? (*b ? "true" : "false") : (*b ? "True" : "False");
        } else if (const auto* i = as_integer()) {
            out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, *i).ptr);
        } else if (const auto* d = as_float()) {
            out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, *d).ptr);
            if (std::string_view(buffer, static_cast<std::size_t>(std::to_chars(buffer, buffer + sizeof buffer, *d).ptr - buffer))
                    .find_first_of(".en") == std::string_view::npos)
                out += ".0";
        } else if (const auto* l = as_list()) {
            out += '[';
            for (std::size_t k = 0; k < l->size(); ++k) {
                if (k) out += comma;
                line(level + 1);
                (*l)[k].write(out, json, indent, level + 1);
            }
            if (!l->empty()) line(level);
            out += ']';
        } else if (const auto* m = as_map()) {
            out += '{';
            for (std::size_t k = 0; k < m->members.size(); ++k) {
                if (k) out += comma;
                line(level + 1);
                write_string(out, m->members[k].first, json);
                out += ": ";
                m->members[k].second.write(out, json, indent, level + 1);
            }
            if (!m->members.empty()) line(level);
            out += '}';
        } else {
            out += json ? "null" : is_none() ? "None" : is_undefined() ? "Undefined" : "<function>";
        }
    }

    std::variant<Undefined, None, bool, std::int64_t, double, std::string, std::shared_ptr<const List>, std::shared_ptr<Map>, Function> value_;
    int depth_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
