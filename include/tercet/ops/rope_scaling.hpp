// Longer contexts than a model was trained on: ways to slow its rotary frequencies down (ops/rope.hpp), as published checkpoints ask for them.
//
//   linear      f / s                                                                      Chen et al. 2023, "position interpolation"
//   dynamic     θ grows with the tokens at hand, past the context it was made for            the "NTK-aware" base of bloc97 and emozilla, 2023
//   llama3      f / s for long waves, f for short ones, blended between                    Dubey et al. 2024 (code of Llama 3.1)
//   yarn        the same by channel, and cosines and sines scaled                          Peng et al. 2023, sections 3.2 and 3.4
//   factors     f / s_i, one s for each pair of channels, another past the context         Ding et al. 2024, "LongRoPE"
#pragma once

#include "tercet/ops/rope.hpp"

#include <numeric>
#include <variant>

namespace tercet::inline TERCET_ABI {

struct RopeLinear {
    double factor;
};
struct RopeDynamic {
    double factor, context;  // the base grows for sequences longer than `context`
};
struct RopeLlama3 {
    double factor, low_freq_factor, high_freq_factor, original_context;
};
struct RopeYarn {
    double factor, original_context;
    double beta_fast = 32, beta_slow = 1;  // turns over the original context above which a wave is short, below which it is long
    bool whole_channels = true;            // the two borders fall between channels
    double attention_factor = 0;           // of cosines and sines; 0: 0.1 ln s + 1
};
struct RopeFactors {
    std::vector<double> within, beyond;  // (D/2): for up to original_context tokens, and for more
    double original_context = 0, attention_factor = 1;
};
using RopeScaling = std::variant<std::monostate, RopeLinear, RopeDynamic, RopeLlama3, RopeYarn, RopeFactors>;

/// What a config says of a model's rotary positions.
struct RopeConfig {
    index_t channels = 0;  // that are turned, the first of each head
    double theta = 10000;
    RopeScaling scaling{};
};

namespace detail {

inline constexpr double two_pi = 6.283185307179586;

inline RopeTable scaled(const RopeConfig& c, std::monostate, index_t) {
    return rope_frequencies(c.channels, c.theta);
}

inline RopeTable scaled(const RopeConfig& c, const RopeLinear& s, index_t) {
    auto table = rope_frequencies(c.channels, c.theta);
    for (double& f : table.frequencies) f /= s.factor;
    return table;
}

inline RopeTable scaled(const RopeConfig& c, const RopeDynamic& s, index_t tokens) {
    const auto channels = static_cast<double>(c.channels), length = std::max(static_cast<double>(tokens), s.context);
    const double growth = s.factor * length / s.context - (s.factor - 1);
    return rope_frequencies(c.channels, c.channels == 2 ? c.theta : c.theta * std::pow(growth, channels / (channels - 2)));
}

inline RopeTable scaled(const RopeConfig& c, const RopeLlama3& s, index_t) {
    auto table = rope_frequencies(c.channels, c.theta);
    for (double& f : table.frequencies) {
        const double turns = s.original_context * f / two_pi;  // over the original context
        if (turns < s.low_freq_factor) {
            f /= s.factor;
        } else if (turns <= s.high_freq_factor) {
            const double blend = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
            f = (1 - blend) * f / s.factor + blend * f;
        }
    }
    return table;
}

inline RopeTable scaled(const RopeConfig& c, const RopeYarn& s, index_t) {
    auto table = rope_frequencies(c.channels, c.theta);
    // The channel whose wave turns so often over the original context.
    const auto channel_of = [&](double turns) {
        return static_cast<double>(c.channels) * std::log(s.original_context / (turns * two_pi)) / (2 * std::log(c.theta));
    };
    double first = channel_of(s.beta_fast), last = channel_of(s.beta_slow);
    if (s.whole_channels) first = std::floor(first), last = std::ceil(last);
    first = std::max(first, 0.0), last = std::min(last, static_cast<double>(c.channels - 1));
    if (first == last) last += 0.001;
    for (std::size_t i = 0; i < table.frequencies.size(); ++i) {
        const double slowed = std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
        table.frequencies[i] *= slowed / s.factor + (1 - slowed);
    }
    table.scale = s.attention_factor > 0 ? s.attention_factor : s.factor <= 1 ? 1 : 0.1 * std::log(s.factor) + 1;
    return table;
}

inline RopeTable scaled(const RopeConfig& c, const RopeFactors& s, index_t tokens) {
    auto table = rope_frequencies(c.channels, c.theta);
    const auto& factors = static_cast<double>(tokens) > s.original_context ? s.beyond : s.within;
    require(factors.size() == table.frequencies.size(), ErrorCode::shape_mismatch, "rope: ", factors.size(), " factors for ",
            table.frequencies.size(), " pairs of channels");
    for (std::size_t i = 0; i < factors.size(); ++i) table.frequencies[i] /= factors[i];
    table.scale = s.attention_factor;
    return table;
}

}  // namespace detail

/// The frequencies of a model's rotary positions for a sequence of so many tokens, those in the cache among them. Throws invalid_argument for an odd
/// number of channels, shape_mismatch for factors of another number.
inline RopeTable rope_table(const RopeConfig& config, index_t tokens = 0) {
    return std::visit([&](const auto& scaling) { return detail::scaled(config, scaling, tokens); }, config.scaling);
}

/// A model's rotary positions: the table made once, or anew for each length where the scaling asks for that.
class Rotary {
public:
    Rotary() = default;
    explicit Rotary(RopeConfig config)
        : config_(std::move(config)),
          grows_(std::holds_alternative<RopeDynamic>(config_.scaling) || std::holds_alternative<RopeFactors>(config_.scaling)),
          table_(rope_table(config_)) {}

