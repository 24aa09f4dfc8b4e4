// How kernels are started, and what becomes of CUDA's statuses: each that is no success is a tercet::Error with the call's name.
//
// nvcc takes these headers with -std=c++20 --expt-relaxed-constexpr: kernels call what is constexpr for the host, such as the conversions of bf16.
#pragma once

#include "tercet/core/error.hpp"

#include <cuda_runtime.h>

namespace tercet::inline TERCET_ABI::cuda {

/// Throws out_of_memory or device, with the call's name and CUDA's word for what went wrong.
inline void check(cudaError_t status, std::string_view call) {
    if (status == cudaSuccess) return;
    cudaGetLastError();  // so that the next call does not find it again, unless it was a kernel's fault, which ends all work
    fail(status == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::device, call, ": ", cudaGetErrorName(status), " (",
         cudaGetErrorString(status), ")");
}

/// Starts a kernel on `blocks` blocks of `threads`, in the order of the stream. Throws device where it cannot be started.
template <class... Parameters, class... Arguments>
void launch(std::string_view name, void (*kernel)(Parameters...), index_t blocks, int threads, cudaStream_t stream, const Arguments&... arguments) {
    if (blocks == 0) return;
    require(blocks > 0 && blocks <= 0x7fffffff, ErrorCode::size_overflow, name, ": ", blocks, " blocks are more than a launch can have");
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.stream = stream;
    check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), name);
}

}  // namespace tercet::inline TERCET_ABI::cuda
