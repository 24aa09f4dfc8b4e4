#include "support/catch.hpp"

#include "tercet/core/dtype.hpp"

#include <cmath>
#include <cstring>
#include <random>

using namespace tercet;

namespace {

std::uint32_t bits(float x) {
    return std::bit_cast<std::uint32_t>(x);
}

// What a half means, by its definition: IEEE 754-2008, section 3.4.
double value_of_half(std::uint16_t h) {
    const int exponent = (h >> 10) & 31, fraction = h & 1023;
    const double sign = (h & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
    return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

// The half nearest to x, ties to the even one, found by search among all finite ones: the reference that rounding is held to.
std::uint16_t nearest_half(float x) {
    const std::uint16_t sign = std::signbit(x) ? 0x8000 : 0;
    const double magnitude = std::fabs(static_cast<double>(x));
    if (magnitude >= 65520) return sign | 0x7c00;  // halfway between the largest half and what would be the next
    unsigned low = 0, high = 0x7bff;               // magnitudes grow with their bits
    while (low < high) {
        const unsigned middle = (low + high + 1) / 2;
        if (value_of_half(static_cast<std::uint16_t>(middle)) <= magnitude) low = middle;
        else high = middle - 1;
    }
    if (low == 0x7bff) return static_cast<std::uint16_t>(sign | low);
    const double below = magnitude - value_of_half(static_cast<std::uint16_t>(low)),
                 above = value_of_half(static_cast<std::uint16_t>(low + 1)) - magnitude;
    const bool up = above < below || (above == below && low % 2 == 1);
    return static_cast<std::uint16_t>(sign | (up ? low + 1 : low));
}

}  // namespace

TEST_CASE("every half converts to the float it stands for, and back to its own bits", "[core]") {
    int wrong = 0;
    for (unsigned h = 0; h <= 0xffff; ++h) {
        f16 half;
        half.bits = static_cast<std::uint16_t>(h);
        const float value = half;
        const double expected = value_of_half(half.bits);
        if (std::isnan(expected)) {
            wrong += !std::isnan(value) || (bits(value) >> 31) != h >> 15 || !std::isnan(static_cast<float>(f16(value)));
            wrong += (h & 0x200) != 0 && f16(value).bits != h;  // a quiet NaN keeps its payload
        } else {
            wrong += static_cast<double>(value) != expected || std::signbit(value) != std::signbit(expected) || f16(value).bits != h;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("floats round to the nearest half, ties to even, with subnormals and overflow", "[core]") {
    SECTION("by name") {
        CHECK(f16(65504.f).bits == 0x7bff);
        CHECK(f16(65519.996f).bits == 0x7bff);
        CHECK(f16(65520.f).bits == 0x7c00);
        CHECK(f16(-1e30f).bits == 0xfc00);
        CHECK(f16(std::numeric_limits<float>::infinity()).bits == 0x7c00);
        CHECK(f16(0x1p-24f).bits == 1);
        CHECK(f16(0x1p-25f).bits == 0);         // a tie: to even
        CHECK(f16(0x1.000002p-25f).bits == 1);  // just above it
        CHECK(f16(0x1.8p-24f).bits == 2);       // a tie between 1 and 2
        CHECK(f16(-0.f).bits == 0x8000);
        CHECK(f16(1.f + 0x1p-11f).bits == 0x3c00);                                      // tie, even below
        CHECK(f16(1.f + 3 * 0x1p-11f).bits == 0x3c02);                                  // tie, even above
        CHECK(f16(0x1.ff8p-15f).bits == 0x03ff);                                        // the largest subnormal
        CHECK(f16(0x1.ffcp-15f).bits == 0x0400);                                        // halfway to the smallest normal
        CHECK(std::isnan(static_cast<float>(f16(std::bit_cast<float>(0x7f800001u)))));  // a NaN whose payload is cut off stays one
    }
    SECTION("around every half, and at random") {
        int wrong = 0;
        for (unsigned h = 0; h < 0x7c00; ++h) {
            const float value = static_cast<float>(value_of_half(static_cast<std::uint16_t>(h)));
            const float next = h == 0x7bff ? 65536.f : static_cast<float>(value_of_half(static_cast<std::uint16_t>(h + 1)));
            const float middle = value + (next - value) / 2;
            for (const float x : {value, middle, std::nextafter(middle, 0.f), std::nextafter(middle, 1e9f), std::nextafter(value, 1e9f)})
                wrong += f16(x).bits != nearest_half(x) || f16(-x).bits != nearest_half(-x);
        }
        std::mt19937 random(1);
        for (int i = 0; i < 200000; ++i) {
            const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
            if (!std::isnan(x)) wrong += f16(x).bits != nearest_half(x);
        }
        CHECK(wrong == 0);
    }
#if defined(__FLT16_MANT_DIG__) && defined(__x86_64__)
    SECTION("as the compiler's own half does") {
        int wrong = 0;
        std::mt19937 random(2);
        for (int i = 0; i < 200000; ++i) {
            const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
            if (std::isnan(x)) continue;
            __extension__ const auto half = static_cast<_Float16>(x);
            wrong += std::memcmp(&half, &static_cast<const f16&>(f16(x)).bits, 2) != 0;
        }
        CHECK(wrong == 0);
    }
#endif
}

TEST_CASE("bfloat16 is the upper half of a float, rounded to nearest even", "[core]") {
    int wrong = 0;
    for (unsigned b = 0; b <= 0xffff; ++b) {
        bf16 upper;
        upper.bits = static_cast<std::uint16_t>(b);
        const float value = upper;
        wrong += bits(value) != b << 16;
        if (std::isnan(value)) {
            wrong += !std::isnan(static_cast<float>(bf16(value)));
        } else {
            wrong += bf16(value).bits != b;
            // The float halfway to the next one goes to the even of the two; its neighbours to the nearer.
            const auto at = [&](std::uint32_t low) { return bf16(std::bit_cast<float>(b << 16 | low)).bits; };
            if ((b & 0x7fff) < 0x7f80) wrong += at(0x7fff) != b || at(0x8000) != b + (b & 1) || at(0x8001) != b + 1;
        }
    }
    CHECK(wrong == 0);
    CHECK(bf16(std::numeric_limits<float>::max()).bits == 0x7f80);
    CHECK(bf16(-0.f).bits == 0x8000);
    CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7f800001u)))));
    CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0xffffffffu)))));
}

TEST_CASE("each element type has its name, its size, and is visited as itself", "[core]") {
    const std::pair<DType, std::pair<const char*, std::size_t>> all[] = {
        {DType::f32, {"float32", 4}}, {DType::f64, {"float64", 8}}, {DType::bf16, {"bfloat16", 2}},
        {DType::f16, {"float16", 2}}, {DType::i8, {"int8", 1}},     {DType::u8, {"uint8", 1}},
        {DType::i32, {"int32", 4}},   {DType::i64, {"int64", 8}},   {DType::boolean, {"bool", 1}}};
    for (const auto& [dtype, expected] : all) {
        CHECK(name_of(dtype) == expected.first);
        CHECK(size_of(dtype) == expected.second);
        const DType seen = visit(dtype, [](auto zero) { return dtype_of<decltype(zero)>; });
        CHECK(seen == dtype);
    }
    CHECK(Real<float>);
    CHECK_FALSE(Real<bf16>);
    CHECK_FALSE(Element<char>);
    CHECK_ERROR(size_of(static_cast<DType>(99)), ErrorCode::dtype_mismatch);
    std::ostringstream text;
    text << DType::bf16;
    CHECK(text.str() == "bfloat16");
}
