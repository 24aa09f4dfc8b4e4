// Decoder-only models against transformers: hidden states, logits, loss, every gradient, greedy continuations.
#include "support/adamw_golden.hpp"
#include "tercet/generate/generator.hpp"
#include "tercet/models/config.hpp"
#include "tercet/ops/loss.hpp"

using namespace tercet;
using golden::Expected;

namespace {

std::vector<std::string> cases() {
    return golden::cases({"phi3", "gemma2", "llama-yarn", "llama", "llama3-rope-scaling", "mistral-sliding", "qwen2", "qwen3", "gemma3", "gpt2"},
                         {"causal"});
}

// Position t is scored with labels[t + 1].
Tensor<float> next_token_loss(const Tensor<float>& logits, const Tensor<std::int32_t>& labels) {
    const index_t T = labels.size(1);
    return cross_entropy(slice(logits, 1, 0, T - 1), labels.slice(1, 1, T));
}

}  // namespace

TEST_CASE("causal models: hidden states, logits, loss and every gradient equal transformers'") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        auto model = load_causal_model(ModelFiles::open(golden::model_folder(name)), {.trainable = true});
        std::vector<Tensor<float>> hidden;
        const auto ids = expected.ids("input_ids");
        const auto logits = forward(model, ids, {.hidden_states = &hidden});
        CHECK(golden::deviation(logits, expected.real("logits")) <= 2e-5);
        golden::check_hidden_states(expected, hidden);
        const auto loss = next_token_loss(logits, expected.ids("labels"));
        CHECK(std::abs(loss.item() - expected.real("loss").to_vector()[0]) <= 1e-5);
        WARN(name << ": logits deviate by " << golden::deviation(logits, expected.real("logits")));
        loss.backward();
        golden::check_gradients(expected, model);
    }
}

TEST_CASE("causal models: five steps of AdamW follow transformers'") {
    for (const std::string& name : cases()) {
        auto model = load_causal_model(ModelFiles::open(golden::model_folder(name)), {.trainable = true});
        golden::check_adamw(name, model, [&](const Expected& expected) {
            return next_token_loss(forward(model, expected.ids("input_ids")), expected.ids("labels"));
        });
    }
}

TEST_CASE("causal models: packed for inference they give the same logits, at once and token by token through the cache") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto model = load_causal_model(ModelFiles::open(golden::model_folder(name)));
        const auto ids = expected.ids("input_ids");
        const auto want = expected.real("logits");
        CHECK(golden::deviation(forward(model, ids), want) <= 2e-5);
        const auto* llama = model.as<Llama>();
        const bool stretched = llama != nullptr && llama->rotary.grows();
        KvCache cache(layers(model));
        for (index_t t = 0; t < ids.size(1) && !stretched; ++t) {  // those that grow turn the tokens before anew when all are read at once
            const auto one = forward(model, ids.slice(1, t, t + 1), {.cache = &cache});
            CHECK(golden::deviation(one, want.slice(1, t, t + 1)) <= 2e-5);
        }
        CHECK((stretched || cache.size() == ids.size(1)));
        CHECK(golden::deviation(forward(model, ids, {.last_only = true}), want.slice(1, -1, want.size(1))) <= 2e-5);
    }
}

