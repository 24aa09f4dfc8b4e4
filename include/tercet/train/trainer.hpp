// The training loop: what stands around a model, a loss and an optimiser.
//
//   TrainingState state{.generator = Generator(1)};
//   CheckpointStore store("run/checkpoints");
//   store.load_newest(optimizer, state);                                   // goes on where the run stopped
//   train(optimizer, state,
//         [&](TrainingState& s) { return windows.random(12, s.generator); },                                   // the next batch
//         [&](const TokenBatch& b) { return cross_entropy(model(b.inputs, {.training = &state.generator}), b.targets); },   // its loss
//         {.steps = 1000, .rate = CosineDecay{.peak = 1e-3, .warmup = 100, .steps = 1000}, .clip = 1,
//          .evaluate = [&](const TrainingState&) { return evaluate(model, held_out).mean(); }, .evaluate_every = 100, .store = &store});
//
// A batch may be anything: the loop hands what the source gives to the loss, which must be a mean over the batch. All that a run draws or remembers
// is in its TrainingState, so a run that stopped and goes on from a checkpoint ends with the same bits as one that never did.
#pragma once

#include "tercet/train/checkpoint_store.hpp"
#include "tercet/train/clip.hpp"
#include "tercet/train/communicator.hpp"
#include "tercet/train/early_stopping.hpp"
#include "tercet/train/ema.hpp"
#include "tercet/train/logger.hpp"
#include "tercet/train/schedule.hpp"
#include "tercet/train/statistics.hpp"

#include <stop_token>

namespace tercet::inline TERCET_ABI {

/// One step, after it was made. `loss` is that of the step's batches before the update, the norm that of their gradient before clipping.
struct StepRecord {
    std::int64_t step;
    double loss, rate, gradient_norm;
    double seconds;  // that the step took
};

struct EvaluationRecord {
    std::int64_t step;
    double measure;
    bool best;  // of all so far
};

struct TrainerOptions {
    std::int64_t steps = 1000;                 // in all, those before a resume included
    index_t accumulate = 1;                    // batches a step: their mean loss is what is stepped on
    std::function<double(index_t)> rate{};     // by the step's number, 1 for the first (so that warm-up begins above 0): a schedule; without, the
                                               // optimiser's own
    std::optional<ReduceOnPlateau> plateau{};  // or a rate that falls when the evaluations stop improving
    double clip = 0;                           // > 0: the largest norm of the gradient
    double clip_value = 0;          // > 0: the largest magnitude of any number in it, applied before `clip`; the norm reported is from before both
    Ema<float>* average = nullptr;  // of the weights, moved on after each step; state.tensors = average->state() has checkpoints keep it
    Communicator* processes = nullptr;  // that train together: losses, gradients and measures are means over all of them, and where one is
                                        // to stop, all do. The other options are alike in all; a store and loggers are for one of them

    std::function<double(const TrainingState&)> evaluate{};  // the measure on held-out data
    std::int64_t evaluate_every = 0;                         // steps between two evaluations; one is made at the end in any case
    bool maximise = false;                                   // larger measures are better
    std::string measure = "validation/loss";                 // what logs call it
    std::optional<EarlyStopping> early_stopping{};

    CheckpointStore* store = nullptr;
    std::int64_t save_every = 0;  // steps between two checkpoints; 0: after each evaluation; one is made at the end in any case

