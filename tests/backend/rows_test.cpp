// The kernels that work on one row, of every instruction set, against their formulas in long double.
#include "support/catch.hpp"
#include "support/isa.hpp"
#include "support/sanitizer.hpp"

#include "tercet/backend/backend.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace tercet;
using cpu::Backend;

namespace {

using Real80 = long double;

template <class T>
std::vector<T> numbers(index_t n, unsigned seed, double scale = 1, double shift = 0) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<T> x(static_cast<std::size_t>(n));
    for (T& v : x) v = static_cast<T>(shift + scale * normal(random));
    return x;
}

// The largest difference in units of epsilon · max(1, |expected|).
template <class T>
double worst(const std::vector<T>& got, const std::vector<Real80>& expected) {
    double most = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (std::isnan(expected[i]) && std::isnan(got[i])) continue;
        const double off = static_cast<double>(std::fabs(static_cast<Real80>(got[i]) - expected[i]) /
                                               (std::numeric_limits<T>::epsilon() * std::max<Real80>(1, std::fabs(expected[i]))));
        most = off <= most ? most : off;  // NaN counts as the worst
        if (std::isnan(off)) return off;
    }
    return most;
}

const index_t lengths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 67, 257, 1000};

}  // namespace

TEMPLATE_TEST_CASE("sum and dot equal their definitions", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        CHECK(cpu::kernels<T>().sum(nullptr, 0) == 0);
        for (const index_t n : lengths) {
            const auto a = numbers<T>(n + 1, 1), b = numbers<T>(n + 2, 2);
            Real80 sum = 0, dot = 0, sum_scale = 1, dot_scale = 1;
            for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
                sum += a[i + 1];
                sum_scale += std::fabs(a[i + 1]);
                dot += static_cast<Real80>(a[i + 1]) * b[i + 2];
                dot_scale += std::fabs(static_cast<Real80>(a[i + 1]) * b[i + 2]);
            }
            CHECK(std::fabs(cpu::kernels<T>().sum(a.data() + 1, n) - sum) <= 8 * std::numeric_limits<T>::epsilon() * sum_scale);
            CHECK(std::fabs(cpu::kernels<T>().dot(a.data() + 1, b.data() + 2, n) - dot) <= 8 * std::numeric_limits<T>::epsilon() * dot_scale);
        }
    });
}

TEMPLATE_TEST_CASE("softmax, its backward and log-sum-exp equal their definitions", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t n : lengths)
            for (const double shift : {0.0, 1e4, -1e4}) {
                const auto x = numbers<T>(n, 1, 3, shift), dy = numbers<T>(n, 2);
                const auto N = static_cast<std::size_t>(n);
                Real80 top = *std::max_element(x.begin(), x.end()), total = 0, inner = 0;
                std::vector<Real80> y(N), dx(N);
                for (std::size_t i = 0; i < N; ++i) total += y[i] = std::exp(x[i] - top);
                for (auto& v : y) v /= total;
                std::vector<T> got(N), grad(N, T(0.5));
                Backend::softmax(got.data(), x.data(), 1, n);
                for (std::size_t i = 0; i < N; ++i) inner += static_cast<Real80>(dy[i]) * got[i];
                for (std::size_t i = 0; i < N; ++i) dx[i] = 0.5L + got[i] * (dy[i] - inner);
                Backend::softmax_backward(grad.data(), dy.data(), got.data(), 1, n);
                CHECK(worst(got, y) <= 4);
                CHECK(worst(grad, dx) <= 8);
                T log_sum = 0;
                Backend::log_sum_exp(&log_sum, x.data(), 1, n);
                CHECK(worst<T>({log_sum}, {top + std::log(total)}) <= 2);
                T got_top = 0, got_total = 0;
                Backend::exp_sum(&got_top, &got_total, x.data(), 1, n);
                CHECK(got_top == top);
                CHECK(worst<T>({got_total}, {total}) <= 8);
                std::vector<Real80> log_y(N), log_dx(N);
                Real80 dy_sum = 0;
                for (const T v : dy) dy_sum += v;
                std::fill(grad.begin(), grad.end(), T(0.5));
                Backend::log_softmax(got.data(), x.data(), 1, n);
                for (std::size_t i = 0; i < N; ++i) {
                    log_y[i] = (x[i] - top) - std::log(total);
                    log_dx[i] = 0.5L + (dy[i] - std::exp(static_cast<Real80>(got[i])) * dy_sum);
                }
                Backend::log_softmax_backward(grad.data(), dy.data(), got.data(), 1, n);
                CHECK(worst(got, log_y) <= 4);
                CHECK(worst(grad, log_dx) <= 64);
            }
    });
}

