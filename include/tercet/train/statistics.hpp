// Statistics of weights, gradients and activations, by name: what to look at when gradients vanish or explode (Bengio et al. 1994).
//
// A gradient whose rms falls by a factor from layer to layer vanishes, one that rises explodes. A step usually moves a weight by about a
// thousandth of its norm: an update ratio far below learns nothing, one far above forgets. Activations of which most are zero are dead.
#pragma once

#include "tercet/train/parameters.hpp"

namespace tercet::inline TERCET_ABI {

/// Of a tensor's elements; all but the counts over the finite ones.
struct Statistics {
    index_t count = 0, non_finite = 0;
    double norm = 0, rms = 0, mean_size = 0, largest = 0;  // √Σx², √mean(x²), mean |x|, max |x|
    double zeros = 0;                                      // the share of elements that are zero
};
struct NamedStatistics : Statistics {
    std::string name;
};

namespace detail {

struct Sums {
    double squares = 0, sizes = 0, largest = 0;
    index_t zeros = 0, non_finite = 0;
};

template <Real T>
Statistics statistics_of(const T* x, index_t n) {
    const auto of_piece = [&](index_t begin, index_t end) {
        Sums s;
        for (index_t i = begin; i < end; ++i) {
            const double size = std::abs(static_cast<double>(x[i]));
            if (!std::isfinite(size)) {
                ++s.non_finite;
                continue;
            }
            s.squares += size * size;
            s.sizes += size;
            s.largest = std::max(s.largest, size);
            s.zeros += size == 0;
        }
        return s;
    };
    const Sums s = cpu::fold_pieces(n, Sums{}, of_piece, [](const Sums& a, const Sums& b) {
        return Sums{a.squares + b.squares, a.sizes + b.sizes, std::max(a.largest, b.largest), a.zeros + b.zeros, a.non_finite + b.non_finite};
    });
    const double finite = static_cast<double>(std::max<index_t>(n - s.non_finite, 1));
    return {n, s.non_finite, std::sqrt(s.squares), std::sqrt(s.squares / finite), s.sizes / finite, s.largest, static_cast<double>(s.zeros) / finite};
}

}  // namespace detail

/// x of any shape and strides.
template <Real T>
Statistics statistics(const Tensor<T>& x) {
    const auto c = x.detach().contiguous();
    return detail::statistics_of(c.data(), c.numel());
}

namespace detail {

// ‖x‖ is a number, unless some element is none, or their squares overflow. x is contiguous.
template <Real T>
bool all_finite(const Tensor<T>& x) {
    return std::isfinite(Device::power_sum(x.device_data(), x.numel(), 2)) || statistics(x).non_finite == 0;
}

}  // namespace detail

/// Of each tensor: weights, or activations.
template <Real T>
std::vector<NamedStatistics> statistics(const std::vector<NamedTensor<T>>& tensors) {
    std::vector<NamedStatistics> all;
    for (const auto& [name, tensor] : tensors) all.push_back({statistics(tensor), name});
    return all;
}

/// Of each tensor's gradient; a count of 0 where there is none.
template <Real T>
std::vector<NamedStatistics> gradient_statistics(const std::vector<NamedTensor<T>>& parameters) {
    std::vector<NamedStatistics> all;
    for (const auto& [name, tensor] : parameters) all.push_back({statistics(tensor.grad()), name});
    return all;
}

/// The first tensor with an infinity or NaN in it, or null.
template <Real T>
const NamedTensor<T>* first_non_finite(const std::vector<NamedTensor<T>>& tensors) {
    for (const auto& named : tensors) {
        if (!detail::all_finite(named.tensor.detach().contiguous())) return &named;
    }
    return nullptr;
}
/// The first parameter whose gradient has one, or null.
template <Real T>
const NamedTensor<T>* first_non_finite_gradient(const std::vector<NamedTensor<T>>& parameters) {
    for (const auto& named : parameters) {
        if (!detail::all_finite(named.tensor.grad())) return &named;
    }
    return nullptr;
}

/// How far a step moves each weight: remembers them when it is made, before the step.
template <Real T = float>
class UpdateRatios {
public:
    explicit UpdateRatios(std::vector<NamedTensor<T>> parameters) : parameters_(std::move(parameters)) {
        for (const auto& parameter : parameters_) before_.push_back(parameter.tensor.clone());
    }

    struct Ratio {
        std::string name;
        double ratio;  // ‖θ − θ_before‖ / ‖θ_before‖; 0 where neither moved from zero
    };
    /// Since they were remembered.
    std::vector<Ratio> operator()() const {
        std::vector<Ratio> all;
        for (std::size_t i = 0; i < before_.size(); ++i) {
            Tensor<T> moved = parameters_[i].tensor.clone();
            Device::add_scaled(moved.mutable_device_data(), before_[i].device_data(), T(-1), moved.numel());
            const double distance = Device::power_sum(moved.device_data(), moved.numel(), 2),
                         size = Device::power_sum(before_[i].device_data(), moved.numel(), 2);
            all.push_back({parameters_[i].name, distance == 0 ? 0 : std::sqrt(distance) / std::sqrt(size)});
        }
        return all;
    }

private:
    std::vector<NamedTensor<T>> parameters_;
    std::vector<Tensor<T>> before_;
};

template <Real T>
UpdateRatios(std::vector<NamedTensor<T>>) -> UpdateRatios<T>;

}  // namespace tercet::inline TERCET_ABI
