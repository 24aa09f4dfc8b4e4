// The device, its stream, memory and copies, on the emulated GPU, whose streams do nothing before they must.
#include "tercet/backend/cuda/runtime.cuh"

#include "cuda/compare.hpp"
#include "tercet/backend/cuda/elementwise.cuh"

#include <numeric>

using namespace tercet;
using namespace tercet_test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Sets what the device is, until the end of the scope.
struct WithDevice {
    cuda_emulator::DeviceSettings before = cuda_emulator::settings();
    explicit WithDevice(const cuda_emulator::DeviceSettings& settings) { cuda_emulator::settings() = settings; }
    ~WithDevice() { cuda_emulator::settings() = before; }
};

// The message of the error of that code that f throws; empty if it throws none.
template <class F>
std::string message_of(ErrorCode code, const F& f) {
    try {
        f();
    } catch (const Error& error) {
        return error.code() == code ? error.what() : "another code";
    }
    return "";
}

std::vector<unsigned char> counted(std::size_t bytes, unsigned first) {
    std::vector<unsigned char> x(bytes);
    for (std::size_t i = 0; i < bytes; ++i) x[i] = static_cast<unsigned char>(first + i * 7 + i / 256);
    return x;
}

}  // namespace

TEST_CASE("cuda: a device that is not there, too old, or driven by too old a driver is an error that says so", "[cuda]") {
    CHECK(cuda::use_device(0).name == "emulated");
    CHECK(cuda::use_device(0).major == 9);
    CHECK_THAT(message_of(ErrorCode::device, [&] { cuda::use_device(1); }), ContainsSubstring("there is no device 1, there are 1"));
    CHECK_THAT(message_of(ErrorCode::device, [&] { cuda::use_device(-1); }), ContainsSubstring("there is no device -1"));
    {
        const WithDevice none({.count = 0});
        CHECK(cuda::device_count() == 0);
        CHECK_THAT(message_of(ErrorCode::device, [&] { cuda::use_device(0); }), ContainsSubstring("there is no device"));
    }
    {
        const WithDevice old({.driver = 12040});
        CHECK(cuda::device_count() == 0);
        CHECK_THAT(message_of(ErrorCode::device, [&] { cuda::use_device(0); }),
                   ContainsSubstring("the driver is for version 12.4, and this program was built with 13.0"));
    }
    {
        const WithDevice none({.driver = 0});
        CHECK_THAT(message_of(ErrorCode::device, [&] { cuda::use_device(0); }), ContainsSubstring("there is no driver"));
    }
    {
        const WithDevice volta({.major = 7, .minor = 0});
        CHECK_THAT(message_of(ErrorCode::device, [&] { cuda::use_device(0); }),
                   ContainsSubstring("has compute capability 7.0, and 7.5 is the least"));
    }
    CHECK(cuda::device_count() == 1);
}

TEST_CASE("cuda: copies of any length arrive, in the stream's order, in pieces", "[cuda]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        const cuda::Stream stream;
        cuda::Copies copies(64);
        for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, std::size_t{1000}}) {
            const cuda::Memory memory(bytes, stream), second(bytes, stream);
            auto from = counted(bytes, 1);
            const auto want = from;
            copies.to_device(memory.data(), from.data(), bytes, stream);
            std::fill(from.begin(), from.end(), static_cast<unsigned char>(0));  // may change: it is on its way
            if (bytes > 0)
                cuda::check(cudaMemcpyAsync(second.data(), memory.data(), bytes, cudaMemcpyDeviceToDevice, stream.get()), "cudaMemcpyAsync");
            std::vector<unsigned char> back(bytes);
            copies.to_host(back.data(), second.data(), bytes, stream);
            CHECK(back == want);
        }
    }
    CHECK(cuda_emulator::allocated() == 0);
}

