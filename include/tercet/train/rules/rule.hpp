// What an update rule is: a struct of options that makes one step of one tensor x by its gradient g.
//
//   struct Rule {
//       double rate = …, weight_decay = …;                        // every rule has these two
//       static constexpr std::string_view name = "…";
//       static void options(Self& self, F&& f);                   // names its options once: f("rate", self.rate), …
//       void check() const;                                       // throws invalid_argument for options outside their ranges
//       std::vector<RuleState> state(shape, matrix) const;        // what it keeps for a tensor of this shape
//       void update(const UpdateStep<T>& step) const;
//   };
//
// In the formulas of the rules η is the rate, λ the weight decay and t the number of the step, 1 at first. Weight decay is either part of
// the gradient (L2: g + λx) or taken from the tensor itself (decoupled: x shrinks by 1 − ηλ).
#pragma once

#include "tercet/backend/backend.hpp"
#include "tercet/core/dtype.hpp"

#include <array>
#include <cmath>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// One of the tensors that a rule keeps for a parameter, and what it starts from.
struct RuleState {
    std::string_view name;
    Shape shape;
    double initial = 0;
};

inline constexpr std::size_t most_rule_states = 3;

/// What a rule gets for one tensor at one step: its numbers are where Device works.
template <Real T>
struct UpdateStep {
    T* x;
    const T* gradient;                       // both of `shape`, contiguous
    std::array<T*, most_rule_states> state;  // as the rule's state() lists them
    const Shape& shape;
    index_t n;                  // elements, at least one
    double rate, weight_decay;  // the rule's, times those of the tensor's group
    std::int64_t number;        // t
    bool matrix;                // whether a rule for matrices is to treat it as one
};

namespace detail {

struct RuleOption {
    std::string_view name;
    double value;
};
inline void check_not_negative(std::string_view rule, std::initializer_list<RuleOption> options) {
    for (const auto& [name, value] : options)
        require(value >= 0 && std::isfinite(value), ErrorCode::invalid_argument, rule, ": ", name, " ", value, " must be a number, not negative");
}
inline void check_fraction(std::string_view rule, std::initializer_list<RuleOption> options) {
    for (const auto& [name, value] : options)
        require(value >= 0 && value < 1, ErrorCode::invalid_argument, rule, ": ", name, " ", value, " must be in [0, 1)");
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
