// The matrix product beside OpenBLAS, oneDNN and Eigen, on a transformer's shapes; shapes beside these; and products of one row.
//
//   gemm/LIBRARY/MxNxK                     C (M, N) = A (M, K) · B (K, N), row-major; tercet packs B in each call, tercet_prepacked once
//   gemm_near/LISTED/MxNxK                 a neighbour of a listed shape: one extent ±1 or ±8, or all of them the next primes
//                                          A library by itself (--benchmark_filter=gemm/eigen) is the fairer measure: after a product the threads of
//                                          OpenBLAS and OpenMP spin for a while, and take the cores from the next one.
//   gemv/tercet_prepacked/1xNxK            B taken in turn from 256 MB of packed weights
#include "gemm_libraries.hpp"
#include "support/machine.hpp"
#include "tercet/tensor/tensor.hpp"

#include <array>

namespace {

using namespace tercet_bench;
using tercet::Device, tercet::Tensor;
using Right = tercet::cpu::RightOperand<float>;

struct Extents {
    index_t m, n, k;
    double operations() const { return 2. * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
    std::string name() const { return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k); }
};

constexpr Extents listed[] = {{256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {64, 768, 3072}, {256, 2304, 768}};
constexpr Extents one_row[] = {{1, 576, 1536}, {1, 768, 768}};

// Operands: parts of one array of random numbers, made once.
const float* random_numbers(index_t offset) {
    static const auto numbers = Tensor<float>::randn({index_t{10} << 20});
    return numbers.data() + offset;
}

Tensor<float> packed(const float* b, index_t n, index_t k) {
    auto panels = Tensor<float>::empty({tercet::cpu::packed_words<float>(n, k)});
    Device::pack<float>(panels.mutable_data(), {b, n, 1}, n, k);
    return panels;
}

void run(benchmark::State& state, const Extents& e, int threads, bool prepacked) {
    const float *a = random_numbers(0), *b = random_numbers(e.m * e.k);
    auto c = Tensor<float>::empty({e.m, e.n});
    const auto panels = prepacked ? packed(b, e.n, e.k) : Tensor<float>();
    const Right right =
        prepacked ? Right{.kind = Right::Kind::packed, .panels = panels.data()} : Right{.kind = Right::Kind::strided, .view = {b, e.n, 1}};
    const Stopwatch watch;
    for (auto _ : state) Device::gemm(c.mutable_data(), e.n, {a, e.k, 1}, right, e.m, e.n, e.k, false);
    count_operations(state, watch.seconds(state), e.operations(), threads);
}

void run_library(benchmark::State& state, const GemmLibrary& library, const Extents& e, int threads) {
    const float *a = random_numbers(0), *b = random_numbers(e.m * e.k);
    auto c = Tensor<float>::empty({e.m, e.n});
    library.set_threads(threads);
    const Stopwatch watch;
    for (auto _ : state) library.gemm(c.mutable_data(), a, b, static_cast<int>(e.m), static_cast<int>(e.n), static_cast<int>(e.k));
    count_operations(state, watch.seconds(state), e.operations(), threads);
}

void run_one_row(benchmark::State& state, const Extents& e, int threads) {
    constexpr index_t memory = index_t{256} << 20;
    std::vector<Tensor<float>> weights{packed(random_numbers(e.k), e.n, e.k)};
    const index_t bytes = 4 * weights[0].numel();
    while (static_cast<index_t>(weights.size()) * bytes < memory) weights.push_back(weights[0].clone());
    auto c = Tensor<float>::empty({e.m, e.n});
    std::size_t next = 0;
    const Stopwatch watch;
    for (auto _ : state) {
        Device::gemm(c.mutable_data(), e.n, {random_numbers(0), e.k, 1}, Right{.kind = Right::Kind::packed, .panels = weights[next].data()}, e.m, e.n,
                     e.k, false);
        next = (next + 1) % weights.size();
    }
    count_bytes(state, watch.seconds(state), static_cast<double>(bytes), threads, memory);
}

index_t next_prime(index_t n) {
    for (;; ++n) {
        bool prime = true;
        for (index_t d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
        if (prime) return n;
    }
}

std::vector<Extents> neighbours(const Extents& e) {
    std::vector<Extents> all{{next_prime(e.m), next_prime(e.n), next_prime(e.k)}};
    for (const index_t step : {-8, -1, 1, 8}) {
        all.push_back({e.m + step, e.n, e.k});
        all.push_back({e.m, e.n + step, e.k});
        all.push_back({e.m, e.n, e.k + step});
    }
    return all;
}

const bool added = [] {
    for (const int threads : thread_counts()) {
        for (const auto& e : listed) {
            add_benchmark("gemm/tercet/" + e.name(), threads, [=](benchmark::State& s) { run(s, e, threads, false); });
            add_benchmark("gemm/tercet_prepacked/" + e.name(), threads, [=](benchmark::State& s) { run(s, e, threads, true); });
            for (const auto& library : gemm_libraries())
                add_benchmark("gemm/" + std::string(library.name) + "/" + e.name(), threads,
                              [=, &library](benchmark::State& s) { run_library(s, library, e, threads); });
        }
        for (const auto& e : one_row)
            add_benchmark("gemv/tercet_prepacked/" + e.name(), threads, [=](benchmark::State& s) { run_one_row(s, e, threads); });
    }
    const int most = thread_counts().back();
    for (const auto& e : listed)
        for (const auto& near : neighbours(e))
            add_benchmark("gemm_near/" + e.name() + "/" + near.name(), most, [=](benchmark::State& s) { run(s, near, most, false); });
    return true;
}();

}  // namespace