TEMPLATE_TEST_CASE("softmax of masked, infinite and NaN rows", "[backend]", float, double) {
    using T = TestType;
    static constexpr T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    for_each_isa([] {
        for (const index_t n : {1, 5, 40}) {
            const auto N = static_cast<std::size_t>(n);
            std::vector<T> x(N, -inf), y(N, T(7));
            Backend::softmax(y.data(), x.data(), 1, n);
            CHECK(y == std::vector<T>(N, T(0)));
            T log_sum = 0;
            Backend::log_sum_exp(&log_sum, x.data(), 1, n);
            CHECK(log_sum == -inf);

            x[N / 2] = 3;
            Backend::softmax(y.data(), x.data(), 1, n);
            for (std::size_t i = 0; i < N; ++i) CHECK(y[i] == (i == N / 2 ? 1 : 0));
            Backend::log_sum_exp(&log_sum, x.data(), 1, n);
            CHECK(log_sum == 3);

            x[N / 2] = nan;
            Backend::softmax(y.data(), x.data(), 1, n);
            for (const T v : y) CHECK(v != v);
            Backend::log_sum_exp(&log_sum, x.data(), 1, n);
            CHECK(log_sum != log_sum);

            x[N / 2] = inf;
            Backend::log_sum_exp(&log_sum, x.data(), 1, n);
            CHECK(log_sum == inf);
            Backend::softmax(y.data(), x.data(), 1, n);
            for (const T v : y) CHECK(v != v);
            if (N > 1) {
                x[0] = nan;
                Backend::log_sum_exp(&log_sum, x.data(), 1, n);
                CHECK(log_sum != log_sum);
            }
        }
    });
}

TEST_CASE("softmax's exponentials are right to a few units in the last place down to the smallest normal number", "[backend]") {
    constexpr double allowed = sanitized ? 64 : 8;  // instrumented kernels do without fused multiplication and addition
    for_each_isa([] {
        const index_t n = 4096;
        std::vector<float> x(static_cast<std::size_t>(n)), y(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = -86 * static_cast<float>(i) / static_cast<float>(n);
        Backend::softmax(y.data(), x.data(), 1, n);
        double worst_of_all = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (y[i] < std::numeric_limits<float>::min()) continue;  // the division has made it subnormal
            const double expected = std::exp(static_cast<double>(x[i]));
            worst_of_all = std::max(worst_of_all, std::fabs(static_cast<double>(y[i]) / static_cast<double>(y[0]) / expected - 1));
        }
        CHECK(worst_of_all <= allowed * std::numeric_limits<float>::epsilon());
    });
}

