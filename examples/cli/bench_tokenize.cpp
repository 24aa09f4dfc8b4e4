// tercet bench tokenize: how fast a file becomes ids, special tokens not added. {"mb_per_s", "ids"}; --by-line takes each line as a text of its own,
// without its newline, on all threads; a whole text is one thread's work.
#include "bench.hpp"

#include <tercet/text/load_tokenizer.hpp>

namespace cli {

namespace {

using namespace tercet;

struct TokenizeSettings : Common {
    std::string tokenizer, file;
    bool by_line = false;
};

void run_tokenize(const TokenizeSettings& s) {
    const auto tokenizer = load_tokenizer(s.tokenizer);
    const std::string text = read_text_file(s.file);
    std::vector<std::string_view> texts;
    for (std::string_view rest = text; s.by_line && !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        texts.push_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::size_t ids = 0;
    const double seconds = median_seconds([&] {
        ids = 0;
        if (!s.by_line) ids = tokenizer.encode_ids(text, false).size();
        else
            for (const auto& row : tokenizer.encode_batch(texts, false)) ids += row.size();
    });
    print_measured(s, {{"mb_per_s", static_cast<double>(text.size()) / seconds / 1e6}, {"ids", static_cast<double>(ids)}});
}

}  // namespace

void add_bench_tokenize(CLI::App& bench) {
    const auto [command, s] = add_command<TokenizeSettings>(bench, "tokenize", "Text to token ids", run_tokenize);
    command->add_option("--tokenizer", s->tokenizer, "A tokenizer's file or directory")->required()->type_name("PATH");
    command->add_option("--file", s->file, "The text")->required()->type_name("PATH");
    command->add_flag("--by-line", s->by_line, "Each line is a text");
}

}  // namespace cli
