// Checkpoints: a run that stops and resumes ends with the same bits as one that does not, and a model directory is what a loader expects.
#include "tercet/train/checkpoint.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/data/dataset.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/config.hpp"
#include "tercet/nn/init.hpp"
#include "tercet/ops/loss.hpp"
#include "tercet/train/ema.hpp"

using namespace tercet;

namespace {

const Gpt2Config tiny{.vocab_size = 11, .context = 8, .hidden_size = 16, .layers = 2, .heads = 2, .dropout = 0.1};

std::vector<TokenId> stream() {
    std::vector<TokenId> tokens;
    for (TokenId i = 0; i < 100; ++i) tokens.push_back(i * i % 11);
    return tokens;
}

// A small training run, all of whose randomness comes from its state.
template <class Rule>
struct Run {
    Gpt2 model;
    TrainingState state;
    std::vector<TokenId> tokens;
    std::optional<Optimizer<Rule, float>> optimizer;

    explicit Run(const Rule& rule, std::uint64_t seed = 5) : model(tiny), tokens(stream()) {
        state.generator = Generator(seed);
        state.notes["batch"] = "3";
        init_gpt(model, state.generator, {.layers = 2});
        optimizer.emplace(parameters_of(model), rule, decay_matrices_only);
    }
    void advance(std::int64_t to) {
        const TokenWindows windows(tokens, 8);
        ShuffledOrder order(windows.count(), 3);
        for (; state.step < to; ++state.step) {
            const auto batch = windows.windows(order.next(state.data, 3));
            cross_entropy(model(batch.inputs, {.training = &state.generator}), batch.targets).backward();
            optimizer->step();
            optimizer->zero_grad();
        }
    }
    std::vector<float> weights() const {
        std::vector<float> all;
        for (const auto& [name, tensor] : optimizer->parameters()) {
            const auto values = tensor.to_vector();
            all.insert(all.end(), values.begin(), values.end());
        }
        return all;
    }
};

template <class Rule>
void check_resumed(const Rule& rule) {
    TempDir dir;
    Run<Rule> whole(rule), first(rule), second(rule, 999);
    whole.advance(9);
    first.advance(4);
    save_training(dir / "training.safetensors", *first.optimizer, first.state);
    load_training(dir / "training.safetensors", *second.optimizer, second.state);
    CHECK(second.state.step == 4);
    CHECK(second.state.notes == first.state.notes);
    CHECK(second.state.generator.position() == first.state.generator.position());
    CHECK(second.weights() == first.weights());
    second.advance(9);
    CHECK(second.weights() == whole.weights());
    CHECK(second.optimizer->steps() == whole.optimizer->steps());
    CHECK(second.state.data == whole.state.data);
    CHECK(dir.entries() == 1);
}

}  // namespace

TEST_CASE("checkpoint: a resumed run ends with the same bits as an unbroken one, dropout and all") {
    check_resumed(AdamW{.rate = 3e-3, .weight_decay = 0.1});
    check_resumed(AdamW{.rate = 3e-3, .amsgrad = true});
    check_resumed(Sgd{.rate = 0.05, .momentum = 0.9, .nesterov = true});
    check_resumed(Sgd{.rate = 0.05});
}

TEST_CASE("checkpoint: so does a run by any rule") {
    for (const auto name : rule_names()) {
        INFO(name);
        check_resumed(make_rule(name, {{"rate", 3e-3}, {"weight_decay", 0.1}}));
    }
    check_resumed(AnyRule(RmsProp{.rate = 1e-3, .momentum = 0.9, .centered = true}));
    check_resumed(AnyRule(Adagrad{.rate_decay = 0.1, .initial_sum = 0.1}));
}

TEST_CASE("checkpoint: averaged weights are saved along, and wanted back") {
    TempDir dir;
    const std::string path = dir / "training.safetensors";
    Run<AdamW> first(AdamW{}), second(AdamW{}, 999);
    Ema averages(first.optimizer->parameters()), others(second.optimizer->parameters());
    first.advance(2);
    averages.update(1);
    first.state.tensors = averages.state();
    save_training(path, *first.optimizer, first.state);
    CHECK_ERROR(load_training(path, *second.optimizer, second.state), ErrorCode::surplus_tensor);
    second.state.tensors = others.state();
    load_training(path, *second.optimizer, second.state);
    for (std::size_t i = 0; i < others.state().size(); ++i) CHECK(others.state()[i].tensor.to_vector() == averages.state()[i].tensor.to_vector());
    first.state.tensors.clear();
    save_training(path, *first.optimizer, first.state);
    CHECK_ERROR(load_training(path, *second.optimizer, second.state), ErrorCode::missing_tensor);
}

