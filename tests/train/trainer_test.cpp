// The training loop: what it does at each step, how it ends, and that a run which stopped anywhere goes on with the same bits.
#include "tercet/train/trainer.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/ops/reduce.hpp"
#include "tercet/train/probe.hpp"
#include "tiny_run.hpp"

using namespace tercet;
using tercet_test::TinyRun;

namespace {

// Fits one number w to the mean of what comes, under the loss (w − x)².
struct Scalar {
    Tensor<float> w = Tensor<float>::zeros({1});
    TrainingState state;
    Optimizer<Sgd, float> optimizer;

    explicit Scalar(double rate = 0.1) : optimizer(parameters(w), Sgd{.rate = rate}) {}
    static std::vector<NamedTensor<float>> parameters(Tensor<float>& w) {
        w.requires_grad();
        return {{"w", w}};
    }
    // The batches are the numbers 1, 2, 3, …: a source that counts in the state.
    TrainingResult train(const TrainerOptions& options, float factor = 1) {
        return tercet::train(
            optimizer, state, [](TrainingState& s) { return static_cast<float>(++s.data.index); },
            [&](float x) { return mean(square(w - Tensor<float>::scalar(factor * x))); }, options);
    }
};

std::vector<double> losses_of(const TrainingResult& result) {
    std::vector<double> losses;
    for (const auto& step : result.steps) losses.push_back(step.loss);
    return losses;
}

}  // namespace

TEST_CASE("trainer: a run resumed at any of 50 steps ends with the same bits as one that never stopped") {
    TempDir dir;
    CheckpointStore store(dir.path(), {.keep = 50});
    TinyRun whole;
    std::vector<std::vector<float>> numbers;
    std::vector<TrainingState> states;
    whole.options.store = &store;
    whole.options.save_every = 1;
    whole.options.on_checkpoint = [&](const TrainingState& state, const std::string&) {
        numbers.push_back(whole.numbers());
        states.push_back(state);
    };
    const auto losses = losses_of(whole.train(50));
    CHECK(losses.back() < 0.9 * losses.front());
    const auto checkpoints = store.list();
    REQUIRE(checkpoints.size() == 50);
    for (const auto& [step, path, measure] : checkpoints) {
        TinyRun resumed(999);
        load_training(path, *resumed.optimizer, resumed.state);
        REQUIRE(resumed.state.step == step);
        // A few steps, from some to the end: what is equal at a step is equal from there on.
        const std::int64_t to = step % 10 == 0 ? 50 : std::min<std::int64_t>(50, step + 2);
        const auto rest = losses_of(resumed.train(to));
        REQUIRE(std::vector<double>(losses.begin() + step, losses.begin() + to) == rest);
        const auto at = static_cast<std::size_t>(to - 1);
        REQUIRE(resumed.numbers() == numbers[at]);
        REQUIRE(resumed.optimizer->rate() == (to == 50 ? whole.optimizer->rate() : resumed.options.rate(to)));
        REQUIRE(resumed.state.generator.position() == states[at].generator.position());
        REQUIRE(resumed.state.data == states[at].data);
    }
}