TEMPLATE_TEST_CASE("layer norm and RMS norm equal their formulas, forward and backward", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t n : lengths)
            for (const bool centred : {true, false})
                for (const bool biased : {true, false}) {
                    if (!centred && biased) continue;
                    INFO((centred ? "layer_norm " : "rms_norm ") << n);
                    const auto N = static_cast<std::size_t>(n);
                    const auto x = numbers<T>(n, 1, 2, 0.5), w = numbers<T>(n, 2), b = numbers<T>(n, 3), dy = numbers<T>(n, 4);
                    const T eps = T(1e-5);
                    Real80 mean = 0, variance = 0;
                    for (const T v : x) mean += v;
                    mean = centred ? mean / static_cast<Real80>(N) : 0;
                    for (const T v : x) variance += (v - mean) * (v - mean);
                    const Real80 rstd = 1 / std::sqrt(variance / static_cast<Real80>(N) + eps);
                    std::vector<Real80> y(N), dx(N), dw(N), db(N), normal(N);
                    Real80 mean_g = 0, mean_gx = 0;
                    for (std::size_t i = 0; i < N; ++i) {
                        normal[i] = (x[i] - mean) * rstd;
                        y[i] = normal[i] * w[i] + (biased ? b[i] : T(0));
                        mean_g += static_cast<Real80>(dy[i]) * w[i] / static_cast<Real80>(N);
                        mean_gx += static_cast<Real80>(dy[i]) * w[i] * normal[i] / static_cast<Real80>(N);
                    }
                    if (!centred) mean_g = 0;
                    for (std::size_t i = 0; i < N; ++i) {
                        dx[i] = 1 + rstd * (static_cast<Real80>(dy[i]) * w[i] - mean_g - normal[i] * mean_gx);
                        dw[i] = 2 + dy[i] * normal[i];
                        db[i] = 3 + static_cast<Real80>(dy[i]);
                    }
                    // With one channel the centred x is exactly 0, and rstd as large as eps allows: errors of x grow by it.
                    const double allowed = n <= 3 ? 64 * std::max(1.0, static_cast<double>(rstd)) : 40;
                    std::vector<T> out(N), gx(N, T(1)), gw(N, T(2)), gb(N, T(3));
                    T got_mean = 0, got_rstd = 0;
                    if (centred) Backend::layer_norm(out.data(), &got_mean, &got_rstd, x.data(), w.data(), biased ? b.data() : nullptr, eps, 1, n);
                    else Backend::rms_norm(out.data(), &got_rstd, x.data(), w.data(), eps, 1, n);
                    CHECK(worst(out, y) <= allowed);
                    if (centred)
                        Backend::layer_norm_backward(gx.data(), gw.data(), gb.data(), dy.data(), x.data(), w.data(), &got_mean, &got_rstd, 1, n);
                    else Backend::rms_norm_backward(gx.data(), gw.data(), dy.data(), x.data(), w.data(), &got_rstd, 1, n);
                    CHECK(worst(gx, dx) <= allowed);
                    CHECK(worst(gw, dw) <= allowed);
                    if (centred) CHECK(worst(gb, db) <= allowed);
                    // Null gradients are skipped, the others stay the same.
                    std::vector<T> only(N, T(2)), again(N, T(1));
                    if (centred) {
                        Backend::layer_norm_backward<T>(nullptr, only.data(), nullptr, dy.data(), x.data(), w.data(), &got_mean, &got_rstd, 1, n);
                        Backend::layer_norm_backward<T>(again.data(), nullptr, nullptr, dy.data(), x.data(), w.data(), &got_mean, &got_rstd, 1, n);
                    } else {
                        Backend::rms_norm_backward<T>(nullptr, only.data(), dy.data(), x.data(), w.data(), &got_rstd, 1, n);
                        Backend::rms_norm_backward<T>(again.data(), nullptr, dy.data(), x.data(), w.data(), &got_rstd, 1, n);
                    }
                    CHECK(only == gw);
                    CHECK(again == gx);
                }
    });
}

TEMPLATE_TEST_CASE("norms of rows that are not finite, or denormal, leave the other rows alone", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t n : {5, 17, 64, 257}) {
            const index_t rows = 5;
            auto x = numbers<T>(rows * n, 1);
            const auto w = numbers<T>(n, 2), b = numbers<T>(n, 3);
            const auto row = [&](std::vector<T>& v, index_t r) { return v.data() + r * n; };
            row(x, 1)[n / 2] = std::numeric_limits<T>::quiet_NaN();
            row(x, 2)[n - 1] = std::numeric_limits<T>::infinity();
            for (index_t i = 0; i < n; ++i) row(x, 3)[i] = static_cast<T>(i % 3) * std::numeric_limits<T>::denorm_min();
            std::vector<T> y(x.size()), alone(static_cast<std::size_t>(n)), mean(5), rstd(5);
            for (const bool centred : {true, false}) {
                const auto norm = [&](T* to, const T* from, index_t count) {
                    if (centred) Backend::layer_norm(to, mean.data(), rstd.data(), from, w.data(), b.data(), T(1e-5), count, n);
                    else Backend::rms_norm(to, rstd.data(), from, w.data(), T(1e-5), count, n);
                };
                norm(y.data(), x.data(), rows);
                for (index_t i = 0; i < n; ++i) {
                    CHECK(std::isnan(row(y, 1)[i]));
                    CHECK((std::isnan(row(y, 2)[i]) || row(y, 2)[i] == 0));  // x / inf, and inf / inf
                    CHECK(std::fabs(row(y, 3)[i] - (centred ? b[static_cast<std::size_t>(i)] : T(0))) <= std::numeric_limits<T>::min() * 1000);
                }
                for (const index_t r : {0, 4}) {
                    norm(alone.data(), row(x, r), 1);
                    CHECK(std::equal(alone.begin(), alone.end(), row(y, r)));
                }
            }
        }
    });
}

