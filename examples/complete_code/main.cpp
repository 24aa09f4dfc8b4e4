// Completes code: a small GPT learns from a tree of C++ headers, those of tercet itself, and goes on where a line is left.
//
//   complete_code DIRECTORY MODEL [STEPS]       learns from the .hpp files under DIRECTORY, which takes minutes; MODEL is the directory for the model
//   complete_code MODEL                         completes: what stands on standard input is the beginning
//
// The tokens are byte pairs learnt from the same code, so that `const`, `std::` and four spaces are one token each. Completion guesses several tokens
// at once from what stands before (prompt look-up, Saxena 2023), since code repeats itself, and looks at them all in one pass: the same text, sooner.
#include <tercet/tercet.hpp>

#include <filesystem>
#include <iostream>
#include <iterator>

using namespace tercet;

namespace {

std::string code_under(const std::string& directory) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        if (entry.path().extension() == ".hpp") paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());  // the same order everywhere
    std::string all;
    for (const auto& path : paths) all += read_utf8_file(path);
    return all;
}

void learn(const std::string& from, const std::string& directory, index_t steps) {
    const std::string text = code_under(from);
    WordCounts words;
    words.add(text);
    const auto tokenizer = byte_level_tokenizer(learn_bpe(words, {.vocab_size = 2048, .min_frequency = 2, .all_bytes = true}));
    const auto ids = tokenizer.encode_ids(text);
    const auto parts = contiguous_split(std::span<const TokenId>(ids), 0.95);
    const TokenWindows training(parts.training, 128), held_out(parts.validation, 128);
    require(training.count() > 0 && held_out.count() > 0, ErrorCode::invalid_argument, from, ": the code is too short: ", ids.size(), " tokens");

    const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 512, .hidden_size = 192, .layers = 4, .heads = 6};
    Gpt2 model(config);
    TrainingState state{.generator = Generator(7)};
    init_gpt(model, state.generator, {.layers = config.layers});
    Optimizer optimizer(parameters_of(model), AdamW{.weight_decay = 0.1}, decay_matrices_only);
    std::cout << text.size() << " bytes of code, " << ids.size() << " tokens, " << parameter_count(model) << " parameters" << std::endl;
    train(
        optimizer, state, [&](TrainingState& now) { return training.random(8, now.generator); },
        [&](const TokenBatch& batch) { return cross_entropy(model(batch.inputs), batch.targets); },
        {.steps = steps,
         .rate = CosineDecay{.peak = 2e-3, .warmup = steps / 10, .steps = steps, .lowest = 2e-4},
         .clip = 1,
         .evaluate = [&](const TrainingState&) { return evaluate(model, held_out, {.most_windows = 64}).mean(); },
         .evaluate_every = std::max<index_t>(steps / 5, 1),
         .on_evaluation =
             [](const EvaluationRecord& r) {
                 std::cout << "step " << r.step << "  perplexity of held-out code " << std::exp(r.measure) << std::endl;
             }});
    save_model(directory, model, config_json(config));
    save_tokenizer(directory, tokenizer);
}

void complete(const std::string& directory) {
    const auto llm = load_causal_lm(directory);
    const std::string beginning{std::istreambuf_iterator<char>(std::cin), {}};
    std::cout << beginning;
    for (const auto& piece : llm.generate(beginning, {.max_tokens = 100, .temperature = 0, .lookup = 6, .slide_context = true}))
        std::cout << piece << std::flush;
    std::cout << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: complete_code DIRECTORY MODEL [STEPS], or MODEL\n";
        return 2;
    }
    try {
        if (argc > 2) learn(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 1000);
        else complete(argv[1]);
    } catch (const std::exception& error) {
        std::cerr << "complete_code: " << error.what() << '\n';
        return 1;
    }
}
