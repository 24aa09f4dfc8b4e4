// The scalar operations on one element of any type: for the types that no kernel region has. Integers wrap, and never trap.
#pragma once

#include "tercet/backend/functors.hpp"
#include "tercet/backend/operations.hpp"
#include "tercet/core/dtype.hpp"

namespace tercet::inline TERCET_ABI::cpu {

namespace detail {

// The type that arithmetic on T is done in: 16-bit floats compute in float, bool as an integer.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, bf16> || std::is_same_v<T, f16>, float, std::conditional_t<std::is_same_v<T, bool>, int, T>>;

template <class T>
T scalar_binary(BinaryOp op, T x, T y) {
    using C = Compute<T>;
    const C a = static_cast<C>(x), b = static_cast<C>(y);
    if constexpr (std::is_integral_v<C>) {  // two's complement wraps; division by zero gives zero, as nothing may trap
        using U = std::make_unsigned_t<C>;
        switch (op) {
        case BinaryOp::add: return static_cast<T>(static_cast<C>(static_cast<U>(a) + static_cast<U>(b)));
        case BinaryOp::sub: return static_cast<T>(static_cast<C>(static_cast<U>(a) - static_cast<U>(b)));
        case BinaryOp::mul: return static_cast<T>(static_cast<C>(std::uint64_t{static_cast<U>(a)} * static_cast<U>(b)));
        case BinaryOp::div:
            return b == 0 ? T{} : b == static_cast<C>(-1) ? static_cast<T>(static_cast<C>(U{} - static_cast<U>(a))) : static_cast<T>(a / b);
        case BinaryOp::maximum: return a > b ? x : y;
        case BinaryOp::minimum: return a < b ? x : y;
        case BinaryOp::pow: {
            std::uint64_t power = 1, base = static_cast<U>(a);
            for (auto e = static_cast<std::uint64_t>(b > 0 ? b : 0); e != 0; e /= 2, base *= base)
                if (e % 2 == 1) power *= base;
            return static_cast<T>(static_cast<C>(power));
        }
        default: return T{};
        }
    } else {
        switch (op) {
#define TERCET_CASE(entry, functor) \
    case BinaryOp::entry: return static_cast<T>(scalar::functor::f(a, b));
            TERCET_BINARY_OPS(TERCET_CASE)
#undef TERCET_CASE
        default: return T{};
        }
    }
}

template <class T>
T scalar_unary(UnaryOp op, T x) {
    using C = Compute<T>;
    const C a = static_cast<C>(x);
    if constexpr (std::is_integral_v<C>) {
        const bool negative = a < 0;
        switch (op) {
        case UnaryOp::neg: return scalar_binary<T>(BinaryOp::sub, T{}, x);
        case UnaryOp::abs: return negative ? scalar_binary<T>(BinaryOp::sub, T{}, x) : x;
        case UnaryOp::square: return scalar_binary<T>(BinaryOp::mul, x, x);
        case UnaryOp::relu: return negative ? T{} : x;
        default: fail(ErrorCode::dtype_mismatch, "this operation gives fractions: convert the integers to float first");
        }
    } else {
        switch (op) {
#define TERCET_CASE(entry, functor) \
    case UnaryOp::entry: return static_cast<T>(scalar::functor::f(a));
            TERCET_UNARY_OPS(TERCET_CASE)
#undef TERCET_CASE
        default: return T{};
        }
    }
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI::cpu
