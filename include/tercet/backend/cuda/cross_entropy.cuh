// Cross-entropy over logits x (N, V) without probabilities in memory, with label smoothing ε (Szegedy et al. 2016, section 7):
//
//   loss_n = log Σ e^x − (1 − ε) x_t − ε Σ x / V                dx = factor · (e^(x − log Σ e^x) − (1 − ε) [i = t] − ε / V)
//
// Why it is fast: forward reads the logits once; the gradient is made of them where they stand, or beside them, from the two numbers a row that
// forward kept.
#pragma once

#include "tercet/backend/cuda/rows.cuh"

namespace tercet::inline TERCET_ABI::cuda {

namespace kernels {

template <class T, class I>
__global__ void cross_entropy(T* losses, T* log_sums, const T* x, const I* targets, index_t n, index_t ignored, T smoothing) {
    const RowShare<T> row(x + blockIdx.x * n, n);
    const index_t target = static_cast<index_t>(targets[blockIdx.x]);
    T shift, total, plain = 0;
    exp_sum(row, shift, total);
    if (smoothing > 0) {  // of all threads alike
        row.each([&](index_t, T v) { plain += v; });
        plain = over_block<Sum>(plain);
    }
    if (threadIdx.x != 0) return;
    const T log_sum = shift + log(total);
    log_sums[blockIdx.x] = log_sum;
    losses[blockIdx.x] = target == ignored ? T(0) : log_sum - (1 - smoothing) * x[blockIdx.x * n + target] - smoothing * plain / static_cast<T>(n);
}

template <class T, class I>
__global__ void cross_entropy_backward(T* dx, const T* x, const T* log_sums, const I* targets, index_t n, index_t ignored, T smoothing, T factor) {
    const RowShare<T> row(x + blockIdx.x * n, n);
    const index_t target = static_cast<index_t>(targets[blockIdx.x]);
    const T log_sum = log_sums[blockIdx.x];
    T* to = dx + blockIdx.x * n;
    row.each([&](index_t i, T v) {
        to[i] = target == ignored ? T(0) : factor * (exp(v - log_sum) - (i == target ? 1 - smoothing : T(0)) - smoothing / static_cast<T>(n));
    });
}

}  // namespace kernels

/// The loss of each row in nats (0 where the target is `ignored`), and its log Σ e^x.
template <class T, class I>
void cross_entropy(T* losses, T* log_sums, const T* x, const I* targets, index_t rows, index_t n, index_t ignored, T smoothing,
                   cudaStream_t stream = nullptr) {
    launch("cross_entropy", kernels::cross_entropy<T, I>, rows, row_threads, stream, losses, log_sums, x, targets, n, ignored, smoothing);
}

/// dx (rows, n) = the gradient of the losses' sum times `factor`; it may be x.
template <class T, class I>
void cross_entropy_backward(T* dx, const T* x, const T* log_sums, const I* targets, index_t rows, index_t n, index_t ignored, T smoothing, T factor,
                            cudaStream_t stream = nullptr) {
    launch("cross_entropy_backward", kernels::cross_entropy_backward<T, I>, rows, row_threads, stream, dx, x, log_sums, targets, n, ignored,
           smoothing, factor);
}

}  // namespace tercet::inline TERCET_ABI::cuda
