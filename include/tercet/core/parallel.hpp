// The parallel loop: the only place in the library that knows threads.
//
//   parallel_for(tiles, [&](index_t tile) { … });      // each tile once, on any thread, in any order
//
// A small pool of std::thread runs the loop, so a plain g++ -O2 has threads and a busy machine costs little: tiles are handed out by
// counters, a worker that does not come in time is not waited for, and waiting ends in sleep. (An OpenMP barrier waits for every thread of
// its team by spinning: with another program on the same cores one decoding step of a 135M model took 1.2 s instead of 27 ms.)
// TERCET_USE_OPENMP takes OpenMP's team instead, for programs that have one.
//
// Callers cut their work by the problem's shape, never by the number of threads, so a result has the same bits on one thread and on
// sixty-four. A loop inside a loop runs on the thread it is in. No thread is started before the first loop that has more than one tile.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#if defined(TERCET_USE_OPENMP) && !defined(_OPENMP)
#error "TERCET_USE_OPENMP needs -fopenmp"
#endif
#ifndef TERCET_USE_OPENMP
#include <condition_variable>
#include <mutex>
#include <vector>
#endif

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr int most_threads = 1024;

/// TERCET_THREADS, or the number of processors this process may use.
inline int default_threads() {
    if (const char* text = std::getenv("TERCET_THREADS")) {
        char* end = nullptr;
        const long n = std::strtol(text, &end, 10);
        if (end != text && *end == '\0' && n >= 1 && n <= most_threads) return static_cast<int>(n);
    }
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

inline std::atomic<int> thread_setting{0};  // 0: not set, use the default

inline thread_local bool inside_parallel = false;

inline std::atomic<std::uint64_t> shared_loops{0};

// Marks this thread as working inside a loop, so that loops within it stay on it.
struct InsideParallel {
    bool before = std::exchange(inside_parallel, true);
    InsideParallel() = default;
    InsideParallel(const InsideParallel&) = delete;
    InsideParallel& operator=(const InsideParallel&) = delete;
    ~InsideParallel() { inside_parallel = before; }
};

// A loop with its type erased: the body behind a pointer, tiles handed out by counters, the first exception kept for the caller.
//
// The tiles are cut into stretches of neighbours. Each thread begins with a stretch of its own, so that what the processor reads ahead is what the
// thread wants next, and then takes what is left of the others'. One stretch alone is handed out in order.
struct Loop {
    struct alignas(64) Stretch {
        std::atomic<index_t> next{0};
        index_t end = 0;

        bool take(index_t& tile) { return next.load(std::memory_order_relaxed) < end && (tile = next.fetch_add(1, std::memory_order_relaxed)) < end; }
    };
    static constexpr int most_stretches = 16;  // beyond so many threads, some begin together

    void (*body)(const void* context, index_t tile);
    const void* context;
    int count;  // of the stretches in use
    std::array<Stretch, most_stretches> stretches{};
    std::atomic<int> arrived{0};
#ifndef TERCET_NO_EXCEPTIONS
    std::atomic<bool> failed{false};
    std::exception_ptr error{};
#endif

    Loop(void (*of_tile)(const void*, index_t), const void* its_context, index_t tiles, int stretch_count)
        : body(of_tile), context(its_context), count(std::min(stretch_count, most_stretches)) {
        for (int i = 0; i < count; ++i) {
            stretch(i).next.store(tiles * i / count, std::memory_order_relaxed);
            stretch(i).end = tiles * (i + 1) / count;
        }
    }
    Stretch& stretch(int i) {
        return stretches[static_cast<std::size_t>(i % count)];
    }

    void go_through() {
        const int first = arrived.fetch_add(1, std::memory_order_relaxed) % count;
        for (int i = first; i < first + count; ++i)
            for (index_t tile; stretch(i).take(tile);) body(context, tile);
    }
    void work() {
        InsideParallel mark;
#ifdef TERCET_NO_EXCEPTIONS
        go_through();
#else
        try {
            go_through();
        } catch (...) {
            for (int i = 0; i < count; ++i) stretch(i).next.store(stretch(i).end, std::memory_order_relaxed);  // the rest need not be done
            if (!failed.exchange(true)) error = std::current_exception();
        }
#endif
    }
    void rethrow() const {
#ifndef TERCET_NO_EXCEPTIONS
        if (error) std::rethrow_exception(error);
#endif
    }
};

#ifdef TERCET_USE_OPENMP

inline void run_on_threads(Loop& loop, int threads) {
#pragma omp parallel num_threads(threads)
    loop.work();
}

#else

// Workers that sleep until a loop comes. One loop at a time: a caller that finds the pool at work does its loop alone.
//
// All that a fork and a join need stands in one word, `state_`: which loop it is, whether it is open to workers, and how many are in it. A worker
// enters by adding itself while the loop is open; the caller closes it when no tile is left, and waits for those inside. Locks are for sleep alone.
class ThreadPool {
public:
    ~ThreadPool() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    void run(Loop& loop, int threads) {
        const std::unique_lock only(one_loop_, std::try_to_lock);
        if (!only) return loop.work();
        hire(threads - 1);
        loop_ = &loop;
        wanted_ = threads - 1;
        state_.store(((state_.load(std::memory_order_relaxed) | inside_mask | open) + 1) | open);  // the next number, and nobody inside
        if (sleepers_.load() != 0) {
            const std::lock_guard lock(mutex_);
            wake_.notify_all();
        }
        loop.work();
        state_.fetch_and(~open);  // every tile is taken: who has not come yet need not
        for (int spin = 0; spin < spins && inside() != 0; ++spin) TERCET_PAUSE();
        if (inside() != 0) {
            std::unique_lock lock(mutex_);
            caller_sleeps_.store(true);
            done_.wait(lock, [&] { return inside() == 0; });
            caller_sleeps_.store(false);
        }
    }

private:
    static constexpr int spins = 20000;                                   // a fraction of a millisecond: the gap between two loops of a decoding step
    static constexpr std::uint64_t inside_mask = 0xffff, open = 0x10000;  // of state_; the loop's number is above
    static constexpr std::uint64_t number_of(std::uint64_t state) { return state / (2 * open); }

    std::uint64_t inside() const { return state_.load(std::memory_order_acquire) & inside_mask; }

    // As many workers as are wanted, or as the system gives: a loop gets done without any.
    void hire(int count) {
#ifndef TERCET_NO_EXCEPTIONS
        try {
#endif
            for (int number = static_cast<int>(workers_.size()); number < count; ++number) workers_.emplace_back([this, number] { serve(number); });
#ifndef TERCET_NO_EXCEPTIONS
        } catch (const std::exception&) {  // no more threads, or no memory for them
        }
#endif
    }

    void serve(int number) {
        for (std::uint64_t seen = 0; wait_for_loop_after(seen);) {
            std::uint64_t state = state_.load(std::memory_order_acquire);
            seen = number_of(state);
            bool entered = false;
            while (!entered && (state & open) != 0 && number_of(state) == seen)
                entered = state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_acquire);
            if (!entered) continue;
            if (number < wanted_) loop_->work();
            state = state_.fetch_sub(1);
            if ((state & inside_mask) == 1 && caller_sleeps_.load()) {
                const std::lock_guard lock(mutex_);
                done_.notify_one();
            }
        }
    }
    // Awake for a while, then asleep; false when the pool ends.
    bool wait_for_loop_after(std::uint64_t seen) {
        for (int spin = 0; spin < spins; ++spin) {
            if (number_of(state_.load(std::memory_order_relaxed)) != seen) return true;
            TERCET_PAUSE();
        }
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);  // before the last look: a caller sees the sleeper, or the sleeper the loop
        wake_.wait(lock, [&] { return stop_ || number_of(state_.load()) != seen; });
        sleepers_.fetch_sub(1);
        return !stop_;
    }

    std::mutex one_loop_, mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    alignas(64) std::atomic<std::uint64_t> state_{0};
    Loop* loop_ = nullptr;  // this and the next: written while nobody is inside, read by those who are
    int wanted_ = 0;
    alignas(64) std::atomic<int> sleepers_{0};
    std::atomic<bool> caller_sleeps_{false};
    bool stop_ = false;
};

