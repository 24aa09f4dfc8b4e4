// A decoder-only language model of any family behind one name, and what its forward pass may be given.
//
//   CausalModel model = load_causal_model(…);         // models/auto.hpp
//   forward(model, ids)                               // logits (B, T, V)
//   if (const Llama* llama = model.as<Llama>()) …     // the family's own struct
#pragma once

#include "tercet/nn/attention.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace tercet::inline TERCET_ABI {

/// What a forward pass may be given besides the ids, and give back besides the logits.
struct ForwardOptions {
    KvCache* cache = nullptr;                              // tokens before these; they are added to it
    std::span<KvCache* const> rows{};                      // instead: a cache for each row of ids (B, 1), whose lengths may differ
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, T), 0 for padding; not with a cache
    std::span<const index_t> lengths{};                    // packed: ids (1, N) are sequences of these lengths; no cache, mask, last_only
    index_t total = 0;                                    // tokens of the whole sequence, where these are a piece of it; positions may depend on that
    bool last_only = false;                               // logits of the last position alone
    std::vector<Tensor<float>>* hidden_states = nullptr;  // the embeddings, each block's output, the last after the final norm
    bool checkpoint = false;                              // in training: keep each block's input alone for backward, see autograd/checkpoint.hpp
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
        const bool packed = !lengths.empty();
        const bool fits = !packed || (*std::min_element(lengths.begin(), lengths.end()) > 0 &&
                                      std::accumulate(lengths.begin(), lengths.end(), index_t{0}) == count);
        require(fits, ErrorCode::shape_mismatch, what, ": ", lengths.size(), " packed sequences are not the ", count, " tokens");
        const index_t longest = most + (lengths.empty() ? count : *std::max_element(lengths.begin(), lengths.end()));
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

/// Any struct with layers(), context(), vocab_size(), visit() and operator()(ids, ForwardOptions), behind a handle: cheap to copy, and copies are
/// the same model. A const one is immutable, and shared by threads.
class CausalModel {
public:
    /// No model.
    CausalModel() = default;
    explicit operator bool() const { return held_ != nullptr; }

    template <class Model>
    requires(!std::is_same_v<Model, CausalModel>) CausalModel(Model model) : held_(std::make_shared<Held<Model>>(std::move(model))) {}

    /// The family's own struct; null when the model is of another family.
    template <class Model>
    const Model* as() const {
        return held_->kind() == &kind_of<Model> ? &static_cast<const Held<Model>&>(*held_).model : nullptr;
    }
    template <class Model>
    Model* as() {
        return const_cast<Model*>(std::as_const(*this).as<Model>());
    }

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
    /// Whether two handles are on one model.
    friend bool operator==(const CausalModel& a, const CausalModel& b) { return a.held_ == b.held_; }
    index_t layers() const { return held_->layers(); }
    /// Positions the model was made for; 0 where there is no end to them.
    index_t context() const { return held_->context(); }
    index_t vocab_size() const { return held_->vocab_size(); }
    /// Whether a sequence that grows from `before` tokens to `after` must be read anew, since the tokens in the cache stand at other angles then.
    bool must_reread(index_t before, index_t after) const { return held_->must_reread(before, after); }

    using WeightFunction = std::function<void(const std::string& name, Weight& weight)>;
    void each_weight(const WeightFunction& f) { held_->each_weight(f); }

private:
    struct Interface {
        virtual ~Interface() = default;
        virtual const void* kind() const = 0;
        virtual Tensor<float> forward(const Tensor<std::int32_t>& ids, const ForwardOptions& options) const = 0;
        virtual index_t layers() const = 0;
        virtual index_t context() const = 0;
        virtual index_t vocab_size() const = 0;
        virtual bool must_reread(index_t before, index_t after) const = 0;
        virtual void each_weight(const WeightFunction& f) = 0;
    };
    template <class Model>
    static constexpr char kind_of = 0;  // its address tells the families apart, without RTTI

    template <class Model>
    struct Held final : Interface {
        Model model;

        explicit Held(Model m) : model(std::move(m)) {}
        const void* kind() const override { return &kind_of<Model>; }
        Tensor<float> forward(const Tensor<std::int32_t>& ids, const ForwardOptions& options) const override { return model(ids, options); }
        index_t layers() const override { return model.layers(); }
        index_t context() const override { return model.context(); }
        index_t vocab_size() const override { return model.vocab_size(); }
        bool must_reread(index_t before, index_t after) const override {
            if constexpr (requires { model.must_reread(before, after); }) return model.must_reread(before, after);
            return false;
        }
        void each_weight(const WeightFunction& f) override { for_each_weight(model, f); }
    };
    std::shared_ptr<Interface> held_;
};

/// As nn/module.hpp has it for modules: so a model behind the handle is trained, saved and counted as they are.
template <class F>
void for_each_weight(CausalModel& model, F&& f) {
    model.each_weight([&](const std::string& name, Weight& w) { f(name, w); });
}
template <class F>
void for_each_weight(const CausalModel& model, F&& f) {
    CausalModel(model).each_weight([&](const std::string& name, const Weight& w) { f(name, w); });
}

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
