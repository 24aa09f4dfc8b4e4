// The machine's limits themselves: multiply-adds on registers, and reading 256 MB and 1 GB, the best of several times; and what reading 256 MB
// gives in a loop, which is what to hold beside other work that reads so much.
#include "support/machine.hpp"

namespace {

using namespace tercet_bench;

const bool added = [] {
    for (const int threads : thread_counts()) {
        add_benchmark("machine/multiply_add", threads, [=](benchmark::State& state) {
            for (auto _ : state) {}
            state.counters["GFLOP/s"] = peak_gflops(threads);
        });
        for (const index_t mb : {256, 1024})
            add_benchmark("machine/read_" + std::to_string(mb) + "MB", threads, [=](benchmark::State& state) {
                for (auto _ : state) {}
                state.counters["GB/s"] = read_gb_per_s(threads, mb << 20);
            });
        add_benchmark("reading/256MB", threads, [=](benchmark::State& state) {
            const Reading reading(threads, index_t{256} << 20);
            const Stopwatch watch;
            for (auto _ : state) tercet::parallel_for(threads, reading);
            state.counters["GB/s"] = reading.bytes() / watch.seconds(state) / 1e9;
        });
    }
    return true;
}();

}  // namespace
