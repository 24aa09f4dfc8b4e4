// Elementwise operations: one line each, from the functors of backend/functors.inc, with broadcasting for those of two operands.
//
//   y = f(x):     dx += dy · f'(x)
//   y = a ∘ b:    da += Σ dy · ∂(a ∘ b)/∂a, summed over the dimensions that a was stretched along; db alike
#pragma once

#include "tercet/autograd/tape.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

template <Element T>
Tensor<T> unary(UnaryOp op, const Tensor<T>& x) {
    const auto xc = x.detach().contiguous();
    auto y = Tensor<T>::empty(x.shape());
    using B = BackendOf<T>;
    B::unary(op, y.template mutable_data_for<B>(), xc.template data_for<B>(), xc.numel());
    if constexpr (Real<T>) {
        if (!records(x)) return y;
        return record(
            y,
            [op, xs = save(xc), ys = save(y)](const Tensor<T>& dy, Gradient<T>& dx) {
                const bool add = !dx.fresh();
                Device::unary_backward(op, dx.device_data_to_write(), dy.device_data(), xs->device_data(), ys->device_data(), dy.numel(), add);
            },
            x);
    } else {
        return y;
    }
}

template <Element T>
Tensor<T> binary_values(BinaryOp op, const Tensor<T>& a, const Tensor<T>& b, std::string_view name) {
    const Shape shape = broadcast_shapes(a.shape(), b.shape(), name);
    auto y = Tensor<T>::empty(shape);
    using B = BackendOf<T>;
    B::binary(op, y.template mutable_data_for<B>(), a.template data_for<B>(), b.template data_for<B>(), shape,
              broadcast_strides(a.shape(), a.strides(), shape, name), broadcast_strides(b.shape(), b.strides(), shape, name));
    return y;
}

}  // namespace detail

/// x summed over the dimensions that a tensor of `shape` would be stretched along to reach x's shape: what broadcasting does to gradients.
template <Real T>
Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape) {
    if (x.shape() == shape) return x.detach();
    auto y = Tensor<T>::zeros(shape);
    const Shape to = broadcast_strides(shape, y.strides(), x.shape(), "sum_to");
    // Kept dimensions outside, summed ones inside, so that each sum is made by one task in a fixed order.
    Shape kept, kept_to, kept_from, summed, summed_from;
    for (index_t d = 0; d < x.rank(); ++d) {
        if (to[d] != 0) {
            kept.push_back(x.shape()[d]);
            kept_to.push_back(to[d]);
            kept_from.push_back(x.strides()[d]);
        } else {
            summed.push_back(x.shape()[d]);
            summed_from.push_back(x.strides()[d]);
        }
    }
    const index_t leading = element_count(summed), inner = element_count(kept);
    bool in_front = x.is_contiguous() && !kept.empty();  // all that is summed stands before all that is kept: (…, n) -> (n)
    for (index_t d = 0, met = 0; d < x.rank(); ++d) {
        if (to[d] != 0) met = 1;
        else if (met == 1 && x.shape()[d] != 1) in_front = false;
    }
    if (in_front) {
        Device::add_column_sums(y.mutable_device_data(), x.device_data(), leading, inner);
        return y;
    }
    T* sums = y.mutable_data();
    const T* values = x.data();
    for_each_row<2>(kept, {kept_to, kept_from}, [&](const auto& at, index_t n, const auto& step) {
        for (index_t i = 0; i < n; ++i) {
            double total = 0;
            for (index_t j = 0; j < leading; ++j) {
                index_t where = at[1] + i * step[1];
                for (index_t d = summed.rank(), rest = j; d-- > 0; rest /= summed[d]) where += rest % summed[d] * summed_from[d];
                total += static_cast<double>(values[where]);
            }
            sums[at[0] + i * step[0]] = static_cast<T>(total);
        }
    });
    return y;
}

#define TERCET_UNARY(name)                      \
    template <Element T>                        \
    Tensor<T> name(const Tensor<T>& x) {        \
        return detail::unary(UnaryOp::name, x); \
    }
TERCET_UNARY(neg)
TERCET_UNARY(abs)
TERCET_UNARY(square)
TERCET_UNARY(sqrt)
TERCET_UNARY(rsqrt)
TERCET_UNARY(reciprocal)
TERCET_UNARY(exp)
TERCET_UNARY(log)
TERCET_UNARY(log1p)
TERCET_UNARY(expm1)
TERCET_UNARY(sin)
TERCET_UNARY(cos)
TERCET_UNARY(tanh)
TERCET_UNARY(erf)
TERCET_UNARY(sigmoid)
TERCET_UNARY(relu)
TERCET_UNARY(gelu)
TERCET_UNARY(gelu_tanh)
TERCET_UNARY(silu)
TERCET_UNARY(quick_gelu)
TERCET_UNARY(log_sigmoid)
TERCET_UNARY(softplus)
TERCET_UNARY(mish)
TERCET_UNARY(relu6)
TERCET_UNARY(hardswish)
#undef TERCET_UNARY

/// a + b, broadcast.
template <Element T>
Tensor<T> add(const Tensor<T>& a, const Tensor<T>& b) {
    auto y = detail::binary_values(BinaryOp::add, a, b, "add");
    if constexpr (Real<T>)
        return record(
            y,
            [](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
                if (da) da.add(sum_to(dy, da.shape()));
                if (db) db.add(sum_to(dy, db.shape()));
            },
            a, b);
    else return y;
}

