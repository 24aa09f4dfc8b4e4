// Views and joins that record: what the members of Tensor do, for tensors on the tape.
//
// A view y of x shares x's elements; its backward adds dy into the part of dx that y shows:
//
//   reshape, permute, …:   dx += the same rearrangement of dy, undone
//   slice, select, flip:   dx[region] += dy
//   expand:                dx += dy summed over the stretched dimensions
//   concatenate:           dx_i += the i-th piece of dy
//
// Element types without gradients (integers, bool, 16-bit floats) take the same functions and record nothing.
#pragma once

#include "tercet/ops/elementwise.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// record() for every element type: a closure of an element type without gradients is not even instantiated.
template <Element T, class F, class... Inputs>
Tensor<T> record_if_real(Tensor<T> y, F&& backward, const Inputs&... inputs) {
    if constexpr (Real<T>) return record(std::move(y), std::forward<F>(backward), inputs...);
    else return y;
}

// to += x, of the same shape, each by its own strides; `to` must not overlap itself.
template <Real T>
void add_into(Tensor<T> to, const Tensor<T>& x) {
    Device::add(to.mutable_device_data(), to.strides(), x.device_data(), x.strides(), to.shape());
}

// The order that undoes `order`.
inline Shape inverse_order(const Shape& order) {
    Shape inverse = order;
    for (index_t d = 0; d < order.rank(); ++d) inverse[wrap_dim(order[d], order.rank(), "permute")] = d;
    return inverse;
}

}  // namespace detail

/// x in row-major order: x itself if it lies so, a copy otherwise.
template <Element T>
Tensor<T> contiguous(const Tensor<T>& x) {
    if (x.is_contiguous()) return x;
    return detail::record_if_real(
        x.detach().contiguous(), [](const auto& dy, auto& dx) { dx.add(dy); }, x);
}

/// The same elements in another shape, one extent of which may be −1. A view where the strides allow it. Throws shape_mismatch.
template <Element T>
Tensor<T> reshape(const Tensor<T>& x, const Shape& shape) {
    return detail::record_if_real(
        x.detach().reshape(shape), [](const auto& dy, auto& dx) { dx.add(dy.reshape(dx.shape())); }, x);
}

/// Dimensions in another order, which names each of them once.
template <Element T>
Tensor<T> permute(const Tensor<T>& x, const Shape& order) {
    auto y = x.detach().permute(order);
    return detail::record_if_real(
        std::move(y), [back = detail::inverse_order(order)](const auto& dy, auto& dx) { dx.add(dy.permute(back)); }, x);
}

/// Two dimensions exchanged, the last two unless named.
template <Element T>
Tensor<T> transpose(const Tensor<T>& x, index_t a = -2, index_t b = -1) {
    return detail::record_if_real(
        x.detach().transpose(a, b), [a, b](const auto& dy, auto& dx) { dx.add(dy.transpose(a, b)); }, x);
}

/// Elements begin, begin + step, … before end of one dimension; clipped and counted from the back when negative, as in Python.
template <Element T>
Tensor<T> slice(const Tensor<T>& x, index_t dim, const Range& range) {
    return detail::record_if_real(
        x.detach().slice(dim, range), [dim, range](const auto& dy, auto& dx) { detail::add_into(dx.sums().slice(dim, range), dy); }, x);
}
template <Element T>
Tensor<T> slice(const Tensor<T>& x, index_t dim, index_t begin, index_t end) {
    return slice(x, dim, Range{begin, end});
}

/// One index of a dimension, which disappears. Throws index_out_of_range.
template <Element T>
Tensor<T> select(const Tensor<T>& x, index_t dim, index_t index) {
    return detail::record_if_real(
        x.detach().select(dim, index), [dim, index](const auto& dy, auto& dx) { detail::add_into(dx.sums().select(dim, index), dy); }, x);
}

/// One dimension backwards.
template <Element T>
Tensor<T> flip(const Tensor<T>& x, index_t dim) {
    return slice(x, dim, Range{{}, {}, -1});
}

/// Extents of 1, and missing leading ones, stretched to `shape` without a copy. Throws shape_mismatch.
template <Element T>
Tensor<T> expand(const Tensor<T>& x, const Shape& shape) {
    return detail::record_if_real(
        x.detach().expand(shape), [](const auto& dy, auto& dx) { dx.add(sum_to(dy, dx.shape())); }, x);
}

/// A new dimension of extent 1 before dimension dim; −1 puts it last.
template <Element T>
Tensor<T> unsqueeze(const Tensor<T>& x, index_t dim) {
    return detail::record_if_real(
        x.detach().unsqueeze(dim), [](const auto& dy, auto& dx) { dx.add(dy.reshape(dx.shape())); }, x);
}

