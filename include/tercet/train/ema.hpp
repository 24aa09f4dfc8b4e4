// The exponential moving average of weights (Polyak & Juditsky 1992 average them all alike): a shadow of each, which is steadier than the
// weights of any one step, and often the better model.
//
//   s = d s + (1 − d) θ          d = decay, or with warm_up min(decay, (1 + t) / (10 + t)), t updates before this one
//
//   Ema ema(optimizer.parameters(), {.decay = 0.999});
//   optimizer.step();  ema.update(step);
//   { const auto averaged = ema.swap_in();  evaluate(model, validation); }      // the weights come back at the end of the scope
#pragma once

#include "tercet/train/parameters.hpp"

namespace tercet::inline TERCET_ABI {

struct EmaOptions {
    double decay = 0.999;
    bool warm_up = false;  // short memory at first, so that the initial weights are soon forgotten
};

template <Real T = float>
class Ema {
public:
    /// The shadows start as copies of the weights. Throws invalid_argument for a decay outside [0, 1] or a tensor that is not contiguous.
    explicit Ema(std::vector<NamedTensor<T>> parameters, const EmaOptions& options = {}) : parameters_(std::move(parameters)), options_(options) {
        require(options.decay >= 0 && options.decay <= 1, ErrorCode::invalid_argument, "ema: decay ", options.decay, " must be in [0, 1]");
        for (const auto& [name, tensor] : parameters_) {
            require(tensor.is_contiguous(), ErrorCode::invalid_argument, "ema: '", name, "' ", tensor.shape(), " must be contiguous");
            shadows_.push_back({"ema." + name, tensor.clone()});
        }
    }
    Ema(const Ema&) = delete;
    Ema& operator=(const Ema&) = delete;

    /// What is kept of a shadow at the update after `updates` others.
    double decay(std::int64_t updates) const {
        const auto t = static_cast<double>(updates);
        return options_.warm_up ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay;
    }
    /// Moves the shadows towards the weights, after a step. `updates` counts those before this one: nothing but warm_up needs it, and
    /// a resumed run has it from its step. Throws invalid_argument while the shadows are swapped in.
    void update(std::int64_t updates) {
        require(!swapped_, ErrorCode::invalid_argument, "ema: no update while the averages are swapped in");
        const double kept = decay(updates);
        for (std::size_t i = 0; i < parameters_.size(); ++i)
            Device::update(BlendUpdate<T>{shadows_[i].tensor.mutable_device_data(), parameters_[i].tensor.device_data(), T(kept), T(1 - kept)},
                           shadows_[i].tensor.numel());
    }

    /// The scope within which the model's tensors hold the averages, and the shadows the weights. Nothing else may change either.
    class Swapped {
    public:
        explicit Swapped(Ema& ema) : ema_(ema) { ema_.swap(); }
        Swapped(const Swapped&) = delete;
        Swapped& operator=(const Swapped&) = delete;
        ~Swapped() { ema_.swap(); }

    private:
        Ema& ema_;
    };
    /// Throws invalid_argument where they are swapped in already.
    [[nodiscard]] Swapped swap_in() {
        require(!swapped_, ErrorCode::invalid_argument, "ema: the averages are swapped in already");
        return Swapped(*this);
    }

    /// The shadows, named `ema.` and the tensor's name, for checkpoints: handles, so that writing to them sets them.
    const std::vector<NamedTensor<T>>& state() const { return shadows_; }

private:
    void swap() {
        const NoGrad guard;
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            T *a = parameters_[i].tensor.mutable_data(), *b = shadows_[i].tensor.mutable_data();
            parallel_ranges(shadows_[i].tensor.numel(), elementwise_grain,
                            [&](index_t begin, index_t end) { std::swap_ranges(a + begin, a + end, b + begin); });
        }
        swapped_ = !swapped_;
    }

    std::vector<NamedTensor<T>> parameters_, shadows_;
    EmaOptions options_;
    bool swapped_ = false;
};

template <Real T, class... Rest>
Ema(std::vector<NamedTensor<T>>, Rest...) -> Ema<T>;

}  // namespace tercet::inline TERCET_ABI
