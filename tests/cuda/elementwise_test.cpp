// CUDA's elementwise kernels on the emulated GPU, against the CPU backend.
#include "tercet/backend/cuda/elementwise.cuh"

#include "cuda/compare.hpp"
#include "tercet/backend/cpu/backend.hpp"

using namespace tercet;
using namespace tercet_test;

TEMPLATE_TEST_CASE("cuda: every function of one number, and its derivative", "[cuda]", float, double) {
    using T = TestType;
    const cuda::Elementwise device;
    for (const index_t n : {1, 255, 1030}) {
        const auto x = random<T>(n, 1), dy = random<T>(n, 2), before = random<T>(n, 3);
        const OnDevice<T> x_(x), dy_(dy), y_(x);
        for (int op = 0; op < static_cast<int>(UnaryOp::count); ++op) {
            INFO("operation " << op << ", " << n);
            cuda_emulator::clear(static_cast<std::uint64_t>(op));
            const auto f = static_cast<UnaryOp>(op);
            std::vector<T> y(x.size());
            device.unary(f, y_.data, x_.data, n);
            cpu::Backend::unary(f, y.data(), x.data(), n);
            CHECK(apart(y_.values(), y) <= near<T>);
            for (const bool add : {false, true}) {
                auto dx = before;
                const OnDevice<T> dx_(before);
                device.unary_backward(f, dx_.data, dy_.data, x_.data, y_.data, n, add);
                cpu::Backend::unary_backward(f, dx.data(), dy.data(), x.data(), y.data(), n, add);
                CHECK(apart(dx_.values(), dx) <= near<T>);
            }
            check_no_fault();
        }
    }
}

TEST_CASE("cuda: every function of two numbers, broadcast and by strides", "[cuda]") {
    const cuda::Elementwise device;
    const auto a = random<float>(6 * 7 * 40, 1), b = random<float>(6 * 7 * 40, 2);
    const OnDevice<float> a_(a), b_(b), y_(std::vector<float>(6 * 7 * 40));
    struct Case {
        Shape shape, a, b;
    };
    const Case cases[] = {{{6, 7, 40}, {280, 40, 1}, {280, 40, 1}}, {{6, 7, 40}, {280, 40, 1}, {0, 0, 1}}, {{6, 7, 40}, {0, 40, 0}, {280, 40, 1}},
                          {{40, 7, 6}, {1, 40, 280}, {1, 40, 280}}, {{1, 1, 1}, {0, 0, 0}, {0, 0, 0}},     {{6, 0, 40}, {280, 40, 1}, {280, 40, 1}}};
    for (int op = 0; op < static_cast<int>(BinaryOp::count); ++op)
        for (const auto& c : cases) {
            INFO("operation " << op << ", " << c.shape);
            cuda_emulator::clear(static_cast<std::uint64_t>(op));
            const auto f = static_cast<BinaryOp>(op);
            std::vector<float> want(static_cast<std::size_t>(element_count(c.shape)));
            device.binary(f, y_.data, a_.data, b_.data, c.shape, c.a, c.b);
            cpu::Backend::binary(f, want.data(), a.data(), b.data(), c.shape, c.a, c.b);
            auto got = y_.values();
            got.resize(want.size());
            CHECK(apart(got, want) <= near<float>);
            check_no_fault();
        }
}

TEST_CASE("cuda: copies between strides, and sums with a factor", "[cuda]") {
    const cuda::Elementwise device;
    cuda_emulator::clear(7);
    const auto x = random<double>(5 * 6 * 7, 1), y = random<double>(5 * 6 * 7, 2);
    const OnDevice<double> x_(x), y_(y);
    auto want = y;
    device.copy(y_.data, {1, 35, 5}, x_.data, {42, 7, 1}, {5, 6, 7});
    cpu::Backend::copy(want.data(), {1, 35, 5}, x.data(), {42, 7, 1}, {5, 6, 7});
    CHECK(y_.values() == want);
    device.add_scaled(y_.data, x_.data, 0.5, 210);
    cpu::Backend::add_scaled(want.data(), x.data(), 0.5, 210);
    CHECK(apart(y_.values(), want) <= near<double>);
    check_no_fault();
}

TEST_CASE("cuda: elementwise kernels move no more bytes than they must", "[cuda]") {
    const cuda::Elementwise device;
    const index_t n = 12288;
    const OnDevice<float> x(random<float>(n, 1)), y(random<float>(n, 2));
    cuda_emulator::clear();
    device.unary(UnaryOp::gelu_tanh, y.data, x.data, n);
    device.binary(BinaryOp::add, y.data, y.data, x.data, {n}, {1}, {1});
    CHECK(cuda_emulator::traffic().read == 3 * 4 * static_cast<std::uint64_t>(n));
    CHECK(cuda_emulator::traffic().written == 2 * 4 * static_cast<std::uint64_t>(n));
}
