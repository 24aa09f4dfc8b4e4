// Optimizers: from gradients to steps.
//
// An Optimizer holds the tensors that it trains, by name, and for each of them the state that its rule keeps. The rules, with their formulas
// and where they come from, stand in train/rules/; each is a struct of options.
//
//   Optimizer optimizer(parameters_of(model), AdamW{.rate = 1e-3, .weight_decay = 0.1}, decay_matrices_only);
//   loss.backward();  optimizer.step();  optimizer.zero_grad();
//
// Gradients add up until zero_grad(). So a batch that does not fit into memory is taken in n parts of the same size, with the mean loss of
// each over n, and one step at the end: the gradients are those of the whole batch, but for rounding.
//
//   for (const auto& part : parts) (loss_of(part) * (1.f / n)).backward();
//   optimizer.step();  optimizer.zero_grad();
#pragma once

#include "tercet/train/any_rule.hpp"
#include "tercet/train/parameters.hpp"

namespace tercet::inline TERCET_ABI {

/// Trains tensors by a rule, or by one chosen at run time (AnyRule). Its state is plain tensors and step counts, for checkpoints
/// (train/checkpoint.hpp). A step allocates nothing that the first one has not.
template <class Rule, Real T = float>
class Optimizer {
public:
    /// Throws invalid_argument for options outside their ranges, a tensor that is not contiguous, or one that needs no gradients.
    Optimizer(std::vector<NamedTensor<T>> parameters, const Rule& rule, const Grouping& grouping = {})
        : parameters_(std::move(parameters)), rule_(rule) {
        detail::with_rule(rule_, [&](const auto& r) {
            r.check();
            for (const auto& [name, tensor] : parameters_) {
                require(tensor.needs_grad() && tensor.is_contiguous() && static_cast<const GradientNode<T>&>(*tensor.node()).is_leaf(),
                        ErrorCode::invalid_argument, "optimizer: '", name, "' ", tensor.shape(),
                        " must be contiguous, need gradients and be no op's result");
                Slot slot;
                if (grouping) slot.group = grouping(name, tensor.shape());
                slot.group.matrix = slot.group.matrix && tensor.rank() >= 2;
                for (const auto& [kept, shape, initial] : r.state(tensor.shape(), slot.group.matrix))
                    slot.state.push_back({std::string(kept) + "." + name, Tensor<T>::full(shape, static_cast<T>(initial))});
                slots_.push_back(std::move(slot));
            }
        });
    }

    const Rule& rule() const { return rule_; }
    std::string_view rule_name() const {
        return detail::with_rule(rule_, [](const auto& r) { return r.name; });
    }
    double rate() const {
        return detail::with_rule(rule_, [](const auto& r) { return r.rate; });
    }
    /// The rate from the next step on, as a schedule gives it.
    void set_rate(double rate) {
        detail::with_rule(rule_, [&](auto& r) {
            r.rate = rate;
            r.check();
        });
    }
    /// The tensors it trains.
    const std::vector<NamedTensor<T>>& parameters() const { return parameters_; }

    /// One step for every tensor that has a gradient.
    void step() {
        const NoGrad guard;
        detail::with_rule(rule_, [&](const auto& r) {
            for (std::size_t i = 0; i < parameters_.size(); ++i) {
                auto& tensor = parameters_[i].tensor;
                auto& [group, state, steps] = slots_[i];
                const Tensor<T> gradient = tensor.grad().contiguous();
                if (gradient.storage() == nullptr || group.rate == 0) continue;
                ++steps;
                if (tensor.numel() == 0) continue;
                std::array<T*, most_rule_states> kept{};
                for (std::size_t s = 0; s < state.size(); ++s) kept[s] = state[s].tensor.mutable_device_data();
                r.update(UpdateStep<T>{tensor.mutable_device_data(), gradient.device_data(), kept, tensor.shape(), tensor.numel(),
                                       r.rate * group.rate, r.weight_decay * group.weight_decay, steps, group.matrix});
            }
        });
    }

    /// Forgets the gradients.
    void zero_grad() {
        for (auto& parameter : parameters_) parameter.tensor.zero_grad();
    }

    /// What the rule keeps, named `exp_avg.` and the tensor's name: handles, so that writing to them sets the state.
    std::vector<NamedTensor<T>> state() const {
        std::vector<NamedTensor<T>> all;
        for (const auto& slot : slots_) all.insert(all.end(), slot.state.begin(), slot.state.end());
        return all;
    }
    /// How many steps each tensor has made.
    std::vector<std::int64_t> steps() const {
        std::vector<std::int64_t> all;
        for (const auto& slot : slots_) all.push_back(slot.steps);
        return all;
    }
    /// Throws shape_mismatch unless there is one count for each tensor.
    void set_steps(std::span<const std::int64_t> steps) {
        require(steps.size() == slots_.size(), ErrorCode::shape_mismatch, "optimizer: ", steps.size(), " step counts for ", slots_.size(),
                " tensors");
        for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].steps = steps[i];
    }

private:
    struct Slot {
        ParameterGroup group;               // its `matrix` false, too, where the tensor has fewer than two dimensions
        std::vector<NamedTensor<T>> state;  // as the rule's state() lists them
        std::int64_t steps = 0;
    };

    std::vector<NamedTensor<T>> parameters_;
    std::vector<Slot> slots_;
    Rule rule_;
};

template <Real T, class Rule, class... Rest>
Optimizer(std::vector<NamedTensor<T>>, Rule, Rest...) -> Optimizer<Rule, T>;

}  // namespace tercet::inline TERCET_ABI
