// Comparison and choice: tensors of bool, and what they pick.
//
//   y = where(c, a, b):   da = Σ dy where c,   db = Σ dy where not c   (summed over stretched dimensions)
//   y = clamp(x, l, h):   dx = dy where l ≤ x ≤ h
//
// All broadcast. A comparison with NaN is false, but for !=.
#pragma once

#include "tercet/ops/reduce.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// y = f(a, b), broadcast.
template <Element Y, Element A, Element B, class F>
Tensor<Y> zip(const Tensor<A>& a, const Tensor<B>& b, const F& f, std::string_view what) {
    const Shape shape = broadcast_shapes(a.shape(), b.shape(), what);
    auto y = Tensor<Y>::empty(shape);
    Y* out = y.mutable_data();
    const A* left = a.data();
    const B* right = b.data();
    const std::array<Shape, 3> strides{y.strides(), broadcast_strides(a.shape(), a.strides(), shape, what),
                                       broadcast_strides(b.shape(), b.strides(), shape, what)};
    for_each_row<3>(shape, strides, [&](const auto& at, index_t n, const auto& step) {
        for (index_t i = 0; i < n; ++i) out[at[0] + i * step[0]] = f(left[at[1] + i * step[1]], right[at[2] + i * step[2]]);
    });
    return y;
}

// y = f(x), of any element type.
template <Element Y, Element X, class F>
Tensor<Y> map(const Tensor<X>& x, const F& f) {
    auto y = Tensor<Y>::empty(x.shape());
    Y* out = y.mutable_data();
    const X* values = x.data();
    for_each_row<2>(x.shape(), {y.strides(), x.strides()}, [&](const auto& at, index_t n, const auto& step) {
        for (index_t i = 0; i < n; ++i) out[at[0] + i * step[0]] = f(values[at[1] + i * step[1]]);
    });
    return y;
}

}  // namespace detail

