// The elementwise kernels of every instruction set, against the scalar functors in wider arithmetic.
#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/backend/backend.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace tercet;

namespace {

template <class T>
using Wider = std::conditional_t<std::is_same_v<T, float>, double, long double>;

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T nan_of = std::numeric_limits<T>::quiet_NaN();

const char* const unary_names[] = {
#define NAME(entry, functor) #entry,
    TERCET_UNARY_OPS(NAME)
#undef NAME
};

// f and f' as the functors say, in wider arithmetic.
template <class W>
W reference(UnaryOp op, W x) {
    switch (op) {
#define CASE(entry, functor) \
    case UnaryOp::entry: return scalar::functor::f(x);
        TERCET_UNARY_OPS(CASE)
#undef CASE
    default: return 0;
    }
}
template <class W>
W derivative(UnaryOp op, W x) {
    switch (op) {
#define CASE(entry, functor) \
    case UnaryOp::entry: return scalar::functor::df(x, scalar::functor::f(x));
        TERCET_UNARY_OPS(CASE)
#undef CASE
    default: return 0;
    }
}
template <class W>
W reference(BinaryOp op, W a, W b) {
    switch (op) {
#define CASE(entry, functor) \
    case BinaryOp::entry: return scalar::functor::f(a, b);
        TERCET_BINARY_OPS(CASE)
#undef CASE
    default: return 0;
    }
}

// |got − expected| in units in the last place of the expected number; 0 where both are NaN, or overflow to the same infinity.
template <class T>
double ulps(T got, Wider<T> expected) {
    const T rounded = static_cast<T>(expected);
    if (std::isnan(expected)) return std::isnan(got) ? 0 : 1e9;
    if (std::isnan(got)) return 1e9;
    if (std::isinf(rounded) || std::isinf(got)) {
        if (got == rounded) return 0;
        // At the border of the range either the largest number or infinity may come out.
        return std::signbit(got) == std::signbit(rounded) &&
                       std::fabs(std::isinf(got) ? expected : Wider<T>(got)) > std::numeric_limits<T>::max() * Wider<T>(0.999999)
                   ? 0
                   : 1e9;
    }
    const T magnitude = std::max(std::fabs(rounded), std::numeric_limits<T>::min());
    const Wider<T> unit = static_cast<Wider<T>>(std::nextafter(magnitude, infinity<T>)) - static_cast<Wider<T>>(magnitude);
    return static_cast<double>(std::fabs(static_cast<Wider<T>>(got) - expected) / unit);
}

// Finite numbers of all magnitudes, the small and middling ones more often, and the special ones.
template <class T>
std::vector<T> many_numbers(std::size_t count) {
    std::vector<T> x = {0,
                        -T(0),
                        1,
                        -1,
                        T(0.5),
                        2,
                        -2,
                        infinity<T>,
                        -infinity<T>,
                        nan_of<T>,
                        std::numeric_limits<T>::min(),
                        -std::numeric_limits<T>::min(),
                        std::numeric_limits<T>::denorm_min(),
                        -std::numeric_limits<T>::denorm_min(),
                        std::numeric_limits<T>::max(),
                        -std::numeric_limits<T>::max(),
                        T(88.7),
                        T(88.8),
                        T(-87.4),
                        T(-103.9),
                        T(-104.1),
                        T(709.7),
                        T(709.9),
                        T(-745),
                        T(-746)};
    std::mt19937_64 random(5);
    std::uniform_real_distribution<double> narrow(-10, 10), wide(-120, 120), exponent(-45, 38), unit(-1.5, 1.5);
    while (x.size() < count) {
        const double pick[] = {narrow(random), wide(random), unit(random), std::pow(10.0, exponent(random)) * (random() % 2 ? 1 : -1)};
        x.push_back(static_cast<T>(pick[random() % 4]));
    }
    return x;
}

}  // namespace

