// Element types: the nine that a tensor may hold, with bfloat16 and IEEE half as plain 16-bit structs.
//
// bf16 is the upper half of a float, rounded to nearest even; f16 is IEEE 754 binary16 with subnormals, infinities and NaN.
// Both convert to and from float; arithmetic is done in float.
#pragma once

#include "tercet/core/error.hpp"

#include <bit>
#include <limits>
#include <ostream>
#include <type_traits>

namespace tercet::inline TERCET_ABI {

/// bfloat16: 1 sign, 8 exponent, 7 fraction bits.
struct bf16 {
    std::uint16_t bits = 0;

    bf16() = default;
    constexpr explicit bf16(float value) {
        auto u = std::bit_cast<std::uint32_t>(value);
        if (value != value) {
            bits = static_cast<std::uint16_t>((u >> 16) | 0x40);  // a quiet NaN: rounding could carry it into infinity
        } else {
            u += 0x7fff + ((u >> 16) & 1);  // round to nearest, ties to even
            bits = static_cast<std::uint16_t>(u >> 16);
        }
    }
    constexpr operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

/// IEEE 754 half precision: 1 sign, 5 exponent, 10 fraction bits.
struct f16 {
    std::uint16_t bits = 0;

    f16() = default;
    constexpr explicit f16(float value) {
        const auto u = std::bit_cast<std::uint32_t>(value);
        const std::uint32_t sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
        std::uint32_t half;
        if (magnitude > 0x7f800000) {  // NaN: keep the upper fraction bits, stay quiet
            half = 0x7e00 | ((magnitude >> 13) & 0x1ff);
        } else if (magnitude >= 0x477ff000) {  // 65520 and more round to infinity
            half = 0x7c00;
        } else if (magnitude < 0x38800000) {  // below 2^-14: adding 0.5 leaves the subnormal's bits, rounded, in the low fraction
            half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
        } else {
            half = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;  // rebias, round to nearest even
        }
        bits = static_cast<std::uint16_t>(sign | half);
    }
    constexpr operator float() const {
        const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16, exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
        if (exponent == 0) {  // zero and subnormals: fraction · 2^-24
            const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
            return sign ? -magnitude : magnitude;
        }
        const std::uint32_t biased = exponent == 31 ? 255 : exponent + 112;
        return std::bit_cast<float>(sign | (biased << 23) | (fraction << 13));
    }
};

enum class DType : std::uint8_t { f32, f64, bf16, f16, i8, u8, i32, i64, boolean };

// The table every name and size comes from: enum entry, C++ type, name as printed.
#define TERCET_FOR_EACH_DTYPE(X)        \
    X(f32, float, "float32")            \
    X(f64, double, "float64")           \
    X(bf16, ::tercet::bf16, "bfloat16") \
    X(f16, ::tercet::f16, "float16")    \
    X(i8, std::int8_t, "int8")          \
    X(u8, std::uint8_t, "uint8")        \
    X(i32, std::int32_t, "int32")       \
    X(i64, std::int64_t, "int64")       \
    X(boolean, bool, "bool")

namespace detail {
template <class T>
struct DTypeOf;
#define TERCET_DTYPE_OF(entry, type, text)           \
    template <>                                      \
    struct DTypeOf<type> {                           \
        static constexpr DType value = DType::entry; \
    };
TERCET_FOR_EACH_DTYPE(TERCET_DTYPE_OF)
#undef TERCET_DTYPE_OF
}  // namespace detail

/// A type that a tensor can hold.
template <class T>
concept Element = requires {
    detail::DTypeOf<T>::value;
};

/// A type that carries gradients.
template <class T>
concept Real = std::is_same_v<T, float> || std::is_same_v<T, double>;

template <Element T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

/// Calls f with a value-initialised element of the type named at run time: visit(dtype, [](auto zero) { using T = decltype(zero); … }).
template <class F>
constexpr decltype(auto) visit(DType dtype, F&& f) {
    switch (dtype) {
#define TERCET_VISIT(entry, type, text) \
    case DType::entry: return f(type{});
        TERCET_FOR_EACH_DTYPE(TERCET_VISIT)
#undef TERCET_VISIT
    }
    fail(ErrorCode::dtype_mismatch, "visit: no such element type: ", static_cast<int>(dtype));
}

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
    return visit(dtype, [](auto zero) { return sizeof(zero); });
}

/// "float32", "bfloat16", …: NumPy's names.
constexpr std::string_view name_of(DType dtype) {
    switch (dtype) {
#define TERCET_NAME(entry, type, text) \
    case DType::entry: return text;
        TERCET_FOR_EACH_DTYPE(TERCET_NAME)
#undef TERCET_NAME
    }
    return "unknown";
}

inline std::ostream& operator<<(std::ostream& out, DType dtype) {
    return out << name_of(dtype);
}

}  // namespace tercet::inline TERCET_ABI
