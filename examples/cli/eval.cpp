// tercet eval: how a model does on examples whose answers are known (task_data.hpp).
//
//   --task classify   {"accuracy", "accuracy_interval": [low, high] of 95 in 100 draws, "balanced_accuracy", "precision", "recall", "f1":
//   macro-averaged,
//                     "mcc", "kappa", "roc_auc", "average_precision", "log_loss", "brier", "calibration_error", "examples", "labels", "confusion":
//                     rows are true, "classes": {label: {"precision", "recall", "f1", "support"}}}; --report FILE.html shows it all, with the hardest
//                     examples. --against DIR judges a second model on the same: "against": {"model", "accuracy", …, "only_first", "only_second",
//                     "p"}
//   --task lm         {"perplexity", "nll", "tokens"}: of what is learnt of the texts
//   --task embed      {"accuracy", "reciprocal_rank", "examples"}: how often a text's own is the nearest of all, and the mean of 1 / its rank
#include "command.hpp"
#include "models.hpp"
#include "output.hpp"
#include "task_data.hpp"

#include <tercet/metrics/evaluation_page.hpp>

#include <array>
#include <filesystem>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string task, model, file, adapter, against, report;
    index_t max_length = 0;
};

// A model in a directory and its judgement of the file's texts.
Evaluation judged(const Settings& s, const std::string& directory) {
    const auto model = load_encoder(ModelFiles::open(directory));
    require(model.task == EncoderTask::sequence_classification, ErrorCode::unsupported, directory, ": the model is no classifier of texts");
    const auto texts = read_examples(s.file, model.labels);
    const auto data = tokenized(texts, load_tokenizer(directory), s.max_length > 0 ? s.max_length : 128);
    const auto path = std::filesystem::path(directory).lexically_normal();
    return judge(model, data, (path.has_filename() ? path : path.parent_path()).filename().string(), texts.texts);
}

JsonObject& add_summary(JsonObject& to, const EvaluationSummary& of) {
    const auto optional = [](const std::optional<double>& value) { return value ? json_number(*value) : std::string("null"); };
    return to.add("accuracy", json_number(of.accuracy))
        .add("accuracy_interval", json_numbers(std::array{of.accuracy_interval.low, of.accuracy_interval.high}))
        .add("balanced_accuracy", json_number(of.balanced_accuracy))
        .add("precision", json_number(of.macro.precision))
        .add("recall", json_number(of.macro.recall))
        .add("f1", json_number(of.macro.f1))
        .add("mcc", json_number(of.matthews_correlation))
        .add("kappa", json_number(of.kappa))
        .add("roc_auc", optional(of.roc_auc))
        .add("average_precision", optional(of.average_precision))
        .add("log_loss", json_number(of.log_loss))
        .add("brier", json_number(of.brier))
        .add("calibration_error", json_number(of.calibration_error));
}

std::string class_json(const ConfusionMatrix& m, index_t c) {
    const auto score = score_of_class(m, c);
    return JsonObject()
        .add("precision", json_number(score.precision))
        .add("recall", json_number(score.recall))
        .add("f1", json_number(score.f1))
        .add("support", std::to_string(score.support))
        .text();
}

std::string classification_json(std::span<const Evaluation> models) {
    const auto& e = models[0];
    const auto m = confusion_matrix(e);
    const auto rows = next_in_order(0, m.classes(), m.classes());
    JsonObject classes, out;
    for (const index_t c : rows) classes.add(e.labels[static_cast<std::size_t>(c)], class_json(m, c));
    add_summary(out, summarise(e))
        .add("examples", std::to_string(m.total()))
        .add("labels", json_list(e.labels, [](const std::string& label) { return quote_json(label); }))
        .add("confusion", json_list(rows, [&](index_t t) { return json_list(rows, [&](index_t p) { return std::to_string(m.at(t, p)); }); }))
        .add("classes", classes.text());
    if (models.size() == 2) {
        const auto test = mcnemar(right_predictions(e), right_predictions(models[1]));
        JsonObject other;
        other.add("model", quote_json(models[1].name));
        add_summary(other, summarise(models[1]))
            .add("only_first", std::to_string(test.only_first))
            .add("only_second", std::to_string(test.only_second))
            .add("p", json_number(test.p));
        out.add("against", other.text());
    }
    return out.text() + "\n";
}

