// The kernels of update rules. What they compute is held to PyTorch's numbers in tests/train; here, that the vectors of every instruction set do
// what a single lane does, on exactly the elements that they are given.
#include "support/isa.hpp"
#include "support/numbers.hpp"
#include "tercet/backend/backend.hpp"

#include <cmath>

using namespace tercet;

namespace {

constexpr index_t count = 83;

// Parameter, gradient and three of state, the last two positive.
template <class T>
struct Operands {
    std::vector<std::vector<T>> of;
    Operands() {
        for (unsigned i = 0; i < 5; ++i) {
            const auto x = numbers(count, 40 + i);
            of.emplace_back(x.begin(), x.end());
            if (i >= 3)
                for (T& v : of.back()) v = std::abs(v) + T(2);
        }
    }
    T* operator[](std::size_t i) { return of[i].data(); }
};

template <class T>
double largest_difference(const Operands<T>& a, const Operands<T>& b) {
    double worst = 0;
    for (std::size_t i = 0; i < a.of.size(); ++i)
        for (std::size_t j = 0; j < a.of[i].size(); ++j) {
            const double d = std::abs(static_cast<double>(a.of[i][j] - b.of[i][j])) / std::max(1.0, std::abs(static_cast<double>(b.of[i][j])));
            worst = std::isnan(d) ? HUGE_VAL : std::max(worst, d);
        }
    return worst;
}

// make(operands) gives the update.
template <class T, class F>
void check(const std::string& name, const F& make) {
    INFO(name);
    for_each_isa([&] {
        Operands<T> wide, single, part;
        const Operands<T> before;
        cpu::Backend::update(make(wide), count);
        for (index_t i = 0; i < count; ++i) cpu::kernels<T>().update.run(make(single), i, i + 1);
        CHECK(largest_difference(wide, single) <= 8 * static_cast<double>(std::numeric_limits<T>::epsilon()));
        CHECK(largest_difference(wide, before) > 0);
        cpu::kernels<T>().update.run(make(part), 5, count - 7);
        for (std::size_t i = 0; i < part.of.size(); ++i) {
            for (std::size_t j = 0; j < 5; ++j) CHECK(part.of[i][j] == before.of[i][j]);
            for (std::size_t j = size(count - 7); j < size(count); ++j) CHECK(part.of[i][j] == before.of[i][j]);
        }
        cpu::kernels<T>().update.run(make(part), count - 7, count);
        cpu::kernels<T>().update.run(make(part), 0, 5);
        CHECK(largest_difference(part, single) <= 8 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    });
}

}  // namespace

TEMPLATE_TEST_CASE("update kernels: vectors do what one lane does", "[backend]", float, double) {
    using T = TestType;
    using O = Operands<T>;
    const T rate = T(0.01), decay = T(0.1), eps = T(1e-8);
    for (const bool more : {false, true}) {
        check<T>("sgd", [&](O& o) { return SgdUpdate<T>{o[0], more ? o[2] : nullptr, o[1], rate, decay, T(0.9), T(0.8), T(0.9), more}; });
        check<T>("adam", [&](O& o) {
            return AdamUpdate<T>{o[0],  o[2],    o[3], more ? o[4] : nullptr, o[1], T(0.9), T(0.99),
                                 decay, T(0.95), rate, more ? rate : T(0),    T(2), eps,    true};
        });
        check<T>("adam, not adaptive", [&](O& o) {
            return AdamUpdate<T>{o[0], o[2], o[3], nullptr, o[1], T(0.9), T(0.99), decay, T(0.95), rate, more ? rate : T(0), T(2), eps, false};
        });
        check<T>("rmsprop", [&](O& o) {
            return RmsPropUpdate<T>{o[0], o[3], more ? o[2] : nullptr, more ? o[4] : nullptr, o[1], rate, T(0.9), T(0.1), decay, T(0.9), eps};
        });
    }
    check<T>("adamax", [&](O& o) { return AdamaxUpdate<T>{o[0], o[2], o[3], o[1], rate, T(0.9), T(0.3), decay, eps}; });
    check<T>("adagrad", [&](O& o) { return AdagradUpdate<T>{o[0], o[3], o[1], rate, decay, eps}; });
    check<T>("adadelta", [&](O& o) { return AdadeltaUpdate<T>{o[0], o[3], o[4], o[1], rate, T(0.9), T(0.1), decay, T(1e-6)}; });
    check<T>("lion", [&](O& o) { return LionUpdate<T>{o[0], o[2], o[1], rate, T(0.95), T(0.9), T(0.99)}; });
    check<T>("blend", [&](O& o) { return BlendUpdate<T>{o[0], o[1], T(0.9), T(0.1)}; });
}

TEMPLATE_TEST_CASE("update kernels: one step of AdamW is the paper's", "[backend]", float, double) {
    using T = TestType;
    const double rate = 1e-2, b1 = 0.9, b2 = 0.99, eps = 1e-8, decay = 0.1, c1 = 1 - std::pow(b1, 3), c2 = std::sqrt(1 - std::pow(b2, 3));
    for_each_isa([&] {
        Operands<T> got, want;
        cpu::Backend::update(AdamUpdate<T>{.x = got[0],
                                           .m = got[2],
                                           .v = got[3],
                                           .gradient = got[1],
                                           .beta1 = T(b1),
                                           .beta2 = T(b2),
                                           .shrink = T(1 - rate * decay),
                                           .momentum_rate = T(rate / c1),
                                           .root_scale = T(1 / c2),
                                           .eps = T(eps)},
                             count);
        for (index_t i = 0; i < count; ++i) {
            const auto g = static_cast<double>(want[1][i]);
            const double m = b1 * static_cast<double>(want[2][i]) + (1 - b1) * g, v = b2 * static_cast<double>(want[3][i]) + (1 - b2) * g * g;
            want[0][i] = static_cast<T>(static_cast<double>(want[0][i]) * (1 - rate * decay) - rate * (m / c1) / (std::sqrt(v) / c2 + eps));
            want[2][i] = static_cast<T>(m);
            want[3][i] = static_cast<T>(v);
        }
        CHECK(largest_difference(got, want) <= 8 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    });
}

TEMPLATE_TEST_CASE("update kernels: not a number stays one where there is a largest to be kept", "[backend]", float, double) {
    using T = TestType;
    const T nan = std::numeric_limits<T>::quiet_NaN();
    for_each_isa([&] {
        Operands<T> o;
        for (const index_t i : {index_t{3}, count - 1}) o[1][i] = nan;
        auto copy = o;
        cpu::Backend::update(AdamUpdate<T>{o[0], o[2], o[3], o[4], o[1], T(0.9), T(0.99), T(0), T(1), T(0.1), T(0), T(1), T(1e-8), true}, count);
        cpu::Backend::update(AdamaxUpdate<T>{copy[0], copy[2], copy[3], copy[1], T(0.1), T(0.9), T(0.99), T(0), T(1e-8)}, count);
        for (const index_t i : {index_t{3}, count - 1}) {
            CHECK(std::isnan(o[0][i]));
            CHECK(std::isnan(o[4][i]));
            CHECK(std::isnan(copy[0][i]));
            CHECK(std::isnan(copy[3][i]));
        }
        CHECK(std::isfinite(o[0][4]));
    });
}

TEMPLATE_TEST_CASE("update kernels: the step of a factored second moment", "[backend]", float, double) {
    using T = TestType;
    const index_t rows = 150, n = 47;  // more rows than one chunk has
    const auto given = numbers(rows * n, 6), at = numbers(rows * n, 7);
    const std::vector<T> g(given.begin(), given.end()), x(at.begin(), at.end());
    const double tolerance = 64 * static_cast<double>(std::numeric_limits<T>::epsilon());
    for_each_isa([&] {
        std::vector<T> row(size(rows)), column(size(n), T(1));
        cpu::Backend::add_squares(row.data(), column.data(), g.data(), rows, n);
        std::vector<double> row_sums(size(rows)), column_sums(size(n), 1);
        for (index_t i = 0; i < rows; ++i)
            for (index_t j = 0; j < n; ++j) {
                const double square = std::pow(static_cast<double>(g[size(i * n + j)]), 2);
                row_sums[size(i)] += square;
                column_sums[size(j)] += square;
            }
        for (index_t i = 0; i < rows; ++i) CHECK(static_cast<double>(row[size(i)]) == Approx(row_sums[size(i)]).epsilon(tolerance));
        for (index_t j = 0; j < n; ++j) CHECK(static_cast<double>(column[size(j)]) == Approx(column_sums[size(j)]).epsilon(tolerance));

        auto y = x;
        const double least = 5000, shrink = 0.9, rate = 0.1;  // some products of a row's and a column's sum are below it
        const FactoredUpdate<T> u{y.data(), g.data(), row.data(), column.data(), T(least), T(shrink), T(rate)};
        const double squares = cpu::Backend::factored_squares(u, rows, n);
        cpu::Backend::factored_step(u, rows, n);
        double want_squares = 0, worst = 0;
        for (index_t i = 0; i < rows; ++i)
            for (index_t j = 0; j < n; ++j) {
                const auto k = size(i * n + j);
                const double d = static_cast<double>(g[k]) / std::sqrt(std::max(row_sums[size(i)] * column_sums[size(j)], least));
                want_squares += d * d;
                worst = std::max(worst, std::abs(static_cast<double>(y[k]) - (static_cast<double>(x[k]) * shrink - rate * d)));
            }
        CHECK(squares == Approx(want_squares).epsilon(tolerance));
        CHECK(worst <= tolerance);
    });
}
