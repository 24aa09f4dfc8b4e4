#include "tercet/train/debias.hpp"
#include "support/catch.hpp"
#include "tercet/metrics/bias.hpp"
#include "tercet/ops/elementwise.hpp"

using namespace tercet;

namespace {

std::vector<EmbeddingRow> rows_of(const Tensor<float>& x) {
    std::vector<EmbeddingRow> rows;
    for (index_t i = 0; i < x.size(0); ++i) rows.emplace_back(x.data() + i * x.size(1), static_cast<std::size_t>(x.size(1)));
    return rows;
}

}  // namespace

TEST_CASE("debias: the direction in which pairs differ is found, whatever else they differ by") {
    manual_seed(1);
    const index_t C = 20;
    auto first = Tensor<float>::randn({8, C}), second = first.clone();
    for (index_t i = 0; i < 8; ++i) {
        first.at(i, 3) += 2;
        second.at(i, 7) += 0.5f;
        for (index_t c = 0; c < C; ++c) first.at(i, c) += 0.05f * static_cast<float>((i * 7 + c * 3) % 5 - 2);
    }
    const auto g = difference_direction(first, second);
    double length = 0;
    for (index_t c = 0; c < C; ++c) length += static_cast<double>(g(c)) * static_cast<double>(g(c));
    CHECK(length == Approx(1));
    CHECK(g(3) > 0.95);  // towards the first ones
    CHECK(g(7) < -0.2);
    const auto turned = difference_direction(second, first);
    CHECK(turned(3) == Approx(-g(3)).epsilon(1e-4));
}

TEST_CASE("debias: what pairs differ by with either sign has a direction too") {
    const auto first = Tensor<float>::copy({1, 0, -1, 0}, {2, 2}), second = Tensor<float>::zeros({2, 2});
    CHECK(std::fabs(difference_direction(first, second)(0)) == Approx(1));
}

TEST_CASE("debias: without the direction nothing lies along it, and the association that it carried is gone") {
    manual_seed(2);
    const index_t C = 16;
    const auto around = [&](float group, float topic, index_t n) {
        auto x = Tensor<float>::randn({n, C}) * 0.3f;
        for (index_t i = 0; i < n; ++i) x.at(i, 0) += group, x.at(i, 1) += topic;
        return x;
    };
    const auto he = around(1, 0, 6), she = around(-1, 0, 6), career = around(0.6f, 1, 8), family = around(-0.6f, 1, 8);
    const auto effect = [&](const auto& change) {
        const auto a = change(he), b = change(she), x = change(career), y = change(family);
        return word_embedding_association(rows_of(x), rows_of(y), rows_of(a), rows_of(b));
    };
    const auto before = effect([](const Tensor<float>& x) { return x; });
    const auto g = difference_direction(he, she);
    const auto after = effect([&](const Tensor<float>& x) { return without_direction(x, g); });
    CHECK(before.effect_size > 1);
    CHECK(before.p < 0.01);
    CHECK(std::fabs(after.effect_size) < 0.6 * before.effect_size);
    const auto clean = without_direction(career, g);
    for (index_t i = 0; i < 8; ++i) {
        double along = 0;
        for (index_t c = 0; c < C; ++c) along += static_cast<double>(clean(i, c)) * static_cast<double>(g(c));
        CHECK(along == Approx(0).margin(1e-6));
    }
}

TEST_CASE("debias: what does not fit is refused") {
    const auto x = Tensor<float>::ones({2, 3});
    CHECK_ERROR(difference_direction(x, x), ErrorCode::invalid_argument);
    CHECK_ERROR(difference_direction(x, Tensor<float>::ones({2, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(without_direction(x, Tensor<float>::ones({2})), ErrorCode::shape_mismatch);
}
