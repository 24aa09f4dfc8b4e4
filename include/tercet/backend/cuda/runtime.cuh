// The device, its stream, its memory, and copies to and from it; each CUDA status that is no success is a tercet::Error with the call's name.
//
// What is given to a stream is done in its order, while the host goes on. So memory that the host lets go of is taken back in that order too, and
// may be handed out again before the work that used it is done (CUDA's stream-ordered allocator). Memory of the host that is not pinned goes
// through two pinned pieces by turns: one is filled or emptied while the other travels.
#pragma once

#include "tercet/backend/cuda/launch.cuh"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

namespace tercet::inline TERCET_ABI::cuda {

struct DeviceInfo {
    int index = 0;
    std::string name{};
    int major = 0, minor = 0;  // compute capability
    int multiprocessors = 0;
    std::size_t bytes = 0;
};

inline constexpr int least_major = 7, least_minor = 5;  // Turing: what the kernels are compiled for at least

/// How many devices there are: 0 also where there is no driver, or one that is too old.
inline int device_count() {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) cudaGetLastError();
    return count;
}

/// Makes a device the one that this thread uses. Throws device where there is none of that number, its driver is older than the runtime that this
/// was built with, or its compute capability is below 7.5.
inline DeviceInfo use_device(int index) {
    int count = 0, driver = 0, runtime = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaErrorInsufficientDriver) {
        cudaGetLastError();
        check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
        require(driver != 0, ErrorCode::device, "CUDA: there is no driver");
        check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
        const auto version = [](int v) { return std::to_string(v / 1000) + '.' + std::to_string(v % 1000 / 10); };
        fail(ErrorCode::device, "CUDA: the driver is for version ", version(driver), ", and this program was built with ", version(runtime));
    }
    if (status == cudaErrorNoDevice) {
        cudaGetLastError();
        fail(ErrorCode::device, "CUDA: there is no device");
    }
    check(status, "cudaGetDeviceCount");
    require(index >= 0 && index < count, ErrorCode::device, "CUDA: there is no device ", index, ", there are ", count);
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
    require(properties.major > least_major || (properties.major == least_major && properties.minor >= least_minor), ErrorCode::device,
            "CUDA: device ", index, " (", properties.name, ") has compute capability ", properties.major, '.', properties.minor, ", and ",
            least_major, '.', least_minor, " is the least");
    check(cudaSetDevice(index), "cudaSetDevice");
    cudaMemPool_t pool;
    check(cudaDeviceGetDefaultMemPool(&pool, index), "cudaDeviceGetDefaultMemPool");
    std::uint64_t all = ~std::uint64_t{0};  // what was given back stays with the pool, for the next one
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all), "cudaMemPoolSetAttribute");
    return {index, properties.name, properties.major, properties.minor, properties.multiProcessorCount, properties.totalGlobalMem};
}

/// A queue of work in order.
class Stream {
public:
    Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream() { cudaStreamDestroy(stream_); }

    cudaStream_t get() const { return stream_; }
    /// Waits until all is done. Throws device where something of it failed.
    void wait() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

private:
    cudaStream_t stream_ = nullptr;
};

/// A place in a stream's order, to be waited for by the host or by other streams.
class Event {
public:
    Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags"); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() {
        cudaEventSynchronize(event_);  // what it was recorded after may still use what goes with it
        cudaEventDestroy(event_);
    }

    void record(const Stream& stream) { check(cudaEventRecord(event_, stream.get()), "cudaEventRecord"); }
    void wait() const { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }
    bool reached() const {
        const cudaError_t status = cudaEventQuery(event_);
        if (status == cudaErrorNotReady) {
            cudaGetLastError();  // no error, but kept like one
            return false;
        }
        check(status, "cudaEventQuery");
        return true;
    }
    void hold_back(const Stream& stream) const { check(cudaStreamWaitEvent(stream.get(), event_, 0), "cudaStreamWaitEvent"); }

private:
    cudaEvent_t event_ = nullptr;
};