std::string classification_text(std::span<const Evaluation> models) {
    std::string out;
    for (const auto& e : models) {
        const auto m = confusion_matrix(e);
        const auto all = summarise(e);
        if (models.size() > 1) out += e.name + "\n";
        out += "accuracy  " + text_number(all.accuracy) + "  (" + text_number(all.accuracy_interval.low) + " to " +
               text_number(all.accuracy_interval.high) + ")\nmacro f1  " + text_number(all.macro.f1) + "\n\nlabel  precision  recall  f1  examples\n";
        for (index_t c = 0; c < m.classes(); ++c) {
            const auto score = score_of_class(m, c);
            out += e.labels[static_cast<std::size_t>(c)] + "  " + text_number(score.precision) + "  " + text_number(score.recall) + "  " +
                   text_number(score.f1) + "  " + std::to_string(score.support) + "\n";
        }
        if (models.size() > 1) out += "\n";
    }
    return out;
}

void classify(const Settings& s) {
    std::vector<Evaluation> models{judged(s, s.model)};
    if (!s.against.empty()) {
        models.push_back(judged(s, s.against));
        if (models[0].name == models[1].name) models[0].name = s.model, models[1].name = s.against;
    }
    if (!s.report.empty()) write_file_atomically(s.report, evaluation_page(models, {.title = std::filesystem::path(s.file).filename().string()}));
    print(s.json ? classification_json(models) : classification_text(models));
}

void score_texts(const Settings& s) {
    const auto lm = open_causal(s.model, s.adapter, "f32");
    const index_t limit = context(lm.model()), length = std::min<index_t>(s.max_length > 0 ? s.max_length : 256, limit > 0 ? limit : 256);
    const auto texts = read_learnt_texts(s.file, lm.tokenizer(), length, lm.end_tokens().empty() ? -1 : lm.end_tokens()[0]);
    const auto score = evaluate_texts(lm.model(), texts);
    print_perplexity(s, score.nats, score.tokens);
}

void rank_pairs(const Settings& s) {
    const auto files = ModelFiles::open(s.model);
    const auto model = load_encoder_body(files);
    const auto config = sentence_config(files);
    const auto pairs = read_text_pairs(s.file, load_tokenizer(s.model), s.max_length > 0 ? s.max_length : 128);
    const auto count = static_cast<index_t>(pairs.first.size());
    require(count > 0, ErrorCode::invalid_argument, s.file, ": there are no pairs");
    const NoGrad guard;
    const auto embedded = [&](const std::vector<Encoding>& texts) {
        std::vector<Tensor<float>> parts;
        for (index_t begin = 0; begin < count; begin += 64) {
            parts.push_back(normalize(embed_for_training(model, config, texts, next_in_order(begin, 64, count))));
        }
        return concatenate(parts, 0);
    };
    const auto near = matmul(embedded(pairs.first), transpose(embedded(pairs.second)));  // (count, count)
    double right = 0, reciprocal = 0;
    for (index_t i = 0; i < count; ++i) {
        index_t before = 0;
        for (index_t j = 0; j < count; ++j) before += j != i && near(i, j) >= near(i, i);
        right += before == 0;
        reciprocal += 1 / static_cast<double>(before + 1);
    }
    const double n = static_cast<double>(count);
    if (s.json)
        return print(JsonObject()
                         .add("accuracy", json_number(right / n))
                         .add("reciprocal_rank", json_number(reciprocal / n))
                         .add("examples", std::to_string(count))
                         .text() +
                     "\n");
    print("accuracy         " + text_number(right / n) + "\nreciprocal rank  " + text_number(reciprocal / n) + "\n");
}

void run(const Settings& s) {
    if (!s.adapter.empty() && s.task != "lm") bad_usage("--adapter goes with --task lm");
    if ((!s.report.empty() || !s.against.empty()) && s.task != "classify") bad_usage("--report and --against go with --task classify");
    if (s.task == "classify") return classify(s);
    if (s.task == "lm") return score_texts(s);
    rank_pairs(s);
}

}  // namespace

void add_eval(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "eval", "Measure a model by examples whose answers are known", run);
    command->add_option("--task", s->task, "classify, lm or embed")->required()->check(CLI::IsMember({"classify", "lm", "embed"}));
    command->add_option("--model", s->model, "A model directory; for lm a .gguf file too")->required()->type_name("PATH");
    command->add_option("--file", s->file, "The examples: .tsv or .jsonl; for lm any text too")->required()->type_name("FILE");
    command->add_option("--adapter", s->adapter, "lm: a directory with a LoRA adapter")->type_name("DIR");
    command->add_option("--report", s->report, "classify: also an HTML page of it")->type_name("FILE.html");
    command->add_option("--against", s->against, "classify: a second model, judged on the same examples")->type_name("PATH");
    command->add_option("--max-length", s->max_length, "Most tokens of a text; 128, for lm 256, unless given")
        ->check(CLI::Range(1, 1 << 30))
        ->type_name("N");
}

}  // namespace cli
