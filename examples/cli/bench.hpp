// How `tercet bench` measures: once to warm up, then the median of repeated runs. Small work is repeated inside one timing.
#pragma once

#include "command.hpp"
#include "output.hpp"

#include <tercet/backend/backend.hpp>
#include <tercet/io/json.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace cli {

// One function a bench: each adds its command to `tercet bench`.
void add_bench_gemm(CLI::App& bench);
void add_bench_rows(CLI::App& bench);
void add_bench_attention(CLI::App& bench);
void add_bench_embed(CLI::App& bench);
void add_bench_sentences(CLI::App& bench);
void add_bench_generate(CLI::App& bench);
void add_bench_train(CLI::App& bench);
void add_bench_tokenize(CLI::App& bench);

/// Seconds that `times` calls of work take, to the end of what they gave the device to do.
template <class Work>
double seconds_of(const Work& work, long long times = 1) {
    using Clock = std::chrono::steady_clock;
    tercet::Device::wait();
    const auto start = Clock::now();
    for (long long i = 0; i < times; ++i) work();
    tercet::Device::wait();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The median of what run() gives, the seconds that it took: nine runs or more and half a second at least, unless that takes too long.
template <class Run>
double median_run(const Run& run) {
    constexpr double enough = 0.5, most = 5;
    run();
    std::vector<double> runs;
    for (double spent = 0; spent < most && (runs.size() < 9 || spent < enough);) spent += seconds_of([&] { runs.push_back(run()); });
    const auto middle = runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2);
    std::nth_element(runs.begin(), middle, runs.end());
    return *middle;
}

/// The median seconds of one call of work.
template <class Work>
double median_seconds(const Work& work) {
    constexpr double long_enough = 5e-3;  // of one timing, against the clock's own cost
    work();
    const auto times = static_cast<long long>(std::clamp(long_enough / seconds_of(work), 1., 1e6));
    return median_run([&] { return seconds_of(work, times); }) / static_cast<double>(times);
}

/// A JSON object of numbers, with the instruction set and threads that gave them; as text, a line a number.
inline void print_measured(const Common& settings, std::initializer_list<std::pair<const char*, double>> numbers) {
    JsonObject json;
    std::string text;
    for (const auto& [name, value] : numbers) {
        json.add(name, json_number(value));
        text += std::string(name) + "  " + text_number(value) + "\n";
    }
    json.add("isa", tercet::quote_json(tercet::cpu::kernel_set().name)).add("threads", std::to_string(tercet::threads()));
    print(settings.json ? json.text() + "\n" : text);
}

}  // namespace cli
