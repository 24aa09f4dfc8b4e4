// Rotary position embedding (Su et al. 2021, eq. 34): pairs of channels turned by an angle that grows with the position.
//
//   (x_i, x_{i+D/2}) -> (x_i cos a − x_{i+D/2} sin a,  x_{i+D/2} cos a + x_i sin a),     a = position · θ^{−2i/D}
//
// Backward turns back: the same with −a. Pairing the two halves is how the published checkpoints have it; the paper, and GPT-J and GGUF's
// llama, pair neighbours (x_2i, x_2i+1), which differs by a permutation of the weights' rows.
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

/// Frequencies per pair of channels, from which the angles are made.
struct RopeTable {
    std::vector<double> frequencies;  // (D/2), radians per position
    double scale = 1;                 // of the cosines and sines (attention factor of some long-context variants)
};

/// θ^{−2i/D} for i in [0, D/2).
inline RopeTable rope_frequencies(index_t head_dim, double theta) {
    require(head_dim > 0 && head_dim % 2 == 0 && theta > 0, ErrorCode::invalid_argument, "rope: head_dim ", head_dim, " must be even and theta ",
            theta, " positive");
    RopeTable table;
    for (index_t i = 0; i < head_dim; i += 2) table.frequencies.push_back(std::pow(theta, -static_cast<double>(i) / static_cast<double>(head_dim)));
    return table;
}

/// Cosines and sines (T, D/2) of positions first, first + 1, … first + count − 1.
template <Real T>
struct RopeAngles {
    Tensor<T> cosine, sine;

    RopeAngles(const RopeTable& table, index_t first, index_t count) : RopeAngles(count, static_cast<index_t>(table.frequencies.size())) {
        for (index_t t = 0; t < count; ++t) set(t, table, first + t);
    }

    /// The same with room for `count` positions, each to be set().
    RopeAngles(index_t count, index_t half) : cosine(Tensor<T>::empty({count, half})), sine(Tensor<T>::empty({count, half})) {}
    void set(index_t row, const RopeTable& table, index_t position) {
        const auto half = static_cast<index_t>(table.frequencies.size());
        T *c = cosine.mutable_data() + row * half, *s = sine.mutable_data() + row * half;
        for (index_t i = 0; i < half; ++i) {
            const double angle = static_cast<double>(position) * table.frequencies[static_cast<std::size_t>(i)];
            c[i] = static_cast<T>(table.scale * std::cos(angle));
            s[i] = static_cast<T>(table.scale * std::sin(angle));
        }
    }
};

/// Which channels are turned together: i and i + D/2, or 2i and 2i + 1.
enum class RopePairs { halves, neighbours };

/// x (..., T, H, D) with angles of T positions and D channels -> the same shape. Throws shape_mismatch.
template <Real T>
Tensor<T> rope(const Tensor<T>& x, const RopeAngles<T>& angles, RopePairs pairs = RopePairs::halves) {
    require(x.rank() >= 3 && angles.cosine.shape() == Shape{x.size(-3), x.size(-1) / 2} && x.size(-1) % 2 == 0, ErrorCode::shape_mismatch,
            "rope: angles ", angles.cosine.shape(), " do not fit x ", x.shape());
    const index_t half = x.size(-1) / 2, heads = x.size(-2), positions = x.size(-3), rows = half == 0 ? 0 : x.numel() / (2 * half);
    const auto turned = [rows, half, heads, positions, neighbours = pairs == RopePairs::neighbours](const Tensor<T>& from, const T* cosine,
                                                                                                    const T* sine, T sign) {
        auto to = Tensor<T>::empty(from.shape());
        Device::rotate(to.mutable_device_data(), from.device_data(), cosine, sine, sign, rows, half, heads, positions, neighbours);
        return to;
    };
    return record(
        turned(x.detach().contiguous(), angles.cosine.device_data(), angles.sine.device_data(), T(1)),
        [turned, cosine = save(angles.cosine), sine = save(angles.sine)](const Tensor<T>& dy, Gradient<T>& dx) {
            dx.add(turned(dy, cosine->device_data(), sine->device_data(), T(-1)));
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
