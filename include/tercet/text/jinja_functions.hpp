// The built-in operators, filters, tests, methods and functions of the chat-template language, as Jinja 3 and Python define them.
//
// Each gives nothing (nullopt) for arguments that it does not take or a name that it does not know; the evaluator says where.
#pragma once

#include "tercet/text/jinja_value.hpp"
#include "tercet/text/unicode.hpp"
#include "tercet/text/utf8.hpp"

#include <cmath>
#include <optional>
#include <span>

namespace tercet::inline TERCET_ABI::detail::jinja {

struct Arguments {
    std::span<const JinjaValue> positional;
    JinjaValue::Map named;

    /// The argument at a place or of a name, or null.
    const JinjaValue* get(std::size_t place, std::string_view name = {}) const {
        if (place < positional.size()) return &positional[place];
        return name.empty() ? nullptr : named.find(name);
    }
    std::string text(std::size_t place, std::string_view name, std::string_view fallback) const {
        const auto* value = get(place, name);
        return value ? value->print() : std::string(fallback);
    }
};

using Result = std::optional<JinjaValue>;

inline bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

inline std::string_view strip(std::string_view text, bool left, bool right, const JinjaValue* which = nullptr) {
    const std::string set = which && which->as_string() ? *which->as_string() : std::string{};
    const auto drop = [&](char c) { return set.empty() ? is_blank(c) : set.find(c) != std::string::npos; };
    while (left && !text.empty() && drop(text.front())) text.remove_prefix(1);
    while (right && !text.empty() && drop(text.back())) text.remove_suffix(1);
    return text;
}

inline std::string replace(std::string_view text, std::string_view pattern, std::string_view content) {
    std::string out;
    std::size_t at = 0;
    for (std::size_t hit; !pattern.empty() && out.size() <= 16u << 20 && (hit = text.find(pattern, at)) != std::string_view::npos;
         at = hit + pattern.size())
        out.append(text.substr(at, hit - at)).append(content);
    return out.append(text.substr(at));
}

// The capital whose lower-case form c is; c itself where there is none. (One that becomes several characters stays.)
inline char32_t to_upper(char32_t c) {
    if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
    if (c == 0xdf) return c;
    for (const auto& run : unicode::lower_runs) {
        const std::int64_t capital = static_cast<std::int64_t>(c) - run.delta;
        if (capital >= run.first && capital <= run.last && (capital - run.first) % run.step == 0) return static_cast<char32_t>(capital);
    }
    return c;
}

inline std::string change_case(std::string_view text, bool upper) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto step = utf8_decode(text, i);
        const auto lowered = to_lower(step.point);
        utf8_append(out, upper ? to_upper(step.point) : lowered.first);
        if (!upper && lowered.second) utf8_append(out, lowered.second);
        i += step.size;
    }
    return out;
}

inline std::string capitalize(std::string_view text, bool every_word) {
    std::string out;
    bool start = true;
    for (std::size_t i = 0; i < text.size();) {
        const auto size = utf8_decode(text, i).size;
        const auto piece = text.substr(i, size);
        out += change_case(piece, start);
        start = every_word && !is_letter(utf8_decode(text, i).point) && !is_number(utf8_decode(text, i).point);
        i += size;
    }
    return out;
}

/// What a loop or a list filter goes over: elements, keys, or characters.
inline std::optional<JinjaValue::List> elements_of(const JinjaValue& value) {
    if (const auto* list = value.as_list()) return *list;
    JinjaValue::List out;
    if (const auto* map = value.as_map()) {
        for (const auto& [name, member] : map->members) out.emplace_back(name);
    } else if (const auto* text = value.as_string()) {
        for (std::size_t i = 0; i < text->size();) {
            const auto size = utf8_decode(*text, i).size;
            out.emplace_back(text->substr(i, size));
            i += size;
        }
    } else if (!value.is_undefined()) {
        return std::nullopt;
    }
    return out;
}

inline JinjaValue element_at(const JinjaValue& value, const JinjaValue& key) {
    const auto* index = key.as_integer();
    if (!index || !(value.as_list() || value.as_string())) return {};
    const auto items = elements_of(value);
    const auto size = static_cast<std::int64_t>(items->size()), at = *index < 0 ? *index + size : *index;
    return at >= 0 && at < size ? (*items)[static_cast<std::size_t>(at)] : JinjaValue{};
}

