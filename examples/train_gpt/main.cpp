// Trains a character-level GPT on a text file, and saves a directory that sample_gpt writes new text from.
//
//   train_gpt tinyshakespeare.txt --out shakespeare --report
//   train_gpt tinyshakespeare.txt --out shakespeare --resume       # goes on from the newest whole checkpoint
//
// The first 90 % of the text are learnt from, the rest is held out. A run that is stopped (Ctrl-C, a power failure) and resumed with the same options
// ends with the same bits as one that was never stopped. The directory holds the model, checkpoints/ and with --log-dir and --report the run's
// curves.
#include "../common/progress.hpp"

#include <tercet/data/split.hpp>
#include <tercet/metrics/language_model.hpp>
#include <tercet/nn/init.hpp>
#include <tercet/text/char_level.hpp>
#include <tercet/train/evaluate.hpp>
#include <tercet/train/json_log.hpp>
#include <tercet/train/probe.hpp>
#include <tercet/train/report.hpp>
#include <tercet/train/tensorboard.hpp>
#include <tercet/train/trainer.hpp>

#include <CLI/CLI.hpp>

#include <atomic>
#include <csignal>
#include <iostream>

using namespace tercet;

namespace {

struct Settings {
    std::string text_file, out = "gpt", log_dir;
    index_t steps = 1000, layers = 4, heads = 4, width = 128, context = 64, batch = 12, warmup = 100, every = 250;
    double rate = 3e-3, decay = 0.1, dropout = 0, clip = 1;
    std::uint64_t seed = 1337;
    bool resume = false, report = false;
    int threads = 0;
};

// What the numbers of a run depend on, besides the model's own config: a resumed run must be given the same.
std::map<std::string, std::string> notes_of(const Settings& s, const std::string& text) {
    std::map<std::string, std::string> notes;
    const auto note = [&](const char* key, const auto& value) {
        std::ostringstream written;
        written << value;
        notes[key] = written.str();
    };
    note("batch", s.batch);
    note("decay", s.decay);
    note("dropout", s.dropout);
    note("lr", s.rate);
    note("text", crc32c(text));
    note("warmup", s.warmup);
    return notes;
}

std::string fixed(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof(text), "%.*f", digits, value);
    return text;
}

std::atomic<bool> interrupted{false};

