// Sequences packed one behind the other: each gives what it gives alone, and so do the gradients.
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/ops/reduce.hpp"

using namespace tercet;
using golden::Expected;

namespace {

const std::vector<index_t> lengths{5, 1, 8, 7};

// Tokens of a case: 21 of them, none that is padding.
Tensor<std::int32_t> some_ids(const std::string& name) {
    const auto ids = Expected(golden::model_folder(name) + "/expected.safetensors").ids("input_ids");
    auto out = Tensor<std::int32_t>::empty({1, 21});
    for (index_t i = 0; i < 21; ++i) out.mutable_data()[i] = ids(0, (3 * i + i / 7) % 13);
    return out;
}

// What a function of ids (1, n) gives for each of the sequences, one behind the other along `dim`; 0: one row each.
template <class F>
Tensor<float> alone(const Tensor<std::int32_t>& ids, index_t dim, const F& f) {
    std::vector<Tensor<float>> parts;
    index_t first = 0;
    for (const index_t length : lengths) {
        parts.push_back(f(ids.slice(1, first, first + length).contiguous()));
        first += length;
    }
    return concatenate(parts, dim);
}

template <class Model>
std::vector<Tensor<float>> gradients(Model& model, const Tensor<float>& y) {
    Generator generator(7);
    const auto dy = Tensor<float>::randn(y.shape(), generator);
    sum(y * dy).backward();
    std::vector<Tensor<float>> all;
    for_each_weight(model, [&](const std::string&, Weight& w) {
        const auto g = w.tensor().grad();
        all.push_back(g.storage() != nullptr ? g.clone() : Tensor<float>::zeros(w.shape()));
    });
    zero_grad(model);
    return all;
}

void check_same(const std::vector<Tensor<float>>& a, const std::vector<Tensor<float>>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(golden::deviation(a[i], b[i], 1e-4) <= 1e-5);
}

}  // namespace

TEST_CASE("packed: an encoder gives each sequence what it gives it alone, gradients too") {
    for (const char* name : {"bert-base", "bert-seqcls", "bert-mlm", "roberta-seqcls", "distilbert", "mpnet", "modernbert"}) {
        INFO(name);
        const auto ids = some_ids(name);
        auto model = load_encoder(ModelFiles::open(golden::model_folder(name)), {.trainable = true});
        const auto packed = forward(model, ids, {.lengths = lengths});
        const auto hidden = alone(ids, 1, [&](const auto& one) { return forward(model, one).last_hidden_state; });
        CHECK(golden::deviation(packed.last_hidden_state, hidden) <= 2e-5);
        if (packed.pooler_output.storage() != nullptr)
            CHECK(golden::deviation(packed.pooler_output, alone(ids, 0, [&](const auto& one) { return forward(model, one).pooler_output; })) <= 2e-5);
        const auto want = gradients(model, hidden);
        check_same(gradients(model, forward(model, ids, {.lengths = lengths}).last_hidden_state), want);
        if (packed.logits.storage() == nullptr) continue;
        const bool of_texts = model.task == EncoderTask::sequence_classification;
        CHECK(golden::deviation(packed.logits, alone(ids, of_texts ? 0 : 1, [&](const auto& one) { return forward(model, one).logits; })) <= 2e-5);
    }
}

TEST_CASE("packed: a decoder gives each sequence what it gives it alone, gradients too") {
    for (const char* name : {"gpt2", "llama", "llama-yarn", "mistral-sliding", "qwen3", "gemma2", "gemma3", "phi3"}) {
        INFO(name);
        const auto ids = some_ids(name);
        auto model = load_causal_model(ModelFiles::open(golden::model_folder(name)), {.trainable = true});
        const auto logits = alone(ids, 1, [&](const auto& one) { return forward(model, one); });
        CHECK(golden::deviation(forward(model, ids, {.lengths = lengths}), logits) <= 2e-5);
        const auto want = gradients(model, logits);
        check_same(gradients(model, forward(model, ids, {.lengths = lengths})), want);
        check_same(gradients(model, forward(model, ids, {.lengths = lengths, .checkpoint = true})), want);
    }
}

TEST_CASE("packed: means and first tokens of sequences") {
    const auto x = Tensor<float>::arange(0, 14).reshape({1, 7, 2});
    const std::vector<index_t> parts{3, 1, 3};
    const EncoderInputs packed{.lengths = parts};
    CHECK(first_tokens(x, packed).to_vector() == std::vector<float>{0, 1, 6, 7, 8, 9});
    CHECK(golden::deviation(mean_of_tokens(x, packed), Tensor<float>::copy({2, 3, 6, 7, 10, 11}, {3, 2})) <= 1e-5);
    const auto mask = Tensor<std::uint8_t>::copy({1, 1, 1, 1, 0, 0, 0}, {1, 7});
    CHECK(mean_of_tokens(x, {.attention_mask = &mask}).to_vector() == std::vector<float>{3, 4});
    CHECK(mean_of_tokens(x, {}).to_vector() == std::vector<float>{6, 7});
}

TEST_CASE("packed: lengths that do not fit are refused") {
    const auto encoder = load_encoder(ModelFiles::open(golden::model_folder("bert-base")));
    const auto decoder = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    const auto ids = Tensor<std::int32_t>::full({1, 6}, 5);
    const auto mask = Tensor<std::uint8_t>::full({1, 6}, 1);
    const auto refused = [&](std::vector<index_t> wrong) {
        CHECK_ERROR(forward(encoder, ids, {.lengths = wrong}), ErrorCode::shape_mismatch);
        CHECK_ERROR(forward(decoder, ids, {.lengths = wrong}), ErrorCode::shape_mismatch);
    };
    refused({3, 2});
    refused({3, 4});
    refused({6, 0});
    refused({7, -1});
    refused({8192, -8186});
    CHECK_ERROR(forward(decoder, ids, {.lengths = std::vector<index_t>{3, 3}, .last_only = true}), ErrorCode::invalid_argument);
    const std::vector<index_t> good{3, 3};
    CHECK_ERROR(forward(encoder, ids, {.attention_mask = &mask, .lengths = good}), ErrorCode::shape_mismatch);
    CHECK_ERROR(forward(decoder, ids, {.attention_mask = &mask, .lengths = good}), ErrorCode::invalid_argument);
    CHECK_ERROR(forward(encoder, Tensor<std::int32_t>::full({2, 3}, 5), {.lengths = good}), ErrorCode::shape_mismatch);
    // The context is that of a sequence, not of all together.
    const index_t context = encoder.context();
    const std::vector<index_t> two{context, 1};
    CHECK(forward(encoder, Tensor<std::int32_t>::full({1, context + 1}, 5), {.lengths = two}).last_hidden_state.size(1) == context + 1);
    const std::vector<index_t> long_one{context + 1};
    CHECK_ERROR(forward(encoder, Tensor<std::int32_t>::full({1, context + 1}, 5), {.lengths = long_one}), ErrorCode::context_overflow);
}