TEST_CASE("trainer: each step sets the rate, takes the mean of its batches, clips and updates") {
    Scalar one;
    const auto result = one.train({.steps = 3, .rate = [](index_t t) { return 0.1 * static_cast<double>(t); }});
    // w = 0; 0 + 0.1·2·1 = 0.2; 0.2 + 0.2·2·1.8 = 0.92; 0.92 + 0.3·2·2.08
    CHECK(one.w.to_vector()[0] == Approx(2.168));
    CHECK(result.end == TrainingEnd::finished);
    REQUIRE(result.steps.size() == 3);
    CHECK(result.steps[1].loss == Approx(1.8 * 1.8));
    CHECK(result.steps[1].rate == Approx(0.2));
    CHECK(result.steps[1].gradient_norm == Approx(3.6));
    CHECK(result.steps[1].step == 2);
    CHECK(one.state.step == 3);
    CHECK(one.w.grad().storage() == nullptr);

    Scalar accumulated;  // batches 1, 2 and 3, 4: gradients 2(w − 1.5) and 2(w − 3.5)
    const auto two = accumulated.train({.steps = 2, .accumulate = 2});
    CHECK(accumulated.w.to_vector()[0] == Approx(0.3 + 0.2 * 3.2));
    CHECK(two.steps[0].loss == Approx(2.5));

    Scalar clipped;
    const auto small = clipped.train({.steps = 2, .clip = 0.5});
    CHECK(clipped.w.to_vector()[0] == Approx(0.1));
    CHECK(small.steps[0].gradient_norm == Approx(2));

    Scalar limited;  // gradients −2 and 2(w − 2), each no larger than 1.5
    const auto large = limited.train({.steps = 2, .clip_value = 1.5});
    CHECK(limited.w.to_vector()[0] == Approx(0.3));
    CHECK(large.steps[0].gradient_norm == Approx(2));
    limited.state.step = 0;
    CHECK_ERROR(limited.train({.steps = 1}), ErrorCode::invalid_argument);  // begun with a limit
    Scalar unlimited;
    unlimited.train({.steps = 1});
    CHECK_ERROR(unlimited.train({.steps = 2, .clip_value = 1.5}), ErrorCode::invalid_argument);  // begun without one
    Scalar both;
    both.train({.steps = 2, .clip = 0.5, .clip_value = 1.5});
    CHECK(both.w.to_vector()[0] == Approx(0.1));
    CHECK_ERROR(Scalar().train({.steps = 1, .clip_value = -1}), ErrorCode::invalid_argument);
}

TEST_CASE("trainer: the average of the weights moves on after each step, and through a resume") {
    const auto run = [](Scalar& scalar, Ema<float>& average, std::int64_t steps, CheckpointStore* store) {
        return scalar.train({.steps = steps, .average = &average, .store = store});
    };
    TempDir dir;
    CheckpointStore store(dir.path(), {});
    Scalar whole, first, resumed;
    Ema<float> of_whole(whole.optimizer.parameters(), {.decay = 0.5, .warm_up = true}),
        of_first(first.optimizer.parameters(), {.decay = 0.5, .warm_up = true}),
        of_resumed(resumed.optimizer.parameters(), {.decay = 0.5, .warm_up = true});
    run(whole, of_whole, 5, nullptr);
    double w = 0, shadow = 0;
    for (int t = 0; t < 5; ++t) {
        w += 0.2 * (t + 1 - w);
        const double kept = std::min(0.5, (1.0 + t) / (10.0 + t));
        shadow = kept * shadow + (1 - kept) * w;
    }
    CHECK(of_whole.state()[0].tensor.to_vector()[0] == Approx(shadow));
    CHECK_ERROR(run(first, of_first, 3, &store), ErrorCode::invalid_argument);  // nothing would keep the averages
    first.state.tensors = {{"running mean", Tensor<float>::zeros({1})}};
    CHECK_ERROR(run(first, of_first, 3, &store), ErrorCode::invalid_argument);
    first.state.tensors = of_first.state();
    run(first, of_first, 3, &store);
    resumed.state.tensors = of_resumed.state();
    REQUIRE(store.load_newest(resumed.optimizer, resumed.state));
    run(resumed, of_resumed, 5, nullptr);
    CHECK(resumed.w.to_vector() == whole.w.to_vector());
    CHECK(of_resumed.state()[0].tensor.to_vector() == of_whole.state()[0].tensor.to_vector());
}

