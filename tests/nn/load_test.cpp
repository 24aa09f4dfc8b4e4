#include "tercet/nn/load.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/nn/linear.hpp"

using namespace tercet;

TEST_CASE("load and save: a module's weights come back bit for bit under the same names") {
    TempDir folder;
    Linear layer(5, 4);
    layer.weight.set(Tensor<float>::randn({4, 5}));
    layer.bias.set(Tensor<float>::randn({4}));
    const auto path = folder / "layer.safetensors";
    save_weights(layer, path);
    const auto file = Safetensors::open(path);
    CHECK(file.find("weight") != nullptr);

    const Checkpoint checkpoint{path, file.tensors(), file.owner(), false};
    Linear again(5, 4);
    load_weights(again, checkpoint, {.trainable = true});
    CHECK(again.weight.tensor().to_vector() == layer.weight.tensor().to_vector());
    CHECK(again.weight.tensor().needs_grad());
    Linear packed(5, 4);
    load_weights(packed, checkpoint);
    CHECK_FALSE(packed.weight.is_dense());
    CHECK(packed.weight.to_dense().to_vector() == layer.weight.tensor().to_vector());
}

TEST_CASE("load: tensors of endings that are named may be there without a place") {
    Linear layer(1, 1, false);
    const float one = 1;
    const auto bytes = std::as_bytes(std::span(&one, 1));
    const Checkpoint checkpoint{"memory", {{"weight", StorageType::f32, {1, 1}, bytes}, {"attn.bias", StorageType::f32, {1}, bytes}}, nullptr, false};
    CHECK_ERROR(load_weights(layer, checkpoint), ErrorCode::surplus_tensor);
    load_weights(layer, checkpoint, {.ignored_endings = {".bias"}});
    CHECK(layer.weight.loaded());
}

TEST_CASE("load: a type that cannot be read is refused with the tensor's name") {
    Linear layer(256, 1, false);
    const std::vector<std::byte> bytes(292);
    const Checkpoint checkpoint{"memory", {{"weight", StorageType::q8_k, {1, 256}, bytes}}, nullptr, false};
    CHECK_ERROR(load_weights(layer, checkpoint), ErrorCode::unsupported);
}
