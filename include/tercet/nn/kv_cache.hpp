// The key-value cache: keys and values of the tokens seen so far, so that each new token is computed once.
//
// One pair a layer, (B, Hkv, capacity, D); the capacity doubles when it is reached, up to the model's context.
#pragma once

#include "tercet/ops/elementwise.hpp"

#include <variant>

namespace tercet::inline TERCET_ABI {

class KvCache {
public:
    /// For so many layers; keys and values are held in float, or rounded to bf16, which halves memory and reading. Throws dtype_mismatch.
    explicit KvCache(index_t layers, DType type = DType::f32) : type_(type) {
        require(type == DType::f32 || type == DType::bf16, ErrorCode::dtype_mismatch, "kv cache: holds float32 or bfloat16, not ", name_of(type));
        for (index_t i = 0; i < layers; ++i) layers_.push_back(type == DType::f32 ? Layer{View<float>{}} : Layer{View<bf16>{}});
    }

    /// A copy has its own keys and values.
    KvCache(const KvCache& other) : layers_(other.layers_), type_(other.type_), size_(other.size_) {
        for (auto& l : layers_)
            std::visit(
                [&](auto& held) {
                    if (held.key.storage() == nullptr) return;
                    auto own = std::remove_reference_t<decltype(held)>{};
                    grow(own, 0, held.key.shape());
                    own.key.slice(2, 0, l.size).copy_from(held.key.slice(2, 0, l.size));
                    own.value.slice(2, 0, l.size).copy_from(held.value.slice(2, 0, l.size));
                    held = std::move(own);
                },
                l.held);
    }
    KvCache(KvCache&&) noexcept = default;
    KvCache& operator=(KvCache other) noexcept {
        layers_.swap(other.layers_);
        std::swap(type_, other.type_);
        std::swap(size_, other.size_);
        return *this;
    }

    /// Tokens held, the same in every layer between two forward passes.
    index_t size() const { return size_; }
    index_t layers() const { return static_cast<index_t>(layers_.size()); }
    DType type() const { return type_; }

    template <class T = float>
    struct View {
        Tensor<T> key, value;  // (B, Hkv, T, D)
    };

    /// Adds key and value (B, Hkv, T, D) of the newest tokens to a layer and gives back all of that layer's, in the type that the cache holds.
    /// Throws shape_mismatch, dtype_mismatch.
    template <class T = float>
    View<T> append(index_t layer, const Tensor<float>& key, const Tensor<float>& value) {
        require(dtype_of<T> == type_, ErrorCode::dtype_mismatch, "kv cache: holds ", name_of(type_), ", not ", name_of(dtype_of<T>));
        auto& l = layers_[static_cast<std::size_t>(layer)];
        auto& held = std::get<View<T>>(l.held);
        const Shape& s = key.shape();
        const index_t before = l.size, after = before + s[2];
        if (held.key.storage() == nullptr || after > held.key.size(2))
            grow(held, before, {s[0], s[1], std::max<index_t>({after, 2 * before, 64}), s[3]});
        require(held.key.size(0) == s[0] && held.key.size(1) == s[1] && held.key.size(3) == s[3], ErrorCode::shape_mismatch, "kv cache: holds ",
                held.key.shape(), ", got ", s);
        const auto put = [&](const Tensor<T>& all, const Tensor<float>& x) {
            auto to = all.slice(2, before, after);
            Device::copy(to.mutable_device_data(), to.strides(), x.device_data(), x.strides(), s);
        };
        put(held.key, key);
        put(held.value, value);
        l.size = after;
        size_ = after;
        return {held.key.slice(2, 0, after), held.value.slice(2, 0, after)};
    }

    /// A layer's keys and values so far, in float: (B, Hkv, T, D); without storage before the first append().
    View<float> held(index_t layer) const {
        const auto& l = layers_[static_cast<std::size_t>(layer)];
        return std::visit(
            [&](const auto& view) {
                if (view.key.storage() == nullptr) return View<float>{};
                const auto part = [&](const auto& x) { return x.slice(2, 0, l.size).template to<float>().contiguous(); };
                return View<float>{part(view.key), part(view.value)};
            },
            l.held);
    }

    /// Forgets all but the first `count` tokens.
    void truncate(index_t count) {
        require(count >= 0 && count <= size_, ErrorCode::invalid_argument, "kv cache: cannot keep ", count, " of ", size_, " tokens");
        for (auto& l : layers_) l.size = std::min(l.size, count);
        size_ = count;
    }

    /// The rows of the batch in another order, or some of them several times: what beam search needs after each step.
    void reorder(std::span<const index_t> rows) {
        for (auto& l : layers_) std::visit([&](auto& held) { reorder(held, l.size, rows); }, l.held);
    }

private:
    struct Layer {
        std::variant<View<float>, View<bf16>> held;  // (B, Hkv, capacity, D)
        index_t size = 0;
    };
    template <class T>
    static void grow(View<T>& held, index_t size, const Shape& shape) {
        View<T> bigger{Tensor<T>::empty(shape), Tensor<T>::empty(shape)};
        if (size > 0) {
            bigger.key.slice(2, 0, size).copy_from(held.key.slice(2, 0, size));
            bigger.value.slice(2, 0, size).copy_from(held.value.slice(2, 0, size));
        }
        held = std::move(bigger);
    }
    template <class T>
    static void reorder(View<T>& held, index_t size, std::span<const index_t> rows) {
        if (held.key.storage() == nullptr) return;
        View<T> next;
        const Shape s = held.key.shape();
        grow(next, 0, {static_cast<index_t>(rows.size()), s[1], s[2], s[3]});
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto to = static_cast<index_t>(i);
            next.key[to].slice(1, 0, size).copy_from(held.key[rows[i]].slice(1, 0, size));
            next.value[to].slice(1, 0, size).copy_from(held.value[rows[i]].slice(1, 0, size));
        }
        held = std::move(next);
    }

    std::vector<Layer> layers_;
    DType type_;
    index_t size_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
