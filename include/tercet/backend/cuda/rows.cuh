// Row kernels: softmax and the norms over rows x (R, C), forward and backward; a block a row. The formulas are those of ops/softmax.hpp and
// ops/norm.hpp.
//
// Why they are fast: they do little per byte, so memory sets the pace, and each number is read once and written once. A thread keeps its share of the
// row in registers between the passes that need it; a row too long for that is read anew from the cache.
#pragma once

#include "tercet/backend/cuda/launch.cuh"
#include "tercet/backend/cuda/reduce.cuh"

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int row_threads = 256, held_numbers = 8;  // rows of up to 2,048 numbers stay in registers

/// A thread's share of a row of n numbers: those at threadIdx.x, threadIdx.x + blockDim.x, …
template <class T>
struct RowShare {
    const T* row;
    index_t n;
    bool held;
    T numbers[held_numbers];

    __device__ RowShare(const T* x, index_t count) : row(x), n(count), held(count <= static_cast<index_t>(blockDim.x) * held_numbers) {
        for (int j = 0; j < held_numbers; ++j) {
            const index_t i = threadIdx.x + j * static_cast<index_t>(blockDim.x);
            numbers[j] = held && i < n ? row[i] : T(0);
        }
    }
    /// f(i, x[i]) for each of them.
    template <class F>
    __device__ void each(const F& f) const {
        if (held) {
            for (int j = 0; j < held_numbers; ++j) {
                const index_t i = threadIdx.x + j * static_cast<index_t>(blockDim.x);
                if (i < n) f(i, numbers[j]);
            }
        } else {
            for (index_t i = threadIdx.x; i < n; i += blockDim.x) f(i, row[i]);
        }
    }
    /// f(i, x[i], y[i]), with another row of as many.
    template <class F>
    __device__ void each_with(const RowShare& y, const F& f) const {
        if (held) {
            for (int j = 0; j < held_numbers; ++j) {
                const index_t i = threadIdx.x + j * static_cast<index_t>(blockDim.x);
                if (i < n) f(i, numbers[j], y.numbers[j]);
            }
        } else {
            for (index_t i = threadIdx.x; i < n; i += blockDim.x) f(i, row[i], y.row[i]);
        }
    }
};

namespace kernels {

/// shift = max x (0 where that is infinite), and Σ e^(x − shift), in every thread.
template <class T>
__device__ void exp_sum(const RowShare<T>& x, T& shift, T& total) {
    T most = -INFINITY;
    x.each([&](index_t, T v) { most = Maximum::of(most, v); });
    most = over_block<Maximum>(most);
    shift = most - most == T(0) ? most : T(0);
    T sum = 0;
    x.each([&](index_t, T v) { sum += exp(v - shift); });
    total = over_block<Sum>(sum);
}

// y = e^(x − max) / Σ, or its logarithm x − max − log Σ.
template <bool logarithm, class T>
__global__ void softmax(T* y, const T* x, index_t n) {
    const RowShare<T> row(x + blockIdx.x * n, n);
    T shift, total;
    exp_sum(row, shift, total);
    T* to = y + blockIdx.x * n;
    const T part = logarithm ? log(total) : total == 0 ? T(0) : 1 / total + (total - total);  // masked whole: 0; of infinity: NaN
    row.each([&](index_t i, T v) { to[i] = logarithm ? v - shift - part : exp(v - shift) * part; });
}

// softmax      dx += y · (dy − Σ dy · y)
// logarithm    dx += dy − e^y · Σ dy
template <bool logarithm, class T>
__global__ void softmax_backward(T* dx, const T* dy, const T* y, index_t n) {
    const index_t first = blockIdx.x * n;
    const RowShare<T> grad(dy + first, n), out(y + first, n);
    T sum = 0;
    grad.each_with(out, [&](index_t, T g, T v) { sum += logarithm ? g : g * v; });
    sum = over_block<Sum>(sum);
    grad.each_with(out, [&](index_t i, T g, T v) { dx[first + i] += logarithm ? g - exp(v) * sum : v * (g - sum); });
}

template <class T>
__global__ void exp_sums(T* shift, T* total, const T* x, index_t n) {
    const RowShare<T> row(x + blockIdx.x * n, n);
    T s, t;
    exp_sum(row, s, t);
    if (threadIdx.x == 0) {
        shift[blockIdx.x] = s;
        total[blockIdx.x] = t;
    }
}

// mean = Σ x / C, rstd = 1 / √(Σ (x − mean)² / C + eps), y = (x − mean) · rstd · w + b
template <class T>
__global__ void layer_norm(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps, index_t n) {
    const RowShare<T> row(x + blockIdx.x * n, n);
    T sum = 0;
    row.each([&](index_t, T v) { sum += v; });
    const T m = over_block<Sum>(sum) / static_cast<T>(n);
    T squares = 0;
    row.each([&](index_t, T v) { squares += (v - m) * (v - m); });
    const T r = 1 / sqrt(over_block<Sum>(squares) / static_cast<T>(n) + eps);
    T* to = y + blockIdx.x * n;
    row.each([&](index_t i, T v) { to[i] = (v - m) * r * weight[i] + (bias != nullptr ? bias[i] : T(0)); });
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = m;
        rstd[blockIdx.x] = r;
    }
}

