// Fine-tunes a language model on a text: it begins with what it has learnt before (transfer learning; Howard & Ruder 2018) and takes small steps.
//
//   finetune MODEL TEXT OUT [STEPS]        MODEL: a directory from a hub, or one of train_gpt's; OUT: another, for what becomes of it
//
// All weights are trained. What the model makes of held-out text is shown before and after: where it gets worse again, it has begun to learn the
// text by heart, and the run ends (early stopping).
#include <tercet/tercet.hpp>

#include <iostream>

using namespace tercet;

namespace {

void finetune(const std::string& from, const std::string& file, const std::string& out, index_t steps) {
    const auto files = ModelFiles::open(from);
    auto model = load_causal_model(files, {.trainable = true});
    const auto tokenizer = load_tokenizer(from);
    const auto ids = tokenizer.encode_ids(read_utf8_file(file), false);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.9);
    const index_t window = std::min<index_t>(128, context(model));
    const TokenWindows training(parts.training, window), held_out(parts.validation, window);
    require(training.count() > 0 && held_out.count() > 0, ErrorCode::invalid_argument, file, ": ", ids.size(),
            " tokens are too few: a tenth of them must fill a window of ", window);
    const auto logits = [&](const Tensor<TokenId>& tokens) { return forward(model, tokens); };
    const auto measure = [&] { return evaluate(logits, held_out, {.batch = 4, .most_windows = 50}).mean(); };
    std::cout << ids.size() << " tokens; perplexity of held-out text before: " << std::exp(measure()) << std::endl;

    // Small steps that fade: what the model knows is to be bent, not broken.
    Optimizer optimizer(parameters_of(model), AdamW{.rate = 5e-5, .weight_decay = 0.01}, decay_matrices_only);
    TrainingState state{.generator = Generator(1)};
    train(
        optimizer, state, [&](TrainingState& now) { return training.random(4, now.generator); },
        [&](const TokenBatch& batch) { return cross_entropy(logits(batch.inputs), batch.targets); },
        {.steps = steps,
         .rate = LinearDecay{.peak = 5e-5, .warmup = steps / 10, .steps = steps + 1},
         .clip = 1,
         .evaluate = [&](const TrainingState&) { return measure(); },
         .evaluate_every = std::max<index_t>(steps / 10, 1),
         .early_stopping = EarlyStopping{.patience = 3},
         .on_evaluation = [](const EvaluationRecord& r) { std::cout << "step " << r.step << "  perplexity " << std::exp(r.measure) << std::endl; }});

    save_model(out, model, files);
    std::cout << "saved in " << out << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "usage: finetune MODEL TEXT OUT [STEPS]\n";
        return 2;
    }
    try {
        finetune(argv[1], argv[2], argv[3], argc > 4 ? std::atoi(argv[4]) : 100);
    } catch (const std::exception& error) {
        std::cerr << "finetune: " << error.what() << '\n';
        return 1;
    }
}
