// The optimizers' steps on the emulated GPU, against the CPU backend; and dropout, which has the same bits.
#include "tercet/backend/cuda/update.cuh"

#include "cuda/compare.hpp"
#include "tercet/backend/cpu/backend.hpp"
#include "tercet/backend/cuda/random.cuh"

using namespace tercet;
using namespace tercet_test;

namespace {

constexpr index_t n = 1500;

// What a rule made with these pointers does on either side: make(x, gradient, first, second) gives it.
template <class Make>
void check_rule(const char* name, const Make& make) {
    INFO(name);
    auto x = random<float>(n, 1), g = random<float>(n, 2), a = random<float>(n, 3), b = random<float>(n, 4);
    for (float& v : b) v = std::fabs(v);
    const OnDevice<float> x_(x), g_(g), a_(a), b_(b);
    cuda_emulator::clear(1);
    cuda::update(make(x_.data, g_.data, a_.data, b_.data), n);
    cpu::Backend::update(make(x.data(), g.data(), a.data(), b.data()), n);
    CHECK(apart(x_.values(), x) <= near<float>);
    CHECK(apart(a_.values(), a) <= near<float>);
    CHECK(apart(b_.values(), b) <= near<float>);
    CHECK(apart(g_.values(), g) == 0);
    check_no_fault();
}

}  // namespace

TEST_CASE("cuda: every update rule is the CPU's", "[cuda]") {
    check_rule("sgd", [](float* x, float* g, float*, float*) { return SgdUpdate<float>{.x = x, .gradient = g, .rate = 0.1f, .decay = 0.01f}; });
    check_rule("nesterov", [](float* x, float* g, float* a, float*) {
        return SgdUpdate<float>{
            .x = x, .buffer = a, .gradient = g, .rate = 0.1f, .decay = 0, .kept = 0.9f, .taken = 0.9f, .momentum = 0.9f, .nesterov = true};
    });
    check_rule("adam", [](float* x, float* g, float* a, float* b) {
        return AdamUpdate<float>{
            .x = x, .m = a, .v = b, .gradient = g, .beta1 = 0.9f, .beta2 = 0.99f, .shrink = 0.999f, .momentum_rate = 0.01f, .eps = 1e-8f};
    });
    check_rule("adamax", [](float* x, float* g, float* a, float* b) {
        return AdamaxUpdate<float>{.x = x, .m = a, .v = b, .gradient = g, .rate = 0.01f, .beta1 = 0.9f, .beta2 = 0.99f, .decay = 0, .eps = 1e-8f};
    });
    check_rule("rmsprop", [](float* x, float* g, float* a, float* b) {
        return RmsPropUpdate<float>{
            .x = x, .v = b, .buffer = a, .gradient = g, .rate = 0.01f, .kept = 0.9f, .taken = 0.1f, .decay = 0, .momentum = 0.9f, .eps = 1e-8f};
    });
    check_rule("adagrad", [](float* x, float* g, float*, float* b) {
        return AdagradUpdate<float>{.x = x, .sum = b, .gradient = g, .rate = 0.01f, .decay = 0, .eps = 1e-8f};
    });
    check_rule("adadelta", [](float* x, float* g, float*, float* b) {
        return AdadeltaUpdate<float>{.x = x, .v = b, .w = b, .gradient = g, .rate = 0.01f, .kept = 0.9f, .taken = 0.1f, .decay = 0, .eps = 1e-6f};
    });
    check_rule("lion", [](float* x, float* g, float* a, float*) {
        return LionUpdate<float>{.x = x, .m = a, .gradient = g, .rate = 0.01f, .shrink = 0.99f, .beta1 = 0.9f, .beta2 = 0.99f};
    });
    check_rule("blend", [](float* x, float* g, float*, float*) { return BlendUpdate<float>{x, g, 0.9f, 0.1f}; });
}

TEST_CASE("cuda: an Adam step moves no more bytes than it must", "[cuda]") {
    const OnDevice<float> x(random<float>(n, 1)), g(random<float>(n, 2)), m(random<float>(n, 3)), v(std::vector<float>(n, 1.f));
    cuda_emulator::clear();
    cuda::update(
        AdamUpdate<float>{
            .x = x.data, .m = m.data, .v = v.data, .gradient = g.data, .beta1 = 0.9f, .beta2 = 0.99f, .momentum_rate = 0.01f, .eps = 1e-8f},
        n);
    CHECK(cuda_emulator::traffic().read == 4 * 4 * n);
    CHECK(cuda_emulator::traffic().written == 3 * 4 * n);
}

TEMPLATE_TEST_CASE("cuda: dropout drops what the CPU drops, to the bit", "[cuda]", float, double) {
    using T = TestType;
    for (const index_t count : {1, 3, 4, 1027})
        for (const bool add : {false, true}) {
            const auto x = random<T>(count, 1);
            auto y = random<T>(count, 2);
            const OnDevice<T> x_(x), y_(y);
            cuda_emulator::clear(5);
            cuda::dropout(y_.data, x_.data, T(0.3), T(1 / 0.7), 77, (std::uint64_t{1} << 32) + 5, count, add, nullptr);
            cpu::Backend::dropout(y.data(), x.data(), T(0.3), T(1 / 0.7), 77, (std::uint64_t{1} << 32) + 5, count, add);
            CHECK(apart(y_.values(), y) <= (add ? near<T> : 0));
            check_no_fault();
        }
}
