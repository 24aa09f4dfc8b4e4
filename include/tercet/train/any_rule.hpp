// All update rules, and a rule that is chosen while the program runs:
//
//   Optimizer optimizer(parameters_of(model), make_rule("lion", {{"rate", 1e-4}, {"beta2", 0.98}}));
#pragma once

#include "tercet/train/rules/adafactor.hpp"
#include "tercet/train/rules/adam.hpp"
#include "tercet/train/rules/adaptive.hpp"
#include "tercet/train/rules/lion.hpp"
#include "tercet/train/rules/muon.hpp"
#include "tercet/train/rules/sgd.hpp"

#include <map>
#include <optional>
#include <string>
#include <variant>

namespace tercet::inline TERCET_ABI {

using AnyRule = std::variant<Sgd, RmsProp, Adagrad, Adadelta, Adam, AdamW, Adamax, NAdam, RAdam, Lion, Adafactor, Muon>;

namespace detail {

// f(the rule), also where it was chosen at run time.
template <class Rule, class F>
decltype(auto) with_rule(Rule& rule, F&& f) {
    if constexpr (std::is_same_v<std::remove_const_t<Rule>, AnyRule>) return std::visit(std::forward<F>(f), rule);
    else return f(rule);
}

template <class F, class... Rules>
void for_each_rule(std::type_identity<std::variant<Rules...>>, const F& f) {
    (f(Rules{}), ...);
}

// Numbers as they are, switches as 0 or 1.
template <class Option>
void set_option(std::string_view rule, std::string_view name, Option& option, double value) {
    if (std::abs(value) <= 1e9) option = static_cast<Option>(value);
    require(static_cast<double>(option) == value, ErrorCode::invalid_argument, "make_rule: ", rule, "'s ", name, " cannot be ", value);
}

}  // namespace detail

/// The names of all rules: "sgd", "adamw", …
inline std::vector<std::string_view> rule_names() {
    std::vector<std::string_view> names;
    detail::for_each_rule(std::type_identity<AnyRule>{}, [&](const auto& rule) { names.push_back(rule.name); });
    return names;
}

/// The rule of that name, with its own defaults but for the options given: by the names of its members, switches as 0 or 1. Throws
/// invalid_argument for a name, an option or a value that there is not.
inline AnyRule make_rule(std::string_view name, const std::map<std::string, double>& options = {}) {
    std::optional<AnyRule> found;
    std::string names;
    detail::for_each_rule(std::type_identity<AnyRule>{}, [&](const auto& rule) {
        names.append(names.empty() ? "" : ", ").append(rule.name);
        if (rule.name == name) found = rule;
    });
    require(found.has_value(), ErrorCode::invalid_argument, "make_rule: '", name, "' is none of ", names);
    std::visit(
        [&](auto& rule) {
            for (const auto& given : options) {
                std::string known;
                bool set = false;
                rule.options(rule, [&](std::string_view option, auto& member) {
                    known.append(known.empty() ? "" : ", ").append(option);
                    if (option != given.first) return;
                    detail::set_option(rule.name, option, member, given.second);
                    set = true;
                });
                require(set, ErrorCode::invalid_argument, "make_rule: ", rule.name, " has no option '", given.first, "', only ", known);
            }
            rule.check();
        },
        *found);
    return *found;
}

}  // namespace tercet::inline TERCET_ABI