inline void run_on_threads(Loop& loop, int threads) {
    static ThreadPool pool;
    pool.run(loop, threads);
}

#endif

}  // namespace detail

/// How many threads a parallel loop uses: set_threads, else TERCET_THREADS, else all processors.
inline int threads() {
    const int set = detail::thread_setting.load(std::memory_order_relaxed);
    if (set != 0) return set;
    static const int initial = detail::default_threads();
    return initial;
}

/// Sets the number of threads for the whole process, 1 or more. Results do not depend on it.
inline void set_threads(int count) {
    require(count >= 1 && count <= detail::most_threads, ErrorCode::invalid_argument, "set_threads: ", count, " is not in [1, ", detail::most_threads,
            "]");
    detail::thread_setting.store(count, std::memory_order_relaxed);
}

/// Loops that threads have shared so far in this process: each costs a fork and a join, which a measurement may want to count.
inline std::uint64_t shared_loops() {
    return detail::shared_loops.load(std::memory_order_relaxed);
}

namespace detail {

/// Each tile of [0, count) on the threads there are, in so many stretches at most: one is gone through in order.
template <class F>
void run_loop(index_t count, int stretches, const F& body) {
    const int team = static_cast<int>(std::min<index_t>(count, threads()));
    if (team <= 1 || inside_parallel) {
        for (index_t tile = 0; tile < count; ++tile) body(tile);
        return;
    }
    shared_loops.fetch_add(1, std::memory_order_relaxed);
    Loop loop{[](const void* context, index_t tile) { (*static_cast<const F*>(context))(tile); }, &body, count, std::min(stretches, team)};
    run_on_threads(loop, team);
    loop.rethrow();
}

}  // namespace detail

