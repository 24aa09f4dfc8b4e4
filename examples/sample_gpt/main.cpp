// Writes new text with a character-level GPT that train_gpt has trained, one character at a time.
//
//   sample_gpt shakespeare --prompt "ROMEO:" --tokens 300
//
// Keys and values of the characters so far are kept in a cache, so each new one costs one pass over one position. Positions in a GPT-2
// are learnt and end with its context: when that is full, the model starts anew from the last half of what it has written.
#include <tercet/generate/sampler.hpp>
#include <tercet/models/auto.hpp>
#include <tercet/text/char_level.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <iostream>

using namespace tercet;

namespace {

struct Settings {
    std::string directory, prompt = "\n";
    index_t tokens = 300;
    SamplerOptions sampler{.temperature = 0.8};
    int threads = 0;
    bool timing = false;
};

void sample(const Settings& s) {
    if (s.threads > 0) set_threads(s.threads);
    check(s.sampler);
    const auto vocabulary = CharVocabulary::load(s.directory + "/vocabulary.json");
    const CausalModel model = load_causal_model(ModelFiles::open(s.directory));
    require(vocab_size(model) == vocabulary.size(), ErrorCode::shape_mismatch, s.directory, ": the model knows ", vocab_size(model),
            " characters, vocabulary.json has ", vocabulary.size());

    std::vector<TokenId> text = vocabulary.encode(s.prompt);
    require(!text.empty(), ErrorCode::invalid_argument, "the prompt is empty");
    Generator generator(s.sampler.seed);
    const NoGrad guard;
    const auto most = static_cast<std::size_t>(context(model));
    KvCache cache(layers(model));
    std::size_t seen = text.size() > most ? text.size() - most : 0;  // the cache holds the text up to here
    std::cout << s.prompt << std::flush;
    const auto start = std::chrono::steady_clock::now();
    for (index_t i = 0; i < s.tokens; ++i) {
        if (cache.size() == context(model)) {
            cache.truncate(0);
            seen = text.size() - std::max<std::size_t>(most / 2, 1);
        }
        const auto fresh = Tensor<TokenId>::copy(std::span<const TokenId>(text).subspan(seen), {1, static_cast<index_t>(text.size() - seen)});
        const auto logits = forward(model, fresh, {.cache = &cache, .last_only = true}).contiguous();  // (1, 1, V)
        seen = text.size();
        text.push_back(sample_token(logits.span(), s.sampler, text, generator));
        std::cout << vocabulary.decode({&text.back(), 1}) << std::flush;
    }
    std::cout << '\n';
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (s.timing) std::cerr << static_cast<double>(s.tokens) / seconds << " characters a second\n";
}

}  // namespace

int main(int argc, char** argv) {
    Settings s;
    CLI::App app("Writes text with a model that train_gpt has trained.");
    app.add_option("directory", s.directory, "what train_gpt --out was")->required();
    app.add_option("--prompt", s.prompt, "how the text begins")->default_str("a newline");
    app.add_option("--tokens", s.tokens, "characters to write")->capture_default_str()->check(CLI::NonNegativeNumber);
    app.add_option("--temperature", s.sampler.temperature, "0: always the most likely character")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    app.add_option("--top-k", s.sampler.top_k, "among so many of the most likely; 0: all")->capture_default_str()->check(CLI::NonNegativeNumber);
    app.add_option("--seed", s.sampler.seed)->capture_default_str();
    app.add_option("--threads", s.threads, "0: all processors")->capture_default_str()->check(CLI::NonNegativeNumber);
    app.add_flag("--timing", s.timing, "say at the end how fast it was");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        sample(s);
    } catch (const std::exception& error) {
        std::cerr << "sample_gpt: " << error.what() << '\n';
        return 1;
    }
}
