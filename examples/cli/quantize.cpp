// tercet quantize IN OUT.gguf --type T: a model with its matrices in another type. tercet convert IN OUT: the same in float32, and OUT may be a
// directory.
//
// IN is a Hugging Face directory or a .gguf file. {"bytes"}: the size of OUT, of a directory's weights.
#include "command.hpp"
#include "output.hpp"

#include <tercet/models/convert.hpp>
#include <tercet/text/load_tokenizer.hpp>

#include <filesystem>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string in, out, type = "f32";
    bool quantize = false;
};

constexpr std::pair<std::string_view, StorageType> types[] = {
    {"f32", StorageType::f32},   {"f16", StorageType::f16},   {"bf16", StorageType::bf16}, {"q8_0", StorageType::q8_0},  {"q4_0", StorageType::q4_0},
    {"q4_1", StorageType::q4_1}, {"q5_0", StorageType::q5_0}, {"q5_1", StorageType::q5_1}, {"q2_k", StorageType::q2_k},  {"q3_k", StorageType::q3_k},
    {"q4_k", StorageType::q4_k}, {"q5_k", StorageType::q5_k}, {"q6_k", StorageType::q6_k}, {"q4_k_m", StorageType::q4_k}};

// A directory with the model in float32.
void write_directory(const Settings& s) {
    if (is_gguf(s.in)) return save_directory(s.out, Gguf::open(s.in));
    const auto files = ModelFiles::open(s.in);
    if (is_encoder(files)) save_encoder(s.out, load_encoder(files), files);
    else if (is_seq2seq(files)) save_model(s.out, load_seq2seq_model(files), files);
    else save_model(s.out, load_causal_model(files), files);
}

void write_gguf(const Settings& s) {
    GgufOptions options;
    options.mixed = s.type == "q4_k_m";
    for (const auto& [name, type] : types)
        if (name == s.type) options.weights = type;
    const std::filesystem::path in(s.in);
    options.name = (in.has_filename() ? in : in.parent_path()).filename().string();
    if (is_gguf(s.in)) {
        requantized(Gguf::open(s.in), options).save(s.out);
    } else {
        const auto files = ModelFiles::open(s.in);
        std::optional<Tokenizer> tokenizer;
        if (files.has("tokenizer.json")) tokenizer = load_tokenizer(s.in);
        gguf_of(files, tokenizer ? &*tokenizer : nullptr, options).save(s.out);
    }
}

void run(const Settings& s) {
    const bool gguf = is_gguf(s.out);
    if (s.quantize && !gguf) bad_usage("the result of quantize is a .gguf file");
    if (gguf) write_gguf(s);
    else write_directory(s);
    const auto bytes = std::to_string(std::filesystem::file_size(gguf ? s.out : s.out + "/model.safetensors"));
    print(s.json ? JsonObject().add("bytes", bytes).text() + "\n" : s.out + ": " + bytes + " bytes\n");
}

void add(CLI::App& app, const std::string& name, const std::string& what, bool with_type) {
    const auto [command, s] = add_command<Settings>(app, name, what, run);
    command->add_option("in", s->in, "A model directory or a .gguf file")->required()->type_name("IN");
    command->add_option("out", s->out, with_type ? "The .gguf file to write" : "The .gguf file, or the directory, to write")
        ->required()
        ->type_name("OUT");
    s->quantize = with_type;
    if (!with_type) return;
    std::vector<std::string> names;
    for (const auto& [type, storage] : types) names.emplace_back(type);
    command->add_option("--type", s->type, "What matrices are stored as; q4_k_m has q6_k for those that matter most")
        ->required()
        ->check(CLI::IsMember(names))
        ->type_name("TYPE");
}

}  // namespace

void add_quantize(CLI::App& app) {
    add(app, "quantize", "Store a model's matrices in fewer bits", true);
    add(app, "convert", "Write a model as GGUF or as a directory, in float32", false);
}

}  // namespace cli
