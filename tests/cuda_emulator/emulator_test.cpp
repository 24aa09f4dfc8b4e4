// The emulated GPU: kernels that are right give what they should in every order, and each kind of fault, made on purpose, is found.
#include "support/cuda_emulator/emulator.hpp"

#include "support/cuda_emulator/on_device.hpp"

#include <algorithm>
#include <numeric>

using cuda_emulator::FaultKind;
using tercet_test::OnDevice;

namespace {

template <class... Parameters, class... Arguments>
cudaError_t run(unsigned blocks, unsigned threads, void (*kernel)(Parameters...), Arguments... arguments) {
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    return cudaLaunchKernelEx(&config, kernel, arguments...);
}

constexpr unsigned block = 128;

// The sum of each run of 128, by halves in shared memory; `barriers` of its steps have theirs.
template <int barriers>
__global__ void sum_by_halves(float* y, const float* x) {
    __shared__ float part[block];
    part[threadIdx.x] = x[blockIdx.x * block + threadIdx.x];
    __syncthreads();
    for (unsigned half = block / 2, step = 1; half > 0; half /= 2, ++step) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        if (step < barriers) __syncthreads();
    }
    if (threadIdx.x == 0) y[blockIdx.x] = part[0];
}

// The same by a warp's shuffles.
__global__ void sum_by_shuffles(float* y, const float* x) {
    float sum = x[blockIdx.x * 32 + threadIdx.x];
    for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
    if (threadIdx.x == 0) y[blockIdx.x] = sum;
}

// Neighbours in shared memory, one warp: ordered by __syncwarp, or not.
template <bool ordered>
__global__ void turn_in_warp(float* x) {
    __shared__ float all[32];
    all[threadIdx.x] = x[threadIdx.x];
    if (ordered) __syncwarp();
    x[threadIdx.x] = all[31 - threadIdx.x];
}

__global__ void add_one(float* x, unsigned n) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] += 1;
}
__global__ void read_beyond(float* y, const float* x, unsigned n) {
    if (threadIdx.x == 0) y[0] = x[n];
}
__global__ void read_crooked(float* x, int bytes) {
    const auto* from = reinterpret_cast<const float*>(reinterpret_cast<const char*>(x) + bytes);
    x[0] = *from;
}
__global__ void skip_barrier(float* x) {
    if (threadIdx.x == 5) return;
    __syncthreads();
    x[threadIdx.x] = 1;
}
__global__ void two_barriers(float* x) {
    if (threadIdx.x < 64) {
        __syncthreads();
        x[threadIdx.x] = 1;
    } else {
        __syncthreads();
        x[threadIdx.x] = 2;
    }
}
__global__ void skip_shuffle(float* x) {
    if (threadIdx.x == 3) return;
    x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
}
__global__ void count_up(int* total, const int* x, unsigned n) {
    __shared__ int here;
    if (threadIdx.x == 0) here = 0;
    __syncthreads();
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) atomicAdd(&here, x[i]);
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(total, here);
}
__global__ void votes(unsigned* y) {
    y[threadIdx.x] = __ballot_sync(0xffffffffu, threadIdx.x % 3 == 0) + static_cast<unsigned>(__any_sync(0xffffffffu, threadIdx.x == 7)) +
                     static_cast<unsigned>(__all_sync(0xffffffffu, threadIdx.x < 32));
}

std::vector<float> numbers(std::size_t count) {
    std::vector<float> x(count);
    std::iota(x.begin(), x.end(), 1.f);
    return x;
}

}  // namespace

