#include "tercet/data/split.hpp"
#include "support/catch.hpp"

#include <vector>

using namespace tercet;

TEST_CASE("split: the first share is learnt from, the rest held out, in order and without overlap") {
    std::vector<int> numbers(11);
    for (int i = 0; i < 11; ++i) numbers[static_cast<std::size_t>(i)] = i;
    const auto parts = contiguous_split(std::span<const int>(numbers));
    CHECK(parts.training.size() == 9);
    CHECK(parts.validation.size() == 2);
    CHECK(parts.validation[0] == 9);
    CHECK(contiguous_split(std::span<const int>(numbers), 0.5).training.size() == 5);
    CHECK(contiguous_split(std::span<const int>(numbers), 0).validation.size() == 11);
    CHECK(contiguous_split(std::span<const int>(numbers), 1).validation.empty());
    CHECK(contiguous_split(std::span<const int>()).training.empty());
    CHECK_ERROR(contiguous_split(std::span<const int>(numbers), 1.1), ErrorCode::invalid_argument);
    CHECK_ERROR(contiguous_split(std::span<const int>(numbers), -0.1), ErrorCode::invalid_argument);
}
