// MPNet (Song et al. 2020): RoBERTa's encoder and heads with a learnt bias for relative positions besides, under other names.
#pragma once

#include "tercet/models/roberta.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// A block of BERT by MPNet's names.
struct MpNetBlock {
    template <class Block, class Visitor>
    static void visit(Block& b, Visitor&& v) {
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
        detail::visit_blocks_as<detail::MpNetBlock>(self.blocks, "encoder.layer.", v);
        v("encoder.relative_attention_bias", self.relative_attention_bias);
        v("pooler.dense", self.pooler);
    }
};

}  // namespace tercet::inline TERCET_ABI
