// tercet embed: sentence embeddings, pooled and normalised as the model's own files say.
//
// {"embeddings": [[…], …]}, in the order --text, --file, --strings. As text: a line of numbers a text.
#include "../common/progress.hpp"
#include "command.hpp"
#include "models.hpp"
#include "output.hpp"

#include <tercet/data/text_file.hpp>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string model, file, strings;
    std::vector<std::string> texts;
};

std::vector<std::string> all_texts(const Settings& s) {
    auto texts = s.texts;
    if (!s.file.empty())
        for (auto& line : read_utf8_lines(s.file)) texts.push_back(std::move(line));
    if (!s.strings.empty()) {
        const Json list = read_json_file(s.strings);
        for (const auto& text : list.elements()) texts.push_back(text.as_string());
    }
    return texts;
}

void run(const Settings& s) {
    if (s.texts.empty() && s.file.empty() && s.strings.empty()) bad_usage("one of --text, --file and --strings is required");
    const auto texts = all_texts(s);
    const auto encoder = load_text_encoder(s.model);
    Progress bar("embedding", static_cast<long long>(texts.size()));
    std::string rows;
    constexpr std::size_t together = 256;  // the encoder sorts these by length and makes batches of them
    for (std::size_t begin = 0; begin < texts.size(); begin += together) {
        const auto some = std::span(texts).subspan(begin, std::min(together, texts.size() - begin));
        const auto embeddings = encoder.embed(some);  // (texts, C)
        const auto width = static_cast<std::size_t>(embeddings.size(1));
        for (std::size_t r = 0; r < some.size(); ++r) {
            const auto row = embeddings.span().subspan(r * width, width);
            if (s.json) rows += (rows.empty() ? "" : ",") + json_numbers(row);
            else rows += text_list(row, [](float x) { return text_number(static_cast<double>(x)); }) + "\n";
        }
        bar.update(static_cast<long long>(begin + some.size()));
    }
    bar.clear();
    print(s.json ? JsonObject().add("embeddings", "[" + rows + "]").text() + "\n" : rows);
}

}  // namespace

void add_embed(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "embed", "Turn texts into embeddings of their meaning", run);
    command->add_option("--model", s->model, "A model directory")->required()->type_name("PATH");
    command->add_option("--text", s->texts, "A text; again for each further one")->allow_extra_args(false)->type_name("TEXT");
    command->add_option("--file", s->file, "A file with a text on each line")->type_name("PATH");
    command->add_option("--strings", s->strings, "A JSON file with an array of strings")->type_name("PATH");
}

}  // namespace cli
