// MPNet (Song et al. 2020): RoBERTa's encoder and heads with a learnt bias for relative positions besides, under other names.
#pragma once

#include "tercet/models/roberta.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// A block of BERT by MPNet's names.
template <class Block>
struct MpNetNames {
    Block& block;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        auto& b = self.block;
        v("attention.attn.q", b.self.query);
        v("attention.attn.k", b.self.key);
        v("attention.attn.v", b.self.value);
        v("attention.attn.o", b.attention_output.dense);
        v("attention.LayerNorm", b.attention_output.layer_norm);
        v("intermediate.dense", b.intermediate);
        v("output", b.output);
    }
};

}  // namespace detail

/// An MPNet encoder. Names of its weights: embeddings.word_embeddings.weight, encoder.layer.0.attention.attn.q.weight, …
struct MpNet : Bert {
    using Bert::Bert;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("embeddings.word_embeddings", self.word_embeddings);
        v("embeddings.position_embeddings", self.position_embeddings);
        v("embeddings.LayerNorm", self.embedding_norm);
        for (std::size_t i = 0; i < self.blocks.size(); ++i) {
            detail::MpNetNames<std::remove_reference_t<decltype(self.blocks[i])>> names{self.blocks[i]};
            v("encoder.layer." + std::to_string(i), names);
        }
        v("encoder.relative_attention_bias", self.relative_attention_bias);
        v("pooler.dense", self.pooler);
    }
};

}  // namespace tercet::inline TERCET_ABI
