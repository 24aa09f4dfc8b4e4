// CUDA's row kernels on the emulated GPU, against the CPU backend, in several orders of their threads.
#include "tercet/backend/cuda/rows.cuh"

#include "cuda/compare.hpp"
#include "tercet/backend/cpu/backend.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

constexpr index_t widths[] = {1, 2, 31, 64, 257, 768, 2049};  // the last one does not stay in registers
constexpr int orders = 3;

// f(rows, columns, seed of the threads' order), and no fault in any of them.
template <class F>
void for_each_case(const F& f) {
    for (const index_t n : widths)
        for (const index_t rows : {1, 5})
            for (int order = 0; order < orders; ++order) {
                INFO(rows << " x " << n << ", order " << order);
                cuda_emulator::clear(static_cast<std::uint64_t>(order));
                f(rows, n);
                check_no_fault();
            }
}

}  // namespace

TEMPLATE_TEST_CASE("cuda: softmax and its logarithm, with their gradients", "[cuda]", float, double) {
    using T = TestType;
    for_each_case([](index_t rows, index_t n) {
        const auto x = random<T>(rows * n, 1), dy = random<T>(rows * n, 2), before = random<T>(rows * n, 3);
        std::vector<T> want(x.size()), gradient = before;
        const OnDevice<T> dx(x), out(want), grad(dy), into(before);
        const cuda::Rows device;
        device.softmax(out.data, dx.data, rows, n);
        cpu::Backend::softmax(want.data(), x.data(), rows, n);
        CHECK(apart(out.values(), want) <= near<T>);
        device.softmax_backward(into.data, grad.data, out.data, rows, n);
        cpu::Backend::softmax_backward(gradient.data(), dy.data(), want.data(), rows, n);
        CHECK(apart(into.values(), gradient) <= near<T>);

        gradient = before;
        const OnDevice<T> log_into(before);
        device.log_softmax(out.data, dx.data, rows, n);
        cpu::Backend::log_softmax(want.data(), x.data(), rows, n);
        CHECK(apart(out.values(), want) <= near<T>);
        device.log_softmax_backward(log_into.data, grad.data, out.data, rows, n);
        cpu::Backend::log_softmax_backward(gradient.data(), dy.data(), want.data(), rows, n);
        CHECK(apart(log_into.values(), gradient) <= near<T>);
    });
}

TEMPLATE_TEST_CASE("cuda: layer norm and RMS norm, with their gradients", "[cuda]", float, double) {
    using T = TestType;
    for_each_case([](index_t rows, index_t n) {
        const auto x = random<T>(rows * n, 1), dy = random<T>(rows * n, 2), w = random<T>(n, 3), b = random<T>(n, 4), before = random<T>(rows * n, 5);
        const T eps = static_cast<T>(1e-5);
        std::vector<T> y(x.size()), mean(static_cast<std::size_t>(rows)), rstd(mean), dx = before, dw = w, db = b;
        const OnDevice<T> x_(x), dy_(dy), w_(w), b_(b), y_(y), mean_(mean), rstd_(rstd), dx_(before), dw_(w), db_(b),
            partial(std::vector<T>(static_cast<std::size_t>(2 * cuda::Rows::chunks_of(rows) * n)));
        const cuda::Rows device;
        device.layer_norm(y_.data, mean_.data, rstd_.data, x_.data, w_.data, b_.data, eps, rows, n);
        cpu::Backend::layer_norm(y.data(), mean.data(), rstd.data(), x.data(), w.data(), b.data(), eps, rows, n);
        const double loose = n < 3 ? 1e-2 : near<T>;  // of two numbers the variance may be nearly none
        CHECK(apart(y_.values(), y) <= loose);
        device.layer_norm_backward(dx_.data, dw_.data, db_.data, dy_.data, x_.data, w_.data, mean_.data, rstd_.data, rows, n, partial.data);
        cpu::Backend::layer_norm_backward(dx.data(), dw.data(), db.data(), dy.data(), x.data(), w.data(), mean.data(), rstd.data(), rows, n);
        CHECK(apart(dx_.values(), dx) <= 10 * loose);
        CHECK(apart(dw_.values(), dw) <= 10 * loose);
        CHECK(apart(db_.values(), db) <= near<T>);

        dx = before;
        dw = w;
        const OnDevice<T> dx_rms(before), dw_rms(w);
        device.rms_norm(y_.data, rstd_.data, x_.data, w_.data, eps, rows, n);
        cpu::Backend::rms_norm(y.data(), rstd.data(), x.data(), w.data(), eps, rows, n);
        CHECK(apart(y_.values(), y) <= near<T>);
        device.rms_norm_backward(dx_rms.data, dw_rms.data, dy_.data, x_.data, w_.data, rstd_.data, rows, n, partial.data);
        cpu::Backend::rms_norm_backward(dx.data(), dw.data(), dy.data(), x.data(), w.data(), rstd.data(), rows, n);
        CHECK(apart(dx_rms.values(), dx) <= 10 * near<T>);
        CHECK(apart(dw_rms.values(), dw) <= 10 * near<T>);
    });
}

TEST_CASE("cuda: the norms and softmax move no more bytes than they must", "[cuda]") {
    const index_t rows = 16, n = 768;
    const OnDevice<float> x(random<float>(rows * n, 1)), y(random<float>(rows * n, 2)), w(random<float>(n, 3)), few(random<float>(2 * rows, 4));
    const cuda::Rows device;
    const auto moved = [] {
        const auto t = cuda_emulator::traffic();
        cuda_emulator::clear();
        return static_cast<double>(t.read + t.written) / 4;
    };
    cuda_emulator::clear();
    device.softmax(y.data, x.data, rows, n);
    CHECK(moved() <= 1.1 * 2 * rows * n);
    device.rms_norm(y.data, few.data, x.data, w.data, 1e-6f, rows, n);
    CHECK(moved() <= 1.1 * (3 * rows * n + rows));  // the weights once a row, which a cache answers
    device.softmax_backward(x.data, y.data, y.data, rows, n);
    CHECK(moved() <= 1.1 * 4 * rows * n);
}

TEST_CASE("cuda: a launch that fails is an error with its name; one that could not be started leaves the next one alone", "[cuda]") {
    const OnDevice<float> x(random<float>(64, 1));
    const cuda::Rows device;
    cuda_emulator::clear();
    CHECK_ERROR(device.softmax(x.data, x.data, 1, index_t{65}), ErrorCode::device);
    cuda_emulator::clear();  // a kernel's fault would end all work
    CHECK_ERROR(cuda::launch("many", cuda::kernels::exp_sums<float>, index_t{1} << 40, 32, nullptr, x.data, x.data, x.data, index_t{1}),
                ErrorCode::size_overflow);
    cuda_emulator::settings().count = 0;
    CHECK_ERROR(device.softmax(x.data, x.data, 1, index_t{64}), ErrorCode::device);
    cuda_emulator::settings().count = 1;
    device.softmax(x.data, x.data, 1, index_t{64});
    CHECK_ERROR(cuda::check(cudaErrorMemoryAllocation, "cudaMalloc"), ErrorCode::out_of_memory);
    cuda_emulator::clear();
}
