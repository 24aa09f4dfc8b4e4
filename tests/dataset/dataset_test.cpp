#include "tercet/data/dataset.hpp"
#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("windows: targets are the inputs one token later") {
    const std::vector<TokenId> tokens{10, 11, 12, 13, 14, 15, 16};
    const TokenWindows windows(tokens, 3);
    CHECK(windows.starts() == 4);
    CHECK(windows.count() == 2);
    CHECK(windows.context() == 3);
    CHECK(windows.tokens().size() == 7);
    const index_t begins[] = {0, 3};
    const auto batch = windows.batch(begins);
    CHECK(batch.inputs.shape() == Shape{2, 3});
    CHECK(batch.inputs.to_vector() == std::vector<TokenId>{10, 11, 12, 13, 14, 15});
    CHECK(batch.targets.to_vector() == std::vector<TokenId>{11, 12, 13, 14, 15, 16});
}

TEST_CASE("windows: random batches depend on the generator's seed and position alone, and reach every place") {
    const std::vector<TokenId> tokens{0, 1, 2, 3, 4, 5};
    const TokenWindows windows(tokens, 2);
    Generator a(1), b(1);
    const auto first = windows.random(5, a);
    CHECK(first.inputs.to_vector() == windows.random(5, b).inputs.to_vector());
    CHECK(a.position() == b.position());
    Generator resumed(1, a.position());
    CHECK(windows.random(5, a).inputs.to_vector() == windows.random(5, resumed).inputs.to_vector());
    std::vector<int> met(4);
    const auto many = windows.random(200, a);
    for (index_t i = 0; i < 200; ++i) {
        CHECK(many.targets(i, 1) == many.inputs(i, 0) + 2);
        ++met[static_cast<std::size_t>(many.inputs(i, 0))];
    }
    for (const int count : met) CHECK(count > 20);
}

TEST_CASE("windows: what does not fit is refused") {
    const std::vector<TokenId> tokens{0, 1, 2};
    CHECK_ERROR(TokenWindows(tokens, 0), ErrorCode::invalid_argument);
    const TokenWindows exact(tokens, 2), wide(tokens, 3), none({}, 3);
    const index_t second[] = {1}, before[] = {-1};
    CHECK(exact.starts() == 1);
    CHECK_ERROR(exact.batch(second), ErrorCode::index_out_of_range);
    CHECK_ERROR(exact.batch(before), ErrorCode::index_out_of_range);
    Generator generator(1);
    CHECK(exact.random(2, generator).inputs.to_vector() == std::vector<TokenId>{0, 1, 0, 1});
    CHECK_ERROR(exact.random(0, generator), ErrorCode::invalid_argument);
    CHECK(wide.count() == 0);
    CHECK_ERROR(wide.random(1, generator), ErrorCode::invalid_argument);
    CHECK(none.starts() == 0);
    CHECK(none.count() == 0);
}

TEST_CASE("windows: those that lie one after the other are asked for by number") {
    const std::vector<TokenId> tokens{0, 1, 2, 3, 4, 5, 6, 7};
    const TokenWindows windows(tokens, 3);
    REQUIRE(windows.count() == 2);
    const index_t numbers[] = {1, 0};
    const auto batch = windows.windows(numbers);
    CHECK(batch.inputs.to_vector() == std::vector<TokenId>{3, 4, 5, 0, 1, 2});
    CHECK(batch.targets.to_vector() == std::vector<TokenId>{4, 5, 6, 1, 2, 3});
    const index_t outside[] = {2}, negative[] = {-1};
    CHECK_ERROR(windows.windows(outside), ErrorCode::index_out_of_range);
    CHECK_ERROR(windows.windows(negative), ErrorCode::index_out_of_range);
}
