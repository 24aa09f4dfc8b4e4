// What the machine can do at most, measured once a process, and counters that say how much of it a benchmark gets.
//
//   peak_gflops(threads)            float multiply-adds on registers alone, with the widest vectors there are
//   read_gb_per_s(threads, bytes)   reading a buffer of that size from end to end, the best of several times
//   Reading                         the same as the work of a benchmark
//
// The loops carry their own target attributes, so neither the program's flags nor TERCET_ISA change the peak.
#pragma once

#include <tercet/core/memory.hpp>
#include <tercet/core/parallel.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <map>

namespace tercet_bench {

using tercet::index_t;

namespace detail {

// Twelve chains of multiply-adds hide a latency of four on two ports, and still fit the registers. The assembly keeps the compiler from
// shortening them. Reading goes on four sums.
#define TERCET_MACHINE_LOOPS(width, features, multiply_add)                                                                               \
    __attribute__((target(features), noinline)) inline void multiply_add_##width(long long steps) {                                       \
        using V = float __attribute__((vector_size(width)));                                                                              \
        V sums[12] = {}, x = {};                                                                                                          \
        for (long long step = 0; step < steps; ++step)                                                                                    \
            _Pragma("GCC unroll 12") for (auto& sum : sums) __asm__ volatile(multiply_add : "+v"(sum) : "v"(x));                          \
    }                                                                                                                                     \
    __attribute__((target(features), noinline)) inline void read_##width(const float* data, index_t n) {                                  \
        using V = float __attribute__((vector_size(width)));                                                                              \
        V sums[4] = {};                                                                                                                   \
        const auto* vectors = reinterpret_cast<const V*>(data);                                                                           \
        for (index_t i = 0; i < n * 4 / width; i += 4) _Pragma("GCC unroll 4") for (index_t j = 0; j < 4; ++j) sums[j] += vectors[i + j]; \
        __asm__ volatile("" : : "v"(sums[0]), "v"(sums[1]), "v"(sums[2]), "v"(sums[3]));                                                  \
    }

struct MachineLoops {
    index_t width;  // bytes of a vector
    void (*multiply_add)(long long steps);
    void (*read)(const float* data, index_t n);  // n a multiple of 64
};

#ifdef __x86_64__
TERCET_MACHINE_LOOPS(64, "avx512f", "vfmadd231ps %1, %1, %0")
TERCET_MACHINE_LOOPS(32, "avx2,fma", "vfmadd231ps %1, %1, %0")
TERCET_MACHINE_LOOPS(16, "sse2", "mulps %1, %0\n\taddps %1, %0")

inline MachineLoops machine_loops() {
    if (__builtin_cpu_supports("avx512f")) return {64, multiply_add_64, read_64};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {32, multiply_add_32, read_32};
    return {16, multiply_add_16, read_16};
}
#else
#define v w
TERCET_MACHINE_LOOPS(16, "arch=armv8-a", "fmla %0.4s, %1.4s, %1.4s")
#undef v

inline MachineLoops machine_loops() {
    return {16, multiply_add_16, read_16};
}
#endif
#undef TERCET_MACHINE_LOOPS

// The shortest of `runs` times that work() takes on as many threads, each in its own tile; in seconds.
template <class Work>
double shortest(int runs, int threads, const Work& work) {
    const int before = tercet::threads();
    tercet::set_threads(threads);
    double best = 1e300;
    for (int run = 0; run < runs; ++run) {
        const auto start = std::chrono::steady_clock::now();
        tercet::parallel_for(threads, work);
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    tercet::set_threads(before);
    return best;
}

}  // namespace detail

/// Float multiply-adds on this many threads, two operations each.
inline double peak_gflops(int threads) {
    static std::map<int, double> known;
    if (const auto at = known.find(threads); at != known.end()) return at->second;
    constexpr long long steps = 2'000'000;
    const auto loops = detail::machine_loops();
    const double seconds = detail::shortest(9, threads, [&](index_t) { loops.multiply_add(steps); });
    return known[threads] = 2. * 12 * static_cast<double>(loops.width / 4) * static_cast<double>(steps) * threads / seconds / 1e9;
}

/// Reads a buffer from end to end, each thread its own part.
class Reading {
public:
    Reading(int threads, index_t bytes) : threads_(threads), part_(bytes / 4 / threads / 64 * 64), buffer_(part_ * threads) {
        std::fill_n(buffer_.data(), part_ * threads_, 1.f);
    }
    double bytes() const { return 4. * static_cast<double>(part_ * threads_); }
    void operator()(index_t thread) const { loops_.read(buffer_.data() + thread * part_, part_); }

private:
    int threads_;
    index_t part_;
    tercet::Scratch<float> buffer_;
    detail::MachineLoops loops_ = detail::machine_loops();
};

/// The best of nine times reading `bytes`; the default is far beyond the caches of most machines.
inline double read_gb_per_s(int threads, index_t bytes = index_t{1} << 30) {
    static std::map<std::pair<int, index_t>, double> known;
    if (const auto at = known.find({threads, bytes}); at != known.end()) return at->second;
    const Reading reading(threads, bytes);
    return known[{threads, bytes}] = reading.bytes() / detail::shortest(9, threads, reading) / 1e9;
}

/// Times a benchmark's loop, for counters that are no plain rates: started just before the loop, read just after.
class Stopwatch {
public:
    /// Seconds of one iteration.
    double seconds(const benchmark::State& state) const {
        return std::chrono::duration<double>(Clock::now() - start_).count() / static_cast<double>(std::max<index_t>(state.iterations(), 1));
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

/// GFLOP/s, and percent of the peak on that many threads, of a benchmark whose every iteration does `operations` in so many seconds.
inline void count_operations(benchmark::State& state, double seconds, double operations, int threads) {
    const double rate = operations / seconds / 1e9;
    state.counters["GFLOP/s"] = rate;
    state.counters["% of peak"] = 100 * rate / peak_gflops(threads);
}

/// GB/s, and percent of what reading a buffer of `buffer` bytes reaches, of a benchmark whose every iteration moves `bytes`.
inline void count_bytes(benchmark::State& state, double seconds, double bytes, int threads, index_t buffer = index_t{1} << 30) {
    const double rate = bytes / seconds / 1e9;
    state.counters["GB/s"] = rate;
    state.counters["% of read"] = 100 * rate / read_gb_per_s(threads, buffer);
}

/// The thread counts that benchmarks run on: one, and two where there are two.
inline std::vector<int> thread_counts() {
    return std::thread::hardware_concurrency() > 1 ? std::vector<int>{1, 2} : std::vector<int>{1};
}

/// Registers body(state) under a name that ends with its thread count, which it runs on; timed by the wall clock, as its threads are the library's
/// own.
template <class Body>
void add_benchmark(const std::string& name, int threads, const Body& body) {
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(), [=](benchmark::State& state) {
        tercet::set_threads(threads);
        body(state);
    })->UseRealTime();
}

}  // namespace tercet_bench
