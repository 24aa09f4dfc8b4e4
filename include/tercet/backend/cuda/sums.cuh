// Sums over all of a tensor, over its columns, and of squares: norms of gradients, gradients of biases, and what Adafactor keeps (Shazeer & Stern
// 2018, algorithm 4). Sums are of pieces of a fixed size in a fixed order, so the bits are the same each time.
#pragma once

#include "tercet/backend/cuda/rows.cuh"
#include "tercet/backend/updates.hpp"

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr index_t numbers_of_sum = 8192;

namespace kernels {

enum class Power { one, two, any, largest };

// A block a piece: sums[piece] = Σ |x|^p in double, or max |x|.
template <Power power, class T>
__global__ void power_sums(double* sums, const T* x, index_t n, double p) {
    const index_t begin = blockIdx.x * numbers_of_sum, end = begin + numbers_of_sum < n ? begin + numbers_of_sum : n;
    double sum = 0;
    for (index_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
        const double size = x[i] < 0 ? -static_cast<double>(x[i]) : static_cast<double>(x[i]);
        if constexpr (power == Power::largest) sum = size > sum || size != size ? size : sum;
        else sum += power == Power::two ? size * size : power == Power::one ? size : pow(size, p);
    }
    if constexpr (power == Power::largest) {  // a NaN stays, which Maximum does not see to
        const bool none = __syncthreads_or(sum != sum) != 0;
        sum = none ? static_cast<double>(NAN) : over_block<Maximum>(sum);
    } else {
        sum = over_block<Sum>(sum);
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// A thread a column of a chunk of rows: partial (chunks, n) = Σ x, or Σ x².
template <bool squares, class T>
__global__ void column_partial(T* partial, const T* x, index_t rows, index_t n, index_t chunk) {
    const index_t columns = (n + blockDim.x - 1) / blockDim.x, part = blockIdx.x / columns, i = blockIdx.x % columns * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const index_t end = (part + 1) * chunk < rows ? (part + 1) * chunk : rows;
    T sum = 0;
    for (index_t r = part * chunk; r < end; ++r) sum += squares ? x[r * n + i] * x[r * n + i] : x[r * n + i];
    partial[part * n + i] = sum;
}

// A block a row: sums[row] = Σ x².
template <class T>
__global__ void row_squares(T* sums, const T* x, index_t n) {
    T sum = 0;
    for (index_t i = threadIdx.x; i < n; i += blockDim.x) sum += x[blockIdx.x * n + i] * x[blockIdx.x * n + i];
    sum = over_block<Sum>(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <class T>
__device__ T factored_moment(const FactoredUpdate<T>& u, index_t row, index_t column) {
    const T moment = u.row[row] * u.column[column];
    return moment > u.least || moment != moment ? moment : u.least;
}
// A block a row: sums[row] = Σ g² / max(row · column, least).
template <class T>
__global__ void factored_squares(double* sums, FactoredUpdate<T> u, index_t n) {
    double sum = 0;
    for (index_t i = threadIdx.x; i < n; i += blockDim.x) {
        const T g = u.gradient[blockIdx.x * n + i];
        sum += static_cast<double>(g * g / factored_moment(u, blockIdx.x, i));
    }
    sum = over_block<Sum>(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
template <class T>
__global__ void factored_step(FactoredUpdate<T> u, index_t n) {
    for (index_t i = threadIdx.x; i < n; i += blockDim.x) {
        const index_t at = blockIdx.x * n + i;
        u.x[at] = u.shrink * u.x[at] - u.rate * u.gradient[at] / sqrt(factored_moment(u, blockIdx.x, i));
    }
}

}  // namespace kernels

/// Pieces that power_sums() cuts n numbers into.
inline index_t pieces_of_sum(index_t n) {
    return (n + numbers_of_sum - 1) / numbers_of_sum;
}

/// sums (pieces_of_sum(n)) = Σ |x|^p of each piece in double; max |x| for p = ∞.
template <class T>
void power_sums(double* sums, const T* x, index_t n, double p, cudaStream_t stream = nullptr) {
    using kernels::Power;
    const auto start = [&](auto kernel) { launch("power_sums", kernel, pieces_of_sum(n), row_threads, stream, sums, x, n, p); };
    if (p == 2) start(kernels::power_sums<Power::two, T>);
    else if (p == 1) start(kernels::power_sums<Power::one, T>);
    else if (p == std::numeric_limits<double>::infinity()) start(kernels::power_sums<Power::largest, T>);
    else start(kernels::power_sums<Power::any, T>);
}

/// sums (n) += the column sums of x (rows, n), or of its squares. partial: working memory (Rows::chunks_of(rows), n).
template <bool squares, class T>
void add_column_sums(T* sums, const T* x, index_t rows, index_t n, T* partial, cudaStream_t stream = nullptr) {
    if (rows == 0 || n == 0) return;
    const index_t chunks = Rows::chunks_of(rows), columns = (n + row_threads - 1) / row_threads;
    const T* given = partial;
    launch("column_partial", kernels::column_partial<squares, T>, chunks * columns, row_threads, stream, partial, x, rows, n, Rows::rows_of_chunk);
    launch("add_partial", kernels::add_partial<T>, columns, row_threads, stream, sums, given, chunks, n);
}

/// sums (rows) = Σ x² of each row of x (rows, n).
template <class T>
void row_squares(T* sums, const T* x, index_t rows, index_t n, cudaStream_t stream = nullptr) {
    launch("row_squares", kernels::row_squares<T>, rows, row_threads, stream, sums, x, n);
}

/// sums (rows) = Σ g² / max(row · column, least) of each row of the matrix (rows, n).
template <class T>
void factored_squares(double* sums, const FactoredUpdate<T>& u, index_t rows, index_t n, cudaStream_t stream = nullptr) {
    launch("factored_squares", kernels::factored_squares<T>, rows, row_threads, stream, sums, u, n);
}
template <class T>
void factored_step(const FactoredUpdate<T>& u, index_t rows, index_t n, cudaStream_t stream = nullptr) {
    launch("factored_step", kernels::factored_step<T>, rows, row_threads, stream, u, n);
}

}  // namespace tercet::inline TERCET_ABI::cuda
