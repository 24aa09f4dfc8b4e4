#include "tercet/nn/module.hpp"

#include "support/catch.hpp"
#include "tercet/nn/linear.hpp"

using namespace tercet;

namespace {

struct Pair {
    Linear first{3, 2}, second{2, 2, false};

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("first", self.first);
        v("second", self.second);
    }
};
struct Stack {
    std::vector<Pair> layers = std::vector<Pair>(2);
    LayerNorm norm{2, 1e-5f};

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("layers", self.layers);
        v("norm", self.norm);
    }
};

}  // namespace

TEST_CASE("module: weights are named by their path, in the order of visit, those that are not wanted left out") {
    const Stack stack;
    std::vector<std::string> names;
    for_each_weight(stack, [&](const std::string& name, const Weight&) { names.push_back(name); });
    CHECK(names == std::vector<std::string>{"layers.0.first.weight", "layers.0.first.bias", "layers.0.second.weight", "layers.1.first.weight",
                                            "layers.1.first.bias", "layers.1.second.weight", "norm.weight", "norm.bias"});
    CHECK(parameter_count(stack) == 2 * (6 + 2 + 4) + 4);
    const auto layers = layer_names(stack);
    CHECK(layers.at(&stack.layers[1].second.weight) == "layers.1.second");
    CHECK(layers.at(&stack.norm.weight) == "norm");
    CHECK(layers.size() == 8);
}

TEST_CASE("module: trainable, gradients forgotten, packed") {
    Stack stack;
    for_each_weight(stack, [](const std::string&, Weight& w) { w.set(Tensor<float>::ones(w.shape())); });
    set_trainable(stack);
    auto& layer = stack.layers[0].first;
    layer(Tensor<float>::ones({1, 3})).backward(Tensor<float>::ones({1, 2}));
    CHECK(layer.bias.tensor().grad().to_vector() == std::vector<float>{1, 1});
    zero_grad(stack);
    CHECK(layer.bias.tensor().grad().numel() == 0);
    set_activations(stack, Activations::bf16);
    CHECK(layer.weight.activations() == Activations::bf16);
    CHECK(stack.norm.bias.activations() == Activations::bf16);
    set_trainable(stack, false);
    CHECK_FALSE(layer.weight.tensor().needs_grad());
    pack_weights(stack);
    CHECK_FALSE(layer.weight.is_dense());
    CHECK(layer.bias.is_dense());
    CHECK_ERROR(set_trainable(stack), ErrorCode::invalid_argument);
}
