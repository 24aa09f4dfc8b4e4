// The reference values are those of the gguf package, checked against ggml's C code.
#include "tercet/quant/convert.hpp"

#include "support/catch.hpp"
#include "tercet/io/safetensors.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace tercet;

namespace {

std::vector<float> floats(const StoredTensor& tensor) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
}

const StoredTensor& get(const Safetensors& file, std::string_view name) {
    const auto* tensor = file.find(name);
    REQUIRE(tensor != nullptr);
    return *tensor;
}

Safetensors golden(StorageType type) {
    return Safetensors::open(std::string(TERCET_TEST_DATA) + "/quant/" + std::string(name_of(type)) + ".safetensors");
}

// The largest deviation, relative to the value (absolute below 1e-30).
double deviation(const std::vector<float>& got, const std::vector<float>& expected) {
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (got[i] == expected[i]) continue;
        worst = std::max(worst, std::abs(double(got[i]) - double(expected[i])) / std::max(std::abs(double(expected[i])), 1e-30));
    }
    return worst;
}

constexpr StorageType legacy[] = {StorageType::q8_0, StorageType::q4_0, StorageType::q4_1, StorageType::q5_0, StorageType::q5_1};
constexpr StorageType searched[] = {StorageType::q2_k, StorageType::q3_k, StorageType::q4_k,
                                    StorageType::q5_k, StorageType::q6_k, StorageType::iq4_nl};
std::vector<StorageType> joined(std::span<const StorageType> first, std::span<const StorageType> second) {
    std::vector<StorageType> all(first.begin(), first.end());
    all.insert(all.end(), second.begin(), second.end());
    return all;
}
const std::vector<StorageType> blocks = joined(legacy, searched);
const std::vector<StorageType> halves{StorageType::f16, StorageType::bf16};

double squared_error(const std::vector<float>& got, const std::vector<float>& expected) {
    double sum = 0;
    for (std::size_t i = 0; i < got.size(); ++i) sum += (double(got[i]) - double(expected[i])) * (double(got[i]) - double(expected[i]));
    return sum;
}

// x as a block type gives it back.
std::vector<float> through(StorageType type, const std::vector<float>& x) {
    std::vector<std::byte> packed(bytes_of(type, static_cast<index_t>(x.size())));
    std::vector<float> back(x.size());
    quantize(type, x, packed);
    dequantize(type, packed, back);
    return back;
}

}  // namespace

TEST_CASE("dequantize: equals ggml's values, also on random blocks", "[quant][golden]") {
    for (const auto type : joined(halves, blocks)) {
        const auto file = golden(type);
        for (const std::string suffix : {"", ".random", ".ggml"}) {
            if (file.find("bytes" + suffix) == nullptr) continue;
            INFO(name_of(type) << suffix);
            const auto expected = floats(get(file, "dequant" + suffix));
            std::vector<float> got(expected.size());
            dequantize(type, get(file, "bytes" + suffix).bytes, got);
            CHECK(deviation(got, expected) <= (block_size(type) == 1 ? 0 : 1e-6));
        }
    }
}

TEST_CASE("quantize: gives ggml's bytes", "[quant][golden]") {
    for (const auto type : joined(halves, legacy)) {
        INFO(name_of(type));
        const auto file = golden(type);
        const auto x = floats(get(file, "x"));
        const auto& expected = get(file, "bytes");
        std::vector<std::byte> got(bytes_of(type, static_cast<index_t>(x.size())));
        quantize(type, x, got);
        CHECK(std::equal(got.begin(), got.end(), expected.bytes.begin(), expected.bytes.end()));
    }
}

TEST_CASE("quantize: where scales are searched for, the error is no larger than ggml's", "[quant][golden]") {
    for (const auto type : searched) {
        INFO(name_of(type));
        const auto file = golden(type);
        const auto x = floats(get(file, "x"));
        const double ours = squared_error(through(type, x), x), theirs = squared_error(floats(get(file, "dequant.ggml")), x);
        INFO("squared error " << ours << ", ggml's " << theirs);
        CHECK(ours <= 1.05 * theirs);
    }
}

TEST_CASE("quantize: K-quants take numbers of every kind, each with its few bits", "[quant]") {
    struct Case {
        StorageType type;
        double bound;  // of the error, relative to the numbers, in the root of squares
    };
    for (const auto& [type, bound] : {Case{StorageType::q2_k, 0.40}, Case{StorageType::q3_k, 0.22}, Case{StorageType::q4_k, 0.10},
                                      Case{StorageType::q5_k, 0.05}, Case{StorageType::q6_k, 0.03}})
        for (const int kind : {0, 1, 2, 3}) {
            INFO(name_of(type) << ", kind " << kind);
            std::vector<float> x(512);
            for (std::size_t i = 0; i < x.size(); ++i) {
                const float wave = std::sin(static_cast<float>(i * i) * 0.37f + static_cast<float>(i));
                const float kinds[] = {wave, std::abs(wave), -std::abs(wave), wave * std::exp2(static_cast<float>(i / 32 % 8) - 4)};
                x[i] = kinds[kind];
            }
            CHECK(std::sqrt(squared_error(through(type, x), x)) <= bound * std::sqrt(squared_error(x, std::vector<float>(x.size()))));
        }
}

