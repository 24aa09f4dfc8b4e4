#include "tercet/metrics/bias.hpp"
#include "support/catch.hpp"

using namespace tercet;

namespace {

using Vectors = std::vector<std::vector<float>>;

std::vector<EmbeddingRow> rows(const Vectors& vectors) {
    return {vectors.begin(), vectors.end()};
}

AssociationTest test_of(const Vectors& x, const Vectors& y, const Vectors& a, const Vectors& b, const AssociationTestOptions& options = {}) {
    const auto xs = rows(x), ys = rows(y), as = rows(a), bs = rows(b);
    return word_embedding_association(xs, ys, as, bs, options);
}

// Vectors at these angles, in degrees, and of some length.
Vectors at_angles(const std::vector<double>& degrees, float length = 1) {
    Vectors vectors;
    for (const double d : degrees) {
        const double angle = d * 3.14159265358979 / 180;
        vectors.push_back({length * static_cast<float>(std::cos(angle)), length * static_cast<float>(std::sin(angle))});
    }
    return vectors;
}

}  // namespace

TEST_CASE("bias: association is the difference of mean cosines, whatever the lengths") {
    const auto word = at_angles({0}, 3), a = at_angles({0, 60}, 2), b = at_angles({90, 180});
    CHECK(association(EmbeddingRow(word[0]), rows(a), rows(b)) == Approx((1 + 0.5) / 2 - (0.0 - 1) / 2).margin(1e-6));
    CHECK(cosine(EmbeddingRow(a[0]), EmbeddingRow(b[1])) == Approx(-1));
}

TEST_CASE("bias: targets that lie with an attribute are told from those that do not; alike ones are not") {
    const auto pleasant = at_angles({0, 5, 10}), unpleasant = at_angles({90, 95, 100});
    const auto flowers = at_angles({2, 6, 12, 20}), insects = at_angles({80, 88, 93, 99});
    const auto biased = test_of(flowers, insects, pleasant, unpleasant);
    CHECK(biased.effect_size > 1.7);
    CHECK(biased.partitions == 70);
    CHECK(biased.p == Approx(1.0 / 70));  // no other half of the eight is so near
    const auto turned = test_of(insects, flowers, pleasant, unpleasant);
    CHECK(turned.effect_size == Approx(-biased.effect_size));
    CHECK(turned.p == 1);
    const auto alike = test_of(at_angles({10, 30, 60, 80}), at_angles({11, 29, 61, 79}), pleasant, unpleasant);
    CHECK(std::fabs(alike.effect_size) < 0.05);
    CHECK(alike.p > 0.3);
    CHECK(test_of(at_angles({45, 45}), at_angles({45, 45}), pleasant, unpleasant).effect_size == 0);
}

TEST_CASE("bias: the effect size is in sample standard deviations") {
    // With A along one axis and B along the other, s(w) = cos − sin of w's angle.
    const auto test = test_of(at_angles({0, 0}), at_angles({90, 90}), at_angles({0}), at_angles({90}));
    CHECK(test.effect_size == Approx(2 / std::sqrt(4.0 / 3)));  // s = 1, 1, −1, −1
    CHECK(test.p == Approx(1.0 / 6));
}

TEST_CASE("bias: where there are many partitions so many are drawn, by the seed") {
    std::vector<double> x, y;
    for (int i = 0; i < 15; ++i) x.push_back(i * 3), y.push_back(25 + i * 4);
    const auto pleasant = at_angles({0, 10}), unpleasant = at_angles({90, 80});
    const AssociationTestOptions options{.most_partitions = 2000, .seed = 5};
    const auto sampled = test_of(at_angles(x), at_angles(y), pleasant, unpleasant, options);
    CHECK(sampled.partitions == 2000);
    CHECK(sampled.p < 0.01);
    CHECK(sampled.p >= 1.0 / 2000);
    CHECK(test_of(at_angles(x), at_angles(y), pleasant, unpleasant, options).p == sampled.p);
}

TEST_CASE("bias: pairs of texts that a model prefers one of, and pairs that it does not") {
    const std::vector<double> first{-1, -2, -3, -4, -5, -6, -7, -8}, lower{-2, -3, -4, -5, -6, -7, -8, -9};
    const auto biased = pair_preference(first, lower);
    CHECK(biased.first_share() == 1);
    CHECK(biased.mean_difference == Approx(1));
    CHECK(biased.p == Approx(2.0 / 256));
    const auto none = pair_preference(first, first);
    CHECK(none.first_share() == 0.5);
    CHECK(none.p == 1);
    const std::vector<double> mixed{0, -3, -2, -5, -4, -7, -6, -9};
    CHECK(pair_preference(first, mixed).first_share() == 0.5);
}

TEST_CASE("bias: each group's accuracy, and the gap between the best and the worst") {
    const std::vector<std::string> groups{"a", "b", "a", "b", "c", "a"};
    const auto found = subgroup_accuracy({true, false, true, true, true, false}, groups);
    CHECK(found.at("a").accuracy() == Approx(2.0 / 3));
    CHECK(found.at("b").count == 2);
    CHECK(accuracy_gap(found) == Approx(0.5));
    CHECK(accuracy_gap({}) == 0);
}

TEST_CASE("bias: what does not fit is refused") {
    const auto two = at_angles({0, 1}), one = at_angles({0});
    const Vectors zero{{0, 0}, {0, 0}}, long_ones{{1, 0, 0}, {0, 1, 0}};
    CHECK_ERROR(test_of(one, two, two, two), ErrorCode::invalid_argument);
    CHECK_ERROR(test_of(two, two, {}, two), ErrorCode::invalid_argument);
    CHECK_ERROR(test_of(zero, two, two, two), ErrorCode::invalid_argument);
    CHECK_ERROR(test_of(long_ones, two, two, two), ErrorCode::shape_mismatch);
    CHECK_ERROR(test_of(two, two, two, two, {.most_partitions = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(subgroup_accuracy({true}, {}), ErrorCode::shape_mismatch);
    const std::vector<double> a{0.0}, nan{std::nan("")};
    CHECK_ERROR(pair_preference(a, {}), ErrorCode::shape_mismatch);
    CHECK_ERROR(pair_preference({}, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(pair_preference(a, nan), ErrorCode::invalid_argument);
}
