// Encodings: what a tokenizer gives for a text, and what is done to it afterwards: special tokens put around it, truncation,
// windows over what was cut off, padding. The rules are those of tokenizer.json's "post_processor", "truncation" and "padding".
#pragma once

#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace tercet::inline TERCET_ABI {

/// The tokens of one text or pair of texts, in parallel lists.
struct Encoding {
    std::vector<TokenId> ids;
    std::vector<TokenId> type_ids;                     // 0 for the first text, 1 for the second, or as the template says
    std::vector<std::pair<index_t, index_t>> offsets;  // [begin, end) in code points of the text the token is from; (0, 0) for added ones
    std::vector<std::uint8_t> special_tokens_mask;     // 1 where the token was added around the text
    std::vector<std::uint8_t> attention_mask;          // 0 where the token is padding

    std::size_t size() const { return ids.size(); }

    void push_back(TokenId id, TokenId type, std::pair<index_t, index_t> offset, bool special) {
        ids.push_back(id);
        type_ids.push_back(type);
        offsets.push_back(offset);
        special_tokens_mask.push_back(special);
        attention_mask.push_back(1);
    }

    /// The tokens [begin, end).
    Encoding slice(std::size_t begin, std::size_t end) const {
        Encoding out;
        const auto part = [&](const auto& from, auto& to) {
            to.assign(from.begin() + static_cast<std::ptrdiff_t>(begin), from.begin() + static_cast<std::ptrdiff_t>(end));
        };
        part(ids, out.ids);
        part(type_ids, out.type_ids);
        part(offsets, out.offsets);
        part(special_tokens_mask, out.special_tokens_mask);
        part(attention_mask, out.attention_mask);
        return out;
    }
};

enum class Truncation : std::uint8_t { longest_first, only_first, only_second };

struct PadOptions {
    index_t length = 0;       // pad to this many tokens; 0: to the longest of the batch
    index_t multiple_of = 0;  // then up to a multiple of this; 0: leave
    bool left = false;
    TokenId id = 0, type_id = 0;
};

/// Pads each encoding to one length; longer ones are left as they are. Throws invalid_argument for a negative length.
inline void pad(std::span<Encoding> batch, const PadOptions& options = {}) {
    require(options.length >= 0 && options.multiple_of >= 0, ErrorCode::invalid_argument, "pad: length ", options.length, ", multiple of ",
            options.multiple_of);
    auto length = static_cast<std::size_t>(options.length);
    if (length == 0) {
        for (const auto& encoding : batch) length = std::max(length, encoding.size());
    }
    if (const auto multiple = static_cast<std::size_t>(options.multiple_of)) {
        if (const std::size_t rest = length % multiple) length = checked_add(length, multiple - rest, "pad");
    }
    for (auto& encoding : batch) {
        if (encoding.size() >= length) continue;
        const std::size_t missing = length - encoding.size();
        const auto fill = [&](auto& list, auto value) { list.insert(options.left ? list.begin() : list.end(), missing, value); };
        fill(encoding.ids, options.id);
        fill(encoding.type_ids, options.type_id);
        fill(encoding.offsets, std::pair<index_t, index_t>{0, 0});
        fill(encoding.special_tokens_mask, std::uint8_t{1});
        fill(encoding.attention_mask, std::uint8_t{0});
    }
}

namespace detail::text {

/// One place of a template: the first text, the second, or added tokens.
struct TemplatePiece {
    int sequence = -1;         // 0 or 1, or -1 for tokens
    std::vector<TokenId> ids;  // when sequence is -1
    TokenId type_id = 0;
};

using Template = std::vector<TemplatePiece>;

/// One text, or a pair of them, each with a token in front and behind where there is one.
inline Template ends_template(TokenId front, TokenId behind, bool pair) {
    Template out;
    for (const int sequence : {0, 1}) {
        if (sequence == 1 && !pair) break;
        if (front != no_token) out.push_back({-1, {front}, sequence});
        out.push_back({sequence, {}, sequence});
        if (behind != no_token) out.push_back({-1, {behind}, sequence});
    }
    return out;
}

inline std::size_t added_tokens(const Template& pieces) {
    std::size_t count = 0;
    for (const auto& piece : pieces) count += piece.ids.size();
    return count;
}

// An empty template is the default: the texts one after the other, the second with type 1.
inline Encoding apply_template(const Template& pieces, const Encoding& first, const Encoding* second, bool add_special) {
    Encoding out;
    const auto append = [&](const Encoding& part, TokenId type) {
        const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        add(out.ids, part.ids);
        out.type_ids.insert(out.type_ids.end(), part.size(), type);
        add(out.offsets, part.offsets);
        add(out.special_tokens_mask, part.special_tokens_mask);
        add(out.attention_mask, part.attention_mask);
    };
    if (pieces.empty()) {
        append(first, 0);
        if (second) append(*second, 1);
        return out;
    }
    for (const auto& piece : pieces) {
        if (piece.sequence == 0) append(first, piece.type_id);
        else if (piece.sequence == 1 && second) append(*second, piece.type_id);
        else if (piece.sequence < 0 && add_special)
            for (const TokenId id : piece.ids) out.push_back(id, piece.type_id, {0, 0}, true);
    }
    return out;
}

// How many tokens of each text stay. Longest first: both are cut to equal halves unless one is shorter than its half.
inline std::pair<std::size_t, std::size_t> truncated_sizes(std::size_t n1, std::size_t n2, bool pair, std::size_t limit, Truncation strategy) {
    if (limit == 0) return {0, 0};
    if (n1 + n2 <= limit) return {n1, n2};
    const std::size_t excess = n1 + n2 - limit;
    if (strategy == Truncation::longest_first) {
        if (!pair) return {limit, 0};
        const bool swapped = n1 > n2;
        if (swapped) std::swap(n1, n2);
        n2 = n1 > limit ? n1 : std::max(n1, limit - n1);
        if (n1 + n2 > limit) {
            n1 = limit / 2;
            n2 = n1 + limit % 2;
        }
        if (swapped) std::swap(n1, n2);
        return {n1, n2};
    }
    const bool first = strategy == Truncation::only_first;
    require(first || pair, ErrorCode::invalid_argument, "truncation: only_second without a second text");
    auto& target = first ? n1 : n2;
    require(target > excess, ErrorCode::invalid_argument, "truncation: the ", first ? "first" : "second", " text has ", target, " tokens, ", excess,
            " would have to go");
    target -= excess;
    return {n1, n2};
}

// The windows of `limit` tokens that overlap by `stride`, from the front, or from the back when cutting on the left.
inline std::vector<std::pair<std::size_t, std::size_t>> windows(std::size_t size, std::size_t limit, std::size_t stride, bool left) {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    if (limit >= size) return {{0, size}};
    if (limit == 0) return {{0, 0}, {0, size}};
    const std::size_t step = limit - stride;
    if (left) {
        for (std::size_t stop = size;; stop -= step) {
            const std::size_t begin = stop < limit ? 0 : stop - limit;
            out.emplace_back(begin, stop);
            if (begin == 0) return out;
        }
    }
    for (std::size_t begin = 0;; begin += step) {
        const std::size_t stop = std::min(begin + limit, size);
        out.emplace_back(begin, stop);
        if (stop == size) return out;
    }
}

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