TEST_CASE("emulator: sums in shared memory and by shuffles, in twenty orders") {
    const auto x = numbers(4 * block);
    const OnDevice<float> given(x), sums(std::vector<float>(4)), warps(std::vector<float>(16));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        CHECK(run(4, block, sum_by_halves<8>, sums.data, given.data) == cudaSuccess);
        CHECK(run(16, 32, sum_by_shuffles, warps.data, given.data) == cudaSuccess);
        CHECK(cuda_emulator::faults().empty());
        for (unsigned b = 0; b < 4; ++b) CHECK(sums.values()[b] == std::accumulate(x.begin() + b * block, x.begin() + (b + 1) * block, 0.f));
        for (unsigned b = 0; b < 16; ++b) CHECK(warps.values()[b] == std::accumulate(x.begin() + b * 32, x.begin() + (b + 1) * 32, 0.f));
        CHECK(cuda_emulator::traffic().read == 2 * 4 * block * sizeof(float));
        CHECK(cuda_emulator::traffic().written == 20 * sizeof(float));
    }
}

TEST_CASE("emulator: a barrier that is missing is a race, wherever it is") {
    const OnDevice<float> given(numbers(block)), sums(std::vector<float>(1));
    for (const auto kernel : {sum_by_halves<1>, sum_by_halves<2>}) {
        cuda_emulator::clear(1);
        run(1, block, kernel, sums.data, given.data);
        REQUIRE_FALSE(cuda_emulator::faults().empty());
        CHECK(cuda_emulator::faults()[0].kind == FaultKind::race);
        CHECK(cuda_emulator::faults()[0].text.find("shared memory") != std::string::npos);
    }
    const OnDevice<float> warp(numbers(32));
    cuda_emulator::clear(2);
    run(1, 32, turn_in_warp<true>, warp.data);
    CHECK(cuda_emulator::faults().empty());
    CHECK(warp.values()[0] == 32);
    run(1, 32, turn_in_warp<false>, warp.data);
    REQUIRE_FALSE(cuda_emulator::faults().empty());
    CHECK(cuda_emulator::faults()[0].kind == FaultKind::race);
}

TEST_CASE("emulator: an access outside of device memory ends the launch") {
    const OnDevice<float> x(numbers(100)), y(std::vector<float>(1));
    cuda_emulator::clear();
    CHECK(run(1, block, add_one, x.data, 100u) == cudaSuccess);
    CHECK(x.values()[99] == 101);
    CHECK(run(1, block, add_one, x.data, 101u) == cudaErrorIllegalAddress);
    REQUIRE(cuda_emulator::faults().size() == 1);
    CHECK(cuda_emulator::faults()[0].kind == FaultKind::outside);
    CHECK(cuda_emulator::faults()[0].text.find("400 bytes behind the start of 400") != std::string::npos);
    CHECK(cudaGetLastError() == cudaErrorIllegalAddress);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(run(1, block, add_one, x.data, 100u) == cudaErrorIllegalAddress);  // and all that follows
    cuda_emulator::clear();
    CHECK(run(1, 32, read_beyond, y.data, x.data, 100u) == cudaErrorIllegalAddress);
    cuda_emulator::clear();
    float host = 0;
    CHECK(run(1, 1, read_beyond, y.data, &host, 0u) == cudaErrorIllegalAddress);
    cuda_emulator::clear();
    CHECK(run(1, block, add_one, x.data, 100u) == cudaSuccess);
}

TEST_CASE("emulator: an access at an address that its size does not divide ends the launch") {
    const OnDevice<float> x(numbers(100));
    cuda_emulator::clear();
    CHECK(run(1, 1, read_crooked, x.data, 4) == cudaSuccess);
    CHECK(run(1, 1, read_crooked, x.data, 2) == cudaErrorMisalignedAddress);
    REQUIRE(cuda_emulator::faults().size() == 1);
    CHECK(cuda_emulator::faults()[0].kind == FaultKind::alignment);
    cuda_emulator::clear();
}