    std::vector<Logger> loggers{};  // receive a record every log_every steps and one for each evaluation
    std::int64_t log_every = 1;
    std::function<void(const StepRecord&)> on_step{};                                          // after each step
    std::function<void(const EvaluationRecord&)> on_evaluation{};                              // and each evaluation
    std::function<void(const TrainingState&, const std::string& checkpoint)> on_checkpoint{};  // once it is on the disk
    std::stop_token stop{};  // ends the run after the step in progress, with a checkpoint; a callback may set it
};

enum class TrainingEnd { finished, early_stopping, stopped };

struct TrainingResult {
    TrainingEnd end = TrainingEnd::finished;
    std::int64_t first_step = 0;      // steps that were done before
    std::vector<StepRecord> steps{};  // every log_every steps, and the last
    std::vector<EvaluationRecord> evaluations{};
    double best = std::numeric_limits<double>::quiet_NaN();  // measure, of the whole run
    std::int64_t best_step = 0;
    double seconds = 0;
};

/// What a run's numbers depend on among the options. Put into state.notes before a checkpoint is loaded, they hold it to be of the same kind;
/// train() does it at the latest.
inline std::map<std::string, std::string> settings_of(const TrainerOptions& options) {
    std::map<std::string, std::string> settings{{"trainer.accumulate", std::to_string(options.accumulate)},
                                                {"trainer.clip", detail::exact_text(options.clip)}};
    if (options.clip_value > 0) settings["trainer.clip_value"] = detail::exact_text(options.clip_value);
    if (options.processes != nullptr && options.processes->size() > 1) settings["trainer.processes"] = std::to_string(options.processes->size());
    return settings;
}

namespace detail {

// The loop's own memory, which travels in state.memory: visited by name.
struct TrainerMemory {
    std::optional<ReduceOnPlateau> plateau;
    std::optional<EarlyStopping> early_stopping;
    double best = std::numeric_limits<double>::quiet_NaN();
    std::int64_t best_step = 0;

