// What the update rules of training do to one element, as operands: pointers to the parameter x, its gradient and what the rule keeps, and the
// numbers of this step. backend/cpu/isa/update.inc says the same in code, train/rules/ where each formula comes from.
//
//   Device::update(SgdUpdate<float>{.x = …, .gradient = …, .rate = …}, n);      // one pass over everything, on all threads
//
// To add one: a struct here, in the list at the end too, and its lanes in update.inc.
#pragma once

#include "tercet/core/config.hpp"

namespace tercet::inline TERCET_ABI {

/// u = g + decay · x,  b = kept · b + taken · u,  x −= rate · (nesterov ? u + momentum · b : b);  without a buffer x −= rate · u
template <class T>
struct SgdUpdate {
    T *x, *buffer = nullptr;
    const T* gradient;
    T rate, decay, kept = 0, taken = 1, momentum = 0;
    bool nesterov = false;
};

/// u = g + decay · x,  m = β₁ m + (1 − β₁) u,  v = β₂ v + (1 − β₂) u²,
/// x = shrink · x − (momentum_rate · m + gradient_rate · u) / (adaptive ? root_scale · √v + eps : 1);  with `top`, max v so far for v
template <class T>
struct AdamUpdate {
    T *x, *m, *v, *top = nullptr;
    const T* gradient;
    T beta1, beta2, decay = 0, shrink = 1, momentum_rate, gradient_rate = 0, root_scale = 1, eps;
    bool adaptive = true;
};

/// u = g + decay · x,  m = β₁ m + (1 − β₁) u,  v = max(β₂ v, |u| + eps),  x −= rate · m / v
template <class T>
struct AdamaxUpdate {
    T *x, *m, *v;
    const T* gradient;
    T rate, beta1, beta2, decay, eps;
};

/// u = g + decay · x,  v = kept · v + taken · u²,  d = u / (√v + eps), with `mean` √(v − mean²) where mean = kept · mean + taken · u,
/// x −= rate · d, or with a buffer b = momentum · b + d, x −= rate · b
template <class T>
struct RmsPropUpdate {
    T *x, *v, *mean = nullptr, *buffer = nullptr;
    const T* gradient;
    T rate, kept, taken, decay, momentum, eps;
};

/// u = g + decay · x,  sum += u²,  x −= rate · u / (√sum + eps)
template <class T>
struct AdagradUpdate {
    T *x, *sum;
    const T* gradient;
    T rate, decay, eps;
};

/// u = g + decay · x,  v = kept · v + taken · u²,  d = u · √(w + eps) / √(v + eps),  w = kept · w + taken · d²,  x −= rate · d
template <class T>
struct AdadeltaUpdate {
    T *x, *v, *w;
    const T* gradient;
    T rate, kept, taken, decay, eps;
};

/// x = shrink · x − rate · sign(β₁ m + (1 − β₁) g),  m = β₂ m + (1 − β₂) g
template <class T>
struct LionUpdate {
    T *x, *m;
    const T* gradient;
    T rate, shrink, beta1, beta2;
};

/// y = kept · y + taken · x
template <class T>
struct BlendUpdate {
    T* y;
    const T* x;
    T kept, taken;
};

/// One matrix (rows, n) under a second moment that is a product of a row's and a column's factor (train/rules/adafactor.hpp):
/// x = shrink · x − rate · g / √max(row_i · column_j, least)
template <class T>
struct FactoredUpdate {
    T* x;
    const T *gradient, *row, *column;  // row (rows), column (n)
    T least, shrink, rate;
};

namespace detail {
template <class Update>
struct UpdateKernel {
    void (*run)(const Update& u, index_t begin, index_t end);
};
}  // namespace detail

/// A kernel for each of the updates given, on the elements [begin, end).
template <class... Update>
struct UpdateTable : detail::UpdateKernel<Update>... {
    template <class U>
    void run(const U& u, index_t begin, index_t end) const {
        static_cast<const detail::UpdateKernel<U>&>(*this).run(u, begin, end);
    }
};

template <class T>
using UpdateKernels =
    UpdateTable<SgdUpdate<T>, AdamUpdate<T>, AdamaxUpdate<T>, RmsPropUpdate<T>, AdagradUpdate<T>, AdadeltaUpdate<T>, LionUpdate<T>, BlendUpdate<T>>;

}  // namespace tercet::inline TERCET_ABI
