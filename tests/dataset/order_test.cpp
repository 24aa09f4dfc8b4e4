#include "tercet/data/order.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace tercet;

TEST_CASE("order: an epoch visits each example once, in an order of its own") {
    std::set<std::vector<index_t>> orders;
    for (std::int64_t epoch = 0; epoch < 10; ++epoch) {
        const auto order = epoch_permutation(100, 7, epoch);
        CHECK(order == epoch_permutation(100, 7, epoch));
        orders.insert(order);
        auto sorted = order;
        std::sort(sorted.begin(), sorted.end());
        for (index_t i = 0; i < 100; ++i) CHECK(sorted[static_cast<std::size_t>(i)] == i);
    }
    CHECK(orders.size() == 10);
    CHECK(epoch_permutation(100, 7, 0) != epoch_permutation(100, 8, 0));
    CHECK(epoch_permutation(0, 7, 0).empty());
    CHECK(epoch_permutation(1, 7, 0) == std::vector<index_t>{0});
}

TEST_CASE("order: all permutations of three come alike often") {
    std::map<std::vector<index_t>, int> seen;
    for (std::int64_t epoch = 0; epoch < 6000; ++epoch) ++seen[epoch_permutation(3, 1, epoch)];
    CHECK(seen.size() == 6);
    for (const auto& [order, count] : seen) CHECK(std::abs(count - 1000) < 150);  // five standard deviations
}

TEST_CASE("order: goes on from any position, and passes over what is less than a batch") {
    ShuffledOrder order(10, 3);
    OrderPosition position;
    std::vector<OrderPosition> before;
    std::vector<std::vector<index_t>> batches;
    for (int i = 0; i < 9; ++i) {
        before.push_back(position);
        const auto batch = order.next(position, 3);
        batches.emplace_back(batch.begin(), batch.end());
    }
    CHECK(before[3] == OrderPosition{0, 9});  // one is left over
    CHECK(before[4] == OrderPosition{1, 3});
    for (std::size_t i = 0; i < batches.size(); ++i) {
        ShuffledOrder another(10, 3);
        OrderPosition from = before[i];
        const auto batch = another.next(from, 3);
        CHECK(std::vector<index_t>(batch.begin(), batch.end()) == batches[i]);
    }
    CHECK(order.count() == 10);
    OrderPosition whole;
    CHECK(order.next(whole, 10).size() == 10);
    CHECK(whole == OrderPosition{0, 10});
}

TEST_CASE("order: too few examples for a batch and impossible positions are refused") {
    ShuffledOrder order(4, 0), empty(0, 0);
    OrderPosition position;
    CHECK_ERROR(order.next(position, 5), ErrorCode::invalid_argument);
    CHECK_ERROR(order.next(position, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(empty.next(position, 1), ErrorCode::invalid_argument);
    OrderPosition outside{0, 5}, negative{-1, 0};
    CHECK_ERROR(order.next(outside, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(order.next(negative, 1), ErrorCode::invalid_argument);
}