TEST_CASE("trainer: a classifier trains by the same loop") {
    Generator generator(3);
    auto weight = Tensor<float>::zeros({2, 2}), bias = Tensor<float>::zeros({2});
    weight.requires_grad(), bias.requires_grad();
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"weight", weight}, {"bias", bias}}, Sgd{.rate = 0.5});
    struct Batch {
        Tensor<float> x;               // (B, 2)
        Tensor<std::int32_t> classes;  // (B)
    };
    const auto draw = [](TrainingState& s) {  // class 1 lies above the diagonal
        Batch b{Tensor<float>::empty({16, 2}), Tensor<std::int32_t>::empty({16})};
        s.generator.fill_uniform(b.x.mutable_data(), 32);
        for (index_t i = 0; i < 16; ++i) b.classes.mutable_data()[i] = b.x.data()[2 * i + 1] > b.x.data()[2 * i];
        return b;
    };
    TrainingState state{.generator = generator}, held_out{.generator = Generator(77)};
    const auto logits = [&](const Tensor<float>& x) { return matmul(x, weight) + bias; };
    const auto accuracy = [&](const TrainingState&) {
        const Batch b = draw(held_out);
        const auto scores = logits(b.x);
        int right = 0;
        for (index_t i = 0; i < 16; ++i) right += (scores.data()[2 * i + 1] > scores.data()[2 * i]) == (b.classes.data()[i] == 1);
        return right / 16.0;
    };
    const auto result = train(optimizer, state, draw, [&](const Batch& b) { return cross_entropy(logits(b.x), b.classes); },
                              {.steps = 200, .evaluate = accuracy, .evaluate_every = 20, .maximise = true, .measure = "validation/accuracy"});
    REQUIRE(result.evaluations.size() == 10);
    CHECK(result.best >= 0.9);
}

TEST_CASE("trainer: evaluations, checkpoints and logs come when they are due, and at the end") {
    TempDir dir;
    CheckpointStore store(dir.path(), {.keep = 10});
    Scalar run;
    std::vector<std::int64_t> evaluated, saved, stepped, logged, scored;
    TrainerOptions options{.steps = 7, .evaluate = [&](const TrainingState& s) { return 10.0 - static_cast<double>(s.step); }, .evaluate_every = 3};
    options.store = &store;
    options.log_every = 2;
    options.loggers = {[&](const LogRecord& r) { (std::isnan(r.value("training/loss")) ? scored : logged).push_back(r.step); }};
    options.on_step = [&](const StepRecord& r) { stepped.push_back(r.step); };
    options.on_evaluation = [&](const EvaluationRecord& r) { evaluated.push_back(r.step); };
    options.on_checkpoint = [&](const TrainingState& s, const std::string& path) {
        saved.push_back(s.step);
        CHECK(file_exists(path));
    };
    const auto result = run.train(options);
    const std::vector<std::int64_t> due{3, 6, 7};
    CHECK(evaluated == due);
    CHECK(saved == due);
    CHECK(scored == due);
    CHECK(logged == std::vector<std::int64_t>{2, 4, 6, 7});
    CHECK(stepped.size() == 7);
    CHECK(result.steps.size() == 4);
    CHECK(result.best == 3);
    CHECK(result.best_step == 7);
    CHECK(store.list().back().measure == 3);

    run.train(options);  // nothing is left to do
    CHECK(stepped.size() == 7);
    options.steps = 9;
    options.save_every = 1;
    const auto more = run.train(options);
    CHECK(more.first_step == 7);
    CHECK(saved == std::vector<std::int64_t>{3, 6, 7, 8, 9});
}

TEST_CASE("trainer: early stopping and the plateau remember across a resume") {
    const auto options = [] {
        // Improves up to step 4, then never again.
        TrainerOptions o{.steps = 100,
                         .plateau = ReduceOnPlateau{.rate = 0.1, .factor = 0.5, .patience = 1},
                         .evaluate = [](const TrainingState& s) { return std::max(1.0, 5.0 - static_cast<double>(s.step)); },
                         .evaluate_every = 1};
        o.early_stopping = EarlyStopping{.patience = 6};
        return o;
    };
    Scalar whole;
    const auto result = whole.train(options());
    CHECK(result.end == TrainingEnd::early_stopping);
    CHECK(whole.state.step == 10);
    CHECK(result.best_step == 4);
    CHECK(whole.optimizer.rate() < 0.1);
    CHECK(whole.train(options()).steps.empty());  // it has ended

    for (std::int64_t cut = 1; cut < 10; ++cut) {
        TempDir dir;
        CheckpointStore store(dir.path());
        Scalar first, second;
        auto o = options();
        o.store = &store;
        o.steps = cut;
        first.train(o);
        REQUIRE(store.load_newest(second.optimizer, second.state));
        const auto rest = second.train(options());
        CHECK(rest.end == TrainingEnd::early_stopping);
        CHECK(second.state.step == 10);
        CHECK(rest.best_step == 4);
        CHECK(second.w.to_vector() == whole.w.to_vector());
        CHECK(second.optimizer.rate() == whole.optimizer.rate());
    }
}

