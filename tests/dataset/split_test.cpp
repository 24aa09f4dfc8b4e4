#include "tercet/data/split.hpp"
#include "support/catch.hpp"
#include "tercet/io/hub.hpp"

#include <map>
#include <set>

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

namespace {

// Every example is held out once, and in no part twice.
void check_partition(const Folds& folds, index_t examples) {
    std::vector<int> held(static_cast<std::size_t>(examples), 0);
    for (index_t i = 0; i < folds.count(); ++i) {
        const auto parts = folds.split(i);
        CHECK(static_cast<index_t>(parts.training.size() + parts.validation.size()) == examples);
        for (const index_t e : parts.validation) ++held[static_cast<std::size_t>(e)];
        std::vector<index_t> all;
        std::merge(parts.training.begin(), parts.training.end(), parts.validation.begin(), parts.validation.end(), std::back_inserter(all));
        for (index_t e = 0; e < examples; ++e) CHECK(all[static_cast<std::size_t>(e)] == e);
    }
    CHECK(std::count(held.begin(), held.end(), 1) == examples);
}
void check_sizes(const Folds& folds, const Json& sizes) {
    REQUIRE(static_cast<std::size_t>(folds.count()) == sizes.size());
    for (index_t i = 0; i < folds.count(); ++i) {
        const auto parts = folds.split(i);
        const auto& want = sizes.at(static_cast<std::size_t>(i));
        CHECK(static_cast<std::int64_t>(parts.training.size()) == want.at(0).as_int());
        CHECK(static_cast<std::int64_t>(parts.validation.size()) == want.at(1).as_int());
    }
}

}  // namespace

TEST_CASE("splits: parts are as large as the reference's, and hold each example once") {
    const Json golden = read_json_file(std::string(TERCET_TEST_DATA) + "/metrics/splits.json");
    for (const auto& c : golden.at("splits").elements()) {
        const auto& kind = c.at("kind").as_string();
        INFO(kind);
        if (kind == "kfold") {
            const index_t n = static_cast<index_t>(c.at("n").as_int()), k = static_cast<index_t>(c.at("k").as_int());
            check_sizes(k_folds(n, k), c.at("sizes"));
            check_sizes(k_folds(n, k, 3), c.at("sizes"));
            check_partition(k_folds(n, k, 3), n);
            for (index_t i = 0; i < k; ++i) {
                const auto held = k_folds(n, k).split(i).validation;
                const auto& want = c.at("unshuffled_test_indices").at(static_cast<std::size_t>(i));
                for (std::size_t e = 0; e < held.size(); ++e) CHECK(held[e] == static_cast<index_t>(want.at(e).as_int()));
            }
        } else if (kind == "stratified_kfold") {
            std::vector<index_t> classes;
            for (const auto& y : c.at("y").elements()) classes.push_back(static_cast<index_t>(y.as_int()));
            const auto k = static_cast<index_t>(c.at("k").as_int());
            for (const auto& seed : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(7)}) {
                const auto folds = stratified_folds(std::span<const index_t>(classes), k, seed);
                check_partition(folds, static_cast<index_t>(classes.size()));
                check_sizes(folds, c.at("sizes"));
                std::map<index_t, std::set<std::int64_t>> counts;  // of each class, over the folds
                for (index_t i = 0; i < k; ++i) {
                    std::map<index_t, std::int64_t> here;
                    for (const index_t e : folds.split(i).validation) ++here[classes[static_cast<std::size_t>(e)]];
                    for (const index_t y : std::set<index_t>(classes.begin(), classes.end())) counts[y].insert(here[y]);
                }
                for (const auto& [y, found] : counts) CHECK(*found.rbegin() - *found.begin() <= 1);
            }
        } else if (kind == "leave_one_out") {
            const auto n = static_cast<index_t>(c.at("n").as_int());
            check_sizes(leave_one_out(n), c.at("sizes"));
            check_partition(leave_one_out(n), n);
        } else {
            const auto n = static_cast<index_t>(c.at("n").as_int());
            const auto& size = c.at("test_size");
            const auto parts = size.is_integer() ? hold_out(n, static_cast<index_t>(size.as_int()), 1) : hold_out(n, size.as_number(), 1);
            CHECK(static_cast<std::int64_t>(parts.training.size()) == c.at("sizes").at(0).as_int());
            CHECK(static_cast<std::int64_t>(parts.validation.size()) == c.at("sizes").at(1).as_int());
        }
    }
}

TEST_CASE("splits: another seed is another split, the same seed the same; each class gives its share") {
    CHECK(hold_out(100, 0.3, 1).validation == hold_out(100, 0.3, 1).validation);
    CHECK(hold_out(100, 0.3, 1).validation != hold_out(100, 0.3, 2).validation);
    CHECK(k_folds(100, 4, 1).split(0).validation != k_folds(100, 4, 2).split(0).validation);
    std::vector<int> classes(100, 0);
    for (std::size_t i = 0; i < 20; ++i) classes[5 * i] = 1;
    classes[1] = 2;  // alone
    const auto parts = stratified_hold_out(std::span<const int>(classes), 0.25, 3);
    std::map<int, int> held;
    for (const index_t e : parts.validation) ++held[classes[static_cast<std::size_t>(e)]];
    CHECK(held == std::map<int, int>{{0, 20}, {1, 5}});
    CHECK(parts.training.size() == 75);
    // Many small classes, of which each would round to nothing: some give one.
    std::vector<int> many(100);
    for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int>(i) % 25;
    const auto few = stratified_hold_out(std::span<const int>(many), 0.1, 3);
    CHECK(few.validation.size() == 10);
    std::set<int> from;
    for (const index_t e : few.validation) from.insert(many[static_cast<std::size_t>(e)]);
    CHECK(from.size() == 10);
}

TEST_CASE("splits: balanced weights give each class the same say") {
    const std::vector<int> classes{0, 0, 0, 1};
    const auto weights = balanced_class_weights(std::span<const int>(classes), 2);
    CHECK(weights[0] * 3 == Approx(weights[1]));
    CHECK(weights[0] * 3 + weights[1] == Approx(4));
    CHECK_ERROR(balanced_class_weights(std::span<const int>(classes), 3), ErrorCode::invalid_argument);
    CHECK_ERROR(balanced_class_weights(std::span<const int>(classes), 1), ErrorCode::index_out_of_range);
}

TEST_CASE("splits: what does not fit is refused") {
    CHECK_ERROR(k_folds(3, 4), ErrorCode::invalid_argument);
    CHECK_ERROR(k_folds(3, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(leave_one_out(1), ErrorCode::invalid_argument);
    CHECK_ERROR(k_folds(4, 2).split(2), ErrorCode::index_out_of_range);
    CHECK_ERROR(hold_out(4, index_t{4}, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(hold_out(4, 0.0, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(hold_out(1, 0.5, 0), ErrorCode::invalid_argument);
    const std::vector<int> classes{0, 1, 2};
    CHECK_ERROR(stratified_hold_out(std::span<const int>(classes), 0.5, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(stratified_folds(std::span<const int>(classes), 4), ErrorCode::invalid_argument);
}
