// Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost", section 4): of a part of a model only the input
// is kept for backward, and the part is computed a second time when its turn comes.
//
//   forward     y = f(x), recorded as one node                backward     y = f(x) again, recorded in full, and backward through that
//
// With a block of a transformer as f, memory for activations falls to one tensor a block, for a third more work. (Checkpoints of a training
// run, as files, are train/checkpoint.hpp.)
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// Recording is on in this thread while one of these lives, also inside NoGrad.
class EnableGrad {
public:
    EnableGrad() : before_(std::exchange(detail::no_grad_depth, 0)) {}
    EnableGrad(const EnableGrad&) = delete;
    EnableGrad& operator=(const EnableGrad&) = delete;
    ~EnableGrad() { detail::no_grad_depth = before_; }

private:
    int before_;
};

namespace detail {

// Sets a generator, if there is one, for as long as this lives.
class GeneratorAt {
public:
    GeneratorAt(Generator* generator, const Generator& start)
        : generator_(generator), before_(generator == nullptr ? start : std::exchange(*generator, start)) {}
    GeneratorAt(const GeneratorAt&) = delete;
    GeneratorAt& operator=(const GeneratorAt&) = delete;
    ~GeneratorAt() {
        if (generator_ != nullptr) *generator_ = before_;
    }

private:
    Generator* generator_;
    Generator before_;
};

}  // namespace detail

/// f(x), which is computed again in backward. f is called twice with the same numbers, so it must give the same: what it draws must come from
/// `generator`, whose position is taken back for the second time. Leaves that f uses, such as weights, get their gradients too; a recorded result
/// must not be captured (backward would walk on behind it: hand it over as x, or detach() it). What f refers to must live until backward.
template <Real T, class F>
Tensor<T> checkpoint(F f, const Tensor<T>& x, Generator* generator = nullptr) {
    if (!grad_enabled()) return f(x);
    const Generator start = generator == nullptr ? Generator() : *generator;
    Tensor<T> y;
    {
        const NoGrad guard;
        y = f(x.detach()).detach();
    }
    return detail::recorded(std::move(y), NodeList{x.node()},
                            [f = std::move(f), xs = save(x), generator, start](const Tensor<T>& dy, std::span<Gradient<T>> dx) {
                                const EnableGrad guard;
                                auto input = *xs;
                                if (dx[0]) input.requires_grad();
                                const auto again = [&] {
                                    const detail::GeneratorAt position(generator, start);
                                    return f(input);
                                }();
                                if (again.needs_grad()) again.backward(dy);
                                if (dx[0] && input.grad().storage() != nullptr) dx[0].add(input.grad());
                            });
}

}  // namespace tercet::inline TERCET_ABI
