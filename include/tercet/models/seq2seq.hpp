// An encoder-decoder model of any family behind one name (Sutskever et al. 2014; Vaswani et al. 2017, section 3.1): the encoder reads a text, the
// decoder writes another one, and attends to both.
//
//   encoded = encode(source)                  (B, S, C)
//   logits  = decode(target, encoded)         (B, T, V), position t tells of target t + 1
#pragma once

#include "tercet/models/handle.hpp"
#include "tercet/nn/kv_cache.hpp"

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

namespace detail {

struct HeldSeq2Seq : HeldModel {
    virtual Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs) const = 0;
    virtual Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs) const = 0;
    virtual index_t decoder_layers() const = 0;
    virtual index_t context() const = 0;
    virtual index_t vocab_size() const = 0;
    virtual std::int32_t start_token() const = 0;
};
template <class Family>
struct HeldEncoderDecoder final : Held<HeldSeq2Seq, Family> {
    using Held<HeldSeq2Seq, Family>::Held, Held<HeldSeq2Seq, Family>::model;

    Tensor<float> encode(const Tensor<std::int32_t>& ids, const EncodeInputs& inputs) const override { return model.encode(ids, inputs); }
    Tensor<float> decode(const Tensor<std::int32_t>& ids, const Tensor<float>& encoded, const DecodeInputs& inputs) const override {
        return model.decode(ids, encoded, inputs);
    }
    index_t decoder_layers() const override { return model.decoder_layers(); }
    index_t context() const override { return model.context(); }
    index_t vocab_size() const override { return model.vocab_size(); }
    std::int32_t start_token() const override { return model.start_token(); }
};

}  // namespace detail

/// A handle on any struct with encode(), decode(), decoder_layers(), context(), vocab_size(), start_token() and visit().
class Seq2SeqModel : public ModelHandle<detail::HeldSeq2Seq> {
public:
    template <class Family>
    requires(!std::is_same_v<Family, Seq2SeqModel>) Seq2SeqModel(Family model)
        : ModelHandle(std::make_shared<detail::HeldEncoderDecoder<Family>>(std::move(model))) {}

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

private:
    static void check(const Tensor<std::int32_t>& ids, const Tensor<std::uint8_t>* mask, const Shape& source) {
        require(ids.rank() == 2 && ids.numel() > 0, ErrorCode::invalid_argument, "forward: ids must be (batch, tokens) with at least one token, not ",
                ids.shape());
        require(mask == nullptr || mask->shape() == source, ErrorCode::shape_mismatch, "forward: the attention mask does not fit the source ",
                source);
    }
};

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