inline Result slice_of(const JinjaValue& value, const JinjaValue& begin, const JinjaValue& end, const JinjaValue& stride) {
    if (!value.as_list() && !value.as_string()) return std::nullopt;
    const auto items = *elements_of(value);
    const auto size = static_cast<std::int64_t>(items.size());
    const std::int64_t step = stride.as_integer() ? *stride.as_integer() : 1;
    if (step == 0 || step < -size - 1) return std::nullopt;
    const auto place = [&](const JinjaValue& v, std::int64_t fallback) {
        if (!v.as_integer()) return fallback;
        const std::int64_t at = *v.as_integer() < 0 ? std::max<std::int64_t>(*v.as_integer(), -size - 1) + size : *v.as_integer();
        return std::clamp<std::int64_t>(at, step < 0 ? -1 : 0, step < 0 ? size - 1 : size);
    };
    JinjaValue::List out;
    const std::int64_t first = place(begin, step < 0 ? size - 1 : 0), last = place(end, step < 0 ? -1 : size);
    for (std::int64_t i = first; step > 0 ? i < last : i > last; i += std::min(step, size + 1)) out.push_back(items[static_cast<std::size_t>(i)]);
    if (!value.as_string()) return JinjaValue(std::move(out));
    std::string text;
    for (const auto& c : out) text += *c.as_string();
    return JinjaValue(std::move(text));
}

inline std::optional<bool> contains(const JinjaValue& all, const JinjaValue& one) {
    if (const auto* text = all.as_string()) {
        if (!one.as_string()) return std::nullopt;
        return text->find(*one.as_string()) != std::string::npos;
    }
    if (const auto* map = all.as_map()) return one.as_string() && map->find(*one.as_string());
    if (const auto* list = all.as_list()) return std::find(list->begin(), list->end(), one) != list->end();
    if (all.is_undefined()) return false;
    return std::nullopt;
}

inline Result apply_arithmetic(std::string_view sign, const JinjaValue& a, const JinjaValue& b) {
    const auto* i = a.as_integer();
    const auto* k = b.as_integer();
    std::int64_t out = 0;
    if (i && k) {
        if (sign == "+" && !__builtin_add_overflow(*i, *k, &out)) return JinjaValue(out);
        if (sign == "-" && !__builtin_sub_overflow(*i, *k, &out)) return JinjaValue(out);
        if (sign == "*" && !__builtin_mul_overflow(*i, *k, &out)) return JinjaValue(out);
        if ((sign == "//" || sign == "%") && *k != 0 && *k != -1) {  // rounded down, as in Python
            const std::int64_t rest = *i % *k, adjust = rest != 0 && (rest < 0) != (*k < 0);
            return JinjaValue(sign == "%" ? rest + adjust * *k : *i / *k - adjust);
        }
    }
    const double x = a.number(), y = b.number();
    if (sign == "+") return JinjaValue(x + y);
    if (sign == "-") return JinjaValue(x - y);
    if (sign == "*") return JinjaValue(x * y);
    if (sign == "**") {
        const double power = std::pow(x, y);
        if (i && k && *k >= 0 && std::fabs(power) < 9e15) return JinjaValue(static_cast<std::int64_t>(power));
        return JinjaValue(power);
    }
    if (y == 0) return std::nullopt;
    if (sign == "/") return JinjaValue(x / y);
    const double floor = std::floor(x / y);
    if (sign == "//") return JinjaValue(floor);
    return sign == "%" ? Result(JinjaValue(x - floor * y)) : std::nullopt;
}

