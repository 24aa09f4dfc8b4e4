// Opening models for the commands.
#pragma once

#include "command.hpp"

#include <tercet/generate/load.hpp>

#include <CLI/CLI.hpp>
#include <variant>

namespace cli {

/// Throws unsupported when config.json says that the model was saved with a head that is not read here: its "architectures" must be
/// absent, or end in one of these.
void require_head(const tercet::ModelFiles& files, std::span<const std::string_view> endings);

/// How the names of the language models end: with their head, or without one that the embeddings stand in for.
inline constexpr std::string_view language_models[] = {"ForCausalLM", "LMHeadModel", "LlamaModel",      "MistralModel",
                                                       "Qwen2Model",  "Qwen3Model",  "GPT2Model",       "Phi3Model",
                                                       "GemmaModel",  "Gemma2Model", "Gemma3TextModel", "Gemma3ForConditionalGeneration"};
inline constexpr std::string_view encoders[] = {"BertModel", "RobertaModel", "CamembertModel", "MPNetModel"};

/// A language model with its tokenizer, if it has one; `adapter` is a LoRA adapter's directory, or empty; `activations` f32 or int8.
tercet::CausalLm open_causal(const std::string& path, const std::string& adapter, const std::string& activations);

/// What writes text: a language model that goes on from a prompt, or an encoder-decoder that reads one.
class Writer {
public:
    explicit Writer(std::variant<tercet::CausalLm, tercet::Seq2SeqLm> lm) : lm_(std::move(lm)) {}

    bool has_tokenizer() const {
        return std::visit([](const auto& lm) { return lm.has_tokenizer(); }, lm_);
    }
    const tercet::Tokenizer& tokenizer() const {
        return std::visit([](const auto& lm) -> const tercet::Tokenizer& { return lm.tokenizer(); }, lm_);
    }
    tercet::Generation generate(const std::vector<std::int32_t>& ids, const tercet::GenerateOptions& options) const {
        return std::visit([&](const auto& lm) { return lm.generate(ids, options); }, lm_);
    }
    /// With the model's own end tokens, or without any.
    tercet::BeamResult beam_search(std::span<const std::int32_t> ids, tercet::BeamOptions options, bool ignore_eos) const;

private:
    std::variant<tercet::CausalLm, tercet::Seq2SeqLm> lm_;
};
Writer open_writer(const std::string& path, const std::string& adapter, const std::string& activations);

/// The option --activations, f32 or int8, and what its text means.
void add_activations(CLI::App& command, std::string& type);
tercet::Activations activations_named(const std::string& type);

/// The option --type, f32, bf16 or int8, of weights in matrix products, and what loading makes of its text.
void add_weight_type(CLI::App& command, std::string& type);
tercet::ModelOptions narrowed(const std::string& type);

/// The text of ids, special tokens left out; of ids that the tokenizer lacks there is none. Empty without a tokenizer.
std::string text_of(const Writer& writer, std::span<const std::int32_t> ids);

/// The result of tercet perplexity, and of tercet eval --task lm: {"perplexity", "nll", "tokens"}.
void print_perplexity(const Common& settings, double nats, tercet::index_t tokens);

}  // namespace cli
