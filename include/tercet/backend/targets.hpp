// What the loss of rows of logits x (N, V) needs beside them, as a backend takes it. The formulas are in ops/cross_entropy.hpp.
#pragma once

#include "tercet/core/config.hpp"

namespace tercet::inline TERCET_ABI {

/// Target classes and how they count.
template <class T>
struct TargetsView {
    const std::int64_t* targets;  // (N)
    const T* weights;             // (V), or null: all 1
    std::int64_t ignore;          // targets equal to it do not count
    index_t classes;              // V
    T kept, spread;               // 1 − ε, ε / V
    double all_weights;           // Σ w
};

/// What a row's gradient is multiplied by: dy[row], or dy[0] / divisor.
template <class T>
struct LossShare {
    const T* dy;
    bool each;
    T divisor;
};

}  // namespace tercet::inline TERCET_ABI
