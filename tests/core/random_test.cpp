#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/core/random.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

using namespace tercet;

namespace {

template <class T>
std::uint64_t hash_of(const std::vector<T>& values) {  // FNV-1a over the bytes
    std::uint64_t hash = 14695981039346656037u;
    for (const T& value : values) {
        unsigned char bytes[sizeof(T)];
        std::memcpy(bytes, &value, sizeof(T));
        for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211u;
    }
    return hash;
}

template <class T>
std::vector<T> normals(std::uint64_t seed, index_t n) {
    Generator generator(seed);
    std::vector<T> out(static_cast<std::size_t>(n));
    generator.fill_normal(out.data(), n);
    return out;
}
template <class T>
std::vector<T> uniforms(std::uint64_t seed, index_t n) {
    Generator generator(seed);
    std::vector<T> out(static_cast<std::size_t>(n));
    generator.fill_uniform(out.data(), n);
    return out;
}

}  // namespace

TEST_CASE("philox gives the known answers of its authors", "[core]") {
    // kat_vectors of Random123 (Salmon et al.), philox4x32 with 10 rounds.
    using Words = std::array<std::uint32_t, 4>;
    CHECK(philox({0, 0, 0, 0}, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) == Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the numbers are the same on every platform and for any number of threads", "[core]") {
    for_each_thread_count([] {
        CHECK(hash_of(uniforms<float>(42, 100003)) == 1607919267596128120u);
        CHECK(hash_of(uniforms<double>(42, 100003)) == 14120680648994848811u);
        CHECK(hash_of(normals<float>(42, 100003)) == 16367135962026252712u);
        CHECK(hash_of(normals<double>(42, 100003)) == 10974521592994497692u);
    });
    const auto first = normals<double>(0, 4);
    CHECK(first[0] == -0x1.f1bcd549837c2p-4);
    CHECK(first[1] == -0x1.599bbd8a9eda7p+0);
    CHECK(first[2] == -0x1.4f5b54df97ef4p-4);
    CHECK(first[3] == -0x1.c81bafe55414cp-3);
    Generator generator(7);
    CHECK(generator.next_u32() == 0xf4607a2d);
    CHECK(generator.next_u64() == 0x682e8e9bcb97bc13);
    CHECK(generator.position() == 2);
}

TEST_CASE("uniform numbers lie in [0, 1) and fill it evenly", "[core]") {
    const index_t n = 400000;
    const auto x = uniforms<float>(3, n);
    double sum = 0, squares = 0;
    std::vector<int> bins(20);
    for (const float u : x) {
        REQUIRE((u >= 0 && u < 1));
        sum += static_cast<double>(u);
        squares += static_cast<double>(u) * static_cast<double>(u);
        ++bins[static_cast<std::size_t>(u * 20)];
    }
    const double mean = sum / n;
    CHECK(mean == Approx(0.5).margin(4 * 0.2887 / std::sqrt(n)));
    CHECK(squares / n - mean * mean == Approx(1.0 / 12).margin(0.001));
    double chi = 0;
    for (const int b : bins) chi += (b - n / 20.0) * (b - n / 20.0) / (n / 20.0);
    CHECK(chi < 44);  // 19 degrees of freedom: 0.1 % of true ones lie above 43.8

    Generator generator(4);
    for (int i = 0; i < 1000; ++i) {
        const double u = generator.uniform();
        REQUIRE((u >= 0 && u < 1 && u * 0x1p53 == std::floor(u * 0x1p53)));
    }
}

TEST_CASE("normal numbers have the normal distribution's moments and tails", "[core]") {
    const index_t n = 400000;
    const auto x = normals<double>(5, n);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    int beyond1 = 0, beyond3 = 0;
    for (const double v : x) {
        REQUIRE(std::isfinite(v));
        m1 += v;
        m2 += v * v;
        m3 += v * v * v;
        m4 += v * v * v * v;
        beyond1 += std::abs(v) > 1;
        beyond3 += std::abs(v) > 3;
    }
    const double root = std::sqrt(n);
    CHECK(m1 / n == Approx(0).margin(4 / root));
    CHECK(m2 / n == Approx(1).margin(4 * std::sqrt(2.0) / root));
    CHECK(m3 / n == Approx(0).margin(4 * std::sqrt(15.0) / root));
    CHECK(m4 / n == Approx(3).margin(4 * std::sqrt(96.0) / root));
    CHECK(beyond1 / static_cast<double>(n) == Approx(0.317311).margin(0.003));
    CHECK(beyond3 / static_cast<double>(n) == Approx(0.0026998).margin(0.00035));
    double pairs = 0;
    for (std::size_t i = 0; i + 1 < x.size(); ++i) pairs += x[i] * x[i + 1];
    CHECK(pairs / n == Approx(0).margin(4 / root));
}

TEST_CASE("the portable logarithm and circle agree with the C library", "[core]") {
    double worst_log = 0, worst_circle = 0;
    Generator generator(6);
    for (int i = 0; i < 100000; ++i) {
        const double u = i < 1000 ? std::ldexp(1 + i / 1000.0, -(i % 53) - 1) : generator.uniform() + 0x1p-53;
        const double expected = std::log(u);
        if (expected != 0) worst_log = std::max(worst_log, std::abs(detail::portable_log(u) - expected) / std::abs(expected));
        const double t = generator.uniform();
        double c = 0, s = 0;
        detail::portable_cos_sin(t, c, s);
        worst_circle = std::max({worst_circle, std::abs(c - std::cos(6.283185307179586 * t)), std::abs(s - std::sin(6.283185307179586 * t))});
    }
    INFO("log " << worst_log << " relative, cos and sin " << worst_circle);
    CHECK(worst_log < 1e-15);
    CHECK(worst_circle < 1e-15);
    CHECK(detail::portable_log(1.0) == 0);
    double c = 0, s = 0;
    detail::portable_cos_sin(0.25, c, s);
    CHECK(c == 0);
    CHECK(s == 1);
}

TEST_CASE("a stream goes on where its position says", "[core]") {
    Generator whole(9);
    std::vector<float> a(1000), b(1000);
    whole.fill_normal(a.data(), 600);
    const Generator saved(whole.seed(), whole.position());
    whole.fill_normal(a.data() + 600, 400);
    Generator resumed = saved;
    resumed.fill_normal(b.data() + 600, 400);
    CHECK(std::equal(a.begin() + 600, a.end(), b.begin() + 600));
    CHECK(whole.position() == resumed.position());

    Generator one(1), two(2);
    CHECK(one.next_u64() != two.next_u64());
    CHECK(one.next_u64() != Generator(1).next_u64());
}

TEST_CASE("below gives every number under its bound, without bias", "[core]") {
    Generator generator(11);
    std::vector<int> seen(7);
    for (int i = 0; i < 70000; ++i) ++seen[static_cast<std::size_t>(generator.below(7))];
    double chi = 0;
    for (const int s : seen) chi += (s - 10000.0) * (s - 10000.0) / 10000.0;
    CHECK(chi < 22.5);  // 6 degrees of freedom, 0.1 %
    CHECK(generator.below(1) == 0);
    for (int i = 0; i < 100; ++i) CHECK(generator.below((std::uint64_t{1} << 63) + 1) <= std::uint64_t{1} << 63);
    CHECK_ERROR(generator.below(0), ErrorCode::invalid_argument);
}

TEST_CASE("manual_seed starts this thread's stream anew", "[core]") {
    manual_seed(123);
    const auto first = default_generator().next_u64();
    default_generator().next_u64();
    manual_seed(123);
    CHECK(default_generator().next_u64() == first);
    CHECK(Generator(123).next_u64() == first);
}
