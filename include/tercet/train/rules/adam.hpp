// Adam and its relatives: a step in the direction of the mean gradient m, over the root of the mean square v, both as running averages:
//
//   m = β₁m + (1 − β₁)u,  v = β₂v + (1 − β₂)u²          m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)
//
//   Adam     u = g + λx,  x ← x − η · m̂ / (√v̂ + ε)                                             Kingma & Ba 2015, algorithm 1
//   AdamW    u = g,  x ← (1 − ηλ)x − η · m̂ / (√v̂ + ε)                                          Loshchilov & Hutter 2019, algorithm 2
//   amsgrad  the largest v so far in place of v                                                 Reddi et al. 2018, algorithm 2
//   Adamax   v = max(β₂v, |u| + ε),  x ← x − η · m̂ / v                                          Kingma & Ba 2015, algorithm 2
//   NAdam    x ← x − η · (μₜ₊₁ m / (1 − Πₜ₊₁) + (1 − μₜ) u / (1 − Πₜ)) / (√v̂ + ε)               Dozat 2016
//            μₜ = β₁ (1 − ½ · 0.96^(tψ)),  Πₜ = μ₁ … μₜ, a product that PyTorch keeps in float, and so do we
//   RAdam    x ← x − η · r · m̂ · √(1 − β₂ᵗ) / (√v + ε) where ρₜ > 5, else x − η · m̂           Liu et al. 2020, algorithm 2
//            ρ∞ = 2 / (1 − β₂) − 1,  ρₜ = ρ∞ − 2t β₂ᵗ / (1 − β₂ᵗ),  r² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ)
//
// NAdam and RAdam take their weight decay as Adam does, or with `decoupled` as AdamW.
#pragma once

#include "tercet/train/rules/rule.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// 1 − βᵗ, of the beta as T rounds it: the averages are made of that.
template <Real T>
double bias_correction(double beta, std::int64_t t) {
    return 1 - std::pow(static_cast<double>(T(beta)), static_cast<double>(t));
}

// Adam's step, which its relatives change.
template <class Rule, Real T>
AdamUpdate<T> adam_update(const Rule& rule, const UpdateStep<T>& s, bool decoupled) {
    return {.x = s.x,
            .m = s.state[0],
            .v = s.state[1],
            .gradient = s.gradient,
            .beta1 = T(rule.beta1),
            .beta2 = T(rule.beta2),
            .decay = decoupled ? T(0) : T(s.weight_decay),
            .shrink = decoupled ? T(1 - s.rate * s.weight_decay) : T(1),
            .momentum_rate = T(s.rate / bias_correction<T>(rule.beta1, s.number)),
            .root_scale = T(1 / std::sqrt(bias_correction<T>(rule.beta2, s.number))),
            .eps = T(rule.eps)};
}

template <class Self, class F>
void adam_options(Self& self, F&& f) {
    f("rate", self.rate);
    f("beta1", self.beta1);
    f("beta2", self.beta2);
    f("eps", self.eps);
    f("weight_decay", self.weight_decay);
}

template <class Rule>
void check_adam(const Rule& rule) {
    check_not_negative(Rule::name, {{"rate", rule.rate}, {"eps", rule.eps}, {"weight_decay", rule.weight_decay}});
    check_fraction(Rule::name, {{"beta1", rule.beta1}, {"beta2", rule.beta2}});
}

inline std::vector<RuleState> adam_state(const Shape& shape, bool amsgrad) {
    if (amsgrad) return {{"exp_avg", shape}, {"exp_avg_sq", shape}, {"max_exp_avg_sq", shape}};
    return {{"exp_avg", shape}, {"exp_avg_sq", shape}};
}

}  // namespace detail

struct Adam {
    double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    bool amsgrad = false;

