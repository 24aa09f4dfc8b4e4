// Optimisers: from gradients to steps.
//
// An Optimizer holds the tensors that it trains, by name, and for each of them the state that its rule keeps. A rule is a struct of
// options with one function that updates one tensor θ by its gradient g, at the rate η with the weight decay λ:
//
//   Sgd      u = g + λθ,  b = μb + (1 − τ)u,  θ −= η · (nesterov ? u + μb : b)               Sutskever et al. 2013, as PyTorch writes it
//   AdamW    m = β₁m + (1 − β₁)g,  v = β₂v + (1 − β₂)g²,                                     Loshchilov & Hutter 2019, algorithm 2
//            θ = (1 − ηλ)θ − η · m̂ / (√v̂ + ε),  m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)
//            amsgrad: the largest v so far in place of v                                     Reddi et al. 2018, algorithm 2
//
//   Optimizer optimizer(parameters_of(model), AdamW{.rate = 1e-3, .weight_decay = 0.1}, decay_matrices_only);
//   loss.backward();  optimizer.step();  optimizer.zero_grad();
#pragma once

#include "tercet/nn/module.hpp"

namespace tercet::inline TERCET_ABI {

/// A tensor and its name: a handle, so it shares its elements and its gradient with the model's own.
template <Real T>
struct NamedTensor {
    std::string name;
    Tensor<T> tensor;
};

/// The weights of a module that are on the tape, in the order of its visit(). Take them after loading or initialising: a weight that is
/// set anew later is another tensor.
template <class Module>
std::vector<NamedTensor<float>> parameters_of(Module& module) {
    std::vector<NamedTensor<float>> found;
    for_each_weight(module, [&](const std::string& name, Weight& w) {
        if (w.is_dense() && w.tensor().needs_grad()) found.push_back({name, w.tensor()});
    });
    return found;
}

/// How one tensor differs from the others: factors on the rule's rate and weight decay. A rate of 0 leaves it alone.
struct ParameterGroup {
    double rate = 1, weight_decay = 1;
};

/// Puts a tensor into its group, by name and shape.
using Grouping = std::function<ParameterGroup(std::string_view name, const Shape& shape)>;

/// Weight decay on matrices only, as in GPT training: biases and the weights of norms are left free.
inline ParameterGroup decay_matrices_only(std::string_view, const Shape& shape) {
    return {1, shape.rank() >= 2 ? 1.0 : 0.0};
}

/// What a rule gets for one tensor at one step.
struct UpdateStep {
    double rate, weight_decay;
    std::int64_t number;  // 1 at the first step
};

/// Gradient descent, with momentum.
struct Sgd {
    double rate = 1e-2, momentum = 0, dampening = 0, weight_decay = 0;
    bool nesterov = false;

    static constexpr std::string_view name = "sgd";
    /// What it keeps for each tensor.
    std::vector<std::string_view> state_names() const {
        if (momentum == 0) return {};
        return {"momentum"};
    }

    /// Throws invalid_argument for options outside their ranges.
    void check() const {
        require(rate >= 0 && momentum >= 0 && weight_decay >= 0, ErrorCode::invalid_argument, "sgd: rate ", rate, ", momentum ", momentum,
                " and weight decay ", weight_decay, " must not be negative");
        require(!nesterov || (momentum > 0 && dampening == 0), ErrorCode::invalid_argument, "sgd: nesterov needs momentum and no dampening, got ",
                momentum, " and ", dampening);
    }

    template <Real T>
    void update(T* x, const T* gradient, std::span<T* const> state, const UpdateStep& step, index_t n) const {
        const T eta = static_cast<T>(step.rate), decay = static_cast<T>(step.weight_decay), mu = static_cast<T>(momentum);
        const T kept = step.number == 1 ? T(0) : mu, taken = step.number == 1 ? T(1) : static_cast<T>(1 - dampening);  // b starts as u
        T* buffer = state.empty() ? nullptr : state[0];
        parallel_ranges(n, elementwise_grain, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                const T u = gradient[i] + decay * x[i];
                T direction = u;
                if (buffer != nullptr) {
                    buffer[i] = kept * buffer[i] + taken * u;
                    direction = nesterov ? u + mu * buffer[i] : buffer[i];
                }
                x[i] -= eta * direction;
            }
        });
    }
};

/// Adam with decoupled weight decay.
struct AdamW {
    double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
    bool amsgrad = false;

    static constexpr std::string_view name = "adamw";
    std::vector<std::string_view> state_names() const {
        if (amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
        return {"exp_avg", "exp_avg_sq"};
    }

    /// Throws invalid_argument for options outside their ranges.
    void check() const {
        require(rate >= 0 && eps >= 0 && weight_decay >= 0, ErrorCode::invalid_argument, "adamw: rate ", rate, ", eps ", eps, " and weight decay ",
                weight_decay, " must not be negative");
        require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, ErrorCode::invalid_argument, "adamw: betas ", beta1, " and ", beta2,
                " must be in [0, 1)");
    }

