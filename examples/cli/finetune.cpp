// tercet finetune: teach a model something more, from a file of examples (task_data.hpp).
//
//   --task classify   an encoder tells classes apart                {"steps", "loss", "accuracy", "epoch_s"}
//   --task lm         a language model writes such texts            {"steps", "loss", "validation_loss", "tokens_per_s"}
//   --task embed      an encoder puts near what belongs together    {"steps", "loss", "validation_loss", "epoch_s"}
//
// and "peak_rss_mb" and "end" (finished or stopped). All weights are trained, or those that --train-only names, or an adapter (--lora RANK) over
// weights that stay as the file has them.
// --out becomes a model directory, or an adapter's.
#include "../common/progress.hpp"
#include "command.hpp"
#include "interruption.hpp"
#include "models.hpp"
#include "output.hpp"
#include "task_data.hpp"

#include <tercet/data/split.hpp>
#include <tercet/models/save.hpp>
#include <tercet/nn/lora_file.hpp>

#include <sys/resource.h>
#include <cmath>
#include <iostream>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string task, model, train, test, out;
    index_t epochs = 3, batch = 32, max_length = 0, hold_out = 0;
    double rate = 0, decay = 0.01, warmup = 0, clip = 1;
    bool no_dropout = false, bf16 = false, recompute = false, balanced = false;
    std::vector<std::string> train_only;
    index_t lora = 0;
    double lora_alpha = 0, lora_dropout = 0;
    std::vector<std::string> lora_targets;
    bool rslora = false, dora = false;
    std::uint64_t seed = 0;

    // Weights as the file has them; or, without an adapter, those to be trained on the tape.
    ModelOptions loading() const {
        ModelOptions options;
        options.trainable = lora == 0;
        options.trained = train_only;
        return options;
    }
};