    static constexpr std::string_view name = "adam";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        detail::adam_options(self, f);
        f("amsgrad", self.amsgrad);
    }
    void check() const { detail::check_adam(*this); }
    std::vector<RuleState> state(const Shape& shape, bool) const { return detail::adam_state(shape, amsgrad); }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        auto u = detail::adam_update(*this, s, false);
        u.top = s.state[2];
        Device::update(u, s.n);
    }
};

/// Adam with decoupled weight decay.
struct AdamW {
    double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
    bool amsgrad = false;

    static constexpr std::string_view name = "adamw";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        Adam::options(self, f);
    }
    void check() const { detail::check_adam(*this); }
    std::vector<RuleState> state(const Shape& shape, bool) const { return detail::adam_state(shape, amsgrad); }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        auto u = detail::adam_update(*this, s, true);
        u.top = s.state[2];
        Device::update(u, s.n);
    }
};

/// Adam over the largest gradient, which fades, in place of the mean square.
struct Adamax {
    double rate = 2e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;

    static constexpr std::string_view name = "adamax";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        detail::adam_options(self, f);
    }
    void check() const { detail::check_adam(*this); }
    std::vector<RuleState> state(const Shape& shape, bool) const { return {{"exp_avg", shape}, {"exp_inf", shape}}; }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        Device::update(AdamaxUpdate<T>{.x = s.x,
                                       .m = s.state[0],
                                       .v = s.state[1],
                                       .gradient = s.gradient,
                                       .rate = T(s.rate / detail::bias_correction<T>(beta1, s.number)),
                                       .beta1 = T(beta1),
                                       .beta2 = T(beta2),
                                       .decay = T(s.weight_decay),
                                       .eps = T(eps)},
                       s.n);
    }
};

/// Adam with Nesterov's momentum.
struct NAdam {
    double rate = 2e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, momentum_decay = 4e-3;
    bool decoupled = false;

    static constexpr std::string_view name = "nadam";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        detail::adam_options(self, f);
        f("momentum_decay", self.momentum_decay);
        f("decoupled", self.decoupled);
    }
    void check() const {
        detail::check_adam(*this);
        detail::check_not_negative(name, {{"momentum_decay", momentum_decay}});
    }
    std::vector<RuleState> state(const Shape& shape, bool) const { return {{"exp_avg", shape}, {"exp_avg_sq", shape}, {"mu_product", {}, 1}}; }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        const auto mu_at = [&](std::int64_t t) { return beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * momentum_decay)); };
        const double mu = mu_at(s.number), next_mu = mu_at(s.number + 1);
        T kept;
        Device::read(&kept, s.state[2], 1);
        const float product = static_cast<float>(kept) * static_cast<float>(mu);
        kept = T(product);
        Device::write(s.state[2], &kept, 1);
        auto u = detail::adam_update(*this, s, decoupled);
        u.momentum_rate = T(s.rate * next_mu / (1 - static_cast<double>(product) * next_mu));
        u.gradient_rate = T(s.rate * (1 - mu) / (1 - static_cast<double>(product)));
        Device::update(u, s.n);
    }
};

/// Adam that waits with its division until the mean square is known well enough.
struct RAdam {
    double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    bool decoupled = false;

    static constexpr std::string_view name = "radam";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        detail::adam_options(self, f);
        f("decoupled", self.decoupled);
    }
    void check() const { detail::check_adam(*this); }
    std::vector<RuleState> state(const Shape& shape, bool) const { return detail::adam_state(shape, false); }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        const double most = 2 / (1 - beta2) - 1, t = static_cast<double>(s.number), power = std::pow(beta2, t);  // of the beta itself: ρ cancels
        const double rho = most - 2 * t * power / (1 - power);
        auto u = detail::adam_update(*this, s, decoupled);
        u.adaptive = rho > 5;
        if (u.adaptive) {
            const double r = std::sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho));
            u.momentum_rate *= T(r * std::sqrt(detail::bias_correction<T>(beta2, s.number)));
            u.root_scale = 1;
        }
        Device::update(u, s.n);
    }
};

}  // namespace tercet::inline TERCET_ABI
