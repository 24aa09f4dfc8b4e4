// Rates that each element finds for itself, by the squares of its gradients u = g + λx:
//
//   Adagrad   s = s + u²,  x ← x − η / (1 + (t − 1)κ) · u / (√s + ε)                   Duchi et al. 2011, figure 1; κ the decay of the rate
//   RMSprop   v = αv + (1 − α)u²,  x ← x − η · u / (√v + ε)                            Hinton 2012, lecture 6e
//             centered: √(v − ū²) for √v, where ū = αū + (1 − α)u                      Graves 2013, eqs. 38–45
//             momentum: b = μb + u / (√v + ε),  x ← x − η · b
//   Adadelta  v = ρv + (1 − ρ)u²,  d = u · √(w + ε) / √(v + ε),                        Zeiler 2012, algorithm 1
//             w = ρw + (1 − ρ)d²,  x ← x − η · d
#pragma once

#include "tercet/train/rules/rule.hpp"

namespace tercet::inline TERCET_ABI {

struct RmsProp {
    double rate = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
    bool centered = false;

    static constexpr std::string_view name = "rmsprop";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("alpha", self.alpha);
        f("eps", self.eps);
        f("weight_decay", self.weight_decay);
        f("momentum", self.momentum);
        f("centered", self.centered);
    }
    void check() const {
        detail::check_not_negative(name, {{"rate", rate}, {"eps", eps}, {"weight_decay", weight_decay}, {"momentum", momentum}});
        detail::check_fraction(name, {{"alpha", alpha}});
    }
    std::vector<RuleState> state(const Shape& shape, bool) const {
        std::vector<RuleState> all{{"square_avg", shape}};
        if (centered) all.push_back({"grad_avg", shape});
        if (momentum > 0) all.push_back({"momentum", shape});
        return all;
    }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        Device::update(RmsPropUpdate<T>{.x = s.x,
                                        .v = s.state[0],
                                        .mean = centered ? s.state[1] : nullptr,
                                        .buffer = momentum > 0 ? s.state[centered ? 2 : 1] : nullptr,
                                        .gradient = s.gradient,
                                        .rate = T(s.rate),
                                        .kept = T(alpha),
                                        .taken = T(1 - alpha),
                                        .decay = T(s.weight_decay),
                                        .momentum = T(momentum),
                                        .eps = T(eps)},
                       s.n);
    }
};

struct Adagrad {
    double rate = 1e-2, rate_decay = 0, eps = 1e-10, weight_decay = 0, initial_sum = 0;

    static constexpr std::string_view name = "adagrad";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("rate_decay", self.rate_decay);
        f("eps", self.eps);
        f("weight_decay", self.weight_decay);
        f("initial_sum", self.initial_sum);
    }
    void check() const {
        detail::check_not_negative(
            name, {{"rate", rate}, {"rate_decay", rate_decay}, {"eps", eps}, {"weight_decay", weight_decay}, {"initial_sum", initial_sum}});
    }
    std::vector<RuleState> state(const Shape& shape, bool) const { return {{"sum", shape, initial_sum}}; }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        Device::update(AdagradUpdate<T>{.x = s.x,
                                        .sum = s.state[0],
                                        .gradient = s.gradient,
                                        .rate = T(s.rate / (1 + static_cast<double>(s.number - 1) * rate_decay)),
                                        .decay = T(s.weight_decay),
                                        .eps = T(eps)},
                       s.n);
    }
};

struct Adadelta {
    double rate = 1, rho = 0.9, eps = 1e-6, weight_decay = 0;

    static constexpr std::string_view name = "adadelta";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("rho", self.rho);
        f("eps", self.eps);
        f("weight_decay", self.weight_decay);
    }
    void check() const {
        detail::check_not_negative(name, {{"rate", rate}, {"eps", eps}, {"weight_decay", weight_decay}});
        detail::check_fraction(name, {{"rho", rho}});
    }
    std::vector<RuleState> state(const Shape& shape, bool) const { return {{"square_avg", shape}, {"acc_delta", shape}}; }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        Device::update(AdadeltaUpdate<T>{.x = s.x,
                                         .v = s.state[0],
                                         .w = s.state[1],
                                         .gradient = s.gradient,
                                         .rate = T(s.rate),
                                         .kept = T(rho),
                                         .taken = T(1 - rho),
                                         .decay = T(s.weight_decay),
                                         .eps = T(eps)},
                       s.n);
    }
};

}  // namespace tercet::inline TERCET_ABI