// What every task shares: options, a bar with the loss, and Ctrl-C.
class Run {
public:
    Run(const Settings& s, index_t examples) : bar_("training", s.epochs * ((examples + s.batch - 1) / s.batch)) {
        say(examples, " examples to learn from");
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    template <class Options>
    Options options(const Settings& s, double usual_rate) {
        Options how;
        how.epochs = s.epochs;
        how.batch = s.batch;
        how.rate = s.rate > 0 ? s.rate : usual_rate;
        how.weight_decay = s.decay;
        how.warmup = s.warmup;
        how.clip = s.clip;
        how.dropout = !s.no_dropout;
        how.seed = s.seed;
        how.trainer.stop = stop_.get_token();
        how.trainer.on_step = [this](const StepRecord& r) {
            if (interruption_->seen()) stop_.request_stop();
            bar_.update(r.step, "loss " + text_number(std::round(r.loss * 1e4) / 1e4));
        };
        how.trainer.on_evaluation = [this](const EvaluationRecord& r) {
            say("step ", r.step, "  held out ", text_number(std::round(r.measure * 1e4) / 1e4));
        };
        return how;
    }
    /// The training is over: signals have their own meaning again.
    void end() {
        interruption_.reset();
        bar_.clear();
    }
    template <class... Words>
    void say(const Words&... words) {
        bar_.clear();
        (std::cerr << ... << words) << std::endl;
    }

    /// Prints the result: what is common, and a number of the task's own.
    void report(const Settings& s, const TrainingResult& result, const char* measure, const char* speed_name, double speed) {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        std::vector<std::pair<const char*, double>> numbers{
            {"steps", static_cast<double>(result.first_step) + static_cast<double>(result.steps.size())}};
        if (!result.steps.empty()) numbers.emplace_back("loss", result.steps.back().loss);
        if (!result.evaluations.empty()) numbers.emplace_back(measure, result.evaluations.back().measure);
        numbers.emplace_back(speed_name, speed);
        numbers.emplace_back("peak_rss_mb", std::round(static_cast<double>(usage.ru_maxrss) / 1024));
        JsonObject json;
        std::string lines;
        for (const auto& [name, value] : numbers) {
            json.add(name, json_number(value));
            lines += std::string(name) + "  " + text_number(value) + "\n";
        }
        const std::string end = result.end == TrainingEnd::stopped ? "stopped" : "finished";
        print(s.json ? json.add("end", quote_json(end)).text() + "\n" : lines + "end  " + end + "\n");
    }

private:
    Progress bar_;
    std::stop_source stop_;
    std::optional<Interruption> interruption_{std::in_place};
};

// Where none is named: queries and values. Phi-3's files have them in one matrix with the keys, and so has what PEFT reads.
std::vector<std::string> lora_targets(const Settings& s) {
    if (!s.lora_targets.empty()) return s.lora_targets;
    const std::string type =
        is_gguf(s.model) ? Gguf::open(s.model).string("general.architecture") : ModelFiles::open(s.model).config().get_or("model_type", "");
    return type == "phi3" ? std::vector<std::string>{"qkv_proj"} : std::vector<std::string>{};
}

// The adapter that is asked for, on the model.
template <class Model>
LoraAdapter new_adapter(Model& model, const Settings& s) {
    auto adapter = make_lora(model, {.rank = s.lora,
                                     .alpha = s.lora_alpha > 0 ? s.lora_alpha : 2 * static_cast<double>(s.lora),
                                     .targets = lora_targets(s),
                                     .stabilised = s.rslora,
                                     .dora = s.dora,
                                     .dropout = s.lora_dropout,
                                     .seed = s.seed});
    attach_lora(model, adapter);
    return adapter;
}

// The share of the epochs that this run went through.
double epochs_made(const Settings& s, const TrainingResult& result, std::size_t examples) {
    return static_cast<double>(result.steps.size()) * static_cast<double>(s.batch) / static_cast<double>(examples);
}

void classify(const Settings& s) {
    if (s.lora > 0) bad_usage("--lora goes with --task lm");
    const auto files = ModelFiles::open(s.model);
    const auto tokenizer = load_tokenizer(s.model);
    const index_t length = s.max_length > 0 ? s.max_length : 128;
    const auto texts = read_examples(s.train);
    auto training = tokenized(texts, tokenizer, length);
    ClassifiedTexts held_out{take_every(training.texts, s.hold_out), take_every(training.classes, s.hold_out)};
    if (!s.test.empty()) held_out = tokenized(read_examples(s.test, texts.labels), tokenizer, length);
    auto model = load_encoder(files, NewHead{.labels = texts.labels, .seed = s.seed}, s.loading());
    if (s.bf16) set_activations(model, Activations::bf16);
    Run run(s, static_cast<index_t>(training.texts.size()));
    auto how = run.options<FineTuning>(s, 5e-5);
    if (s.balanced) how.class_weights = balanced_class_weights<std::int32_t>(training.classes, static_cast<index_t>(texts.labels.size()));
    const auto result = train_classifier(model, training, held_out, how);
    run.end();
    save_encoder(s.out, model, files);
    run.report(s, result, "accuracy", "epoch_s", result.seconds / epochs_made(s, result, training.texts.size()));
}

void learn_to_write(const Settings& s) {
    const bool gguf = is_gguf(s.model);
    if (gguf && s.lora == 0) bad_usage("a .gguf is trained with an adapter: --lora RANK");
    auto lm = load_causal_lm(s.model, s.loading());
    CausalModel model = lm.model();
    const index_t limit = context(model), length = std::min<index_t>(s.max_length > 0 ? s.max_length : 256, limit > 0 ? limit : 256);
    const TokenId end = lm.end_tokens().empty() ? -1 : lm.end_tokens()[0];
    auto training = read_learnt_texts(s.train, lm.tokenizer(), length, end);
    auto held_out = take_every(training, s.hold_out);
    if (!s.test.empty()) held_out = read_learnt_texts(s.test, lm.tokenizer(), length, end);
    LoraAdapter adapter;
    if (s.lora > 0) adapter = new_adapter(model, s);
    if (s.bf16) set_activations(model, Activations::bf16);
    Run run(s, static_cast<index_t>(training.size()));
    auto how = run.options<TextTraining>(s, s.lora > 0 ? 2e-4 : 5e-5);
    if (s.lora > 0) how.parameters = parameters_of(adapter);
    how.recompute = s.recompute;
    const auto result = train_on_texts(model, training, held_out, how);
    run.end();
    if (s.lora > 0) save_lora(s.out, adapter, {.base_model = s.model});
    else save_model(s.out, model, ModelFiles::open(s.model));
    double tokens = 0, seconds = 0;
    for (const auto& text : training) tokens += static_cast<double>(text.size());
    for (const auto& step : result.steps) seconds += step.seconds;
    run.report(s, result, "validation_loss", "tokens_per_s", tokens * epochs_made(s, result, training.size()) / seconds);
}

void learn_embeddings(const Settings& s) {
    if (s.lora > 0) bad_usage("--lora goes with --task lm");
    const auto files = ModelFiles::open(s.model);
    const auto tokenizer = load_tokenizer(s.model);
    const auto config = sentence_config(files);
    const index_t length = s.max_length > 0 ? s.max_length : 128;
    auto pairs = read_text_pairs(s.train, tokenizer, length);
    TextPairs held_out{take_every(pairs.first, s.hold_out), take_every(pairs.second, s.hold_out)};
    if (!s.test.empty()) held_out = read_text_pairs(s.test, tokenizer, length);
    auto model = load_encoder_body(files, s.loading());
    if (s.bf16) set_activations(model, Activations::bf16);
    Run run(s, static_cast<index_t>(pairs.first.size()));
    const auto result = train_embeddings(model, config, pairs, held_out, run.options<EmbeddingTraining>(s, 2e-5));
    run.end();
    save_encoder(s.out, model, files);
    run.report(s, result, "validation_loss", "epoch_s", result.seconds / epochs_made(s, result, pairs.first.size()));
}

void run(const Settings& s) {
    set_log_sink([](void*, LogLevel, std::string_view message) { std::cerr << "tercet: " << message << '\n'; });
    if (!s.test.empty() && s.hold_out > 0) bad_usage("--test and --hold-out exclude each other");
    if (s.balanced && s.task != "classify") bad_usage("--balanced goes with --task classify");
    if (s.lora > 0 && !s.train_only.empty()) bad_usage("--lora trains the adapter alone; it goes without --train-only");
    if (s.task == "classify") return classify(s);
    if (s.task == "lm") return learn_to_write(s);
    learn_embeddings(s);
}

}  // namespace