TEMPLATE_TEST_CASE("each unary kernel equals its formula, for all kinds of numbers", "[backend]", float, double) {
    using T = TestType;
    struct Bound {
        UnaryOp op;
        double relative_ulps;                                  // where |f| is not tiny by cancellation
        double (*growth)(double) = [](double) { return 0.; };  // and further ulps for an x, where the exponent's rounding counts
    };
    // Float and double alike: neg to reciprocal are one or two operations; the rest are what the polynomials (float) and libm (double) give.
    const Bound bounds[] = {
        {UnaryOp::neg, 0},
        {UnaryOp::abs, 0},
        {UnaryOp::square, 0.51},
        {UnaryOp::sqrt, 0.51},
        {UnaryOp::rsqrt, 1.51},
        {UnaryOp::reciprocal, 0.51},
        {UnaryOp::exp, 2},
        {UnaryOp::log, 2},
        {UnaryOp::sin, 2},
        {UnaryOp::cos, 2},
        {UnaryOp::tanh, 2.2},
        {UnaryOp::erf, 2},
        {UnaryOp::sigmoid, 3},
        {UnaryOp::relu, 0},
        {UnaryOp::gelu, 7, [](double v) { return sizeof(T) == 8 ? v * v : 0; }},  // the C library's erfc(x/√2)
        {UnaryOp::gelu_tanh, 4, [](double v) { return 3 * std::fabs(1.6 * v + 0.0714 * v * v * v); }},
        {UnaryOp::silu, 4},
        {UnaryOp::log1p, 4},
        {UnaryOp::expm1, 4},
        {UnaryOp::quick_gelu, 4, [](double v) { return 2 * std::fabs(v); }},
        {UnaryOp::log_sigmoid, 4},
        {UnaryOp::softplus, 4},
        {UnaryOp::mish, 6},
        {UnaryOp::relu6, 0},
        {UnaryOp::hardswish, 4},
    };
    const auto x = many_numbers<T>(std::is_same_v<T, float> ? 60000 : 20000);
    for_each_isa([&] {
        for (const Bound& bound : bounds) {
            std::vector<T> y(x.size());
            cpu::Backend::unary(bound.op, y.data(), x.data(), static_cast<index_t>(x.size()));
            double worst = 0;
            T at = 0;
            for (std::size_t i = 0; i < x.size(); ++i) {
                const auto expected = reference(bound.op, static_cast<Wider<T>>(x[i]));
                double off = ulps(y[i], expected);
                const Wider<T> magnitude = std::fabs(static_cast<Wider<T>>(x[i])), error = std::fabs(static_cast<Wider<T>>(y[i]) - expected);
                // x times a factor that is subnormal
                if (x[i] < -1 && error <= 2 * magnitude * std::numeric_limits<T>::denorm_min()) off = 0;
                if (std::isfinite(x[i])) off = std::max(0., off - bound.growth(static_cast<double>(x[i])));
                if (off > worst) {
                    worst = off;
                    at = x[i];
                }
            }
            INFO(unary_names[static_cast<int>(bound.op)] << " is " << worst << " ulp off at " << at << ": " << reference(bound.op, at));
            CHECK(worst <= bound.relative_ulps);
        }
    });
}

TEMPLATE_TEST_CASE("each unary kernel's backward adds dy times the formula's derivative", "[backend]", float, double) {
    using T = TestType;
    std::mt19937 random(3);
    std::uniform_real_distribution<double> spread(-6, 6);
    std::vector<T> x(5000), dy(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = static_cast<T>(spread(random));
        dy[i] = static_cast<T>(spread(random));
    }
    for_each_isa([&] {
        for (int op = 0; op < static_cast<int>(UnaryOp::count); ++op) {
            const auto unary_op = static_cast<UnaryOp>(op);
            auto positive = x;
            if (unary_op == UnaryOp::sqrt || unary_op == UnaryOp::rsqrt || unary_op == UnaryOp::log || unary_op == UnaryOp::reciprocal)
                for (T& v : positive) v = std::fabs(v) + T(0.1);
            const bool add = op % 2 == 0 || sizeof(T) == 8;  // each way for each op: float writes every second one
            std::vector<T> y(x.size()), dx(x.size(), add ? T(0.25) : std::numeric_limits<T>::quiet_NaN());
            const auto n = static_cast<index_t>(x.size());
            cpu::Backend::unary(unary_op, y.data(), positive.data(), n);
            cpu::Backend::unary_backward(unary_op, dx.data(), dy.data(), positive.data(), y.data(), n, add);
            double worst = 0;
            for (std::size_t i = 0; i < x.size(); ++i) {
                const auto expected =
                    Wider<T>(add ? 0.25 : 0) + static_cast<Wider<T>>(dy[i]) * derivative(unary_op, static_cast<Wider<T>>(positive[i]));
                const auto scale = std::max<Wider<T>>(1, std::fabs(expected)) * std::numeric_limits<T>::epsilon();
                const auto off = static_cast<double>(std::fabs(static_cast<Wider<T>>(dx[i]) - expected) / scale);
                if (!(off <= worst)) worst = std::isnan(off) ? HUGE_VAL : off;
            }
            INFO(unary_names[op] << ": " << worst << " epsilon off");
            // 1 − tanh² cancels where tanh nears 1, and gelu_tanh multiplies what is left by 0.1 x³.
            CHECK(worst <= (unary_op == UnaryOp::gelu_tanh ? 128 : unary_op == UnaryOp::tanh ? 32 : 16));
        }
    });
}

