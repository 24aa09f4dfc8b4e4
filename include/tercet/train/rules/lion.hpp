// Lion (Chen et al. 2023, algorithm 2): every element moves by the rate, in the direction of the sign.
//
//   x ← (1 − ηλ)x − η · sign(β₁m + (1 − β₁)g)          m = β₂m + (1 − β₂)g
//
// Its steps are larger than Adam's: a rate three to ten times smaller, and a weight decay as much larger, suit it (section 5).
#pragma once

#include "tercet/train/rules/rule.hpp"

namespace tercet::inline TERCET_ABI {

struct Lion {
    double rate = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;

    static constexpr std::string_view name = "lion";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("beta1", self.beta1);
        f("beta2", self.beta2);
        f("weight_decay", self.weight_decay);
    }
    void check() const {
        detail::check_not_negative(name, {{"rate", rate}, {"weight_decay", weight_decay}});
        detail::check_fraction(name, {{"beta1", beta1}, {"beta2", beta2}});
    }
    std::vector<RuleState> state(const Shape& shape, bool) const { return {{"exp_avg", shape}}; }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        Device::update(LionUpdate<T>{.x = s.x,
                                     .m = s.state[0],
                                     .gradient = s.gradient,
                                     .rate = T(s.rate),
                                     .shrink = T(1 - s.rate * s.weight_decay),
                                     .beta1 = T(beta1),
                                     .beta2 = T(beta2)},
                       s.n);
    }
};

}  // namespace tercet::inline TERCET_ABI
