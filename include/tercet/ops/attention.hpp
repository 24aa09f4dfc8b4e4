// Scaled dot-product attention (Vaswani et al. 2017, eq. 1), with grouped key heads (Ainslie et al. 2023), causal mask, sliding window,
// linear biases (Press et al. 2022), capped scores (Gemma Team 2024, section 2) and an additive bias. The formulas, forward and backward, stand in
// backend/cpu/attention.hpp.
#pragma once

#include "tercet/ops/matmul.hpp"
#include "tercet/ops/observer.hpp"
#include "tercet/ops/shape.hpp"
#include "tercet/ops/softmax.hpp"

#include <numeric>

namespace tercet::inline TERCET_ABI {

struct AttentionOptions {
    bool causal = false;             // query at position p sees keys up to p
    index_t window = 0;              // > 0: only keys less than `window` away, before it or, unless causal, on either side
    std::optional<double> scale{};   // of the scores; 1/√D when not given
    double softcap = 0;              // c > 0: a score becomes c · tanh(score / c), within ±c
    std::vector<double> slopes{};    // one a head: score −= slope · (position − key), ALiBi; see alibi_slopes
    std::vector<index_t> lengths{};  // packed: the one row of the batch is sequences of these lengths, one behind the other; each sees itself alone
};

/// The slopes of ALiBi (Press et al. 2022, section 3): 2^(−8/n), 2^(−16/n), … for n heads; where n is no power of two, those of the power
/// below it and then every other one of the power above.
inline std::vector<double> alibi_slopes(index_t heads) {
    require(heads >= 1, ErrorCode::invalid_argument, "alibi_slopes: ", heads, " heads");
    const auto n = static_cast<index_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
    std::vector<double> slopes;
    for (index_t h = 0; h < heads; ++h)
        slopes.push_back(std::exp2(h < n ? -8.0 * static_cast<double>(h + 1) / static_cast<double>(n)
                                         : -4.0 * static_cast<double>(2 * (h - n) + 1) / static_cast<double>(n)));
    return slopes;
}

namespace detail {

// The longest of the packed sequences; `tokens` where none are packed. Throws shape_mismatch unless they fill one row of so many tokens.
inline index_t longest_sequence(std::string_view what, std::span<const index_t> lengths, index_t batch, index_t tokens) {
    if (lengths.empty()) return tokens;
    index_t sum = 0, longest = 0;
    for (const index_t length : lengths) {
        require(length > 0 && length <= tokens - sum, ErrorCode::shape_mismatch, what, ": ", lengths.size(), " packed sequences, one of ", length,
                " tokens, do not fill ", tokens, " tokens");
        sum += length;
        longest = std::max(longest, length);
    }
    require(sum == tokens && batch == 1, ErrorCode::shape_mismatch, what, ": packed sequences of ", sum, " tokens for ", batch, " rows of ", tokens);
    return longest;
}

// Strides of (B, H, T, D) with D contiguous.
template <class P, class T>
HeadsView<P> heads_view(P* data, const Tensor<T>& x) {
    return {data, x.strides()[0], x.strides()[1], x.strides()[2]};
}

// One attention and what its backward needs of it: query (B, H, Tq, D), key and value (B, Hkv, Tk, D), off the tape, D contiguous.
template <Real T, class S>
class Attending {
public:
    Attending(const Tensor<T>& query, const Tensor<S>& key, const Tensor<S>& value, const AttentionOptions& options, const Tensor<T>& bias)
        : query_(query), key_(key), value_(value), bias_(bias.detach()), shape_(shape_of(query, key, options)), lengths_(options.lengths) {
        require(query.rank() == 4 && key.rank() == 4 && value.shape() == key.shape() && key.size(0) == query.size(0) &&
                    key.size(3) == query.size(3) && key.size(1) > 0 && query.size(1) % key.size(1) == 0,
                ErrorCode::shape_mismatch, "attention: query ", query.shape(), ", key ", key.shape(), " and value ", value.shape(), " do not fit");
        require(options.window >= 0, ErrorCode::invalid_argument, "attention: a window of ", options.window);
        require(options.softcap >= 0, ErrorCode::invalid_argument, "attention: softcap ", options.softcap, " is negative");
        require(options.slopes.empty() || options.slopes.size() == static_cast<std::size_t>(query.size(1)), ErrorCode::shape_mismatch,
                "attention: ", options.slopes.size(), " slopes for ", query.size(1), " heads");
        const index_t longest = longest_sequence("attention", lengths_, shape_.batch, shape_.query_tokens);
        require(lengths_.empty() || shape_.key_tokens == shape_.query_tokens, ErrorCode::shape_mismatch, "attention: packed sequences of ",
                shape_.query_tokens, " queries for ", shape_.key_tokens, " keys");
        if (bias.storage() != nullptr) {
            const Shape scores{shape_.batch, shape_.heads, longest, lengths_.empty() ? shape_.key_tokens : longest};
            const Shape steps = broadcast_strides(bias.shape(), bias.strides(), scores, "attention: bias");
            shape_.bias_batch = steps[0], shape_.bias_head = steps[1], shape_.bias_query = steps[2], shape_.bias_key = steps[3];
        }
        if (!options.slopes.empty()) {
            slopes_ = Tensor<T>::empty({shape_.heads});
            std::transform(options.slopes.begin(), options.slopes.end(), slopes_.mutable_data(), [](double x) { return static_cast<T>(x); });
            shape_.slopes = slopes_.device_data();
        }
    }

