// Gradient descent (Robbins & Monro 1951), with momentum (Polyak 1964) and Nesterov's (Sutskever et al. 2013, eqs. 1–4), as PyTorch writes it:
//
//   u = g + λx          b = μb + (1 − τ)u, at the first step b = u          x ← x − η · (nesterov ? u + μb : b)
#pragma once

#include "tercet/train/rules/rule.hpp"

namespace tercet::inline TERCET_ABI {

struct Sgd {
    double rate = 1e-2, momentum = 0, dampening = 0, weight_decay = 0;
    bool nesterov = false;

    static constexpr std::string_view name = "sgd";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("momentum", self.momentum);
        f("dampening", self.dampening);
        f("weight_decay", self.weight_decay);
        f("nesterov", self.nesterov);
    }

    void check() const {
        detail::check_not_negative(name, {{"rate", rate}, {"momentum", momentum}, {"weight_decay", weight_decay}});
        require(std::isfinite(dampening), ErrorCode::invalid_argument, name, ": dampening ", dampening, " must be a number");
        require(!nesterov || (momentum > 0 && dampening == 0), ErrorCode::invalid_argument, name, ": nesterov needs momentum and no dampening, got ",
                momentum, " and ", dampening);
    }

    std::vector<RuleState> state(const Shape& shape, bool) const {
        if (momentum == 0) return {};
        return {{"momentum", shape}};
    }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        const bool first = s.number == 1;
        Device::update(SgdUpdate<T>{.x = s.x,
                                    .buffer = s.state[0],
                                    .gradient = s.gradient,
                                    .rate = T(s.rate),
                                    .decay = T(s.weight_decay),
                                    .kept = first ? T(0) : T(momentum),
                                    .taken = first ? T(1) : T(1 - dampening),
                                    .momentum = T(momentum),
                                    .nesterov = nesterov},
                       s.n);
    }
};

}  // namespace tercet::inline TERCET_ABI
