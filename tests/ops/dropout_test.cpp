#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/autograd/gradcheck.hpp"
#include "tercet/ops/dropout.hpp"
#include "tercet/ops/elementwise.hpp"

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

TEMPLATE_TEST_CASE("dropout drops where the generator's uniform numbers are below p, and moves it on as drawing them does", "[ops]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t n : {0, 1, 3, 4, 5, 63, 64, 1023, 1025, 32768, 32771, 100003})
            for (const double p : {1e-9, 0.1, 0.5, 0.99, 1 - 1e-9}) {
                const std::uint64_t position = (std::uint64_t{1} << 32) - 5;  // the counter's lower word overflows
                Generator drawn(0x123456789abcdef, position), used = drawn;
                const auto u = Tensor<T>::rand({n}, drawn).to_vector();
                auto x = Tensor<T>::linspace(-1, 1, n).requires_grad();
                const auto y = dropout(x, p, used);
                CHECK(used.position() == drawn.position());
                const T scale = static_cast<T>(1 / (1 - p));
                std::vector<T> expected = x.detach().to_vector(), slope(u.size());
                for (std::size_t i = 0; i < u.size(); ++i) {
                    slope[i] = u[i] < static_cast<T>(p) ? T(0) : scale;
                    expected[i] *= slope[i];
                }
                CHECK(y.detach().to_vector() == expected);
                (y + y).backward(Tensor<T>::ones({n}));
                for (T& s : slope) s *= 2;
                CHECK(x.grad().to_vector() == slope);
            }
    });
}

TEST_CASE("dropout: strided inputs; a gradient that is there already is added to", "[ops]") {
    const auto x = D::linspace(-1, 1, 35).reshape({5, 7}).transpose();
    Generator one(3), other(3);
    CHECK(dropout(x, 0.5, one).to_vector() == dropout(x.clone(), 0.5, other).to_vector());
    CHECK(gradcheck(
              [](std::vector<D>& v) {
                  Generator generator(7);
                  return dropout(v[0], 0.4, generator) + dropout(v[0], 0.2, generator);
              },
              {x}) <= 1e-6);
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
