// The optimizers' steps: all that a rule does to a parameter in one kernel. The formulas are those of backend/updates.hpp.
//
// Why it is fast: the parameter, its gradient and its moments are each read once and written once, in one pass.
#pragma once

#include "tercet/backend/cuda/elementwise.cuh"
#include "tercet/backend/updates.hpp"

namespace tercet::inline TERCET_ABI::cuda {

// The rules as the CPU has them, a number at a time.
namespace rules {

template <class V>
using Scalar = V;
template <class V>
__device__ V load(const V* p) {
    return *p;
}
template <class V>
__device__ void store(V* p, V value) {
    *p = value;
}
template <class V>
__device__ V broadcast(V number) {
    return number;
}
using scalar::larger;
using scalar::magnitude;
using std::sqrt;

#define TERCET_INLINE static __device__ inline
#include "tercet/backend/updates.inc"
#undef TERCET_INLINE

}  // namespace rules

namespace kernels {

template <class T, class Update>
__global__ void update(Update u, index_t n) {
    for_elements(n, [&](index_t i) { rules::update_lanes<T>(u, i); });
}

}  // namespace kernels

/// As cpu::Backend::update, in the order of a stream.
template <template <class> class Update, class T>
void update(const Update<T>& u, index_t n, cudaStream_t stream = nullptr) {
    constexpr index_t of_block = element_threads * elements_of_thread;
    launch("update", kernels::update<T, Update<T>>, (n + of_block - 1) / of_block, element_threads, stream, u, n);
}

}  // namespace tercet::inline TERCET_ABI::cuda
