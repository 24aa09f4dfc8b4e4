// What an encoder reads and gives, whatever its family: a batch padded to its longest sequence, or packed.
//
//   padded   ids (B, T), and a mask that is 0 behind the end of the shorter sequences
//   packed   ids (1, N): the sequences one behind the other, without padding, and their lengths. Each sees itself alone (Krell et al. 2021,
//   "Efficient
//            Sequence Packing without Cross-contamination"), and no work is done on padding.
#pragma once

#include "tercet/nn/attention.hpp"
#include "tercet/ops/dropout.hpp"
#include "tercet/ops/index.hpp"
#include "tercet/ops/reduce.hpp"

#include <algorithm>
#include <numeric>

namespace tercet::inline TERCET_ABI {

/// What the encoder reads besides the ids.
struct EncoderInputs {
    const Tensor<std::uint8_t>* attention_mask = nullptr;  // (B, T), 0 for padding; all tokens when absent
    const Tensor<std::int32_t>* type_ids = nullptr;        // (B, T), zeros when absent
    bool hidden_states = false;
    std::span<const index_t> lengths{};  // packed: of each sequence in the one row of ids
    Generator* training = nullptr;       // in training: the model's dropout draws from it
};

struct EncoderOutputs {
    Tensor<float> last_hidden_state;             // (B, T, C)
    Tensor<float> pooler_output{};               // (B, C), empty without a pooler; B sequences where they are packed
    std::vector<Tensor<float>> hidden_states{};  // the embeddings and each block's output, when asked for
    Tensor<float> logits{};                      // of the head; empty without one
};

/// Throws context_overflow for a sequence of more tokens than there are positions, shape_mismatch for a mask, types or lengths that do not fit the
/// ids.
inline void check_inputs(std::string_view what, const Tensor<std::int32_t>& ids, const EncoderInputs& inputs, index_t context) {
    require(ids.rank() == 2, ErrorCode::shape_mismatch, what, ": ids must be (batch, tokens), not ", ids.shape());
    require(inputs.lengths.empty() || inputs.attention_mask == nullptr, ErrorCode::shape_mismatch, what, ": packed sequences need no mask");
    const index_t longest = detail::longest_sequence(what, inputs.lengths, ids.size(0), ids.size(1));
    require(longest <= context, ErrorCode::context_overflow, what, ": ", longest, " tokens, the model's context holds ", context);
    require(inputs.attention_mask == nullptr || inputs.attention_mask->shape() == ids.shape(), ErrorCode::shape_mismatch, what,
            ": the attention mask does not fit ids ", ids.shape());
    require(inputs.type_ids == nullptr || inputs.type_ids->shape() == ids.shape(), ErrorCode::shape_mismatch, what, ": the type ids do not fit ids ",
            ids.shape());
}

/// What an encoder's layers share in one forward pass.
struct EncoderContext {
    Tensor<float> bias{};          // on the scores, as attention() takes it; or none
    AttentionOptions attention{};  // with the lengths of packed sequences
    double dropout = 0;            // of the embeddings and of each branch
    Generator* training = nullptr;

    EncoderContext(const EncoderInputs& inputs, double p) : dropout(p), training(inputs.training) {
        if (inputs.attention_mask != nullptr) bias = padding_bias(*inputs.attention_mask);
        attention.lengths.assign(inputs.lengths.begin(), inputs.lengths.end());
    }

    bool drops() const { return training != nullptr && dropout > 0; }
    Tensor<float> drop(const Tensor<float>& x) const { return drops() ? tercet::dropout(x, dropout, *training) : x; }
};

/// The positions of tokens in their sequences, 0, 1, …: of T, or of each of the packed ones.
inline std::vector<index_t> token_positions(const EncoderInputs& inputs, index_t tokens) {
    if (!inputs.lengths.empty()) return packed_positions(inputs.lengths);
    std::vector<index_t> positions(static_cast<std::size_t>(tokens));
    std::iota(positions.begin(), positions.end(), index_t{0});
    return positions;
}

/// The first token of each sequence: x (B, T, C) -> (B, C), or (sequences, C) where they are packed.
inline Tensor<float> first_tokens(const Tensor<float>& x, const EncoderInputs& inputs) {
    if (inputs.lengths.empty()) return select(x, 1, 0);
    auto starts = Tensor<std::int64_t>::zeros({static_cast<index_t>(inputs.lengths.size())});
    std::exclusive_scan(inputs.lengths.begin(), inputs.lengths.end(), starts.mutable_data(), std::int64_t{0});
    return index_select(select(x, 0, 0), 0, starts);
}

/// The mean of each sequence's tokens, padding left out: x (B, T, C) -> (B, C), or (sequences, C) where they are packed.
inline Tensor<float> mean_of_tokens(const Tensor<float>& x, const EncoderInputs& inputs) {
    if (inputs.attention_mask != nullptr) {
        const auto mask = inputs.attention_mask->to<float>();  // (B, T)
        return sum(x * unsqueeze(mask, 2), {1}) / sum(mask, {1}, true);
    }
    if (inputs.lengths.empty()) return mean(x, {1});
    // A row of shares for each sequence: 1/n at its own n tokens.
    auto shares = Tensor<float>::zeros({static_cast<index_t>(inputs.lengths.size()), x.size(1)});
    float* row = shares.mutable_data();
    for (const index_t length : inputs.lengths) {
        std::fill_n(row, length, 1.0f / static_cast<float>(length));
        row += x.size(1) + length;  // the next row, behind these tokens
    }
    return matmul(shares, select(x, 0, 0));
}

}  // namespace tercet::inline TERCET_ABI
