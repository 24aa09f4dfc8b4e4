// What a program compiled by a user gets out of the headers: `compare` builds it with plain -O2 and with -O3 -march=native.
// Prints {"gemm", "softmax", "stored_dot"}: GFLOP/s on one thread, and GB/s read and written.
#include <tercet/tensor/tensor.hpp>

#include <chrono>
#include <cstdio>

namespace {

using namespace tercet;

// The shortest seconds of one call: what the code can do is asked for here, not what the machine's neighbours leave of it.
template <class Work>
double shortest(int runs, const Work& work) {
    double best = 1e300;
    for (int run = 0; run < runs; ++run) {
        const auto start = std::chrono::steady_clock::now();
        work();
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

}  // namespace

int main() {
    set_threads(1);
    constexpr index_t n = 768, rows = 256, blocks = n / 32;
    using Right = cpu::RightOperand<float>;
    const auto a = Tensor<float>::randn({n, n}), b = Tensor<float>::randn({n, n}), x = Tensor<float>::randn({rows, n});
    auto c = Tensor<float>::empty({n, n}), y = Tensor<float>::empty({rows, n});
    const double gemm = shortest(60, [&] {
        Device::gemm(c.mutable_data(), n, {a.data(), n, 1}, Right{.kind = Right::Kind::strided, .view = {b.data(), n, 1}}, n, n, n, false);
    });
    const double softmax = shortest(500, [&] { Device::softmax(y.mutable_data(), x.data(), rows, n); });
    constexpr std::size_t row_bytes = blocks * 34;
    const std::vector<std::byte> weights(n * row_bytes);  // Q8_0: a 16-bit scale and 32 bytes a block
    const Right stored{.kind = Right::Kind::stored, .rows = weights.data(), .type = StorageType::q8_0, .row_bytes = row_bytes};
    const double dot = shortest(500, [&] { Device::gemm(c.mutable_data(), n, {x.data(), n, 1}, stored, 1, n, n, false); });
    std::printf("{\"gemm\": %g, \"softmax\": %g, \"stored_dot\": %g}\n", 2e-9 * n * n * n / gemm, 8e-9 * rows * n / softmax,
                1e-9 * static_cast<double>(weights.size()) / dot);
}
