// tercet train: a GPT on a text file, from nothing to a model directory.
//
//   tercet train --file tinyshakespeare.txt --out shakespeare --report
//   tercet train --file tinyshakespeare.txt --out shakespeare --resume        goes on from the newest whole checkpoint
//   tercet generate --model shakespeare --prompt "ROMEO:"
//
// The first 90 % of the text are learnt from, the rest is held out. The directory holds the model and its tokenizer, checkpoints/, and what
// --report, --log-dir and --gguf ask for. A run that is stopped (Ctrl-C, SIGTERM, a power failure) and resumed with the same options ends with the
// same bits as one that was never stopped. Progress goes to stderr.
// {"steps", "loss", "validation_loss", "perplexity", "tokens", "parameters", "step_s", "end"}: the validation loss, in nats a token, is that of
// the whole held-out text with the last weights; end is "finished", "early_stopping" or "stopped".
#include "../common/progress.hpp"
#include "command.hpp"
#include "interruption.hpp"
#include "output.hpp"

#include <tercet/data/split.hpp>
#include <tercet/data/text_file.hpp>
#include <tercet/metrics/language_model.hpp>
#include <tercet/models/save_gguf.hpp>
#include <tercet/nn/init.hpp>
#include <tercet/text/bpe_trainer.hpp>
#include <tercet/text/load_tokenizer.hpp>
#include <tercet/train/evaluate.hpp>
#include <tercet/train/json_log.hpp>
#include <tercet/train/probe.hpp>
#include <tercet/train/report.hpp>
#include <tercet/train/tensorboard.hpp>
#include <tercet/train/trainer.hpp>

#include <iostream>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string file, out = "gpt", tokenizer = "bytes", optimizer = "adamw", log_dir, gguf;
    std::vector<std::string> options;  // of the optimizer: name=value
    TokenId vocabulary = 4096;
    index_t layers = 4, heads = 4, width = 128, context = 64, batch = 12, accumulate = 1, steps = 1000, warmup = 100, every = 250, patience = 0;
    double rate = 3e-3, decay = 0.1, dropout = 0, clip = 1;
    std::uint64_t seed = 1337;
    bool bf16 = false, checkpoint = false, best = false, resume = false, report = false;
};

Tokenizer tokenizer_for(const Settings& s, const std::string& text) {
    if (s.tokenizer != "bytes" && s.tokenizer != "bpe") return load_tokenizer(s.tokenizer);
    WordCounts words;
    words.add(text);
    const bool merges = s.tokenizer == "bpe";
    return byte_level_tokenizer(learn_bpe(words, {.vocab_size = merges ? s.vocabulary : 0, .min_frequency = 2, .all_bytes = merges}), s.file);
}

AnyRule rule_of(const Settings& s) {
    std::map<std::string, double> options{{"rate", s.rate}, {"weight_decay", s.decay}};
    if (s.optimizer == "adamw") options["beta2"] = 0.99;  // small batches of a small model: a shorter memory
    for (const auto& option : s.options) {
        const auto sign = option.find('=');
        char* end = nullptr;
        const double value = sign == std::string::npos ? 0 : std::strtod(option.c_str() + sign + 1, &end);
        if (end == nullptr || *end != 0 || end == option.c_str() + sign + 1) bad_usage("--option: '" + option + "' is not NAME=NUMBER");
        options[option.substr(0, sign)] = value;
    }
    return make_rule(s.optimizer, options);
}

// What the numbers of a run depend on, besides the model's own shape: a resumed run must be given the same.
std::map<std::string, std::string> notes_of(const Settings& s, const std::string& text) {
    std::map<std::string, std::string> notes;
    const auto note = [&](const char* key, const auto& value) {
        std::ostringstream written;
        written << value;
        notes[key] = written.str();
    };
    note("batch", s.batch);
    note("bf16", s.bf16);
    note("decay", s.decay);
    note("dropout", s.dropout);
    note("heads", s.heads);  // no tensor's shape hangs on them
    note("lr", s.rate);
    note("optimizer", s.optimizer);
    note("seed", s.seed);
    for (const auto& option : s.options) note("optimizer.option", notes["optimizer.option"] + option + " ");
    note("text", crc32c(text));
    note("tokenizer", s.tokenizer);
    note("warmup", s.warmup);
    return notes;
}

