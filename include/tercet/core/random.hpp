// Random numbers from a counter: Philox-4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3).
//
// Number i of stream s under a seed is a pure function of (seed, s, i): no state is carried from one to the next, so a tensor is filled
// by any number of threads with the same numbers, and a resumed run goes on where it was by keeping two integers. Integers and uniform
// numbers are exact; normal numbers use +, −, ×, ÷ and sqrt in double, without contraction into FMA, so they too are the same everywhere,
// unless a program asks its compiler to break IEEE arithmetic (-ffast-math; with Clang also -ffp-contract=fast).
#pragma once

#include "tercet/core/parallel.hpp"

#include <array>
#include <bit>
#include <cmath>

namespace tercet::inline TERCET_ABI {

/// Four 32-bit words from a 128-bit counter and a 64-bit key: ten rounds of multiply and mix.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t key) {
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0], p1 = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
                   static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return counter;
}

namespace detail {

__extension__ using u128 = unsigned __int128;

#if defined(__clang__)
#define TERCET_NO_CONTRACTION _Pragma("clang fp contract(off)")
#else
#define TERCET_NO_CONTRACTION
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

// ln(x) for x in (0, 1]: x = m·2^e with m in [√½, √2), ln m = 2·artanh(s), s = (m − 1)/(m + 1). Relative error below 1e-15.
inline double portable_log(double x) {
    TERCET_NO_CONTRACTION
    int e = 0;
    double m = std::frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        --e;
    }
    const double s = (m - 1) / (m + 1), q = s * s;
    double sum = 0;
    for (int odd = 21; odd >= 1; odd -= 2) sum = sum * q + 1.0 / odd;
    return 2 * s * sum + e * 0.69314718055994531;
}

// cos(2πt) and sin(2πt) for t in [0, 1): the eighth of the circle is exact, the rest a Taylor series on |a| <= π/4.
inline void portable_cos_sin(double t, double& cosine, double& sine) {
    TERCET_NO_CONTRACTION
    const int quarter = static_cast<int>(t * 4 + 0.5);
    const double a = (t - quarter * 0.25) * 6.283185307179586, q = a * a;
    double c = 0, s = 0;
    for (int n = 16; n >= 2; n -= 2) c = (1 + c) * (-q / (n * (n - 1)));
    for (int n = 17; n >= 3; n -= 2) s = (1 + s) * (-q / (n * (n - 1)));
    c = 1 + c;
    s = a * (1 + s);
    switch (quarter & 3) {
    case 0: cosine = c, sine = s; break;
    case 1: cosine = -s, sine = c; break;
    case 2: cosine = -c, sine = -s; break;
    default: cosine = s, sine = -c; break;
    }
}

// Two standard normal numbers from four words (Box & Muller 1958).
inline std::array<double, 2> normal_pair(const std::array<std::uint32_t, 4>& words) {
    TERCET_NO_CONTRACTION
    const auto bits = [](std::uint32_t high, std::uint32_t low) { return (std::uint64_t{high} << 21) ^ (low >> 11); };
    const double u = static_cast<double>(bits(words[0], words[1]) + 1) * 0x1p-53;  // (0, 1]
    const double t = static_cast<double>(bits(words[2], words[3])) * 0x1p-53;      // [0, 1)
    const double radius = std::sqrt(-2 * portable_log(u));
    double c = 0, s = 0;
    portable_cos_sin(t, c, s);
    return {radius * c, radius * s};
}

#if !defined(__clang__)
#pragma GCC pop_options
#endif
#undef TERCET_NO_CONTRACTION

}  // namespace detail

/// A stream of random numbers: a seed and a position, both plain integers that a checkpoint can keep.
class Generator {
public:
    explicit Generator(std::uint64_t seed = 0, std::uint64_t position = 0) : seed_(seed), position_(position) {}

    std::uint64_t seed() const { return seed_; }
    std::uint64_t position() const { return position_; }

    /// 32 uniform bits.
    std::uint32_t next_u32() { return block(position_++)[0]; }
    /// 64 uniform bits.
    std::uint64_t next_u64() {
        const auto words = block(position_++);
        return (std::uint64_t{words[0]} << 32) | words[1];
    }
    /// Uniform in [0, 1), a multiple of 2^-53.
    double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
    /// Standard normal.
    double normal() { return detail::normal_pair(block(position_++))[0]; }
    /// Uniform in [0, bound) without bias (Lemire 2019, "Fast random integer generation in an interval").
    std::uint64_t below(std::uint64_t bound) {
        require(bound > 0, ErrorCode::invalid_argument, "Generator::below: the bound must be positive");
        for (const std::uint64_t reject = (0 - bound) % bound;;) {
            const auto product = detail::u128{next_u64()} * bound;
            if (static_cast<std::uint64_t>(product) >= reject) return static_cast<std::uint64_t>(product >> 64);
        }
    }

    /// Fills out[0, n) with uniform numbers in [0, 1); any thread count gives the same.
    template <class T>
    void fill_uniform(T* out, index_t n) {
        fill(out, n, 4, [](const std::array<std::uint32_t, 4>& words, T* lane) {
            for (std::size_t i = 0; i < 4; ++i) lane[i] = static_cast<T>(words[i] >> 8) * T(0x1p-24);
        });
    }
    /// Fills out[0, n) with standard normal numbers.
    template <class T>
    void fill_normal(T* out, index_t n) {
        fill(out, n, 2, [](const std::array<std::uint32_t, 4>& words, T* lane) {
            const auto pair = detail::normal_pair(words);
            lane[0] = static_cast<T>(pair[0]);
            lane[1] = static_cast<T>(pair[1]);
        });
    }

private:
    std::array<std::uint32_t, 4> block(std::uint64_t position) const {
        return philox({static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), 0, 0}, seed_);
    }

    // Block i of the stream gives `lanes` numbers; the last block may be used in part.
    template <class T, class F>
    void fill(T* out, index_t n, index_t lanes, const F& make) {
        const index_t blocks = (n + lanes - 1) / lanes;
        parallel_ranges(blocks, 4096, [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                T lane[4];
                make(block(position_ + static_cast<std::uint64_t>(i)), lane);
                for (index_t j = 0; j < std::min(lanes, n - i * lanes); ++j) out[i * lanes + j] = lane[j];
            }
        });
        position_ += static_cast<std::uint64_t>(blocks);
    }

    std::uint64_t seed_, position_;
};

/// The stream used where none is named, one for each thread. It starts from seed 0.
inline Generator& default_generator() {
    static thread_local Generator generator;
    return generator;
}

/// Starts this thread's default stream anew.
inline void manual_seed(std::uint64_t seed) {
    default_generator() = Generator(seed);
}

}  // namespace tercet::inline TERCET_ABI
