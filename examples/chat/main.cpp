// A conversation with an instruction-tuned model, in its own chat template. What was read of it stays in the session: each turn reads what is new
// alone.
//
//   chat MODEL [SYSTEM]           MODEL: a .gguf file, or a model directory; SYSTEM: what the model is told about its part. A line is a message
#include <tercet/tercet.hpp>

#include <iostream>

using namespace tercet;

namespace {

void talk(const std::string& path, const std::string& system) {
    const auto llm = load_causal_lm(path);
    std::vector<ChatMessage> messages;
    if (!system.empty()) messages.push_back({"system", system});
    Session session(llm.model());
    for (std::string line; std::cout << "> " << std::flush && std::getline(std::cin, line);) {
        messages.push_back({"user", line});
        const auto ids = llm.tokenizer().encode_ids(render_chat(llm.tokenizer(), messages), false);
        Generation answer(std::move(session), llm.tokenizer(), llm.end_tokens(), ids, {.max_tokens = 256, .temperature = 0.7, .top_p = 0.9});
        std::string text;
        for (const auto& piece : answer) {
            text += piece;
            std::cout << piece << std::flush;
        }
        std::cout << '\n';
        messages.push_back({"assistant", text});
        session = std::move(answer).take_session();
    }
    std::cout << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: chat MODEL [SYSTEM]\n";
        return 2;
    }
    try {
        talk(argv[1], argc > 2 ? argv[2] : "");
    } catch (const std::exception& error) {
        std::cerr << "chat: " << error.what() << '\n';
        return 1;
    }
}
