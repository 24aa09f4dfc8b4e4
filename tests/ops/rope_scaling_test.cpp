// The ways to stretch rotary positions, against what transformers computes for the same configs (modeling_rope_utils.py, 5.23).
#include "tercet/ops/rope_scaling.hpp"

#include "support/catch.hpp"

using namespace tercet;

namespace {

constexpr double pi = 3.14159265358979323846;

void check_frequencies(const RopeTable& table, const std::vector<double>& want) {
    REQUIRE(table.frequencies.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(table.frequencies[i] == Catch::Approx(want[i]).epsilon(2e-6));
}

}  // namespace

TEST_CASE("rope scaling: llama3 slows the long waves, keeps the short ones, and blends between", "[ops]") {
    const auto plain = rope_table({16, 10000, {}});
    const auto slow = rope_table({16, 10000, RopeLlama3{8, 1, 4, 100}});
    for (std::size_t i = 0; i < plain.frequencies.size(); ++i) {
        const double f = plain.frequencies[i], turns = 100 * f / (2 * pi);
        if (turns > 4) CHECK(slow.frequencies[i] == f);
        else if (turns < 1) CHECK(slow.frequencies[i] == f / 8);
        else CHECK((slow.frequencies[i] > f / 8 && slow.frequencies[i] < f));
    }
    RopeTable scaled = plain;
    scaled.scale = 0.5;
    CHECK(RopeAngles<double>(scaled, 0, 1).cosine(0, 0) == 0.5);
}

TEST_CASE("rope scaling: linear divides, factors divide each pair, and others beyond the context", "[ops]") {
    check_frequencies(rope_table({4, 100, RopeLinear{4}}), {0.25, 0.025});
    const RopeConfig longer{4, 100, RopeFactors{{1, 2}, {4, 5}, 10, 1.25}};
    check_frequencies(rope_table(longer, 10), {1, 0.05});
    check_frequencies(rope_table(longer, 11), {0.25, 0.02});
    CHECK(rope_table(longer).scale == 1.25);
    const Rotary rotary(longer);
    CHECK(rotary.grows());
    CHECK(rotary.changes(10, 11));
    CHECK_FALSE(rotary.changes(9, 10));
    CHECK_FALSE(rotary.changes(0, 11));
    CHECK(rotary.angles(10, 1).sine(0, 0) == Catch::Approx(1.25 * std::sin(10 * 0.25)).epsilon(1e-6));
    CHECK_ERROR(rope_table({4, 100, RopeFactors{{1}, {4, 5}, 10, 1}}), ErrorCode::shape_mismatch);
}

TEST_CASE("rope scaling: the dynamic base grows past the context, and only there", "[ops]") {
    const RopeConfig c{8, 10000, RopeDynamic{4, 16}};
    check_frequencies(rope_table(c, 16), rope_frequencies(8, 10000).frequencies);
    const double base = 10000 * std::pow(4 * 20 / 16.0 - 3, 8 / 6.0);
    check_frequencies(rope_table(c, 20), rope_frequencies(8, base).frequencies);
    CHECK_FALSE(Rotary(c).changes(16, 20));  // tokens in the cache keep their angles
    CHECK_FALSE(Rotary({8, 10000, {}}).grows());
}

TEST_CASE("rope scaling: yarn keeps short waves, slows long ones, and scales the cosines", "[ops]") {
    const auto table = rope_table({8, 10000, RopeYarn{4, 16}});
    // Borders: floor of channel(32 turns) -> 0 at least, ceil of channel(1 turn) = ceil(8 ln(16 / 2π) / (2 ln 10000)) = 1.
    check_frequencies(table, {1, 0.1 / 4, 0.01 / 4, 0.001 / 4});
    CHECK(table.scale == Catch::Approx(0.1 * std::log(4.0) + 1));
    CHECK(rope_table({8, 10000, RopeYarn{4, 16, 32, 1, true, 0.7}}).scale == 0.7);
    const auto between = rope_table({8, 10000, RopeYarn{4, 16, 32, 1, false}});
    const double last = 8 * std::log(16 / (2 * pi)) / (2 * std::log(10000.0));
    CHECK(between.frequencies[0] == 1);
    CHECK(last < 1);
    check_frequencies(between, {1, 0.1 / 4, 0.01 / 4, 0.001 / 4});
}

TEST_CASE("rope scaling: a piece of a longer sequence has that sequence's angles", "[ops]") {
    const Rotary rotary({4, 100, RopeFactors{{1, 2}, {4, 5}, 10, 1}});
    CHECK(rotary.angles(0, 4, 20).sine(1, 0) == Catch::Approx(std::sin(0.25)).epsilon(1e-6));
    CHECK(rotary.angles(0, 4).sine(1, 0) == Catch::Approx(std::sin(1.0)).epsilon(1e-6));
    const index_t before[] = {3, 12};
    const auto rows = rotary.angles(before);
    CHECK(rows.sine(0, 0) == Catch::Approx(std::sin(3.0)).epsilon(1e-6));
    CHECK(rows.sine(1, 0) == Catch::Approx(std::sin(12 * 0.25)).epsilon(1e-6));
}
