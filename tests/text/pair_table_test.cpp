#include "support/catch.hpp"

#include "tercet/text/pair_table.hpp"

#include <map>
#include <random>

using namespace tercet;
using detail::text::PairTable;

TEST_CASE("pair_table: finds what was put in, the last of equal pairs, and nothing else", "[text]") {
    CHECK(PairTable().find(0, 0).rank == PairTable::no_rank);
    CHECK(PairTable(0).find(1, 2).rank == PairTable::no_rank);
    std::mt19937 random(3);
    PairTable table(2000);
    std::map<std::pair<TokenId, TokenId>, std::uint32_t> expected;
    for (std::uint32_t rank = 0; rank < 2000; ++rank) {
        const auto a = static_cast<TokenId>(random() % 60), b = static_cast<TokenId>(random() % 60);
        table.insert({PairTable::key_of(a, b), rank, a + b});
        expected[{a, b}] = rank;
    }
    for (TokenId a = -2; a < 70; ++a) {
        for (TokenId b = -2; b < 70; ++b) {
            const auto at = expected.find({a, b});
            const auto pair = table.find(a, b);
            CHECK(pair.rank == (at == expected.end() ? PairTable::no_rank : at->second));
            CHECK(pair.merged == (at == expected.end() ? no_token : a + b));
        }
    }
    const auto sorted = table.by_rank();
    CHECK(sorted.size() == expected.size());
    for (std::size_t i = 1; i < sorted.size(); ++i) CHECK(sorted[i - 1].rank < sorted[i].rank);
}

TEST_CASE("pair_table: pairs of one rank are sorted by their ids", "[text]") {
    PairTable table(3);
    table.insert({PairTable::key_of(5, 1), 7, 0});
    table.insert({PairTable::key_of(2, 9), 7, 1});
    table.insert({PairTable::key_of(2, 3), 8, 2});
    const auto sorted = table.by_rank();
    REQUIRE(sorted.size() == 3);
    CHECK((sorted[0].merged == 1 && sorted[1].merged == 0 && sorted[2].merged == 2));
}