TEST_CASE("trainer: the stop token ends a run after the step in progress, with a checkpoint to go on from") {
    TempDir dir;
    CheckpointStore store(dir.path());
    std::stop_source source;
    Scalar run, whole, resumed;
    TrainerOptions options{.steps = 20, .store = &store, .stop = source.get_token()};
    options.on_step = [&](const StepRecord& r) {
        if (r.step == 5) source.request_stop();
    };
    const auto result = run.train(options);
    CHECK(result.end == TrainingEnd::stopped);
    CHECK(run.state.step == 5);
    REQUIRE(store.load_newest(resumed.optimizer, resumed.state));
    CHECK(resumed.state.step == 5);
    resumed.train({.steps = 20});
    whole.train({.steps = 20});
    CHECK(resumed.w.to_vector() == whole.w.to_vector());
}

TEST_CASE("trainer: a loss that is not finite is an error that names the step and the layer, and changes nothing") {
    const auto message_of = [](const auto& f) {
        const auto error = error_of(f);
        REQUIRE(error.has_value());
        CHECK(error->code() == ErrorCode::not_finite);
        return std::string(error->what());
    };
    Scalar huge;
    huge.train({.steps = 2});
    const auto before = huge.w.to_vector();
    const auto loss = message_of([&] { huge.train({.steps = 5}, 1e38f); });  // (w − 3e38)² overflows
    CHECK_THAT(loss, Catch::Matchers::ContainsSubstring("step 3: the loss is inf"));
    CHECK(huge.w.to_vector() == before);
    CHECK(huge.state.step == 2);

    TinyRun run;
    run.train(2);
    const auto probed = [&] {
        train(
            *run.optimizer, run.state, [&](TrainingState& s) { return run.windows.windows(run.order.next(s.data, 3)); },
            [&](const TokenBatch& b) { return cross_entropy(run.model(b.inputs), b.targets); }, {.steps = 3, .clip = 1},
            [&](const TokenBatch& b) { return first_non_finite_layer(run.model, [&] { run.model(b.inputs); }); });
    };
    const NoGrad guard;
    const auto set = [&](const std::string& name, float value) {
        for (auto& [key, tensor] : std::vector(run.optimizer->parameters()))
            if (key == name) std::fill_n(Tensor<float>(tensor).mutable_data(), tensor.numel(), value);
    };
    set("transformer.h.1.ln_2.weight", std::nanf(""));
    CHECK_THAT(message_of(probed),
               Catch::Matchers::ContainsSubstring(
                   "the weight 'transformer.h.1.ln_2.weight' is not finite; the first output that is not finite is that of 'transformer.h.1.ln_2'"));
    set("transformer.h.1.ln_2.weight", 1);
    set("transformer.h.0.mlp.c_fc.bias", 1e6f);
    set("transformer.h.0.mlp.c_proj.weight", 3e38f);  // finite, but the products are not
    CHECK_THAT(message_of(probed), Catch::Matchers::ContainsSubstring(
                                       "step 3: the loss is nan; the first output that is not finite is that of 'transformer.h.0.mlp.c_proj'"));
}

