#include "tercet/explain/token_probabilities.hpp"

#include "support/catch.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/llama.hpp"

using namespace tercet;

namespace {

struct Case {
    CausalModel model;
    std::vector<std::int32_t> ids;

    explicit Case(const std::string& name)
        : model(load_causal_model(ModelFiles::open(golden::model_folder(name)))),
          ids(golden::Expected(golden::model_folder(name) + "/expected.safetensors").ids("input_ids").slice(0, 0, 1).contiguous().to_vector()) {}
    Tensor<std::int32_t> row() const { return Tensor<std::int32_t>::copy(ids, {1, static_cast<index_t>(ids.size())}); }
};

}  // namespace

TEST_CASE("token probabilities: those of the logits' softmax, with rank, candidates and entropy") {
    const Case c("llama");
    const auto p = softmax(c.model(c.row()).to<double>());
    const auto got = explain::token_probabilities(c.model, c.ids, 4);
    REQUIRE(got.size() == c.ids.size() - 1);
    for (std::size_t t = 0; t < got.size(); ++t) {
        const auto at = static_cast<index_t>(t);
        CHECK(got[t].id == c.ids[t + 1]);
        CHECK(got[t].probability == Approx(p(0, at, c.ids[t + 1])).epsilon(1e-4));
        index_t above = 0;
        double entropy = 0;
        for (index_t v = 0; v < p.size(2); ++v) {
            above += p(0, at, v) > p(0, at, c.ids[t + 1]);
            entropy -= p(0, at, v) * std::log(p(0, at, v));
        }
        CHECK(got[t].rank == above);
        CHECK(got[t].expected.entropy == Approx(entropy).epsilon(1e-4));
        REQUIRE(got[t].expected.likeliest.size() == 4);
        CHECK(got[t].expected.likeliest[0].probability >= got[t].expected.likeliest[3].probability);
        CHECK(got[t].expected.likeliest[1].probability == Approx(p(0, at, got[t].expected.likeliest[1].id)).epsilon(1e-4));
    }
    CHECK(explain::token_probabilities(c.model, std::vector<std::int32_t>{5}).empty());
    CHECK(explain::token_probabilities(c.model, std::vector<std::int32_t>{5, 6}, 1000)[0].expected.likeliest.size() ==
          static_cast<std::size_t>(c.model.vocab_size()));
}

TEST_CASE("logit lens: the last layer says what the model says, the others what the head makes of them") {
    for (const auto* name : {"llama", "gpt2", "gemma2"}) {
        INFO(name);
        const Case c(name);
        std::vector<Tensor<float>> states;
        const auto p = softmax(c.model(c.row(), {.hidden_states = &states}));
        const auto lens = explain::logit_lens(c.model, c.ids, 3);
        REQUIRE(lens.size() == static_cast<std::size_t>(c.model.layers()) + 1);
        for (const auto& row : lens) CHECK(row.size() == c.ids.size());
        const auto last = static_cast<index_t>(c.ids.size()) - 1;
        const auto& own = lens.back().back().likeliest[0];
        CHECK(own.probability == Approx(static_cast<double>(p(0, last, own.id))).epsilon(1e-5));
        // What the layer before the last would have to say, by hand.
        const auto before = softmax(c.model.logits_of(states[states.size() - 2]));
        const auto& theirs = lens[lens.size() - 2].back().likeliest[0];
        CHECK(theirs.probability == Approx(static_cast<double>(before(0, last, theirs.id))).epsilon(1e-5));
    }
    const Case c("llama");
    std::vector<Tensor<float>> states;
    c.model(c.row(), {.hidden_states = &states});
    const auto& llama = *c.model.as<Llama>();
    CHECK(golden::deviation(c.model.logits_of(states[1]), linear(llama.norm(states[1]), *llama.output_weight())) == 0);
}

TEST_CASE("token probabilities: what is no text is refused") {
    const Case c("llama");
    CHECK_ERROR(explain::token_probabilities(c.model, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::token_probabilities(c.model, c.ids, -1), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::logit_lens(c.model, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::token_probabilities(c.model, std::vector<std::int32_t>{1, 100000}), ErrorCode::index_out_of_range);
}