    /// The result (B, H, Tq, D), in memory (B, Tq, H, D). With `recorded`, what backward needs is kept.
    Tensor<T> forward(bool recorded) {
        auto y = Tensor<T>::empty({shape_.batch, shape_.query_tokens, shape_.heads, shape_.head_dim}).permute({0, 2, 1, 3});
        if (recorded) log_sums_ = Tensor<T>::empty({shape_.batch, shape_.heads, shape_.query_tokens});
        if (y.numel() > 0 && shape_.key_tokens == 0) y.fill(T(0));
        else if (y.numel() > 0) {
            T* log_sums = log_sums_.mutable_device_data();
            const auto out = heads_view(y.mutable_device_data(), y);
            for_each_sequence([&](index_t first, const AttentionShape<T>& s) {
                Device::attention(from(out, first), log_sums == nullptr ? nullptr : log_sums + first * s.heads, from(query(), first),
                                  from(key(), first), from(value(), first), s);
            });
        }
        if (recorded) y_.emplace(y);
        return y;
    }

    /// Adds to the gradients, each of which may be null; dy (B, H, Tq, D).
    void backward(const Tensor<T>& dy, const HeadsView<T>& dq, const HeadsView<T>& dk, const HeadsView<T>& dv) const {
        if (shape_.key_tokens == 0 || dy.numel() == 0) return;
        const auto dout = heads_view(dy.device_data(), dy), out = heads_view((*y_)->device_data(), **y_);
        for_each_sequence([&](index_t first, const AttentionShape<T>& s) {
            Device::attention_backward(from(dq, first), from(dk, first), from(dv, first), from(dout, first), from(out, first),
                                       log_sums_.device_data() + first * s.heads, from(query(), first), from(key(), first), from(value(), first), s);
        });
    }

private:
    static AttentionShape<T> shape_of(const Tensor<T>& query, const Tensor<S>& key, const AttentionOptions& options) {
        if (query.rank() != 4 || key.rank() != 4) return {};  // refused at once
        const index_t D = query.size(3);
        const auto scale = static_cast<T>(options.scale.value_or(1 / std::sqrt(static_cast<double>(D))));
        AttentionShape<T> shape{query.size(0), query.size(1), key.size(1), query.size(2), key.size(2), D, scale, options.causal, options.window};
        shape.softcap = static_cast<T>(options.softcap);
        return shape;
    }