TEST_CASE("trainer: a gradient that is not finite is an error that names the parameter") {
    auto a = Tensor<float>::copy({1}, {1}), b = Tensor<float>::copy({0}, {1});
    a.requires_grad(), b.requires_grad();
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"a", a}, {"b", b}}, Sgd{});
    TrainingState state;
    const auto run = [&] {
        train(
            optimizer, state, [](TrainingState&) { return 0; }, [&](int) { return mean(a + sqrt(b)); }, {.steps = 1});
    };
    const auto error = error_of(run);
    REQUIRE(error.has_value());
    CHECK(error->code() == ErrorCode::not_finite);
    CHECK_THAT(error->what(),
               Catch::Matchers::ContainsSubstring("step 1") && Catch::Matchers::ContainsSubstring("the gradient of 'b' is not finite"));
    CHECK(a.to_vector()[0] == 1);
    CHECK(a.grad().storage() == nullptr);
}

TEST_CASE("probe: names the first layer of a model whose output is not finite") {
    TinyRun run;
    const auto ids = Tensor<std::int32_t>::copy({1, 2, 3}, {1, 3});
    const auto first = [&] { return first_non_finite_layer(run.model, [&] { run.model(ids); }); };
    CHECK(first().empty());
    const NoGrad guard;
    const auto with = [&](Tensor<float> weight, float value) {
        const float old = weight.data()[0];
        std::fill_n(weight.mutable_data(), 1, value);
        const auto name = first();
        std::fill_n(weight.mutable_data(), 1, old);
        return name;
    };
    CHECK(with(run.model.wpe.weight.tensor(), INFINITY) == "transformer.wpe");
    CHECK(with(run.model.h[0].ln_1.weight.tensor(), INFINITY) == "transformer.h.0.ln_1");
    CHECK(with(run.model.h[1].ln_1.weight.tensor(), INFINITY) == "transformer.h.1.ln_1");
    CHECK(with(run.model.ln_f.weight.tensor(), INFINITY) == "transformer.ln_f");
    CHECK(with(run.model.wte.weight.tensor(), 3e38f) == "transformer.wte");
}

TEST_CASE("trainer: too little data, wrong options and other settings are refused by name") {
    TinyRun run;
    const auto before = run.numbers();
    const auto draw = [&](TrainingState& s) { return run.windows.windows(run.order.next(s.data, 100)); };
    const auto loss = [&](const TokenBatch& b) { return cross_entropy(run.model(b.inputs), b.targets); };
    CHECK_ERROR(train(*run.optimizer, run.state, draw, loss), ErrorCode::invalid_argument);
    Scalar s;
    CHECK_ERROR(s.train({.accumulate = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(s.train({.clip = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(s.train({.log_every = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(s.train({.evaluate_every = 5}), ErrorCode::invalid_argument);
    CHECK_ERROR(s.train({.early_stopping = EarlyStopping{}}), ErrorCode::invalid_argument);
    CHECK_ERROR(s.train({.rate = ConstantRate{}, .plateau = ReduceOnPlateau{}, .evaluate = [](const TrainingState&) { return 0.0; }}),
                ErrorCode::invalid_argument);
    CHECK_ERROR(train(
                    s.optimizer, s.state, [](TrainingState&) { return 0; }, [&](int) { return s.w + Tensor<float>::zeros({3}); }),
                ErrorCode::shape_mismatch);
    TempDir disagreeing;
    CheckpointStore lowest(disagreeing.path());
    CHECK_ERROR(s.train({.evaluate = [](const TrainingState&) { return 0.0; }, .maximise = true, .store = &lowest}), ErrorCode::invalid_argument);
    s.state.memory["best.step"] = -1;
    CHECK_ERROR(s.train({}), ErrorCode::invalid_argument);
    s.state.memory.clear();
    CHECK(s.w.to_vector()[0] == 0);

    Scalar first, other;
    first.train({.steps = 1, .clip = 1});
    CHECK_ERROR(first.train({.steps = 2, .clip = 2}), ErrorCode::invalid_argument);
    TempDir dir;
    CheckpointStore store(dir.path());
    store.save(first.optimizer, first.state);
    other.state.notes = settings_of({.clip = 2});
    CHECK_ERROR(store.load_newest(other.optimizer, other.state), ErrorCode::invalid_argument);
    CHECK(other.w.to_vector()[0] == 0);
    CHECK(run.numbers() == before);
}