TEST_CASE("checkpoint: a saved model is a directory that loads by its config.json and gives the same logits") {
    TempDir dir;
    Run<AdamW> run(AdamW{});
    run.advance(2);
    save_model(dir / "a/b", run.model, config_json(tiny));
    const auto files = ModelFiles::open(dir / "a/b");
    const auto loaded = load_causal_model(files);
    const auto ids = Tensor<std::int32_t>::copy({1, 2, 3, 4}, {1, 4});
    const auto want = run.model(ids).to_vector(), got = forward(loaded, ids).to_vector();
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-5));
    const auto config = gpt2_config(files.config(), "config.json");
    CHECK(config.vocab_size == tiny.vocab_size);
    CHECK(config.context == tiny.context);
    CHECK(config.layers == tiny.layers);
    CHECK(config.heads == tiny.heads);
    CHECK(config.inner() == tiny.inner());
    CHECK(config.layer_norm_eps == tiny.layer_norm_eps);
    CHECK(config.tied);
    const Json other = parse_json(config_json({.inner_size = 24, .tied = false}), "config.json");
    CHECK(gpt2_config(other, "config.json").inner() == 24);
    CHECK_FALSE(gpt2_config(other, "config.json").tied);
    CHECK_ERROR(save_model(dir.write("file", "x") + "/model", run.model, "{}"), ErrorCode::io);
}