TEST_CASE("causal models: a padded row of a batch gives its tokens the logits it has alone") {
    const auto model = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    const auto ids = Tensor<std::int32_t>::copy({5, 6, 7, 8, 9, 11, 12, 13, 0, 0}, {2, 5});
    const auto mask = Tensor<std::uint8_t>::copy({1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, {2, 5});
    const auto together = forward(model, ids, {.attention_mask = &mask});
    const auto alone = forward(model, ids.slice(0, 1, 2).slice(1, 0, 3));
    CHECK(golden::deviation(together.slice(0, 1, 2).slice(1, 0, 3), alone) <= 1e-5);
}

TEST_CASE("causal models: the older layout of config.json means the same") {
    for (const std::string name : {"llama", "llama3-rope-scaling", "mistral-sliding", "qwen2", "qwen3"}) {
        INFO(name);
        const auto older = llama_config(read_json_file(golden::model_folder(name) + "/config.v4.json"), "config.v4.json");
        const auto newer = llama_config(read_json_file(golden::model_folder(name) + "/config.json"), "config.json");
        CHECK(Llama(older).rotary.table().frequencies == Llama(newer).rotary.table().frequencies);
        CHECK(older.tied == newer.tied);
        CHECK(older.head_dim == newer.head_dim);
        CHECK(older.windows == newer.windows);
    }
    const auto older = gemma_config(read_json_file(golden::model_folder("gemma3") + "/config.v4.json"), "config.v4.json");
    const auto newer = gemma_config(read_json_file(golden::model_folder("gemma3") + "/config.json"), "config.json");
    CHECK(Gemma(older).rotary.table().frequencies == Gemma(newer).rotary.table().frequencies);
    CHECK(Gemma(older).local_rotary.table().frequencies == Gemma(newer).local_rotary.table().frequencies);
    CHECK(older.rope.theta == 1e6);
    CHECK(older.local_rope.theta == 1e4);
    CHECK(older.windows == std::vector<index_t>{5, 0, 5});
}

TEST_CASE("causal models: greedy continuations are transformers', token for token") {
    for (const std::string& name : cases()) {
        INFO(name);
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto model = load_causal_model(ModelFiles::open(golden::model_folder(name)));
        // The dynamic base: tokens in the cache keep the angles that they were read with, as with transformers' cache; its greedy ids are without
        // one.
        if (const auto* llama = model.as<Llama>(); llama != nullptr && std::holds_alternative<RopeDynamic>(llama->config.rope.scaling)) continue;
        const auto prompt = expected.ids("prompt_ids").to_vector(), whole = expected.ids("greedy_ids").to_vector();
        Generation generation(model, std::nullopt, {}, prompt, {.max_tokens = static_cast<index_t>(whole.size() - prompt.size()), .temperature = 0});
        generation.finish_text();
        CHECK(std::vector<std::int32_t>(generation.ids().begin(), generation.ids().end()) ==
              std::vector<std::int32_t>(whole.begin() + static_cast<std::ptrdiff_t>(prompt.size()), whole.end()));
        CHECK(generation.finish() == Finish::length);
    }
}

TEST_CASE("causal models: logits have the same bits on one to four threads") {
    const auto model = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    const auto ids = Tensor<std::int32_t>::randint(0, 100, {3, 60});
    const int before = threads();
    set_threads(1);
    const auto one = forward(model, ids).to_vector();
    for (const int n : {2, 3, 4}) {
        set_threads(n);
        CHECK(forward(model, ids).to_vector() == one);
    }
    set_threads(before);
}

TEST_CASE("causal models: what a file or a caller gets wrong is refused by name") {
    const auto files = ModelFiles::open(golden::model_folder("llama"));
    const auto model = load_causal_model(files);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::full({1, 3}, 103)), ErrorCode::index_out_of_range);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::full({1, 3}, -1)), ErrorCode::index_out_of_range);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::zeros({1, 65})), ErrorCode::context_overflow);
    CHECK_ERROR(forward(model, Tensor<std::int32_t>::zeros({1, 0})), ErrorCode::invalid_argument);
    CHECK_ERROR(Generation(model, std::nullopt, {}, {}, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(Generation(model, std::nullopt, {}, std::vector<std::int32_t>(70, 1), {}).next(), ErrorCode::context_overflow);

    auto checkpoint = checkpoint_from(files);
    Llama empty(llama_config(files.config(), "config.json"));
    auto lacking = checkpoint;
    lacking.tensors.pop_back();
    CHECK_ERROR(load_weights(empty, lacking), ErrorCode::missing_tensor);
    auto surplus = checkpoint;
    surplus.tensors.push_back({"model.unknown.weight", StorageType::f32, {1}, checkpoint.tensors[0].bytes.first(4)});
    CHECK_ERROR(load_weights(empty, surplus), ErrorCode::surplus_tensor);
    auto reshaped = checkpoint;
    reshaped.tensors[0].shape = {element_count(reshaped.tensors[0].shape)};
    CHECK_ERROR(load_weights(empty, reshaped), ErrorCode::shape_mismatch);
    std::stop_source stop;
    stop.request_stop();
    CHECK_ERROR(load_weights(empty, checkpoint, {.stop = stop.get_token()}), ErrorCode::cancelled);
}
