// Scaled dot-product attention (Vaswani et al. 2017, eq. 1), with grouped key heads (Ainslie et al. 2023), causal mask, sliding window,
// linear biases (Press et al. 2022) and an additive bias. The formulas, forward and backward, stand in backend/cpu/attention.hpp.
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

struct AttentionOptions {
    bool causal = false;            // query at position p sees keys up to p
    index_t window = 0;             // > 0: only the last `window` of those
    std::optional<double> scale{};  // of the scores; 1/√D when not given
    std::vector<double> slopes{};   // one a head: score −= slope · (position − key), ALiBi; see alibi_slopes
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

// Strides of (B, H, T, D) with D contiguous.
template <class P, class T>
HeadsView<P> heads_view(P* data, const Tensor<T>& x) {
    return {data, x.strides()[0], x.strides()[1], x.strides()[2]};
}

}  // namespace detail

/// query (B, H, Tq, D), key and value (B, Hkv, Tk, D) with Hkv a divisor of H -> (B, H, Tq, D), whose memory lies as (B, Tq, H, D) so that
/// joining the heads is a view. The last query stands at the last key. bias, if any, is added to the scores and broadcasts to
/// (B, H, Tq, Tk); −∞ in it masks; it gets no gradient. A row with nothing to see gives zeros. Key and value may be bf16 beside a query in
/// float, as a cache holds them: then nothing gets a gradient. Throws shape_mismatch, invalid_argument, autograd.
template <Real T, class S>
requires std::is_same_v<S, T> ||
    (std::is_same_v<S, bf16>&& std::is_same_v<T, float>)Tensor<T> attention(const Tensor<T>& query, const Tensor<S>& key, const Tensor<S>& value,
                                                                            const AttentionOptions& options = {},
                                                                            const Tensor<std::type_identity_t<T>>& bias = {}) {
    require(query.rank() == 4 && key.rank() == 4 && value.shape() == key.shape() && key.size(0) == query.size(0) && key.size(3) == query.size(3) &&
                key.size(1) > 0 && query.size(1) % key.size(1) == 0,
            ErrorCode::shape_mismatch, "attention: query ", query.shape(), ", key ", key.shape(), " and value ", value.shape(), " do not fit");
    require(options.window >= 0 && (options.window == 0 || options.causal), ErrorCode::invalid_argument, "attention: a window of ", options.window,
            " needs causal attention");
    require(options.slopes.empty() || options.slopes.size() == static_cast<std::size_t>(query.size(1)), ErrorCode::shape_mismatch,
            "attention: ", options.slopes.size(), " slopes for ", query.size(1), " heads");
    const auto inner_contiguous = [](const auto& x) { return x.strides()[3] == 1 || x.size(3) == 1 ? x.detach() : x.detach().clone(); };
    const auto q = inner_contiguous(query), k = inner_contiguous(key), v = inner_contiguous(value);
    const index_t B = q.size(0), H = q.size(1), Tq = q.size(2), Tk = k.size(2), D = q.size(3);
    AttentionShape<T> s{
        B, H, k.size(1), Tq, Tk, D, static_cast<T>(options.scale.value_or(1 / std::sqrt(static_cast<double>(D)))), options.causal, options.window};
    const auto kept_bias = bias.detach();
    if (bias.storage() != nullptr) {
        const Shape steps = broadcast_strides(bias.shape(), bias.strides(), {B, H, Tq, Tk}, "attention: bias");
        require(!bias.needs_grad() || !grad_enabled(), ErrorCode::autograd, "attention: the bias gets no gradient; detach() it");
        s.bias = kept_bias.data();
        s.bias_batch = steps[0], s.bias_head = steps[1], s.bias_query = steps[2], s.bias_key = steps[3];
    }
    auto slopes = Tensor<T>();  // (H)
    if (!options.slopes.empty()) {
        slopes = Tensor<T>::empty({H});
        std::transform(options.slopes.begin(), options.slopes.end(), slopes.mutable_data(), [](double x) { return static_cast<T>(x); });
        s.slopes = slopes.data();
    }
    const bool recorded = records(query) || (std::is_same_v<S, T> && records(key, value));
    auto y = Tensor<T>::empty({B, Tq, H, D}).permute({0, 2, 1, 3});
    auto log_sums = recorded ? Tensor<T>::empty({B, H, Tq}) : Tensor<T>();
    if (y.numel() > 0) {
        if (Tk == 0) y.fill(T(0));
        else
            Device::attention(detail::heads_view(y.mutable_data(), y), log_sums.mutable_data(), detail::heads_view(q.data(), q),
                              detail::heads_view(k.data(), k), detail::heads_view(v.data(), v), s);
    }
    if constexpr (!std::is_same_v<S, T>) {
        require(!recorded, ErrorCode::autograd, "attention: no gradient goes through keys and values in bfloat16");
        return y;
    } else
        return record(
            y,
            [qs = save(q), ks = save(k), vs = save(v), ys = save(y), bs = save(kept_bias), slopes, log_sums, given = s](
                const Tensor<T>& dy, Gradient<T>& dq, Gradient<T>& dk, Gradient<T>& dv) {
                const auto to = [](Gradient<T>& g) {
                    const Shape strides = contiguous_strides(g.shape());
                    return g ? HeadsView<T>{g.data(), strides[0], strides[1], strides[2]} : HeadsView<T>{};
                };
                const auto gq = to(dq), gk = to(dk), gv = to(dv);
                auto shape = given;
                shape.bias = bs->data();  // the same place: asked for again, so that a write to it is noticed
                if (shape.key_tokens == 0 || dy.numel() == 0) return;
                const auto dout = dy.contiguous();
                Device::attention_backward(gq, gk, gv, detail::heads_view(dout.data(), dout), detail::heads_view(ys->data(), *ys), log_sums.data(),
                                           detail::heads_view(qs->data(), *qs), detail::heads_view(ks->data(), *ks),
                                           detail::heads_view(vs->data(), *vs), shape);
            },
            query, key, value);
}

}  // namespace tercet::inline TERCET_ABI
