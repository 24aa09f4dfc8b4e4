// A small training run that several processes do together, each with its share of every batch.
#pragma once

#include "tercet/train/communicator.hpp"
#include "train/tiny_run.hpp"

namespace tercet_test {

struct TrainedShare {
    std::vector<double> losses;
    std::vector<float> numbers;  // weights and the optimiser's state
};

/// Twelve steps on batches of four windows, of which each of the processes has its part; all of them without. No dropout: who draws would matter.
inline TrainedShare train_share(Communicator* processes) {
    const index_t size = processes == nullptr ? 1 : processes->size(), rank = processes == nullptr ? 0 : processes->rank(), of_each = 4 / size;
    TinyRun run(5 + static_cast<std::uint64_t>(rank));  // the others begin elsewhere
    run.options.steps = 12;
    run.options.processes = processes;
    if (processes != nullptr) share_parameters(run.optimizer->parameters(), *processes);
    const auto share = [&](TrainingState& s) {
        const auto all = run.order.next(s.data, 4);
        return run.windows.windows({all.begin() + rank * of_each, all.begin() + (rank + 1) * of_each});
    };
    const auto result = train(
        *run.optimizer, run.state, share, [&](const TokenBatch& b) { return cross_entropy(run.model(b.inputs), b.targets); }, run.options);
    TrainedShare trained{{}, run.numbers()};
    for (const auto& step : result.steps) trained.losses.push_back(step.loss);
    return trained;
}

/// But for rounding. Adam makes steps of noise where a gradient is all but zero, as that of the biases of keys.
inline bool is_near(const TrainedShare& a, const TrainedShare& b) {
    const auto within = [](double margin) { return [margin](double x, double y) { return std::fabs(x - y) <= margin; }; };
    return std::equal(a.losses.begin(), a.losses.end(), b.losses.begin(), b.losses.end(), within(1e-4)) &&
           std::equal(a.numbers.begin(), a.numbers.end(), b.numbers.begin(), b.numbers.end(), within(1e-3));
}

}  // namespace tercet_test
