#include "tercet/nn/relative_bias.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("relative_bias: near distances have a bucket each, far ones share them, and the last holds all beyond") {
    const RelativeBuckets encoder{32, 128, true}, decoder{32, 128, false};
    for (index_t d = 0; d < 8; ++d) {
        CHECK(encoder.of(-d) == d);
        CHECK(encoder.of(d) == (d == 0 ? 0 : 16 + d));
        CHECK(decoder.of(-d) == d);
    }
    CHECK(decoder.of(5) == 0);  // a decoder sees nothing ahead
    CHECK(encoder.of(-8) == 8);
    CHECK(encoder.of(-128) == 15);
    CHECK(encoder.of(-100000) == 15);
    CHECK(encoder.of(100000) == 31);
    CHECK(decoder.of(-15) == 15);
    CHECK(decoder.of(-16) == 16);
    CHECK(decoder.of(-127) == 31);
    for (index_t d = 1; d < 300; ++d) CHECK(encoder.of(-d) >= encoder.of(1 - d));  // never back
}

TEST_CASE("relative_bias: a number for each head, query and key, from where the queries stand") {
    Embedding table(8, 2);
    table.weight.set(Tensor<float>::arange(0, 16).reshape({8, 2}));
    const RelativeBuckets buckets{8, 16, true};
    const auto whole = relative_bias(table, buckets, 0, 5, 5), last = relative_bias(table, buckets, 4, 1, 5);
    CHECK(whole.shape() == Shape{2, 5, 5});
    CHECK(whole(0, 2, 2) == 0);
    CHECK(whole(1, 2, 2) == 1);
    CHECK(whole(0, 2, 1) == static_cast<float>(2 * buckets.of(-1)));
    CHECK(whole(1, 0, 4) == static_cast<float>(2 * buckets.of(4) + 1));
    for (index_t h = 0; h < 2; ++h)
        for (index_t j = 0; j < 5; ++j) CHECK(last(h, 0, j) == whole(h, 4, j));
}
