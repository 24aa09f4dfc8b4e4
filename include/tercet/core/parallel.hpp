// The parallel loop: the only place in the library that knows threads.
//
//   parallel_for(tiles, [&](index_t tile) { … });      // each tile once, on any thread, in any order
//
// A small pool of std::thread runs the loop, so a plain g++ -O2 has threads and a busy machine costs little: tiles are handed out by a
// counter, a worker that does not come in time is not waited for, and waiting ends in sleep. (An OpenMP barrier waits for every thread of
// its team by spinning: with another program on the same cores one decoding step of a 135M model took 1.2 s instead of 27 ms.)
// TERCET_USE_OPENMP takes OpenMP's team instead, for programs that have one.
//
// Callers cut their work by the problem's shape, never by the number of threads, so a result has the same bits on one thread and on
// sixty-four. A loop inside a loop runs on the thread it is in. No thread is started before the first loop that has more than one tile.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
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

// A loop with its type erased: the body behind a pointer, tiles handed out by a counter, the first exception kept for the caller.
struct Loop {
    void (*body)(const void* context, index_t tile);
    const void* context;
    index_t count;
    std::atomic<index_t> next{0};
#ifndef TERCET_NO_EXCEPTIONS
    std::atomic<bool> failed{false};
    std::exception_ptr error{};
#endif

    void work() {
        InsideParallel mark;
#ifdef TERCET_NO_EXCEPTIONS
        for (index_t tile; (tile = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(context, tile);
#else
        try {
            for (index_t tile; (tile = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(context, tile);
        } catch (...) {
            next.store(count, std::memory_order_relaxed);  // the rest of the tiles need not be done
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
        {
            const std::lock_guard lock(mutex_);
            hire(threads - 1);
            loop_ = &loop;
            wanted_ = threads - 1;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        loop.work();
        {
            const std::lock_guard lock(mutex_);
            loop_ = nullptr;  // every tile is taken: who has not come yet need not
        }
        for (int spin = 0; spin < spins && inside_.load(std::memory_order_acquire) != 0; ++spin) TERCET_PAUSE();
        if (inside_.load(std::memory_order_acquire) != 0) {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [&] { return inside_.load(std::memory_order_acquire) == 0; });
        }
    }

private:
    static constexpr int spins = 20000;  // a fraction of a millisecond: the gap between two loops of a decoding step

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
        for (std::uint64_t seen = 0;;) {
            for (int spin = 0; spin < spins && generation_.load(std::memory_order_acquire) == seen; ++spin) TERCET_PAUSE();
            Loop* loop = nullptr;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return stop_ || generation_.load(std::memory_order_relaxed) != seen; });
                if (stop_) return;
                seen = generation_.load(std::memory_order_relaxed);
                if (loop_ == nullptr || number >= wanted_) continue;
                loop = loop_;
                inside_.fetch_add(1, std::memory_order_relaxed);
            }
            loop->work();
            if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                const std::lock_guard lock(mutex_);
                done_.notify_one();
            }
        }
    }

    std::mutex one_loop_, mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<int> inside_{0};  // workers in the current loop
    Loop* loop_ = nullptr;
    int wanted_ = 0;
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

/// Calls body(tile) for each tile in [0, count). Tiles may run at the same time, in any order. An exception from one of them reaches
/// the caller after the others have ended.
template <class F>
void parallel_for(index_t count, const F& body) {
    const int team = static_cast<int>(std::min<index_t>(count, threads()));
    if (team <= 1 || detail::inside_parallel) {
        for (index_t tile = 0; tile < count; ++tile) body(tile);
        return;
    }
    detail::shared_loops.fetch_add(1, std::memory_order_relaxed);
    detail::Loop loop{[](const void* context, index_t tile) { (*static_cast<const F*>(context))(tile); }, &body, count};
    detail::run_on_threads(loop, team);
    loop.rethrow();
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
    parallel_for(first_count + second_count, [&](index_t tile) {
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
