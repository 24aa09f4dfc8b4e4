// What CUDA does with tokens, on the emulated GPU: embeddings and their gradients, rotary positions, and the loss of the next token.
#include "cuda/compare.hpp"
#include "tercet/backend/cpu/backend.hpp"
#include "tercet/backend/cuda/cross_entropy.cuh"
#include "tercet/backend/cuda/lookup.cuh"
#include "tercet/backend/cuda/rotate.cuh"
#include "tercet/ops/cross_entropy.hpp"

#include <numeric>

using namespace tercet;
using namespace tercet_test;

TEST_CASE("cuda: rows of a table, and gradients added up in the order of their places, the same bits each time", "[cuda]") {
    const index_t rows = 7, columns = 130;
    const std::vector<std::int32_t> ids{3, 0, 3, 6, 3, 2, 0, 5};
    const auto count = static_cast<index_t>(ids.size());
    const auto table = random<float>(rows * columns, 1), dy = random<float>(count * columns, 2), before = random<float>(rows * columns, 3);
    const OnDevice<std::int32_t> ids_(ids);
    const OnDevice<float> table_(table), dy_(dy), y_(dy);
    auto want = before;
    for (index_t row = 0; row < rows; ++row)
        for (index_t c = 0; c < columns && row != 2; ++c) {  // row 2 is padding
            float sum = 0;
            for (index_t n = 0; n < count; ++n)
                if (ids[static_cast<std::size_t>(n)] == row) sum += dy[static_cast<std::size_t>(n * columns + c)];
            want[static_cast<std::size_t>(row * columns + c)] += sum;
        }
    for (std::uint64_t order = 0; order < 5; ++order) {
        cuda_emulator::clear(order);
        cuda::gather_rows(y_.data, table_.data, ids_.data, 1, rows, count, columns);
        const auto y = y_.values();
        for (index_t n = 0; n < count; ++n)
            for (index_t c = 0; c < columns; ++c)
                CHECK(y[static_cast<std::size_t>(n * columns + c)] ==
                      table[static_cast<std::size_t>(ids[static_cast<std::size_t>(n)] * columns + c)]);
        const OnDevice<float> dtable(before);
        cuda::scatter_rows(dtable.data, dy_.data, ids_.data, 1, rows, count, columns, 2);
        CHECK(dtable.values() == want);
        check_no_fault();
    }
}

TEMPLATE_TEST_CASE("cuda: rotary positions are the CPU's", "[cuda]", float, double) {
    using T = TestType;
    const index_t tokens = 9, heads = 3, half = 20, rows = 2 * tokens * heads;
    const auto x = random<T>(rows * 2 * half, 1), cosine = random<T>(tokens * half, 2), sine = random<T>(tokens * half, 3);
    const OnDevice<T> x_(x), y_(x), cosine_(cosine), sine_(sine);
    for (const bool neighbours : {false, true})
        for (const T sign : {T(1), T(-1)}) {
            std::vector<T> want(x.size());
            cuda_emulator::clear(2);
            cuda::rotate(y_.data, x_.data, cosine_.data, sine_.data, sign, rows, half, heads, tokens, neighbours);
            cpu::Backend::rotate(want.data(), x.data(), cosine.data(), sine.data(), sign, rows, half, heads, tokens, neighbours);
            CHECK(apart(y_.values(), want) <= near<T>);
            check_no_fault();
        }
}

TEST_CASE("cuda: the losses of rows and their gradients are those of cross_entropy()", "[cuda]") {
    const index_t rows = 6;
    for (const index_t classes : {3, 300, 2100})
        for (const double smoothing : {0.0, 0.1})
            for (const bool weighted : {false, true}) {
                INFO(classes << " classes, smoothing " << smoothing << (weighted ? ", weighted" : ""));
                const auto values = random<double>(rows * classes, 1), dy = random<double>(rows, 2);
                auto weights = random<double>(classes, 3);
                for (double& w : weights) w = std::fabs(w);
                auto x = Tensor<double>::copy(values, {rows, classes}).requires_grad();
                const std::vector<std::int64_t> targets{2, 0, -100, 1, classes - 1, 2};
                CrossEntropyOptions<double> options;
                options.label_smoothing = smoothing;
                options.reduction = LossReduction::none;
                if (weighted) options.class_weights = Tensor<double>::copy(weights, {classes});
                auto losses = cross_entropy(x, Tensor<std::int64_t>::copy(targets, {rows}), options);
                losses.backward(Tensor<double>::copy(dy, {rows}));
                const OnDevice<double> x_(values), loss_(dy), dy_(dy), weights_(weights), shift_(dy), total_(dy);
                const OnDevice<std::int64_t> targets_(targets);
                const double all_weights = weighted ? std::accumulate(weights.begin(), weights.end(), 0.0) : static_cast<double>(classes);
                const TargetsView<double> view{targets_.data, weighted ? weights_.data : nullptr,       -100,       classes,
                                               1 - smoothing, smoothing / static_cast<double>(classes), all_weights};
                cuda_emulator::clear(3);
                cuda::Rows().exp_sum(shift_.data, total_.data, static_cast<const double*>(x_.data), rows, classes);
                const double *logits = x_.data, *shift = shift_.data, *total = total_.data;
                cuda::row_losses(loss_.data, logits, shift, total, view, rows);
                CHECK(apart(loss_.values(), losses.detach().to_vector()) <= 1e-13);
                cuda::row_gradients(x_.data, logits, shift, total, view, {dy_.data, true, 1.0}, rows, false);
                CHECK(apart(x_.values(), x.grad().to_vector()) <= 1e-13);
                check_no_fault();
            }
}
