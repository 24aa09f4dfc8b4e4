#include "support/catch.hpp"

#include "tercet/text/encoding.hpp"

using namespace tercet;

namespace {

Encoding of(std::initializer_list<TokenId> ids) {
    Encoding e;
    for (const TokenId id : ids) e.push_back(id, 0, {id, id + 1}, false);
    return e;
}

}  // namespace

TEST_CASE("pad: to the longest, to a length, to a multiple, on either side", "[text]") {
    std::vector<Encoding> batch{of({1, 2, 3}), of({4})};
    pad(batch);
    CHECK(batch[1].ids == std::vector<TokenId>{4, 0, 0});
    CHECK(batch[1].attention_mask == std::vector<std::uint8_t>{1, 0, 0});
    CHECK(batch[1].special_tokens_mask == std::vector<std::uint8_t>{0, 1, 1});
    pad(batch, {.multiple_of = 4, .left = true, .id = 9, .type_id = 1});
    CHECK(batch[0].ids == std::vector<TokenId>{9, 1, 2, 3});
    CHECK(batch[0].type_ids == std::vector<TokenId>{1, 0, 0, 0});
    pad(batch, {.length = 2});
    CHECK(batch[0].size() == 4);
    CHECK_ERROR(pad(batch, {.length = -1}), ErrorCode::invalid_argument);
}

TEST_CASE("truncation: how much of each text stays", "[text]") {
    using detail::text::truncated_sizes;
    using Sizes = std::pair<std::size_t, std::size_t>;
    using enum Truncation;
    CHECK(truncated_sizes(3, 4, true, 7, longest_first) == Sizes{3, 4});
    CHECK(truncated_sizes(4, 8, true, 7, longest_first) == Sizes{3, 4});
    CHECK(truncated_sizes(8, 2, true, 7, longest_first) == Sizes{5, 2});
    CHECK(truncated_sizes(8, 8, true, 7, longest_first) == Sizes{3, 4});
    CHECK(truncated_sizes(9, 0, false, 7, longest_first) == Sizes{7, 0});
    CHECK(truncated_sizes(9, 3, true, 7, only_first) == Sizes{4, 3});
    CHECK(truncated_sizes(3, 9, true, 7, only_second) == Sizes{3, 4});
    CHECK(truncated_sizes(3, 9, true, 0, only_second) == Sizes{0, 0});
    CHECK_ERROR(truncated_sizes(3, 9, true, 7, only_first), ErrorCode::invalid_argument);
    CHECK_ERROR(truncated_sizes(9, 0, false, 7, only_second), ErrorCode::invalid_argument);
}

TEST_CASE("windows: from the front and from the back", "[text]") {
    using Windows = std::vector<std::pair<std::size_t, std::size_t>>;
    CHECK(detail::text::windows(10, 4, 1, false) == Windows{{0, 4}, {3, 7}, {6, 10}});
    CHECK(detail::text::windows(10, 4, 1, true) == Windows{{6, 10}, {3, 7}, {0, 4}});
    CHECK(detail::text::windows(3, 4, 0, false) == Windows{{0, 3}});
}
