#include "support/catch.hpp"

#include "tercet/text/min_heap.hpp"

#include <queue>
#include <random>

using namespace tercet;

TEST_CASE("min heap: gives what std::priority_queue gives") {
    std::mt19937_64 random(1);
    for (const std::size_t size : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 21u, 22u, 1000u}) {
        INFO(size);
        detail::text::MinHeap heap;
        heap.clear();
        std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> expected;
        for (std::size_t i = 0; i < size; ++i) {
            const std::uint64_t value = random() % (i % 2 == 0 ? 10 : ~std::uint64_t{0});
            heap.append(value);
            expected.push(value);
        }
        heap.build();
        for (std::size_t step = 0; step < 3 * size; ++step) {
            if (step % 3 == 0) {
                const std::uint64_t value = random() % 1000;
                heap.push(value);
                expected.push(value);
            } else if (!expected.empty()) {
                REQUIRE(heap.pop() == expected.top());
                expected.pop();
            }
        }
        for (; !expected.empty(); expected.pop()) REQUIRE(heap.pop() == expected.top());
        CHECK(heap.empty());
    }
}

TEST_CASE("min heap: cleared, it is as new") {
    detail::text::MinHeap heap;
    CHECK(heap.empty());
    heap.push(7);
    heap.clear();
    CHECK(heap.empty());
    heap.push(3);
    CHECK(heap.pop() == 3);
}