TEST_CASE("cuda: memory that is let go of serves the work before it", "[cuda]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        const index_t n = 100;
        const cuda::Stream stream;
        cuda::Copies copies;
        const auto x = random<float>(n, 1);
        const cuda::Memory sum(n * sizeof(float), stream);
        const auto start = std::vector<float>(static_cast<std::size_t>(n));
        copies.to_device(sum.data(), start.data(), sum.bytes(), stream);
        const cuda::Elementwise elements{stream.get()};
        for (int i = 0; i < 4; ++i) {
            const cuda::Memory passing(n * sizeof(float), stream);
            copies.to_device(passing.data(), x.data(), passing.bytes(), stream);
            elements.add_scaled(static_cast<float*>(sum.data()), static_cast<const float*>(passing.data()), 1.f, n);
        }
        std::vector<float> found(x.size());
        copies.to_host(found.data(), sum.data(), sum.bytes(), stream);
        auto want = x;
        for (float& v : want) v *= 4;
        CHECK(apart(found, want) <= near<float>);
        check_no_fault();
    }
    CHECK(cuda_emulator::allocated() == 0);
}

TEST_CASE("cuda: too much memory is an error with sizes, and less can be had after it", "[cuda]") {
    const WithDevice small({.memory = 10'000});
    const cuda::Stream stream;
    const cuda::Memory some(6000, stream);
    CHECK_THAT(message_of(ErrorCode::out_of_memory, [&] { const cuda::Memory more(5000, stream); }),
               ContainsSubstring("5000 bytes of device memory are wanted, and 4000 of 10000 are free"));
    const cuda::Memory less(4000, stream);
    CHECK(less.data() != nullptr);
    { const cuda::Memory gone = cuda::Memory(0, stream); }
    cuda::Memory moved(0, stream);
    moved = cuda::Memory(0, stream);
    CHECK(moved.data() == nullptr);
}

TEST_CASE("cuda: memory on its way back is waited for before there is said to be none", "[cuda]") {
    const WithDevice small({.memory = 10'000});
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        const cuda::Stream stream;
        { const cuda::Memory all(10'000, stream); }
        CHECK(cuda::Memory(10'000, stream).data() != nullptr);
    }
}

TEST_CASE("cuda: memory on its way back in another stream is waited for, too", "[cuda]") {
    const WithDevice small({.memory = 10'000});
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        const cuda::Stream first, second;
        { const cuda::Memory all(10'000, first); }
        CHECK(cuda::Memory(10'000, second).data() != nullptr);
    }
}

TEST_CASE("cuda: a failed launch is told when its stream is waited for, and by all that follows", "[cuda]") {
    cuda_emulator::clear(1);
    {
        const cuda::Stream stream;
        const cuda::Memory memory(400, stream);
        const cuda::Elementwise elements{stream.get()};
        CHECK_ERROR(
            [&] {
                elements.add_scaled(static_cast<float*>(memory.data()), static_cast<const float*>(memory.data()), 1.f, 101);  // one too many
                stream.wait();
            }(),
            ErrorCode::device);
        CHECK(cuda_emulator::faults().size() == 1);
        CHECK_ERROR(cuda::Copies().to_host(nullptr, memory.data(), 4, stream), ErrorCode::device);
    }
    cuda_emulator::clear();
}

TEST_CASE("cuda: events order streams", "[cuda]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        cuda_emulator::clear(seed);
        const cuda::Stream first, second;
        const cuda::Memory a(64, first), b(64, first);
        cuda::Event copied;
        CHECK(copied.reached());
        cuda::check(cudaMemsetAsync(a.data(), 5, 64, first.get()), "cudaMemsetAsync");
        copied.record(first);
        copied.hold_back(second);
        cuda::check(cudaMemcpyAsync(b.data(), a.data(), 64, cudaMemcpyDeviceToDevice, second.get()), "cudaMemcpyAsync");
        second.wait();
        CHECK(copied.reached());
        std::vector<unsigned char> found(64);
        cuda::Copies copies;
        copies.to_host(found.data(), b.data(), 64, second);
        CHECK(found == std::vector<unsigned char>(64, 5));
    }
}
