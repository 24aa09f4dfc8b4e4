// A GPU on the CPU, to prove kernels with: what a test asks of it. See cuda_runtime.h for how kernels get here.
//
// A block's threads are fibers; one runs at a time, and whenever a thread reaches a barrier or a warp's exchange, and now and then at a memory
// access, the next one is drawn at random. With each seed threads and warps run in another order. Found are
//
//   race      two threads use a byte of shared memory between two barriers, one of them to write; __syncwarp orders the lanes of one warp
//   outside   an access of what is neither device memory, nor the block's shared memory, nor the thread's own; the launch ends with
//             cudaErrorIllegalAddress
//   alignment an access at an address that its size does not divide; cudaErrorMisalignedAddress
//   barrier   a __syncthreads or a warp's exchange that not all threads reach that should; cudaErrorLaunchFailure
//
// Not found are races in device memory between blocks, which run one after the other, and shared memory that is read before it is written. It is a
// test tool: the host's threads take turns at it, and it is not fast.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cuda_emulator {

enum class FaultKind { race, outside, alignment, barrier };
struct Fault {
    FaultKind kind;
    std::string text;  // what, by which threads of which block of which kernel
};

/// The faults so far, at most twenty; forgotten with clear().
const std::vector<Fault>& faults();

/// Forgets the faults and the counts, and draws the orders of the launches from here on from this seed.
void clear(std::uint64_t seed = 0);

/// Bytes of device memory that kernels have read and written since clear(): of every access, also of those that a cache would have answered.
/// `fetched` counts a byte once for each block that reads it: what is left where a block finds again in its cache what it has read.
struct Traffic {
    std::uint64_t read = 0, written = 0, fetched = 0;
};
Traffic traffic();

/// What the device is: to be changed for tests of what happens without one, with an old driver, or with little memory.
struct DeviceSettings {
    int count = 1, driver = 13000, major = 9, minor = 0;
    std::size_t memory = std::size_t{1} << 32;
};
DeviceSettings& settings();

/// Bytes of device memory that are allocated now.
std::size_t allocated();

}  // namespace cuda_emulator
