// exp, tanh, log, sin, cos, erf and what is made of them, in float, of every instruction set: against the C library in double over the whole range
// of bit patterns, and against the validation sets that NumPy carries.
#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/backend/backend.hpp"

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <vector>

using namespace tercet;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity(), nan_value = std::numeric_limits<float>::quiet_NaN();

double sigmoid(double x) {
    return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

struct Function {
    const char* name;
    UnaryOp op;
    double allowed;  // units in the last place
    double (*exact)(double);
    double tiny;  // absolute error for each |x|, in units of the smallest number: from a factor that is subnormal
};
const Function functions[] = {
    {"exp", UnaryOp::exp, 1.5, [](double x) { return std::exp(x); }, 0},
    {"tanh", UnaryOp::tanh, 1.5, [](double x) { return std::tanh(x); }, 0},
    {"log", UnaryOp::log, 1, [](double x) { return std::log(x); }, 0},
    {"sin", UnaryOp::sin, 2, [](double x) { return std::sin(x); }, 0},
    {"cos", UnaryOp::cos, 2, [](double x) { return std::cos(x); }, 0},
    {"erf", UnaryOp::erf, 2, [](double x) { return std::erf(x); }, 0},
    {"sigmoid", UnaryOp::sigmoid, 3, sigmoid, 0},
    {"silu", UnaryOp::silu, 4, [](double x) { return x * sigmoid(x); }, 1},
    {"gelu", UnaryOp::gelu, 7, [](double x) { return x * 0.5 * std::erfc(-x * 0.70710678118654752); }, 1},
    {"log1p", UnaryOp::log1p, 4, [](double x) { return std::log1p(x); }, 0},
    {"expm1", UnaryOp::expm1, 4, [](double x) { return std::expm1(x); }, 0},
    {"log_sigmoid", UnaryOp::log_sigmoid, 4, [](double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::fabs(x))); }, 0},
    {"sqrt", UnaryOp::sqrt, 0.51, [](double x) { return std::sqrt(x); }, 0},
};

// |got − exact| in units of the last place of the exact number; 0 where both are NaN, or the same infinity.
double ulps(float got, double exact) {
    const float rounded = static_cast<float>(exact);
    if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : 1e9;
    if (got == rounded) return std::fabs(static_cast<double>(got) - exact) > 0 && std::isfinite(got) ? 0.5 : 0;
    const float most = std::numeric_limits<float>::max();
    if (std::isinf(got) || std::isinf(rounded)) return std::fabs(std::isinf(got) ? rounded : got) == most ? 1 : 1e9;
    const float magnitude = std::min(std::max(std::fabs(rounded), std::numeric_limits<float>::min()), std::nextafter(most, 0.f));
    return std::fabs(static_cast<double>(got) - exact) / (static_cast<double>(std::nextafter(magnitude, infinity)) - static_cast<double>(magnitude));
}

std::vector<float> values_of(UnaryOp op, const std::vector<float>& x) {
    std::vector<float> y(x.size());
    cpu::Backend::unary(op, y.data(), x.data(), static_cast<index_t>(x.size()));
    return y;
}

void check(const Function& f, const std::vector<float>& x) {
    std::vector<double> exact(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) exact[i] = f.exact(static_cast<double>(x[i]));
    for_each_isa([&] {
        const auto y = values_of(f.op, x);
        double worst = 0;
        std::size_t at = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double tiny = f.tiny * std::fabs(static_cast<double>(x[i])) * static_cast<double>(std::numeric_limits<float>::denorm_min());
            const double off = std::fabs(static_cast<double>(y[i]) - exact[i]) <= tiny ? 0 : ulps(y[i], exact[i]);
            if (off > worst) {
                worst = off;
                at = i;
            }
        }
        INFO(f.name << " is " << worst << " ulp off at " << x[at] << ": " << y[at] << ", not " << exact[at]);
        CHECK(worst <= f.allowed);
    });
}

}  // namespace

TEST_CASE("functions of a float are right to a few units in the last place over the whole range", "[backend]") {
    std::vector<float> x;
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 1021) x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    for (const Function& f : functions) check(f, x);
}

TEST_CASE("functions of a float at the borders of their ranges", "[backend]") {
    std::vector<float> x;
    const float borders[] = {0,           1.17549435e-38f, 1e-30f,     1e-10f, 0.7f,   1,      0.70710678f,  1.41421356f, 0.78539816f,
                             1.57079633f, 3.14159265f,     15,         40,     86.64f, 87.33f, 88.02f,       88.72284f,   89,
                             102.97f,     103.28f,         103.97208f, 104,    1.3e7f, 1e10f,  3.4028235e38f};
    for (const float border : borders) {
        float below = border, above = border;
        for (int step = 0; step < 40; ++step) {
            for (const float v : {below, above, -below, -above}) x.push_back(v);
            below = std::nextafter(below, -infinity);
            above = std::nextafter(above, infinity);
        }
    }
    for (const float v : {infinity, -infinity, nan_value, -nan_value}) x.push_back(v);
    for (const Function& f : functions) check(f, x);
}