void run(const Settings& s) {
    set_log_sink([](void*, LogLevel, std::string_view message) { std::cerr << "tercet: " << message << '\n'; });
    const std::string text = read_utf8_file(s.file);
    const Tokenizer tokenizer = tokenizer_for(s, text);
    const auto ids = tokenizer.encode_ids(text, false);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.9);
    const TokenWindows training(parts.training, s.context), validation(parts.validation, s.context);
    require(training.count() >= s.batch && validation.count() > 0, ErrorCode::invalid_argument, s.file, ": ", ids.size(),
            " tokens are too few: what is learnt must fill a batch of ", s.batch, " contexts of ", s.context,
            ", and the tenth that is held out one of them");

    const Gpt2Config config{.vocab_size = tokenizer.vocab_size(),
                            .context = s.context,
                            .hidden_size = s.width,
                            .layers = s.layers,
                            .heads = s.heads,
                            .dropout = s.dropout};
    Gpt2 model(config);
    TrainingState state{.generator = Generator(s.seed), .notes = notes_of(s, text)};
    init_gpt(model, state.generator, {.layers = s.layers});
    if (s.bf16) set_activations(model, Activations::bf16);
    Optimizer optimizer(parameters_of(model), rule_of(s), decay_matrices_only);

    TrainerOptions options{.steps = s.steps, .accumulate = s.accumulate, .clip = s.clip, .evaluate_every = s.every};
    options.rate = CosineDecay{.peak = s.rate, .warmup = s.warmup, .steps = s.steps, .lowest = s.rate / 10, .stays = true};
    if (s.patience > 0) options.early_stopping = EarlyStopping{.patience = s.patience};
    state.notes.merge(settings_of(options));
    CheckpointStore store(s.out + "/checkpoints");
    require(s.resume || store.list().empty(), ErrorCode::invalid_argument, s.out,
            ": there is a run already; --resume goes on with it, another --out begins anew");
    if (s.resume)
        require(store.load_newest(optimizer, state).has_value(), ErrorCode::io, store.directory(), ": there is no whole checkpoint to go on from");

    std::optional<Interruption> interruption(std::in_place);
    Progress bar("training", s.steps);
    const auto say = [&](const auto&... words) {
        bar.clear();
        (std::cerr << ... << words) << std::endl;
    };
    say(text.size(), " bytes, a vocabulary of ", config.vocab_size, ", ", parts.training.size(), " tokens to learn from, ", parts.validation.size(),
        " held out; ", parameter_count(model), " parameters, ", threads(), " threads");
    std::stop_source stop;
    double loss = std::numeric_limits<double>::quiet_NaN();
    bool best = false;  // whether the weights, as they are, have been evaluated as the best
    options.stop = stop.get_token();
    options.store = &store;
    options.evaluate = [&](const TrainingState&) { return evaluate(model, validation, {.most_windows = 400}).mean(); };
    options.on_step = [&](const StepRecord& r) {
        if (interruption->seen()) stop.request_stop();
        loss = r.loss;
        best = false;
        const double tokens_per_s = static_cast<double>(s.batch * s.accumulate * s.context) / r.seconds;
        bar.update(r.step, "loss " + text_number(std::round(r.loss * 1e4) / 1e4) + "  " + text_number(std::round(tokens_per_s)) + " tokens/s");
    };
    options.on_evaluation = [&](const EvaluationRecord& r) {
        best = r.best;
        say("step ", r.step, "  training loss ", text_number(std::round(loss * 1e4) / 1e4), "  validation loss ",
            text_number(std::round(r.measure * 1e4) / 1e4), r.best ? "" : "  (not the best so far)");
    };
    options.on_checkpoint = [&](const TrainingState&, const std::string&) {
        if (s.best && !best) return;
        save_model(s.out, model, config_json(config));
        save_tokenizer(s.out, tokenizer);
        if (!s.gguf.empty())
            save_gguf(s.out + "/model.gguf", model, tokenizer,
                      {.weights = *storage_type_named(s.gguf), .name = std::filesystem::path(s.out).filename().string()});
    };
    const std::string json_file = s.out + "/log.jsonl";
    std::optional<JsonLog> log;
    std::optional<TensorBoardLog> events;
    if (s.report) options.loggers.push_back(std::ref(log.emplace(json_file, state.step)));
    if (!s.log_dir.empty()) options.loggers.push_back(std::ref(events.emplace(s.log_dir, state.step)));

    const auto result = train(
        optimizer, state, [&](TrainingState& now) { return training.random(s.batch, now.generator); },
        [&](const TokenBatch& b) { return cross_entropy(model(b.inputs, {.checkpoint = s.checkpoint, .training = &state.generator}), b.targets); },
        options, [&](const TokenBatch& b) { return first_non_finite_layer(model, [&] { model(b.inputs); }); });
    interruption.reset();
    bar.clear();

    if (s.report) write_report(s.out + "/report.html", read_json_log(json_file), {.title = "A GPT on " + s.file, .settings = state.notes});
    const auto score = evaluate(model, validation);
    const auto made = state.step - result.first_step;
    constexpr std::string_view ends[] = {"finished", "early_stopping", "stopped"};
    const std::string end(ends[static_cast<std::size_t>(result.end)]);
    const std::vector<std::pair<const char*, double>> numbers{{"steps", static_cast<double>(state.step)},
                                                              {"loss", loss},
                                                              {"validation_loss", score.mean()},
                                                              {"perplexity", perplexity(score.nats, score.tokens)},
                                                              {"tokens", static_cast<double>(score.tokens)},
                                                              {"parameters", static_cast<double>(parameter_count(model))},
                                                              {"step_s", made > 0 ? result.seconds / static_cast<double>(made) : 0}};
    JsonObject json;
    std::string lines;
    for (const auto& [name, value] : numbers) {
        json.add(name, json_number(value));
        lines += std::string(name) + "  " + text_number(value) + "\n";
    }
    print(s.json ? json.add("end", quote_json(end)).text() + "\n" : lines + "end  " + end + "\n");
}

}  // namespace

