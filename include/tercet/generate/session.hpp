// A session: one caller's use of a model that many share. It owns the key-value cache; the model stays const.
#pragma once

#include "tercet/models/auto.hpp"

namespace tercet::inline TERCET_ABI {

class Session {
public:
    /// A cache in float, or in bf16: half the memory, and values rounded to 8 bits. Throws dtype_mismatch for other types.
    explicit Session(const CausalModel& model, DType cache_type = DType::f32) : model_(&model), cache_(layers(model), cache_type) {}

    /// Tokens in the cache.
    index_t size() const { return cache_.size(); }

    /// Takes in more tokens and gives the logits (V) after the last of them. Long prompts go through in pieces, between which a stop is
    /// noticed. Throws invalid_argument for no tokens, index_out_of_range for an id outside the vocabulary, context_overflow, cancelled.
    Tensor<float> feed(std::span<const std::int32_t> ids, const std::stop_token& stop = {}) {
        const NoGrad guard;
        require(!ids.empty(), ErrorCode::invalid_argument, "generate: the prompt is empty");
        const index_t context_size = context(*model_), total = cache_.size() + static_cast<index_t>(ids.size());
        require(context_size == 0 || total <= context_size, ErrorCode::context_overflow, "generate: ", total, " tokens, the model's context holds ",
                context_size);
        for (const auto id : ids)
            require(id >= 0 && id < vocab_size(*model_), ErrorCode::index_out_of_range, "generate: token id ", id,
                    " is outside the model's vocabulary of ", vocab_size(*model_));
        Tensor<float> logits;
        constexpr std::size_t piece = 512;
        for (std::size_t begin = 0; begin < ids.size(); begin += piece) {
            require(!stop.stop_requested(), ErrorCode::cancelled, "generate: cancelled");
            const auto part = ids.subspan(begin, std::min(piece, ids.size() - begin));
            const auto row = Tensor<std::int32_t>::copy(part, {1, static_cast<index_t>(part.size())});
            logits = forward(*model_, row, {.cache = &cache_, .last_only = true});
        }
        return logits.reshape({-1});
    }

    KvCache& cache() { return cache_; }
    const CausalModel& model() const { return *model_; }

private:
    const CausalModel* model_;
    KvCache cache_;
};

}  // namespace tercet::inline TERCET_ABI