inline Result apply_operator(std::string_view sign, const JinjaValue& a, const JinjaValue& b) {
    if (sign == "==") return JinjaValue(a == b);
    if (sign == "!=") return JinjaValue(!(a == b));
    if (sign == "~") return JinjaValue(a.print() + b.print());
    if (sign == "in") {
        const auto found = contains(b, a);
        return found ? Result(JinjaValue(*found)) : std::nullopt;
    }
    if (sign == "<" || sign == ">" || sign == "<=" || sign == ">=") {
        int order;
        if (a.is_number() && b.is_number()) order = a.number() < b.number() ? -1 : a.number() > b.number();
        else if (a.as_string() && b.as_string()) order = a.as_string()->compare(*b.as_string());
        else return std::nullopt;
        return JinjaValue(sign == "<" ? order < 0 : sign == ">" ? order > 0 : sign == "<=" ? order <= 0 : order >= 0);
    }
    if (sign == "+" && a.as_string() && b.as_string()) return JinjaValue(*a.as_string() + *b.as_string());
    if (sign == "+" && a.as_list() && b.as_list()) {
        auto out = *a.as_list();
        out.insert(out.end(), b.as_list()->begin(), b.as_list()->end());
        return JinjaValue(std::move(out));
    }
    if (sign == "*" && a.as_string() && b.as_integer()) {
        const auto times = static_cast<std::uint64_t>(std::max<std::int64_t>(*b.as_integer(), 0));
        if (times > 0 && a.as_string()->size() > (16u << 20) / times) return std::nullopt;
        std::string out;
        for (std::uint64_t i = 0; i < times && !a.as_string()->empty(); ++i) out += *a.as_string();
        return JinjaValue(std::move(out));
    }
    return a.is_number() && b.is_number() ? apply_arithmetic(sign, a, b) : std::nullopt;
}

inline std::optional<bool> apply_test(std::string_view name, const JinjaValue& v, std::span<const JinjaValue> arguments) {
    if (name == "defined") return !v.is_undefined();
    if (name == "undefined") return v.is_undefined();
    if (name == "none") return v.is_none();
    if (name == "string") return v.as_string() != nullptr;
    if (name == "mapping") return v.as_map() != nullptr;
    if (name == "boolean") return v.as_bool() != nullptr;
    if (name == "true") return v.as_bool() && *v.as_bool();
    if (name == "false") return v.as_bool() && !*v.as_bool();
    if (name == "integer") return v.as_integer() != nullptr;
    if (name == "float") return v.as_float() != nullptr;
    if (name == "number") return v.is_number();
    if (name == "callable") return v.as_function() != nullptr;
    if (name == "iterable" || name == "sequence") return v.as_list() || v.as_string() || v.as_map();
    if (name == "odd" || name == "even") {
        if (!v.as_integer()) return std::nullopt;
        return (*v.as_integer() % 2 != 0) == (name == "odd");
    }
    if (arguments.size() != 1) return std::nullopt;
    if (name == "equalto" || name == "eq" || name == "sameas") return v == arguments[0];
    if (name == "ne") return !(v == arguments[0]);
    if (name == "in") return contains(arguments[0], v);
    if (name == "divisibleby") {
        const auto *a = v.as_integer(), *b = arguments[0].as_integer();
        if (!a || !b || *b == 0 || *b == -1) return std::nullopt;
        return *a % *b == 0;
    }
    constexpr std::pair<std::string_view, std::string_view> orders[] = {{"lt", "<"}, {"gt", ">"}, {"le", "<="}, {"ge", ">="}};
    for (const auto& [test, sign] : orders) {
        if (test != name) continue;
        const auto result = apply_operator(sign, v, arguments[0]);
        return result ? std::optional(result->truth()) : std::nullopt;
    }
    return std::nullopt;
}

inline bool is_method(const JinjaValue& value, std::string_view name) {
    const auto any = [&](std::initializer_list<std::string_view> names) { return std::find(names.begin(), names.end(), name) != names.end(); };
    if (value.as_string())
        return any({"strip", "lstrip", "rstrip", "split", "startswith", "endswith", "upper", "lower", "title", "capitalize", "replace", "find",
                    "join", "count"});
    if (value.as_map()) return any({"items", "keys", "values", "get"});
    return false;
}

inline JinjaValue::List pairs_of(const JinjaValue::Map& map) {
    JinjaValue::List out;
    for (const auto& [name, member] : map.members) out.push_back(JinjaValue::List{JinjaValue(name), member});
    return out;
}

