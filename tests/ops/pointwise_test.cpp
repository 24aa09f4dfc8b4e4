#include "op_test.hpp"

#include "tercet/ops/pointwise.hpp"

TEST_CASE("pointwise, leaky_relu and elu: gradients equal finite differences, also strided, of one and of no numbers", "[ops]") {
    const auto check = [](const auto& f) {
        for (const Shape& shape : {Shape{3, 7}, Shape{}, Shape{0, 3}, Shape{40}})
            CHECK(gradcheck([&](Inputs& v) { return f(v[0]); }, {numbers(shape, 1)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return f(transpose(v[0])); }, {numbers({3, 4}, 2)}) <= 1e-6);
    };
    check([](const D& x) {
        return pointwise(
            x, [](double v) { return std::atan(v); }, [](double v) { return 1 / (1 + v * v); });
    });
    check([](const D& x) { return leaky_relu(x, 0.2); });
    check([](const D& x) { return elu(x, 0.7); });
    CHECK(leaky_relu(D::copy({-2, 0, 3}, {3}), 0.25).to_vector() == std::vector<double>{-0.5, 0, 3});
    CHECK(elu(D::copy({-1e3, 0, 3}, {3}), 2).to_vector() == std::vector<double>{-2, 0, 3});
}
