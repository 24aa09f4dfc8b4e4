// A gradient does not depend on who else gets one: each op's inputs, all of them together and each alone.
#include "tercet/ops/attention.hpp"
#include "tercet/ops/compare.hpp"
#include "tercet/ops/contrastive.hpp"
#include "tercet/ops/conv1d.hpp"
#include "tercet/ops/einsum.hpp"
#include "tercet/ops/index.hpp"
#include "tercet/ops/linear_cross_entropy.hpp"
#include "tercet/ops/norm.hpp"
#include "tercet/ops/regression_loss.hpp"

#include "support/catch.hpp"

using namespace tercet;

namespace {

using D = Tensor<double>;
using Inputs = std::vector<D>;

// f(inputs) is a tensor; the gradients are those of the sum of its squares.
template <class F>
void check_alone(const char* name, const Inputs& values, const F& f) {
    INFO(name);
    const auto gradients = [&](const auto& wanted) {
        Inputs inputs;
        for (std::size_t i = 0; i < values.size(); ++i) {
            inputs.push_back(values[i].clone());
            if (wanted(i)) inputs.back().requires_grad();
        }
        sum(square(f(inputs))).backward();
        std::vector<std::vector<double>> found;
        for (const auto& x : inputs) found.push_back(x.grad().to_vector());
        return found;
    };
    const auto all = gradients([](std::size_t) { return true; });
    for (std::size_t i = 0; i < values.size(); ++i) {
        INFO("input " << i);
        const auto alone = gradients([i](std::size_t other) { return other == i; })[i];
        REQUIRE(alone.size() == all[i].size());
        for (std::size_t e = 0; e < alone.size(); ++e) CHECK(alone[e] == Approx(all[i][e]).margin(1e-12));
    }
}

}  // namespace

TEST_CASE("gradients: an input gets the same one alone as beside others", "[ops]") {
    manual_seed(1);
    const auto r = [](const Shape& shape) { return D::randn(shape); };
    const auto positive = [&](const Shape& shape) { return exp(r(shape)); };
    check_alone("add", {r({3, 4}), r({4})}, [](const Inputs& x) { return x[0] + x[1]; });
    check_alone("sub", {r({3, 4}), r({3, 1})}, [](const Inputs& x) { return x[0] - x[1]; });
    check_alone("mul", {r({3, 4}), r({4})}, [](const Inputs& x) { return x[0] * x[1]; });
    check_alone("div", {r({3, 4}), positive({4})}, [](const Inputs& x) { return x[0] / x[1]; });
    check_alone("pow", {positive({3, 4}), r({4})}, [](const Inputs& x) { return pow(x[0], x[1]); });
    check_alone("maximum", {r({3, 4}), r({4})}, [](const Inputs& x) { return maximum(x[0], x[1]); });
    check_alone("where", {r({3, 4}), r({4})}, [](const Inputs& x) { return where(x[0].detach() > 0.0, x[0], x[1]); });
    check_alone("concatenate", {r({2, 1}), r({2, 3}), r({2, 2})}, [](const Inputs& x) { return concatenate({x[0], x[1], x[2]}, 1); });
    check_alone("stack", {r({2, 3}), r({2, 3})}, [](const Inputs& x) { return stack({x[0], x[1]}, 1); });
    const auto ids = Tensor<std::int64_t>::copy({0, 2, 2, 1}, {2, 2});
    check_alone("scatter_add", {r({2, 3}), r({2, 2})}, [&](const Inputs& x) { return scatter_add(x[0], 1, ids, x[1]); });
    check_alone("matmul", {r({2, 3, 4}), r({4, 5})}, [](const Inputs& x) { return matmul(x[0], x[1]); });
    check_alone("einsum", {r({2, 3}), r({3, 4})}, [](const Inputs& x) { return einsum("ij,jk->ki", x[0], x[1]); });
    check_alone("linear", {r({5, 3}), r({4, 3}), r({4})}, [](const Inputs& x) { return linear(x[0], x[1], x[2], {.activation = UnaryOp::gelu}); });
    check_alone("layer_norm", {r({5, 4}), r({4}), r({4})}, [](const Inputs& x) { return layer_norm(x[0], x[1], x[2]); });
    check_alone("rms_norm", {r({5, 4}), r({4})}, [](const Inputs& x) { return rms_norm(x[0], x[1]); });
    check_alone("conv1d", {r({2, 3, 7}), r({4, 3, 2}), r({4})}, [](const Inputs& x) { return conv1d(x[0], x[1], x[2]); });
    const Inputs heads{r({1, 4, 6, 8}), r({1, 2, 6, 8}), r({1, 2, 6, 8})};
    check_alone("attention", heads, [](const Inputs& x) { return attention(x[0], x[1], x[2], {.causal = true}); });
    const Inputs with_bias{r({1, 4, 6, 8}), r({1, 2, 6, 8}), r({1, 2, 6, 8}), r({4, 6, 6})};
    check_alone("attention with a bias", with_bias, [](const Inputs& x) { return attention(x[0], x[1], x[2], {}, x[3]); });
    check_alone("cosine_similarity", {r({5, 4}), r({5, 4})}, [](const Inputs& x) { return cosine_similarity(x[0], x[1]); });
    check_alone("info_nce", {r({5, 4}), r({5, 4})}, [](const Inputs& x) { return info_nce(x[0], x[1]); });
    check_alone("mse", {r({5, 4}), r({5, 4})}, [](const Inputs& x) { return mse_loss(x[0], x[1]); });
    check_alone("huber", {r({5, 4}), r({5, 4})}, [](const Inputs& x) { return huber_loss(x[0], x[1]); });
    const auto targets = Tensor<std::int64_t>::copy({0, 2, 1}, {3});
    check_alone("linear_cross_entropy", {r({3, 4}), r({5, 4})}, [&](const Inputs& x) { return linear_cross_entropy(x[0], x[1], targets); });
}
