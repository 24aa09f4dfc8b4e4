// Writes verse with a small GPT that is a part of this program: one file to copy anywhere, nothing to download.
//
//   verse [PROMPT] [CHARACTERS] [SEED]
//
// model.gguf, in this folder, was trained on Shakespeare's plays by `tercet train`; training.md says how. tercet_embed_model() puts it into the
// program (examples/CMakeLists.txt), as it does with any file.
#include <tercet/generate/load.hpp>
#include <tercet_embedded/model.hpp>

#include <iostream>

int main(int argc, char** argv) {
    const std::string prompt = argc > 1 ? argv[1] : "ROMEO:\n";
    const int characters = argc > 2 ? std::atoi(argv[2]) : 400;
    const auto seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 7;
    try {
        const auto llm = tercet::load_causal_lm(tercet::embedded::model());
        std::cout << prompt << std::flush;
        auto verse = llm.generate(prompt, {.max_tokens = characters, .temperature = 0.7, .seed = seed, .slide_context = true});
        for (const auto& piece : verse) std::cout << piece << std::flush;
        std::cout << "\n\n" << verse.ids().size() << " characters, " << static_cast<int>(verse.tokens_per_s()) << " a second\n";
    } catch (const tercet::Error& error) {
        std::cerr << "verse: " << error.what() << '\n';
        return 1;
    }
}