// eq(a, b), a == b, a == 1, 1 == a, and so on: element by element, broadcast, giving bool.
#define TERCET_COMPARISON(name, symbol)                                           \
    template <Element T>                                                          \
    Tensor<bool> name(const Tensor<T>& a, const Tensor<T>& b) {                   \
        return detail::zip<bool>(                                                 \
            a, b, [](T x, T y) { return x symbol y; }, #name);                    \
    }                                                                             \
    template <Element T>                                                          \
    Tensor<bool> name(const Tensor<T>& a, std::type_identity_t<T> b) {            \
        return detail::map<bool>(a, [b](T x) { return x symbol b; });             \
    }                                                                             \
    template <Element T>                                                          \
    Tensor<bool> operator symbol(const Tensor<T>& a, const Tensor<T>& b) {        \
        return name(a, b);                                                        \
    }                                                                             \
    template <Element T>                                                          \
    Tensor<bool> operator symbol(const Tensor<T>& a, std::type_identity_t<T> b) { \
        return name(a, b);                                                        \
    }                                                                             \
    template <Element T>                                                          \
    Tensor<bool> operator symbol(std::type_identity_t<T> a, const Tensor<T>& b) { \
        return name(Tensor<T>::scalar(a), b);                                     \
    }
TERCET_COMPARISON(eq, ==)
TERCET_COMPARISON(ne, !=)
TERCET_COMPARISON(lt, <)
TERCET_COMPARISON(le, <=)
TERCET_COMPARISON(gt, >)
TERCET_COMPARISON(ge, >=)
#undef TERCET_COMPARISON

inline Tensor<bool> logical_and(const Tensor<bool>& a, const Tensor<bool>& b) {
    return detail::zip<bool>(
        a, b, [](bool x, bool y) { return x && y; }, "logical_and");
}
inline Tensor<bool> logical_or(const Tensor<bool>& a, const Tensor<bool>& b) {
    return detail::zip<bool>(
        a, b, [](bool x, bool y) { return x || y; }, "logical_or");
}
inline Tensor<bool> logical_xor(const Tensor<bool>& a, const Tensor<bool>& b) {
    return detail::zip<bool>(
        a, b, [](bool x, bool y) { return x != y; }, "logical_xor");
}
inline Tensor<bool> logical_not(const Tensor<bool>& x) {
    return detail::map<bool>(x, [](bool v) { return !v; });
}
// The single signs: && and || would lose their short cut.
inline Tensor<bool> operator&(const Tensor<bool>& a, const Tensor<bool>& b) {
    return logical_and(a, b);
}
inline Tensor<bool> operator|(const Tensor<bool>& a, const Tensor<bool>& b) {
    return logical_or(a, b);
}
inline Tensor<bool> operator^(const Tensor<bool>& a, const Tensor<bool>& b) {
    return logical_xor(a, b);
}
inline Tensor<bool> operator!(const Tensor<bool>& x) {
    return logical_not(x);
}

template <Element T>
Tensor<bool> isnan(const Tensor<T>& x) {
    return detail::map<bool>(x, [](T v) { return detail::is_nan(v); });
}
template <Element T>
Tensor<bool> isinf(const Tensor<T>& x) {
    return detail::map<bool>(x, [](T v) { return std::isinf(static_cast<double>(v)); });
}
template <Element T>
Tensor<bool> isfinite(const Tensor<T>& x) {
    return detail::map<bool>(x, [](T v) { return std::isfinite(static_cast<double>(v)); });
}

/// Whether the shapes and all elements are equal; NaN equals nothing.
template <Element T>
bool equal(const Tensor<T>& a, const Tensor<T>& b) {
    return a.shape() == b.shape() && all(eq(a, b)).item();
}

/// Whether |a − b| ≤ atol + rtol · |b| everywhere, broadcast; infinities must be equal, and NaN is close to NaN only on request.
template <Element T>
bool allclose(const Tensor<T>& a, const Tensor<T>& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) {
    const auto close = [=](T p, T q) {
        const auto x = static_cast<double>(p), y = static_cast<double>(q);
        if (std::isnan(x) || std::isnan(y)) return equal_nan && std::isnan(x) && std::isnan(y);
        if (std::isinf(x) || std::isinf(y)) return x == y;
        return std::abs(x - y) <= atol + rtol * std::abs(y);
    };
    return all(detail::zip<bool>(a, b, close, "allclose")).item();
}

namespace detail {

template <Element T>
Tensor<T> where_values(const Tensor<bool>& condition, const Tensor<T>& a, const Tensor<T>& b) {
    const Shape shape = broadcast_shapes(broadcast_shapes(condition.shape(), a.shape(), "where"), b.shape(), "where");
    auto y = Tensor<T>::empty(shape);
    T* out = y.mutable_data();
    const bool* choose = condition.data();
    const T *left = a.data(), *right = b.data();
    const auto steps = [&](const auto& t) { return broadcast_strides(t.shape(), t.strides(), shape, "where"); };
    for_each_row<4>(shape, {y.strides(), steps(condition), steps(a), steps(b)}, [&](const auto& at, index_t n, const auto& step) {
        for (index_t i = 0; i < n; ++i)
            out[at[0] + i * step[0]] = choose[at[1] + i * step[1]] ? left[at[2] + i * step[2]] : right[at[3] + i * step[3]];
    });
    return y;
}

}  // namespace detail

/// a where the condition holds, b elsewhere; all three broadcast.
template <Element T>
Tensor<T> where(const Tensor<bool>& condition, const Tensor<T>& a, const Tensor<T>& b) {
    auto y = detail::where_values(condition, a.detach(), b.detach());
    return detail::record_if_real(
        std::move(y),
        [cs = save(condition)](const auto& dy, auto& da, auto& db) {
            using Same = std::decay_t<decltype(dy)>;
            const auto none = Same::scalar(0);
            if (da) da.add(sum_to(detail::where_values(*cs, dy, none), da.shape()));
            if (db) db.add(sum_to(detail::where_values(*cs, none, dy), db.shape()));
        },
        a, b);
}
template <Element T>
Tensor<T> where(const Tensor<bool>& condition, const Tensor<T>& a, std::type_identity_t<T> b) {
    return where(condition, a, Tensor<T>::scalar(b));
}
template <Element T>
Tensor<T> where(const Tensor<bool>& condition, std::type_identity_t<T> a, const Tensor<T>& b) {
    return where(condition, Tensor<T>::scalar(a), b);
}

/// x with `value` where the mask, broadcast to x's shape, holds. Throws shape_mismatch.
template <Element T>
Tensor<T> masked_fill(const Tensor<T>& x, const Tensor<bool>& mask, std::type_identity_t<T> value) {
    broadcast_strides(mask.shape(), mask.strides(), x.shape(), "masked_fill");
    return where(mask, value, x);
}

/// x held within [low, high]; NaN stays. Throws invalid_argument unless low ≤ high.
template <Element T>
Tensor<T> clamp(const Tensor<T>& x, std::type_identity_t<T> low, std::type_identity_t<T> high) {
    require(low <= high, ErrorCode::invalid_argument, "clamp: from ", +low, " to ", +high);
    auto y = detail::map<T>(x.detach(), [=](T v) { return v < low ? low : v > high ? high : v; });
    return detail::record_if_real(
        std::move(y),
        [low, high, xs = save(x)](const auto& dy, auto& dx) {
            using R = typename std::decay_t<decltype(dy)>::value_type;
            dx.add(detail::zip<R>(
                dy, *xs, [=](R d, R v) { return v < low || v > high ? R(0) : d; }, "clamp"));
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
