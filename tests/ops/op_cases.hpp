// Golden cases whose parameters are read in many ways, and operations of several outputs: what the tests of shape, index, reduce and sort
// have in common, on top of support/golden.hpp.
//
//   for (const auto& c : op_cases("reductions"))
//       if (c.starts_with("sum")) check_op<T>(c, [&](const auto& in) { return sum(in("x"), c.axes()); }, report);
#pragma once

#include "support/golden.hpp"
#include "tercet/ops/reduce.hpp"

#include <map>

namespace op_test {

using namespace tercet;
using golden::check_close;
using golden::GoldenReport;
using golden::in_other_order;
using golden::suffix;

struct OpCase : golden::GoldenCase {
    index_t integer(const std::string& key) const { return static_cast<index_t>(parameters.at(key).as_int()); }
    /// A parameter that is one integer or a list of them.
    std::vector<index_t> integers(const std::string& key) const {
        const Json value = parameters.at(key);
        if (value.is_integer()) return {static_cast<index_t>(value.as_int())};
        std::vector<index_t> values;
        for (const auto& element : value.elements()) values.push_back(static_cast<index_t>(element.as_int()));
        return values;
    }
    Shape shape(const std::string& key) const { return Shape(std::span<const index_t>(integers(key))); }
    bool keepdim() const { return parameters.get_or("keepdim", false); }
    /// The case's axes: all where none are named.
    Axes axes() const { return parameters.find("dim") == nullptr ? Axes() : Axes(shape("dim")); }
    Tensor<bool> mask(const std::string& key) const { return tensor<std::uint8_t>(key).to<bool>(); }
    Tensor<std::int64_t> indices(const std::string& key) const { return tensor<std::int64_t>(key); }
};

inline std::vector<OpCase> op_cases(const std::string& op) {
    std::vector<OpCase> cases;
    for (auto& c : golden::golden_cases(op)) cases.push_back({std::move(c)});
    return cases;
}

template <class T>
std::vector<Tensor<T>> as_list(const Tensor<T>& y) {
    return {y};
}
template <class T>
std::vector<Tensor<T>> as_list(std::vector<Tensor<T>> ys) {
    return ys;
}

/// Runs f(in) of a case, in(name) being its inputs, and compares all outputs and all gradients of Σ out · g; with inputs in row-major
/// order, with inputs whose memory lies otherwise, and with each input as the only one that wants a gradient.
template <class T, class F>
void check_op(const OpCase& c, const F& f, GoldenReport& report) {
    std::map<std::string, Tensor<T>> inputs;
    const auto run = [&](bool other_order, const std::string& alone) {
        INFO("case " << c.name << suffix<T> << (other_order ? ", inputs in another memory order" : "")
                     << (alone.empty() ? "" : ", the gradient of " + alone + " alone"));
        inputs.clear();
        const auto in = [&](const std::string& name) {
            if (const auto found = inputs.find(name); found != inputs.end()) return found->second;
            auto x = c.template tensor<T>("in." + name);
            if (other_order) x = in_other_order(x);
            if (alone.empty() || name == alone) x.requires_grad();
            return inputs.emplace(name, x).first->second;
        };
        const auto outputs = as_list(f(in));
        Tensor<T> contracted;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const std::string number = c.template has<T>("out") ? "" : "." + std::to_string(i);
            const auto off = check_close(outputs[i].detach(), c.template tensor<T>("out" + number), golden::output_tolerance<T>);
            report.add("out" + suffix<T>, off.absolute, c.name);
            if (!c.template has<T>("g" + number)) continue;
            const auto part = sum(mul(outputs[i], c.template tensor<T>("g" + number)));
            contracted = contracted.storage() == nullptr ? part : contracted + part;
        }
        if (contracted.storage() == nullptr) return;
        if (!contracted.needs_grad()) return;  // nothing that is differentiated depends on this input
        contracted.backward();
        for (const auto& [name, x] : inputs) {
            if (!x.needs_grad()) continue;
            INFO("gradient of " << name);
            const auto want = c.template tensor<T>("grad." + name);
            if (want.numel() == 0 && x.grad().storage() == nullptr) continue;
            report.add("grad" + suffix<T>, check_close(x.grad(), want, golden::gradient_tolerance<T>).absolute, c.name);
        }
    };
    for (const bool other_order : {false, true}) run(other_order, "");
    std::vector<std::string> names;
    for (const auto& [name, x] : inputs) names.push_back(name);
    for (const auto& name : names)
        if (names.size() > 1) run(false, name);
}

}  // namespace op_test
