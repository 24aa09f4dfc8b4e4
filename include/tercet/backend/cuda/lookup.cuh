// Rows of a table by ids, and their gradients back into it: what an embedding is.
//
//   forward     y[n] = table[id[n]]                backward     dtable[id] += Σ dy[n] over the n of that id, in their order
//
// Why backward needs no atomics, whose order would change the bits from run to run: the block of an id's first place adds up all its places, and
// those of the later places find an earlier one and end.
#pragma once

#include "tercet/backend/cuda/launch.cuh"

namespace tercet::inline TERCET_ABI::cuda {

namespace kernels {

// A block a row. Ids outside of the table's rows are refused by the caller, before.
template <class T, class I>
__global__ void gather_rows(T* y, const T* table, const I* ids, index_t rows, index_t count, index_t columns) {
    const index_t outer = blockIdx.x / count, from = (outer * rows + static_cast<index_t>(ids[blockIdx.x % count])) * columns,
                  to = blockIdx.x * columns;
    for (index_t c = threadIdx.x; c < columns; c += blockDim.x) y[to + c] = table[from + c];
}

template <class T, class I>
__global__ void scatter_rows(T* dtable, const T* dy, const I* ids, index_t rows, index_t count, index_t columns, index_t padding) {
    const index_t outer = blockIdx.x / count, n = blockIdx.x % count;
    dy += outer * count * columns;
    dtable += outer * rows * columns;
    const I id = ids[n];
    if (static_cast<index_t>(id) == padding) return;  // of all threads alike
    int earlier = 0;
    for (index_t m = threadIdx.x; m < n; m += blockDim.x) earlier += ids[m] == id;
    if (__syncthreads_or(earlier)) return;
    for (index_t c = threadIdx.x; c < columns; c += blockDim.x) {
        T sum = dy[n * columns + c];
        for (index_t m = n + 1; m < count; ++m)
            if (ids[m] == id) sum += dy[m * columns + c];
        dtable[static_cast<index_t>(id) * columns + c] += sum;
    }
}

}  // namespace kernels

/// y (outer, count, columns) = rows of the table (outer, rows, columns) by ids (count).
template <class T, class I>
void gather_rows(T* y, const T* table, const I* ids, index_t outer, index_t rows, index_t count, index_t columns, cudaStream_t stream = nullptr) {
    launch("gather_rows", kernels::gather_rows<T, I>, outer * count, 128, stream, y, table, ids, rows, count, columns);
}

/// Adds dy (outer, count, columns) to the rows of dtable (outer, rows, columns) that the ids name; `padding` is an id whose row gets nothing, or −1.
template <class T, class I>
void scatter_rows(T* dtable, const T* dy, const I* ids, index_t outer, index_t rows, index_t count, index_t columns, index_t padding,
                  cudaStream_t stream = nullptr) {
    launch("scatter_rows", kernels::scatter_rows<T, I>, outer * count, 128, stream, dtable, dy, ids, rows, count, columns, padding);
}

}  // namespace tercet::inline TERCET_ABI::cuda