TEST_CASE("checkpoint: a state of another run is refused by name, and nothing is changed") {
    TempDir dir;
    const std::string path = dir / "training.safetensors";
    Run<AdamW> run(AdamW{});
    run.advance(1);
    save_training(path, *run.optimizer, run.state);
    const auto before = run.weights();

    Run<Sgd> other_rule(Sgd{});
    CHECK_ERROR(load_training(path, *other_rule.optimizer, other_rule.state), ErrorCode::invalid_argument);
    Run<AdamW> more_state(AdamW{.amsgrad = true});
    CHECK_ERROR(load_training(path, *more_state.optimizer, more_state.state), ErrorCode::missing_tensor);
    save_training(dir / "more", *more_state.optimizer, more_state.state);
    CHECK_ERROR(load_training(dir / "more", *run.optimizer, run.state), ErrorCode::surplus_tensor);
    Gpt2 wide(Gpt2Config{.vocab_size = 12, .context = 8, .hidden_size = 16, .layers = 2, .heads = 2});
    Generator generator(1);
    init_gpt(wide, generator);
    Optimizer wide_optimizer(parameters_of(wide), AdamW{});
    CHECK_ERROR(load_training(path, wide_optimizer, run.state), ErrorCode::shape_mismatch);
    CHECK_ERROR(load_training(dir / "absent", *run.optimizer, run.state), ErrorCode::io);
    save_weights(run.model, dir / "model.safetensors");
    CHECK_ERROR(load_training(dir / "model.safetensors", *run.optimizer, run.state), ErrorCode::damaged);
    save_weights(run.model, dir / "model.safetensors", {}, {.checksum = true});
    CHECK_ERROR(load_training(dir / "model.safetensors", *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK(run.weights() == before);
    CHECK_ERROR(save_training(dir / "no/such/place", *run.optimizer, run.state), ErrorCode::io);
}

TEST_CASE("checkpoint: damaged metadata and truncated files are refused") {
    TempDir dir;
    const std::string path = dir / "training.safetensors";
    Run<AdamW> run(AdamW{});
    save_training(path, *run.optimizer, run.state);
    const auto file = Safetensors::open_checked(path);
    const auto rewrite = [&](const std::string& key, const char* value) {
        auto metadata = file.metadata();
        metadata.erase(key);
        if (value != nullptr) metadata[key] = value;
        write_safetensors(dir / "changed", file.tensors(), metadata, {.checksum = true});
        return dir / "changed";
    };
    CHECK_ERROR(load_training(rewrite("step", nullptr), *run.optimizer, run.state), ErrorCode::missing_key);
    CHECK_ERROR(load_training(rewrite("step", "-1"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("step", "12x"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("seed", ""), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("position", "99999999999999999999999"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("rate", "fast"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("rate", "-1"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("memory.best", "x"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK_ERROR(load_training(rewrite("rule", nullptr), *run.optimizer, run.state), ErrorCode::invalid_argument);
    CHECK_ERROR(load_training(rewrite("format", "something else"), *run.optimizer, run.state), ErrorCode::bad_header);
    CHECK(read_training_state(Safetensors::open(rewrite("note.colour", "blue"))).notes.at("colour") == "blue");
    const std::string bytes = read_text_file(path);
    dir.write("cut", std::string_view(bytes).substr(0, bytes.size() - 5));
    CHECK_ERROR(load_training(dir / "cut", *run.optimizer, run.state), ErrorCode::damaged);
    auto tensors = file.tensors();
    for (auto& t : tensors)
        if (t.name == "exp_avg.transformer.ln_f.bias") t.type = StorageType::i32;
    write_safetensors(dir / "typed", tensors, file.metadata(), {.checksum = true});
    CHECK_ERROR(load_training(dir / "typed", *run.optimizer, run.state), ErrorCode::dtype_mismatch);
}

TEST_CASE("checkpoint: memory, rate and the caller's own tensors come back as they were") {
    TempDir dir;
    Run<AdamW> run(AdamW{}), other(AdamW{}, 8);
    auto average = Tensor<float>::copy({1, 2, 3}, {3}), other_average = Tensor<float>::zeros({3});
    run.state.memory = {{"a", 0.1}, {"none", std::nan("")}, {"far", -INFINITY}, {"count", 1e15}};
    run.state.tensors = {{"average", average}};
    run.optimizer->set_rate(0.3);
    save_training(dir / "t", *run.optimizer, run.state);
    CHECK_ERROR(load_training(dir / "t", *other.optimizer, other.state), ErrorCode::surplus_tensor);
    other.state.tensors = {{"average", other_average}};
    load_training(dir / "t", *other.optimizer, other.state);
    CHECK(other_average.to_vector() == average.to_vector());
    CHECK(other.state.memory.at("a") == 0.1);
    CHECK(std::isnan(other.state.memory.at("none")));
    CHECK(other.state.memory.at("far") == -INFINITY);
    CHECK(other.state.memory.at("count") == 1e15);
    CHECK(other.optimizer->rate() == 0.3);
    run.state.tensors = {{"average", Tensor<float>::zeros({2, 2}).transpose()}};
    CHECK_ERROR(save_training(dir / "u", *run.optimizer, run.state), ErrorCode::invalid_argument);
}

TEST_CASE("checkpoint: a run with other notes is refused by name, before anything is changed") {
    TempDir dir;
    Run<AdamW> run(AdamW{}), other(AdamW{}, 8);
    save_training(dir / "t", *run.optimizer, run.state);
    const auto before = other.weights();
    other.state.notes["batch"] = "4";
    CHECK_ERROR(load_training(dir / "t", *other.optimizer, other.state), ErrorCode::invalid_argument);
    other.state.notes = {{"batch", "3"}, {"colour", "blue"}};
    CHECK_ERROR(load_training(dir / "t", *other.optimizer, other.state), ErrorCode::invalid_argument);
    CHECK(other.weights() == before);
    other.state.notes.clear();
    load_training(dir / "t", *other.optimizer, other.state);
    CHECK(other.state.notes == run.state.notes);
}

TEST_CASE("checkpoint: each flipped byte of a file is refused by its name") {
    TempDir dir;
    Tensor<float> weight = Tensor<float>::copy({1, 2, 3, 4, 5, 6}, {2, 3});
    weight.requires_grad();
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"weight", weight}}, AdamW{});
    TrainingState state{.step = 7, .notes = {{"colour", "blue"}}};
    save_training(dir / "t", optimizer, state);
    const std::string whole = read_text_file(dir / "t"), path = dir.write("damaged", whole);
    REQUIRE(whole.size() > 400);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const auto put = [&](int byte) { file.seekp(static_cast<std::streamoff>(i)).put(static_cast<char>(byte)).flush(); };
        put(whole[i] ^ (1 << (i % 8)));
        const auto error = error_of([&] { load_training(path, optimizer, state); });
        put(whole[i]);
        REQUIRE(error.has_value());
        REQUIRE(error->code() == ErrorCode::damaged);
        REQUIRE(std::string_view(error->what()).starts_with(path));
    }
    load_training(path, optimizer, state);  // whole again
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        dir.write("damaged", std::string_view(whole).substr(0, size));
        CHECK_ERROR(load_training(path, optimizer, state), ErrorCode::damaged);
    }
    CHECK(weight.to_vector() == std::vector<float>{1, 2, 3, 4, 5, 6});
}
