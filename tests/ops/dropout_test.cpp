#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/autograd/gradcheck.hpp"
#include "tercet/ops/dropout.hpp"

#include <algorithm>
#include <cmath>

using namespace tercet;
using D = Tensor<double>;

TEST_CASE("dropout zeroes its share of elements and scales the rest", "[ops]") {
    Generator generator(1);
    const auto x = Tensor<float>::ones({100000});
    for (const double p : {0.1, 0.5, 0.9}) {
        const auto y = dropout(x, p, generator);
        const auto dropped = std::count(y.span().begin(), y.span().end(), 0.f);
        CHECK(static_cast<double>(dropped) / 1e5 == Approx(p).margin(0.006));
        for (const float v : y.span()) REQUIRE((v == 0 || v == static_cast<float>(1 / (1 - p))));
    }
}

TEST_CASE("dropout drops the same elements for a seed, on any number of threads", "[ops]") {
    std::vector<float> first;
    for_each_thread_count([&] {
        Generator generator(5);
        const auto y = dropout(Tensor<float>::ones({300, 401}), 0.3, generator).to_vector();
        if (first.empty()) first = y;
        CHECK(first == y);
    });
}

TEST_CASE("dropout: the gradient passes where the element did", "[ops]") {
    CHECK(gradcheck(
              [](std::vector<D>& v) {
                  Generator generator(7);
                  return dropout(v[0], 0.4, generator);
              },
              {D::linspace(-1, 1, 20).reshape({4, 5})}) <= 1e-6);
    Generator generator(1);
    auto x = D::ones({3}).requires_grad();
    const auto same = dropout(x, 0, generator);
    CHECK(same.needs_grad());
    CHECK(generator.position() == 0);
}

TEST_CASE("dropout refuses what is no probability below one", "[ops]") {
    Generator generator(1);
    const auto x = D::ones({3});
    CHECK_ERROR(dropout(x, 1, generator), ErrorCode::invalid_argument);
    CHECK_ERROR(dropout(x, -0.1, generator), ErrorCode::invalid_argument);
    CHECK_ERROR(dropout(x, std::nan(""), generator), ErrorCode::invalid_argument);
}
