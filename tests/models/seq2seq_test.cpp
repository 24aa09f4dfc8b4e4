// Encoder-decoders against transformers: hidden states, logits, loss, every gradient, five steps of AdamW, greedy and beam continuations.
#include "support/adamw_golden.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/models/config.hpp"
#include "tercet/ops/cross_entropy.hpp"

using namespace tercet;
using golden::Expected;

namespace {

std::vector<std::string> cases() {
    return golden::cases({"t5", "t5-v1.1", "bart", "marian"}, {"encdec"});
}

Seq2SeqModel model_of(const std::string& name, const ModelOptions& options = {}) {
    return load_seq2seq_model(ModelFiles::open(golden::model_folder(name)), options);
}

Tensor<float> loss_of(const Seq2SeqModel& model, const Expected& expected) {
    const auto mask = expected.ids("attention_mask").to<std::uint8_t>();
    return cross_entropy(forward(model, expected.ids("input_ids"), expected.ids("decoder_input_ids"), &mask), expected.ids("labels"));
}

std::vector<std::int32_t> without_first(const std::vector<std::int32_t>& ids) {
    return {ids.begin() + 1, ids.end()};
}

}  // namespace

TEST_CASE("seq2seq: hidden states, logits, loss and every gradient equal transformers'") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto model = model_of(name, {.trainable = true});
        const auto mask = expected.ids("attention_mask").to<std::uint8_t>();
        std::vector<Tensor<float>> read, written;
        const auto encoded = model.encode(expected.ids("input_ids"), {&mask, &read});
        golden::check_hidden_states(expected, read, "encoder_hidden_states.");
        CHECK(golden::deviation(encoded, expected.real("encoder_last_hidden_state")) <= 2e-5);
        DecodeInputs inputs;
        inputs.attention_mask = &mask;
        inputs.hidden_states = &written;
        const auto logits = model.decode(expected.ids("decoder_input_ids"), encoded, inputs);
        golden::check_hidden_states(expected, written, "decoder_hidden_states.");
        CHECK(golden::deviation(logits, expected.real("logits")) <= 2e-5);
        WARN(name << ": logits deviate by " << golden::deviation(logits, expected.real("logits")));
        const auto loss = cross_entropy(logits, expected.ids("labels"));
        CHECK(std::abs(loss.item() - expected.real("loss").to_vector()[0]) <= 1e-5);
        loss.backward();
        golden::check_gradients(expected, model);
    }
}

TEST_CASE("seq2seq: five steps of AdamW follow transformers'") {
    for (const std::string& name : cases()) {
        auto model = model_of(name, {.trainable = true});
        golden::check_adamw(name, model, [&](const Expected& expected) { return loss_of(model, expected); });
    }
}

TEST_CASE("seq2seq: packed for inference it gives the same logits, at once and token by token through the caches") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto model = model_of(name);
        const auto mask = expected.ids("attention_mask").to<std::uint8_t>();
        const auto ids = expected.ids("decoder_input_ids");
        const auto want = expected.real("logits");
        CHECK(golden::deviation(forward(model, expected.ids("input_ids"), ids, &mask), want) <= 2e-5);
        const auto encoded = model.encode(expected.ids("input_ids"), {&mask});
        KvCache cache(model.decoder_layers());
        CrossCache cross;
        for (index_t t = 0; t < ids.size(1); ++t) {
            const auto one = model.decode(ids.slice(1, t, t + 1), encoded, {&mask, &cache, &cross});
            CHECK(golden::deviation(one, want.slice(1, t, t + 1)) <= 2e-5);
        }
        CHECK(golden::deviation(model.decode(ids, encoded, {.attention_mask = &mask, .last_only = true}), want.slice(1, -1, want.size(1))) <= 2e-5);
    }
}

