// The filters of the chat-template language: x|trim, x|join(", "), x|selectattr("role", "equalto", "user") and their like.
#pragma once

#include "tercet/text/escape_html.hpp"
#include "tercet/text/jinja_functions.hpp"

namespace tercet::inline TERCET_ABI::detail::jinja {

inline Result apply_filter(std::string_view name, const JinjaValue& value, const Arguments& arguments);

inline std::string indented(std::string_view text, std::size_t width, bool first, bool blank_lines) {
    std::string out;
    for (std::size_t line = 0; true; ++line) {
        const auto end = text.find('\n');
        const auto piece = text.substr(0, end);
        if ((line > 0 || first) && (blank_lines || !piece.empty())) out.append(width, ' ');
        out += piece;
        if (end == std::string_view::npos) return out;
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

inline JinjaValue member_of(const JinjaValue& value, const JinjaValue& name) {
    if (!name.as_string()) return element_at(value, name);
    const auto* map = value.as_map();
    const auto* member = map ? map->find(*name.as_string()) : nullptr;
    return member ? *member : JinjaValue{};
}

// select, reject, selectattr, rejectattr: the elements whose (attribute's) test holds, or does not.
inline Result select(std::string_view name, const JinjaValue::List& items, const Arguments& arguments) {
    const bool attribute = name.ends_with("attr"), keep = name.starts_with("select");
    if (attribute && !arguments.get(0)) return std::nullopt;
    const std::size_t test = attribute ? 1 : 0;
    JinjaValue::List out;
    for (const auto& item : items) {
        const auto subject = attribute ? member_of(item, arguments.positional[0]) : item;
        std::optional<bool> holds = subject.truth();
        if (const auto* which = arguments.get(test)) holds = apply_test(which->print(), subject, arguments.positional.subspan(test + 1));
        if (!holds) return std::nullopt;
        if (*holds == keep) out.push_back(item);
    }
    return JinjaValue(std::move(out));
}

inline Result apply_list_filter(std::string_view name, const JinjaValue& value, const Arguments& arguments) {
    const auto found = elements_of(value);
    if (!found) return std::nullopt;
    auto items = *found;
    if (name == "list") return JinjaValue(std::move(items));
    if (name == "first") return items.empty() ? JinjaValue{} : items.front();
    if (name == "last") return items.empty() ? JinjaValue{} : items.back();
    if (name == "join") {
        const auto separator = arguments.text(0, "d", "");
        const auto* attribute = arguments.get(1, "attribute");
        std::string out;
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i) out += separator;
            out += attribute ? member_of(items[i], *attribute).print() : items[i].print();
        }
        return JinjaValue(std::move(out));
    }
    if (name == "reverse") {
        std::reverse(items.begin(), items.end());
        if (!value.as_string()) return JinjaValue(std::move(items));
        std::string out;
        for (const auto& c : items) out += *c.as_string();
        return JinjaValue(std::move(out));
    }
    if (name == "map") {
        const auto* attribute = arguments.named.find("attribute");
        const auto* filter = arguments.get(0);
        if (!attribute && !filter) return std::nullopt;
        for (auto& item : items) {
            if (attribute) {
                item = member_of(item, *attribute);
                continue;
            }
            if (filter->print() == "map") return std::nullopt;
            auto result = apply_filter(filter->print(), item, {arguments.positional.subspan(1), arguments.named});
            if (!result) return std::nullopt;
            item = std::move(*result);
        }
        return JinjaValue(std::move(items));
    }
    if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr") return select(name, items, arguments);
    if (name == "unique") {
        JinjaValue::List out;
        if (items.size() > 4096) return std::nullopt;  // compares each with each
        for (auto& item : items) {
            if (std::find(out.begin(), out.end(), item) == out.end()) out.push_back(std::move(item));
        }
        return JinjaValue(std::move(out));
    }
    if (name == "sort" || name == "min" || name == "max") {
        const auto* attribute = arguments.named.find("attribute");
        const auto* sensitive = arguments.get(name == "sort" ? 1 : 0, "case_sensitive");
        const auto key = [&](const JinjaValue& item) {
            auto value_of = attribute ? member_of(item, *attribute) : item;
            return value_of.as_string() && !(sensitive && sensitive->truth()) ? JinjaValue(change_case(*value_of.as_string(), false)) : value_of;
        };
        for (std::size_t i = 1; i < items.size(); ++i) {
            if (!apply_operator("<", key(items[0]), key(items[i]))) return std::nullopt;
        }
        std::stable_sort(items.begin(), items.end(),
                         [&](const JinjaValue& a, const JinjaValue& b) { return apply_operator("<", key(a), key(b))->truth(); });
        if (name != "sort") return items.empty() ? JinjaValue{} : name == "min" ? items.front() : items.back();
        if (const auto* reverse = arguments.get(0, "reverse"); reverse && reverse->truth()) std::reverse(items.begin(), items.end());
        return JinjaValue(std::move(items));
    }
    if (name == "sum") {
        JinjaValue total = std::int64_t{0};
        for (const auto& item : items) {
            const auto next = apply_operator("+", total, item);
            if (!next) return std::nullopt;
            total = *next;
        }
        return total;
    }
    return std::nullopt;
}

inline Result apply_filter(std::string_view name, const JinjaValue& value, const Arguments& arguments) {
    if (name == "default" || name == "d") {
        const auto* strict = arguments.get(1, "boolean");
        const bool replaced = value.is_undefined() || (strict && strict->truth() && !value.truth());
        const auto* other = arguments.get(0, "default_value");
        return replaced ? (other ? *other : JinjaValue("")) : value;
    }
    if (name == "length" || name == "count") {
        if (const auto* text = value.as_string()) return JinjaValue(static_cast<std::int64_t>(utf8_count(*text)));
        const auto items = elements_of(value);
        return items ? Result(JinjaValue(static_cast<std::int64_t>(items->size()))) : std::nullopt;
    }
    if (name == "tojson") {
        const auto* indent = arguments.get(0, "indent");
        const auto width = indent && indent->as_integer() ? *indent->as_integer() : -1;
        if (width > 64) return std::nullopt;
        return JinjaValue(value.to_json(static_cast<int>(std::max<std::int64_t>(width, -1))));
    }
    if (name == "string") return JinjaValue(value.print());
    if (name == "safe") return value;
    if (name == "items" || name == "dictsort") {
        if (value.is_undefined()) return JinjaValue(JinjaValue::List{});
        if (!value.as_map()) return std::nullopt;
        auto pairs = pairs_of(*value.as_map());
        if (name == "dictsort")
            std::stable_sort(pairs.begin(), pairs.end(), [](const JinjaValue& a, const JinjaValue& b) {
                return change_case((*a.as_list())[0].print(), false) < change_case((*b.as_list())[0].print(), false);
            });
        return JinjaValue(std::move(pairs));
    }
    if (name == "int" || name == "float") {
        double number = value.number();
        if (const auto* text = value.as_string()) {
            const auto trimmed = strip(*text, true, true);
            if (std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number).ec != std::errc{}) number = 0;
        }
        if (name == "float") return JinjaValue(number);
        if (value.as_integer()) return value;
        return JinjaValue(std::fabs(number) < 9e18 ? static_cast<std::int64_t>(number) : std::int64_t{0});
    }
    if (name == "abs" || name == "round") {
        if (!value.is_number()) return std::nullopt;
        if (name == "abs")
            return value.as_integer() ? JinjaValue(*value.as_integer() < 0 ? -*value.as_integer() : *value.as_integer())
                                      : JinjaValue(std::fabs(value.number()));
        const auto* digits = arguments.get(0, "precision");
        const double scale =
            std::pow(10.0, digits && digits->as_integer() ? static_cast<double>(std::clamp<std::int64_t>(*digits->as_integer(), -15, 15)) : 0.0);
        return JinjaValue(std::nearbyint(value.number() * scale) / scale);
    }
    constexpr std::string_view text_filters[] = {"trim", "upper", "lower", "title", "capitalize", "replace", "escape", "e", "indent"};
    if (std::find(std::begin(text_filters), std::end(text_filters), name) != std::end(text_filters)) {
        const std::string text = value.print();
        if (name == "trim") return JinjaValue(strip(text, true, true, arguments.get(0)));
        if (name == "upper" || name == "lower") return JinjaValue(change_case(text, name == "upper"));
        if (name == "title" || name == "capitalize") return JinjaValue(capitalize(text, name == "title"));
        if (name == "escape" || name == "e") return JinjaValue(escape_html(text));
        if (name == "indent") {
            const auto* width = arguments.get(0, "width");
            const auto columns = width && width->as_integer() ? *width->as_integer() : 4;
            if (columns < 0 || columns > 256) return std::nullopt;
            const auto *first = arguments.get(1, "first"), *blank = arguments.get(2, "blank");
            return JinjaValue(indented(text, static_cast<std::size_t>(columns), first && first->truth(), blank && blank->truth()));
        }
        return arguments.get(1) ? Result(JinjaValue(replace(text, arguments.get(0)->print(), arguments.get(1)->print()))) : std::nullopt;
    }
    return apply_list_filter(name, value, arguments);
}

}  // namespace tercet::inline TERCET_ABI::detail::jinja
