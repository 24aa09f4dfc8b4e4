// A decoder-only language model of any family behind one name, and what its forward pass may be given.
//
//   CausalModel model = load_causal_model(…);         // models/auto.hpp
//   forward(model, ids)                               // logits (B, T, V)
//   if (const Llama* llama = model.as<Llama>()) …     // the family's own struct
#pragma once

#include "tercet/models/handle.hpp"
#include "tercet/nn/attention.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

/// What a forward pass may be given besides the ids, and give back besides the logits.
struct ForwardOptions {
    KvCache* cache = nullptr;                              // tokens before these; they are added to it
    std::span<KvCache* const> rows{};                      // instead: a cache for each row of ids (B, 1), whose lengths may differ
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, T), 0 for padding; not with a cache
    std::span<const index_t> lengths{};                    // packed: ids (1, N) are sequences of these lengths; no cache, mask, last_only
    index_t total = 0;                                    // tokens of the whole sequence, where these are a piece of it; positions may depend on that
    bool last_only = false;                               // logits of the last position alone
    bool hidden = false;                                  // the last hidden states (B, T, C) instead of logits, see CausalModel::output_weight()
    std::vector<Tensor<float>>* hidden_states = nullptr;  // the embeddings, each block's output, the last after the final norm
    bool checkpoint = false;                              // in training: keep each block's input alone for backward, see autograd/checkpoint.hpp
    Generator* training = nullptr;                        // in training: dropout draws from it; with checkpoint, low-rank terms' too
};

namespace detail {

// Where the tokens of a forward pass stand.
struct TokensBefore {
    index_t most = 0, total = 0;  // tokens before these, in the longest row; those of the whole sequence
    std::vector<index_t> rows{};  // in each row, where they have a cache each
    std::span<const index_t> lengths;

    explicit TokensBefore(const ForwardOptions& options)
        : most(options.cache == nullptr ? 0 : options.cache->size()), total(options.total), lengths(options.lengths) {
        for (const KvCache* cache : options.rows) {
            rows.push_back(cache->size());
            most = std::max(most, cache->size());
        }
    }
    RopeAngles<float> angles(const Rotary& rotary, index_t count) const {
        if (!lengths.empty()) return rotary.packed_angles(lengths);
        return rows.empty() ? rotary.angles(most, count, total) : rotary.angles(rows);
    }
    // Throws context_overflow when the longest sequence, with `count` more tokens, outgrows the context; 0: there is no end to it. Throws
    // shape_mismatch for packed sequences that are not these tokens.
    void check(std::string_view what, index_t count, index_t context) const {
        const index_t longest = most + longest_sequence(what, lengths, 1, count);
        require(context == 0 || longest <= context, ErrorCode::context_overflow, what, ": ", longest, " tokens, the model's context holds ", context);
    }
};

// What the layers share, as the options of the forward pass have it.
inline DecoderContext decoder_context(const ForwardOptions& options) {
    DecoderContext context{nullptr, options.cache, options.rows};
    context.attention.lengths.assign(options.lengths.begin(), options.lengths.end());
    if (options.attention_mask != nullptr) context.bias = padding_bias(*options.attention_mask);
    return context;
}

}  // namespace detail

namespace detail {

struct HeldCausal : HeldModel {
    virtual Tensor<float> forward(const Tensor<std::int32_t>& ids, const ForwardOptions& options) const = 0;
    virtual index_t layers() const = 0;
    virtual index_t context() const = 0;
    virtual index_t vocab_size() const = 0;
    virtual bool must_reread(index_t before, index_t after) const = 0;
    virtual const Weight* output_weight() const = 0;
    virtual Tensor<float> logits_of(const Tensor<float>& hidden) const = 0;
};
template <class Family>
struct HeldDecoder final : Held<HeldCausal, Family> {
    using Held<HeldCausal, Family>::Held, Held<HeldCausal, Family>::model;

    Tensor<float> forward(const Tensor<std::int32_t>& ids, const ForwardOptions& options) const override { return model(ids, options); }
    index_t layers() const override { return model.layers(); }
    index_t context() const override { return model.context(); }
    index_t vocab_size() const override { return model.vocab_size(); }
    bool must_reread(index_t before, index_t after) const override {
        if constexpr (requires { model.must_reread(before, after); }) return model.must_reread(before, after);
        return false;
    }
    const Weight* output_weight() const override {
        if constexpr (requires { model.output_weight(); }) return model.output_weight();
        return nullptr;
    }
    Tensor<float> logits_of(const Tensor<float>& hidden) const override {
        if constexpr (requires { model.logits_of(hidden); }) return model.logits_of(hidden);
        else fail(ErrorCode::unsupported, "logits_of: the model does not say what logits hidden states are");
    }
};

}  // namespace detail

/// A handle on any struct with layers(), context(), vocab_size(), visit() and operator()(ids, ForwardOptions).
class CausalModel : public ModelHandle<detail::HeldCausal> {
public:
    /// No model.
    CausalModel() = default;

    template <class Family>
    requires(!std::is_same_v<Family, CausalModel>) CausalModel(Family model)
        : ModelHandle(std::make_shared<detail::HeldDecoder<Family>>(std::move(model))) {}

    /// ids (B, T), at least one -> logits (B, T, V), or (B, 1, V) with last_only. Throws invalid_argument, index_out_of_range, context_overflow.
    Tensor<float> operator()(const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) const {
        require(ids.rank() == 2 && ids.numel() > 0, ErrorCode::invalid_argument, "forward: ids must be (batch, tokens) with at least one token, not ",
                ids.shape());
        require(
            options.rows.empty() || (options.cache == nullptr && ids.size(1) == 1 && options.rows.size() == static_cast<std::size_t>(ids.size(0))),
            ErrorCode::invalid_argument, "forward: ", options.rows.size(), " caches of rows for ids ", ids.shape());
        require(
            options.lengths.empty() || (options.cache == nullptr && options.rows.empty() && options.attention_mask == nullptr && !options.last_only),
            ErrorCode::invalid_argument, "forward: packed sequences go without a cache, a mask and last_only");
        return held_->forward(ids, options);
    }
    index_t layers() const { return held_->layers(); }
    /// Positions the model was made for; 0 where there is no end to them.
    index_t context() const { return held_->context(); }
    index_t vocab_size() const { return held_->vocab_size(); }
    /// Whether a sequence that grows from `before` tokens to `after` must be read anew, since the tokens in the cache stand at other angles then.
    bool must_reread(index_t before, index_t after) const { return held_->must_reread(before, after); }
    /// The weight (V, C) whose product with the last hidden states the logits are; null for a model that makes more of them, or less.
    const Weight* output_weight() const { return held_->output_weight(); }
    /// Hidden states between two layers (..., C), as ForwardOptions::hidden_states has them -> the logits (..., V) if they were the last. Throws
    /// unsupported for a model that has no logits_of().
    Tensor<float> logits_of(const Tensor<float>& hidden) const { return held_->logits_of(hidden); }
};

inline Tensor<float> forward(const CausalModel& model, const Tensor<std::int32_t>& ids, const ForwardOptions& options = {}) {
    return model(ids, options);
}
inline index_t layers(const CausalModel& model) {
    return model.layers();
}
inline index_t context(const CausalModel& model) {
    return model.context();
}
inline index_t vocab_size(const CausalModel& model) {
    return model.vocab_size();
}

}  // namespace tercet::inline TERCET_ABI
