#include "tercet/nn/init.hpp"
#include "support/catch.hpp"
#include "tercet/models/gpt2.hpp"

using namespace tercet;

namespace {

struct Moments {
    double mean = 0, deviation = 0, low = HUGE_VAL, high = -HUGE_VAL;
};
template <class T>
Moments moments(const Tensor<T>& x) {
    Moments m;
    double squares = 0;
    for (const T v : x.to_vector()) {
        m.mean += static_cast<double>(v);
        squares += static_cast<double>(v) * static_cast<double>(v);
        m.low = std::min(m.low, static_cast<double>(v));
        m.high = std::max(m.high, static_cast<double>(v));
    }
    const auto n = static_cast<double>(x.numel());
    m.mean /= n;
    m.deviation = std::sqrt(squares / n - m.mean * m.mean);
    return m;
}

}  // namespace

TEST_CASE("init: normal and uniform numbers have the spread that was asked for") {
    Generator generator(1);
    auto x = Tensor<float>::empty({200, 300});
    init_normal(x, generator, 0.5, 2);
    CHECK(moments(x).mean == Approx(2).margin(0.01));
    CHECK(moments(x).deviation == Approx(0.5).margin(0.01));
    auto y = Tensor<double>::empty({100, 100});
    init_uniform(y, generator, -3, 1);
    CHECK(moments(y).mean == Approx(-1).margin(0.05));
    CHECK(moments(y).low >= -3);
    CHECK(moments(y).low < -2.95);
    CHECK(moments(y).high < 1);
    CHECK_ERROR(init_uniform(y, generator, 1, -1), ErrorCode::invalid_argument);
}

TEST_CASE("init: it writes to tensors on the tape and to views") {
    Generator generator(1);
    auto x = Tensor<float>::zeros({4, 4});
    x.requires_grad();
    init_normal(x, generator);
    CHECK(moments(x).deviation > 0.3);
    auto wide = Tensor<float>::zeros({4, 8});
    auto column = wide.slice(1, 2, 3);
    init_uniform(column, generator, 1, 2);
    CHECK(wide(0, 2) >= 1.f);
    CHECK(wide(0, 1) == 0.f);
}

TEST_CASE("init: Xavier and Kaiming spread by the fans") {
    CHECK(fans_of(Shape{6, 4}).in == 4);
    CHECK(fans_of(Shape{6, 4}).out == 6);
    CHECK(fans_of(Shape{6, 4, 3, 3}).in == 36);
    CHECK(fans_of(Weight(Shape{6, 4}, WeightOrder::in_out)).in == 6);
    CHECK(fans_of(Weight(Shape{6, 4})).in == 4);
    CHECK_ERROR(fans_of(Shape{5}), ErrorCode::shape_mismatch);
    CHECK_ERROR(fans_of(Weight(Shape{5})), ErrorCode::shape_mismatch);
    Generator generator(1);
    auto x = Tensor<float>::empty({300, 100});
    const Fans fans = fans_of(x.shape());
    init_xavier_normal(x, generator, fans);
    CHECK(moments(x).deviation == Approx(std::sqrt(2.0 / 400)).epsilon(0.02));
    init_xavier_uniform(x, generator, fans, 2);
    CHECK(moments(x).deviation == Approx(2 * std::sqrt(2.0 / 400)).epsilon(0.02));
    CHECK(moments(x).high <= 2 * std::sqrt(6.0 / 400));
    init_kaiming_normal(x, generator, fans);
    CHECK(moments(x).deviation == Approx(std::sqrt(2.0 / 100)).epsilon(0.02));
    init_kaiming_uniform(x, generator, fans, 1);
    CHECK(moments(x).deviation == Approx(std::sqrt(1.0 / 100)).epsilon(0.02));
}

TEST_CASE("init: GPT-2's first values: 0.02, less on the way into the residual stream, norms 1, biases 0, all on the tape") {
    Gpt2 model({.vocab_size = 65, .context = 16, .hidden_size = 64, .layers = 8, .heads = 4});
    Generator generator(1);
    init_gpt(model, generator, {.layers = 8});
    int matrices = 0;
    for_each_weight(model, [&](const std::string& name, const Weight& w) {
        INFO(name);
        CHECK(w.tensor().needs_grad());
        const auto m = moments(w.tensor());
        if (name.ends_with("c_proj.weight")) CHECK(m.deviation == Approx(0.02 / 4).epsilon(0.05));
        else if (w.shape().rank() == 2) CHECK(m.deviation == Approx(0.02).epsilon(0.08));
        else CHECK((m.low == m.high && m.mean == (name.ends_with("bias") ? 0 : 1)));
        matrices += w.shape().rank() == 2;
    });
    CHECK(matrices == 2 + 4 * 8);
    CHECK_ERROR(init_gpt(model, generator, {.std = -1}), ErrorCode::invalid_argument);
}

TEST_CASE("init: the same seed gives the same numbers on any number of threads") {
    const int before = threads();
    const auto make = [](int n) {
        set_threads(n);
        Generator generator(3);
        auto x = Tensor<float>::empty({300, 301});
        init_normal(x, generator);
        return x.to_vector();
    };
    const auto one = make(1), four = make(4);
    set_threads(before);
    CHECK(one == four);
}
