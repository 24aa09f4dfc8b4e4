// One call from a path to something that talks: the model, its tokenizer and its end tokens together.
//
//   auto llm = load_causal_lm("SmolLM2-135M-Instruct.Q4_1.gguf");
//   auto encoder = load_text_encoder("all-MiniLM-L6-v2/");
#pragma once

#include "tercet/generate/beam.hpp"
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
        return Generation(parts_->model, parts_->tokenizer, parts_->end_tokens, std::move(prompt), options);
    }

    /// Goes on from several texts together, to their ends: the seed of each is one more than that of the one before.
    std::vector<Generation> generate_together(std::span<const std::string> prompts, GenerateOptions options = {}) const {
        std::vector<Generation> all;
        for (const auto& prompt : prompts) {
            all.push_back(generate(prompt, options));
            ++options.seed;
        }
        Generation::finish_together(all);
        return all;
    }

    /// ln p of each token of a text but the first, given those before it; special tokens as the tokenizer's files ask for them.
    std::vector<double> score(std::string_view text) const { return log_probabilities(model(), tokenizer().encode_ids(text)); }

private:
    struct Parts {
        CausalModel model;
        std::optional<Tokenizer> tokenizer;
        std::vector<std::int32_t> end_tokens;
    };
    std::shared_ptr<const Parts> parts_;
};

/// An encoder-decoder with its tokenizer: const, cheap to copy, shared by threads.
class Seq2SeqLm {
public:
    /// The decoder begins with the model's start token and `forced`, what the files ask for after it; `banned` tokens are never made.
    struct Tokens {
        std::vector<std::int32_t> end{}, forced{}, banned{};
    };

    Seq2SeqLm(Seq2SeqModel model, std::optional<Tokenizer> tokenizer, Tokens tokens)
        : parts_(std::make_shared<const Parts>(Parts{std::move(model), std::move(tokenizer), std::move(tokens)})) {}

    const Seq2SeqModel& model() const { return parts_->model; }
    bool has_tokenizer() const { return parts_->tokenizer.has_value(); }
    /// Throws bad_tokenizer when the files had none.
    const Tokenizer& tokenizer() const {
        require(has_tokenizer(), ErrorCode::bad_tokenizer, "this model came without a tokenizer; give ids");
        return *parts_->tokenizer;
    }
    const Tokens& tokens() const { return parts_->tokens; }

    /// Reads a text and starts to write another: a translation, a summary, an answer.
    Generation generate(std::string_view source, const GenerateOptions& options = {}) const {
        return generate(tokenizer().encode(source).ids, options);
    }
    /// The same from ids, to which nothing is added.
    Generation generate(std::span<const std::int32_t> source, GenerateOptions options = {}) const {
        for (const auto id : tokens().banned) options.logit_bias.emplace_back(id, -std::numeric_limits<double>::infinity());
        return Generation(Session(model(), source, options.cache_type), parts_->tokenizer, tokens().end, start(), std::move(options));
    }
    /// The most likely texts by beams; options.end_tokens and banned are the model's where they are empty.
    BeamResult beam_search(std::span<const std::int32_t> source, BeamOptions options) const {
        if (options.end_tokens.empty()) options.end_tokens = tokens().end;
        if (options.banned.empty()) options.banned = tokens().banned;
        return tercet::beam_search(Session(model(), source, options.cache_type), start(), options);
    }

private:
    std::vector<std::int32_t> start() const {
        std::vector<std::int32_t> ids{model().start_token()};
        ids.insert(ids.end(), tokens().forced.begin(), tokens().forced.end());
        return ids;
    }

    struct Parts {
        Seq2SeqModel model;
        std::optional<Tokenizer> tokenizer;
        Tokens tokens;
    };
    std::shared_ptr<const Parts> parts_;
};

/// A text encoder with its tokenizer and pooling: const, shared by threads.
class TextEncoder {
public:
    TextEncoder(EncoderModel model, Tokenizer tokenizer, SentenceConfig config)
        : parts_(std::make_shared<const Parts>(Parts{std::move(model), std::move(tokenizer), config})) {}

    const EncoderModel& model() const { return parts_->model; }
    const Tokenizer& tokenizer() const { return parts_->tokenizer; }
    const SentenceConfig& config() const { return parts_->config; }

    /// The embedding (C) of one text.
    Tensor<float> embed(std::string_view text) const {
        const std::string one(text);
        return embed(std::span<const std::string>(&one, 1)).reshape({-1});
    }
    /// The embeddings (B, C) of several, packed into passes of some thousand tokens without padding. A text without tokens has zeros.
    Tensor<float> embed(std::span<const std::string> texts) const;

private:
    struct Parts {
        EncoderModel model;
        Tokenizer tokenizer;
        SentenceConfig config;
    };
    std::shared_ptr<const Parts> parts_;
};

/// A language model from a Hugging Face directory or a .gguf file. A directory without a tokenizer.json works with ids.
TERCET_LINKAGE CausalLm load_causal_lm(const std::string& path, const ModelOptions& options = {});

/// A language model from the bytes of a GGUF file, which must stay alive as long as the model.
TERCET_LINKAGE CausalLm load_causal_lm(std::span<const std::byte> gguf, const ModelOptions& options = {});

/// An encoder-decoder from a Hugging Face directory. One without a tokenizer.json works with ids.
TERCET_LINKAGE Seq2SeqLm load_seq2seq_lm(const std::string& path, const ModelOptions& options = {});

/// A sentence encoder from a directory as the sentence-transformers library lays it out.
TERCET_LINKAGE TextEncoder load_text_encoder(const std::string& path, const ModelOptions& options = {});

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/generate/load.inc"
#endif
