// A language model's training data: windows of T tokens over one long stream, each with the same window one token later as its targets.
//
//   inputs   t_i … t_{i+T−1}          targets   t_{i+1} … t_{i+T}
#pragma once

#include "tercet/tensor/tensor.hpp"
#include "tercet/text/vocabulary.hpp"

namespace tercet::inline TERCET_ABI {

/// inputs and targets (B, T): each target is the token after its input.
struct TokenBatch {
    Tensor<TokenId> inputs, targets;
};

/// Windows over tokens that the caller keeps.
class TokenWindows {
public:
    /// Throws invalid_argument for a window of no tokens.
    TokenWindows(std::span<const TokenId> tokens, index_t context) : tokens_(tokens), context_(context) {
        require(context > 0, ErrorCode::invalid_argument, "windows of ", context, " tokens");
    }

    std::span<const TokenId> tokens() const { return tokens_; }
    index_t context() const { return context_; }
    /// How many places a window can start at.
    index_t starts() const { return std::max<index_t>(0, static_cast<index_t>(tokens_.size()) - context_); }
    /// How many windows there are one after the other, without overlap.
    index_t count() const { return std::max<index_t>(0, static_cast<index_t>(tokens_.size()) - 1) / context_; }

    /// The windows that begin at these tokens. Throws index_out_of_range where one does not fit.
    TokenBatch batch(std::span<const index_t> begins) const {
        const auto B = static_cast<index_t>(begins.size());
        TokenBatch out{Tensor<TokenId>::empty({B, context_}), Tensor<TokenId>::empty({B, context_})};
        TokenId *inputs = out.inputs.mutable_data(), *targets = out.targets.mutable_data();
        for (index_t b = 0; b < B; ++b) {
            const index_t begin = begins[static_cast<std::size_t>(b)];
            require(begin >= 0 && begin < starts(), ErrorCode::index_out_of_range, "a window of ", context_, " and one at ", begin, " of ",
                    tokens_.size(), " tokens");
            std::copy_n(tokens_.data() + begin, context_, inputs + b * context_);
            std::copy_n(tokens_.data() + begin + 1, context_, targets + b * context_);
        }
        return out;
    }

    /// These of the count() windows that lie one after the other, for an order without replacement (data/order.hpp).
    /// Throws index_out_of_range for one that is not there.
    TokenBatch windows(std::span<const index_t> numbers) const {
        std::vector<index_t> begins;
        for (const index_t number : numbers) {
            require(number >= 0 && number < count(), ErrorCode::index_out_of_range, "window ", number, " of ", count());
            begins.push_back(number * context_);
        }
        return batch(begins);
    }

    /// `rows` windows from random places, with replacement. Throws invalid_argument when no window fits.
    TokenBatch random(index_t rows, Generator& generator) const {
        require(rows > 0, ErrorCode::invalid_argument, "a batch of ", rows, " windows");
        require(starts() > 0, ErrorCode::invalid_argument, tokens_.size(), " tokens do not fill a window of ", context_, " and one");
        detail::PoolVector<index_t> begins;
        for (index_t b = 0; b < rows; ++b) begins.push_back(static_cast<index_t>(generator.below(static_cast<std::uint64_t>(starts()))));
        return batch(begins);
    }

private:
    std::span<const TokenId> tokens_;
    index_t context_;
};

}  // namespace tercet::inline TERCET_ABI
