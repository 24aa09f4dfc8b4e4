// Attention: causal, 12 heads of 64 forward and backward; decoding one token against a cache in float and in bf16.
//
// flops counts useful work alone: two products of 2 · D operations for each pair of a query and a key that it sees, and five backward.
#include "tercet/ops/attention.hpp"

#include <benchmark/benchmark.h>

using namespace tercet;

namespace {

constexpr index_t head_dim = 64;

double causal_flops(index_t heads, index_t tokens) {
    return 4. * static_cast<double>(head_dim * heads) * static_cast<double>(tokens) * static_cast<double>(tokens + 1) / 2;
}

// Rounds of the benchmark's loop a second, each of so many operations or bytes.
void report(benchmark::State& state, const char* name, double each) {
    state.counters[name] = benchmark::Counter(each, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void forward(benchmark::State& state) {
    const NoGrad guard;
    const index_t heads = 12, tokens = state.range(0);
    const auto q = Tensor<float>::randn({1, heads, tokens, head_dim}), k = Tensor<float>::randn(q.shape()), v = Tensor<float>::randn(q.shape());
    for (auto _ : state) benchmark::DoNotOptimize(attention(q, k, v, {.causal = true}).data());
    report(state, "flops", causal_flops(heads, tokens));
}

void forward_backward(benchmark::State& state) {
    const index_t heads = 12, tokens = state.range(0);
    auto q = Tensor<float>::randn({1, heads, tokens, head_dim}).requires_grad(), k = Tensor<float>::randn(q.shape()).requires_grad(),
         v = Tensor<float>::randn(q.shape()).requires_grad();
    const auto dy = Tensor<float>::randn(q.shape());
    for (auto _ : state) attention(q, k, v, {.causal = true}).backward(dy);
    report(state, "flops", 3.5 * causal_flops(heads, tokens));
}

// Caches in turn, 64 MB of them, as the layers of a model come in turn: the keys come from memory.
template <class T>
void decode(benchmark::State& state) {
    const NoGrad guard;
    const index_t heads = state.range(0), kv_heads = state.range(1), tokens = state.range(2), numbers = 2 * kv_heads * tokens * head_dim;
    const auto q = Tensor<float>::randn({1, heads, 1, head_dim});
    std::vector<Tensor<T>> keys, values;
    for (index_t i = 0; i < std::max<index_t>(1, (index_t{64} << 20) / (numbers * 4)); ++i) {
        keys.push_back(Tensor<float>::randn({1, kv_heads, tokens, head_dim}).to<T>());
        values.push_back(Tensor<float>::randn({1, kv_heads, tokens, head_dim}).to<T>());
    }
    std::size_t i = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(attention(q, keys[i], values[i], {.causal = true}).data());
        i = (i + 1) % keys.size();
    }
    report(state, "bytes", static_cast<double>(numbers) * sizeof(T));
}

BENCHMARK(forward)->Arg(256)->Arg(1024)->Arg(2048)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(forward_backward)->Arg(256)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(decode, float)
    ->Args({9, 3, 64})
    ->Args({9, 3, 512})
    ->Args({9, 3, 2048})
    ->Args({12, 12, 512})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(decode, bf16)
    ->Args({9, 3, 64})
    ->Args({9, 3, 512})
    ->Args({9, 3, 2048})
    ->Args({12, 12, 512})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
