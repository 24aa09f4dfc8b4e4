#include "tercet/train/embedding.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"

using namespace tercet;

namespace {

// Pairs of texts that share one token among others.
TextPairs made_pairs(index_t count, std::uint64_t seed) {
    Generator generator(seed);
    TextPairs out;
    for (index_t i = 0; i < count; ++i) {
        const auto topic = static_cast<TokenId>(10 + generator.below(20));
        for (auto* side : {&out.first, &out.second}) {
            Encoding text;
            const auto length = 3 + generator.below(4), at = 1 + generator.below(length - 1);
            for (std::uint64_t t = 0; t < length; ++t)
                text.push_back(t == 0 ? 2 : t == at ? topic : static_cast<TokenId>(40 + generator.below(6)), 0, {0, 0}, false);
            side->push_back(std::move(text));
        }
    }
    return out;
}

}  // namespace

TEST_CASE("embed_for_training: what embedding for use gives, on the tape") {
    const auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), {.trainable = true});
    const auto pairs = made_pairs(3, 1);
    const std::vector<index_t> all{0, 1, 2};
    for (const auto pooling : {Pooling::mean, Pooling::cls})
        for (const bool normalise : {false, true}) {
            const SentenceConfig config{.pooling = pooling, .normalise = normalise};
            const auto y = embed_for_training(model, config, pairs.first, all);
            CHECK(y.needs_grad());
            for (index_t i = 0; i < 3; ++i) {
                const auto& ids = pairs.first[static_cast<std::size_t>(i)].ids;
                const Shape shape{1, static_cast<index_t>(ids.size())};
                auto want =
                    pool(forward(model, Tensor<std::int32_t>::copy(ids, shape)).last_hidden_state, Tensor<std::uint8_t>::full(shape, 1), pooling);
                if (normalise) want = normalise_rows(want);
                CHECK(golden::deviation(y.detach().slice(0, i, i + 1), want) <= 2e-5);
            }
        }
    CHECK_ERROR(embed_for_training(model, {.pooling = Pooling::max}, pairs.first, all), ErrorCode::unsupported);
}

TEST_CASE("train_embeddings: pairs that belong together come near") {
    auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), {.trainable = true});
    const SentenceConfig config{.pooling = Pooling::mean, .normalise = true};
    EmbeddingTraining how;
    how.epochs = 6;
    how.batch = 16;
    how.rate = 3e-3;
    how.dropout = false;
    const auto held_out = made_pairs(48, 5);
    const auto result = train_embeddings(model, config, made_pairs(192, 4), held_out, how);
    REQUIRE(result.evaluations.size() == 6);
    CHECK(result.evaluations.back().measure < 0.6 * result.evaluations.front().measure);
    TextPairs uneven = made_pairs(3, 1);
    uneven.second.pop_back();
    CHECK_ERROR(train_embeddings(model, config, uneven), ErrorCode::shape_mismatch);
}
