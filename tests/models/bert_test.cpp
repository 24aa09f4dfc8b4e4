// What BERT refuses, and the pooling of sentence embeddings.
#include "tercet/models/bert.hpp"

#include "support/model_golden.hpp"
#include "tercet/models/sentence.hpp"

using namespace tercet;

TEST_CASE("bert: wrong inputs are refused by name") {
    const auto model = std::get<Bert>(load_encoder_body(ModelFiles::open(golden::model_folder("bert-base"))).body);
    CHECK_ERROR(model(Tensor<std::int32_t>::zeros({1, 65})), ErrorCode::context_overflow);
    CHECK_ERROR(model(Tensor<std::int32_t>::full({1, 4}, 113)), ErrorCode::index_out_of_range);
    CHECK_ERROR(model(Tensor<std::int32_t>::zeros({4})), ErrorCode::shape_mismatch);
    const auto mask = Tensor<std::uint8_t>::ones({1, 3});
    CHECK_ERROR(model(Tensor<std::int32_t>::zeros({1, 4}), {.attention_mask = &mask}), ErrorCode::shape_mismatch);
    CHECK_ERROR(load_encoder_body(ModelFiles::open(golden::model_folder("llama"))), ErrorCode::unsupported);
    CHECK_ERROR(load_causal_model(ModelFiles::open(golden::model_folder("bert-base"))), ErrorCode::unsupported);
}

TEST_CASE("pool: each way over the tokens that the mask keeps") {
    const auto hidden = Tensor<float>::copy({1, 2, 3, 6, 100, 100}, {1, 3, 2});
    const auto mask = Tensor<std::uint8_t>::copy({1, 1, 0}, {1, 3});
    CHECK(pool(hidden, mask, Pooling::mean).to_vector() == std::vector<float>{2, 4});
    CHECK(pool(hidden, mask, Pooling::cls).to_vector() == std::vector<float>{1, 2});
    CHECK(pool(hidden, mask, Pooling::max).to_vector() == std::vector<float>{3, 6});
    CHECK(golden::deviation(pool(hidden, mask, Pooling::mean_sqrt_length), Tensor<float>::copy({4 / std::sqrt(2.f), 8 / std::sqrt(2.f)}, {1, 2})) <
          1e-6);
    CHECK(pool(hidden, Tensor<std::uint8_t>::zeros({1, 3}), Pooling::mean).to_vector() == std::vector<float>{0, 0});
    CHECK_ERROR(pool(hidden, Tensor<std::uint8_t>::zeros({1, 2}), Pooling::mean), ErrorCode::shape_mismatch);
}

TEST_CASE("cosine and normalise_rows: lengths and angles") {
    const auto a = Tensor<float>::copy({3, 4}, {2}), b = Tensor<float>::copy({-4, 3}, {2});
    CHECK(cosine(a, a) == Catch::Approx(1));
    CHECK(cosine(a, b) == Catch::Approx(0).margin(1e-7));
    CHECK(cosine(a, Tensor<float>::zeros({2})) == 0);
    CHECK(golden::deviation(normalise_rows(a), Tensor<float>::copy({0.6f, 0.8f}, {2})) < 1e-7);
    CHECK_ERROR(cosine(a, Tensor<float>::zeros({3})), ErrorCode::shape_mismatch);
}
