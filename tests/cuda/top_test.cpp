// The largest numbers of rows on the emulated GPU, against ops/sort.hpp.
#include "tercet/backend/cuda/top.cuh"

#include "cuda/compare.hpp"
#include "tercet/ops/reduce.hpp"
#include "tercet/ops/sort.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

// Logits as they come, with equals, both zeros, infinities and NaN among them.
std::vector<float> awkward(index_t count, unsigned seed) {
    auto x = random<float>(count, seed);
    for (std::size_t i = 0; i < x.size(); i += 3) x[i] = std::round(x[i]);
    for (std::size_t i = 1; i < x.size(); i += 7) x[i] = i % 2 == 0 ? 0.f : -0.f;
    for (std::size_t i = 5; i < x.size(); i += 41)
        x[i] = i % 2 == 0 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
    for (std::size_t i = 30; i < x.size(); i += 97) x[i] = std::numeric_limits<float>::quiet_NaN();
    return x;
}

// The same bits: NaN is itself, and the zeros are told apart.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("cuda: the k largest of rows in order, the first of equals first, in any order of threads", "[cuda]") {
    std::uint64_t order = 0;
    for (const index_t n : {1, 5, 256, 1500})
        for (const index_t k : {index_t{1}, index_t{3}, index_t{40}, std::min<index_t>(n, cuda::most_k)}) {
            if (k > n) continue;
            for (const bool plain : {true, false}) {
                INFO(n << ", " << k << (plain ? "" : ", awkward"));
                const index_t rows = 3;
                const auto x = plain ? random<float>(rows * n, 1) : awkward(rows * n, 2);
                const auto want = topk(Tensor<float>::copy(x, {rows, n}), k);
                const OnDevice<float> x_(x), values(std::vector<float>(static_cast<std::size_t>(rows * k)));
                const OnDevice<std::int64_t> places(std::vector<std::int64_t>(static_cast<std::size_t>(rows * k)));
                cuda_emulator::clear(order++);
                cuda::top_k(values.data, places.data, x_.data, rows, n, k);
                CHECK(places.values() == want.indices.to_vector());
                CHECK(same_bits(values.values(), want.values.to_vector()));
                check_no_fault();
            }
        }
}

TEST_CASE("cuda: the place of the largest of each row", "[cuda]") {
    for (const index_t n : {1, 31, 700}) {
        const index_t rows = 4;
        for (const auto& x : {random<float>(rows * n, 1), awkward(rows * n, 2), std::vector<float>(static_cast<std::size_t>(rows * n), -1.f)}) {
            const auto want = max_with_index(Tensor<float>::copy(x, {rows, n}), {1}).indices.to_vector();
            const OnDevice<float> x_(x);
            const OnDevice<std::int32_t> places(std::vector<std::int32_t>(static_cast<std::size_t>(rows)));
            cuda_emulator::clear(static_cast<std::uint64_t>(n));
            cuda::argmax(places.data, x_.data, rows, n);
            const auto found = places.values();
            CHECK(std::equal(want.begin(), want.end(), found.begin(), found.end()));
            check_no_fault();
        }
    }
}

TEST_CASE("cuda: as many as there are can be had, and 1,024 at most", "[cuda]") {
    CHECK_ERROR(cuda::top_k<std::int32_t>(nullptr, nullptr, nullptr, 1, 10, 11), ErrorCode::index_out_of_range);
    CHECK_ERROR(cuda::top_k<std::int32_t>(nullptr, nullptr, nullptr, 1, 10, 0), ErrorCode::index_out_of_range);
    CHECK_ERROR(cuda::top_k<std::int32_t>(nullptr, nullptr, nullptr, 1, 2000, 1025), ErrorCode::unsupported);
}