TEST_CASE("seq2seq: greedy and beam continuations are transformers', token for token") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto lm = load_seq2seq_lm(golden::model_folder(name));
        const auto prompt = expected.ids("prompt_ids").to_vector(), whole = expected.ids("greedy_ids").to_vector();
        CHECK(whole[0] == lm.model().start_token());
        auto generation =
            lm.generate(std::span(prompt), {.max_tokens = static_cast<index_t>(whole.size()) - 1, .temperature = 0, .ignore_eos = true});
        generation.finish_text();
        CHECK(std::vector<std::int32_t>(generation.ids().begin(), generation.ids().end()) == without_first(whole));
        if (!expected.has("beam_ids")) continue;

        const auto best = expected.ids("beam_all_ids"), with_end = expected.ids("beam_eos_all_ids");
        const auto found = lm.beam_search(prompt, {.beams = 3, .max_tokens = best.size(1) - 1, .end_tokens = {-1}});
        const std::int32_t end = expected.ids("beam_eos_id").to_vector()[0];
        const auto ended = lm.beam_search(prompt, {.beams = 3, .max_tokens = best.size(1) - 1, .length_penalty = 0.8, .end_tokens = {end}});
        REQUIRE(found.hypotheses.size() == 3);
        REQUIRE(ended.hypotheses.size() == 3);
        for (index_t i = 0; i < 3; ++i) {
            const auto& h = found.hypotheses[static_cast<std::size_t>(i)];
            CHECK(h.ids == without_first(best[i].to_vector()));
            CHECK(std::abs(h.score - static_cast<double>(expected.real("beam_scores")(i))) <= 1e-5);
            const auto& e = ended.hypotheses[static_cast<std::size_t>(i)];
            auto want = without_first(with_end[i].to_vector());  // shorter ones are padded
            want.erase(std::find(want.begin(), want.end(), end), want.end());
            CHECK(e.ids == want);
            CHECK(e.finish == (want.size() + 1 < static_cast<std::size_t>(with_end.size(1)) ? Finish::eos : Finish::length));
            CHECK(std::abs(e.score - static_cast<double>(expected.real("beam_eos_scores")(i))) <= 1e-5);
        }
    }
}

TEST_CASE("seq2seq: Marian's fixed positions are the reference's") {
    const Expected expected(golden::model_folder("marian") + "/expected.safetensors");
    const auto want = expected.real("const.model.encoder.embed_positions.weight");
    const auto config = bart_config(read_json_file(golden::model_folder("marian") + "/config.json"), "config.json");
    BartStack stack(config, false);
    Embedding words(config.vocab_size, config.hidden_size);
    words.weight.set(Tensor<float>::zeros({config.vocab_size, config.hidden_size}));
    const auto got = stack.embed(words, Tensor<std::int32_t>::zeros({1, want.size(0) - 3}), 3);  // zeros, and the positions from 3 on
    CHECK(golden::deviation(got[0], want.slice(0, 3, want.size(0))) <= 1e-6);
}

TEST_CASE("seq2seq: what a file or a caller gets wrong is refused by name") {
    const auto model = model_of("bart");
    const auto ids = Tensor<std::int32_t>::full({1, 3}, 5);
    const auto encoded = model.encode(ids);
    CHECK_ERROR(model.encode(Tensor<std::int32_t>::zeros({1, 0})), ErrorCode::invalid_argument);
    CHECK_ERROR(model.encode(Tensor<std::int32_t>::zeros({1, 65})), ErrorCode::context_overflow);
    CHECK_ERROR(model.encode(Tensor<std::int32_t>::full({1, 3}, 121)), ErrorCode::index_out_of_range);
    CHECK_ERROR(model.decode(Tensor<std::int32_t>::full({2, 3}, 5), encoded), ErrorCode::shape_mismatch);
    CHECK_ERROR(model.decode(Tensor<std::int32_t>::zeros({1, 65}), encoded), ErrorCode::context_overflow);
    const auto mask = Tensor<std::uint8_t>::full({1, 4}, 1);
    CHECK_ERROR(model.encode(ids, {&mask}), ErrorCode::shape_mismatch);
    CHECK_ERROR(load_seq2seq_model(ModelFiles::open(golden::model_folder("llama"))), ErrorCode::unsupported);
    CHECK_ERROR(Session(model, std::span<const std::int32_t>()), ErrorCode::invalid_argument);

    const auto with = [](const std::string& name, const std::string& key, const std::string& value) {
        std::string text = "{";
        const Json config = read_json_file(golden::model_folder(name) + "/config.json");
        for (const auto& [k, member] : config.items())
            if (k != key) text += (text.size() > 1 ? ", " : "") + quote_json(k) + ": " + to_string(member);
        return parse_json(text + ", " + quote_json(key) + ": " + value + "}", "config.json");
    };
    CHECK_ERROR(t5_config(with("t5", "num_heads", "0"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(t5_config(with("t5", "relative_attention_num_buckets", "3"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(t5_config(with("t5", "feed_forward_proj", "\"gated-sin\""), "x"), ErrorCode::unsupported);
    CHECK_ERROR(t5_config(with("t5", "decoder_start_token_id", "117"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(bart_config(with("bart", "encoder_attention_heads", "5"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(bart_config(with("bart", "d_model", "-1"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(bart_config(with("bart", "activation_function", "\"sin\""), "x"), ErrorCode::unsupported);
}