TEMPLATE_TEST_CASE("sums over many rows have the same bits on any number of threads", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t rows : {0, 1, 63, 64, 65, 2000}) {
            const index_t n = 19;
            const auto x = numbers<T>(rows * n, 1), dy = numbers<T>(rows * n, 2), w = numbers<T>(n, 3);
            std::vector<T> first;
            for_each_thread_count([&] {
                std::vector<T> sums(19, T(1)), y(x.size()), rstd(static_cast<std::size_t>(rows)), dx(x.size()), dw(19);
                Backend::add_column_sums(sums.data(), x.data(), rows, n);
                Backend::rms_norm(y.data(), rstd.data(), x.data(), w.data(), T(1e-6), rows, n);
                Backend::rms_norm_backward(dx.data(), dw.data(), dy.data(), x.data(), w.data(), rstd.data(), rows, n);
                sums.insert(sums.end(), dw.begin(), dw.end());
                sums.insert(sums.end(), dx.begin(), dx.end());
                if (first.empty()) first = sums;
                CHECK(first == sums);
            });
            for (std::size_t j = 0; j < 19; ++j) {
                Real80 expected = 1, scale = 1;
                for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
                    expected += x[r * 19 + j];
                    scale += std::fabs(x[r * 19 + j]);
                }
                CHECK(std::fabs(first[j] - expected) <= 16 * std::numeric_limits<T>::epsilon() * scale);
            }
        }
    });
}

TEMPLATE_TEST_CASE("rotate turns pairs of halves by their angles, and back", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t half : {1, 3, 4, 16, 21, 32}) {
            const index_t positions = 3, share = 2, rows = 2 * positions * share;
            const auto x = numbers<T>(rows * 2 * half, 1), angle = numbers<T>(positions * half, 2);
            std::vector<T> c(angle.size()), s(angle.size()), y(x.size()), back(x.size());
            for (std::size_t i = 0; i < angle.size(); ++i) {
                c[i] = std::cos(angle[i]);
                s[i] = std::sin(angle[i]);
            }
            Backend::rotate(y.data(), x.data(), c.data(), s.data(), T(1), rows, half, share, positions);
            std::vector<Real80> expected(x.size());
            for (index_t r = 0; r < rows; ++r)
                for (index_t i = 0; i < half; ++i) {
                    const auto p = static_cast<std::size_t>(r / share % positions * half + i), low = static_cast<std::size_t>(r * 2 * half + i),
                               high = low + static_cast<std::size_t>(half);
                    expected[low] = static_cast<Real80>(x[low]) * c[p] - static_cast<Real80>(x[high]) * s[p];
                    expected[high] = static_cast<Real80>(x[high]) * c[p] + static_cast<Real80>(x[low]) * s[p];
                }
            CHECK(worst(y, expected) <= 4);
            Backend::rotate(back.data(), y.data(), c.data(), s.data(), T(-1), rows, half, share, positions);
            CHECK(worst(back, std::vector<Real80>(x.begin(), x.end())) <= 8);
        }
    });
}