TEMPLATE_TEST_CASE("kernels of any length and alignment write their elements and no others", "[backend]", float, double) {
    using T = TestType;
    const auto x = many_numbers<T>(200), z = many_numbers<T>(331);
    for_each_isa([&] {
        const auto& kernels = cpu::kernels<T>();
        for (index_t n = 0; n <= 67; ++n)
            for (index_t shift = 0; shift < 3; ++shift) {
                std::vector<T> y(80, T(7)), whole(x.size());
                const T* from = x.data() + 3 - shift;
                for (const bool past_caches : {false, true}) {
                    for (const UnaryOp op : {UnaryOp::exp, UnaryOp::gelu}) {
                        std::fill(y.begin(), y.end(), T(7));
                        kernels.unary[static_cast<int>(op)](y.data() + 1 + shift, from, n, past_caches);
                        cpu::kernel_set().stream.end();
                        kernels.unary[static_cast<int>(op)](whole.data(), from, static_cast<index_t>(x.size()) - 3, false);
                        REQUIRE(std::memcmp(y.data() + 1 + shift, whole.data(), static_cast<std::size_t>(n) * sizeof(T)) ==
                                0);  // the same bits wherever it stands
                        REQUIRE(y[static_cast<std::size_t>(shift)] == 7);
                        REQUIRE(y[static_cast<std::size_t>(1 + shift + n)] == 7);
                    }
                    std::fill(y.begin(), y.end(), T(7));
                    kernels.binary[static_cast<int>(BinaryOp::add)](y.data() + 1 + shift, from, z.data() + 100, n, 1, 1, past_caches);
                    cpu::kernel_set().stream.end();
                    for (index_t i = 0; i < n; ++i) {
                        const T expected = from[i] + z[static_cast<std::size_t>(100 + i)], got = y[static_cast<std::size_t>(1 + shift + i)];
                        REQUIRE((got == expected || (got != got && expected != expected)));
                    }
                    REQUIRE(y[static_cast<std::size_t>(shift)] == 7);
                    REQUIRE(y[static_cast<std::size_t>(1 + shift + n)] == 7);
                }

                std::fill(y.begin(), y.end(), T(7));
                kernels.add_scaled(y.data() + 1 + shift, z.data() + 100, T(0.5), n);
                for (index_t i = 0; i < n; ++i)
                    REQUIRE(ulps<T>(y[static_cast<std::size_t>(1 + shift + i)],
                                    Wider<T>(7) + Wider<T>(0.5) * Wider<T>(z[static_cast<std::size_t>(100 + i)])) <= 0.51);
                REQUIRE(y[static_cast<std::size_t>(1 + shift + n)] == 7);
            }
    });
}

TEMPLATE_TEST_CASE("each binary kernel equals its formula, NaN and infinities included", "[backend]", float, double) {
    using T = TestType;
    const char* const names[] = {"add", "sub", "mul", "div", "maximum", "minimum", "pow"};
    auto a = many_numbers<T>(3000), b = many_numbers<T>(3011);
    b.erase(b.begin(), b.begin() + 11);
    const auto n = static_cast<index_t>(a.size());
    for_each_isa([&] {
        for (int op = 0; op < static_cast<int>(BinaryOp::count); ++op) {
            const auto binary_op = static_cast<BinaryOp>(op);
            const double allowed = binary_op == BinaryOp::pow ? 2 : binary_op == BinaryOp::maximum || binary_op == BinaryOp::minimum ? 0 : 0.51;
            const auto check = [&](index_t a_step, index_t b_step) {
                std::vector<T> y(a.size());
                cpu::kernels<T>().binary[op](y.data(), a.data() + 5, b.data() + 9, n - 9, a_step, b_step, false);
                double worst = 0;
                for (index_t i = 0; i < n - 9; ++i) {
                    const T left = a[static_cast<std::size_t>(5 + i * a_step)], right = b[static_cast<std::size_t>(9 + i * b_step)];
                    worst = std::max(
                        worst, ulps(y[static_cast<std::size_t>(i)], reference(binary_op, static_cast<Wider<T>>(left), static_cast<Wider<T>>(right))));
                }
                INFO(names[op] << " with steps " << a_step << ", " << b_step << ": " << worst << " ulp");
                CHECK(worst <= allowed);
            };
            check(1, 1);
            check(0, 1);
            check(1, 0);
            check(0, 0);
        }
    });
}

