// The machine's limits themselves: multiply-adds on registers, and reading 256 MB and 1 GB.
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
    }
    return true;
}();

}  // namespace
