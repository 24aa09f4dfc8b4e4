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
    Tensor<float> embed(std::span<const std::string> texts) const {
        const NoGrad guard;
        constexpr std::size_t batch = 32;
        const index_t C = model().config.hidden_size, positions = model().config.context;
        const index_t limit = config().max_length > 0 ? std::min(config().max_length, positions) : positions;
        std::vector<Encoding> encodings;
        for (const auto& text : texts) {
            EncodeOptions how;
            how.max_length = limit;
            encodings.push_back(tokenizer().encode(text, how));
        }
        std::vector<std::size_t> order(texts.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return encodings[a].ids.size() < encodings[b].ids.size(); });

        auto out = Tensor<float>::zeros({static_cast<index_t>(texts.size()), C});
        for (std::size_t begin = 0; begin < order.size(); begin += batch) {
            const auto rows = std::span(order).subspan(begin, std::min(batch, order.size() - begin));
            const auto count = static_cast<index_t>(rows.size()), width = static_cast<index_t>(encodings[rows.back()].ids.size());
            if (width == 0) continue;
            auto ids = Tensor<std::int32_t>::zeros({count, width}), types = Tensor<std::int32_t>::zeros({count, width});
            auto mask = Tensor<std::uint8_t>::zeros({count, width});
            for (index_t r = 0; r < count; ++r) {
                const auto& e = encodings[rows[static_cast<std::size_t>(r)]];
                std::copy(e.ids.begin(), e.ids.end(), ids.mutable_data() + r * width);
                std::copy(e.type_ids.begin(), e.type_ids.end(), types.mutable_data() + r * width);
                std::fill_n(mask.mutable_data() + r * width, e.ids.size(), std::uint8_t{1});
            }
            auto pooled = pool(model()(ids, {&mask, &types}).last_hidden_state, mask, config().pooling);
            if (config().normalise) pooled = normalise_rows(pooled);
            for (index_t r = 0; r < count; ++r) out[static_cast<index_t>(rows[static_cast<std::size_t>(r)])].copy_from(pooled[r]);
        }
        return out;
    }

private:
    struct Parts {
        Bert model;
        Tokenizer tokenizer;
        SentenceConfig config;
    };
    std::shared_ptr<const Parts> parts_;
};

namespace detail {

inline void add_end_tokens(std::vector<std::int32_t>& ids, const Json* value) {
    if (value == nullptr || value->is_null()) return;
    const auto add = [&](const Json& id) {
        const auto n = id.as_int();
        if (n >= 0 && n <= std::numeric_limits<std::int32_t>::max()) ids.push_back(static_cast<std::int32_t>(n));
    };
    if (value->is_array())
        for (const auto& id : value->elements()) add(id);
    else add(*value);
}

inline CausalLm causal_lm_from(const Gguf& file, const ModelOptions& options) {
    auto model = load_causal_model(file, options);
    std::optional<Tokenizer> tokenizer;
    if (file.has("tokenizer.ggml.model")) tokenizer = tokenizer_from_gguf(file);
    std::vector<std::int32_t> ends;
    for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
        if (file.has(key)) ends.push_back(static_cast<std::int32_t>(file.integer(key)));
    return CausalLm(std::move(model), std::move(tokenizer), std::move(ends));
}

}  // namespace detail

/// A language model from a Hugging Face directory or a .gguf file. A directory without a tokenizer.json works with ids.
inline CausalLm load_causal_lm(const std::string& path, const ModelOptions& options = {}) {
    const LoadOptions how{options.map, options.stop};
    if (is_gguf(path)) return detail::causal_lm_from(Gguf::open(path, how), options);
    const auto files = ModelFiles::open(path, how);
    auto model = load_causal_model(files, options);
    std::optional<Tokenizer> tokenizer;
    if (files.has("tokenizer.json")) tokenizer = load_tokenizer(files.directory());
    std::vector<std::int32_t> ends;
    const auto generation = files.generation_config();
    detail::add_end_tokens(ends, generation ? generation->find("eos_token_id") : nullptr);
    if (ends.empty()) detail::add_end_tokens(ends, files.config().find("eos_token_id"));
    return CausalLm(std::move(model), std::move(tokenizer), std::move(ends));
}

/// A language model from the bytes of a GGUF file, which must stay alive as long as the model.
inline CausalLm load_causal_lm(std::span<const std::byte> gguf, const ModelOptions& options = {}) {
    return detail::causal_lm_from(Gguf::parse(gguf, "GGUF in memory"), options);
}

/// A sentence encoder from a directory as the sentence-transformers library lays it out.
inline TextEncoder load_text_encoder(const std::string& path, const ModelOptions& options = {}) {
    const auto files = ModelFiles::open(path, {options.map, options.stop});
    auto model = load_bert(files, options);  // first of the three: what it is comes before what is missing beside it
    return TextEncoder(std::move(model), load_tokenizer(files.directory()), sentence_config(files));
}

}  // namespace tercet::inline TERCET_ABI