TEMPLATE_TEST_CASE("the absolute value of minus zero is zero", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        const std::vector<T> x(19, -T(0));
        std::vector<T> y(19);
        cpu::Backend::unary(UnaryOp::abs, y.data(), x.data(), 19);
        CHECK(std::none_of(y.begin(), y.end(), [](T v) { return std::signbit(v); }));
    });
}

TEMPLATE_TEST_CASE("maximum and minimum give NaN when either is", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const BinaryOp op : {BinaryOp::maximum, BinaryOp::minimum}) {
            std::vector<T> a(40, T(1)), b(40, nan_of<T>), y(40);
            cpu::kernels<T>().binary[static_cast<int>(op)](y.data(), a.data(), b.data(), 40, 1, 1, false);
            CHECK(std::all_of(y.begin(), y.end(), [](T v) { return v != v; }));
            cpu::kernels<T>().binary[static_cast<int>(op)](y.data(), b.data(), a.data(), 40, 1, 1, false);
            CHECK(std::all_of(y.begin(), y.end(), [](T v) { return v != v; }));
        }
    });
}

TEMPLATE_TEST_CASE("a kernel may write over an operand", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        std::vector<T> x(37);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i + 1);
        auto y = x;
        cpu::kernels<T>().binary[static_cast<int>(BinaryOp::div)](y.data(), y.data(), y.data() + 1, 37, 1, 0,
                                                                  false);  // the divisor is written over on the way
        for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == x[i] / 2);
        cpu::kernels<T>().unary[static_cast<int>(UnaryOp::neg)](y.data(), y.data(), 37, false);
        for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == -x[i] / 2);
    });
}

TEST_CASE("integers and halves compute too: wrapping, dividing towards zero, never trapping", "[backend]") {
    const auto i8 = [](BinaryOp op, int a, int b) {
        std::int8_t x = static_cast<std::int8_t>(a), y = static_cast<std::int8_t>(b), out = 0;
        cpu::Backend::binary(op, &out, &x, &y, Shape{1}, Shape{1}, Shape{1});
        return static_cast<int>(out);
    };
    CHECK(i8(BinaryOp::add, 127, 1) == -128);
    CHECK(i8(BinaryOp::sub, -128, 1) == 127);
    CHECK(i8(BinaryOp::mul, 100, 3) == 44);
    CHECK(i8(BinaryOp::div, -7, 2) == -3);
    CHECK(i8(BinaryOp::div, 7, 0) == 0);
    CHECK(i8(BinaryOp::div, -128, -1) == -128);
    CHECK(i8(BinaryOp::pow, 3, 4) == 81);
    CHECK(i8(BinaryOp::pow, -2, 3) == -8);
    CHECK(i8(BinaryOp::maximum, -3, 2) == 2);
    CHECK(i8(BinaryOp::minimum, -3, 2) == -3);

    const auto i64 = [](BinaryOp op, std::int64_t a, std::int64_t b) {
        std::int64_t out = 0;
        cpu::Backend::binary(op, &out, &a, &b, Shape{1}, Shape{1}, Shape{1});
        return out;
    };
    constexpr auto low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
    CHECK(i64(BinaryOp::add, high, 1) == low);
    CHECK(i64(BinaryOp::mul, high, 2) == -2);
    CHECK(i64(BinaryOp::div, low, -1) == low);
    CHECK(i64(BinaryOp::pow, 7, 22) == 3909821048582988049);
    CHECK(i64(BinaryOp::pow, 7, -1) == 1);  // an exponent below zero counts as zero

    const auto i32 = [](UnaryOp op, std::int32_t a) {
        std::int32_t out = 0;
        cpu::Backend::unary(op, &out, &a, 1);
        return out;
    };
    CHECK(i32(UnaryOp::neg, std::numeric_limits<std::int32_t>::min()) == std::numeric_limits<std::int32_t>::min());
    CHECK(i32(UnaryOp::abs, -5) == 5);
    CHECK(i32(UnaryOp::square, 65536) == 0);
    CHECK(i32(UnaryOp::relu, -5) == 0);
    CHECK_ERROR(i32(UnaryOp::exp, 1), ErrorCode::dtype_mismatch);

    f16 half(1.5f), out;
    cpu::Backend::unary(UnaryOp::exp, &out, &half, 1);
    CHECK(static_cast<float>(out) == static_cast<float>(f16(std::exp(1.5f))));
    const bf16 third(1.f / 3), two(2.f);
    bf16 product;
    cpu::Backend::binary(BinaryOp::mul, &product, &third, &two, Shape{1}, Shape{1}, Shape{1});
    CHECK(static_cast<float>(product) == static_cast<float>(bf16(static_cast<float>(third) * 2)));
}
