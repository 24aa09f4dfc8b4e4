// Reductions over any dimensions: sums, moments, products, extremes, truth. Sums are kept in double, extremes carry NaN on.
//
//   sum:  dx = dy          mean: dx = dy / n          var: dx = dy · 2 (x − mean) / (n − correction)          stddev: dx = dy · (x − mean) / ((n −
//   correction) · y) prod: dx_i = dy · Π_{j≠i} x_j          max, min: dx = dy at the first element that has the value          norm: dx = dy · x / y
//   logsumexp: y = log Σ e^x,  dx = dy · e^{x−y}
//
// Every function takes the axes (all unless named) and keepdim, which leaves reduced dimensions in place with extent 1.
#pragma once

#include "tercet/ops/axes.hpp"
#include "tercet/ops/shape.hpp"

namespace tercet::inline TERCET_ABI {

/// What sums of T are given in: integers and bool add up in int64, as NumPy's do.
template <Element T>
using SumType = std::conditional_t<std::is_integral_v<T>, std::int64_t, T>;

/// Values and where they came from.
template <Element T>
struct ValuesAndIndices {
    Tensor<T> values;
    Tensor<std::int64_t> indices;
};

namespace detail {

template <class T>
bool is_nan(T x) {
    if constexpr (std::is_integral_v<T>) return false;
    else return static_cast<double>(x) != static_cast<double>(x);
}

template <class T>
using Total = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;  // unsigned: an overflow wraps

struct AddUp {
    template <class R, class T>
    void operator()(R& sum, T x, index_t, index_t) const {
        sum += static_cast<R>(x);
    }
    template <class R, class T>
    void run(R& sum, const T* x, index_t n, index_t step, index_t, index_t) const {
        R lanes[8] = {};  // eight sums at once: one would wait for each addition before the next
        index_t i = 0;
        for (; i + 8 <= n; i += 8)
            for (index_t lane = 0; lane < 8; ++lane) lanes[lane] += static_cast<R>(x[(i + lane) * step]);
        for (; i < n; ++i) lanes[0] += static_cast<R>(x[i * step]);
        sum += ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }
    template <class R>
    void join(R& sum, R later) const {
        sum += later;
    }
};

struct MultiplyUp {
    template <class R, class T>
    void operator()(R& product, T x, index_t, index_t) const {
        product *= static_cast<R>(x);
    }
    template <class R>
    void join(R& product, R later) const {
        product *= later;
    }
};

template <class T>
struct SquareDistance {
    const double* from;  // for each output
    void operator()(double& sum, T x, index_t, index_t output) const {
        const double d = static_cast<double>(x) - from[output];
        sum += d * d;
    }
    void join(double& sum, double later) const { sum += later; }
};

template <class T>
struct Champion {
    T value;
    index_t index;  // −1 before the first element
};

// The first largest element (or smallest), NaN before anything else.
template <bool largest>
struct KeepBest {
    template <class T>
    void operator()(Champion<T>& best, T x, index_t i, index_t) const {
        if (best.index < 0 || (!is_nan(best.value) && (is_nan(x) || (largest ? best.value < x : x < best.value)))) best = {x, i};
    }
    template <class T>
    void join(Champion<T>& best, const Champion<T>& later) const {
        (*this)(best, later.value, later.index, 0);
    }
};

template <class T>
struct AddExp {
    const Champion<T>* top;  // for each output
    void operator()(double& sum, T x, index_t, index_t output) const {
        sum += std::exp(static_cast<double>(x) - static_cast<double>(top[output].value));
    }
    void join(double& sum, double later) const { sum += later; }
};

// dx += dy, which has extent 1 (or nothing) where dx was reduced, stretched to dx's shape.
template <Real T>
void add_stretched(Gradient<T>& dx, const Tensor<T>& dy, const Shape& with_ones) {
    const auto wide = dy.reshape(with_ones).expand(dx.shape());
    if (dx.fresh()) return dx.add(wide);
    add_into(dx.sums(), wide);
}

// y[o] = f(results[o], o) in the reduction's shape.
template <Element Y, class Result, class F>
Tensor<Y> reduced(const Reduction& r, bool keepdim, const Result* results, const F& f) {
    auto y = Tensor<Y>::empty(r.shape(keepdim));
    Y* out = y.mutable_data();
    for (index_t o = 0; o < r.outputs; ++o) out[o] = f(results[o], o);
    return y;
}

template <Element T>
T from_double(double value) {
    return Device::template convert<T>(value);
}

template <Element T>
Scratch<Total<T>> totals(const Reduction& r, const T* x) {
    Scratch<Total<T>> sums(r.outputs);
    reduce(r, x, sums.data(), Total<T>{}, AddUp{});
    return sums;
}

}  // namespace detail

/// Σ x. Integers and bool give int64 (a count, for bool); the sum of nothing is 0.
template <Element T>
Tensor<SumType<T>> sum(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const detail::Reduction r(x.shape(), x.strides(), axes, "sum");
    const auto sums = detail::totals(r, x.data());
    auto y = detail::reduced<SumType<T>>(r, keepdim, sums.data(), [](auto total, index_t) {
        if constexpr (std::is_integral_v<T>) return static_cast<std::int64_t>(total);
        else return detail::from_double<T>(total);
    });
    return detail::record_if_real(
        std::move(y), [ones = r.with_ones](const auto& dy, auto& dx) { detail::add_stretched(dx, dy, ones); }, x);
}

/// The mean; NaN of nothing. Integers must be converted first.
template <Element T>
requires(!std::is_integral_v<T>) Tensor<T> mean(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const detail::Reduction r(x.shape(), x.strides(), axes, "mean");
    const auto sums = detail::totals(r, x.data());
    const auto n = static_cast<double>(r.each);
    auto y = detail::reduced<T>(r, keepdim, sums.data(), [n](double total, index_t) { return detail::from_double<T>(total / n); });
    return detail::record_if_real(
        std::move(y), [ones = r.with_ones, n](const auto& dy, auto& dx) { detail::add_stretched(dx, dy * static_cast<T>(1 / n), ones); }, x);
}

namespace detail {

// The variance or its root; both passes (mean, then squares) in double.
template <Real T>
Tensor<T> spread(const Tensor<T>& x, const Axes& axes, bool keepdim, index_t correction, bool root, std::string_view what) {
    require(correction >= 0, ErrorCode::invalid_argument, what, ": a correction of ", correction);
    const Reduction r(x.shape(), x.strides(), axes, what);
    const auto means = totals(r, x.data());
    for (index_t o = 0; o < r.outputs; ++o) means[o] /= static_cast<double>(r.each);
    const Scratch<double> squares(r.outputs);
    reduce(r, x.data(), squares.data(), 0.0, SquareDistance<T>{means.data()});
    const auto freedom = static_cast<double>(std::max<index_t>(0, r.each - correction));  // 0 / 0 for too few elements: NaN, as in PyTorch
    auto y = reduced<T>(r, keepdim, squares.data(),
                        [&](double total, index_t) { return static_cast<T>(root ? std::sqrt(total / freedom) : total / freedom); });
    if (!records(x)) return y;
    const auto mean = reduced<T>(r, true, means.data(), [](double m, index_t) { return static_cast<T>(m); });
    return record(
        y,
        [xs = save(x), ys = save(y), mean, root, freedom, ones = r.with_ones](const Tensor<T>& dy, Gradient<T>& dx) {
            auto share = dy.reshape(ones) * static_cast<T>((root ? 1 : 2) / freedom);
            if (root) {
                share = div(share, ys->reshape(ones));
                T* s = share.mutable_data();
                for (index_t i = 0; i < share.numel(); ++i)
                    if (ys->data()[i] == T(0)) s[i] = T(0);  // no slope where all are equal, rather than 0 / 0
            }
            dx.add(mul(sub(*xs, mean), share));
        },
        x);
}

}  // namespace detail

/// The variance Σ (x − mean)² / (n − correction): correction 1 for an estimate from a sample, 0 for the whole population.
template <Real T>
Tensor<T> var(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false, index_t correction = 1) {
    return detail::spread(x, axes, keepdim, correction, false, "var");
}

/// The standard deviation, the root of var().
template <Real T>
Tensor<T> stddev(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false, index_t correction = 1) {
    return detail::spread(x, axes, keepdim, correction, true, "stddev");
}

/// The Euclidean norm √Σ x².
template <Real T>
Tensor<T> norm(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const detail::Reduction r(x.shape(), x.strides(), axes, "norm");
    const Scratch<double> squares(r.outputs), zeros(r.outputs);
    std::fill_n(zeros.data(), r.outputs, 0.0);
    detail::reduce(r, x.data(), squares.data(), 0.0, detail::SquareDistance<T>{zeros.data()});
    auto y = detail::reduced<T>(r, keepdim, squares.data(), [](double total, index_t) { return static_cast<T>(std::sqrt(total)); });
    return record(
        y,
        [xs = save(x), ys = save(y), ones = r.with_ones](const Tensor<T>& dy, Gradient<T>& dx) {
            auto share = div(dy, *ys).reshape(ones);
            T* s = share.mutable_data();
            for (index_t i = 0; i < share.numel(); ++i)
                if (ys->data()[i] == T(0)) s[i] = T(0);
            dx.add(mul(*xs, share));
        },
        x);
}

/// Π x; the product of nothing is 1. Integers and bool give int64. The gradient is right where factors are zero, too.
template <Element T>
Tensor<SumType<T>> prod(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const detail::Reduction r(x.shape(), x.strides(), axes, "prod");
    const Scratch<detail::Total<T>> products(r.outputs);
    detail::reduce(r, x.data(), products.data(), detail::Total<T>{1}, detail::MultiplyUp{});
    auto y = detail::reduced<SumType<T>>(r, keepdim, products.data(), [](auto total, index_t) {
        if constexpr (std::is_integral_v<T>) return static_cast<std::int64_t>(total);
        else return detail::from_double<T>(total);
    });
    return detail::record_if_real(
        std::move(y),
        [axes, xs = save(x)](const auto& dy, auto& dx) {
            const auto xc = xs->contiguous();
            const detail::Reduction back(xc.shape(), xc.strides(), axes, "prod");
            auto* to = dx.data();
            Device::for_rows(back.outputs, back.each, [&](index_t o) {
                const Scratch<double> before(back.each);  // the product of all earlier factors; then times that of all later ones
                const index_t at = back.output_offset(o);
                double product = static_cast<double>(dy.data()[o]);
                for (index_t i = 0; i < back.each; ++i) {
                    before[i] = product;
                    product *= static_cast<double>(xc.data()[at + back.element_offset(i)]);
                }
                product = 1;
                for (index_t i = back.each; i-- > 0;) {
                    const index_t where = at + back.element_offset(i);
                    to[where] += static_cast<T>(before[i] * product);
                    product *= static_cast<double>(xc.data()[where]);
                }
            });
        },
        x);
}

namespace detail {

template <bool largest, Element T>
ValuesAndIndices<T> extreme_of(const Tensor<T>& x, const Axes& axes, bool keepdim, std::string_view what) {
    const Reduction r(x.shape(), x.strides(), axes, what);
    require(r.each > 0 || r.outputs == 0, ErrorCode::shape_mismatch, what, ": no element to choose from in a tensor of shape ", x.shape());
    const Scratch<Champion<T>> best(r.outputs);
    reduce(r, x.data(), best.data(), Champion<T>{T{}, -1}, KeepBest<largest>{});
    auto indices = reduced<std::int64_t>(r, keepdim, best.data(), [](const auto& b, index_t) { return std::int64_t{b.index}; });
    auto y = reduced<T>(r, keepdim, best.data(), [](const auto& b, index_t) { return b.value; });
    y = record_if_real(
        std::move(y),
        [axes, is = save(indices)](const auto& dy, auto& dx) {
            const Reduction back(dx.shape(), contiguous_strides(dx.shape()), axes, "max");
            auto* to = dx.data();
            for (index_t o = 0; o < back.outputs; ++o)
                to[back.output_offset(o) + back.element_offset(static_cast<index_t>(is->data()[o]))] += dy.data()[o];
        },
        x);
    return {y, indices};
}

}  // namespace detail

/// The largest element; NaN if there is one. Throws shape_mismatch when there is nothing to choose from.
template <Element T>
Tensor<T> max(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    return detail::extreme_of<true>(x, axes, keepdim, "max").values;
}

/// The smallest element; NaN if there is one. Throws shape_mismatch when there is nothing to choose from.
template <Element T>
Tensor<T> min(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    return detail::extreme_of<false>(x, axes, keepdim, "min").values;
}

/// The largest element along the axes and its index: the first of equals, NaN largest of all. Over several axes, in row-major order of these.
template <Element T>
ValuesAndIndices<T> max_with_index(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    return detail::extreme_of<true>(x, axes, keepdim, "max");
}

/// The smallest element along the axes and its index: the first of equals, NaN before all. Over several axes, in row-major order of these.
template <Element T>
ValuesAndIndices<T> min_with_index(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    return detail::extreme_of<false>(x, axes, keepdim, "min");
}

/// The index of the largest element: the first of equals, NaN largest of all; of the flattened tensor unless axes are named.
template <Element T>
Tensor<std::int64_t> argmax(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    return detail::extreme_of<true>(x.detach(), axes, keepdim, "argmax").indices;
}

/// The index of the smallest element: the first of equals, NaN before all; of the flattened tensor unless axes are named.
template <Element T>
Tensor<std::int64_t> argmin(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    return detail::extreme_of<false>(x.detach(), axes, keepdim, "argmin").indices;
}

/// Whether any element is not zero; false of nothing.
template <Element T>
Tensor<bool> any(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const auto truth = x.template to<bool>();
    const detail::Reduction r(truth.shape(), truth.strides(), axes, "any");
    const auto counts = detail::totals(r, truth.data());
    return detail::reduced<bool>(r, keepdim, counts.data(), [](std::uint64_t count, index_t) { return count != 0; });
}

/// Whether all elements are other than zero; true of nothing.
template <Element T>
Tensor<bool> all(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const auto truth = x.template to<bool>();
    const detail::Reduction r(truth.shape(), truth.strides(), axes, "all");
    const auto counts = detail::totals(r, truth.data());
    return detail::reduced<bool>(r, keepdim, counts.data(),
                                 [&](std::uint64_t count, index_t) { return count == static_cast<std::uint64_t>(r.each); });
}

/// log Σ e^x, without overflow; −∞ where all are −∞ (which takes no gradient) or nothing is there.
template <Real T>
Tensor<T> logsumexp(const Tensor<T>& x, const Axes& axes = {}, bool keepdim = false) {
    const detail::Reduction r(x.shape(), x.strides(), axes, "logsumexp");
    const T lowest = -std::numeric_limits<T>::infinity();
    const Scratch<detail::Champion<T>> top(r.outputs);
    const Scratch<double> sums(r.outputs);
    detail::reduce(r, x.data(), top.data(), detail::Champion<T>{lowest, -1}, detail::KeepBest<true>{});
    detail::reduce(r, x.data(), sums.data(), 0.0, detail::AddExp<T>{top.data()});
    auto y = detail::reduced<T>(r, keepdim, sums.data(), [&](double total, index_t o) {
        const T most = top[o].value;
        return most == lowest || most == -lowest ? most : static_cast<T>(static_cast<double>(most) + std::log(total));
    });
    return record(
        y,
        [xs = save(x), ys = save(y), ones = r.with_ones, lowest](const Tensor<T>& dy, Gradient<T>& dx) {
            auto level = ys->reshape(ones).clone();
            T* l = level.mutable_data();
            for (index_t i = 0; i < level.numel(); ++i)
                if (l[i] == lowest) l[i] = T(0);  // e^{−∞ − 0} = 0 instead of NaN
            dx.add(mul(exp(sub(*xs, level)), dy.reshape(ones)));
        },
        x);
}

}  // namespace tercet::inline TERCET_ABI
