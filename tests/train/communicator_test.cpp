#include "tercet/train/communicator.hpp"

#include "support/catch.hpp"
#include "train/share.hpp"

#include <barrier>
#include <thread>

using namespace tercet;
using tercet_test::TinyRun, tercet_test::TrainedShare, tercet_test::train_share, tercet_test::is_near;

namespace {

// Processes that are threads of this one: what they share.
struct Group {
    explicit Group(int count) : parts(static_cast<std::size_t>(count)), together(count) {}
    std::vector<std::vector<double>> parts;
    std::barrier<> together;
};

class ThreadCommunicator final : public Communicator {
public:
    ThreadCommunicator(Group& group, int rank) : group_(group), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(group_.parts.size()); }
    void sum(float* x, index_t n) override { sum_of(x, n); }
    void sum(double* x, index_t n) override { sum_of(x, n); }
    void broadcast(float* x, index_t n) override { broadcast_of(x, n); }
    void broadcast(double* x, index_t n) override { broadcast_of(x, n); }

private:
    // The parts, once all are there; all leave together, so that none is written to while another still reads.
    template <class T, class F>
    void with_parts(T* x, index_t n, const F& f) {
        std::vector<T> mine(static_cast<std::size_t>(n));
        Device::read(mine.data(), x, n);
        group_.parts[static_cast<std::size_t>(rank_)].assign(mine.begin(), mine.end());
        group_.together.arrive_and_wait();
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = static_cast<T>(f(i));
        Device::write(x, mine.data(), n);
        group_.together.arrive_and_wait();
    }
    template <class T>
    void sum_of(T* x, index_t n) {
        with_parts(x, n, [&](std::size_t i) {
            double sum = 0;
            for (const auto& part : group_.parts) sum += part.at(i);
            return sum;
        });
    }
    template <class T>
    void broadcast_of(T* x, index_t n) {
        with_parts(x, n, [&](std::size_t i) { return group_.parts[0].at(i); });
    }

    Group& group_;
    int rank_;
};

// f(communicator, result) in each of `count` processes.
template <class Result, class F>
std::vector<Result> in_processes(int count, const F& f) {
    Group group(count);
    std::vector<Result> results(static_cast<std::size_t>(count));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < count; ++rank)
        threads.emplace_back([&, rank] {
            ThreadCommunicator processes(group, rank);
            results[static_cast<std::size_t>(rank)] = f(processes);
        });
    for (auto& thread : threads) thread.join();
    return results;
}

}  // namespace

TEST_CASE("train: a number's mean over processes is the same in each", "[train]") {
    for (const double mean : in_processes<double>(3, [](Communicator& processes) { return mean_over(processes, 2.0 * processes.rank()); }))
        CHECK(mean == 2);
    const double none = std::numeric_limits<double>::quiet_NaN();
    for (const double mean : in_processes<double>(2, [&](Communicator& processes) { return mean_over(processes, processes.rank() == 1 ? none : 1); }))
        CHECK(std::isnan(mean));
}

TEST_CASE("train: all processes begin with the first one's parameters, contiguous or not", "[train]") {
    using Numbers = std::vector<float>;
    const auto results = in_processes<Numbers>(3, [](Communicator& processes) {
        auto x = Tensor<float>::full({2, 3}, static_cast<float>(processes.rank()));
        auto y = Tensor<float>::full({3, 2}, static_cast<float>(10 + processes.rank())).transpose(0, 1);
        share_parameters<float>({{"x", x}, {"y", y}}, processes);
        auto all = x.to_vector();
        for (const float v : y.to_vector()) all.push_back(v);
        return all;
    });
    for (const auto& numbers : results) {
        CHECK(std::count(numbers.begin(), numbers.end(), 0.f) == 6);
        CHECK(std::count(numbers.begin(), numbers.end(), 10.f) == 6);
    }
}

TEST_CASE("train: gradients become the mean of all processes', in pieces too; who has none counts as zeros", "[train]") {
    struct Found {
        std::vector<float> small, large;
        bool none = true;
    };
    const index_t many = (index_t{1} << 20) + 5;  // more than travels together
    const auto results = in_processes<Found>(2, [&](Communicator& processes) {
        auto small = Tensor<float>::ones({3}).requires_grad(), large = Tensor<float>::ones({many}).requires_grad(),
             unused = Tensor<float>::ones({4}).requires_grad();
        const float factor = static_cast<float>(2 + 4 * processes.rank());
        (large * factor).backward(Tensor<float>::ones({many}));
        if (processes.rank() == 1) (small * factor).backward(Tensor<float>::ones({3}));
        average_gradients<float>({{"small", small}, {"large", large}, {"unused", unused}}, processes);
        return Found{small.grad().to_vector(), large.grad().to_vector(), unused.grad().storage() == nullptr};
    });
    for (const auto& found : results) {
        CHECK(found.small == std::vector<float>(3, 3.f));
        CHECK(std::count(found.large.begin(), found.large.end(), 4.f) == many);
        CHECK(found.none);
    }
}

TEST_CASE("train: processes with a half of each batch step as one that has all of it", "[train]") {
    const auto whole = train_share(nullptr);
    const auto halves = in_processes<TrainedShare>(2, [](Communicator& processes) { return train_share(&processes); });
    CHECK(halves[0].numbers == halves[1].numbers);
    CHECK(is_near(halves[0], whole));
}

TEST_CASE("train: a run of several processes is not gone on with by one, nor by another number", "[train]") {
    const auto notes = in_processes<std::string>(2, [](Communicator& processes) {
        TinyRun run;
        run.options.processes = &processes;
        run.train(1);
        return run.state.notes.at("trainer.processes");
    });
    CHECK(notes == std::vector<std::string>{"2", "2"});
    TinyRun gone_on_with;
    gone_on_with.state.notes["trainer.processes"] = "2";
    CHECK_ERROR(gone_on_with.train(2), ErrorCode::invalid_argument);
    TinyRun alone;
    alone.train(1);
    CHECK(alone.state.notes.count("trainer.processes") == 0);
}

TEST_CASE("train: where one process is to stop, or has no number, all do", "[train]") {
    using Ends = std::pair<TrainingEnd, std::int64_t>;
    const auto ends = in_processes<Ends>(2, [](Communicator& processes) {
        TinyRun run;
        std::stop_source stop;
        run.options.processes = &processes;
        run.options.stop = stop.get_token();
        run.options.on_step = [&](const StepRecord& step) {
            if (step.step == 3 && processes.rank() == 1) stop.request_stop();
        };
        const auto result = run.train(20);
        return Ends{result.end, run.state.step};
    });
    for (const auto& [end, step] : ends) {
        CHECK(end == TrainingEnd::stopped);
        CHECK(step == 3);
    }
    const auto codes = in_processes<ErrorCode>(2, [](Communicator& processes) {
        TinyRun run;
        run.options.processes = &processes;
        const float factor = processes.rank() == 1 ? std::numeric_limits<float>::infinity() : 1.f;
        try {
            train(
                *run.optimizer, run.state, [&](TrainingState& s) { return run.windows.windows(run.order.next(s.data, 3)); },
                [&](const TokenBatch& b) { return cross_entropy(run.model(b.inputs), b.targets) * factor; }, run.options);
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::io;
    });
    for (const auto code : codes) CHECK(code == ErrorCode::not_finite);
}
