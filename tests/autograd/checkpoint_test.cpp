// Activation checkpointing: the same values and gradients, less memory, the same random numbers twice.
#include "tercet/autograd/checkpoint.hpp"
#include "support/catch.hpp"
#include "tercet/models/gpt2.hpp"
#include "tercet/nn/init.hpp"
#include "tercet/ops/loss.hpp"

using namespace tercet;
using D = Tensor<double>;

TEST_CASE("checkpoint: values and gradients are those of the function itself, for its input and for what else it uses", "[autograd]") {
    Generator generator(1);
    const auto x = D::randn({3, 4}, generator), w = D::randn({4, 4}, generator), dy = D::randn({3, 4}, generator);
    const auto run = [&](bool again) {
        auto input = x.detach().requires_grad(), weight = w.detach().requires_grad();
        const auto f = [weight](const D& v) { return tanh(matmul(v, weight)) * v; };
        const auto y = again ? checkpoint(f, input * 2.0) : f(input * 2.0);
        (y + input).backward(dy);
        return std::vector{y.detach().to_vector(), input.grad().to_vector(), weight.grad().to_vector()};
    };
    CHECK(run(true) == run(false));
}

TEST_CASE("checkpoint: an input without gradients, NoGrad, and a function that needs none", "[autograd]") {
    const auto x = D::ones({2});
    auto w = D::ones({2}).requires_grad();
    checkpoint([w](const D& v) { return v * w; }, x).backward(D::ones({2}));
    CHECK(w.grad().to_vector() == std::vector<double>{1, 1});
    {
        const NoGrad guard;
        CHECK_FALSE(checkpoint([w](const D& v) { return v * w; }, x).needs_grad());
    }
    auto input = D::ones({2}).requires_grad();
    (checkpoint([](const D& v) { return v.detach(); }, input) + input).backward(D::ones({2}));  // hands nothing on
    CHECK(input.grad().to_vector() == std::vector<double>{1, 1});
}

TEST_CASE("EnableGrad records inside NoGrad, and ends with its scope", "[autograd]") {
    const NoGrad guard;
    {
        const EnableGrad on;
        CHECK(grad_enabled());
    }
    CHECK_FALSE(grad_enabled());
}

TEST_CASE("checkpoint: a GPT with dropout learns the same bits with less memory", "[autograd]") {
    const Gpt2Config config{.vocab_size = 11, .context = 64, .hidden_size = 32, .layers = 6, .heads = 4, .dropout = 0.2};
    const auto run = [&](bool again) {
        Gpt2 model(config);
        Generator generator(3);
        init_gpt(model, generator);
        const auto ids = Tensor<std::int32_t>::randint(0, 11, {4, 64}, generator);
        trim_memory();
        const auto before = memory_stats().in_use;
        auto loss = cross_entropy(model(ids, {.checkpoint = again, .training = &generator}), ids);
        const auto held = memory_stats().in_use - before;
        loss.backward();
        std::vector<float> all{loss.item()};
        for_each_weight(model, [&](const std::string&, Weight& w) {
            for (const float g : w.tensor().grad().to_vector()) all.push_back(g);
        });
        all.push_back(static_cast<float>(generator.position()));
        return std::pair{all, held};
    };
    const auto plain = run(false), again = run(true);
    CHECK(plain.first == again.first);
    CHECK(again.second < plain.second / 4);
}
