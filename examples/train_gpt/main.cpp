// Trains a small GPT on a text file and lets it write: a language model's life on one page.
//
//   train_gpt TEXT [STEPS] [VOCABULARY] [DIRECTORY]
//
// Without a VOCABULARY the tokens are the characters (bytes) of the text; with one, byte pairs are merged until there are so many tokens
// (Sennrich et al. 2016). The model is that of Radford et al. 2019, some 0.8 million parameters; it is saved in DIRECTORY, where generate_text
// and the tercet command load it from. A run that was stopped goes on from its newest checkpoint. `tercet train` is the same with every option.
#include <tercet/tercet.hpp>

#include <iostream>

using namespace tercet;

namespace {

void train_on(const std::string& file, index_t steps, TokenId vocabulary, const std::string& directory) {
    // The text as tokens: nine tenths to learn from, the rest to see what was learnt.
    const std::string text = read_utf8_file(file);
    WordCounts words;
    words.add(text);
    const auto tokenizer = byte_level_tokenizer(learn_bpe(words, {.vocab_size = vocabulary, .min_frequency = 2, .all_bytes = vocabulary > 0}));
    const auto ids = tokenizer.encode_ids(text);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.9);
    const TokenWindows training(parts.training, 64), held_out(parts.validation, 64);
    require(training.count() > 0 && held_out.count() > 0, ErrorCode::invalid_argument, file, ": ", ids.size(),
            " tokens are too few: a tenth of them must fill a window of 64");

    // The model, its first weights, and the rule by which they change.
    const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 64, .hidden_size = 128, .layers = 4, .heads = 4};
    Gpt2 model(config);
    TrainingState state{.generator = Generator(1337), .notes = {{"text", std::to_string(crc32c(text))}}};
    init_gpt(model, state.generator, {.layers = config.layers});
    Optimizer optimizer(parameters_of(model), AdamW{.beta2 = 0.99, .weight_decay = 0.1}, decay_matrices_only);

    // Steps: twelve random windows, how badly each next token was foretold, a step against the gradient of that.
    CheckpointStore store(directory + "/checkpoints");
    store.load_newest(optimizer, state);
    std::cout << ids.size() << " tokens of " << config.vocab_size << ", " << parameter_count(model) << " parameters; from step " << state.step
              << std::endl;
    const auto next_batch = [&](TrainingState& now) { return training.random(12, now.generator); };
    const auto loss = [&](const TokenBatch& batch) { return cross_entropy(model(batch.inputs), batch.targets); };
    train(optimizer, state, next_batch, loss,
          {.steps = steps,
           .rate = CosineDecay{.peak = 3e-3, .warmup = 100, .steps = steps, .lowest = 3e-4, .stays = true},
           .clip = 1,
           .evaluate = [&](const TrainingState&) { return evaluate(model, held_out).mean(); },
           .evaluate_every = 250,
           .store = &store,
           .on_evaluation =
               [](const EvaluationRecord& r) {
                   std::cout << "step " << r.step << "  loss on held-out text " << r.measure << ", perplexity " << std::exp(r.measure) << std::endl;
               }});
    save_model(directory, model, config_json(config));
    save_tokenizer(directory, tokenizer);

    // And now it writes.
    for (const auto& piece : load_causal_lm(directory).generate("\n", {.max_tokens = 300, .slide_context = true})) std::cout << piece << std::flush;
    std::cout << "\n\nsaved in " << directory << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: train_gpt TEXT [STEPS] [VOCABULARY] [DIRECTORY]\n";
        return 2;
    }
    try {
        train_on(argv[1], argc > 2 ? std::atoi(argv[2]) : 1000, argc > 3 ? std::atoi(argv[3]) : 0, argc > 4 ? argv[4] : "gpt");
    } catch (const Error& error) {
        std::cerr << "train_gpt: " << error.what() << '\n';
        return 1;
    }
}
