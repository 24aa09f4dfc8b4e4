#include "tercet/train/search.hpp"

#include "support/catch.hpp"

#include <set>

using namespace tercet;

namespace {

const SearchSpace space{{"rate", log_uniform(1e-4, 1)}, {"share", uniform(-1, 3)}, {"width", choices({8, 64, 16})}};

}  // namespace

TEST_CASE("grid search: tries every combination once, the ends included, and sorts them") {
    std::set<std::vector<double>> tried;
    const auto score = [&](const Parameters& p) {
        tried.insert({p.at("rate"), p.at("share"), p.at("width")});
        return std::abs(std::log10(p.at("rate")) + 2) + std::abs(p.at("share")) + p.at("width");
    };
    const auto trials = grid_search(space, score);
    CHECK(trials.size() == 5 * 5 * 3);
    CHECK(tried.size() == trials.size());
    CHECK(trials.front().parameters.at("rate") == Approx(1e-2));
    CHECK(trials.front().parameters.at("share") == Approx(0));
    CHECK(trials.front().parameters.at("width") == 8);
    std::set<double> rates;
    for (std::size_t i = 0; i < trials.size(); ++i) {
        rates.insert(trials[i].parameters.at("rate"));
        if (i > 0) CHECK(trials[i - 1].score <= trials[i].score);
    }
    CHECK(*rates.begin() == 1e-4);
    CHECK(*rates.rbegin() == 1);
    CHECK(grid_search({}, [](const Parameters&) { return 1.0; }).size() == 1);
}

TEST_CASE("random search: the same places for the same seed, within their ranges, each factor alike often") {
    const auto score = [](const Parameters& p) { return p.at("share"); };
    const auto a = random_search(space, score, {.trials = 400, .seed = 3, .maximise = true});
    const auto b = random_search(space, score, {.trials = 400, .seed = 3, .maximise = true});
    const auto c = random_search(space, score, {.trials = 400, .seed = 4, .maximise = true});
    std::map<double, int> widths;
    int low = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].parameters == b[i].parameters);
        CHECK(a[i].number == b[i].number);
        if (i > 0) CHECK(a[i - 1].score >= a[i].score);
        CHECK((a[i].parameters.at("rate") >= 1e-4 && a[i].parameters.at("rate") <= 1));
        CHECK((a[i].parameters.at("share") >= -1 && a[i].parameters.at("share") <= 3));
        low += a[i].parameters.at("rate") < 1e-2;
        ++widths[a[i].parameters.at("width")];
    }
    CHECK(a[0].parameters != c[0].parameters);
    CHECK(std::abs(low - 200) < 50);
    CHECK(widths.size() == 3);
    for (const auto& [width, count] : widths) CHECK(count > 90);
}

TEST_CASE("search: a trial that fails is recorded with its message and comes last") {
    std::vector<index_t> seen;
    const auto score = [](const Parameters& p) {
        require(p.at("x") != 2, ErrorCode::not_finite, "the loss is nan");
        return p.at("x") == 3 ? std::nan("") : -p.at("x");
    };
    const auto trials = grid_search({{"x", choices({1, 2, 3, 4})}}, score, {.on_trial = [&](const Trial& t) { seen.push_back(t.number); }});
    REQUIRE(trials.size() == 4);
    CHECK(seen == std::vector<index_t>{0, 1, 2, 3});
    CHECK(trials[0].parameters.at("x") == 4);
    CHECK(trials[1].parameters.at("x") == 1);
    CHECK(trials[2].error == "the loss is nan");
    CHECK(std::isnan(trials[2].score));
    CHECK(trials[3].error.empty());
}

TEST_CASE("search: a trial that was cancelled ends it") {
    int tried = 0;
    const auto score = [&](const Parameters&) -> double {
        ++tried;
        fail(ErrorCode::cancelled, "enough");
    };
    CHECK_ERROR(grid_search({{"x", choices({1, 2, 3})}}, score), ErrorCode::cancelled);
    CHECK(tried == 1);
}

TEST_CASE("search: impossible ranges and counts are refused") {
    const auto score = [](const Parameters&) { return 0.0; };
    CHECK_ERROR(choices({}), ErrorCode::invalid_argument);
    CHECK_ERROR(uniform(1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(uniform(0, INFINITY), ErrorCode::invalid_argument);
    CHECK_ERROR(log_uniform(0, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(grid_search(space, score, {.points = 1}), ErrorCode::invalid_argument);
    CHECK_ERROR(random_search(space, score, {.trials = 0}), ErrorCode::invalid_argument);
    SearchSpace huge;
    for (char c = 'a'; c <= 'z'; ++c) huge[std::string(1, c)] = uniform(0, 1);
    CHECK_ERROR(grid_search(huge, score, {.points = 1000}), ErrorCode::size_overflow);
}
