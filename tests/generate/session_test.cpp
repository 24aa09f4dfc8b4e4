// A session: what a step costs beside arithmetic, and the cache it keeps.
#define TERCET_DEFINE_OPERATOR_NEW
#include "support/allocations.hpp"

#include "generate/tiny.hpp"
#include "support/catch.hpp"
#include "support/isa.hpp"
#include "support/temp_dir.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("a decoding step allocates nothing: not for tensors, not by operator new", "[generate]") {
    const auto check = [](const CausalModel& model, DType cache_type) {
        for_each_thread_count([&] {
            Session session(model, cache_type);
            const std::int32_t ids[] = {1, 2, 3, 4};
            session.feed(ids);
            const auto steps = [&] {
                for (int step = 0; step < 20; ++step) session.feed(std::span(ids).first(1));
            };
            // Each thread keeps its own memory, and not every run has the same tasks on the same thread: after some runs each has what it needs.
            std::size_t requests = 1;
            for (int run = 0; run < 8 && requests > 0; ++run) {
                const auto before = memory_stats().system_requests;
                const long calls = allocations_of(steps);
                if (run > 0) CHECK(calls == 0);
                requests = memory_stats().system_requests - before;
            }
            CHECK(requests == 0);
        });
    };
    for (const char* name : {"llama", "gpt2", "qwen3", "gemma2"}) {
        INFO(name);
        check(golden_model(name), DType::f32);
        check(golden_model(name), DType::bf16);
    }
    const auto files = ModelFiles::open(golden::model_folder("llama"));
    for (const auto type : {StorageType::q8_0, StorageType::bf16})
        check(load_causal_model(files, {.activations = type == StorageType::bf16 ? Activations::bf16 : Activations::int8, .weights = type}),
              DType::f32);
}

TEST_CASE("session: a prompt's beginning that was read before is not read again, and the tokens are the same") {
    const auto model = golden_model("llama");
    std::vector<std::int32_t> prompt;
    for (int i = 0; i < 20; ++i) prompt.push_back(5 + i * 3);
    const auto plain = [&](const std::vector<std::int32_t>& ids) {
        Generation g(model, std::nullopt, {}, ids, {.max_tokens = 8, .temperature = 0});
        g.finish_text();
        return to_vector(g.ids());
    };
    Generation first(Session(model), std::nullopt, {}, prompt, {.max_tokens = 8, .temperature = 0});
    first.finish_text();
    CHECK(to_vector(first.ids()) == plain(prompt));
    auto session = std::move(first).take_session();
    CHECK(session.size() == 27);
    CHECK(to_vector(session.tokens().first(20)) == prompt);
    auto longer = prompt;
    longer.resize(15);
    longer.insert(longer.end(), {90, 91, 92});
    CHECK(session.reuse(longer).size() == 3);
    CHECK(session.size() == 15);
    Generation second(std::move(session), std::nullopt, {}, longer, {.max_tokens = 8, .temperature = 0});
    second.finish_text();
    CHECK(to_vector(second.ids()) == plain(longer));
    Session same(model);
    same.feed(prompt);
    CHECK(same.reuse(prompt).size() == 1);  // the last token is read again, for its logits
    CHECK(same.reuse(std::vector<std::int32_t>{1, 2}).size() == 2);
}

TEST_CASE("session: a copy goes its own way") {
    const auto model = golden_model("llama");
    Session base(model), a(model);
    base.feed(std::vector<std::int32_t>{5, 6, 7, 8});
    Session copy = base;
    const auto want = Session(base).feed(std::vector<std::int32_t>{9});
    copy.truncate(2);
    copy.feed(std::vector<std::int32_t>{40, 41, 42});
    CHECK(golden::deviation(base.feed(std::vector<std::int32_t>{9}), want) == 0);
    copy = base;
    CHECK(copy.size() == 5);
}

TEST_CASE("session: a full one, or one that holds part of a long prompt, slides where that is asked for") {
    const auto model = golden_model("llama");  // 64 positions
    const GenerateOptions sliding{.max_tokens = 4, .temperature = 0, .ignore_eos = true, .slide_context = true};
    Generation filling(Session(model), std::nullopt, {}, std::vector<std::int32_t>(60, 7), {.max_tokens = 20, .temperature = 0});
    filling.finish_text();
    auto full = std::move(filling).take_session();
    CHECK(full.size() == 64);
    Generation shorter(full, std::nullopt, {}, {5, 6, 7}, sliding), alone(model, std::nullopt, {}, {5, 6, 7}, sliding);
    shorter.finish_text();
    alone.finish_text();
    CHECK(to_vector(shorter.ids()) == to_vector(alone.ids()));
    Generation longer(full, std::nullopt, {}, std::vector<std::int32_t>(100, 7), sliding);
    longer.finish_text();
    CHECK(longer.ids().size() == 4);
}

TEST_CASE("session: after an end, guesses that were not looked at are not in it, and the end token has no log-probability") {
    const auto model = golden_model("llama");
    const auto greedy = greedy_case("llama");
    const std::vector<std::int32_t> ends{greedy.next[4]};
    GenerateOptions options{.max_tokens = 20, .temperature = 0, .draft_tokens = 8, .log_probabilities = true};
    options.draft = model;
    Generation generation(Session(model), std::nullopt, ends, greedy.prompt, options);
    generation.finish_text();
    CHECK(generation.finish() == Finish::eos);
    CHECK(generation.ids().size() == 4);
    CHECK(generation.log_probabilities().size() == 4);
    const auto session = std::move(generation).take_session();
    CHECK(session.size() <= static_cast<index_t>(greedy.prompt.size()) + 5);
}

TEST_CASE("session: saved and loaded it goes on with the same logits, and only with its own model") {
    const TempDir dir;
    const std::string path = dir.path() + "/session";
    const auto model = golden_model("llama");
    const std::vector<std::int32_t> prompt{5, 6, 7, 8, 9}, next{10, 11};
    for (const DType type : {DType::f32, DType::bf16}) {
        Session session(model, type), again(model, type);
        session.feed(prompt);
        session.save(path);
        const auto want = session.feed(next);
        again.load(path);
        CHECK(to_vector(again.tokens()) == prompt);
        CHECK(golden::deviation(again.feed(next), want) == 0);
        Session other(model, type == DType::f32 ? DType::bf16 : DType::f32);
        CHECK_ERROR(other.load(path), ErrorCode::invalid_argument);
    }
    CHECK_ERROR(Session(golden_model("gpt2")).load(path), ErrorCode::invalid_argument);
    CHECK_ERROR(Session(golden_model("qwen2")).load(path), ErrorCode::invalid_argument);
    CHECK_ERROR(Session(model).load(dir.path() + "/nothing"), ErrorCode::io);
    CHECK_ERROR(Session(model).load(golden::model_folder("llama") + "/model.safetensors"), ErrorCode::damaged);
    auto bytes = read_text_file(path);
    bytes[bytes.size() / 2] ^= 1;
    dir.write("session", bytes);
    CHECK_ERROR(Session(model, DType::bf16).load(path), ErrorCode::damaged);
    Session empty(model);
    empty.save(path);
    empty.load(path);
    CHECK(empty.size() == 0);
}
