// The key-value cache: keys and values of the tokens seen so far, so that each new token is computed once.
//
// One pair a layer, (B, Hkv, capacity, D); the capacity doubles when it is reached, up to the model's context.
#pragma once

#include "tercet/ops/elementwise.hpp"

namespace tercet::inline TERCET_ABI {

class KvCache {
public:
    explicit KvCache(index_t layers) : layers_(static_cast<std::size_t>(layers)) {}

    /// Tokens held, the same in every layer between two forward passes.
    index_t size() const { return size_; }
    index_t layers() const { return static_cast<index_t>(layers_.size()); }

    struct View {
        Tensor<float> key, value;  // (B, Hkv, T, D)
    };

    /// Adds key and value (B, Hkv, T, D) of the newest tokens to a layer and gives back all of that layer's. Throws shape_mismatch.
    View append(index_t layer, const Tensor<float>& key, const Tensor<float>& value) {
        auto& l = layers_[static_cast<std::size_t>(layer)];
        const Shape& s = key.shape();
        const index_t before = l.size, after = before + s[2];
        if (l.key.storage() == nullptr || after > l.key.size(2)) grow(l, {s[0], s[1], std::max<index_t>({after, 2 * before, 64}), s[3]});
        require(l.key.size(0) == s[0] && l.key.size(1) == s[1] && l.key.size(3) == s[3], ErrorCode::shape_mismatch, "kv cache: holds ", l.key.shape(),
                ", got ", s);
        l.key.slice(2, before, after).copy_from(key);
        l.value.slice(2, before, after).copy_from(value);
        l.size = after;
        size_ = after;
        return {l.key.slice(2, 0, after), l.value.slice(2, 0, after)};
    }

    /// Forgets all but the first `count` tokens.
    void truncate(index_t count) {
        require(count >= 0 && count <= size_, ErrorCode::invalid_argument, "kv cache: cannot keep ", count, " of ", size_, " tokens");
        for (auto& l : layers_) l.size = std::min(l.size, count);
        size_ = count;
    }

    /// The rows of the batch in another order, or some of them several times: what beam search needs after each step.
    void reorder(std::span<const index_t> rows) {
        for (auto& l : layers_) {
            if (l.key.storage() == nullptr) continue;
            Layer next;
            const Shape s = l.key.shape();
            grow(next, {static_cast<index_t>(rows.size()), s[1], s[2], s[3]});
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const auto to = static_cast<index_t>(i);
                next.key[to].slice(1, 0, l.size).copy_from(l.key[rows[i]].slice(1, 0, l.size));
                next.value[to].slice(1, 0, l.size).copy_from(l.value[rows[i]].slice(1, 0, l.size));
            }
            next.size = l.size;
            l = std::move(next);
        }
    }

private:
    struct Layer {
        Tensor<float> key, value;  // (B, Hkv, capacity, D)
        index_t size = 0;
    };
    static void grow(Layer& l, const Shape& shape) {
        Layer bigger{Tensor<float>::empty(shape), Tensor<float>::empty(shape), l.size};
        if (l.size > 0) {
            bigger.key.slice(2, 0, l.size).copy_from(l.key.slice(2, 0, l.size));
            bigger.value.slice(2, 0, l.size).copy_from(l.value.slice(2, 0, l.size));
        }
        l = std::move(bigger);
    }

    std::vector<Layer> layers_;
    index_t size_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
