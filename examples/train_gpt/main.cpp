// Trains a character-level GPT on a text file, and saves a directory that sample_gpt writes new text from.
//
//   train_gpt tinyshakespeare.txt --out shakespeare
//   train_gpt tinyshakespeare.txt --out shakespeare --resume       # goes on where the run stopped
//
// The first 90 % of the text are learnt from, the rest is held out. A run that is stopped and resumed with the same options ends with the same
// bits as one that was never stopped.
#include "../common/progress.hpp"

#include <tercet/data/split.hpp>
#include <tercet/metrics/language_model.hpp>
#include <tercet/models/config.hpp>
#include <tercet/nn/init.hpp>
#include <tercet/text/char_level.hpp>
#include <tercet/train/checkpoint.hpp>
#include <tercet/train/clip.hpp>
#include <tercet/train/evaluate.hpp>
#include <tercet/train/schedule.hpp>

#include <CLI/CLI.hpp>

#include <iostream>

using namespace tercet;

namespace {

struct Settings {
    std::string text_file, out = "gpt";
    index_t steps = 1000, layers = 4, heads = 4, width = 128, context = 64, batch = 12, warmup = 100, every = 250;
    double rate = 3e-3, decay = 0.1, dropout = 0, clip = 1;
    std::uint64_t seed = 1337;
    bool resume = false;
    int threads = 0;
};

// What the numbers of a run depend on, besides the model's own config: a resumed run must be given the same.
std::map<std::string, std::string> notes_of(const Settings& s, std::size_t tokens) {
    std::map<std::string, std::string> notes;
    const auto note = [&](const char* key, const auto& value) {
        std::ostringstream text;
        text << value;
        notes[key] = text.str();
    };
    note("batch", s.batch);
    note("clip", s.clip);
    note("decay", s.decay);
    note("dropout", s.dropout);
    note("lr", s.rate);
    note("tokens", tokens);
    note("warmup", s.warmup);
    return notes;
}

std::string fixed(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof(text), "%.*f", digits, value);
    return text;
}

void train(const Settings& s) {
    if (s.threads > 0) set_threads(s.threads);
    const std::string vocabulary_file = s.out + "/vocabulary.json", training_file = s.out + "/training.safetensors";
    const std::string text = read_text_file(s.text_file);
    const auto vocabulary = CharVocabulary::of_text(text);
    const auto ids = vocabulary.encode(text);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.9);

    const Gpt2Config config{
        .vocab_size = vocabulary.size(), .context = s.context, .hidden_size = s.width, .layers = s.layers, .heads = s.heads, .dropout = s.dropout};
    Gpt2 model(config);
    TrainingState state{.generator = Generator(s.seed), .notes = notes_of(s, ids.size())};
    init_gpt(model, state.generator, {.layers = s.layers});
    Optimizer optimizer(parameters_of(model), AdamW{.rate = s.rate, .beta2 = 0.99, .weight_decay = s.decay}, decay_matrices_only);
    if (s.resume) {
        const auto given = state.notes;
        require(CharVocabulary::load(vocabulary_file) == vocabulary, ErrorCode::invalid_argument, s.text_file, ": not the characters of ",
                vocabulary_file);
        state = load_training(training_file, optimizer);
        for (const auto& [key, value] : given)
            require(state.notes[key] == value, ErrorCode::invalid_argument, training_file, ": the run has ", key, " ", state.notes[key], ", not ",
                    value);
    }

    const TokenWindows training(parts.training, s.context), validation(parts.validation, s.context);
    require(training.count() > 0 && validation.count() > 0, ErrorCode::invalid_argument, s.text_file, ": ", ids.size(),
            " characters are too few: the tenth that is held out must fill a context of ", s.context);
    std::error_code error;
    std::filesystem::create_directories(s.out, error);  // what cannot be written should fail now, not after the first steps
    require(!error, ErrorCode::io, s.out, ": cannot make the directory: ", error.message());

    const CosineDecay schedule{.peak = s.rate, .warmup = s.warmup, .steps = s.steps, .lowest = s.rate / 10, .stays = true};
    std::cout << text.size() << " bytes, " << vocabulary.size() << " characters, " << parts.training.size() << " tokens to learn from, "
              << parts.validation.size() << " held out; " << parameter_count(model) << " parameters, " << threads() << " threads" << std::endl;

    Progress bar("training", s.steps);
    const auto start = std::chrono::steady_clock::now();
    const std::int64_t first = state.step;
    LanguageModelScore score;
    while (state.step < s.steps) {
        optimizer.set_rate(schedule(state.step + 1));
        const auto batch = training.random(s.batch, state.generator);
        const auto loss = cross_entropy(model(batch.inputs, {}, &state.generator), batch.targets);
        loss.backward();
        const double norm = clip_gradient_norm(optimizer.parameters(), s.clip);
        optimizer.step();
        optimizer.zero_grad();
        ++state.step;

        const bool last = state.step == s.steps;
        bar.update(state.step, "loss " + fixed(loss.item(), 3));
        if (state.step % 50 == 0 || last) {
            bar.clear();
            std::cout << "step " << state.step << "  loss " << fixed(loss.item(), 4) << "  gradient " << fixed(norm, 2) << "  rate "
                      << fixed(optimizer.rate(), 6) << std::endl;
        }
        if (state.step % s.every == 0 || last) {
            score = evaluate(model, validation, {.most_windows = last ? 0 : 400});
            save_model(s.out, model, config_json(config));
            vocabulary.save(vocabulary_file);
            save_training(training_file, optimizer, state);
            bar.clear();
            std::cout << "step " << state.step << "  validation loss " << fixed(score.mean(), 4) << std::endl;
        }
    }
    bar.clear();
    if (state.step == first) {
        std::cout << "nothing to do: the run is at step " << first << std::endl;
        return;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::cout << "validation: loss " << fixed(score.mean(), 4) << ", perplexity " << fixed(perplexity(score.nats, score.tokens), 3) << ", "
              << fixed(bits_per_token(score.nats, score.tokens), 3) << " bits a character over " << score.tokens << " characters\n"
              << fixed(1000 * seconds / static_cast<double>(state.step - first), 2) << " ms a step, evaluation included; saved in " << s.out
              << std::endl;
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
    app.add_flag("--resume", s.resume, "go on with the run in --out");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        train(s);
    } catch (const std::exception& error) {
        std::cerr << "train_gpt: " << error.what() << '\n';
        return 1;
    }
}