    template <Real T>
    void update(T* x, const T* gradient, std::span<T* const> state, const UpdateStep& step, index_t n) const {
        const T b1 = static_cast<T>(beta1), b2 = static_cast<T>(beta2), eta = static_cast<T>(step.rate), decay = static_cast<T>(step.weight_decay);
        // The corrections are made of the betas as T rounds them, which are the ones that m and v are made of.
        const auto t = static_cast<double>(step.number);
        const T correction1 = static_cast<T>(1 - std::pow(static_cast<double>(b1), t));
        const T correction2 = static_cast<T>(std::sqrt(1 - std::pow(static_cast<double>(b2), t)));
        if (!amsgrad) return Device::adamw(x, state[0], state[1], gradient, eta, b1, b2, static_cast<T>(eps), decay, correction1, correction2, n);
        T *m = state[0], *v = state[1], *top = state[2];
        parallel_ranges(n, elementwise_grain, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                const T g = gradient[i];
                m[i] = b1 * m[i] + (1 - b1) * g;
                v[i] = b2 * v[i] + (1 - b2) * g * g;
                top[i] = std::max(top[i], v[i]);
                x[i] = x[i] * (1 - eta * decay) - eta / correction1 * m[i] / (std::sqrt(top[i]) / correction2 + static_cast<T>(eps));
            }
        });
    }
};

/// Trains tensors by a rule. Its state is plain tensors and step counts, for checkpoints (train/checkpoint.hpp).
template <class Rule, Real T = float>
class Optimizer {
public:
    /// Throws invalid_argument for options outside their ranges, a tensor that is not contiguous, or one that needs no gradients.
    Optimizer(std::vector<NamedTensor<T>> parameters, const Rule& rule, const Grouping& grouping = {})
        : parameters_(std::move(parameters)), rule_(rule) {
        rule_.check();
        for (const auto& [name, tensor] : parameters_) {
            require(tensor.needs_grad() && tensor.is_contiguous(), ErrorCode::invalid_argument, "optimizer: '", name, "' ", tensor.shape(),
                    " must be contiguous and need gradients");
            Slot slot;
            if (grouping) slot.group = grouping(name, tensor.shape());
            for (std::size_t i = 0; i < rule_.state_names().size(); ++i) slot.state.push_back(Tensor<T>::zeros(tensor.shape()));
            slots_.push_back(std::move(slot));
        }
    }

    const Rule& rule() const { return rule_; }
    double rate() const { return rule_.rate; }
    /// The rate from the next step on, as a schedule gives it.
    void set_rate(double rate) {
        rule_.rate = rate;
        rule_.check();
    }
    /// The tensors it trains.
    const std::vector<NamedTensor<T>>& parameters() const { return parameters_; }

    /// One step for every tensor that has a gradient.
    void step() {
        const NoGrad guard;
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            auto& tensor = parameters_[i].tensor;
            auto& slot = slots_[i];
            const Tensor<T> gradient = tensor.grad().contiguous();
            if (gradient.storage() == nullptr || slot.group.rate == 0) continue;
            std::vector<T*> state;
            for (auto& s : slot.state) state.push_back(s.mutable_data());
            const UpdateStep step{rule_.rate * slot.group.rate, rule_.weight_decay * slot.group.weight_decay, ++slot.steps};
            rule_.template update<T>(tensor.mutable_data(), gradient.data(), state, step, tensor.numel());
        }
    }

    /// Forgets the gradients.
    void zero_grad() {
        for (auto& parameter : parameters_) parameter.tensor.zero_grad();
    }

    /// What the rule keeps, named `exp_avg.<name of the tensor>`: handles, so that writing to them sets the state.
    std::vector<NamedTensor<T>> state() const {
        std::vector<NamedTensor<T>> all;
        const auto names = rule_.state_names();
        for (std::size_t i = 0; i < parameters_.size(); ++i)
            for (std::size_t s = 0; s < names.size(); ++s) all.push_back({std::string(names[s]) + "." + parameters_[i].name, slots_[i].state[s]});
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
        ParameterGroup group;
        std::vector<Tensor<T>> state;  // in the order of the rule's state_names()
        std::int64_t steps = 0;
    };

    std::vector<NamedTensor<T>> parameters_;
    std::vector<Slot> slots_;
    Rule rule_;
};

template <Real T, class Rule, class... Rest>
Optimizer(std::vector<NamedTensor<T>>, Rule, Rest...) -> Optimizer<Rule, T>;

}  // namespace tercet::inline TERCET_ABI
