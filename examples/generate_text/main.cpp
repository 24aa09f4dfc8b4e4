// Generates text with a language model, token by token.
//
//   generate_text MODEL [PROMPT] [MAX_TOKENS]       MODEL: a .gguf file, or a model directory from a hub
#include <tercet/tercet.hpp>

#include <iostream>

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: generate_text MODEL [PROMPT] [MAX_TOKENS]\n";
        return 2;
    }
    const std::string prompt = argc > 2 ? argv[2] : "Once upon a time, in a small village by the sea,";
    const int max_tokens = argc > 3 ? std::atoi(argv[3]) : 48;
    try {
        const auto llm = tercet::load_causal_lm(argv[1]);
        std::cout << prompt << std::flush;
        auto generation = llm.generate(prompt, {.max_tokens = max_tokens, .temperature = 0});
        for (const auto& piece : generation) std::cout << piece << std::flush;
        std::cout << "\n\n" << generation.ids().size() << " tokens, " << static_cast<int>(generation.tokens_per_s()) << " a second\n";
    } catch (const tercet::Error& error) {
        std::cerr << "generate_text: " << error.what() << '\n';
        return 1;
    }
}
