// Catch2 in whichever version the machine has: v2 (one header) or v3 (a library), under one set of names.
//
//   CHECK_ERROR(matmul(a, b), ErrorCode::shape_mismatch);   the expression must throw tercet::Error with that code and a message
//   SKIP_TEST("no AVX-512 here");                           ends the test case; it is counted and named as skipped, never as passed
//
// v3's spellings work with v2 too: Catch::Approx, Catch::Matchers::ContainsSubstring.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define TERCET_TEST_CATCH3 1
#else
#include <catch2/catch.hpp>
#endif

#include "tercet/core/error.hpp"

#include <iostream>
#include <string_view>

#ifdef TERCET_TEST_CATCH3
using Catch::Approx;
#else
namespace Catch {
using Detail::Approx;
namespace Matchers {
inline auto ContainsSubstring(const std::string& text) {
    return Contains(text);
}
}  // namespace Matchers
}  // namespace Catch
#endif

// Not a lambda, since Clang 14 captures no structured bindings; put an expression with bare commas in parentheses.
#define CHECK_ERROR(expression, expected_code)                                                                            \
    do {                                                                                                                  \
        bool tercet_test_threw = false;                                                                                   \
        try {                                                                                                             \
            static_cast<void>(expression);                                                                                \
        } catch (const ::tercet::Error& tercet_test_error) {                                                              \
            tercet_test_threw = true;                                                                                     \
            INFO("CHECK_ERROR(" #expression "): " << tercet_test_error.what());                                           \
            CHECK(::tercet::name_of(tercet_test_error.code()) == ::tercet::name_of(expected_code));                       \
            CHECK_FALSE(std::string_view(tercet_test_error.what()).empty());                                              \
        }                                                                                                                 \
        if (!tercet_test_threw) FAIL_CHECK("CHECK_ERROR(" #expression "): nothing was thrown, expected " #expected_code); \
    } while (false)

// scripts/test.sh counts and names these lines. With v2 it leaves the function that it stands in: use it in the test case itself.
#define TERCET_TEST_SAY_SKIPPED(reason) \
    (std::cout << "SKIPPED: " << ::Catch::getResultCapture().getCurrentTestName() << ": " << (reason) << std::endl)
#ifdef TERCET_TEST_CATCH3
#define SKIP_TEST(reason)                \
    do {                                 \
        TERCET_TEST_SAY_SKIPPED(reason); \
        SKIP(reason);                    \
    } while (false)
#else
#define SKIP_TEST(reason)                 \
    do {                                  \
        TERCET_TEST_SAY_SKIPPED(reason);  \
        SUCCEED("skipped: " << (reason)); \
        return;                           \
    } while (false)
#endif