/// Without dimension dim, whose extent must be 1. Throws shape_mismatch.
template <Element T>
Tensor<T> squeeze(const Tensor<T>& x, index_t dim) {
    return detail::record_if_real(
        x.detach().squeeze(dim), [](const auto& dy, auto& dx) { dx.add(dy.reshape(dx.shape())); }, x);
}

/// Without any dimension of extent 1.
template <Element T>
Tensor<T> squeeze(const Tensor<T>& x) {
    auto y = x.detach();
    for (index_t d = x.rank(); d-- > 0;)
        if (y.size(d) == 1) y = y.squeeze(d);
    return detail::record_if_real(
        std::move(y), [](const auto& dy, auto& dx) { dx.add(dy.reshape(dx.shape())); }, x);
}

/// Dimensions first to last as one; a scalar becomes (1,).
template <Element T>
Tensor<T> flatten(const Tensor<T>& x, index_t first = 0, index_t last = -1) {
    if (x.rank() == 0) return reshape(x, {1});
    first = wrap_dim(first, x.rank(), "flatten");
    last = wrap_dim(last, x.rank(), "flatten");
    require(first <= last, ErrorCode::invalid_argument, "flatten: dimension ", first, " comes after ", last);
    Shape shape;
    for (index_t d = 0; d < x.rank(); ++d) {
        if (d > first && d <= last) shape[first] = checked_mul(shape[first], x.size(d), "flatten");
        else shape.push_back(x.size(d));
    }
    return reshape(x, shape);
}

/// The tensors one after the other along dim; all other extents must agree. Throws shape_mismatch, and invalid_argument without any.
template <Element T>
Tensor<T> concatenate(std::span<const Tensor<T>> xs, index_t dim) {
    require(!xs.empty(), ErrorCode::invalid_argument, "concatenate: no tensors were given");
    Shape shape = xs[0].shape();
    const index_t axis = wrap_dim(dim, shape.rank(), "concatenate");
    shape[axis] = 0;
    for (const auto& x : xs) {
        Shape other = x.shape();
        require(other.rank() == shape.rank(), ErrorCode::shape_mismatch, "concatenate: ", xs[0].shape(), " and ", x.shape(), " differ in rank");
        const index_t extent = std::exchange(other[axis], shape[axis]);
        require(other == shape, ErrorCode::shape_mismatch, "concatenate: ", xs[0].shape(), " and ", x.shape(), " differ outside dimension ", axis);
        shape[axis] = checked_add(shape[axis], extent, "concatenate");
    }
    auto y = Tensor<T>::empty(shape);
    detail::PoolVector<index_t> extents;  // of all of them: one that needs no gradient has its place all the same
    index_t at = 0;
    for (const auto& x : xs) {
        auto piece = y.slice(axis, at, at + x.size(axis));
        piece.copy_from(x.detach());
        at += x.size(axis);
        extents.push_back(x.size(axis));
    }
    if constexpr (Real<T>)
        return record(
            y,
            [axis, extents = std::move(extents)](const Tensor<T>& dy, std::span<Gradient<T>> dx) {
                index_t begin = 0;
                for (std::size_t i = 0; i < dx.size(); ++i) {
                    const index_t end = begin + extents[i];
                    if (dx[i]) dx[i].add(dy.slice(axis, begin, end));
                    begin = end;
                }
            },
            xs);
    else return y;
}
template <Element T>
Tensor<T> concatenate(const std::vector<Tensor<T>>& xs, index_t dim = 0) {
    return concatenate(std::span<const Tensor<T>>(xs), dim);
}
template <Element T>
Tensor<T> concatenate(std::initializer_list<Tensor<T>> xs, index_t dim = 0) {
    return concatenate(std::span<const Tensor<T>>(xs.begin(), xs.size()), dim);
}

/// Tensors of one shape along a new dimension before dim; −1 puts it last. Throws shape_mismatch.
template <Element T>
Tensor<T> stack(std::span<const Tensor<T>> xs, index_t dim) {
    require(!xs.empty(), ErrorCode::invalid_argument, "stack: no tensors were given");
    std::vector<Tensor<T>> layers;
    layers.reserve(xs.size());
    for (const auto& x : xs) {
        require(x.shape() == xs[0].shape(), ErrorCode::shape_mismatch, "stack: ", xs[0].shape(), " and ", x.shape(), " differ");
        layers.push_back(unsqueeze(x, dim));
    }
    return concatenate(layers, dim);
}
template <Element T>
Tensor<T> stack(const std::vector<Tensor<T>>& xs, index_t dim = 0) {
    return stack(std::span<const Tensor<T>>(xs), dim);
}
template <Element T>
Tensor<T> stack(std::initializer_list<Tensor<T>> xs, index_t dim = 0) {
    return stack(std::span<const Tensor<T>>(xs.begin(), xs.size()), dim);
}

