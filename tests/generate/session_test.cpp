// A session: what a step costs beside arithmetic, and the cache it keeps.
#include "generate/tiny.hpp"
#include "support/catch.hpp"
#include "support/isa.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("a decoding step asks the system for no memory", "[generate]") {
    for (const char* name : {"llama", "gpt2", "qwen3"}) {
        const auto model = golden_model(name);
        for_each_thread_count([&] {
            Session session(model);
            const std::int32_t ids[] = {1, 2, 3, 4};
            session.feed(ids);
            for (int step = 0; step < 4; ++step) session.feed(std::span(ids).first(1));
            const auto before = memory_stats().system_requests;
            for (int step = 0; step < 20; ++step) session.feed(std::span(ids).first(1));
            CHECK(memory_stats().system_requests == before);
        });
    }
}