/// a − b, broadcast.
template <Element T>
Tensor<T> sub(const Tensor<T>& a, const Tensor<T>& b) {
    auto y = detail::binary_values(BinaryOp::sub, a, b, "sub");
    if constexpr (Real<T>)
        return record(
            y,
            [](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
                if (da) da.add(sum_to(dy, da.shape()));
                if (db) db.add(neg(sum_to(dy, db.shape())));
            },
            a, b);
    else return y;
}

/// a · b, element by element, broadcast.
template <Element T>
Tensor<T> mul(const Tensor<T>& a, const Tensor<T>& b) {
    auto y = detail::binary_values(BinaryOp::mul, a, b, "mul");
    if constexpr (Real<T>)
        return record(
            y,
            [as = save(a), bs = save(b)](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
                if (da) da.add(sum_to(mul(dy, *bs), da.shape()));
                if (db) db.add(sum_to(mul(dy, *as), db.shape()));
            },
            a, b);
    else return y;
}

/// a / b, broadcast. Integers divide towards zero; division by zero gives 0.
template <Element T>
Tensor<T> div(const Tensor<T>& a, const Tensor<T>& b) {
    auto y = detail::binary_values(BinaryOp::div, a, b, "div");
    if constexpr (Real<T>)
        return record(
            y,
            [bs = save(b), ys = save(y)](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
                const auto share = div(dy, *bs);  // da = dy / b, db = −dy · y / b
                if (da) da.add(sum_to(share, da.shape()));
                if (db) db.add(neg(sum_to(mul(share, *ys), db.shape())));
            },
            a, b);
    else return y;
}

/// a to the power b, broadcast. The gradient for b needs a > 0.
template <Element T>
Tensor<T> pow(const Tensor<T>& a, const Tensor<T>& b) {
    auto y = detail::binary_values(BinaryOp::pow, a, b, "pow");
    if constexpr (Real<T>)
        return record(
            y,
            [as = save(a), bs = save(b), ys = save(y)](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
                const auto one = Tensor<T>::scalar(1);
                if (da) da.add(sum_to(mul(dy, mul(*bs, pow(*as, sub(*bs, one)))), da.shape()));  // b · a^(b−1)
                if (db) db.add(sum_to(mul(dy, mul(*ys, log(*as))), db.shape()));                 // a^b · ln a
            },
            a, b);
    else return y;
}

namespace detail {

// The larger or smaller of two: the gradient goes to the one chosen, in halves where both are equal, as PyTorch's does.
template <Element T>
Tensor<T> extreme(BinaryOp op, const Tensor<T>& a, const Tensor<T>& b, std::string_view name) {
    auto y = binary_values(op, a, b, name);
    if constexpr (Real<T>)
        return record(
            y,
            [as = save(a), bs = save(b), ys = save(y)](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
                const auto share = [&](const Tensor<T>& mine, const Tensor<T>& other) {
                    const auto x = mine.expand(dy.shape()).contiguous(), z = other.expand(dy.shape()).contiguous();
                    auto part = Tensor<T>::empty(dy.shape());
                    T* out = part.mutable_data();
                    for (index_t i = 0; i < dy.numel(); ++i)
                        out[i] = x.data()[i] == z.data()[i] ? dy.data()[i] / 2 : x.data()[i] == ys->data()[i] ? dy.data()[i] : T(0);
                    return part;
                };
                if (da) da.add(sum_to(share(*as, *bs), da.shape()));
                if (db) db.add(sum_to(share(*bs, *as), db.shape()));
            },
            a, b);
    else return y;
}

}  // namespace detail

/// The larger of a and b, broadcast; NaN in either gives NaN.
template <Element T>
Tensor<T> maximum(const Tensor<T>& a, const Tensor<T>& b) {
    return detail::extreme(BinaryOp::maximum, a, b, "maximum");
}

/// The smaller of a and b, broadcast; NaN in either gives NaN.
template <Element T>
Tensor<T> minimum(const Tensor<T>& a, const Tensor<T>& b) {
    return detail::extreme(BinaryOp::minimum, a, b, "minimum");
}

#define TERCET_OPERATOR(symbol, name)                                          \
    template <Element T>                                                       \
    Tensor<T> operator symbol(const Tensor<T>& a, const Tensor<T>& b) {        \
        return name(a, b);                                                     \
    }                                                                          \
    template <Element T>                                                       \
    Tensor<T> operator symbol(const Tensor<T>& a, std::type_identity_t<T> b) { \
        return name(a, Tensor<T>::scalar(b));                                  \
    }                                                                          \
    template <Element T>                                                       \
    Tensor<T> operator symbol(std::type_identity_t<T> a, const Tensor<T>& b) { \
        return name(Tensor<T>::scalar(a), b);                                  \
    }
TERCET_OPERATOR(+, add)
TERCET_OPERATOR(-, sub)
TERCET_OPERATOR(*, mul)
TERCET_OPERATOR(/, div)
#undef TERCET_OPERATOR

template <Element T>
Tensor<T> operator-(const Tensor<T>& x) {
    return neg(x);
}

/// x += y in place, y broadcast to x. Not recorded: only for tensors off the tape, or under NoGrad.
template <Element T>
Tensor<T>& operator+=(Tensor<T>& x, const Tensor<T>& y) {
    x.copy_from(detail::binary_values(BinaryOp::add, x, y, "+="));
    return x;
}
template <Element T>
Tensor<T>& operator-=(Tensor<T>& x, const Tensor<T>& y) {
    x.copy_from(detail::binary_values(BinaryOp::sub, x, y, "-="));
    return x;
}
template <Element T>
Tensor<T>& operator*=(Tensor<T>& x, const Tensor<T>& y) {
    x.copy_from(detail::binary_values(BinaryOp::mul, x, y, "*="));
    return x;
}

}  // namespace tercet::inline TERCET_ABI