TEST_CASE("quantize: what comes back is within half a step of the block", "[quant]") {
    for (const auto type : legacy) {
        for (const float scale : {1e-3f, 1.f, 1e4f}) {
            INFO(name_of(type) << " at " << scale);
            std::vector<float> x(96), back(96);
            for (std::size_t i = 0; i < x.size(); ++i) x[i] = scale * std::sin(static_cast<float>(i * i) * 0.37f + static_cast<float>(i / 32));
            std::vector<std::byte> packed(bytes_of(type, 96));
            quantize(type, x, packed);
            dequantize(type, packed, back);
            // Steps of 1/127 of the largest, 1/8 of it, 1/15 of the range; Q4_0 cuts one side off by a step. The scale itself is rounded to half.
            const bool five = type == StorageType::q5_0 || type == StorageType::q5_1;
            const float bound = scale * (type == StorageType::q8_0 ? 0.006f : type == StorageType::q4_0 ? 0.13f : five ? 0.065f : 0.07f);
            for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(x[i] - back[i]) <= bound);
        }
    }
}

TEST_CASE("quantize: zeros, equal numbers and numbers below half precision survive", "[quant]") {
    for (const auto type : blocks) {
        for (const float value : {0.f, 2.f, -2.f, 1e-38f, 1e-42f, -1e-42f}) {
            INFO(name_of(type) << " of " << value);
            const std::vector<float> x(static_cast<std::size_t>(block_size(type)), value);
            for (const float b : through(type, x)) CHECK(std::abs(b - value) <= 1e-3f);
        }
    }
}

TEST_CASE("quantize: numbers that a block cannot hold are refused", "[quant]") {
    for (const auto type : blocks) {
        for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 3e38f}) {
            std::vector<float> x(512, 1.f);
            x[300] = value;
            x[301] = -value;
            std::vector<std::byte> packed(bytes_of(type, 512));
            CHECK_ERROR(quantize(type, x, packed), ErrorCode::invalid_argument);
        }
    }
}

TEST_CASE("dequantize: plain types convert each element, at any address", "[quant]") {
    const auto converted = []<class T>(StorageType type, std::vector<T> values) {
        std::vector<std::byte> bytes(1);
        for (const std::byte b : std::as_bytes(std::span<const T>(values))) bytes.push_back(b);
        std::vector<float> out(values.size());
        dequantize(type, std::span(bytes).subspan(1), out);
        return out;
    };
    CHECK(converted(StorageType::f32, std::vector{1.5f, -2.f}) == std::vector{1.5f, -2.f});
    CHECK(converted(StorageType::f64, std::vector{1.5, -2.0}) == std::vector{1.5f, -2.f});
    CHECK(converted(StorageType::i8, std::vector<std::int8_t>{-128, 127}) == std::vector{-128.f, 127.f});
    CHECK(converted(StorageType::i16, std::vector<std::int16_t>{-300, 300}) == std::vector{-300.f, 300.f});
    CHECK(converted(StorageType::i32, std::vector<std::int32_t>{-70000, 70000}) == std::vector{-70000.f, 70000.f});
    CHECK(converted(StorageType::i64, std::vector<std::int64_t>{-1, 5}) == std::vector{-1.f, 5.f});
    CHECK(converted(StorageType::u8, std::vector<std::uint8_t>{255, 0}) == std::vector{255.f, 0.f});
    CHECK(converted(StorageType::u16, std::vector<std::uint16_t>{65535, 0}) == std::vector{65535.f, 0.f});
    CHECK(converted(StorageType::u32, std::vector<std::uint32_t>{65536, 0}) == std::vector{65536.f, 0.f});
    CHECK(converted(StorageType::u64, std::vector<std::uint64_t>{1u << 20, 0}) == std::vector{1048576.f, 0.f});
    CHECK(converted(StorageType::boolean, std::vector<std::uint8_t>{1, 0}) == std::vector{1.f, 0.f});
    CHECK(converted(StorageType::bf16, std::vector{bf16(1.5f), bf16(-2.f)}) == std::vector{1.5f, -2.f});
}

TEST_CASE("quantize: F32 and F64 keep every number", "[quant]") {
    const std::vector<float> x{1.5f, -1e-30f, std::numeric_limits<float>::infinity()};
    for (const auto type : {StorageType::f32, StorageType::f64}) {
        std::vector<std::byte> bytes(bytes_of(type, 3));
        std::vector<float> back(3);
        quantize(type, x, bytes);
        dequantize(type, bytes, back);
        CHECK(back == x);
    }
}

TEST_CASE("dequantize and quantize: wrong sizes and types known only by name are refused", "[quant]") {
    std::vector<std::byte> bytes(34);
    std::vector<float> values(32), ten(10), many(256);
    CHECK_ERROR(dequantize(StorageType::q8_0, std::span(bytes).first(33), values), ErrorCode::shape_mismatch);
    CHECK_ERROR(dequantize(StorageType::q8_0, bytes, ten), ErrorCode::shape_mismatch);
    CHECK_ERROR(quantize(StorageType::q8_0, values, std::span(bytes).first(18)), ErrorCode::shape_mismatch);
    std::vector<std::byte> block(292);
    CHECK_ERROR(dequantize(StorageType::q8_k, block, many), ErrorCode::unsupported);
    CHECK_ERROR(quantize(StorageType::q8_k, many, block), ErrorCode::unsupported);
    CHECK_ERROR(dequantize(StorageType::f8_e4m3, std::span(bytes).first(32), values), ErrorCode::unsupported);
    CHECK_ERROR(quantize(StorageType::i8, values, std::span(bytes).first(32)), ErrorCode::unsupported);
    dequantize(StorageType::q8_0, {}, {});  // nothing is fine
}