void train_on(const Settings& s) {
    if (s.threads > 0) set_threads(s.threads);
    const std::string text = read_text_file(s.text_file);
    const auto vocabulary = CharVocabulary::of_text(text);
    const auto ids = vocabulary.encode(text);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.9);
    const TokenWindows training(parts.training, s.context), validation(parts.validation, s.context);
    require(training.count() > 0 && validation.count() > 0, ErrorCode::invalid_argument, s.text_file, ": ", ids.size(),
            " characters are too few: the tenth that is held out must fill a context of ", s.context);

    const Gpt2Config config{
        .vocab_size = vocabulary.size(), .context = s.context, .hidden_size = s.width, .layers = s.layers, .heads = s.heads, .dropout = s.dropout};
    Gpt2 model(config);
    TrainingState state{.generator = Generator(s.seed), .notes = notes_of(s, text)};
    init_gpt(model, state.generator, {.layers = s.layers});
    Optimizer optimizer(parameters_of(model), AdamW{.rate = s.rate, .beta2 = 0.99, .weight_decay = s.decay}, decay_matrices_only);

    TrainerOptions options{.steps = s.steps, .clip = s.clip, .evaluate_every = s.every};
    options.rate = CosineDecay{.peak = s.rate, .warmup = s.warmup, .steps = s.steps, .lowest = s.rate / 10, .stays = true};
    state.notes.merge(settings_of(options));
    CheckpointStore store(s.out + "/checkpoints");
    if (s.resume)
        require(store.load_newest(optimizer, state).has_value(), ErrorCode::io, store.directory(), ": there is no whole checkpoint to go on from");
    std::cout << text.size() << " bytes, " << vocabulary.size() << " characters, " << parts.training.size() << " tokens to learn from, "
              << parts.validation.size() << " held out; " << parameter_count(model) << " parameters, " << threads() << " threads" << std::endl;
    if (state.step >= s.steps) {
        std::cout << "nothing to do: the run is at step " << state.step << std::endl;
        return;
    }

    Progress bar("training", s.steps);
    const auto say = [&](const auto&... words) {
        bar.clear();
        (std::cout << ... << words) << std::endl;
    };
    std::stop_source stop;
    LanguageModelScore score;
    options.stop = stop.get_token();
    options.store = &store;
    options.evaluate = [&](const TrainingState& now) {
        score = evaluate(model, validation, {.most_windows = now.step == s.steps ? 0 : 400});
        return score.mean();
    };
    options.on_step = [&](const StepRecord& r) {
        if (interrupted) stop.request_stop();
        bar.update(r.step, "loss " + fixed(r.loss, 3) + "  " + fixed(static_cast<double>(s.batch * s.context) / r.seconds, 0) + " tokens/s");
        if (r.step % 50 == 0 || r.step == s.steps)
            say("step ", r.step, "  loss ", fixed(r.loss, 4), "  gradient ", fixed(r.gradient_norm, 2), "  rate ", fixed(r.rate, 6));
    };
    options.on_evaluation = [&](const EvaluationRecord& r) { say("step ", r.step, "  validation loss ", fixed(r.measure, 4)); };
    options.on_checkpoint = [&](const TrainingState&, const std::string&) {
        save_model(s.out, model, config_json(config));
        vocabulary.save(s.out + "/vocabulary.json");
    };
    const std::string json_file = s.out + "/log.jsonl";
    std::optional<JsonLog> json;
    std::optional<TensorBoardLog> events;
    if (s.report) options.loggers.push_back(std::ref(json.emplace(json_file, state.step)));
    if (!s.log_dir.empty()) options.loggers.push_back(std::ref(events.emplace(s.log_dir, state.step)));

    const auto result = train(
        optimizer, state, [&](TrainingState& now) { return training.random(s.batch, now.generator); },
        [&](const TokenBatch& b) { return cross_entropy(model(b.inputs, {}, &state.generator), b.targets); }, options,
        [&](const TokenBatch& b) { return first_non_finite_layer(model, b.inputs); });

    if (s.report) write_report(s.out + "/report.html", read_json_log(json_file), {.title = "A GPT on " + s.text_file, .settings = state.notes});
    if (result.end == TrainingEnd::stopped) say("stopped after step ", state.step, "; --resume goes on from there");
    else
        say("validation: loss ", fixed(score.mean(), 4), ", perplexity ", fixed(perplexity(score.nats, score.tokens), 3), ", ",
            fixed(bits_per_token(score.nats, score.tokens), 3), " bits a character over ", score.tokens, " characters");
    say(fixed(1000 * result.seconds / static_cast<double>(state.step - result.first_step), 2), " ms a step, evaluation included; saved in ", s.out);
}

}  // namespace

int main(int argc, char** argv) {
    Settings s;
    CLI::App app("Trains a character-level GPT on a text file.");
    app.add_option("text", s.text_file, "a UTF-8 text file")->required();
    app.add_option("--out", s.out, "directory for the model and the state of the run")->capture_default_str();
    app.add_option("--steps", s.steps, "steps in all")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--layers", s.layers)->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--heads", s.heads)->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--width", s.width)->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--context", s.context, "tokens the model sees")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--batch", s.batch, "windows a step")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--lr", s.rate, "highest learning rate")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--warmup", s.warmup, "steps up to it")->capture_default_str()->check(CLI::NonNegativeNumber);
    app.add_option("--decay", s.decay, "weight decay of the matrices")->capture_default_str()->check(CLI::NonNegativeNumber);
    app.add_option("--dropout", s.dropout)->capture_default_str()->check(CLI::Range(0.0, 0.99));
    app.add_option("--clip", s.clip, "largest norm of the gradient")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--every", s.every, "steps between two evaluations")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--seed", s.seed)->capture_default_str();
    app.add_option("--threads", s.threads, "0: all processors")->capture_default_str()->check(CLI::NonNegativeNumber);
    app.add_option("--log-dir", s.log_dir, "directory for TensorBoard's event files");
    app.add_flag("--report", s.report, "write OUT/log.jsonl, and at the end OUT/report.html");
    app.add_flag("--resume", s.resume, "go on with the run in --out");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    set_log_sink([](void*, LogLevel, std::string_view message) { std::cerr << "train_gpt: " << message << '\n'; });
    std::signal(SIGINT, [](int) { interrupted = true; });
    try {
        train_on(s);
    } catch (const std::exception& error) {
        std::cerr << "train_gpt: " << error.what() << '\n';
        return 1;
    }
}