TEMPLATE_TEST_CASE("rotate turns neighbours by their angles, and back", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t half : {1, 3, 4, 16, 21, 32}) {
            const auto H = static_cast<std::size_t>(half);
            const auto x = numbers<T>(2 * half, 1), angle = numbers<T>(half, 2);
            std::vector<T> c(H), s(H), y(2 * H), back(2 * H);
            std::vector<Real80> expected(2 * H);
            for (std::size_t i = 0; i < H; ++i) {
                c[i] = std::cos(angle[i]);
                s[i] = std::sin(angle[i]);
                expected[2 * i] = static_cast<Real80>(x[2 * i]) * c[i] - static_cast<Real80>(x[2 * i + 1]) * s[i];
                expected[2 * i + 1] = static_cast<Real80>(x[2 * i + 1]) * c[i] + static_cast<Real80>(x[2 * i]) * s[i];
            }
            Backend::rotate(y.data(), x.data(), c.data(), s.data(), T(1), 1, half, 1, 1, true);
            CHECK(worst(y, expected) <= 4);
            Backend::rotate(back.data(), y.data(), c.data(), s.data(), T(-1), 1, half, 1, 1, true);
            CHECK(worst(back, std::vector<Real80>(x.begin(), x.end())) <= 8);
        }
    });
}

TEMPLATE_TEST_CASE("scaled_exp writes or adds a scaled exponential, also in place and past the caches", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t n : {1, 7, 45, 130}) {
            const auto N = static_cast<std::size_t>(n);
            const auto x = numbers<T>(n, 1);
            std::vector<Real80> written(N), added(N);
            for (std::size_t i = 0; i < N; ++i) {
                written[i] = 0.25L * std::exp(x[i] - 0.5L) - 0.125L;
                added[i] = 1 + written[i];
            }
            const auto& kernel = cpu::kernels<T>().scaled_exp;
            std::vector<T> y(N + 1, T(1)), in_place = x;
            kernel(y.data() + 1, x.data(), T(0.5), T(0.25), T(-0.125), n, true, false);
            CHECK(worst(std::vector<T>(y.begin() + 1, y.end()), added) <= 4);
            for (const bool past_caches : {false, true}) {
                std::fill(y.begin(), y.end(), std::numeric_limits<T>::quiet_NaN());
                kernel(y.data() + 1, x.data(), T(0.5), T(0.25), T(-0.125), n, false, past_caches);
                cpu::kernel_set().stream.end();
                CHECK(worst(std::vector<T>(y.begin() + 1, y.end()), written) <= 4);
                CHECK(std::isnan(y[0]));
            }
            kernel(in_place.data(), in_place.data(), T(0.5), T(0.25), T(-0.125), n, false, false);
            CHECK(worst(in_place, written) <= 4);
        }
    });
}

TEMPLATE_TEST_CASE("a row of softmax or a norm has the same bits among any others, on any number of threads", "[backend]", float, double) {
    using T = TestType;
    for_each_isa([] {
        for (const index_t n : {1, 19, 64, 131, 1024}) {
            const index_t rows = 257;
            auto x = numbers<T>(rows * n, 1, 3);
            const auto w = numbers<T>(n, 2), b = numbers<T>(n, 3);
            constexpr T inf = std::numeric_limits<T>::infinity();
            std::fill_n(x.begin() + 3 * n, 2 * n, -inf);  // masked rows
            for (index_t i = 0; i < n; i += 2) x[static_cast<std::size_t>(7 * n + i)] = -inf;
            x[static_cast<std::size_t>(9 * n)] = inf, x[static_cast<std::size_t>(12 * n - 1)] = std::numeric_limits<T>::quiet_NaN();
            std::vector<T> alone[3], y(x.size()), mean(static_cast<std::size_t>(rows)), rstd(mean.size());
            for (auto& one : alone) one.resize(x.size());
            for (index_t r = 0; r < rows; ++r) {
                Backend::softmax(alone[0].data() + r * n, x.data() + r * n, 1, n);
                Backend::layer_norm(alone[1].data() + r * n, mean.data(), rstd.data(), x.data() + r * n, w.data(), b.data(), T(1e-5), 1, n);
                Backend::rms_norm(alone[2].data() + r * n, rstd.data(), x.data() + r * n, w.data(), T(1e-5), 1, n);
            }
            for_each_thread_count([&] {
                const auto same = [&](const std::vector<T>& expected) { return std::memcmp(y.data(), expected.data(), y.size() * sizeof(T)) == 0; };
                Backend::softmax(y.data(), x.data(), rows, n);
                CHECK(same(alone[0]));
                Backend::layer_norm(y.data(), mean.data(), rstd.data(), x.data(), w.data(), b.data(), T(1e-5), rows, n);
                CHECK(same(alone[1]));
                Backend::rms_norm(y.data(), rstd.data(), x.data(), w.data(), T(1e-5), rows, n);
                CHECK(same(alone[2]));
                y = x;
                Backend::softmax(y.data(), y.data(), rows, n);  // in place
                CHECK(same(alone[0]));
            });
        }
    });
}

