// CUDA's runtime for the emulated GPU.
//
// What is given to a stream is not done at once, but when the host waits for it, and now and then before, as the seed wills: a host that does not
// wait finds old numbers, and memory of its own that it changes too early is copied as it is then. Copies from and to memory that is not pinned
// are done before the call returns, as CUDA does. The stream 0 is done at once. After a kernel's fault every call fails, until clear().
#include "machine.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

struct cudaEmulatedStream {
    std::deque<std::function<cudaError_t()>> work;
};
struct cudaEmulatedEvent {
    cudaStream_t stream = nullptr;
    std::uint64_t recorded = 0, reached = 0;
};

namespace {

using cuda_emulator::draw;
using cuda_emulator::give;
using cuda_emulator::is_device_memory;
using cuda_emulator::said;

struct Runtime {
    std::set<cudaStream_t> streams;
    std::map<const char*, std::size_t> pinned;
};
Runtime& runtime() {
    static Runtime r;
    return r;
}

// A thread's turn: the host's threads take turns at the runtime, and so at the GPU.
class Turn {
    static std::recursive_mutex& mutex() {
        static std::recursive_mutex m;
        return m;
    }
    std::lock_guard<std::recursive_mutex> lock_{mutex()};
};

// Does what was given to a stream, up to where `until` holds.
template <class Until>
cudaError_t work_off(cudaStream_t stream, const Until& until) {
    cudaError_t status = cudaSuccess;
    while (!until() && stream != nullptr && !stream->work.empty()) {
        const auto next = std::move(stream->work.front());
        stream->work.pop_front();
        if (const cudaError_t error = next(); error != cudaSuccess) status = error;
    }
    return status;
}
cudaError_t work_off(cudaStream_t stream) {
    return work_off(stream, [] { return false; });
}
cudaError_t work_off_all() {
    cudaError_t status = cudaSuccess;
    for (const cudaStream_t stream : runtime().streams)
        if (const cudaError_t error = work_off(stream); error != cudaSuccess) status = error;
    return status;
}

bool is_pinned(const void* p, std::size_t bytes) {
    const auto* byte = static_cast<const char*>(p);
    const auto after = runtime().pinned.upper_bound(byte);
    return after != runtime().pinned.begin() && byte + bytes <= std::prev(after)->first + std::prev(after)->second;
}

cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (cuda_emulator::broken() != cudaSuccess) return said(cuda_emulator::broken());
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (bytes > 0 && kind != cudaMemcpyDefault && (is_device_memory(to, bytes) != to_device || is_device_memory(from, bytes) != from_device))
        return said(cudaErrorInvalidValue);
    std::memmove(to, from, bytes);
    return cudaSuccess;
}

}  // namespace

cudaError_t cuda_emulator::give(cudaStream_t stream, std::function<cudaError_t()> work) {
    const Turn turn;
    if (cuda_emulator::broken() != cudaSuccess) return said(cuda_emulator::broken());
    if (stream == nullptr) return work();
    if (runtime().streams.count(stream) == 0) return said(cudaErrorInvalidResourceHandle);
    stream->work.push_back(std::move(work));
    std::uint64_t some = draw() % 3 == 0 ? draw() % (stream->work.size() + 1) : 0;
    return work_off(stream, [&] { return some-- == 0; });
}

cudaError_t cuda_emulator::launch(const cudaLaunchConfig_t& config, const void* constants, std::size_t bytes, void (*call)(const void*),
                                  const char* name) {
    const Turn turn;
    const dim3 grid = config.gridDim, block = config.blockDim;
    const std::size_t threads = std::size_t{block.x} * block.y * block.z;
    if (settings().count < 1) return said(cudaErrorNoDevice);
    if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 || block.z > 64)
        return said(cudaErrorInvalidConfiguration);
    auto kept = std::make_shared<std::vector<std::max_align_t>>(bytes / sizeof(std::max_align_t) + 1);
    std::memcpy(kept->data(), constants, bytes);
    return give(config.stream, [=] { return run_kernel(grid, block, kept->data(), bytes, call, name); });
}

const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorMisalignedAddress: return "cudaErrorMisalignedAddress";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorNotSupported: return "cudaErrorNotSupported";
    }
    return "cudaErrorUnknown";
}
const char* cudaGetErrorString(cudaError_t error) {
    return cudaGetErrorName(error);
}
cudaError_t cudaGetLastError() {
    const Turn turn;
    return std::exchange(cuda_emulator::last_error(), cudaSuccess);
}
cudaError_t cudaPeekAtLastError() {
    const Turn turn;
    return cuda_emulator::last_error();
}

