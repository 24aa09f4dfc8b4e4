#include "tercet/nn/attention.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("split_heads and join_heads undo each other, with gradients") {
    auto x = Tensor<float>::randn({2, 3, 8}).requires_grad();
    const auto heads = split_heads(x, 4);
    CHECK(heads.shape() == Shape{2, 4, 3, 2});
    CHECK(heads.detach()(1, 2, 0, 1) == x.detach()(1, 0, 5));
    const auto back = join_heads(heads);
    CHECK(back.to_vector() == x.to_vector());
    back.backward(Tensor<float>::ones({2, 3, 8}));
    CHECK(x.grad().to_vector() == std::vector<float>(48, 1.f));
}

TEST_CASE("padding_bias: −∞ on padding, nothing on a row without tokens") {
    const auto bias = padding_bias(Tensor<std::uint8_t>::copy({1, 0, 0, 0}, {2, 2}));
    CHECK(bias.shape() == Shape{2, 1, 1, 2});
    CHECK(bias.to_vector() == std::vector<float>{0, -std::numeric_limits<float>::infinity(), 0, 0});
    CHECK_ERROR(padding_bias(Tensor<std::uint8_t>::zeros({2})), ErrorCode::shape_mismatch);
}
