// Cross-entropy of logits x (N, V) with target classes, class weights and label smoothing; the formulas are those of ops/cross_entropy.hpp. A block a
// row.
//
// Why it is fast: the probabilities are never written. Forward reads the logits and writes a number a row; backward makes e^(x − shift) again, in the
// registers, on its way to the gradient.
#pragma once

#include "tercet/backend/cuda/rows.cuh"
#include "tercet/backend/targets.hpp"

namespace tercet::inline TERCET_ABI::cuda {

namespace kernels {

template <class T>
__device__ T target_weight(const TargetsView<T>& t, index_t r) {
    return t.targets[r] == t.ignore ? T(0) : t.weights != nullptr ? t.weights[t.targets[r]] : T(1);
}

template <class T>
__global__ void row_losses(double* losses, const T* x, const T* shift, const T* total, TargetsView<T> t) {
    const index_t r = blockIdx.x;
    const bool counts = t.targets[r] != t.ignore;
    T mass = 0;                        // Σ w x
    if (counts && t.spread != T(0)) {  // of all threads alike
        const RowShare<T> row(x + r * t.classes, t.classes);
        row.each([&](index_t j, T v) { mass += t.weights != nullptr ? t.weights[j] * v : v; });
        mass = over_block<Sum>(mass);
    }
    if (threadIdx.x != 0) return;
    double nats = 0;
    if (counts) {
        const double log_total = log(static_cast<double>(total[r]));
        nats = static_cast<double>(t.kept * target_weight(t, r)) * (log_total + static_cast<double>(shift[r] - x[r * t.classes + t.targets[r]]));
        if (t.spread != T(0))
            nats += static_cast<double>(t.spread) * (t.all_weights * (log_total + static_cast<double>(shift[r])) - static_cast<double>(mass));
    }
    losses[r] = nats;
}

// dx may be x: a thread reads each number before it writes there.
template <class T>
__global__ void row_gradients(T* dx, const T* x, const T* shift, const T* total, TargetsView<T> t, LossShare<T> share, bool add) {
    const index_t r = blockIdx.x, target = t.targets[r];
    const bool counts = target != t.ignore;
    if (!counts && add) return;
    const RowShare<T> row(x + r * t.classes, t.classes);
    const T part = share.each ? share.dy[r] : share.dy[0] / share.divisor, below = shift[r];
    const T own = part * t.kept * target_weight(t, r), other = part * t.spread, scale = (own + other * static_cast<T>(t.all_weights)) / total[r];
    T* to = dx + r * t.classes;
    row.each([&](index_t j, T v) {
        const T value = counts ? scale * exp(v - below) - other * (t.weights != nullptr ? t.weights[j] : T(1)) - (j == target ? own : T(0)) : T(0);
        to[j] = add ? to[j] + value : value;
    });
}

}  // namespace kernels

/// losses (rows) of logits x (rows, V), log Σ e^x of each row as shift + log total.
template <class T>
void row_losses(double* losses, const T* x, const T* shift, const T* total, const TargetsView<T>& t, index_t rows, cudaStream_t stream = nullptr) {
    launch("row_losses", kernels::row_losses<T>, rows, row_threads, stream, losses, x, shift, total, t);
}

/// dx (rows, V) = [dx +] the losses' gradients; dx may be x.
template <class T>
void row_gradients(T* dx, const T* x, const T* shift, const T* total, const TargetsView<T>& t, const LossShare<T>& share, index_t rows, bool add,
                   cudaStream_t stream = nullptr) {
    launch("row_gradients", kernels::row_gradients<T>, rows, row_threads, stream, dx, x, shift, total, t, share, add);
}

}  // namespace tercet::inline TERCET_ABI::cuda
