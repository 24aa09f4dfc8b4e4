// One call from a path to something that talks: the model, its tokenizer and its end tokens together.
//
//   auto llm = load_causal_lm("SmolLM2-135M-Instruct.Q4_1.gguf");
//   auto encoder = load_text_encoder("all-MiniLM-L6-v2/");
#pragma once

#include "tercet/generate/generator.hpp"
#include "tercet/models/sentence.hpp"
#include "tercet/text/load_tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

/// A language model with its tokenizer: const, cheap to copy, shared by threads.
class CausalLm {
public:
    CausalLm(CausalModel model, std::optional<Tokenizer> tokenizer, std::vector<std::int32_t> end_tokens)
        : parts_(std::make_shared<const Parts>(Parts{std::move(model), std::move(tokenizer), std::move(end_tokens)})) {}

    const CausalModel& model() const { return parts_->model; }
    bool has_tokenizer() const { return parts_->tokenizer.has_value(); }
    /// Throws bad_tokenizer when the files had none.
    const Tokenizer& tokenizer() const {
        require(has_tokenizer(), ErrorCode::bad_tokenizer, "this model came without a tokenizer; give ids");
        return *parts_->tokenizer;
    }
    const std::vector<std::int32_t>& end_tokens() const { return parts_->end_tokens; }

    /// Starts a generation from a text, with the special tokens that the tokenizer's files ask for.
    Generation generate(std::string_view prompt, const GenerateOptions& options = {}) const {
        return generate(tokenizer().encode(prompt).ids, options);
    }
    /// Starts a generation from ids, to which nothing is added.
    Generation generate(std::vector<std::int32_t> prompt, const GenerateOptions& options = {}) const {
        return Generation(parts_->model, has_tokenizer() ? &*parts_->tokenizer : nullptr, parts_->end_tokens, std::move(prompt), options, parts_);
    }

private:
    struct Parts {
        CausalModel model;
        std::optional<Tokenizer> tokenizer;
        std::vector<std::int32_t> end_tokens;
    };
    std::shared_ptr<const Parts> parts_;
};

/// A text encoder with its tokenizer and pooling: const, shared by threads.
class TextEncoder {
public:
    TextEncoder(Bert model, Tokenizer tokenizer, SentenceConfig config)
        : parts_(std::make_shared<const Parts>(Parts{std::move(model), std::move(tokenizer), config})) {}

    const Bert& model() const { return parts_->model; }
    const Tokenizer& tokenizer() const { return parts_->tokenizer; }
    const SentenceConfig& config() const { return parts_->config; }

    /// The embedding (C) of one text.
    Tensor<float> embed(std::string_view text) const {
        const std::string one(text);
        return embed(std::span<const std::string>(&one, 1)).reshape({-1});
    }
    /// The embeddings (B, C) of several, computed in batches of texts of about the same length.
    Tensor<float> embed(std::span<const std::string> texts) const;

private:
    struct Parts {
        Bert model;
        Tokenizer tokenizer;
        SentenceConfig config;
    };
    std::shared_ptr<const Parts> parts_;
};

/// A language model from a Hugging Face directory or a .gguf file. A directory without a tokenizer.json works with ids.
TERCET_LINKAGE CausalLm load_causal_lm(const std::string& path, const ModelOptions& options = {});

/// A language model from the bytes of a GGUF file, which must stay alive as long as the model.
TERCET_LINKAGE CausalLm load_causal_lm(std::span<const std::byte> gguf, const ModelOptions& options = {});

/// A sentence encoder from a directory as the sentence-transformers library lays it out.
TERCET_LINKAGE TextEncoder load_text_encoder(const std::string& path, const ModelOptions& options = {});

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/generate/load.inc"
#endif
