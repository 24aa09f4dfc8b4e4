// Texts packed for a forward pass: their tokens one behind the other, without padding, and how many each has (Krell et al. 2021, "Efficient Sequence
// Packing without Cross-contamination"). A model that is given the lengths lets each sequence see itself alone, and does no work on padding.
//
//   ids (1, N) = [a b c | d e | f g h i],  lengths = {3, 2, 4}
#pragma once

#include "tercet/tensor/tensor.hpp"
#include "tercet/text/tokenizer.hpp"

#include <algorithm>
#include <numeric>

namespace tercet::inline TERCET_ABI {

struct PackedTexts {
    Tensor<std::int32_t> ids{}, type_ids{};  // (1, N)
    std::vector<index_t> lengths;            // of each text
};

namespace detail {

// How many tokens each of these texts has. Throws index_out_of_range, and invalid_argument for one without tokens.
template <class Text>
std::vector<index_t> lengths_to_pack(std::span<const Text> texts, std::span<const index_t> which) {
    std::vector<index_t> lengths;
    for (const index_t i : which) {
        require(i >= 0 && i < static_cast<index_t>(texts.size()), ErrorCode::index_out_of_range, "pack: text ", i, " of ", texts.size());
        lengths.push_back(static_cast<index_t>(texts[static_cast<std::size_t>(i)].size()));
        require(lengths.back() > 0, ErrorCode::invalid_argument, "pack: text ", i, " has no tokens");
    }
    return lengths;
}

}  // namespace detail

/// These of the texts, in this order. Throws index_out_of_range, and invalid_argument for one without tokens.
inline PackedTexts pack_texts(std::span<const Encoding> texts, std::span<const index_t> which) {
    PackedTexts out{.lengths = detail::lengths_to_pack(texts, which)};
    const index_t tokens = std::accumulate(out.lengths.begin(), out.lengths.end(), index_t{0});
    out.ids = Tensor<std::int32_t>::empty({1, tokens});
    out.type_ids = Tensor<std::int32_t>::empty({1, tokens});
    std::int32_t *id = out.ids.mutable_data(), *type = out.type_ids.mutable_data();
    for (const index_t i : which) {
        const auto& text = texts[static_cast<std::size_t>(i)];
        id = std::copy(text.ids.begin(), text.ids.end(), id);
        type = std::copy(text.type_ids.begin(), text.type_ids.end(), type);
    }
    return out;
}

/// The numbers begin, begin + 1, …, at most `batch` of them and below `count`: the next batch in order.
inline std::vector<index_t> next_in_order(index_t begin, index_t batch, index_t count) {
    std::vector<index_t> which(static_cast<std::size_t>(std::clamp<index_t>(count - begin, 0, batch)));
    std::iota(which.begin(), which.end(), begin);
    return which;
}

/// The texts' encodings, each of at most that many tokens. Throws bad_text.
inline std::vector<Encoding> encode_texts(const Tokenizer& tokenizer, std::span<const std::string> texts, index_t max_length) {
    EncodeOptions how;
    how.max_length = max_length;
    std::vector<Encoding> out;
    for (const auto& text : texts) out.push_back(tokenizer.encode(text, how));
    return out;
}

}  // namespace tercet::inline TERCET_ABI
