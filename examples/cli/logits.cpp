// tercet logits: what a model gives for ids: (B, T, V) of a language model, masked or not, or of an encoder-decoder for --decoder-ids, (B, classes)
// of a text classifier, (B, T, classes) of a token classifier, start and end (B, T, 2) of question answering, the last hidden state (B, T, C) of an
// encoder without a head.
//
// {"shape", "data"}. As text: of a language model the five most likely tokens at each position, of all others the numbers.
#include "command.hpp"
#include "ids.hpp"
#include "models.hpp"
#include "output.hpp"

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string model, adapter, activations = "f32";
    std::vector<std::string> ids, masks, types, decoder_ids;
};

struct Result {
    Tensor<float> values;
    bool tokens = false;  // whether they are logits of tokens
};

Result evaluate(const Settings& s, const Batch& batch) {
    const NoGrad guard;
    ModelOptions options;
    options.adapter = s.adapter;
    options.activations = activations_named(s.activations);
    const auto* mask = batch.masked ? &batch.mask : nullptr;
    const auto causal = [&](const CausalModel& model) { return Result{forward(model, batch.ids, {.attention_mask = mask}), true}; };
    const auto refuse_decoder_ids = [&] {
        require(s.decoder_ids.empty(), ErrorCode::invalid_argument, "--decoder-ids: ", s.model, " is no encoder-decoder");
    };
    if (is_gguf(s.model)) {
        refuse_decoder_ids();
        return causal(load_causal_model(Gguf::open(s.model), options));
    }
    const auto files = ModelFiles::open(s.model);
    if (is_seq2seq(files)) {
        if (s.decoder_ids.empty()) bad_usage("--decoder-ids: an encoder-decoder needs the ids that its decoder was given");
        const Batch target = make_batch(s.decoder_ids, {}, {});
        return {forward(load_seq2seq_model(files, options), batch.ids, target.ids, mask), true};
    }
    refuse_decoder_ids();
    if (is_encoder(files)) {
        const auto model = load_encoder(files, options);
        const auto out = forward(model, batch.ids, {mask, &batch.type_ids});
        if (model.task == EncoderTask::hidden_states) return {out.last_hidden_state};
        return {out.logits, model.task == EncoderTask::masked_lm};
    }
    require_head(files, language_models);
    return causal(load_causal_model(files, options));
}

std::string most_likely(std::span<const float> logits) {
    std::vector<std::size_t> order(logits.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(5, order.size()));
    const auto rank = [&](std::size_t i) { return logits[i] == logits[i] ? logits[i] : -HUGE_VALF; };
    std::partial_sort(order.begin(), order.begin() + count, order.end(),
                      [&](std::size_t a, std::size_t b) { return rank(a) > rank(b) || (rank(a) == rank(b) && a < b); });
    return text_list(std::span(order).first(static_cast<std::size_t>(count)),
                     [&](std::size_t i) { return std::to_string(i) + ":" + text_number(static_cast<double>(logits[i])); });
}

void run(const Settings& s) {
    const Batch batch = make_batch(s.ids, s.masks, s.types);
    const auto [given, tokens] = evaluate(s, batch);
    const auto values = given.contiguous();
    if (s.json) return print(JsonObject().add("shape", json_integers(values.shape())).add("data", json_numbers(values.span())).text() + "\n");
    const auto width = static_cast<std::size_t>(values.size(values.rank() - 1));
    for (index_t row = 0; row < values.numel() / static_cast<index_t>(width); ++row) {
        const auto line = values.span().subspan(static_cast<std::size_t>(row) * width, width);
        print((tokens ? most_likely(line) : text_list(line, [](float x) { return text_number(static_cast<double>(x)); })) + "\n");
    }
}

}  // namespace

void add_logits(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "logits", "Run a model on token ids", run);
    command->add_option("--model", s->model, "A model directory or a .gguf file")->required()->type_name("PATH");
    command->add_option("--ids", s->ids, "Ids with commas between; again for each further row of a batch")
        ->required()
        ->allow_extra_args(false)
        ->type_name("IDS");
    command->add_option("--attention-mask", s->masks, "1 for tokens, 0 for padding, for each row of --ids")
        ->allow_extra_args(false)
        ->type_name("MASK");
    command->add_option("--type-ids", s->types, "Segment of each token, for each row of --ids; encoders use it")
        ->allow_extra_args(false)
        ->type_name("IDS");
    command->add_option("--decoder-ids", s->decoder_ids, "Ids for the decoder of an encoder-decoder model")
        ->allow_extra_args(false)
        ->type_name("IDS");
    command->add_option("--adapter", s->adapter, "A directory with a LoRA adapter")->type_name("DIR");
    add_activations(*command, s->activations);
}

}  // namespace cli
