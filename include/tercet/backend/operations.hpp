// The scalar operations by name: the enums that a backend's function table is indexed by.
//
// To add one: a functor in backend/functors.inc, an entry in a list here, a line in ops/elementwise.hpp.
#pragma once

#include "tercet/core/config.hpp"

namespace tercet::inline TERCET_ABI {

// enum entry, functor
#define TERCET_UNARY_OPS(X)    \
    X(neg, Neg)                \
    X(abs, Abs)                \
    X(square, Square)          \
    X(sqrt, Sqrt)              \
    X(rsqrt, Rsqrt)            \
    X(reciprocal, Reciprocal)  \
    X(exp, Exp)                \
    X(log, Log)                \
    X(log1p, Log1p)            \
    X(expm1, Expm1)            \
    X(sin, Sin)                \
    X(cos, Cos)                \
    X(tanh, Tanh)              \
    X(erf, Erf)                \
    X(sigmoid, Sigmoid)        \
    X(relu, Relu)              \
    X(gelu, Gelu)              \
    X(gelu_tanh, GeluTanh)     \
    X(silu, Silu)              \
    X(quick_gelu, QuickGelu)   \
    X(log_sigmoid, LogSigmoid) \
    X(softplus, Softplus)      \
    X(mish, Mish)              \
    X(relu6, Relu6)            \
    X(hardswish, Hardswish)

#define TERCET_BINARY_OPS(X) \
    X(add, Add)              \
    X(sub, Sub)              \
    X(mul, Mul)              \
    X(div, Div)              \
    X(maximum, Maximum)      \
    X(minimum, Minimum)      \
    X(pow, Pow)

#define TERCET_ENTRY(entry, functor) entry,
enum class UnaryOp { TERCET_UNARY_OPS(TERCET_ENTRY) count };
enum class BinaryOp { TERCET_BINARY_OPS(TERCET_ENTRY) count };
#undef TERCET_ENTRY

}  // namespace tercet::inline TERCET_ABI