cudaError_t cudaGetDeviceCount(int* count) {
    const Turn turn;
    *count = 0;
    if (cuda_emulator::settings().driver < 13000) return said(cudaErrorInsufficientDriver);
    *count = cuda_emulator::settings().count;
    return *count > 0 ? cudaSuccess : said(cudaErrorNoDevice);
}
cudaError_t cudaGetDevice(int* device) {
    *device = 0;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    const Turn turn;
    return device >= 0 && device < cuda_emulator::settings().count ? cudaSuccess : said(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
    const Turn turn;
    const auto& s = cuda_emulator::settings();
    if (device < 0 || device >= s.count) return said(cudaErrorInvalidDevice);
    *properties = {"emulated", s.memory, 48 << 10, s.major, s.minor, 1, 32, 1024};
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
    *version = cuda_emulator::settings().driver;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
    const Turn turn;
    const auto& s = cuda_emulator::settings();
    *pointer = nullptr;
    if (s.count < 1) return said(cudaErrorNoDevice);
    if (bytes == 0) return cudaSuccess;
    if (bytes > s.memory - cuda_emulator::allocated()) return said(cudaErrorMemoryAllocation);
    *pointer = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (*pointer == nullptr) return said(cudaErrorMemoryAllocation);
    std::memset(*pointer, 0xfe, bytes);  // no number that a forgotten write could pass for
    cuda_emulator::add_memory(*pointer, bytes);
    return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t) {
    const Turn turn;
    return cudaMalloc(pointer, bytes);
}
cudaError_t cudaFree(void* pointer) {
    const Turn turn;
    if (pointer == nullptr) return cudaSuccess;
    work_off_all();
    if (!cuda_emulator::remove_memory(pointer)) return said(cudaErrorInvalidValue);
    std::free(pointer);
    return cudaSuccess;
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
    const Turn turn;
    const auto free = [pointer] {
        if (!cuda_emulator::remove_memory(pointer)) return said(cudaErrorInvalidValue);
        std::free(pointer);
        return cudaSuccess;
    };
    if (cuda_emulator::broken() == cudaSuccess) return give(stream, free);
    free();  // of no use to anybody any more
    return cuda_emulator::broken();
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
    const Turn turn;
    *pointer = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (*pointer == nullptr) return said(cudaErrorMemoryAllocation);
    runtime().pinned[static_cast<const char*>(*pointer)] = bytes;
    return cudaSuccess;
}
cudaError_t cudaFreeHost(void* pointer) {
    const Turn turn;
    if (pointer == nullptr) return cudaSuccess;
    work_off_all();
    if (runtime().pinned.erase(static_cast<const char*>(pointer)) == 0) return said(cudaErrorInvalidValue);
    std::free(pointer);
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    const Turn turn;
    *total = cuda_emulator::settings().memory;
    *free = *total - cuda_emulator::allocated();
    return cudaSuccess;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
    *pool = nullptr;
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
    return cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t) {
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    const Turn turn;
    return copy(to, from, bytes, kind);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    const Turn turn;
    const bool from_host = !is_device_memory(from, bytes), to_host = !is_device_memory(to, bytes);
    if (from_host && !is_pinned(from, bytes)) {  // taken as it is now
        const auto* begin = static_cast<const char*>(from);
        return give(stream, [=, taken = std::vector<char>(begin, begin + bytes)] { return copy(to, taken.data(), bytes, kind); });
    }
    const cudaError_t status = give(stream, [=] { return copy(to, from, bytes, kind); });
    return to_host && !is_pinned(to, bytes) && status == cudaSuccess ? work_off(stream) : status;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
    const Turn turn;
    return give(stream, [=] {
        if (bytes > 0 && !is_device_memory(to, bytes)) return said(cudaErrorInvalidValue);
        std::memset(to, value, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    const Turn turn;
    *stream = *runtime().streams.insert(new cudaEmulatedStream).first;
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const Turn turn;
    const cudaError_t status = work_off(stream);
    if (runtime().streams.erase(stream) == 0) return said(cudaErrorInvalidValue);
    delete stream;
    return status;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const Turn turn;
    const cudaError_t status = work_off(stream);
    return status != cudaSuccess ? status : cuda_emulator::broken();
}
cudaError_t cudaDeviceSynchronize() {
    const Turn turn;
    const cudaError_t status = work_off_all();
    return status != cudaSuccess ? status : cuda_emulator::broken();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    const Turn turn;
    *event = new cudaEmulatedEvent;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    const Turn turn;
    const cudaError_t status = cudaEventSynchronize(event);
    delete event;
    return status;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const Turn turn;
    event->stream = stream;
    const std::uint64_t number = ++event->recorded;
    return give(stream, [=] {
        event->reached = std::max(event->reached, number);
        return cudaSuccess;
    });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const Turn turn;
    return work_off(event->stream, [event] { return event->reached == event->recorded; });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
    const Turn turn;
    return event->reached == event->recorded ? cudaSuccess : said(cudaErrorNotReady);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const Turn turn;
    const std::uint64_t number = event->recorded;
    const cudaStream_t from = event->stream;
    return give(stream, [=] { return work_off(from, [=] { return event->reached >= number; }); });
}
