// Gradient check: backward against central differences, in double.
//
//   df/dx_i ≈ (f(x + h e_i) − f(x − h e_i)) / 2h
//
// For a function of tensors whose output has many elements, the check contracts it with fixed random numbers first.
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// The largest difference between the gradients of f at `inputs` by backward() and by differences, relative to max(1, |gradient|).
/// f takes a std::vector<Tensor<double>>& and gives a Tensor<double>; it is called twice for each input element.
template <class F>
double gradcheck(const F& f, std::vector<Tensor<double>> inputs, double h = 1e-5) {
    for (auto& x : inputs) x = x.detach().clone().requires_grad();
    const Tensor<double> y = f(inputs);
    Generator generator(1);
    const auto weights = Tensor<double>::randn(y.shape(), generator);
    y.backward(weights);

    const NoGrad guard;
    const auto contracted = [&] {
        const Tensor<double> value = f(inputs).contiguous();
        double sum = 0;
        for (index_t i = 0; i < value.numel(); ++i) sum += value.data()[i] * weights.data()[i];
        return sum;
    };
    double worst = 0;
    for (auto& x : inputs) {
        const Tensor<double> dx = x.grad();
        for (index_t i = 0; i < x.numel(); ++i) {
            const double was = x.data()[i], backward = dx.numel() == 0 ? 0 : dx.data()[i];
            x.mutable_data()[i] = was + h;
            const double above = contracted();
            x.mutable_data()[i] = was - h;
            const double below = contracted();
            x.mutable_data()[i] = was;
            const double difference = (above - below) / (2 * h);
            worst = std::max(worst, std::abs(difference - backward) / std::max(1.0, std::abs(backward)));
            if (difference != difference || backward != backward) return std::numeric_limits<double>::infinity();
        }
    }
    return worst;
}

}  // namespace tercet::inline TERCET_ABI
