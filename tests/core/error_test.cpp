#include "support/catch.hpp"

#include "tercet/core/error.hpp"

#include <cstdint>
#include <limits>
#include <set>

using namespace tercet;

TEST_CASE("error codes are named as they are spelled", "[core]") {
    CHECK(name_of(ErrorCode::invalid_argument) == "invalid_argument");
    CHECK(name_of(ErrorCode::shape_mismatch) == "shape_mismatch");
    CHECK(name_of(ErrorCode::index_out_of_range) == "index_out_of_range");
    CHECK(name_of(ErrorCode::dtype_mismatch) == "dtype_mismatch");
    CHECK(name_of(ErrorCode::size_overflow) == "size_overflow");
    CHECK(name_of(ErrorCode::out_of_memory) == "out_of_memory");
    CHECK(name_of(ErrorCode::autograd) == "autograd");
    CHECK(name_of(ErrorCode::io) == "io");
    CHECK(name_of(ErrorCode::bad_magic) == "bad_magic");
    CHECK(name_of(ErrorCode::bad_header) == "bad_header");
    CHECK(name_of(ErrorCode::bad_offset) == "bad_offset");
    CHECK(name_of(ErrorCode::bad_json) == "bad_json");
    CHECK(name_of(ErrorCode::missing_key) == "missing_key");
    CHECK(name_of(ErrorCode::missing_tensor) == "missing_tensor");
    CHECK(name_of(ErrorCode::surplus_tensor) == "surplus_tensor");
    CHECK(name_of(ErrorCode::unsupported) == "unsupported");
    CHECK(name_of(ErrorCode::bad_text) == "bad_text");
    CHECK(name_of(ErrorCode::bad_tokenizer) == "bad_tokenizer");
    CHECK(name_of(ErrorCode::context_overflow) == "context_overflow");
    CHECK(name_of(ErrorCode::cancelled) == "cancelled");
    CHECK(name_of(ErrorCode::damaged) == "damaged");
    CHECK(name_of(ErrorCode::not_finite) == "not_finite");

    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(ErrorCode::not_finite); ++code) names.insert(name_of(static_cast<ErrorCode>(code)));
    CHECK(names.size() == static_cast<std::size_t>(ErrorCode::not_finite) + 1);
}

TEST_CASE("error_of: gives the error that a call ended with, or none", "[core]") {
    const auto error = error_of([] { fail(ErrorCode::io, "disk ", 7); });
    REQUIRE(error.has_value());
    CHECK(error->code() == ErrorCode::io);
    CHECK(std::string_view(error->what()) == "disk 7");
    CHECK_FALSE(error_of([] {}).has_value());
}

TEST_CASE("an error carries its code and its parts as one sentence", "[core]") {
    try {
        fail(ErrorCode::bad_offset, "model.bin", ": tensor ", 3, " ends at ", 1.5);
    } catch (const std::exception& caught) {
        const auto* error = dynamic_cast<const Error*>(&caught);
        REQUIRE(error != nullptr);
        CHECK(error->code() == ErrorCode::bad_offset);
        CHECK(std::string_view(error->what()) == "model.bin: tensor 3 ends at 1.5");
    }
    CHECK_NOTHROW(require(true, ErrorCode::io, "unused"));
    CHECK_ERROR(require(false, ErrorCode::io, "used"), ErrorCode::io);
}

TEST_CASE("checked arithmetic gives the result or size_overflow", "[core]") {
    constexpr auto top = std::numeric_limits<std::size_t>::max();
    constexpr auto signed_top = std::numeric_limits<std::ptrdiff_t>::max();
    CHECK(checked_mul<std::size_t>(3, 5, "x") == 15);
    CHECK(checked_mul<std::size_t>(top, 1, "x") == top);
    CHECK(checked_mul<std::size_t>(top, 0, "x") == 0);
    CHECK_ERROR(checked_mul<std::size_t>(top / 2 + 1, 2, "x"), ErrorCode::size_overflow);
    CHECK_ERROR(checked_mul<std::ptrdiff_t>(signed_top / 2 + 1, 2, "x"), ErrorCode::size_overflow);
    CHECK(checked_add<std::size_t>(top - 1, 1, "x") == top);
    CHECK_ERROR(checked_add<std::size_t>(top, 1, "x"), ErrorCode::size_overflow);
    CHECK_ERROR(checked_add<std::ptrdiff_t>(signed_top, 1, "x"), ErrorCode::size_overflow);
    CHECK_ERROR(checked_add<std::uint32_t>(0xffffffffu, 1u, "x"), ErrorCode::size_overflow);
    try {
        checked_mul<std::size_t>(top, 2, "tensor 'w'");
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()).find("tensor 'w'") != std::string_view::npos);
    }
}