TEST_CASE("emulator: a stream that is gone takes nothing, and events keep to the streams they were recorded on") {
    cuda_emulator::clear();
    cudaStream_t first = nullptr, second = nullptr, gone = nullptr;
    for (cudaStream_t* stream : {&first, &second, &gone}) REQUIRE(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking) == cudaSuccess);
    CHECK(cudaStreamDestroy(gone) == cudaSuccess);
    const OnDevice<float> x(numbers(1)), y(numbers(1));
    CHECK(cudaMemsetAsync(x.data, 0, 4, gone) == cudaErrorInvalidResourceHandle);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        cudaEvent_t event = nullptr;
        REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
        CHECK(cudaMemsetAsync(x.data, static_cast<int>(seed), 4, first) == cudaSuccess);
        CHECK(cudaEventRecord(event, first) == cudaSuccess);
        CHECK(cudaStreamWaitEvent(second, event) == cudaSuccess);
        CHECK(cudaEventRecord(event, second) == cudaSuccess);  // the wait is for what was recorded before
        CHECK(cudaMemcpyAsync(y.data, x.data, 4, cudaMemcpyDeviceToDevice, second) == cudaSuccess);
        CHECK(cudaStreamSynchronize(second) == cudaSuccess);
        const float found = y.values()[0];
        unsigned char bytes[4];
        std::memcpy(bytes, &found, 4);
        CHECK(bytes[0] == seed);
        CHECK(cudaEventDestroy(event) == cudaSuccess);
    }
    CHECK(cudaStreamDestroy(first) == cudaSuccess);
    CHECK(cudaStreamDestroy(second) == cudaSuccess);
}

TEST_CASE("emulator: barriers and exchanges that not all reach") {
    const OnDevice<float> x(numbers(block));
    using Row = std::pair<void (*)(float*), const char*>;
    for (const auto& [kernel, word] : {Row{skip_barrier, "ended"}, Row{two_barriers, "different"}, Row{skip_shuffle, "do not come"}}) {
        INFO(word);
        cuda_emulator::clear(3);
        CHECK(run(1, block, kernel, x.data) == cudaErrorLaunchFailure);
        REQUIRE_FALSE(cuda_emulator::faults().empty());
        CHECK(cuda_emulator::faults()[0].kind == FaultKind::barrier);
        CHECK(cuda_emulator::faults()[0].text.find(word) != std::string::npos);
    }
    cuda_emulator::clear();
}

TEST_CASE("emulator: atomics and votes") {
    std::vector<int> x(1000, 3);
    const OnDevice<int> given(x), total(std::vector<int>{0});
    const OnDevice<unsigned> y(std::vector<unsigned>(32));
    cuda_emulator::clear(4);
    CHECK(run(3, 96, count_up, total.data, given.data, 1000u) == cudaSuccess);
    CHECK(total.values()[0] == 9000);
    CHECK(run(1, 32, votes, y.data) == cudaSuccess);
    CHECK(y.values()[0] == 0x49249249u + 2);
    CHECK(cuda_emulator::faults().empty());
}

TEST_CASE("emulator: the runtime's errors") {
    auto& settings = cuda_emulator::settings();
    const auto before = settings;
    cuda_emulator::clear();
    void* p = nullptr;
    settings.memory = 1000;
    CHECK(cudaMalloc(&p, 1001) == cudaErrorMemoryAllocation);
    CHECK(p == nullptr);
    CHECK(cudaMalloc(&p, 900) == cudaSuccess);
    CHECK(cuda_emulator::allocated() == 900);
    char host[8];
    CHECK(cudaMemcpy(host, p, 8, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaFree(p) == cudaSuccess);
    CHECK(cudaFree(host) == cudaErrorInvalidValue);
    settings.count = 0;
    int count = -1;
    CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
    CHECK(cudaMalloc(&p, 8) == cudaErrorNoDevice);
    settings = before;
    float* x = nullptr;
    CHECK(run(1, 1025, add_one, x, 0u) == cudaErrorInvalidConfiguration);
    CHECK(run(0, 32, add_one, x, 0u) == cudaErrorInvalidConfiguration);
    CHECK(std::string(cudaGetErrorName(cudaErrorNoDevice)) == "cudaErrorNoDevice");
    cuda_emulator::clear();
}