// rstd = 1 / √(Σ x² / C + eps), y = x · rstd · w
template <class T>
__global__ void rms_norm(T* y, T* rstd, const T* x, const T* weight, T eps, index_t n) {
    const RowShare<T> row(x + blockIdx.x * n, n);
    T squares = 0;
    row.each([&](index_t, T v) { squares += v * v; });
    const T r = 1 / sqrt(over_block<Sum>(squares) / static_cast<T>(n) + eps);
    T* to = y + blockIdx.x * n;
    row.each([&](index_t i, T v) { to[i] = v * r * weight[i]; });
    if (threadIdx.x == 0) rstd[blockIdx.x] = r;
}

// With x̂ = (x − mean) · rstd and g = dy · w:   dx += rstd · (g − Σ g / C − x̂ · Σ g x̂ / C);   RMS norm has no mean, and no Σ g / C.
template <bool centred, class T>
__global__ void norm_backward(T* dx, const T* dy, const T* x, const T* weight, const T* mean, const T* rstd, index_t n) {
    const index_t first = blockIdx.x * n;
    const T m = centred ? mean[blockIdx.x] : T(0), r = rstd[blockIdx.x];
    const RowShare<T> grad(dy + first, n), row(x + first, n);
    T sum = 0, product = 0;
    grad.each_with(row, [&](index_t i, T d, T v) {
        const T g = d * weight[i];
        sum += g;
        product += g * (v - m) * r;
    });
    sum = centred ? over_block<Sum>(sum) / static_cast<T>(n) : T(0);
    product = over_block<Sum>(product) / static_cast<T>(n);
    grad.each_with(row, [&](index_t i, T d, T v) { dx[first + i] += r * (d * weight[i] - sum - (v - m) * r * product); });
}

// Column sums over the rows of a chunk: partial (chunks, C) of dy · x̂ and of dy; a thread a column, so neighbours read neighbours. They are added up
// in their order by add_partial, and the bits do not hang on which block came first.
template <bool centred, class T>
__global__ void norm_weight_partial(T* dweight, T* dbias, const T* dy, const T* x, const T* mean, const T* rstd, index_t rows, index_t n,
                                    index_t chunk) {
    const index_t columns = (n + blockDim.x - 1) / blockDim.x, part = blockIdx.x / columns, i = blockIdx.x % columns * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const index_t end = (part + 1) * chunk < rows ? (part + 1) * chunk : rows;
    T dw = 0, db = 0;
    for (index_t r = part * chunk; r < end; ++r) {
        const T g = dy[r * n + i];
        dw += g * (x[r * n + i] - (centred ? mean[r] : T(0))) * rstd[r];
        db += g;
    }
    dweight[part * n + i] = dw;
    if (dbias != nullptr) dbias[part * n + i] = db;
}
template <class T>
__global__ void add_partial(T* sums, const T* partial, index_t chunks, index_t n) {
    const index_t i = blockIdx.x * static_cast<index_t>(blockDim.x) + threadIdx.x;
    if (i >= n) return;
    T sum = 0;
    for (index_t c = 0; c < chunks; ++c) sum += partial[c * n + i];
    sums[i] += sum;
}

}  // namespace kernels

