// tercet explain: a model on one text, as an HTML page: attention, expectations, what a result is owed to, neurons. {"file", "tokens"}
#include "command.hpp"
#include "models.hpp"
#include "output.hpp"

#include <tercet/data/text_file.hpp>
#include <tercet/explain/page.hpp>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string model, text, file, out, title;
    index_t steps = 32;
};

// The text's tokens, and the page.
std::pair<std::size_t, std::string> explained(const Settings& s, const std::string& text) {
    explain::PageOptions options;
    std::size_t end = std::min<std::size_t>(text.size(), 60);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
    options.title = s.title.empty() ? "\"" + text.substr(0, end) + (end < text.size() ? "…\"" : "\"") : s.title;
    options.gradients.steps = s.steps;
    if (!is_gguf(s.model)) {
        const auto files = ModelFiles::open(s.model);
        if (is_encoder(files)) {
            const auto tokenizer = load_tokenizer(s.model);
            return {tokenizer.encode(text).size(), explain::page(load_encoder(files), tokenizer, text, options)};
        }
    }
    const auto lm = open_causal(s.model, "", "f32");
    const auto ids = lm.tokenizer().encode_ids(text);
    return {ids.size(), explain::page(lm.model(), lm.tokenizer(), ids, options)};
}

void run(const Settings& s) {
    if (s.text.empty() == s.file.empty()) bad_usage("one of --text and --file is required");
    const auto [tokens, page] = explained(s, s.file.empty() ? s.text : read_utf8_file(s.file));
    write_file_atomically(s.out, page);
    if (s.json) print(JsonObject().add("file", quote_json(s.out)).add("tokens", std::to_string(tokens)).text() + "\n");
    else print(s.out + "\n");
}

}  // namespace

void add_explain(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "explain", "Show what a model does with a text, as an HTML page", run);
    command->add_option("--model", s->model, "A model directory or a .gguf file")->required()->type_name("PATH");
    command->add_option("--text", s->text, "The text: some sentences at most")->type_name("TEXT");
    command->add_option("--file", s->file, "A file with the text")->type_name("PATH");
    command->add_option("--title", s->title, "The page's title")->type_name("TEXT");
    command->add_option("--steps", s->steps, "Steps of the integrated gradients; 32 unless given")->check(CLI::Range(1, 10000))->type_name("N");
    command->add_option("out", s->out, "The page")->required()->type_name("OUT.html");
}

}  // namespace cli
