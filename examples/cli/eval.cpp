// tercet eval: how a model does on examples whose answers are known (task_data.hpp).
//
//   --task classify   {"accuracy", "precision", "recall", "f1": macro-averaged, "examples", "labels", "confusion": rows are true, "classes": {label:
//                     {"precision", "recall", "f1", "support"}}}
//   --task lm         {"perplexity", "nll", "tokens"}: of what is learnt of the texts
//   --task embed      {"accuracy", "reciprocal_rank", "examples"}: how often a text's own is the nearest of all, and the mean of 1 / its rank
#include "command.hpp"
#include "models.hpp"
#include "output.hpp"
#include "task_data.hpp"

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string task, model, file, adapter;
    index_t max_length = 0;
};

void classify(const Settings& s) {
    const auto model = load_encoder(ModelFiles::open(s.model));
    require(model.task == EncoderTask::sequence_classification, ErrorCode::unsupported, s.model, ": the model is no classifier of texts");
    const auto data = tokenized(read_labelled_texts(s.file, model.labels), load_tokenizer(s.model), s.max_length > 0 ? s.max_length : 128);
    const auto m = evaluate_classifier(model, data);
    const auto macro = average_score(m, Average::macro);
    if (!s.json) {
        std::string out =
            "accuracy  " + text_number(accuracy(m)) + "\nmacro f1  " + text_number(macro.f1) + "\n\nlabel  precision  recall  f1  examples\n";
        for (index_t c = 0; c < m.classes(); ++c) {
            const auto score = score_of_class(m, c);
            out += model.labels[static_cast<std::size_t>(c)] + "  " + text_number(score.precision) + "  " + text_number(score.recall) + "  " +
                   text_number(score.f1) + "  " + std::to_string(score.support) + "\n";
        }
        return print(out);
    }
    JsonObject classes;
    const auto rows = next_in_order(0, m.classes(), m.classes());
    for (const index_t c : rows) {
        const auto score = score_of_class(m, c);
        classes.add(model.labels[static_cast<std::size_t>(c)], JsonObject()
                                                                   .add("precision", json_number(score.precision))
                                                                   .add("recall", json_number(score.recall))
                                                                   .add("f1", json_number(score.f1))
                                                                   .add("support", std::to_string(score.support))
                                                                   .text());
    }
    const auto confusion = json_list(rows, [&](index_t t) { return json_list(rows, [&](index_t p) { return std::to_string(m.at(t, p)); }); });
    print(JsonObject()
              .add("accuracy", json_number(accuracy(m)))
              .add("precision", json_number(macro.precision))
              .add("recall", json_number(macro.recall))
              .add("f1", json_number(macro.f1))
              .add("examples", std::to_string(m.total()))
              .add("labels", json_list(model.labels, [](const std::string& label) { return quote_json(label); }))
              .add("confusion", confusion)
              .add("classes", classes.text())
              .text() +
          "\n");
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
    command->add_option("--max-length", s->max_length, "Most tokens of a text; 128, for lm 256, unless given")
        ->check(CLI::Range(1, 1 << 30))
        ->type_name("N");
}

}  // namespace cli