/// What cpu::Backend offers under the same names, in the order of a stream. Pointers are to device memory.
struct Rows {
    cudaStream_t stream = nullptr;

    template <class T>
    void softmax(T* y, const T* x, index_t rows, index_t n) const {
        if (n > 0) launch("softmax", kernels::softmax<false, T>, rows, row_threads, stream, y, x, n);
    }
    template <class T>
    void log_softmax(T* y, const T* x, index_t rows, index_t n) const {
        if (n > 0) launch("log_softmax", kernels::softmax<true, T>, rows, row_threads, stream, y, x, n);
    }
    template <class T>
    void softmax_backward(T* dx, const T* dy, const T* y, index_t rows, index_t n) const {
        if (n > 0) launch("softmax_backward", kernels::softmax_backward<false, T>, rows, row_threads, stream, dx, dy, y, n);
    }
    template <class T>
    void log_softmax_backward(T* dx, const T* dy, const T* y, index_t rows, index_t n) const {
        if (n > 0) launch("log_softmax_backward", kernels::softmax_backward<true, T>, rows, row_threads, stream, dx, dy, y, n);
    }
    template <class T>
    void exp_sum(T* shift, T* total, const T* x, index_t rows, index_t n) const {
        launch("exp_sum", kernels::exp_sums<T>, rows, row_threads, stream, shift, total, x, n);
    }
    template <class T>
    void layer_norm(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps, index_t rows, index_t n) const {
        if (n > 0) launch("layer_norm", kernels::layer_norm<T>, rows, row_threads, stream, y, mean, rstd, x, weight, bias, eps, n);
    }
    template <class T>
    void rms_norm(T* y, T* rstd, const T* x, const T* weight, T eps, index_t rows, index_t n) const {
        if (n > 0) launch("rms_norm", kernels::rms_norm<T>, rows, row_threads, stream, y, rstd, x, weight, eps, n);
    }
    /// Adds to dx (rows, n), dweight and dbias (n), each of which may be null. partial: working memory of 2 · chunks_of(rows) · n numbers.
    template <class T>
    void layer_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* weight, const T* mean, const T* rstd, index_t rows,
                             index_t n, T* partial) const {
        norm_backward<true>(dx, dweight, dbias, dy, x, weight, mean, rstd, rows, n, partial);
    }
    template <class T>
    void rms_norm_backward(T* dx, T* dweight, const T* dy, const T* x, const T* weight, const T* rstd, index_t rows, index_t n, T* partial) const {
        norm_backward<false>(dx, dweight, static_cast<T*>(nullptr), dy, x, weight, static_cast<const T*>(nullptr), rstd, rows, n, partial);
    }

    static constexpr index_t rows_of_chunk = 64;
    static index_t chunks_of(index_t rows) { return (rows + rows_of_chunk - 1) / rows_of_chunk; }

private:
    template <bool centred, class T>
    void norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* weight, const T* mean, const T* rstd, index_t rows, index_t n,
                       T* partial) const {
        if (rows == 0 || n == 0) return;
        if (dx != nullptr) launch("norm_backward", kernels::norm_backward<centred, T>, rows, row_threads, stream, dx, dy, x, weight, mean, rstd, n);
        if (dweight == nullptr && dbias == nullptr) return;
        const index_t chunks = chunks_of(rows), columns = (n + row_threads - 1) / row_threads;
        T* bias_partial = dbias != nullptr ? partial + chunks * n : nullptr;
        launch("norm_weight_partial", kernels::norm_weight_partial<centred, T>, chunks * columns, row_threads, stream, partial, bias_partial, dy, x,
               mean, rstd, rows, n, rows_of_chunk);
        if (dweight != nullptr) launch("add_partial", kernels::add_partial<T>, columns, row_threads, stream, dweight, partial, chunks, n);
        if (dbias != nullptr) launch("add_partial", kernels::add_partial<T>, columns, row_threads, stream, dbias, bias_partial, chunks, n);
    }
};

}  // namespace tercet::inline TERCET_ABI::cuda
