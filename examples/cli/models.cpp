#include "models.hpp"

namespace cli {

using namespace tercet;

void require_head(const ModelFiles& files, std::span<const std::string_view> endings) {
    const Json* architectures = files.config().find("architectures");
    if (architectures == nullptr || architectures->is_null()) return;
    for (const auto& architecture : architectures->elements()) {
        const auto& name = architecture.as_string();
        const bool known = std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
        require(known, ErrorCode::unsupported, files.directory(), "/config.json: the architecture '", name, "' is not supported by this command yet");
    }
}

namespace {

ModelOptions model_options(const std::string& adapter, const std::string& activations) {
    ModelOptions options;
    options.adapter = adapter;
    options.activations = activations_named(activations);
    return options;
}

}  // namespace

CausalLm open_causal(const std::string& path, const std::string& adapter, const std::string& activations) {
    if (!is_gguf(path)) require_head(ModelFiles::open(path), language_models);
    return load_causal_lm(path, model_options(adapter, activations));
}

Writer open_writer(const std::string& path, const std::string& adapter, const std::string& activations) {
    if (!is_gguf(path) && is_seq2seq(ModelFiles::open(path))) return Writer(load_seq2seq_lm(path, model_options(adapter, activations)));
    return Writer(open_causal(path, adapter, activations));
}

BeamResult Writer::beam_search(std::span<const std::int32_t> ids, BeamOptions options, bool ignore_eos) const {
    if (const auto* causal = std::get_if<CausalLm>(&lm_)) {
        if (!ignore_eos) options.end_tokens = causal->end_tokens();
        return tercet::beam_search(causal->model(), ids, options);
    }
    if (ignore_eos) options.end_tokens = {-1};  // a token that there is not
    return std::get<Seq2SeqLm>(lm_).beam_search(ids, options);
}

Activations activations_named(const std::string& type) {
    return type == "int8" ? Activations::int8 : Activations::f32;
}

void add_weight_type(CLI::App& command, std::string& type) {
    command.add_option("--type", type, "Type of the weights in matrix products")
        ->check(CLI::IsMember({"f32", "bf16", "int8"}))
        ->capture_default_str();
}

// Weights of the type that --type names, and activations to go with them.
ModelOptions narrowed(const std::string& type) {
    ModelOptions options;
    if (type != "f32") {
        options.weights = type == "bf16" ? StorageType::bf16 : StorageType::q8_0;
        options.activations = Activations::int8;
    }
    return options;
}

void add_activations(CLI::App& command, std::string& type) {
    command.add_option("--activations", type, "Type of the activations where they meet block-quantised weights: f32, or int8, which is faster")
        ->check(CLI::IsMember({"f32", "int8"}))
        ->capture_default_str();
}

std::string text_of(const Writer& writer, std::span<const std::int32_t> ids) {
    if (!writer.has_tokenizer()) return {};
    std::vector<std::int32_t> known;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), [&](std::int32_t id) { return writer.tokenizer().has(id); });
    return writer.tokenizer().decode(known);
}

}  // namespace cli