/// Views of the given extents along dim, which together must make up its extent. Throws shape_mismatch.
template <Element T>
std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<index_t>& extents, index_t dim = 0) {
    const index_t whole = x.size(dim);
    std::vector<Tensor<T>> pieces;
    pieces.reserve(extents.size());
    index_t at = 0;
    for (const index_t extent : extents) {
        require(extent >= 0 && extent <= whole - at, ErrorCode::shape_mismatch, "split: a piece of ", extent, " at ", at, " of dimension ", dim,
                " of ", x.shape());
        pieces.push_back(slice(x, dim, at, at + extent));
        at += extent;
    }
    require(at == whole, ErrorCode::shape_mismatch, "split: the pieces make up ", at, " of the ", whole, " in dimension ", dim, " of ", x.shape());
    return pieces;
}

/// Views of `extent` along dim, the last one shorter where it does not divide. Throws invalid_argument unless extent is positive.
template <Element T>
std::vector<Tensor<T>> split(const Tensor<T>& x, index_t extent, index_t dim = 0) {
    require(extent > 0, ErrorCode::invalid_argument, "split: pieces of ", extent);
    const index_t whole = x.size(dim);
    std::vector<index_t> extents(static_cast<std::size_t>(whole / extent), extent);
    if (whole % extent != 0 || whole == 0) extents.push_back(whole % extent);
    return split(x, extents, dim);
}

/// At most `count` views of equal extent along dim, the last one shorter where they do not come out even.
template <Element T>
std::vector<Tensor<T>> chunk(const Tensor<T>& x, index_t count, index_t dim = 0) {
    require(count > 0, ErrorCode::invalid_argument, "chunk: ", count, " pieces");
    const index_t whole = x.size(dim);
    return split(x, std::max<index_t>(1, whole / count + (whole % count != 0)), dim);
}

/// Each element of dimension dim `times` times in a row: a b -> a a b b.
template <Element T>
Tensor<T> repeat_interleave(const Tensor<T>& x, index_t times, index_t dim) {
    require(times >= 0, ErrorCode::invalid_argument, "repeat_interleave: ", times, " times");
    dim = wrap_dim(dim, x.rank(), "repeat_interleave");
    Shape wide = x.shape(), shape = x.shape();
    wide.insert(dim + 1, times);
    shape[dim] = checked_mul(shape[dim], times, "repeat_interleave");
    return reshape(expand(unsqueeze(x, dim + 1), wide), shape);
}

/// The whole tensor `times` times along dim: a b -> a b a b.
template <Element T>
Tensor<T> repeat(const Tensor<T>& x, index_t times, index_t dim) {
    require(times >= 0, ErrorCode::invalid_argument, "repeat: ", times, " times");
    dim = wrap_dim(dim, x.rank(), "repeat");
    Shape wide = x.shape(), shape = x.shape();
    wide.insert(dim, times);
    shape[dim] = checked_mul(shape[dim], times, "repeat");
    return reshape(expand(unsqueeze(x, dim), wide), shape);
}

/// Dimension dim moved on by `shift`; what falls off the end comes in at the front.
template <Element T>
Tensor<T> roll(const Tensor<T>& x, index_t shift, index_t dim) {
    const index_t n = x.size(dim);
    if (n == 0) return x;
    const index_t cut = n - (shift % n + n) % n;
    return concatenate({slice(x, dim, cut, n), slice(x, dim, 0, cut)}, dim);
}

/// `before` and `after` more elements of `value` at the ends of dimension dim.
template <Element T>
Tensor<T> pad(const Tensor<T>& x, index_t dim, index_t before, index_t after, std::type_identity_t<T> value = T{}) {
    require(before >= 0 && after >= 0, ErrorCode::invalid_argument, "pad: ", before, " before and ", after, " after");
    const index_t axis = wrap_dim(dim, x.rank(), "pad"), n = x.size(axis);
    Shape shape = x.shape();
    shape[axis] = checked_add(checked_add(before, n, "pad"), after, "pad");
    auto y = Tensor<T>::full(shape, value);
    auto inside = y.slice(axis, before, before + n);
    inside.copy_from(x.detach());
    return detail::record_if_real(
        std::move(y), [axis, before, n](const auto& dy, auto& dx) { dx.add(dy.slice(axis, before, before + n)); }, x);
}

}  // namespace tercet::inline TERCET_ABI
