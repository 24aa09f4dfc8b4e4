// What the emulated runtime asks of the emulated GPU.
#pragma once

#include "emulator.hpp"

#include <functional>

namespace cuda_emulator {

// Runs a kernel's threads now; `call` runs one of them, its arguments are at [constants, constants + bytes).
cudaError_t run_kernel(const dim3& grid, const dim3& block, const void* constants, std::size_t bytes, void (*call)(const void*), const char* name);

cudaError_t said(cudaError_t error);  // keeps it for cudaGetLastError
cudaError_t& last_error();
cudaError_t broken();  // the fault that has ended all work, until clear()
std::uint64_t draw();  // from the seed of clear()

// Work in a stream's order.
cudaError_t give(cudaStream_t stream, std::function<cudaError_t()> work);

// Memory that kernels may use from now on, and no longer.
void add_memory(void* begin, std::size_t bytes);
bool remove_memory(void* begin);
bool is_device_memory(const void* p, std::size_t bytes);

}  // namespace cuda_emulator
