// Elementwise and row kernels on 16384 x 1024 floats, into memory that exists: what they take beside a copy, and the bytes they move a second
// (each element read once and written once).
#include "tercet/backend/backend.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

using namespace tercet;

namespace {

constexpr index_t rows = 16384, channels = 1024, count = rows * channels;

// What all of them work on, made once.
struct Operands {
    Block x_block{count * sizeof(float)}, y_block{count * sizeof(float)};
    float *x = static_cast<float*>(x_block.data()), *y = static_cast<float*>(y_block.data());
    std::vector<float> weight = std::vector<float>(channels, 0.5f), bias = std::vector<float>(channels, 0.25f), mean = std::vector<float>(rows),
                       rstd = std::vector<float>(rows);

    Operands() {
        std::mt19937 random(1);
        std::normal_distribution<float> normal;
        for (index_t i = 0; i < count; ++i) x[i] = i < 65536 ? normal(random) : x[i - 65536];
        std::fill_n(y, count, 0.f);
    }
};

template <class F>
void measure(benchmark::State& state, const F& work) {
    static Operands operands;
    set_threads(static_cast<int>(state.range(0)));
    for (auto _ : state) {
        work(operands);
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 2 * count * static_cast<std::int64_t>(sizeof(float)));
}

template <UnaryOp op>
void unary(benchmark::State& state) {
    measure(state, [](Operands& o) { Device::unary(op, o.y, o.x, count); });
}
void copy(benchmark::State& state) {
    measure(state, [](Operands& o) { Device::copy(o.y, Shape{1}, o.x, Shape{1}, Shape{count}); });
}
void add(benchmark::State& state) {
    measure(state, [](Operands& o) {
        Device::binary(BinaryOp::add, o.y, o.x, o.weight.data(), Shape{rows, channels}, Shape{channels, 1}, Shape{0, 1});
    });
}
void softmax(benchmark::State& state) {
    measure(state, [](Operands& o) { Device::softmax(o.y, o.x, rows, channels); });
}
void log_softmax(benchmark::State& state) {
    measure(state, [](Operands& o) { Device::log_softmax(o.y, o.x, rows, channels); });
}
void layer_norm(benchmark::State& state) {
    measure(state,
            [](Operands& o) { Device::layer_norm(o.y, o.mean.data(), o.rstd.data(), o.x, o.weight.data(), o.bias.data(), 1e-5f, rows, channels); });
}
void rms_norm(benchmark::State& state) {
    measure(state, [](Operands& o) { Device::rms_norm(o.y, o.rstd.data(), o.x, o.weight.data(), 1e-6f, rows, channels); });
}

#define TERCET_ROWS_BENCHMARK(...) BENCHMARK(__VA_ARGS__)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime()
TERCET_ROWS_BENCHMARK(copy);
TERCET_ROWS_BENCHMARK(unary<UnaryOp::exp>)->Name("exp");
TERCET_ROWS_BENCHMARK(unary<UnaryOp::tanh>)->Name("tanh");
TERCET_ROWS_BENCHMARK(unary<UnaryOp::gelu>)->Name("gelu");
TERCET_ROWS_BENCHMARK(unary<UnaryOp::gelu_tanh>)->Name("gelu_tanh");
TERCET_ROWS_BENCHMARK(unary<UnaryOp::silu>)->Name("silu");
TERCET_ROWS_BENCHMARK(unary<UnaryOp::log>)->Name("log");
TERCET_ROWS_BENCHMARK(unary<UnaryOp::sin>)->Name("sin");
TERCET_ROWS_BENCHMARK(add);
TERCET_ROWS_BENCHMARK(softmax);
TERCET_ROWS_BENCHMARK(log_softmax);
TERCET_ROWS_BENCHMARK(layer_norm);
TERCET_ROWS_BENCHMARK(rms_norm);

}  // namespace
