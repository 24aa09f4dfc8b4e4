// tercet cross-validate: how well the classes of texts can be told by frozen embeddings and a logistic regression, each text judged by a model that
// has not learnt from it. {"accuracy", "deviation": between folds, "folds": each one's accuracy, "macro_f1", "examples", "seconds"}
#include "../common/progress.hpp"
#include "command.hpp"
#include "models.hpp"
#include "output.hpp"
#include "task_data.hpp"

#include <tercet/data/split.hpp>
#include <tercet/metrics/evaluation_page.hpp>
#include <tercet/ops/index.hpp>
#include <tercet/train/cross_validate.hpp>
#include <tercet/train/logistic_regression.hpp>

#include <chrono>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string model, file, type = "f32", report;
    index_t folds = 5;
    double c = 1;
    std::uint64_t seed = 0;
    bool leave_one_out = false, balanced = false;
};

Folds folds_of(const Settings& s, const LabelledTexts& data) {
    data.require_of_each(2);
    if (s.leave_one_out) return leave_one_out(static_cast<index_t>(data.size()));
    require(s.folds <= static_cast<index_t>(data.size()), ErrorCode::invalid_argument, s.file, ": ", data.size(), " texts do not make ", s.folds,
            " folds");
    return stratified_folds(std::span<const std::int32_t>(data.classes), s.folds, s.seed);
}

void run(const Settings& s) {
    const auto start = std::chrono::steady_clock::now();
    const auto data = read_examples(s.file);
    const auto folds = folds_of(s, data);
    const auto features = load_text_encoder(s.model, narrowed(s.type)).embed(data.texts);  // (texts, C)
    const auto classes = static_cast<index_t>(data.labels.size());

    Evaluation all{s.file, data.labels, data.classes, std::vector<double>(data.size() * data.labels.size()), data.texts};
    Progress bar("folds", folds.count());
    index_t done = 0;
    const auto result = cross_validate(folds, [&](const IndexSplit& parts) {
        const auto rows = [&](const std::vector<index_t>& which) {
            return index_select(features, 0, Tensor<index_t>::copy(which, {static_cast<index_t>(which.size())}));
        };
        std::vector<std::int32_t> known;
        for (const index_t i : parts.training) known.push_back(data.classes[static_cast<std::size_t>(i)]);
        LogisticRegressionOptions how{.c = s.c};
        if (s.balanced) how.class_weights = balanced_class_weights<std::int32_t>(known, classes);
        const auto fitted = LogisticRegression::fit(rows(parts.training), std::span<const std::int32_t>(known), classes, how);
        const auto p = fitted.probabilities(rows(parts.validation));
        index_t right = 0;
        for (std::size_t i = 0; i < parts.validation.size(); ++i) {
            const index_t text = parts.validation[i];
            for (index_t c = 0; c < classes; ++c) all.probabilities[static_cast<std::size_t>(text * classes + c)] = p(static_cast<index_t>(i), c);
            right += all.right(text);
        }
        bar.update(++done);
        return static_cast<double>(right) / static_cast<double>(parts.validation.size());
    });
    bar.clear();
    if (!s.report.empty()) write_file_atomically(s.report, evaluation_page(all, {.title = s.file + ", " + std::to_string(folds.count()) + " folds"}));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto matrix = confusion_matrix(all);
    if (!s.json)
        return print("accuracy  " + text_number(accuracy(matrix)) + "  (± " + text_number(result.deviation()) + " between folds)\nmacro f1  " +
                     text_number(average_score(matrix, Average::macro).f1) + "\n");
    print(JsonObject()
              .add("accuracy", json_number(accuracy(matrix)))
              .add("deviation", json_number(result.deviation()))
              .add("folds", json_numbers(result.measures))
              .add("macro_f1", json_number(average_score(matrix, Average::macro).f1))
              .add("examples", std::to_string(data.size()))
              .add("seconds", json_number(seconds))
              .text() +
          "\n");
}

}  // namespace

void add_cross_validate(CLI::App& app) {
    const auto [command, s] =
        add_command<Settings>(app, "cross-validate", "Measure embeddings by a linear classifier, each text by a model that has not seen it", run);
    command->add_option("--model", s->model, "A model directory of sentence embeddings")->required()->type_name("PATH");
    command->add_option("--file", s->file, "The examples: .tsv (label, tab, text), .csv or .jsonl")->required()->type_name("FILE");
    command->add_option("--folds", s->folds, "Turns of holding out; 5 unless given")->check(CLI::Range(2, 1 << 30))->type_name("N");
    command->add_flag("--leave-one-out", s->leave_one_out, "Each text alone is held out; for small sets");
    command->add_option("--c", s->c, "How much the examples count against small weights; 1 unless given")->check(CLI::PositiveNumber)->type_name("C");
    command->add_flag("--balanced", s->balanced, "A rare label counts for as much as a frequent one");
    command->add_option("--seed", s->seed, "Of the folds")->type_name("N");
    command->add_option("--report", s->report, "Also an HTML page of it")->type_name("FILE.html");
    add_weight_type(*command, s->type);
}

}  // namespace cli
