// An encoder-decoder model of any family behind one name (Sutskever et al. 2014; Vaswani et al. 2017, section 3.1): the encoder reads a text, the
// decoder writes another one, and attends to both.
//
//   encoded = encode(source)                  (B, S, C)
//   logits  = decode(target, encoded)         (B, T, V), position t tells of target t + 1
#pragma once

#include "tercet/nn/kv_cache.hpp"
#include "tercet/nn/module.hpp"

#include <functional>

namespace tercet::inline TERCET_ABI {

/// Keys and values (B, H, S, D) of the encoder's output, one pair for each layer of the decoder: made in the first step, kept for the others.
struct CrossCache {
    std::vector<KvCache::View<float>> layers{};
};

struct EncodeInputs {
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, S), 0 for padding; all tokens when absent
    std::vector<Tensor<float>>* hidden_states = nullptr;   // the embeddings, each block's output, the last after the final norm
};

struct DecodeInputs {
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, S) of the encoder's tokens
    KvCache* cache = nullptr;                              // the decoder's tokens before these; they are added to it
    CrossCache* cross = nullptr;                           // with a cache: filled where it is empty
    bool last_only = false;                                // logits of the last position alone
    std::vector<Tensor<float>>* hidden_states = nullptr;
};

/// Any struct with encode(), decode(), decoder_layers(), context(), vocab_size(), start_token() and visit(), behind a handle: cheap to copy, and
/// copies are the same model. A const one is immutable, and shared by threads.
class Seq2SeqModel {
public:
    template <class Model>
    requires(!std::is_same_v<Model, Seq2SeqModel>) Seq2SeqModel(Model model) : held_(std::make_shared<Held<Model>>(std::move(model))) {}

    /// The family's own struct; null when the model is of another family.
    template <class Model>
    const Model* as() const {
        return held_->kind() == &kind_of<Model> ? &static_cast<const Held<Model>&>(*held_).model : nullptr;
    }

    /// ids (B, S), at least one -> (B, S, C). Throws invalid_argument, index_out_of_range, context_overflow, shape_mismatch.
    Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs = {}) const {
        check(ids, inputs.attention_mask, ids.shape());
        return held_->encode(ids, inputs);
    }
    /// ids (B, T), at least one, and the encoder's output (B, S, C) -> logits (B, T, V), or (B, 1, V) with last_only. Throws what encode() does.
    Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs = {}) const {
        require(encoded.rank() == 3 && (ids.rank() != 2 || encoded.size(0) == ids.size(0)), ErrorCode::shape_mismatch, "decode: ids ", ids.shape(),
                " do not fit the encoder's output ", encoded.shape());
        check(ids, inputs.attention_mask, {encoded.size(0), encoded.size(1)});
        return held_->decode(ids, encoded, inputs);
    }
    index_t decoder_layers() const { return held_->decoder_layers(); }
    /// Positions that encoder and decoder have each; 0 where there is no end to them.
    index_t context() const { return held_->context(); }
    index_t vocab_size() const { return held_->vocab_size(); }
    /// What the decoder begins with.
    std::int32_t start_token() const { return held_->start_token(); }

    using WeightFunction = std::function<void(const std::string& name, Weight& weight)>;
    void each_weight(const WeightFunction& f) { held_->each_weight(f); }

private:
    static void check(const Tensor<std::int32_t>& ids, const Tensor<std::uint8_t>* mask, const Shape& source) {
        require(ids.rank() == 2 && ids.numel() > 0, ErrorCode::invalid_argument, "forward: ids must be (batch, tokens) with at least one token, not ",
                ids.shape());
        require(mask == nullptr || mask->shape() == source, ErrorCode::shape_mismatch, "forward: the attention mask does not fit the source ",
                source);
    }

    struct Interface {
        virtual ~Interface() = default;
        virtual const void* kind() const = 0;
        virtual Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs) const = 0;
        virtual Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs) const = 0;
        virtual index_t decoder_layers() const = 0;
        virtual index_t context() const = 0;
        virtual index_t vocab_size() const = 0;
        virtual std::int32_t start_token() const = 0;
        virtual void each_weight(const WeightFunction& f) = 0;
    };
    template <class Model>
    static constexpr char kind_of = 0;  // its address tells the families apart, without RTTI

    template <class Model>
    struct Held final : Interface {
        Model model;

        explicit Held(Model m) : model(std::move(m)) {}
        const void* kind() const override { return &kind_of<Model>; }
        Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs) const override { return model.encode(ids, inputs); }
        Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs) const override {
            return model.decode(ids, encoded, inputs);
        }
        index_t decoder_layers() const override { return model.decoder_layers(); }
        index_t context() const override { return model.context(); }
        index_t vocab_size() const override { return model.vocab_size(); }
        std::int32_t start_token() const override { return model.start_token(); }
        void each_weight(const WeightFunction& f) override { for_each_weight(model, f); }
    };
    std::shared_ptr<Interface> held_;
};

/// As nn/module.hpp has it for modules: so a model behind the handle is trained, saved and counted as they are.
template <class F>
void for_each_weight(Seq2SeqModel& model, F&& f) {
    model.each_weight([&](const std::string& name, Weight& w) { f(name, w); });
}
template <class F>
void for_each_weight(const Seq2SeqModel& model, F&& f) {
    Seq2SeqModel(model).each_weight([&](const std::string& name, const Weight& w) { f(name, w); });
}

/// source (B, S) and target (B, T) -> logits (B, T, V). Throws what encode() and decode() do.
inline Tensor<float> forward(const Seq2SeqModel& model, const Tensor<std::int32_t>& source, const Tensor<std::int32_t>& target,
                             const Tensor<std::uint8_t>* attention_mask = nullptr) {
    return model.decode(target, model.encode(source, {attention_mask}), {attention_mask});
}

namespace detail {

// Keys and values of the encoder's output in one layer: project() makes them, unless the cache holds them already.
template <class Project>
KvCache::View<float> cross_key_value(CrossCache* cache, index_t layer, index_t layers, const Project& project) {
    if (cache == nullptr) return project();
    cache->layers.resize(static_cast<std::size_t>(layers));
    auto& held = cache->layers[static_cast<std::size_t>(layer)];
    if (held.key.storage() == nullptr) held = project();
    return held;
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
