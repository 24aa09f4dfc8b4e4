// Loss and gradient of one row of logits; the formulas are in ops/cross_entropy.hpp. log Σ e^x comes in two parts, shift and total.
#pragma once

#include "tercet/backend/cpu/dispatch.hpp"
#include "tercet/backend/targets.hpp"

#include <algorithm>
#include <cmath>

namespace tercet::inline TERCET_ABI::cpu {

template <class T>
T target_weight(const TargetsView<T>& t, index_t r) {
    return t.targets[r] == t.ignore ? T(0) : t.weights != nullptr ? t.weights[t.targets[r]] : T(1);
}

/// Of row r with logits x (V).
template <class T>
double row_loss(const TargetsView<T>& t, index_t r, const T* x, T shift, T total) {
    if (t.targets[r] == t.ignore) return 0;
    const double log_total = std::log(static_cast<double>(total));
    double nats = static_cast<double>(t.kept * target_weight(t, r)) * (log_total + static_cast<double>(shift - x[t.targets[r]]));
    if (t.spread != 0) {
        const T mass = t.weights != nullptr ? kernels<T>().dot(t.weights, x, t.classes) : kernels<T>().sum(x, t.classes);
        nats += static_cast<double>(t.spread) * (t.all_weights * (log_total + static_cast<double>(shift)) - static_cast<double>(mass));
    }
    return nats;
}

/// dx (V) = [dx +] share · dloss_r/dx; dx may be x.
template <class T>
void row_gradient(const TargetsView<T>& t, T* dx, index_t r, const T* x, T shift, T total, T share, bool add, bool past_caches) {
    if (t.targets[r] == t.ignore) {
        if (!add) std::fill_n(dx, t.classes, T(0));
        return;
    }
    const T own = share * t.kept * target_weight(t, r), other = share * t.spread;
    const T scale = (own + other * static_cast<T>(t.all_weights)) / total;
    kernels<T>().scaled_exp(dx, x, shift, scale, t.weights != nullptr ? T(0) : -other, t.classes, add, past_caches);
    if (t.weights != nullptr && t.spread != 0) kernels<T>().add_scaled(dx, t.weights, -other, t.classes);
    dx[t.targets[r]] -= own;
}

}  // namespace tercet::inline TERCET_ABI::cpu