    // f(where it begins, its extents) for each sequence that attends to itself: one, unless they are packed.
    template <class F>
    void for_each_sequence(const F& f) const {
        auto shape = shape_;
        shape.bias = bias_->device_data();  // asked for anew each time, so that a write to it is noticed
        if (lengths_.empty()) return f(index_t{0}, shape);
        std::vector<index_t> starts(lengths_.size());
        std::exclusive_scan(lengths_.begin(), lengths_.end(), starts.begin(), index_t{0});
        const auto one = [&](index_t i) {
            auto own = shape;
            own.query_tokens = own.key_tokens = lengths_[static_cast<std::size_t>(i)];
            f(starts[static_cast<std::size_t>(i)], own);
        };
        const auto count = static_cast<index_t>(lengths_.size());
        if (4 * *std::max_element(lengths_.begin(), lengths_.end()) <= shape_.query_tokens)
            return parallel_for(count, one);         // many: each on one thread
        for (index_t i = 0; i < count; ++i) one(i);  // few: each on all of them
    }
    // The same heads from a token on.
    template <class P>
    static HeadsView<P> from(HeadsView<P> heads, index_t token) {
        if (heads.data != nullptr) heads.data += token * heads.token_stride;
        return heads;
    }
    HeadsView<const T> query() const { return heads_view(query_->device_data(), *query_); }
    HeadsView<const S> key() const { return heads_view(key_->device_data(), *key_); }
    HeadsView<const S> value() const { return heads_view(value_->device_data(), *value_); }

    Saved<T> query_;
    Saved<S> key_, value_;
    Saved<T> bias_;
    AttentionShape<T> shape_;
    std::vector<index_t> lengths_;
    Tensor<T> slopes_, log_sums_;  // (H); (B, H, Tq), or (H, T) of one packed sequence after the other
    std::optional<Saved<T>> y_;
};

}  // namespace detail

namespace detail {

// f(options of one packed sequence, its part of the bias, where it begins, its length) for each.
template <Real T, class F>
void for_each_packed(const AttentionOptions& options, const Tensor<T>& bias, const F& f) {
    auto alone = options;
    alone.lengths.clear();
    index_t first = 0;
    for (const index_t length : options.lengths) {
        auto own = bias;
        for (const index_t d : {-2, -1})
            if (own.rank() >= -d && own.size(d) > 1) own = slice(own, d, 0, length);
        f(alone, own, first, length);
        first += length;
    }
}

}  // namespace detail

/// The probabilities that attention() weighs the values by, and never holds: (B, H, Tq, Tk), of query (B, H, Tq, D) and key (B, Hkv, Tk, D). Each op
/// has a gradient, the bias's among them. Of packed sequences, what lies between two of them is 0.
template <Real T>
Tensor<T> attention_weights(const Tensor<T>& query, const Tensor<T>& key, const AttentionOptions& options = {},
                            const Tensor<std::type_identity_t<T>>& bias = {}) {
    require(query.rank() == 4 && key.rank() == 4 && key.size(0) == query.size(0) && key.size(3) == query.size(3) && key.size(1) > 0 &&
                query.size(1) % key.size(1) == 0,
            ErrorCode::shape_mismatch, "attention_weights: query ", query.shape(), " and key ", key.shape(), " do not fit");
    require(options.window >= 0 && options.softcap >= 0, ErrorCode::invalid_argument, "attention_weights: a window of ", options.window, ", softcap ",
            options.softcap);
    require((options.slopes.empty() || options.slopes.size() == static_cast<std::size_t>(query.size(1))) &&
                (options.lengths.empty() || query.size(2) == key.size(2)),
            ErrorCode::shape_mismatch, "attention_weights: ", options.slopes.size(), " slopes for ", query.size(1), " heads, or ", query.size(2),
            " packed queries for ", key.size(2), " keys");
    const index_t H = query.size(1), Tq = query.size(2), Tk = key.size(2), group = H / key.size(1);
    if (!options.lengths.empty()) {
        detail::longest_sequence("attention_weights", options.lengths, query.size(0), Tq);
        std::vector<Tensor<T>> rows;
        detail::for_each_packed(options, bias, [&](const AttentionOptions& alone, const Tensor<T>& own, index_t first, index_t length) {
            const auto part = [&](const Tensor<T>& x) { return slice(x, 2, first, first + length); };
            const auto nothing = [&](index_t keys) { return Tensor<T>::zeros({1, H, length, keys}); };
            rows.push_back(concatenate({nothing(first), attention_weights(part(query), part(key), alone, own), nothing(Tk - first - length)}, 3));
        });
        return concatenate(rows, 2);
    }
    auto seen = Tensor<T>::zeros({Tq, Tk});
    auto slopes = Tensor<T>::zeros({static_cast<index_t>(options.slopes.size()), Tq, Tk});
    for (index_t i = 0; i < Tq; ++i)
        for (index_t j = 0; j < Tk; ++j) {
            const index_t ahead = j - (i + Tk - Tq);
            if ((options.causal && ahead > 0) || (options.window > 0 && std::abs(ahead) >= options.window))
                seen.at(i, j) = -std::numeric_limits<T>::infinity();
            for (index_t h = 0; h < slopes.size(0); ++h)
                slopes.at(h, i, j) = static_cast<T>(options.slopes[static_cast<std::size_t>(h)]) * static_cast<T>(ahead);
        }
    const auto scale = static_cast<T>(options.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(3)))));
    auto scores = matmul(query, transpose(repeat_interleave(key, group, 1))) * scale;
    if (options.softcap > 0) scores = tanh(scores * static_cast<T>(1 / options.softcap)) * static_cast<T>(options.softcap);
    scores = scores + seen;
    if (bias.storage() != nullptr) scores = scores + bias;
    if (!options.slopes.empty()) scores = scores + slopes;
    return softmax(scores);
}

