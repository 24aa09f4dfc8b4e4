#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/autograd/tape.hpp"
#include "tercet/ops/elementwise.hpp"
#include "tercet/ops/matmul.hpp"

#include <chrono>
#include <thread>

using namespace tercet;
using F = Tensor<float>;

namespace {

F ones_like(const F& x) {
    return F::ones(x.shape());
}

}  // namespace

TEST_CASE("a gradient is collected by the leaf it belongs to", "[autograd]") {
    auto x = F::copy({1, 2, 3}, {3}).requires_grad();
    CHECK(x.needs_grad());
    CHECK(x.grad().shape() == Shape{0});
    const auto y = square(x);
    CHECK(y.needs_grad());
    y.backward(ones_like(y));
    CHECK(x.grad().to_vector() == std::vector<float>{2, 4, 6});
    CHECK(y.grad().numel() == 0);  // only leaves keep theirs
    CHECK_FALSE(x.grad().needs_grad());
}

TEST_CASE("gradients add up over several backward calls until they are forgotten", "[autograd]") {
    auto x = F::copy({1, 2}, {2}).requires_grad();
    for (int i = 1; i <= 3; ++i) {
        square(x).backward(F::ones({2}));
        CHECK(x.grad().to_vector() == std::vector<float>{2.f * static_cast<float>(i), 4.f * static_cast<float>(i)});
    }
    x.zero_grad();
    CHECK(x.grad().numel() == 0);
    square(x).backward(F::ones({2}));
    CHECK(x.grad().to_vector() == std::vector<float>{2, 4});
}

TEST_CASE("a diamond sums the gradients of its paths, each node walked once", "[autograd]") {
    auto x = F::scalar(3).requires_grad();
    const auto a = square(x), b = x * 2.f;
    const auto y = a * b + a;  // 2x³ + x²
    y.backward();
    CHECK(x.grad().item() == 6 * 9 + 2 * 3);

    // Twenty diamonds one after the other: 2^20 paths, twenty steps.
    auto z = F::scalar(1).requires_grad();
    F v = z;
    for (int i = 0; i < 20; ++i) v = v + v;
    v.backward();
    CHECK(z.grad().item() == 0x1p20f);
}

TEST_CASE("a tensor used as both operands gets both gradients", "[autograd]") {
    auto x = F::copy({1, 2, 3, 4}, {2, 2}).requires_grad();
    matmul(x, x).backward(F::ones({2, 2}));
    CHECK(x.grad().to_vector() == std::vector<float>{1 + 2 + 1 + 3, 3 + 4 + 1 + 3, 1 + 2 + 2 + 4, 3 + 4 + 2 + 4});
}

TEST_CASE("only what needs gradients gets them", "[autograd]") {
    auto x = F::scalar(3).requires_grad();
    const auto c = F::scalar(4);
    const auto y = x * c;
    y.backward();
    CHECK(x.grad().item() == 4);
    CHECK_FALSE(c.needs_grad());
    CHECK_FALSE((c * c).needs_grad());
    CHECK(c.grad().numel() == 0);
    const auto cut = (x * c).detach() * c;
    CHECK_FALSE(cut.needs_grad());
    CHECK_ERROR(cut.backward(), ErrorCode::autograd);
    x.requires_grad(false);
    CHECK_FALSE((x * c).needs_grad());
}

TEST_CASE("nothing is recorded under NoGrad, and guards nest", "[autograd]") {
    auto x = F::scalar(3).requires_grad();
    CHECK(grad_enabled());
    {
        const NoGrad outer;
        {
            const NoGrad inner;
            CHECK_FALSE(square(x).needs_grad());
        }
        CHECK_FALSE(grad_enabled());
        CHECK_FALSE((x * x).needs_grad());
        x.fill(4);
    }
    CHECK(grad_enabled());
    CHECK(square(x).needs_grad());
    std::thread([] { CHECK(grad_enabled()); }).join();
}