void add_train(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "train", "Train a GPT on a text file", run);
    const auto size = [&command = command](const char* name, auto& value, const char* what) {
        return command->add_option(name, value, what)->check(CLI::Range(1, 1 << 30))->capture_default_str()->type_name("N");
    };
    const auto number = [&command = command](const char* name, double& value, const char* what) {
        return command->add_option(name, value, what)->check(CLI::NonNegativeNumber)->capture_default_str()->type_name("X");
    };
    command->add_option("--file", s->file, "The text, UTF-8")->required()->type_name("PATH");
    command->add_option("--out", s->out, "Directory for the model and the state of the run")->capture_default_str()->type_name("DIR");
    command->add_option("--tokenizer", s->tokenizer, "bytes: those that the text has; bpe: learned from it; or a file to take it from")
        ->capture_default_str()
        ->type_name("KIND");
    size("--vocab", s->vocabulary, "Tokens of a vocabulary that is learned");
    size("--layers", s->layers, "Blocks");
    size("--heads", s->heads, "Heads of attention");
    size("--width", s->width, "Channels");
    size("--context", s->context, "Tokens that the model sees");
    size("--batch", s->batch, "Windows of text that go through together");
    size("--accumulate", s->accumulate, "Such batches a step");
    size("--steps", s->steps, "Steps in all");
    command->add_option("--optimizer", s->optimizer, "The update rule")
        ->transform(CLI::IsMember([] {
            std::vector<std::string> names;
            for (const auto name : rule_names()) names.emplace_back(name);
            return names;
        }()))
        ->capture_default_str()
        ->type_name("NAME");
    command->add_option("--option", s->options, "An option of the rule, as beta2=0.95; may be given several times")->type_name("NAME=X");
    number("--lr", s->rate, "Highest learning rate; a cosine leads from there to a tenth");
    command->add_option("--warmup", s->warmup, "Steps up to it")->check(CLI::NonNegativeNumber)->capture_default_str()->type_name("N");
    number("--decay", s->decay, "Weight decay of the matrices");
    command->add_option("--dropout", s->dropout, "Share of the activations that are dropped")->check(CLI::Range(0.0, 0.99))->capture_default_str();
    number("--clip", s->clip, "Largest norm of the gradient; 0: any");
    size("--every", s->every, "Steps between two evaluations, each with a checkpoint");
    command->add_option("--patience", s->patience, "Evaluations without improvement that end the run; 0: none do")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str()
        ->type_name("N");
    command->add_option("--seed", s->seed, "Of all that is drawn")->capture_default_str()->type_name("N");
    command->add_flag("--bf16", s->bf16, "Round the operands of matrix products to bfloat16");
    command->add_flag("--recompute", s->checkpoint, "Keep the input of each block alone, and compute the rest again in backward");
    command->add_flag("--best", s->best, "Let the directory's model be the best so far rather than the last");
    command->add_option("--gguf", s->gguf, "Write model.gguf too, with its matrices in this type (f32, q8_0, q4_k, …)")
        ->check([](const std::string& name) {
            constexpr std::string_view types[] = {"f32",  "f16",  "bf16", "q8_0", "q4_0", "q4_1", "q5_0",
                                                  "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl"};
            return std::find(std::begin(types), std::end(types), name) != std::end(types) ? std::string() : "'" + name + "' is no type for matrices";
        })
        ->type_name("TYPE");
    command->add_option("--log-dir", s->log_dir, "Directory for TensorBoard's event files")->type_name("DIR");
    command->add_flag("--report", s->report, "Write log.jsonl, and at the end report.html");
    command->add_flag("--resume", s->resume, "Go on with the run in --out");
}

}  // namespace cli
