#include "op_test.hpp"

#include "tercet/ops/contrastive.hpp"

using Ids = Tensor<std::int64_t>;

TEST_CASE("normalize and cosine_similarity equal their definitions, also for a row of zeros", "[ops]") {
    const auto x = D::copy({3, 4, 0, 0, 1e-20, 0}, {3, 2});
    const auto y = normalize(x);
    CHECK(allclose(y.slice(0, 0, 2), D::copy({0.6, 0.8, 0, 0}, {2, 2})));
    CHECK(y(2, 0) == Approx(1e-8));  // 1e-20 / 1e-12
    CHECK(cosine_similarity(D::copy({1, 0}, {2}), D::copy({1, 1}, {2})).item() == Approx(std::sqrt(0.5)));
    const auto a = numbers({4, 1, 5}, 1), b = numbers({3, 5}, 2), c = cosine_similarity(a, b);
    CHECK(c.shape() == Shape{4, 3});
    for (index_t i = 0; i < 4; ++i)
        for (index_t j = 0; j < 3; ++j) {
            double dot = 0, aa = 0, bb = 0;
            for (index_t k = 0; k < 5; ++k) {
                dot += a(i, 0, k) * b(j, k);
                aa += a(i, 0, k) * a(i, 0, k);
                bb += b(j, k) * b(j, k);
            }
            CHECK(c(i, j) == Approx(dot / std::sqrt(aa * bb)).epsilon(1e-13));
        }
}

TEST_CASE("contrastive losses: gradients equal finite differences, also strided and broadcast", "[ops]") {
    for_each_isa([] {
        CHECK(gradcheck([](Inputs& v) { return normalize(v[0]); }, {numbers({2, 3, 5}, 1)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return normalize(transpose(v[0])); }, {numbers({5, 3}, 1)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return cosine_similarity(v[0], v[1]); }, {numbers({4, 1, 5}, 1), numbers({3, 5}, 2)}) <= 1e-6);
        const auto target = Ids::copy({1, -1, -1, 1}, {4});
        for (const auto reduction : {LossReduction::mean, LossReduction::sum, LossReduction::none})
            CHECK(gradcheck([&](Inputs& v) { return cosine_embedding_loss(v[0], v[1], target, -0.3, reduction); },
                            {numbers({4, 5}, 1), numbers({4, 5}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return info_nce(v[0], v[1]); }, {numbers({3, 4}, 1), numbers({3, 4}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return info_nce(v[0], v[1], {.scale = 3}); }, {numbers({3, 4}, 1), numbers({7, 4}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return info_nce(transpose(v[0]), v[1], {.scale = 5, .symmetric = true}); },
                        {numbers({4, 3}, 1), numbers({3, 4}, 2)}) <= 1e-6);
    });
    auto zeros = D::zeros({2, 3}).requires_grad();
    sum(normalize(zeros)).backward();
    for (const double d : zeros.grad().to_vector()) CHECK(d == 1e12);
}

TEST_CASE("cosine_embedding_loss and info_nce equal their definitions", "[ops]") {
    const auto a = numbers({4, 5}, 1), b = numbers({4, 5}, 2);
    const auto cosine = cosine_similarity(a, b);
    const auto losses = cosine_embedding_loss(a, b, Ids::copy({1, -1, -1, 1}, {4}), 0.1, LossReduction::none);
    for (index_t i = 0; i < 4; ++i) CHECK(losses(i) == Approx(i % 3 == 0 ? 1 - cosine(i) : std::max(0.0, cosine(i) - 0.1)).margin(1e-15));
    double forth = 0, back = 0;
    const auto all_pairs = cosine_similarity(a.unsqueeze(1), b);  // (4, 4)
    for (index_t i = 0; i < 4; ++i) {
        double row = 0, column = 0;
        for (index_t j = 0; j < 4; ++j) {
            row += std::exp(7 * all_pairs(i, j));
            column += std::exp(7 * all_pairs(j, i));
        }
        forth += (std::log(row) - 7 * all_pairs(i, i)) / 4;
        back += (std::log(column) - 7 * all_pairs(i, i)) / 4;
    }
    CHECK(info_nce(a, b, {.scale = 7}).item() == Approx(forth).epsilon(1e-12));
    CHECK(info_nce(a, b, {.scale = 7, .symmetric = true}).item() == Approx((forth + back) / 2).epsilon(1e-12));
    CHECK(std::isnan(info_nce(D::zeros({0, 3}), D::zeros({0, 3})).item()));
}

TEST_CASE("contrastive losses: what does not fit is refused by name", "[ops]") {
    const auto a = D::ones({2, 3});
    CHECK_ERROR(normalize(D::scalar(1)), ErrorCode::shape_mismatch);
    CHECK_ERROR(cosine_similarity(a, D::ones({2, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cosine_similarity(a, D::ones({3, 3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cosine_similarity(a, D::scalar(1)), ErrorCode::shape_mismatch);
    CHECK_ERROR(cosine_embedding_loss(a, a, Ids::ones({3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(cosine_embedding_loss(a, a, Ids::zeros({2})), ErrorCode::invalid_argument);
    CHECK_ERROR(info_nce(a, D::ones({1, 3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(info_nce(a, D::ones({2, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(info_nce(a, D::ones({3, 3}), {.symmetric = true}), ErrorCode::shape_mismatch);
}