TEST_CASE("backward starts from one number, or is told where", "[autograd]") {
    auto x = F::copy({1, 2}, {2}).requires_grad();
    const auto y = square(x);
    CHECK_ERROR(y.backward(), ErrorCode::autograd);
    CHECK_ERROR(y.backward(F::ones({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(F::scalar(1).backward(), ErrorCode::autograd);
    const auto dy = F::copy({1, 0, 5, 0}, {2, 2}).transpose()[0];  // strided
    y.backward(dy);
    CHECK(x.grad().to_vector() == std::vector<float>{2, 20});

    auto leaf = F::scalar(7).requires_grad();
    leaf.backward();
    CHECK(leaf.grad().item() == 1);
}

TEST_CASE("the given dy is not written to", "[autograd]") {
    auto x = F::scalar(2).requires_grad();
    const auto y = x + x;
    const auto dy = F::scalar(5);
    y.backward(dy);
    CHECK(x.grad().item() == 10);
    CHECK(dy.item() == 5);
    auto leaf = F::scalar(1).requires_grad();
    leaf.backward(dy);
    leaf.backward(dy);
    CHECK(leaf.grad().item() == 10);
    CHECK(dy.item() == 5);
}

TEST_CASE("a tape is walked once, unless it is kept", "[autograd]") {
    auto x = F::scalar(3).requires_grad();
    const auto y = square(x);
    y.backward();
    CHECK_ERROR(y.backward(), ErrorCode::autograd);
    CHECK(x.grad().item() == 6);

    x.zero_grad();
    const auto z = square(square(x));
    backward_keeping_tape(z);
    backward_keeping_tape(z);
    CHECK(x.grad().item() == 2 * 108);
    z.backward();
    CHECK(x.grad().item() == 3 * 108);
    CHECK_ERROR(backward_keeping_tape(z), ErrorCode::autograd);

    // Two ends that share a piece: the second one finds it gone.
    const auto shared = square(x), left = shared * 2.f, right = shared * 3.f;
    left.backward();
    CHECK_ERROR(right.backward(), ErrorCode::autograd);
}

TEST_CASE("a node that got no gradient is gone after the walk, too", "[autograd]") {
    auto x = F::scalar(3).requires_grad();
    const auto h = square(x);
    const auto ignored = record(
        F::scalar(0), [](const F&, Gradient<float>&) {}, h);  // an op that hands nothing on
    (ignored + x).backward();
    CHECK(x.grad().item() == 1);
    CHECK_ERROR((h * 2.f).backward(), ErrorCode::autograd);
}

TEST_CASE("writing to what was saved for backward is noticed", "[autograd]") {
    auto x = F::copy({1, 2}, {2}).requires_grad();
    auto w = F::copy({3, 4}, {2});
    const auto y = x * w;
    w.at(0) = 5;
    CHECK_ERROR(y.backward(F::ones({2})), ErrorCode::autograd);

    const auto z = square(x);
    {
        const NoGrad guard;
        x.fill(1);
    }
    CHECK_ERROR(z.backward(F::ones({2})), ErrorCode::autograd);

    auto u = exp(x);  // keeps its result
    u.detach().fill(0);
    CHECK_ERROR(u.backward(F::ones({2})), ErrorCode::autograd);

    const auto fine = x + w;  // keeps nothing
    w.at(0) = 9;
    CHECK_NOTHROW(fine.backward(F::ones({2})));
}

TEST_CASE("a chain of 200,000 steps is walked and released without recursion, and quickly", "[autograd][host]") {
    constexpr int steps = 200000;
    const auto start = std::chrono::steady_clock::now();
    {
        auto x = F::scalar(1).requires_grad();
        F y = x;
        for (int i = 0; i < steps; ++i) y = neg(y);
        y.backward();
        CHECK(x.grad().item() == 1);
        F unused = x;
        for (int i = 0; i < steps; ++i) unused = unused + x;  // let go of without a walk
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    INFO(seconds.count() << " s");
    CHECK(seconds.count() < 90);
}

TEST_CASE("what backward has done with is released as it walks", "[autograd]") {
    constexpr index_t megabyte = 1 << 18;  // floats
    constexpr int steps = 40;
    std::size_t in_use_at_end = 0;
    const std::size_t before = memory_stats().in_use;
    {
        auto x = F::zeros({megabyte}).requires_grad();
        F y = record(
            F::zeros({megabyte}),
            [&](const F& dy, Gradient<float>& dx) {
                in_use_at_end = memory_stats().in_use;
                dx.add(dy.clone());
            },
            x);
        for (int i = 0; i < steps; ++i) y = sin(y);
        const std::size_t recorded = memory_stats().in_use - before;
        CHECK(recorded >= steps * std::size_t{1} << 20);
        y.backward(ones_like(y));
        CHECK(in_use_at_end - before <= std::size_t{6} << 20);
        CHECK(x.grad().numel() == megabyte);
    }
    CHECK(memory_stats().in_use == before);
}

TEST_CASE("a training step asks the system for no memory after the first", "[autograd]") {
    const UseThreads one(1);  // several threads may hold one more block of working memory at a time than they did before
    auto w = F::full({64, 64}, 0.01f).requires_grad();
    const auto x = F::ones({32, 64});
    const auto step = [&] {
        F h = x;
        for (int i = 0; i < 5; ++i) h = tanh(matmul(h, w));
        h.backward(ones_like(h));
        w.zero_grad();
    };
    step();
    step();
    const auto requests = memory_stats().system_requests;
    for (int i = 0; i < 5; ++i) step();
    CHECK(memory_stats().system_requests == requests);
}

TEST_CASE("threads may differentiate graphs of their own at the same time, sharing constants", "[autograd]") {
    const auto shared = F::full({20, 20}, 0.05f);
    std::vector<std::vector<float>> gradients(6);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < gradients.size(); ++t)
        threads.emplace_back([&, t] {
            for (int round = 0; round < 20; ++round) {
                auto x = F::full({20, 20}, static_cast<float>(t + 1)).requires_grad();
                const auto y = matmul(tanh(matmul(x, shared)), shared);
                y.backward(ones_like(y));
                gradients[t] = x.grad().to_vector();
            }
        });
    for (auto& thread : threads) thread.join();
    for (std::size_t t = 0; t < gradients.size(); ++t) {
        auto x = F::full({20, 20}, static_cast<float>(t + 1)).requires_grad();
        const auto y = matmul(tanh(matmul(x, shared)), shared);
        y.backward(ones_like(y));
        CHECK(x.grad().to_vector() == gradients[t]);
    }
}

TEST_CASE("the tape keeps no cycle: graphs vanish with their last handle", "[autograd]") {
    const auto before = memory_stats().in_use;
    {
        auto x = F::ones({1000}).requires_grad();
        const auto y = exp(square(x) * x);
        (void)y;
    }
    CHECK(memory_stats().in_use == before);
}

TEST_CASE("an op of any number of inputs records them all", "[autograd]") {
    std::vector<F> inputs{F::scalar(1).requires_grad(), F::scalar(2), F::scalar(3).requires_grad()};
    const auto y = record(
        F::scalar(6),
        [](const F& dy, std::span<Gradient<float>> dx) {
            CHECK(dx.size() == 3);
            CHECK_FALSE(dx[1]);
            for (std::size_t i = 0; i < dx.size(); ++i) dx[i].add(dy * static_cast<float>(i + 1));
        },
        std::span<const F>(inputs));
    y.backward();
    CHECK(inputs[0].grad().item() == 1);
    CHECK(inputs[2].grad().item() == 3);
    const std::vector<F> constants{F::scalar(1)};
    CHECK_FALSE(record(
                    F::scalar(1), [](const F&, std::span<Gradient<float>>) {}, std::span<const F>(constants))
                    .needs_grad());
}

TEST_CASE("a gradient of a strided leaf has its shape", "[autograd]") {
    auto x = F::copy({1, 2, 3, 4, 5, 6}, {2, 3}).transpose().requires_grad();
    square(x).backward(F::ones({3, 2}));
    CHECK(x.grad().to_vector() == std::vector<float>{2, 8, 4, 10, 6, 12});
}