inline Result call_method(const JinjaValue& self, std::string_view name, const Arguments& arguments) {
    const auto* first = arguments.get(0);
    if (const auto* map = self.as_map()) {
        if (name == "items") return JinjaValue(pairs_of(*map));
        if (name == "keys") return JinjaValue(*elements_of(self));
        if (name == "values") {
            JinjaValue::List out;
            for (const auto& [key, member] : map->members) out.push_back(member);
            return JinjaValue(std::move(out));
        }
        if (!first || !first->as_string()) return std::nullopt;
        if (const auto* member = map->find(*first->as_string())) return *member;
        return arguments.get(1) ? *arguments.get(1) : JinjaValue(JinjaValue::None{});
    }
    const std::string& text = *self.as_string();
    if (name == "strip" || name == "lstrip" || name == "rstrip") return JinjaValue(strip(text, name != "rstrip", name != "lstrip", first));
    if (name == "upper" || name == "lower") return JinjaValue(change_case(text, name == "upper"));
    if (name == "title" || name == "capitalize") return JinjaValue(capitalize(text, name == "title"));
    if (name == "split") {
        JinjaValue::List out;
        std::int64_t left =
            arguments.get(1, "maxsplit") && arguments.get(1, "maxsplit")->as_integer() ? *arguments.get(1, "maxsplit")->as_integer() : -1;
        std::string_view rest = text;
        if (!first || !first->as_string()) {
            for (rest = strip(rest, true, true); !rest.empty(); rest = strip(rest, true, false)) {
                const auto end = static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_blank) - rest.begin());
                if (left-- == 0) {
                    out.emplace_back(rest);
                    break;
                }
                out.emplace_back(rest.substr(0, end));
                rest.remove_prefix(end);
            }
            return JinjaValue(std::move(out));
        }
        const std::string& mark = *first->as_string();
        if (mark.empty()) return std::nullopt;
        for (std::size_t hit; left != 0 && (hit = rest.find(mark)) != std::string_view::npos; --left) {
            out.emplace_back(rest.substr(0, hit));
            rest.remove_prefix(hit + mark.size());
        }
        out.emplace_back(rest);
        return JinjaValue(std::move(out));
    }
    if (name == "join") {
        const auto items = first ? elements_of(*first) : std::nullopt;
        if (!items) return std::nullopt;
        std::string out;
        for (std::size_t i = 0; i < items->size(); ++i) out += (i ? text : std::string{}) + (*items)[i].print();
        return JinjaValue(std::move(out));
    }
    if (!first) return std::nullopt;
    if (name == "startswith" || name == "endswith") {
        const auto test = [&](const JinjaValue& v) {
            return v.as_string() && (name == "startswith" ? text.starts_with(*v.as_string()) : text.ends_with(*v.as_string()));
        };
        return JinjaValue(first->as_list() ? std::any_of(first->as_list()->begin(), first->as_list()->end(), test) : test(*first));
    }
    if (!first->as_string()) return std::nullopt;
    if (name == "replace" && arguments.get(1) && arguments.get(1)->as_string())
        return JinjaValue(replace(text, *first->as_string(), *arguments.get(1)->as_string()));
    if (name == "find") {
        const auto hit = text.find(*first->as_string());
        return JinjaValue(hit == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(utf8_count(std::string_view(text).substr(0, hit))));
    }
    if (name == "count" && !first->as_string()->empty()) {
        std::int64_t count = 0;
        for (std::size_t at = 0; (at = text.find(*first->as_string(), at)) != std::string::npos; at += first->as_string()->size()) ++count;
        return JinjaValue(count);
    }
    return std::nullopt;
}

inline bool is_global_function(std::string_view name) {
    return name == "range" || name == "namespace" || name == "dict" || name == "raise_exception";
}

inline Result call_global(std::string_view name, const Arguments& arguments) {
    if (name == "namespace" || name == "dict") {
        auto map = arguments.named;
        map.is_namespace = name == "namespace";
        return JinjaValue(std::move(map));
    }
    if (name != "range" || arguments.positional.empty() || arguments.positional.size() > 3) return std::nullopt;
    std::int64_t values[3] = {0, 0, 1};
    for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
        const auto* value = arguments.positional[i].as_integer();
        if (!value || *value > 1'000'000 || *value < -1'000'000) return std::nullopt;
        values[arguments.positional.size() == 1 ? 1 : i] = *value;
    }
    if (values[2] == 0) return std::nullopt;
    JinjaValue::List out;
    for (std::int64_t i = values[0]; values[2] > 0 ? i < values[1] : i > values[1]; i += values[2]) out.emplace_back(i);
    return JinjaValue(std::move(out));
}

}  // namespace tercet::inline TERCET_ABI::detail::jinja