TEMPLATE_TEST_CASE("results larger than the caches are written past them with the same bits", "[backend]", float, double) {
    using T = TestType;
    const index_t n = GENERATE(257, 256), rows = (index_t{33} << 20) / static_cast<index_t>(sizeof(T)) / n, count = rows * n;  // rows aligned, or not
    const std::vector<T> some = numbers<T>(8209, 1), w = numbers<T>(n, 2), b = numbers<T>(n, 3);
    std::vector<T> x(static_cast<std::size_t>(count)), expected(static_cast<std::size_t>(n)), one(2);
    const Scratch<T> y(count + 2);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = some[i % some.size()];
    for_each_isa([&] {
        for (const index_t shift : {0, 1}) {  // aligned, and not
            T* out = y.data() + shift;
            const auto check = [&](const char* name, const auto& one_row) {
                INFO(name);
                index_t different = 0;
                for (index_t r = 0; r < rows; r += 97) {
                    one_row(expected.data(), x.data() + r * n);
                    different += std::memcmp(expected.data(), out + r * n, static_cast<std::size_t>(n) * sizeof(T)) != 0;
                }
                CHECK(different == 0);
                CHECK(out[count] == T(7));
            };
            std::fill_n(y.data(), count + 2, T(7));
            Backend::copy(out, Shape{1}, x.data(), Shape{1}, Shape{count});
            check("copy", [&](T* to, const T* from) { std::copy_n(from, n, to); });
            CHECK(std::memcmp(out, x.data(), x.size() * sizeof(T)) == 0);
            Backend::unary(UnaryOp::silu, out, x.data(), count);
            check("silu", [&](T* to, const T* from) { Backend::unary(UnaryOp::silu, to, from, n); });
            Backend::binary(BinaryOp::mul, out, x.data(), x.data(), Shape{count}, Shape{1}, Shape{1});
            check("mul", [&](T* to, const T* from) { Backend::binary(BinaryOp::mul, to, from, from, Shape{n}, Shape{1}, Shape{1}); });
            std::copy(x.begin(), x.end(), out);
            Backend::softmax(out, out, rows, n);
            check("softmax in place", [&](T* to, const T* from) { Backend::softmax(to, from, 1, n); });
            Backend::softmax(out, x.data(), rows, n);
            check("softmax", [&](T* to, const T* from) { Backend::softmax(to, from, 1, n); });
            std::vector<T> mean(static_cast<std::size_t>(rows)), rstd(mean.size());
            Backend::layer_norm(out, mean.data(), rstd.data(), x.data(), w.data(), b.data(), T(1e-5), rows, n);
            check("layer_norm", [&](T* to, const T* from) { Backend::layer_norm(to, &one[0], &one[1], from, w.data(), b.data(), T(1e-5), 1, n); });
            Backend::rms_norm(out, rstd.data(), x.data(), w.data(), T(1e-5), rows, n);
            check("rms_norm", [&](T* to, const T* from) { Backend::rms_norm(to, &one[0], from, w.data(), T(1e-5), 1, n); });
        }
    });
}

TEST_CASE("a stream copies any run of bytes and no others", "[backend]") {
    for_each_isa([] {
        std::vector<unsigned char> x(400), y(400);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<unsigned char>(i * 7 + 1);
        for (index_t bytes = 0; bytes < 200; ++bytes)
            for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{63}}) {
                std::fill(y.begin(), y.end(), static_cast<unsigned char>(0));
                cpu::kernel_set().stream.copy(y.data() + 1 + shift, x.data() + 3, bytes);
                cpu::kernel_set().stream.end();
                REQUIRE(std::memcmp(y.data() + 1 + shift, x.data() + 3, static_cast<std::size_t>(bytes)) == 0);
                REQUIRE(y[shift] == 0);
                REQUIRE(y[1 + shift + static_cast<std::size_t>(bytes)] == 0);
            }
    });
}
