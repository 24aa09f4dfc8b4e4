// CUDA's language and runtime as kernels and their callers use them, on a CPU: a folder that holds this header stands first in the include path, so
// that <cuda_runtime.h> is this one, and the same .cuh files go through g++ and clang.
//
// Kernels are compiled with -fsanitize=thread but not linked with its runtime: the compiler calls a function for each load and store, and
// emulator.cpp answers those calls. That is how plain CUDA, with raw pointers and shared arrays, is watched; see emulator.hpp for what is found.
//
// Not here: dynamic shared memory (extern __shared__), textures, cooperative groups. A block's __shared__ arrays are static variables: blocks run one
// after the other.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __align__(n) __attribute__((aligned(n)))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __shared__ static

struct uint3 {
    unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

namespace cuda_emulator {

// What a thread of a kernel knows of itself.
struct Place {
    uint3 thread, block;
    dim3 block_size, grid_size;
};
const Place& place();

// A value of up to 16 bytes from each lane of a warp.
struct LaneValues {
    unsigned char of[32][16];
    unsigned lanes;  // those that took part
};
enum class WarpStep { exchange, synchronise };
const LaneValues& meet_warp(WarpStep step, unsigned mask, const void* value, std::size_t bytes);
int meet_block(int value, int line);                         // the sum of what all threads bring
void atomic_access(const void* address, std::size_t bytes);  // checks it; fails the launch

template <class T>
T from_lane(const LaneValues& values, unsigned lane, T otherwise) {
    if (lane > 31 || (values.lanes >> lane & 1u) == 0) return otherwise;
    T value;
    std::memcpy(&value, values.of[lane], sizeof(T));
    return value;
}
inline unsigned lane_id() {
    const auto& p = place();
    return (p.thread.x + p.block_size.x * (p.thread.y + p.block_size.y * p.thread.z)) % 32;
}
template <class T, class Choose>
T shuffle(unsigned mask, T value, int width, const Choose& choose) {
    static_assert(sizeof(T) <= 16 && std::is_trivially_copyable_v<T>);
    const auto& values = meet_warp(WarpStep::exchange, mask, &value, sizeof(T));
    const int lane = static_cast<int>(lane_id()), first = lane / width * width, wanted = choose(lane - first);
    return wanted < 0 || wanted >= width ? value : from_lane(values, static_cast<unsigned>(first + wanted), value);
}

}  // namespace cuda_emulator

// A number that is read when it is used: threadIdx.x is of the thread that asks.
namespace cuda_emulator {
template <auto of, auto axis>
struct Number {
    operator unsigned() const { return (place().*of).*axis; }
};
template <auto of, class Extents>
struct Numbers {
    Number<of, &Extents::x> x;
    Number<of, &Extents::y> y;
    Number<of, &Extents::z> z;
};
}  // namespace cuda_emulator
inline constexpr cuda_emulator::Numbers<&cuda_emulator::Place::thread, uint3> threadIdx{};
inline constexpr cuda_emulator::Numbers<&cuda_emulator::Place::block, uint3> blockIdx{};
inline constexpr cuda_emulator::Numbers<&cuda_emulator::Place::block_size, dim3> blockDim{};
inline constexpr cuda_emulator::Numbers<&cuda_emulator::Place::grid_size, dim3> gridDim{};
inline constexpr int warpSize = 32;

#define __syncthreads() (static_cast<void>(::cuda_emulator::meet_block(0, __LINE__)))
#define __syncthreads_count(predicate) (::cuda_emulator::meet_block((predicate) ? 1 : 0, __LINE__))
#define __syncthreads_or(predicate) (__syncthreads_count(predicate) != 0)

inline void __syncwarp(unsigned mask = 0xffffffffu) {
    const char nothing = 0;
    cuda_emulator::meet_warp(cuda_emulator::WarpStep::synchronise, mask, &nothing, 1);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
    return cuda_emulator::shuffle(mask, value, width, [&](int) { return lane % width; });
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
    return cuda_emulator::shuffle(mask, value, width, [&](int lane) { return lane ^ lanes; });
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
    return cuda_emulator::shuffle(mask, value, width, [&](int lane) { return lane + static_cast<int>(by); });
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
    return cuda_emulator::shuffle(mask, value, width, [&](int lane) { return lane - static_cast<int>(by); });
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    const auto& values = cuda_emulator::meet_warp(cuda_emulator::WarpStep::exchange, mask, &predicate, sizeof(int));
    unsigned votes = 0;
    for (unsigned lane = 0; lane < 32; ++lane) votes |= (cuda_emulator::from_lane(values, lane, 0) != 0 ? 1u : 0u) << lane;
    return votes;
}
inline int __any_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate == 0) == 0;
}
inline void __threadfence() {}
inline void __trap() {
    *static_cast<volatile int*>(nullptr) = 0;  // found to be outside
}

