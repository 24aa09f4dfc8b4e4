#include "tercet/train/early_stopping.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("early stopping: ends a run after so many reports without an improvement") {
    EarlyStopping stopping{.patience = 2};
    CHECK_FALSE(stopping.report(3));
    CHECK_FALSE(stopping.report(3));
    CHECK_FALSE(stopping.report(2));  // an improvement starts the count anew
    CHECK_FALSE(stopping.report(2.5));
    CHECK(stopping.report(NAN));
    CHECK(stopping.exhausted());
    CHECK(stopping.best == 2);
}

TEST_CASE("early stopping: what counts as an improvement") {
    EarlyStopping least{.patience = 1, .minimum_delta = 0.5};
    CHECK_FALSE(least.report(3));
    CHECK_FALSE(least.report(2.25));
    CHECK(least.report(2));
    EarlyStopping largest{.patience = 1, .maximise = true};
    CHECK_FALSE(largest.report(3));
    CHECK_FALSE(largest.report(4));
    CHECK(largest.report(3.5));
    EarlyStopping nothing{.patience = 2};
    CHECK_FALSE(nothing.report(NAN));
    CHECK_FALSE(nothing.report(1));  // the first number is the best so far
    CHECK(nothing.best == 1);
}
