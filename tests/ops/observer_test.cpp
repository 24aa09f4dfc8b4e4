#include "tercet/ops/observer.hpp"

#include "support/catch.hpp"
#include "tercet/nn/attention.hpp"

#include <thread>

using namespace tercet;

namespace {

struct Recorder : Observer {
    std::vector<std::pair<const void*, Tensor<float>>> layers;
    int attentions = 0;

    Tensor<float> layer(const void* weight, const Tensor<float>&, const Tensor<float>& output) override {
        layers.emplace_back(weight, output);
        return output;
    }
    void attention(const Tensor<float>&, const Tensor<float>&, const AttentionOptions&, const Tensor<float>&) override { ++attentions; }
};
struct Doubled : Observer {
    Tensor<float> layer(const void*, const Tensor<float>&, const Tensor<float>& output) override { return output * 2.f; }
};

Linear a_layer(index_t in, index_t out) {
    Linear layer(in, out);
    Generator generator(1);
    layer.weight.set(Tensor<float>::randn({out, in}, generator));
    layer.bias.set(Tensor<float>::randn({out}, generator));
    return layer;
}

}  // namespace

TEST_CASE("observer: hears of each layer with its weight, once") {
    const auto a = a_layer(3, 4), b = a_layer(3, 2);
    Embedding table(5, 3);
    table.weight.set(Tensor<float>::ones({5, 3}));
    LayerNorm norm(3, 1e-5f);
    norm.weight.set(Tensor<float>::ones({3}));
    norm.bias.set(Tensor<float>::zeros({3}));
    RmsNorm rms(3, 1e-5f);
    rms.weight.set(Tensor<float>::ones({3}));
    const auto ids = Tensor<std::int32_t>::copy(std::vector<std::int32_t>{1, 2}, {1, 2});
    Recorder recorder;
    const auto x = table(ids), y = a(x);
    const auto [p, q] = linear_each(x, a, b);
    const auto n = norm(x), r = rms(x);
    const std::vector<const void*> weights{&table.weight, &a.weight, &a.weight, &b.weight, &norm.weight, &rms.weight};
    const std::vector<Tensor<float>> results{x, y, p, q, n, r};
    REQUIRE(recorder.layers.size() == weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        CHECK(recorder.layers[i].first == weights[i]);
        CHECK(recorder.layers[i].second.to_vector() == results[i].to_vector());
    }
}

TEST_CASE("observer: a layer on the tape and a quantised one are heard of once too") {
    auto layer = a_layer(32, 4);
    const auto x = Tensor<float>::ones({2, 32});
    {
        Recorder recorder;
        layer.weight.tensor().requires_grad();
        layer(x);
        linear_each(x, layer, layer);
        CHECK(recorder.layers.size() == 3);
    }
    layer.weight.tensor().requires_grad(false);
    Recorder recorder;
    pack_weights(layer);
    layer(x);
    CHECK(recorder.layers.size() == 1);
}

TEST_CASE("observer: what it returns goes on in the result's place, the innermost first") {
    const auto a = a_layer(3, 4);
    const auto x = Tensor<float>::ones({1, 3});
    const auto plain = a(x);
    Recorder outer;
    {
        Doubled twice;
        CHECK(a(x).to_vector() == (plain * 2.f).to_vector());
    }
    CHECK(outer.layers.back().second.to_vector() == (plain * 2.f).to_vector());
    CHECK(a(x).to_vector() == plain.to_vector());
}

TEST_CASE("observer: another thread's work is its own") {
    const auto a = a_layer(3, 4);
    Recorder recorder;
    std::thread([&] { a(Tensor<float>::ones({1, 3})); }).join();
    CHECK(recorder.layers.empty());
}

TEST_CASE("observer: hears of attentions, with keys in bfloat16 too") {
    Generator generator(2);
    const auto x = Tensor<float>::randn({1, 2, 3, 8}, generator);
    Recorder recorder;
    attention(x, x, x);
    attention(x, x.to<bf16>(), x.to<bf16>());
    self_attention(Tensor<float>::randn({1, 3, 48}, generator), 2);
    CHECK(recorder.attentions == 3);
    attention(x.to<double>(), x.to<double>(), x.to<double>());  // what is not float is not shown
    CHECK(recorder.attentions == 3);
}
