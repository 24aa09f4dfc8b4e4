// Device memory with numbers in it, for tests of kernels.
#pragma once

#include "support/catch.hpp"

#include <cuda_runtime.h>
#include <vector>

namespace tercet_test {

template <class T>
struct OnDevice {
    T* data = nullptr;
    std::size_t count;

    explicit OnDevice(const std::vector<T>& values) : count(values.size()) {
        REQUIRE(cudaMalloc(&data, count * sizeof(T)) == cudaSuccess);
        REQUIRE(cudaMemcpy(data, values.data(), count * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
    }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;
    ~OnDevice() { cudaFree(data); }

    std::vector<T> values() const {
        std::vector<T> found(count);
        REQUIRE(cudaMemcpy(found.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
        return found;
    }
};

}  // namespace tercet_test
