// Errors: everything a caller or a file can get wrong ends here, with a code to branch on and a sentence to read.
//
//   require(rows == 3, ErrorCode::shape_mismatch, "softmax: expected 3 rows, got ", rows);
//
// With exceptions, tercet::Error is thrown. Without (TERCET_NO_EXCEPTIONS), the handler set by set_error_handler is called; it
// must not return (longjmp, exit, a task switch); the default one ends the program, since there is nobody left to tell.
#pragma once

#include "tercet/core/config.hpp"

#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#ifdef TERCET_NO_EXCEPTIONS
#include <atomic>
#include <cstdlib>
#endif

namespace tercet::inline TERCET_ABI {

enum class ErrorCode {
    invalid_argument,    // an option or value outside its range
    shape_mismatch,      // extents that do not fit each other
    index_out_of_range,  // an index, id or dimension outside its extent
    dtype_mismatch,      // the wrong element type
    size_overflow,       // a product of extents that does not fit
    out_of_memory,       // the allocator had no more
    autograd,            // a tensor used against the rules of the tape
    io,                  // a file that is missing, unreadable or could not be written
    bad_magic,           // a file of another kind
    bad_header,          // a header that is malformed or longer than its file
    bad_offset,          // data that lies outside its file
    bad_json,            // JSON that does not parse, or nests too deep, or repeats a key
    missing_key,         // a required entry of a config or metadata block is absent
    missing_tensor,      // a tensor that the model needs is absent
    surplus_tensor,      // a tensor that the model has no place for
    unsupported,         // a well-formed input that this version does not handle
    bad_text,            // text that is not valid UTF-8 where it must be
    bad_tokenizer,       // a tokenizer file without what its type needs
    context_overflow,    // more tokens than the model's context holds
    cancelled,           // the caller's stop token was set
    damaged,             // a file whose checksum does not hold
    not_finite,          // a NaN or an infinity where numbers must go on
    device,              // a GPU or its driver that is not there, too old, or did not do as it was told
};

/// The code's name, as it stands in the enum: "shape_mismatch".
constexpr std::string_view name_of(ErrorCode code) {
    constexpr std::string_view names[] = {"invalid_argument",
                                          "shape_mismatch",
                                          "index_out_of_range",
                                          "dtype_mismatch",
                                          "size_overflow",
                                          "out_of_memory",
                                          "autograd",
                                          "io",
                                          "bad_magic",
                                          "bad_header",
                                          "bad_offset",
                                          "bad_json",
                                          "missing_key",
                                          "missing_tensor",
                                          "surplus_tensor",
                                          "unsupported",
                                          "bad_text",
                                          "bad_tokenizer",
                                          "context_overflow",
                                          "cancelled",
                                          "damaged",
                                          "not_finite",
                                          "device"};
    return names[static_cast<std::size_t>(code)];
}

/// What tercet throws, and the only thing it throws.
class Error : public std::exception {
public:
    Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
    ErrorCode code() const noexcept { return code_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    ErrorCode code_;
    std::string message_;
};

#ifdef TERCET_NO_EXCEPTIONS
/// Receives every error of a build without exceptions; must not return.
using ErrorHandler = void (*)(const Error& error);

namespace detail {
inline std::atomic<ErrorHandler> error_handler{nullptr};
}

/// Sets the handler for all threads and gives back the one before (null: the default, which ends the program).
inline ErrorHandler set_error_handler(ErrorHandler handler) {
    return detail::error_handler.exchange(handler);
}
#endif

namespace detail {

[[noreturn]] inline void raise(ErrorCode code, std::string message) {
#ifdef TERCET_NO_EXCEPTIONS
    if (const auto handler = error_handler.load()) handler(Error(code, std::move(message)));
    std::_Exit(134);  // reached without a handler, or when it returned: going on would use data known to be wrong
#else
    throw Error(code, std::move(message));
#endif
}

// Out of line and cold: the sentence is put together only after something went wrong.
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail_with(ErrorCode code, const Parts&... parts) {
    std::ostringstream message;
    (message << ... << parts);
    raise(code, std::move(message).str());
}

}  // namespace detail

/// Reports an error whose message is the parts, streamed one after the other.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
    detail::fail_with(code, parts...);
}

/// Reports an error unless the condition holds.
template <class... Parts>
void require(bool condition, ErrorCode code, const Parts&... parts) {
    if (!condition) [[unlikely]]
        detail::fail_with(code, parts...);
}

/// Runs f, and gives the error that it ended with, if it did. In a build without exceptions an error goes to the handler as ever.
template <class F>
std::optional<Error> error_of(F&& f) {
#ifdef TERCET_NO_EXCEPTIONS
    f();
#else
    try {
        f();
    } catch (const Error& error) {
        return error;
    }
#endif
    return std::nullopt;
}

/// a · b, or size_overflow with `what` in the message: for every size that comes from a file. Takes non-negative values.
template <class Int>
Int checked_mul(Int a, Int b, std::string_view what) {
    Int product{};
    if (__builtin_mul_overflow(a, b, &product)) [[unlikely]]
        fail(ErrorCode::size_overflow, what, ": ", a, " * ", b, " does not fit");
    return product;
}

/// a + b, or size_overflow.
template <class Int>
Int checked_add(Int a, Int b, std::string_view what) {
    Int sum{};
    if (__builtin_add_overflow(a, b, &sum)) [[unlikely]]
        fail(ErrorCode::size_overflow, what, ": ", a, " + ", b, " does not fit");
    return sum;
}

}  // namespace tercet::inline TERCET_ABI
