// Encoders and their heads against transformers: outputs, hidden states, loss, every gradient, five steps of AdamW.
#include "support/adamw_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/config.hpp"
#include "tercet/ops/loss.hpp"

using namespace tercet;
using golden::Expected;

namespace {

std::vector<std::string> cases() {
    return golden::cases(
        {"mpnet", "modernbert", "bert-base", "bert-mlm", "bert-seqcls", "bert-tokencls", "bert-qa", "roberta-base", "roberta-seqcls", "distilbert"},
        {"enc", "mlm", "seqcls", "tokencls", "qa"});
}

ModelFiles files_of(const std::string& name) {
    return ModelFiles::open(golden::model_folder(name));
}

EncoderOutputs run(const EncoderModel& model, const Expected& expected) {
    const auto mask = expected.ids("attention_mask").to<std::uint8_t>();
    const auto types = expected.has("token_type_ids") ? expected.ids("token_type_ids") : Tensor<std::int32_t>::zeros(mask.shape());
    return forward(model, expected.ids("input_ids"), {&mask, &types, true});
}

Tensor<float> loss_of(const EncoderModel& model, const EncoderOutputs& out, const Expected& expected) {
    switch (model.task) {
    case EncoderTask::hidden_states: {
        const auto hidden = mse_loss(out.last_hidden_state, expected.real("target_hidden"));
        return expected.has("pooler_output") ? hidden + mse_loss(out.pooler_output, expected.real("target_pooler")) : hidden;
    }
    case EncoderTask::question_answering: return question_answering_loss(out.logits, expected.ids("start_positions"), expected.ids("end_positions"));
    default: return cross_entropy(out.logits, expected.ids("labels"));
    }
}

}  // namespace

TEST_CASE("encoder: outputs, hidden states, loss and every gradient equal transformers'") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto model = load_encoder(files_of(name), {.trainable = true});
        const auto out = run(model, expected);
        golden::check_hidden_states(expected, out.hidden_states);
        const auto check = [&](const char* what, const Tensor<float>& got) {
            INFO(what);
            CHECK(golden::deviation(got, expected.real(what)) <= 2e-5);
        };
        if (expected.has("last_hidden_state")) check("last_hidden_state", out.last_hidden_state);
        if (expected.has("pooler_output")) check("pooler_output", out.pooler_output);
        if (expected.has("logits")) check("logits", out.logits);
        if (expected.has("start_logits")) {
            check("start_logits", out.logits.detach().select(2, 0));
            check("end_logits", out.logits.detach().select(2, 1));
        }
        const auto loss = loss_of(model, out, expected);
        CHECK(std::abs(loss.item() - expected.real("loss").to_vector()[0]) <= 1e-5);
        loss.backward();
        golden::check_gradients(expected, model);
    }
}

TEST_CASE("encoder: five steps of AdamW follow transformers'") {
    for (const std::string& name : cases()) {
        auto model = load_encoder(files_of(name), {.trainable = true});
        golden::check_adamw(name, model, [&](const Expected& expected) { return loss_of(model, run(model, expected), expected); });
    }
}

TEST_CASE("encoder: packed for inference, and without its head, it gives the same hidden states") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto model = load_encoder(files_of(name));
        const auto out = run(model, expected);
        golden::check_hidden_states(expected, out.hidden_states);
        if (expected.has("logits")) CHECK(golden::deviation(out.logits, expected.real("logits")) <= 2e-5);
        const auto mask = expected.ids("attention_mask").to<std::uint8_t>();
        const auto types = expected.has("token_type_ids") ? expected.ids("token_type_ids") : Tensor<std::int32_t>::zeros(mask.shape());
        const auto alone = forward(load_encoder_body(files_of(name)), expected.ids("input_ids"), {&mask, &types});
        CHECK(golden::deviation(alone.last_hidden_state, out.last_hidden_state) == 0);
    }
}

TEST_CASE("encoder: classes have the names of the config") {
    CHECK(load_encoder(files_of("bert-seqcls")).labels == std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
    CHECK(load_encoder(files_of("bert-tokencls")).labels.size() == 5);
    CHECK(load_encoder(files_of("bert-qa")).labels.empty());
    CHECK(class_labels(parse_json(R"({"id2label": {"1": "good", "0": "bad"}})", "x"), "x") == std::vector<std::string>{"bad", "good"});
    CHECK(class_labels(parse_json("{}", "x"), "x") == std::vector<std::string>{"LABEL_0", "LABEL_1"});
    CHECK_ERROR(class_labels(parse_json(R"({"id2label": {"1": "good", "2": "bad"}})", "x"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(class_labels(parse_json(R"({"id2label": {}})", "x"), "x"), ErrorCode::invalid_argument);
}

TEST_CASE("encoder: what an architecture is for") {
    const auto task = [](const std::string& name) { return encoder_task(parse_json("{\"architectures\": [\"" + name + "\"]}", "x"), "x"); };
    CHECK(task("BertModel") == EncoderTask::hidden_states);
    CHECK(task("RobertaForMaskedLM") == EncoderTask::masked_lm);
    CHECK(task("DistilBertForQuestionAnswering") == EncoderTask::question_answering);
    CHECK(encoder_task(parse_json("{}", "x"), "x") == EncoderTask::hidden_states);
    CHECK_ERROR(task("BertForNextSentencePrediction"), ErrorCode::unsupported);
}

TEST_CASE("question_answering_loss: answers behind the tokens do not count") {
    const auto logits = Tensor<float>::copy({2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {2, 3, 2});
    const auto one = question_answering_loss(logits, Tensor<std::int32_t>::copy({0, 3}, {2}), Tensor<std::int32_t>::copy({2, 9}, {2}));
    const double start = std::log(std::exp(2.0) + 2) - 2, end = std::log(std::exp(1.0) + 2) - 1;
    CHECK(one.item() == Catch::Approx((start + end) / 2).epsilon(1e-6));
}

TEST_CASE("encoder: RoBERTa's positions are counted from behind the padding's, and there are fewer than rows") {
    const auto model = load_encoder(files_of("roberta-base"));
    CHECK(model.context() == 64);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::full({1, 65}, 5)), ErrorCode::context_overflow);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::zeros({1, 0})), ErrorCode::invalid_argument);
}

TEST_CASE("encoder: configs that cannot be are refused by name") {
    const Json good = files_of("roberta-base").config();
    const auto with = [&](const std::string& key, const std::string& value) {
        std::string text = "{";
        for (const auto& [name, member] : good.items())
            if (name != key) text += (text.size() > 1 ? ", " : "") + quote_json(name) + ": " + to_string(member);
        return parse_json(text + ", " + quote_json(key) + ": " + value + "}", "config.json");
    };
    CHECK(bert_config(with("hidden_act", "\"relu\""), "x").activation == UnaryOp::relu);
    CHECK_ERROR(bert_config(with("pad_token_id", "65"), "x"), ErrorCode::invalid_argument);   // no position is left
    CHECK_ERROR(bert_config(with("pad_token_id", "111"), "x"), ErrorCode::invalid_argument);  // not in the vocabulary
    CHECK_ERROR(bert_config(with("num_attention_heads", "5"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(bert_config(with("num_attention_heads", "0"), "x"), ErrorCode::invalid_argument);
    CHECK_ERROR(bert_config(with("hidden_act", "\"sin\""), "x"), ErrorCode::unsupported);
    CHECK_ERROR(distilbert_config(good, "x"), ErrorCode::missing_key);  // "dim" is not there
    CHECK_ERROR(load_encoder(files_of("llama")), ErrorCode::unsupported);
}