/// Calls body(tile) for each tile in [0, count). Tiles may run at the same time, in any order; neighbours mostly on the same thread. An exception
/// from one of them reaches the caller after the others have ended.
template <class F>
void parallel_for(index_t count, const F& body) {
    detail::run_loop(count, detail::most_threads, body);
}

/// Two loops with one fork and join: each tile of `first`, then each of `second`. A tile of the second waits until all of the first have
/// ended; those are handed out before it, so each of them has a thread that works on it.
template <class F, class G>
void parallel_phases(index_t first_count, const F& first, index_t second_count, const G& second) {
    std::atomic<index_t> ended{0};
    std::atomic<bool> failed{false};
    struct Ended {  // counts a tile that threw, too: nobody waits for it in vain
        std::atomic<index_t>& count;
        std::atomic<bool>& failed;
        bool whole = false;
        ~Ended() {
            if (!whole) failed.store(true, std::memory_order_relaxed);
            count.fetch_add(1, std::memory_order_release);
        }
    };
    detail::run_loop(first_count + second_count, 1, [&](index_t tile) {
        if (tile < first_count) {
            Ended mark{ended, failed};
            first(tile);
            mark.whole = true;
            return;
        }
        for (int spin = 0; ended.load(std::memory_order_acquire) < first_count; ++spin) {
            if (failed.load(std::memory_order_relaxed)) return;  // the rest of the first loop is not handed out any more
            if (spin < 4096) TERCET_PAUSE();
            else std::this_thread::yield();
        }
        second(tile - first_count);
    });
}

/// Cuts [0, count) into runs of at most `grain` and calls body(begin, end) for each, in parallel.
template <class F>
void parallel_ranges(index_t count, index_t grain, const F& body) {
    const index_t tiles = (count + grain - 1) / grain;
    parallel_for(tiles, [&](index_t tile) { body(tile * grain, std::min(count, (tile + 1) * grain)); });
}

}  // namespace tercet::inline TERCET_ABI