namespace detail {

// The same by ops that each have a gradient, the bias among them; it holds all scores, (B, H, Tq, Tk).
template <Real T>
Tensor<T> attention_by_parts(const Tensor<T>& query, const Tensor<T>& key, const Tensor<T>& value, const AttentionOptions& options,
                             const Tensor<T>& bias) {
    if (options.lengths.empty())
        return matmul(attention_weights(query, key, options, bias), repeat_interleave(value, query.size(1) / key.size(1), 1));
    std::vector<Tensor<T>> parts;  // one sequence after the other
    for_each_packed(options, bias, [&](const AttentionOptions& alone, const Tensor<T>& own, index_t first, index_t length) {
        const auto part = [&](const Tensor<T>& x) { return slice(x, 2, first, first + length); };
        parts.push_back(attention_by_parts(part(query), part(key), part(value), alone, own));
    });
    return concatenate(parts, 2);
}

// Lets those who watch see an attention. A key in bfloat16 is shown in float.
template <class T, class S>
void observed_attention(const Tensor<T>& query, const Tensor<S>& key, const AttentionOptions& options, const Tensor<T>& bias) {
    if constexpr (std::is_same_v<T, float>)
        Observer::each([&](Observer& one) {
            if constexpr (std::is_same_v<S, float>) one.attention(query, key, options, bias);
            else one.attention(query, key.template to<float>(), options, bias);
        });
}

}  // namespace detail