void add_finetune(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "finetune", "Teach a model something more", run);
    const auto size = [&command = command](const char* name, auto& value, const char* what) {
        return command->add_option(name, value, what)->check(CLI::Range(1, 1 << 30))->type_name("N");
    };
    const auto number = [&command = command](const char* name, double& value, const char* what) {
        return command->add_option(name, value, what)->check(CLI::NonNegativeNumber)->type_name("X");
    };
    command->add_option("--task", s->task, "classify, lm or embed")->required()->check(CLI::IsMember({"classify", "lm", "embed"}));
    command->add_option("--model", s->model, "A model directory; for lm with an adapter a .gguf file too")->required()->type_name("PATH");
    command->add_option("--train", s->train, "The examples: .tsv, .csv or .jsonl; for lm any text too")->required()->type_name("FILE");
    command->add_option("--test", s->test, "Examples to measure by after each epoch")->type_name("FILE");
    size("--hold-out", s->hold_out, "Hold every N-th of the examples out for that");
    command->add_option("--out", s->out, "Directory for what becomes of the model")->required()->type_name("DIR");
    size("--epochs", s->epochs, "Passes over the examples")->capture_default_str();
    size("--batch", s->batch, "Examples a step")->capture_default_str();
    size("--max-length", s->max_length, "Most tokens of a text; 128, for lm 256, unless given");
    number("--lr", s->rate, "Highest learning rate; 5e-5 unless given, for embed 2e-5, with an adapter 2e-4");
    number("--warmup", s->warmup, "Share of the steps up to it")->check(CLI::Range(0.0, 1.0));
    number("--decay", s->decay, "Weight decay of the matrices")->capture_default_str();
    number("--clip", s->clip, "Largest norm of the gradient; 0: any")->capture_default_str();
    command->add_flag("--no-dropout", s->no_dropout, "Leave out the dropout that the model's config and the adapter ask for");
    command->add_flag("--balanced", s->balanced, "classify: a rare class counts for as much as a frequent one");
    command->add_option("--train-only", s->train_only, "Train the weights with such names alone, as 'classifier*'; may be given several times")
        ->type_name("PATTERN");
    size("--lora", s->lora, "Train an adapter of this rank, over weights that stay as the file has them");
    number("--lora-alpha", s->lora_alpha, "Its scale; twice the rank unless given");
    number("--lora-dropout", s->lora_dropout, "The share of what goes into it that is dropped in training");
    command
        ->add_option("--lora-target", s->lora_targets,
                     "A layer that it is for, as q_proj; may be given several times; queries and values unless given")
        ->type_name("NAME");
    command->add_flag("--rslora", s->rslora, "Scale by the root of the rank");
    command->add_flag("--dora", s->dora, "Learn magnitudes too");
    command->add_option("--seed", s->seed, "Of all that is drawn")->capture_default_str()->type_name("N");
    command->add_flag("--bf16", s->bf16, "Round the operands of matrix products to bfloat16");
    command->add_flag("--recompute", s->recompute, "lm: keep the input of each block alone, and compute the rest again in backward");
}

}  // namespace cli
