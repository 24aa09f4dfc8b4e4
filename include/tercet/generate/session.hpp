// A session: one caller's use of a model that many share. It owns the key-value cache; the model stays const.
#pragma once

#include "tercet/models/auto.hpp"

namespace tercet::inline TERCET_ABI {

class Session {
public:
    /// A cache in float, or in bf16: half the memory, and values rounded to 8 bits. Throws dtype_mismatch for other types.
    explicit Session(CausalModel model, DType cache_type = DType::f32) : model_(std::move(model)), cache_(layers(*model_), cache_type) {}

    /// Of an encoder-decoder, which reads the source here; what is fed are the decoder's tokens. Throws invalid_argument for no tokens,
    /// index_out_of_range, context_overflow, dtype_mismatch.
    Session(Seq2SeqModel model, std::span<const std::int32_t> source, DType cache_type = DType::f32)
        : seq2seq_(std::move(model)), cache_(seq2seq_->decoder_layers(), cache_type) {
        const NoGrad guard;
        encoded_ = seq2seq_->encode(Tensor<std::int32_t>::copy(source, {1, static_cast<index_t>(source.size())}));
    }

    /// Tokens in the cache.
    index_t size() const { return cache_.size(); }
    /// Positions the model was made for; 0 where there is no end to them.
    index_t context() const { return model_ ? model_->context() : seq2seq_->context(); }
    index_t vocab_size() const { return model_ ? model_->vocab_size() : seq2seq_->vocab_size(); }

    /// Whether so many more tokens make what is in the cache worthless: then truncate it to none, and feed all tokens again.
    bool must_reread(index_t more) const { return model_ && model_->must_reread(size(), size() + more); }

    /// Takes in more tokens and gives the logits (V) after the last of them. Long prompts go through in pieces, between which a stop is
    /// noticed. Throws invalid_argument for no tokens, index_out_of_range for an id outside the vocabulary, context_overflow, cancelled.
    Tensor<float> feed(std::span<const std::int32_t> ids, const std::stop_token& stop = {}) {
        const NoGrad guard;
        check_ids(ids);
        Tensor<float> logits;
        constexpr std::size_t piece = 512;
        for (std::size_t begin = 0; begin < ids.size(); begin += piece) {
            require(!stop.stop_requested(), ErrorCode::cancelled, "generate: cancelled");
            const auto part = ids.subspan(begin, std::min(piece, ids.size() - begin));
            logits = logits_after(Tensor<std::int32_t>::copy(part, {1, static_cast<index_t>(part.size())}), true);
        }
        return logits.reshape({-1});
    }

    /// The same, and the logits (T, V) after each of them.
    Tensor<float> feed_all(std::span<const std::int32_t> ids) {
        const NoGrad guard;
        check_ids(ids);
        const auto count = static_cast<index_t>(ids.size());
        return logits_after(Tensor<std::int32_t>::copy(ids, {1, count}), false).reshape({count, vocab_size()}).contiguous();
    }

    /// More tokens for each row of the batch, (B, T) -> logits (B, V) after the last.
    Tensor<float> step(const Tensor<std::int32_t>& newest) {
        const NoGrad guard;
        return logits_after(newest, true).reshape({newest.size(0), vocab_size()}).contiguous();
    }

    /// The rows of the batch in another order, or some of them several times: what beam search needs after each step.
    void reorder(std::span<const index_t> rows) {
        cache_.reorder(rows);
        const auto count = static_cast<index_t>(rows.size());
        const auto spread = [&](Tensor<float>& x) {  // all rows read the same source
            auto shape = x.shape();
            shape[0] = count;
            x = x.slice(0, 0, 1).expand(shape);
        };
        if (seq2seq_) spread(encoded_);
        for (auto& layer : cross_.layers) spread(layer.key), spread(layer.value);
    }

    KvCache& cache() { return cache_; }

private:
    void check_ids(std::span<const std::int32_t> ids) const {
        require(!ids.empty(), ErrorCode::invalid_argument, "generate: the prompt is empty");
        const index_t context_size = context(), total = cache_.size() + static_cast<index_t>(ids.size());
        require(context_size == 0 || total <= context_size, ErrorCode::context_overflow, "generate: ", total, " tokens, the model's context holds ",
                context_size);
        for (const auto id : ids)
            require(id >= 0 && id < vocab_size(), ErrorCode::index_out_of_range, "generate: token id ", id, " is outside the model's vocabulary of ",
                    vocab_size());
    }
    Tensor<float> logits_after(const Tensor<std::int32_t>& ids, bool last_only) {
        if (model_) return (*model_)(ids, {.cache = &cache_, .last_only = last_only});
        return seq2seq_->decode(ids, encoded_, {.cache = &cache_, .cross = &cross_, .last_only = last_only});
    }

    std::optional<CausalModel> model_;
    std::optional<Seq2SeqModel> seq2seq_;
    Tensor<float> encoded_{};  // (1, S, C), then a row for each beam
    CrossCache cross_{};
    KvCache cache_;
};

}  // namespace tercet::inline TERCET_ABI
