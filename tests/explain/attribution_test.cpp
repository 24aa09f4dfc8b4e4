#include "tercet/explain/attribution.hpp"

#include "support/catch.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/llama.hpp"
#include "tercet/nn/linear.hpp"

using namespace tercet;

namespace {

double total(const Tensor<float>& x) {
    double sum = 0;
    for (const float v : x.contiguous().to_vector()) sum += static_cast<double>(v);
    return sum;
}

}  // namespace

TEST_CASE("attribution: of a linear result it is each token's part of the sum") {
    Embedding table(5, 3);
    Generator generator(3);
    table.weight.set(Tensor<float>::randn({5, 3}, generator));
    const auto w = Tensor<float>::randn({3}, generator);
    const auto ids = Tensor<std::int32_t>::copy(std::vector<std::int32_t>{4, 0, 4, 2}, {1, 4});
    const auto f = [&] { return sum(table(ids) * w); };
    const auto exact = sum(table(ids) * w, {-1});  // (1, 4)
    for (const auto& got : {explain::gradient_times_input(table.weight, f), explain::integrated_gradients(table.weight, f, {.steps = 3})}) {
        CHECK(golden::deviation(got.scores, exact) <= 1e-6);
        CHECK(got.value == Approx(total(exact)).epsilon(1e-5));
        CHECK(got.baseline_value.value_or(0) == 0);
    }
    // From another baseline, and along a square: the midpoint rule is exact for what is quadratic.
    const auto square_of = [&] { return sum(square(table(ids)) * w); };
    const auto baseline = Tensor<float>::full({3}, 0.5f);
    const auto got = explain::integrated_gradients(table.weight, square_of, {.steps = 4, .baseline = baseline});
    CHECK(golden::deviation(got.scores, sum((square(table(ids)) - 0.25f) * w, {-1})) <= 1e-5);
    CHECK(total(got.scores) == Approx(got.value - *got.baseline_value).epsilon(1e-4));
}

TEST_CASE("attribution: integrated gradients of a model are complete") {
    for (const auto* name : {"llama", "gemma2", "gpt2"}) {
        INFO(name);
        const auto model = load_causal_model(ModelFiles::open(golden::model_folder(name)));
        const golden::Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto row = expected.ids("input_ids").slice(0, 0, 1).contiguous().to_vector();
        const auto logits = model(Tensor<std::int32_t>::copy(row, {1, static_cast<index_t>(row.size())}), {.last_only = true});
        const auto got = explain::attribute_next_token(model, row, 7, {.steps = 100});
        CHECK(got.scores.numel() == static_cast<index_t>(row.size()));
        CHECK(got.value == Approx(static_cast<double>(logits(0, 0, 7))).epsilon(1e-5));
        const double missing = std::abs(total(got.scores) - (got.value - *got.baseline_value));
        CAPTURE(missing, got.value, *got.baseline_value);
        CHECK(missing <= 0.05 * std::max(1.0, std::abs(got.value - *got.baseline_value)));
    }
    const auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-seqcls")));
    Encoding text;
    for (const TokenId id : {3, 17, 40, 99, 5}) text.push_back(id, 0, {0, 0}, false);
    const auto got = explain::attribute_class(model, text, 1, {.steps = 200});
    CHECK(got.scores.numel() == 5);
    CHECK(std::abs(total(got.scores) - (got.value - *got.baseline_value)) <= 0.02 * std::max(0.1, std::abs(got.value - *got.baseline_value)));
}

TEST_CASE("attribution: what does not fit is refused") {
    Embedding table(5, 3), other(5, 3);
    table.weight.set(Tensor<float>::ones({5, 3}));
    other.weight.set(Tensor<float>::ones({5, 3}));
    const auto ids = Tensor<std::int32_t>::zeros({1, 2});
    CHECK_ERROR(explain::gradient_times_input(other.weight, [&] { return sum(table(ids)); }), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::gradient_times_input(table.weight, [&] { return table(ids); }), ErrorCode::shape_mismatch);
    CHECK_ERROR(explain::integrated_gradients(table.weight, [&] { return sum(table(ids)); }, {.steps = 0}), ErrorCode::invalid_argument);
    const auto model = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    const std::vector<std::int32_t> some{1, 2};
    CHECK_ERROR(explain::attribute_next_token(model, {}, 1), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::attribute_next_token(model, some, 1000), ErrorCode::index_out_of_range);
    const auto body = load_encoder(ModelFiles::open(golden::model_folder("bert-base")));
    CHECK_ERROR(explain::attribute_class(body, Encoding{}, 0), ErrorCode::invalid_argument);
    const auto classifier = load_encoder(ModelFiles::open(golden::model_folder("bert-seqcls")));
    CHECK_ERROR(explain::attribute_class(classifier, Encoding{}, 99), ErrorCode::index_out_of_range);
}

TEST_CASE("attribution: the mean embedding, of dense and of packed tables") {
    Weight table(Shape{2, 3});
    table.set(Tensor<float>::copy(std::vector<float>{1, 2, 3, 3, 2, 0}, {2, 3}));
    CHECK(explain::mean_embedding(table).to_vector() == std::vector<float>{2, 2, 1.5f});
    table.pack();
    CHECK(explain::mean_embedding(table).to_vector() == std::vector<float>{2, 2, 1.5f});
}

TEST_CASE("attribution: the token table is the first weight") {
    const auto model = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    CHECK(&explain::token_embeddings(model) == &model.as<Llama>()->embed_tokens.weight);
}