/// Device memory in a stream's order: for work that is given to the stream after it was taken, and before it is let go. The stream must outlive it.
class Memory {
public:
    Memory() = default;
    /// Throws out_of_memory with what was wanted and what there is; what is let go of then is there for the next one.
    Memory(std::size_t bytes, const Stream& stream) : bytes_(bytes), stream_(stream.get()) {
        if (bytes == 0) return;
        cudaError_t status = cudaMallocAsync(&data_, bytes, stream_);
        if (status == cudaErrorMemoryAllocation) {  // perhaps what others have let go of is on its way back
            cudaGetLastError();
            check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
            int device = 0;
            cudaMemPool_t pool;
            check(cudaGetDevice(&device), "cudaGetDevice");
            check(cudaDeviceGetDefaultMemPool(&pool, device), "cudaDeviceGetDefaultMemPool");
            check(cudaMemPoolTrimTo(pool, 0), "cudaMemPoolTrimTo");
            status = cudaMallocAsync(&data_, bytes, stream_);
        }
        if (status == cudaErrorMemoryAllocation) {
            cudaGetLastError();
            std::size_t free = 0, total = 0;
            check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
            fail(ErrorCode::out_of_memory, "CUDA: ", bytes, " bytes of device memory are wanted, and ", free, " of ", total, " are free");
        }
        check(status, "cudaMallocAsync");
    }
    Memory(Memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), stream_(other.stream_) {}
    Memory& operator=(Memory&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
        std::swap(stream_, other.stream_);
        return *this;
    }
    ~Memory() {
        if (data_ != nullptr) cudaFreeAsync(data_, stream_);
    }

    void* data() const { return data_; }
    std::size_t bytes() const { return bytes_; }
    /// The memory, which the caller gives back from now on, by cudaFreeAsync.
    void* release() { return std::exchange(data_, nullptr); }

private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
    cudaStream_t stream_ = nullptr;
};

/// Host memory that the device reaches by itself, so that copies from and to it run beside the host.
class Pinned {
public:
    explicit Pinned(std::size_t bytes) { check(cudaMallocHost(&data_, bytes), "cudaMallocHost"); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned() { cudaFreeHost(data_); }

    std::byte* data() const { return static_cast<std::byte*>(data_); }

private:
    void* data_ = nullptr;
};

/// Copies between the host's own memory and the device's, through pinned pieces. One caller at a time; others wait.
class Copies {
public:
    static constexpr std::size_t default_piece = std::size_t{4} << 20;

    explicit Copies(std::size_t piece = default_piece) : piece_(piece), pieces_{Pinned(piece), Pinned(piece)} {}

    /// Returns when all is on its way: `from` may change then.
    void to_device(void* to, const void* from, std::size_t bytes, const Stream& stream) {
        const std::lock_guard lock(mutex_);
        for (std::size_t begin = 0, turn = 0; begin < bytes; begin += piece_, turn ^= 1) {
            const std::size_t count = std::min(piece_, bytes - begin);
            free_[turn].wait();
            std::memcpy(pieces_[turn].data(), static_cast<const std::byte*>(from) + begin, count);
            send(static_cast<std::byte*>(to) + begin, pieces_[turn].data(), count, cudaMemcpyHostToDevice, stream);
            free_[turn].record(stream);
        }
    }
    /// Returns when all is there.
    void to_host(void* to, const void* from, std::size_t bytes, const Stream& stream) {
        const std::lock_guard lock(mutex_);
        const auto empty = [&](std::size_t begin, std::size_t turn) {
            free_[turn].wait();
            std::memcpy(static_cast<std::byte*>(to) + begin, pieces_[turn].data(), std::min(piece_, bytes - begin));
        };
        std::size_t turn = 0;
        for (std::size_t begin = 0; begin < bytes; begin += piece_, turn ^= 1) {
            free_[turn].wait();
            send(pieces_[turn].data(), static_cast<const std::byte*>(from) + begin, std::min(piece_, bytes - begin), cudaMemcpyDeviceToHost, stream);
            free_[turn].record(stream);
            if (begin > 0) empty(begin - piece_, turn ^ 1);
        }
        if (bytes > 0) empty((bytes - 1) / piece_ * piece_, turn ^ 1);
    }

private:
    static void send(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, const Stream& stream) {
        check(cudaMemcpyAsync(to, from, bytes, kind, stream.get()), "cudaMemcpyAsync");
    }

    std::mutex mutex_;
    std::size_t piece_;
    Pinned pieces_[2];
    Event free_[2];  // when a piece's last copy is done
};

}  // namespace tercet::inline TERCET_ABI::cuda
