#include "support/catch.hpp"
#include "support/huge_allocations.hpp"

#include "tercet/core/memory.hpp"

#include <cstdint>
#include <cstring>
#include <thread>

using namespace tercet;

namespace {
constexpr std::size_t MB = std::size_t{1} << 20;
}

TEST_CASE("blocks are aligned, counted while in use, and given out again", "[core]") {
    trim_memory();
    const MemoryStats before = memory_stats();
    CHECK(before.cached == 0);
    void* first = nullptr;
    {
        const Block block(1000);
        first = block.data();
        CHECK(reinterpret_cast<std::uintptr_t>(first) % storage_alignment == 0);
        std::memset(first, 1, 1000);
        const MemoryStats held = memory_stats();
        CHECK(held.in_use >= before.in_use + 1000);
        CHECK(held.in_use <= before.in_use + 1125);
        CHECK(held.requests == before.requests + 1);
        CHECK(held.system_requests == before.system_requests + 1);
    }
    CHECK(memory_stats().in_use == before.in_use);
    CHECK(memory_stats().cached >= 1000);
    const Block again(1000);
    CHECK(again.data() == first);
    CHECK(memory_stats().system_requests == before.system_requests + 1);
    CHECK(memory_stats().cached == 0);
}

TEST_CASE("the second round of the same requests asks the system for nothing", "[core]") {
    const auto round = [] {
        std::vector<Block> blocks;
        for (std::size_t i = 0; i < 200; ++i) blocks.emplace_back(1 + i * i * 37 % 100000);
    };
    trim_memory();
    round();
    const auto once = memory_stats();
    round();
    CHECK(memory_stats().system_requests == once.system_requests);
    CHECK(memory_stats().requests == once.requests + 200);
}

TEST_CASE("sizes round up by at most an eighth", "[core]") {
    using detail::BlockCache;
    CHECK(BlockCache::rounded(0) == 64);
    CHECK(BlockCache::rounded(1) == 64);
    CHECK(BlockCache::rounded(64) == 64);
    CHECK(BlockCache::rounded(65) == 128);
    CHECK(BlockCache::rounded(512) == 512);
    CHECK(BlockCache::rounded(513) == 576);
    CHECK(BlockCache::rounded(1024) == 1024);
    std::size_t classes = 0, last = 0;
    for (std::size_t bytes = 513; bytes < 1 << 20; bytes += 7) {
        const std::size_t size = BlockCache::rounded(bytes);
        REQUIRE(size >= bytes);
        REQUIRE(size % storage_alignment == 0);
        REQUIRE(size - bytes <= bytes / 8);
        REQUIRE(BlockCache::rounded(size) == size);
        classes += size != last;
        last = size;
    }
    CHECK(classes <= 8 * 11 + 1);
}

TEST_CASE("what waits is bounded, and trim gives it back", "[core]") {
    trim_memory();
    const std::size_t base = memory_stats().in_use;
    std::size_t most = 0;
    {
        std::vector<Block> blocks;
        for (int i = 0; i < 24; ++i) blocks.emplace_back(32 * MB);  // pages that nobody touches cost nothing
        most = memory_stats().in_use;
        CHECK(most >= base + 24 * 32 * MB);
        while (!blocks.empty()) {
            blocks.pop_back();
            const auto stats = memory_stats();
            CHECK(stats.in_use + stats.cached <= std::max(most + most / 8, 256 * MB));
        }
    }
    CHECK(memory_stats().in_use == base);
    CHECK(memory_stats().cached <= most);
    trim_memory();
    CHECK(memory_stats().cached == 0);
}

TEST_CASE("beyond the bound, what was not asked for longest is given back; what is used over and over stays", "[core]") {
    trim_memory();
    const auto use = [](std::size_t bytes, int count) {
        std::vector<Block> blocks;
        for (int i = 0; i < count; ++i) blocks.emplace_back(bytes);
    };
    use(8 * MB, 30);  // 240 MB wait
    use(7 * MB, 30);  // and push most of them out
    const auto before = memory_stats().system_requests;
    for (int round = 0; round < 3; ++round) use(7 * MB, 30);
    CHECK(memory_stats().system_requests == before);
    use(8 * MB, 30);
    CHECK(memory_stats().system_requests > before);
    trim_memory();
}

TEST_CASE("an allocation that failed leaves the bound as it was", "[core]") {
    trim_memory();
    CHECK_ERROR(Block(std::size_t{1} << 60), ErrorCode::out_of_memory);
    {
        std::vector<Block> blocks;
        for (int i = 0; i < 20; ++i) blocks.emplace_back(32 * MB);
    }
    const std::size_t most = memory_stats().in_use + 20 * 32 * MB;
    {
        std::vector<Block> others;
        for (int i = 0; i < 40; ++i) others.emplace_back(15 * MB);
    }
    CHECK(memory_stats().cached <= most + most / 8 + MB);
    trim_memory();
}

TEST_CASE("the standard library's objects may live there too", "[core]") {
    trim_memory();
    const auto round = [] {
        detail::PoolVector<int> numbers;
        for (int i = 0; i < 1000; ++i) numbers.push_back(i);
        const auto shared = detail::make_pooled<std::array<int, 100>>();
        return numbers[999] + (*shared)[0];
    };
    CHECK(round() == 999);
    const auto before = memory_stats();
    CHECK(round() == 999);
    CHECK(memory_stats().requests > before.requests);
    CHECK(memory_stats().system_requests == before.system_requests);
    CHECK(memory_stats().in_use == before.in_use);
}

TEST_CASE("a block moves, and an impossible one is refused by code", "[core]") {
    Block a(100);
    void* data = a.data();
    Block b(std::move(a));
    CHECK(b.data() == data);
    CHECK(a.data() == nullptr);
    Block c;
    c = std::move(b);
    CHECK(c.data() == data);
    CHECK_ERROR(Block(~std::size_t{0}), ErrorCode::size_overflow);
    const auto before = memory_stats().in_use;
    CHECK_ERROR(Block(std::size_t{1} << 60), ErrorCode::out_of_memory);
    CHECK(memory_stats().in_use == before);
    CHECK_ERROR(Scratch<double>(index_t{1} << 61), ErrorCode::size_overflow);
}

TEST_CASE("threads share the cache", "[core]") {
    const auto before = memory_stats();
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t)
        threads.emplace_back([t] {
            for (std::size_t i = 0; i < 2000; ++i) {
                const Block block(64 * (1 + (i + t) % 9));
                std::memset(block.data(), static_cast<int>(t), 64);
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(memory_stats().requests == before.requests + 8000);
    CHECK(memory_stats().in_use == before.in_use);
}