// Atomics: threads take turns, so a plain update is one. It gives what was there before.
namespace cuda_emulator {
template <class T, class F>
__attribute__((no_sanitize("thread"))) T atomic(T* address, const F& f) {
    atomic_access(address, sizeof(T));
    const T before = *address;
    *address = f(before);
    return before;
}
}  // namespace cuda_emulator
template <class T>
T atomicAdd(T* address, T value) {
    return cuda_emulator::atomic(address, [=](T before) __attribute__((no_sanitize("thread"))) { return before + value; });
}
template <class T>
T atomicMax(T* address, T value) {
    return cuda_emulator::atomic(address, [=](T before) __attribute__((no_sanitize("thread"))) { return before < value ? value : before; });
}
template <class T>
T atomicExch(T* address, T value) {
    return cuda_emulator::atomic(address, [=](T) __attribute__((no_sanitize("thread"))) { return value; });
}
template <class T>
T atomicCAS(T* address, T compare, T value) {
    return cuda_emulator::atomic(address, [=](T before) __attribute__((no_sanitize("thread"))) { return before == compare ? value : before; });
}

template <class T>
T __ldg(const T* p) {
    return *p;
}
inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}
inline float __expf(float x) {
    return std::exp(x);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
inline int __dp4a(int a, int b, int sum) {
    for (int i = 0; i < 32; i += 8) sum += static_cast<std::int8_t>(a >> i) * static_cast<std::int8_t>(b >> i);
    return sum;
}
inline int __float_as_int(float x) {
    int bits;
    std::memcpy(&bits, &x, 4);
    return bits;
}
inline float __int_as_float(int bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
}
inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}

// The runtime.
enum cudaError_t : int {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorIllegalAddress = 700,
    cudaErrorMisalignedAddress = 716,
    cudaErrorLaunchFailure = 719,
    cudaErrorNotSupported = 801
};
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
struct cudaEmulatedStream;
using cudaStream_t = cudaEmulatedStream*;
struct cudaEmulatedEvent;
using cudaEvent_t = cudaEmulatedEvent*;
struct cudaEmulatedPool;
using cudaMemPool_t = cudaEmulatedPool*;
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
struct cudaDeviceProp {
    char name[256];
    std::size_t totalGlobalMem, sharedMemPerBlock;
    int major, minor, multiProcessorCount, warpSize, maxThreadsPerBlock;
};
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    std::size_t dynamicSmemBytes = 0;
    cudaStream_t stream = nullptr;
    void* attrs = nullptr;
    unsigned numAttrs = 0;
};

const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaMalloc(void** pointer, std::size_t bytes);
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream);
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes);
cudaError_t cudaFreeHost(void* pointer);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t bytes);
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

template <class T>
cudaError_t cudaMalloc(T** pointer, std::size_t bytes) {
    return cudaMalloc(reinterpret_cast<void**>(pointer), bytes);
}

namespace cuda_emulator {
// Gives a kernel to its stream; `call` runs one of its threads, its arguments are at [constants, constants + bytes).
cudaError_t launch(const cudaLaunchConfig_t& config, const void* constants, std::size_t bytes, void (*call)(const void* arguments), const char* name);
}  // namespace cuda_emulator

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...), Arguments&&... arguments) {
    using Call = std::pair<void (*)(Parameters...), std::tuple<Parameters...>>;
    const Call call{kernel, std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)};
    return cuda_emulator::launch(
        *config, &call, sizeof(call), [](const void* given) { std::apply(static_cast<const Call*>(given)->first, static_cast<const Call*>(given)->second); },
        __PRETTY_FUNCTION__);
}