/// query (B, H, Tq, D), key and value (B, Hkv, Tk, D) with Hkv a divisor of H -> (B, H, Tq, D), whose memory lies as (B, Tq, H, D) so that
/// joining the heads is a view. The last query stands at the last key. bias, if any, is added to the scores and broadcasts to (B, H, Tq, Tk), or to
/// (1, H, n, n) of the longest of packed sequences; −∞ in it masks. One that needs a gradient gets it, and costs memory for all scores. A row with
/// nothing to see gives zeros. Key and value may be bf16 beside a query in float, as a cache holds them: then nothing gets a gradient. Throws
/// shape_mismatch, invalid_argument, autograd.
template <Real T, class S>
requires std::is_same_v<S, T> ||
    (std::is_same_v<S, bf16>&& std::is_same_v<T, float>)Tensor<T> attention(const Tensor<T>& query, const Tensor<S>& key, const Tensor<S>& value,
                                                                            const AttentionOptions& options = {},
                                                                            const Tensor<std::type_identity_t<T>>& bias = {}) {
    const auto inner_contiguous = [](const auto& x) {
        return x.rank() != 4 || x.strides()[3] == 1 || x.size(3) == 1 ? x.detach() : x.detach().clone();
    };
    const bool recorded = records(query) || (std::is_same_v<S, T> && records(key, value));
    detail::Attending<T, S> attending(inner_contiguous(query), inner_contiguous(key), inner_contiguous(value), options, bias);
    detail::observed_attention(query, key, options, bias);
    if constexpr (std::is_same_v<S, T>)
        if (records(bias)) return detail::attention_by_parts(query, key, value, options, bias);
    auto y = attending.forward(recorded);
    if constexpr (!std::is_same_v<S, T>) {
        require(!recorded, ErrorCode::autograd, "attention: no gradient goes through keys and values in bfloat16");
        return y;
    } else {
        if (!recorded) return y;
        return record(
            y,
            [attending](const Tensor<T>& dy, Gradient<T>& dq, Gradient<T>& dk, Gradient<T>& dv) {
                const auto to = [](Gradient<T>& g) {
                    const Shape strides = contiguous_strides(g.shape());
                    return g ? HeadsView<T>{g.device_data(), strides[0], strides[1], strides[2]} : HeadsView<T>{};
                };
                attending.backward(dy, to(dq), to(dk), to(dv));
            },
            query, key, value);
    }
}

/// Self-attention of queries, keys and values that one product has made: x (B, T, 3 · H · D), the three side by side -> (B, T, H · D).
/// The same as attention() of its parts, without a copy on the way there or back. Throws what attention() does.
template <Real T>
Tensor<T> self_attention(const Tensor<T>& x, index_t heads, const AttentionOptions& options = {}, const Tensor<std::type_identity_t<T>>& bias = {}) {
    require(x.rank() == 3 && heads > 0 && x.size(2) % (3 * heads) == 0, ErrorCode::shape_mismatch, "attention: ", x.shape(), " does not divide into ",
            heads, " heads of query, key and value");
    const index_t B = x.size(0), tokens = x.size(1), D = x.size(2) / 3 / heads;
    const auto parts = x.detach().contiguous().reshape({B, tokens, 3, heads, D});
    const auto part = [&](index_t i) { return parts.select(2, i).permute({0, 2, 1, 3}); };  // (B, H, T, D)
    const auto query = part(0), key = part(1);
    detail::Attending<T, T> attending(query, key, part(2), options, bias);
    detail::observed_attention(query, key, options, bias);
    require(!records(bias), ErrorCode::autograd, "self_attention: the bias gets no gradient; detach() it");
    const bool recorded = records(x);
    auto y = attending.forward(recorded).permute({0, 2, 1, 3}).reshape({B, tokens, heads * D});
    if (!recorded) return y;
    return record(
        y,
        [attending, B, tokens, heads, D](const Tensor<T>& dy, Gradient<T>& dx) {
            T* to = dx.device_data();
            const index_t row = heads * D;
            const auto gradient = [&](index_t i) { return HeadsView<T>{to + i * row, tokens * 3 * row, D, 3 * row}; };
            attending.backward(dy.reshape({B, tokens, heads, D}).permute({0, 2, 1, 3}), gradient(0), gradient(1), gradient(2));
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
