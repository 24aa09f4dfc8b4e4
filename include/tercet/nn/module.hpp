// Modules: plain structs whose static visit names their members once.
//
//   template <class Self, class Visitor>
//   static void visit(Self& self, Visitor&& v) { v("q_proj", self.q_proj); … }
//
// Everything that goes over a model's weights is a visitor: counting, loading, saving, initialising, freezing, optimising. The names,
// joined by dots, are the checkpoint's, so loading needs no table; a tensor that is missing or has no place is reported by name.
#pragma once

#include "tercet/nn/weight.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {

namespace detail {

template <class Member>
inline constexpr bool is_list = false;
template <class M>
inline constexpr bool is_list<std::vector<M>> = true;

// Turns visits of members into calls f(full name, weight), depth first in the order of visit().
template <class F>
struct NamedVisitor {
    std::string prefix;
    F& f;

    template <class Member>
    void operator()(std::string_view name, Member& member) {
        using M = std::remove_const_t<Member>;
        const std::string full = prefix + std::string(name);
        if constexpr (std::is_same_v<M, Weight>) {
            if (member.wanted()) f(full, member);
        } else if constexpr (is_list<M>) {
            for (std::size_t i = 0; i < member.size(); ++i) (*this)(std::string(name) + "." + std::to_string(i), member[i]);
        } else {
            M::visit(member, NamedVisitor{full.empty() ? full : full + ".", f});
        }
    }
};

}  // namespace detail

/// Calls f(name, weight) for each weight of a module, with the name it has in a checkpoint.
template <class Module, class F>
void for_each_weight(Module& module, F&& f) {
    std::remove_const_t<Module>::visit(module, detail::NamedVisitor<std::remove_reference_t<F>>{"", f});
}

/// What layers are called, by the addresses of their weights, as observers hear of them (ops/observer.hpp): the weight's name without ".weight".
template <class Module>
std::unordered_map<const void*, std::string> layer_names(const Module& module) {
    std::unordered_map<const void*, std::string> names;
    for_each_weight(module, [&](const std::string& name, const Weight& w) {
        constexpr std::string_view end = ".weight";
        names.emplace(&w, name.ends_with(end) ? name.substr(0, name.size() - end.size()) : name);
    });
    return names;
}

/// How many numbers a module has.
template <class Module>
index_t parameter_count(const Module& module) {
    index_t count = 0;
    for_each_weight(module, [&](const std::string&, const Weight& w) { count += element_count(w.shape()); });
    return count;
}

/// Puts every dense weight on the tape, or takes it off.
template <class Module>
void set_trainable(Module& module, bool on = true) {
    for_each_weight(module, [&](const std::string&, Weight& w) { w.tensor().requires_grad(on); });
}

/// Whether a name is as the pattern says, in which each "*" stands for any characters: "encoder.layer.1*.bias".
inline bool matches_pattern(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0, star = std::string_view::npos, from = 0;  // the last star, and where in the name what it stands for ends
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            from = n;
        } else if (p < pattern.size() && pattern[p] == name[n]) {
            ++p, ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++from;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}
inline bool matches_pattern(std::span<const std::string> patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches_pattern(pattern, name); });
}

/// Puts the dense weights whose names match one of the patterns on the tape, and takes all others off: what is not trained is frozen. Throws
/// invalid_argument when no name matches.
template <class Module>
void train_only(Module& module, std::span<const std::string> patterns) {
    bool any = false;
    for_each_weight(module, [&](const std::string& name, Weight& w) {
        const bool on = matches_pattern(patterns, name);
        if (on || w.is_dense()) w.tensor().requires_grad(on);
        any = any || on;
    });
    require(any, ErrorCode::invalid_argument, "train_only: no weight of the model has a name as '", patterns.empty() ? "" : patterns[0], "'");
}

/// Forgets all gradients.
template <class Module>
void zero_grad(Module& module) {
    for_each_weight(module, [](const std::string&, Weight& w) {
        if (w.is_dense()) w.tensor().zero_grad();
    });
}

/// Sets what activations are rounded to before they meet each weight (see Activations). With bf16 a model trains in mixed precision
/// (Micikevicius et al. 2018; Kalamkar et al. 2019): products of bfloat16, weights, activations and sums in float.
template <class Module>
void set_activations(Module& module, Activations type) {
    for_each_weight(module, [&](const std::string&, Weight& w) { w.set_activations(type); });
}

/// Packs every weight for inference (see Weight::pack); the module cannot be trained any more.
template <class Module>
void pack_weights(Module& module) {
    for_each_weight(module, [](const std::string&, Weight& w) { w.pack(); });
}

}  // namespace tercet::inline TERCET_ABI
