#include "tercet/nn/linear.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("linear, conv1d, embedding, norms: the layers are their ops with their weights") {
    Linear layer(2, 3);
    layer.weight.set(Tensor<float>::copy({1, 0, 0, 1, 1, 1}, {3, 2}));
    layer.bias.set(Tensor<float>::copy({10, 20, 30}, {3}));
    CHECK(layer(Tensor<float>::copy({1, 2}, {1, 2})).to_vector() == std::vector<float>{11, 22, 33});
    CHECK_ERROR(layer(Tensor<float>::zeros({1, 3})), ErrorCode::shape_mismatch);

    Conv1D conv(2, 3);
    CHECK(conv.weight.shape() == Shape{2, 3});
    conv.weight.set(Tensor<float>::copy({1, 0, 1, 0, 1, 1}, {2, 3}));
    conv.bias.set(Tensor<float>::copy({10, 20, 30}, {3}));
    CHECK(conv(Tensor<float>::copy({1, 2}, {1, 2})).to_vector() == std::vector<float>{11, 22, 33});

    Embedding table(3, 2, 1);
    table.weight.set(Tensor<float>::copy({1, 2, 3, 4, 5, 6}, {3, 2}));
    table.weight.tensor().requires_grad();
    const auto y = table(Tensor<std::int64_t>::copy({2, 1, 2}, {3}));
    CHECK(y.to_vector() == std::vector<float>{5, 6, 3, 4, 5, 6});
    y.backward(Tensor<float>::ones({3, 2}));
    CHECK(table.weight.tensor().grad().to_vector() == std::vector<float>{0, 0, 0, 0, 2, 2});  // row 1 is padding

    LayerNorm norm(2, 1e-5f);
    norm.weight.set(Tensor<float>::ones({2}));
    norm.bias.set(Tensor<float>::zeros({2}));
    CHECK(norm(Tensor<float>::copy({1, 3}, {2}))(1) == Catch::Approx(1).epsilon(1e-4));
    RmsNorm rms(2, 1e-6f);
    rms.weight.set(Tensor<float>::ones({2}));
    CHECK(rms(Tensor<float>::copy({3, 3}, {2}))(0) == Catch::Approx(1).epsilon(1e-4));
}