    const RopeConfig& config() const { return config_; }
    const RopeTable& table() const { return table_; }
    /// Whether the table depends on the length of the sequence.
    bool grows() const { return grows_; }

    /// Whether factors change between these lengths of a sequence: LongRoPE's, once. (The dynamic base grows with every token; those before keep
    /// theirs.)
    bool changes(index_t before, index_t after) const {
        const auto* factors = std::get_if<RopeFactors>(&config_.scaling);
        const auto beyond = [&](index_t tokens) { return static_cast<double>(tokens) > factors->original_context; };
        return factors != nullptr && factors->within != factors->beyond && before > 0 && beyond(before) != beyond(after);
    }

    /// Cosines and sines (T, D/2) of `count` positions after the first `before`, in a sequence of `total` tokens, or of these where it is shorter.
    RopeAngles<float> angles(index_t before, index_t count, index_t total = 0) const {
        if (!grows_) return {table_, before, count};  // without a copy of it: a decoding step allocates nothing
        return {rope_table(config_, std::max(before + count, total)), before, count};
    }
    /// The same for one position behind each of several sequences of these lengths: a row (1, D/2) a sequence.
    RopeAngles<float> angles(std::span<const index_t> before) const {
        RopeAngles<float> all(static_cast<index_t>(before.size()), static_cast<index_t>(table_.frequencies.size()));
        for (std::size_t r = 0; r < before.size(); ++r) {
            if (grows_) all.set(static_cast<index_t>(r), rope_table(config_, before[r] + 1), before[r]);
            else all.set(static_cast<index_t>(r), table_, before[r]);
        }
        return all;
    }
    /// The same for whole sequences of these lengths that are packed, one behind the other: (N, D/2).
    RopeAngles<float> packed_angles(std::span<const index_t> lengths) const {
        RopeAngles<float> all(std::accumulate(lengths.begin(), lengths.end(), index_t{0}), static_cast<index_t>(table_.frequencies.size()));
        index_t row = 0;
        for (const index_t length : lengths) {
            const auto table = grows_ ? rope_table(config_, length) : table_;
            for (index_t t = 0; t < length; ++t) all.set(row++, table, t);
        }
        return all;
    }

private:
    RopeConfig config_;
    bool grows_ = false;
    RopeTable table_;
};

}  // namespace tercet::inline TERCET_ABI