    template <class F>
    void visit(F&& f) {
        f("best.measure", best);
        f("best.step", best_step);
        if (plateau) {
            f("plateau.rate", plateau->rate);
            f("plateau.best", plateau->best);
            f("plateau.poor", plateau->poor);
            f("plateau.resting", plateau->resting);
        }
        if (early_stopping) {
            f("early_stopping.best", early_stopping->best);
            f("early_stopping.poor", early_stopping->poor);
        }
    }
    void save(std::map<std::string, double>& memory) {
        visit([&](const char* name, auto value) { memory[name] = static_cast<double>(value); });
    }
    void load(const std::map<std::string, double>& memory) {
        visit([&]<class Value>(const char* name, Value& value) {
            const auto at = memory.find(name);
            if (at == memory.end()) return;
            const bool fits = std::is_floating_point_v<Value> || (at->second >= 0 && at->second <= 0x1p53);
            require(fits, ErrorCode::invalid_argument, "train: the state remembers ", at->second, " as ", name);
            value = static_cast<Value>(at->second);
        });
    }
};

struct NoProbe {
    template <class Batch>
    std::string operator()(const Batch&) const {
        return {};
    }
};

inline void check(const TrainerOptions& o) {
    require(o.steps >= 0 && o.accumulate > 0 && o.clip >= 0 && o.clip_value >= 0 && o.evaluate_every >= 0 && o.save_every >= 0 && o.log_every > 0,
            ErrorCode::invalid_argument, "train: ", o.steps, " steps, accumulate ", o.accumulate, ", clip ", o.clip, ", clip_value ", o.clip_value,
            ", evaluate every ", o.evaluate_every, ", save every ", o.save_every, ", log every ", o.log_every);
    require(!o.rate || !o.plateau, ErrorCode::invalid_argument, "train: a schedule of the rate, or a plateau, not both");
    require((!o.plateau && !o.early_stopping && o.evaluate_every == 0) || o.evaluate, ErrorCode::invalid_argument,
            "train: evaluations, a plateau and early stopping need options.evaluate");
    const bool agree = (!o.plateau || o.plateau->maximise == o.maximise) && (!o.early_stopping || o.early_stopping->maximise == o.maximise) &&
                       (o.store == nullptr || !o.evaluate || o.store->options().maximise == o.maximise);
    require(agree, ErrorCode::invalid_argument, "train: maximise is ", o.maximise ? "set" : "not set",
            ", and otherwise in the plateau, in early stopping or in the store");
}

}  // namespace detail

/// Runs steps until state.step is options.steps, or until early stopping or the stop token ends the run, and keeps `state` up to date.
/// next_batch(TrainingState&) gives a batch and moves the state's generator or place in the data on; loss(batch) its mean loss, a scalar on the tape.
///
/// A loss or gradient that is not finite ends the run before the update with not_finite; the message names the step, and the first weight or gradient
/// that is not finite, and what `probe(batch)` says: the first layer whose output is not (see train/probe.hpp). Throws invalid_argument for
/// options outside their ranges or a state made with others, io where a checkpoint or log cannot be written, and whatever the functions given throw.
template <class Rule, class Source, class Loss, class Probe = detail::NoProbe>
TrainingResult train(Optimizer<Rule, float>& optimizer, TrainingState& state, Source&& next_batch, Loss&& loss, const TrainerOptions& options = {},
                     const Probe& probe = {}) {
    using Clock = std::chrono::steady_clock;
    const auto seconds_since = [](Clock::time_point then) { return std::chrono::duration<double>(Clock::now() - then).count(); };
    const auto begin = Clock::now();
    detail::check(options);
    const bool begun = state.notes.contains("trainer.clip");
    const auto limit = state.notes.find("trainer.clip_value");
    require(!begun || (limit != state.notes.end()) == (options.clip_value > 0), ErrorCode::invalid_argument, "train: the run was begun with",
            limit == state.notes.end() ? "out trainer.clip_value" : " trainer.clip_value " + limit->second);
    for (const auto& [key, value] : settings_of(options)) {
        const std::string& noted = state.notes.try_emplace(key, value).first->second;
        require(noted == value, ErrorCode::invalid_argument, "train: the run was begun with ", key, " ", noted, ", not ", value);
    }
    if (const auto at = state.notes.find("trainer.processes"); at != state.notes.end())
        require(options.processes != nullptr, ErrorCode::invalid_argument, "train: the run was begun with ", at->second, " processes, not alone");
    if (options.average != nullptr && options.store != nullptr)
        for (const auto& shadow : options.average->state()) {
            const auto is_it = [&](const auto& kept) { return kept.name == shadow.name && kept.tensor.storage() == shadow.tensor.storage(); };
            require(std::any_of(state.tensors.begin(), state.tensors.end(), is_it), ErrorCode::invalid_argument, "train: checkpoints would lose '",
                    shadow.name, "': state.tensors = average->state() has the averages kept");
        }
    detail::TrainerMemory memory{options.plateau, options.early_stopping};
    memory.load(state.memory);
    optimizer.zero_grad();

    const auto tell = [&](std::vector<std::pair<std::string, double>> values) {
        if (options.loggers.empty()) return;
        const LogRecord record{state.step, std::move(values), unix_time()};
        for (const auto& logger : options.loggers) logger(record);
    };
    const auto stop_at = [&](std::string_view what, double value, const std::string& where) {
        optimizer.zero_grad();
        fail(ErrorCode::not_finite, "train: step ", state.step + 1, ": ", what, " is ",
             std::isnan(value) ? "nan"
             : value > 0       ? "inf"
                               : "-inf",
             where.empty() ? "" : "; ", where);
    };
    const auto over_processes = [&](double x) { return options.processes == nullptr ? x : mean_over(*options.processes, x); };
    const auto make_step = [&] {
        const auto start = Clock::now();
        if (options.rate) optimizer.set_rate(options.rate(state.step + 1));
        if (memory.plateau) optimizer.set_rate(memory.plateau->rate);
        double mean = 0;
        for (index_t micro = 0; micro < options.accumulate; ++micro) {
            const auto batch = next_batch(state);
            const Tensor<float> value = loss(batch);
            require(value.numel() == 1, ErrorCode::shape_mismatch, "train: the loss should be one number, it is ", value.shape());
            const double number = over_processes(static_cast<double>(value.item()));  // where one has no number, all stop
            if (!std::isfinite(number)) {
                const auto* weight = first_non_finite(optimizer.parameters());
                const std::string layer = probe(batch);
                std::string where = weight == nullptr ? "" : "the weight '" + weight->name + "' is not finite";
                if (!layer.empty()) where += (where.empty() ? "" : "; ") + ("the first output that is not finite is that of '" + layer + "'");
                stop_at("the loss", number, where);
            }
            mean += number / static_cast<double>(options.accumulate);
            if (options.accumulate == 1) value.backward();
            else (value * (1.0f / static_cast<float>(options.accumulate))).backward();
        }
        if (options.processes != nullptr) average_gradients(optimizer.parameters(), *options.processes);
        const double norm = gradient_norm(optimizer.parameters());
        if (!std::isfinite(norm)) {
            const auto* named = first_non_finite_gradient(optimizer.parameters());
            stop_at("the norm of the gradient", norm, named == nullptr ? "" : "the gradient of '" + named->name + "' is not finite");
        }
        if (options.clip_value > 0) clip_gradient_values(optimizer.parameters(), options.clip_value);
        if (options.clip > 0)
            detail::clip_to(optimizer.parameters(), options.clip, options.clip_value > 0 ? gradient_norm(optimizer.parameters()) : norm);
        optimizer.step();
        if (options.average != nullptr) options.average->update(state.step);
        optimizer.zero_grad();
        ++state.step;
        return StepRecord{state.step, mean, optimizer.rate(), norm, seconds_since(start)};
    };

    TrainingResult result{.first_step = state.step};
    std::int64_t saved = state.step;
    double measure = 0;  // of the step that was made last
    bool evaluated = false;
    const auto save = [&] {
        memory.save(state.memory);
        if (options.store == nullptr || saved == state.step) return;
        const std::string path = options.store->save(optimizer, state, evaluated ? std::optional(measure) : std::nullopt);
        saved = state.step;
        if (options.on_checkpoint) options.on_checkpoint(state, path);
    };
    const auto due = [&](std::int64_t every) { return state.step == options.steps || (every > 0 && state.step % every == 0); };
    for (;;) {
        if (memory.early_stopping && memory.early_stopping->exhausted()) result.end = TrainingEnd::early_stopping;
        else if (state.step < options.steps && over_processes(options.stop.stop_requested() ? 1 : 0) > 0) result.end = TrainingEnd::stopped;
        if (result.end != TrainingEnd::finished || state.step >= options.steps) break;

        const StepRecord record = make_step();
        if (due(options.log_every)) {
            result.steps.push_back(record);
            tell({{"training/loss", record.loss},
                  {"training/learning_rate", record.rate},
                  {"training/gradient_norm", record.gradient_norm},
                  {"training/step_seconds", record.seconds}});
        }
        if (options.on_step) options.on_step(record);

        evaluated = false;
        if (options.evaluate && due(options.evaluate_every)) {
            const NoGrad guard;
            measure = over_processes(options.evaluate(state));
            evaluated = true;
            const bool best = !std::isnan(measure) && !(options.maximise ? measure <= memory.best : measure >= memory.best);
            if (best) {
                memory.best = measure;
                memory.best_step = state.step;
            }
            if (memory.plateau) memory.plateau->report(measure);
            if (memory.early_stopping) memory.early_stopping->report(measure);
            result.evaluations.push_back({state.step, measure, best});
            tell({{options.measure, measure}});
            if (options.on_evaluation) options.on_evaluation(result.evaluations.back());
        }
        if (due(options.save_every) || (options.save_every == 0 && evaluated)) save();
    }
    save();
    result.best = memory.best;
    result.best_step = memory.best_step;
    result.seconds = seconds_since(begin);
    return result;
}

}  // namespace tercet::inline TERCET_ABI
