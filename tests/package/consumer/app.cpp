// A user's program: a tensor expression, its gradient, and the gradient once more from the formula.
//
//   loss = mean((x xᵀ)²)        dloss/dx = 4 / n² · (x xᵀ) x        x (n, m)
#include <tercet/tercet.hpp>

#include <cmath>
#include <cstdio>

int main() {
    using namespace tercet;
    auto x = Tensor<float>::randn({4, 8}).requires_grad();
    auto loss = mean(square(matmul(x, transpose(x))));
    loss.backward();

    const auto value = [&](index_t i, index_t j) { return static_cast<double>(x.data()[i * 8 + j]); };
    const auto product = [&](index_t i, index_t k) {
        double sum = 0;
        for (index_t j = 0; j < 8; ++j) sum += value(i, j) * value(k, j);
        return sum;
    };
    const auto gradient = x.grad();
    double worst = 0;
    for (index_t i = 0; i < 4; ++i) {
        for (index_t j = 0; j < 8; ++j) {
            double expected = 0;
            for (index_t k = 0; k < 4; ++k) expected += 4.0 / 16.0 * product(i, k) * value(k, j);
            worst = std::fmax(worst, std::fabs(expected - static_cast<double>(gradient.data()[i * 8 + j])));
        }
    }
    std::printf("tercet %s: loss %g, gradient off by %g\n", TERCET_VERSION_STRING, static_cast<double>(loss.item()), worst);
    return worst < 1e-4 ? 0 : 1;
}