TEST_CASE("infinities, NaN and signed zeros through the functions", "[backend]") {
    for_each_isa([] {
        for (const std::size_t n : {std::size_t{1}, std::size_t{3}, std::size_t{16}, std::size_t{35}}) {  // single lanes and whole vectors
            const auto all = [&](UnaryOp op, float x, auto holds) {
                for (const float y : values_of(op, std::vector<float>(n, x))) {
                    INFO(static_cast<int>(op) << " of " << x << " is " << y);
                    CHECK(holds(y));
                }
            };
            const auto is = [](float expected) { return [expected](float y) { return y == expected && std::signbit(y) == std::signbit(expected); }; };
            const auto is_nan = [](float y) { return y != y; };
            all(UnaryOp::exp, infinity, is(infinity));
            all(UnaryOp::exp, -infinity, is(0.f));
            all(UnaryOp::exp, -0.f, is(1.f));
            all(UnaryOp::tanh, infinity, is(1.f));
            all(UnaryOp::tanh, -infinity, is(-1.f));
            all(UnaryOp::log, 0.f, is(-infinity));
            all(UnaryOp::log, -0.f, is(-infinity));
            all(UnaryOp::log, infinity, is(infinity));
            all(UnaryOp::log, -1.f, is_nan);
            all(UnaryOp::sin, infinity, is_nan);
            all(UnaryOp::cos, -infinity, is_nan);
            all(UnaryOp::erf, infinity, is(1.f));
            all(UnaryOp::sigmoid, -infinity, is(0.f));
            all(UnaryOp::sigmoid, infinity, is(1.f));
            all(UnaryOp::silu, infinity, is(infinity));
            all(UnaryOp::gelu, infinity, is(infinity));
            all(UnaryOp::gelu_tanh, infinity, is(infinity));
            for (const UnaryOp op : {UnaryOp::tanh, UnaryOp::sin, UnaryOp::erf, UnaryOp::gelu, UnaryOp::silu}) {
                all(op, 0.f, is(0.f));
                all(op, -0.f, is(-0.f));
            }
            for (const Function& f : functions) all(f.op, nan_value, is_nan);
        }
    });
}

TEST_CASE("a function's bits do not depend on where in a vector its argument stands", "[backend]") {
    std::vector<float> x;
    for (int i = 0; i < 997; ++i) x.push_back(std::ldexp(static_cast<float>(i % 61 - 30), i % 37 - 30));
    for_each_isa([&] {
        for (int op = 0; op < static_cast<int>(UnaryOp::count); ++op) {
            INFO(op);
            const auto together = values_of(static_cast<UnaryOp>(op), x);
            std::size_t different = 0;
            for (std::size_t i = 0; i < x.size(); ++i) {
                float alone = 0;
                cpu::Backend::unary(static_cast<UnaryOp>(op), &alone, &x[i], 1);
                different += alone == together[i] || (alone != alone && together[i] != together[i]) ? 0 : 1;
            }
            CHECK(different == 0);
        }
    });
}

TEST_CASE("gelu keeps its relative accuracy where it is small", "[backend]") {
    std::vector<float> x;
    for (float v = -12.5f; v < -1; v += 1.f / 4096) x.push_back(v);
    for (const Function& f : functions)
        if (f.op == UnaryOp::gelu) check(f, x);
}

namespace {

// The arguments and results of a file of NumPy's, as bits in hexadecimal.
template <class T, class Bits>
std::pair<std::vector<T>, std::vector<T>> validation_set(const std::string& name) {
    std::ifstream file(std::string(TERCET_TEST_DATA) + "/umath/" + name + ".txt");
    std::vector<T> x, expected;
    for (Bits in = 0, out = 0; file >> std::hex >> in >> out;) {
        x.push_back(std::bit_cast<T>(in));
        expected.push_back(std::bit_cast<T>(out));
    }
    REQUIRE(x.size() > 100);
    return {x, expected};
}

// How many doubles lie between two; none where both are NaN.
double doubles_between(double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b) ? 0 : 1e18;
    const auto place = [](double v) {
        const auto bits = std::bit_cast<std::int64_t>(v);
        return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
    };
    return std::fabs(static_cast<double>(place(a)) - static_cast<double>(place(b)));
}

const std::pair<const char*, UnaryOp> validation_sets[] = {
    {"exp", UnaryOp::exp}, {"tanh", UnaryOp::tanh}, {"log", UnaryOp::log}, {"sin", UnaryOp::sin}, {"cos", UnaryOp::cos}};

}  // namespace

TEST_CASE("exp, tanh, log, sin and cos equal NumPy's validation sets", "[backend]") {
    for (const auto& [name, op] : validation_sets) {
        INFO(name);
        const auto [x, expected] = validation_set<float, std::uint32_t>(name);
        for_each_isa([&, &x = x, &expected = expected, op = op] {
            const auto y = values_of(op, x);
            for (std::size_t i = 0; i < x.size(); ++i) {
                INFO(x[i] << " gives " << y[i] << ", not " << expected[i]);
                CHECK(ulps(y[i], static_cast<double>(expected[i])) <= 2);
            }
        });
    }
}

TEST_CASE("exp, tanh, log, sin and cos of doubles equal NumPy's validation sets", "[backend]") {
    for (const auto& [name, op] : validation_sets) {
        INFO(name);
        const auto [x, expected] = validation_set<double, std::uint64_t>(std::string(name) + "64");
        for_each_isa([&, &x = x, &expected = expected, op = op] {
            std::vector<double> y(x.size());
            cpu::Backend::unary(op, y.data(), x.data(), static_cast<index_t>(x.size()));
            for (std::size_t i = 0; i < x.size(); ++i) {
                INFO(x[i] << " gives " << y[i] << ", not " << expected[i]);
                CHECK(doubles_between(y[i], expected[i]) <= 2);
            }
        });
    }
}
