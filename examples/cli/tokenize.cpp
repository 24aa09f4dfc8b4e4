// tercet tokenize, tercet detokenize: text to ids and back.
//
// {"ids", "type_ids", "offsets"}, offsets in code points; with --strings {"rows": [one such object a string]}. As text: the ids, a line a text.
#include "command.hpp"
#include "ids.hpp"
#include "output.hpp"

#include <tercet/io/hub.hpp>
#include <tercet/text/load_tokenizer.hpp>

namespace cli {

namespace {

using namespace tercet;

struct TokenizeSettings : Common {
    std::string tokenizer, file, strings, pair;
    bool no_special = false, special_as_text = false, with_pair = false, from_file = false, from_strings = false;
    index_t max_length = 0;
};

std::string json_of(const Encoding& e) {
    JsonObject result;
    result.add("ids", json_integers(e.ids)).add("type_ids", json_integers(e.type_ids));
    result.add("offsets", json_list(e.offsets, [](const auto& o) { return "[" + std::to_string(o.first) + "," + std::to_string(o.second) + "]"; }));
    return result.text();
}

std::string text_of(const Encoding& e) {
    return text_list(e.ids, [](TokenId id) { return std::to_string(id); });
}

void tokenize(const TokenizeSettings& s) {
    if (s.from_file && s.from_strings) bad_usage("--file and --strings exclude each other");
    const auto tokenizer = load_tokenizer(s.tokenizer);
    EncodeOptions how;
    how.add_special = !s.no_special;
    how.special_as_text = s.special_as_text;
    how.max_length = s.max_length;
    if (s.with_pair) how.pair = s.pair;
    if (!s.from_strings) {
        const auto e = tokenizer.encode(read_text_file(s.from_file ? s.file : "/dev/stdin"), how);
        return print((s.json ? json_of(e) : text_of(e)) + "\n");
    }
    const Json strings = read_json_file(s.strings);
    std::vector<Encoding> rows;
    for (const auto& text : strings.elements()) rows.push_back(tokenizer.encode(text.as_string(), how));
    if (s.json) return print(JsonObject().add("rows", json_list(rows, json_of)).text() + "\n");
    std::string text;
    for (const auto& row : rows) text += text_of(row) + "\n";
    print(text);
}

struct DetokenizeSettings : Common {
    std::string tokenizer, ids;
    bool skip_special = false;
};

void detokenize(const DetokenizeSettings& s) {
    const Ids ids = parse_ids(s.ids, "--ids");
    const std::string text = load_tokenizer(s.tokenizer).decode(ids, s.skip_special);
    print((s.json ? JsonObject().add("text", quote_json(text)).text() : text) + "\n");
}

constexpr const char* tokenizer_help =
    "A tokenizer.json, a SentencePiece .model, a .tiktoken, vocab.txt, vocab.json or .gguf file, or a directory with one";

}  // namespace

void add_tokenize(CLI::App& app) {
    const auto [command, s] = add_command<TokenizeSettings>(app, "tokenize", "Turn text into token ids", tokenize);
    auto& settings = *s;
    command->add_option("--tokenizer", s->tokenizer, tokenizer_help)->required()->type_name("PATH");
    command->add_flag("--no-special", s->no_special, "Add no special tokens around the text");
    command->add_flag("--special-as-text", s->special_as_text, "Read special tokens written in the text as ordinary text");
    command
        ->add_option_function<std::string>(
            "--pair",
            [&settings](const std::string& text) {
                settings.pair = text;
                settings.with_pair = true;
            },
            "The second text of a pair")
        ->type_name("TEXT");
    command->add_option("--max-length", s->max_length, "Cut to this many tokens, added ones included, the longest text first")
        ->check(CLI::Range(1, 1 << 30))
        ->type_name("N");
    command
        ->add_option_function<std::string>(
            "--file",
            [&settings](const std::string& path) {
                settings.file = path;
                settings.from_file = true;
            },
            "The text, as it is; standard input unless given")
        ->type_name("PATH");
    command
        ->add_option_function<std::string>(
            "--strings",
            [&settings](const std::string& path) {
                settings.strings = path;
                settings.from_strings = true;
            },
            "A JSON file with an array of strings, each to be tokenized")
        ->type_name("PATH");
}

void add_detokenize(CLI::App& app) {
    const auto [command, s] = add_command<DetokenizeSettings>(app, "detokenize", "Turn token ids into text", detokenize);
    command->add_option("--tokenizer", s->tokenizer, tokenizer_help)->required()->type_name("PATH");
    command->add_option("--ids", s->ids, "Ids with commas between")->required()->type_name("IDS");
    command->add_flag("--skip-special", s->skip_special, "Leave special tokens out");
}

}  // namespace cli
