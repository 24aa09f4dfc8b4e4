#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/core/parallel.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace tercet;

TEST_CASE("parallel_for runs each tile once", "[core]") {
    const auto check = [] {
        for (const index_t count : {0, 1, 2, 3, 7, 17, 100, 5000}) {
            std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
            parallel_for(count, [&](index_t tile) { ++runs[static_cast<std::size_t>(tile)]; });
            CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& r) { return r == 1; }));
        }
    };
    for_each_thread_count(check);
    const UseThreads many(40);  // more than there are stretches
    check();
    CHECK_THROWS_AS(parallel_for(5000,
                                 [](index_t tile) {
                                     if (tile == 4000) throw std::runtime_error("tile 4000");
                                 }),
                    std::runtime_error);
}

TEST_CASE("each thread begins with a stretch of its own", "[core]") {
    for (const int team : {1, 2, 3, 4}) {
        const UseThreads use(team);
        const index_t count = 1000;
        std::atomic<int> come{0};
        std::vector<std::atomic<bool>> first(static_cast<std::size_t>(count));
        parallel_for(count, [&](index_t tile) {
            thread_local int seen = 0;
            if (seen == team) return;
            seen = team;  // a thread's first tile of this loop: it waits there until all have come
            first[static_cast<std::size_t>(tile)] = true;
            ++come;
            for (int wait = 0; wait < 10000 && come < team; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        });
        REQUIRE(come == team);
        for (index_t tile = 0; tile < count; ++tile) {
            INFO("tile " << tile << " of " << count << ", " << team << " threads");
            bool begins = false;
            for (int i = 0; i < team; ++i) begins = begins || tile == count * i / team;
            CHECK(first[static_cast<std::size_t>(tile)] == begins);
        }
    }
}

TEST_CASE("a thread that is held up loses its tiles to the others", "[core]") {
    const UseThreads use(3);
    const index_t count = 30;
    std::atomic<index_t> done{0};
    bool all_others = false;
    parallel_for(count, [&](index_t tile) {
        if (tile == 0) {  // holds up the thread whose stretch begins here until all other tiles have run
            for (int wait = 0; wait < 10000 && done < count - 1; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            all_others = done == count - 1;
        } else {
            ++done;
        }
    });
    CHECK(all_others);
}

TEST_CASE("parallel_ranges covers its range in runs of at most the grain", "[core]") {
    for_each_thread_count([] {
        for (const index_t count : {0, 1, 63, 64, 65, 1000}) {
            std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
            std::atomic<bool> too_long{false};
            parallel_ranges(count, 64, [&](index_t begin, index_t end) {
                if (end - begin > 64 || begin % 64 != 0) too_long = true;
                for (index_t i = begin; i < end; ++i) ++runs[static_cast<std::size_t>(i)];
            });
            CHECK_FALSE(too_long);
            CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& r) { return r == 1; }));
        }
    });
}

TEST_CASE("a loop inside a loop runs on the thread it is in", "[core]") {
    for_each_thread_count([] {
        std::atomic<int> runs{0}, strayed{0};
        parallel_for(8, [&](index_t) {
            const auto outer = std::this_thread::get_id();
            parallel_for(16, [&](index_t) {
                ++runs;
                if (threads() > 1 && std::this_thread::get_id() != outer) ++strayed;
            });
        });
        CHECK(runs == 8 * 16);
        CHECK(strayed == 0);
    });
}

TEST_CASE("an exception from a tile reaches the caller, and the next loop works", "[core]") {
    for_each_thread_count([] {
        for (int again = 0; again < 20; ++again) {
            CHECK_THROWS_AS(parallel_for(100,
                                         [](index_t tile) {
                                             if (tile == 37) throw std::runtime_error("tile 37");
                                         }),
                            std::runtime_error);
            CHECK_ERROR(parallel_for(5, [](index_t) { fail(ErrorCode::io, "every tile"); }), ErrorCode::io);
            std::atomic<int> runs{0};
            parallel_for(50, [&](index_t) { ++runs; });
            CHECK(runs == 50);
        }
    });
}

TEST_CASE("after an exception, loops are parallel again", "[core]") {
    const UseThreads use(4);
    try {
        parallel_for(4, [](index_t) -> void { throw 1; });
    } catch (int) {}
    CHECK_FALSE(detail::inside_parallel);
}

TEST_CASE("the second of two phases begins when the first has ended, on any number of threads", "[core]") {
    for (const int count : {1, 2, 4}) {
        const UseThreads use(count);
        for (const index_t before : {0, 1, 7, 100}) {
            std::vector<std::atomic<int>> runs(30);
            std::atomic<index_t> done{0};
            std::atomic<int> early{0};
            parallel_phases(
                before, [&](index_t) { ++done; }, 30,
                [&](index_t tile) {
                    early += done != before;
                    ++runs[static_cast<std::size_t>(tile)];
                });
            CHECK(early == 0);
            for (const auto& r : runs) CHECK(r == 1);
        }
    }
}

TEST_CASE("an exception in the first of two phases reaches the caller, and nobody waits for it", "[core]") {
    for (const int count : {1, 2, 4}) {
        const UseThreads use(count);
        for (const index_t fails : {0, 3, 9})
            CHECK_THROWS_AS(parallel_phases(
                                10, [&](index_t tile) { tile == fails ? throw 1 : void(); }, 10, [](index_t) {}),
                            int);
    }
}

TEST_CASE("several threads may run loops at the same time", "[core]") {
    const UseThreads use(4);
    std::vector<std::thread> callers;
    std::atomic<int> wrong{0};
    for (int caller = 0; caller < 6; ++caller)
        callers.emplace_back([&wrong] {
            for (int round = 0; round < 200; ++round) {
                std::vector<std::atomic<int>> runs(64);
                parallel_for(64, [&](index_t tile) { ++runs[static_cast<std::size_t>(tile)]; });
                for (const auto& r : runs) wrong += r != 1;
            }
        });
    for (auto& caller : callers) caller.join();
    CHECK(wrong == 0);
}

TEST_CASE("the number of threads is set and checked", "[core]") {
    CHECK(threads() >= 1);
    const UseThreads keep(threads());
    set_threads(3);
    CHECK(threads() == 3);
    CHECK_ERROR(set_threads(0), ErrorCode::invalid_argument);
    CHECK_ERROR(set_threads(-1), ErrorCode::invalid_argument);
    CHECK_ERROR(set_threads(1 << 20), ErrorCode::invalid_argument);
    CHECK(threads() == 3);
}
