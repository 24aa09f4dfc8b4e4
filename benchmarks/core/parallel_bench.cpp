// What a parallel loop costs: two tiles with nothing to do, and two tiles of some microseconds each. The second one's time on two threads
// less half its time on one is the fork and the join.
#include "support/machine.hpp"

namespace {

using namespace tercet_bench;

void run(benchmark::State& state, long long steps) {
    const auto work = detail::machine_loops().multiply_add;
    for (auto _ : state) tercet::parallel_for(2, [&](index_t) { work(steps); });
}

const bool added = [] {
    for (const int threads : thread_counts()) {
        add_benchmark("parallel_for/two_empty_tiles", threads, [](benchmark::State& state) { run(state, 0); });
        add_benchmark("parallel_for/two_tiles", threads, [](benchmark::State& state) { run(state, 3000); });
    }
    return true;
}();

}  // namespace
