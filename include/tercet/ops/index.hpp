// Picking elements by their indices, and putting them back.
//
//   index_select:  y[.., i, ..] = x[.., ids_i, ..]                       dx[.., ids_i, ..] += dy[.., i, ..]
//   gather:        y[.., i, ..] = x[.., index[.., i, ..], ..]            dx[.., index[.., i, ..], ..] += dy[.., i, ..]
//   scatter_add:   y = x;  y[.., index[.., i, ..], ..] += src[.., i, ..]    dx = dy,  dsrc = gather(dy)
//   scatter:       y = x;  y[.., index[.., i, ..], ..] = src[.., i, ..]     each dy goes to what stands there, an element of x or of src
//
// An index met more than once adds up (of scatter the last one stays), in the order of the indices, so that a result has the same bits on any number
// of threads.
#pragma once

#include "tercet/ops/compare.hpp"
#include "tercet/ops/lanes.hpp"
#include "tercet/ops/picked.hpp"

namespace tercet::inline TERCET_ABI {

/// Types that can be an index.
template <class I>
concept IndexElement = std::same_as<I, std::int32_t> || std::same_as<I, std::int64_t>;

namespace detail {

// Index and whole agree in rank, and no lane of the index lies outside the whole.
inline void check_gather(const Shape& index, const Shape& whole, index_t dim, std::string_view what) {
    bool fits = index.rank() == whole.rank();
    for (index_t d = 0; fits && d < whole.rank(); ++d) fits = d == dim || index[d] <= whole[d];
    require(fits, ErrorCode::shape_mismatch, what, ": indices of shape ", index, " do not fit ", whole, " along dimension ", dim);
}

// whole[id] += part over all lanes; whole contiguous.
template <Element T, IndexElement I>
void add_at(T* whole, const Shape& whole_shape, index_t dim, const Tensor<I>& index, const Tensor<T>& part) {
    const Shape steps = contiguous_strides(whole_shape);
    const index_t n = index.size(dim), step = steps[dim], id_step = index.strides()[dim], part_step = part.strides()[dim];
    for_each_lane<3>(index.shape(), {steps, index.strides(), part.strides()}, dim, n, [&](const auto& at) {
        for (index_t i = 0; i < n; ++i) {
            T& to = whole[at[0] + static_cast<index_t>(index.data()[at[1] + i * id_step]) * step];
            to = cpu::detail::scalar_binary(BinaryOp::add, to, part.data()[at[2] + i * part_step]);
        }
    });
}

template <Element T, IndexElement I>
Tensor<T> gathered(const Tensor<T>& x, index_t dim, const Tensor<I>& index) {
    auto y = Tensor<T>::empty(index.shape());
    T* out = y.mutable_data();
    const index_t n = index.size(dim), step = x.strides()[dim], id_step = index.strides()[dim];
    for_each_lane<2>(index.shape(), {x.strides(), index.strides()}, dim, n, [&](const auto& at) {
        for (index_t i = 0; i < n; ++i) {
            const index_t where = at[1] + i * id_step;  // index and y are both contiguous
            out[where] = x.data()[at[0] + static_cast<index_t>(index.data()[where]) * step];
        }
    });
    return y;
}

}  // namespace detail

/// x (…, n, …) along dim by ids (m) -> (…, m, …). Throws index_out_of_range for an id outside [0, n), shape_mismatch for ids of another rank.
template <Element T, IndexElement I>
Tensor<T> index_select(const Tensor<T>& x, index_t dim, const Tensor<I>& ids) {
    dim = wrap_dim(dim, x.rank(), "index_select");
    require(ids.rank() == 1, ErrorCode::shape_mismatch, "index_select: the indices must be one-dimensional, not ", ids.shape());
    const auto id = ids.contiguous();
    const index_t n = x.size(dim), m = id.numel();
    detail::check_indices(id, n, "index_select");
    const auto xc = x.detach().contiguous();
    Shape shape = x.shape();
    shape[dim] = m;
    index_t outer = 1, inner = 1;
    for (index_t d = 0; d < x.rank(); ++d) (d < dim ? outer : inner) *= d == dim ? 1 : x.size(d);
    auto y = Tensor<T>::empty(shape);
    using B = BackendOf<T>;
    const auto places = detail::indices_for_device(id);
    B::gather_rows(y.template mutable_data_for<B>(), xc.template data_for<B>(), places.template data_for<B>(), outer, n, m, inner);
    return detail::record_if_real(
        std::move(y),
        [places = save(places), outer, inner, n, m](const auto& dy, auto& dx) {
            Device::add_rows(dx.device_data(), dy.device_data(), places->device_data(), outer, n, m, inner);
        },
        x);
}

/// x (a…, n, b…) along dim by ids of any shape (s…) -> (a…, s…, b…): NumPy's take, and x[ids] for dim 0. Throws index_out_of_range.
template <Element T, IndexElement I>
Tensor<T> take(const Tensor<T>& x, const Tensor<I>& ids, index_t dim = 0) {
    dim = wrap_dim(dim, x.rank(), "take");
    Shape shape;
    for (index_t d = 0; d < x.rank(); ++d) {
        if (d != dim) shape.push_back(x.size(d));
        else
            for (const index_t extent : ids.shape()) shape.push_back(extent);
    }
    return reshape(index_select(x, dim, ids.reshape({ids.numel()})), shape);
}

/// For each entry of index, whose extents must not exceed x's outside dim, the element of x that stands there along dim -> index's shape.
/// Throws index_out_of_range and shape_mismatch.
template <Element T, IndexElement I>
Tensor<T> gather(const Tensor<T>& x, index_t dim, const Tensor<I>& index) {
    dim = wrap_dim(dim, x.rank(), "gather");
    detail::check_gather(index.shape(), x.shape(), dim, "gather");
    const auto id = index.contiguous();
    detail::check_indices(id, x.size(dim), "gather");
    auto y = detail::gathered(x.detach(), dim, id);
    return detail::record_if_real(
        std::move(y), [dim, ids = save(id)](const auto& dy, auto& dx) { detail::add_at(dx.data(), dx.shape(), dim, *ids, dy); }, x);
}

/// A copy of x with src added at the places that index names along dim; src has index's shape. Throws index_out_of_range and shape_mismatch.
template <Element T, IndexElement I>
Tensor<T> scatter_add(const Tensor<T>& x, index_t dim, const Tensor<I>& index, const Tensor<T>& src) {
    dim = wrap_dim(dim, x.rank(), "scatter_add");
    require(src.shape() == index.shape(), ErrorCode::shape_mismatch, "scatter_add: the source has shape ", src.shape(), ", the indices ",
            index.shape());
    detail::check_gather(index.shape(), x.shape(), dim, "scatter_add");
    const auto id = index.contiguous();
    detail::check_indices(id, x.size(dim), "scatter_add");
    auto y = x.clone();
    detail::add_at(y.mutable_data(), y.shape(), dim, id, src.detach());
    return detail::record_if_real(
        std::move(y),
        [dim, ids = save(id)](const auto& dy, auto& dx, auto& dsrc) {
            if (dx) dx.add(dy);
            if (dsrc) dsrc.add(detail::gathered(dy, dim, *ids));
        },
        x, src);
}

/// A copy of x with src in the places that index names along dim; src has index's shape. Throws index_out_of_range and shape_mismatch.
template <Element T, IndexElement I>
Tensor<T> scatter(const Tensor<T>& x, index_t dim, const Tensor<I>& index, const Tensor<T>& src) {
    dim = wrap_dim(dim, x.rank(), "scatter");
    require(src.shape() == index.shape(), ErrorCode::shape_mismatch, "scatter: the source has shape ", src.shape(), ", the indices ", index.shape());
    detail::check_gather(index.shape(), x.shape(), dim, "scatter");
    const auto id = index.contiguous();
    detail::check_indices(id, x.size(dim), "scatter");
    const auto from = src.detach().contiguous();
    auto y = x.clone();
    auto writer = Tensor<std::int64_t>::full(y.shape(), -1);  // which element of src stands there, or −1
    T* to = y.mutable_data();
    std::int64_t* wrote = writer.mutable_data();
    const Shape steps = contiguous_strides(y.shape());
    const index_t n = id.size(dim), step = steps[dim], id_step = id.strides()[dim];
    detail::for_each_lane<2>(id.shape(), {steps, id.strides()}, dim, n, [&](const auto& at) {
        for (index_t i = 0; i < n; ++i) {
            const index_t k = at[1] + i * id_step, place = at[0] + static_cast<index_t>(id.data()[k]) * step;
            to[place] = from.data()[k];
            wrote[place] = k;
        }
    });
    return detail::record_if_real(
        std::move(y),
        [writers = save(writer), shape = id.shape()](const auto& dy, auto& dx, auto& dsrc) {
            const auto whole = dy.contiguous();
            auto kept = whole.clone(), taken = std::decay_t<decltype(whole)>::zeros(shape);
            auto *of_x = kept.mutable_data(), *of_src = taken.mutable_data();
            for (index_t i = 0; i < whole.numel(); ++i)
                if (const auto w = writers->data()[i]; w >= 0) of_src[w] = std::exchange(of_x[i], 0);
            if (dx) dx.add(kept);
            if (dsrc) dsrc.add(taken);
        },
        x, src);
}

/// The indices of all elements that are not zero: (count, rank), in row-major order.
template <Element T>
Tensor<std::int64_t> nonzero(const Tensor<T>& x) {
    const auto truth = x.template to<bool>();
    const index_t rank = x.rank(), n = truth.numel();
    const index_t count = static_cast<index_t>(std::count(truth.data(), truth.data() + n, true));
    auto y = Tensor<std::int64_t>::empty({count, rank});
    std::int64_t* out = y.mutable_data();
    for (index_t i = 0; i < n; ++i) {
        if (!truth.data()[i]) continue;
        for (index_t d = rank, rest = i; d-- > 0; rest /= x.shape()[d]) out[d] = rest % x.shape()[d];
        out += rank;
    }
    return y;
}

/// The elements where the mask, broadcast to x's shape, holds: (count), in row-major order. Throws shape_mismatch.
template <Element T>
Tensor<T> masked_select(const Tensor<T>& x, const Tensor<bool>& mask) {
    broadcast_strides(mask.shape(), mask.strides(), x.shape(), "masked_select");
    const auto places = nonzero(flatten(mask.expand(x.shape())));
    return index_select(flatten(x), 0, flatten(places));
}

/// 1 at each id, 0 elsewhere: ids (…) -> (…, classes). Throws index_out_of_range for an id outside [0, classes).
template <Element T = float, IndexElement I>
Tensor<T> one_hot(const Tensor<I>& ids, index_t classes) {
    const auto id = ids.contiguous();
    detail::check_indices(id, classes, "one_hot");
    Shape shape = ids.shape();
    shape.push_back(classes);
    auto y = Tensor<T>::zeros(shape);
    T* out = y.mutable_data();
    for (index_t i = 0; i < id.numel(); ++i) out[i * classes + static_cast<index_t>(id.data()[i])] = Device::template convert<T>(1);
    return y;
}

namespace detail {

// True on and below (or above) a diagonal of (rows, columns).
inline Tensor<bool> triangle(const Shape& shape, index_t diagonal, bool lower, std::string_view what) {
    require(shape.rank() >= 2, ErrorCode::shape_mismatch, what, ": needs rows and columns, not ", shape);
    const index_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
    auto mask = Tensor<bool>::empty({rows, columns});
    bool* out = mask.mutable_data();
    for (index_t i = 0; i < rows; ++i)
        for (index_t j = 0; j < columns; ++j) out[i * columns + j] = lower ? j - i <= diagonal : j - i >= diagonal;
    return mask;
}

}  // namespace detail

/// The elements on and below a diagonal of the last two dimensions, zero elsewhere; 0 is the main one, 1 the one above it.
template <Element T>
Tensor<T> tril(const Tensor<T>& x, index_t diagonal = 0) {
    return where(detail::triangle(x.shape(), diagonal, true, "tril"), x, T{});
}

/// The elements on and above a diagonal of the last two dimensions, zero elsewhere; 0 is the main one, 1 the one above it.
template <Element T>
Tensor<T> triu(const Tensor<T>& x, index_t diagonal = 0) {
    return where(detail::triangle(x.shape(), diagonal, false, "triu"), x, T{});
}

}  // namespace tercet::inline TERCET_ABI
