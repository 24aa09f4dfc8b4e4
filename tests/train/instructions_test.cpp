#include "tercet/train/instructions.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/nn/lora.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;

namespace {

CausalModel tiny(const char* name, bool trainable = true) {
    return load_causal_model(ModelFiles::open(golden::model_folder(name)), {.trainable = trainable});
}

// "a b → b a": two tokens, a separator, and the two the other way round, which is what is learnt.
std::vector<LearntTokens> swaps(index_t count, std::uint64_t seed) {
    Generator generator(seed);
    std::vector<LearntTokens> out;
    for (index_t i = 0; i < count; ++i) {
        const auto a = static_cast<TokenId>(10 + generator.below(6)), b = static_cast<TokenId>(10 + generator.below(6));
        const TokenId question[] = {a, b, 30}, answer[] = {b, a, 31};
        LearntTokens text;
        text.add(question, false);
        text.add(answer, true);
        out.push_back(std::move(text));
    }
    return out;
}

}  // namespace

TEST_CASE("text_loss: of what is to be learnt alone, each text by itself") {
    const auto model = tiny("llama");
    const auto texts = swaps(3, 1);
    const std::vector<index_t> all{0, 1, 2};
    double nats = 0;
    for (const auto& text : texts) {
        const auto logits = forward(model, Tensor<std::int32_t>::copy(text.ids, {1, 6}));
        const std::vector<std::int32_t> targets{-100, -100, text.ids[3], text.ids[4], text.ids[5], -100};
        nats += 3 * static_cast<double>(cross_entropy(logits, Tensor<std::int32_t>::copy(targets, {1, 6})).item());
    }
    CHECK(text_loss(model, texts, all).item() == Catch::Approx(nats / 9).epsilon(1e-5));
    CHECK(text_loss(model, texts, all, true).item() == text_loss(model, texts, all).item());
    const auto score = evaluate_texts(model, texts);
    CHECK(score.tokens == 9);
    CHECK(score.nats == Catch::Approx(nats).epsilon(1e-5));
    auto none = texts;
    none[0].learnt.assign(6, 0);
    CHECK_ERROR(text_loss(model, none, std::vector<index_t>{0}), ErrorCode::invalid_argument);
    CHECK_ERROR(text_loss(model, texts, std::vector<index_t>{3}), ErrorCode::index_out_of_range);
}

TEST_CASE("train_on_texts: a model, and an adapter over weights that stay, learn to answer") {
    for (const char* name : {"llama", "gpt2"})
        for (const bool with_adapter : {false, true}) {
            INFO(name << (with_adapter ? ", adapter" : ""));
            auto model = tiny(name, !with_adapter);
            LoraAdapter adapter;
            if (with_adapter) {
                const bool llama = name == std::string("llama");
                adapter =
                    make_lora(model, {.rank = 8,
                                      .alpha = 16,
                                      .targets = llama ? std::vector<std::string>{"q_proj", "v_proj", "o_proj", "down_proj", "up_proj", "gate_proj"}
                                                       : std::vector<std::string>{"c_attn", "c_proj", "c_fc"}});
                attach_lora(model, adapter);
            }
            TextTraining how;
            how.epochs = 6;
            how.batch = 16;
            how.rate = with_adapter ? 2e-2 : 5e-3;
            how.seed = 3;
            if (with_adapter) how.parameters = parameters_of(adapter);
            const auto held_out = swaps(30, 9);
            const double before = evaluate_texts(model, held_out).mean();
            const auto result = train_on_texts(model, swaps(160, 2), held_out, how);
            CHECK(result.evaluations.size() == 6);
            CHECK(result.evaluations.back().measure < 0.5 * before);
            CHECK(evaluate_texts(model, held_out).mean() == result.evaluations.back().measure);
        }
}

TEST_CASE("train_on_texts: an adapter's dropout is on in the steps, and off when held-out texts are measured and afterwards") {
    const auto trained = [](bool dropout) {
        auto model = tiny("llama", false);
        auto adapter = make_lora(model, {.rank = 4, .dropout = 0.5, .seed = 1});
        attach_lora(model, adapter);
        const auto off = [&] {
            for_each_weight(model, [](const std::string&, const Weight& w) {
                if (w.low_rank() != nullptr) CHECK(w.low_rank()->dropout->training == nullptr);
            });
        };
        TextTraining how;
        how.epochs = 2;
        how.dropout = dropout;
        how.rate = 1e-2;
        how.parameters = parameters_of(adapter);
        how.trainer.on_step = [&](const StepRecord&) { off(); };
        const auto held_out = swaps(10, 9);
        const auto result = train_on_texts(model, swaps(40, 2), held_out, how);
        off();
        CHECK(evaluate_texts(model, held_out).mean() == result.evaluations.back().measure);
        return adapter.pairs[0].b.tensor().to_vector();
    };
    const auto dropped = trained(true);
    CHECK(trained(true) == dropped);
    CHECK(trained(false) != dropped);
}

TEST_CASE("train_on_texts: nothing to train is an error") {
    auto fixed = tiny("llama", false), model = tiny("llama");
    CHECK_ERROR(train_on_texts(fixed, swaps(3, 1)), ErrorCode::invalid_argument);
    CHECK_ERROR(train_on_texts(model, {}), ErrorCode::invalid_argument);
    attach_lora(model, make_lora(model));
    CHECK_ERROR(train_on_texts(model, swaps(3, 1)), ErrorCode::invalid_argument);  // the model's weights, or the adapter's?
}
