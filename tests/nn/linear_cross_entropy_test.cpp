#include "support/catch.hpp"

#include "tercet/nn/linear_cross_entropy.hpp"
#include "tercet/ops/compare.hpp"

using namespace tercet;
using F = Tensor<float>;
using Ids = Tensor<std::int64_t>;

TEST_CASE("linear_cross_entropy of a weight equals cross_entropy of linear, however the weight is held", "[nn]") {
    Generator generator(1);
    const auto x0 = F::randn({2, 5, 32}, generator), w0 = F::randn({40, 32}, generator);
    const auto targets = Ids::randint(0, 40, {2, 5}, generator);
    const auto check = [&](const Weight& weight) {
        auto x = x0.detach().requires_grad(), x2 = x0.detach().requires_grad();
        const auto got = linear_cross_entropy(x, weight, targets, {.label_smoothing = 0.1}, 3);
        const auto want = cross_entropy(linear(x2, weight), targets, {.label_smoothing = 0.1});
        got.backward();
        const auto dw = weight.is_dense() ? weight.tensor().grad() : F();
        if (weight.is_dense()) F(weight.tensor()).zero_grad();
        want.backward();
        CHECK(got.item() == Approx(want.item()).epsilon(1e-6));
        CHECK(allclose(x.grad(), x2.grad(), 1e-5, 1e-7));
        if (weight.is_dense()) CHECK(allclose(dw, weight.tensor().grad(), 1e-5, 1e-7));
    };
    Weight rows({40, 32}), columns({32, 40}, WeightOrder::in_out), stored({40, 32}), packed({40, 32});
    rows.set(w0.clone().requires_grad());
    columns.set(w0.transpose().clone().requires_grad());
    stored.set(w0.clone());
    stored.store_as(StorageType::q8_0);
    packed.set(w0.clone());
    packed.pack();
    check(rows);
    check(columns);
    check(stored);
    check(packed);
    CHECK_ERROR(linear_cross_entropy(x0, Weight({40, 32}), targets), ErrorCode::invalid_argument);
}
