// Configuration: the version, the only macros a user may set, and the ABI namespace built from them.
//
//   TERCET_NO_EXCEPTIONS       errors go to a handler instead of being thrown (see core/error.hpp); set by itself under -fno-exceptions
//   TERCET_SEPARATE_KERNELS    what is slow to compile, kernels, JSON and tokenizers, is declared only; one source file includes
//                              tercet/backend/cpu/kernels.inc, which defines all of it
//   TERCET_USE_OPENMP          parallel loops run on OpenMP's threads (-fopenmp) instead of the built-in pool
//   TERCET_CUDA                tensors work on a GPU; link what backend/cuda/kernels.inc becomes (CMake: tercet::cuda)
//   TERCET_CUBLAS              where backend/cuda/kernels.inc is compiled: cuBLASLt does the products (link it), instead of kernels of our own
//   TERCET_PCRE2               tokenizers with unusual regular expressions run them with PCRE2 (link libpcre2-8) instead of refusing them
//
// The inline namespace carries the version, the backend, the error mode and PCRE2, so that two builds that disagree cannot be mixed by
// the linker. It leaves out the instruction set and the threads: a program built with -march=native may link to kernels that were not.
#pragma once

#include <cstddef>
#include <cstdint>

#define TERCET_VERSION_MAJOR 0
#define TERCET_VERSION_MINOR 1
#define TERCET_VERSION_PATCH 0
#define TERCET_VERSION_STRING "0.1.0"

#if !defined(__GNUC__)
#error "tercet needs GCC 12 or Clang 14 or later: its kernels are written with their vector extensions"
#endif
#if __cplusplus < 202002L
#error "tercet needs C++20: compile with -std=c++20"
#endif

// Tells the processor that this thread waits in a loop.
#if defined(__x86_64__)
#define TERCET_PAUSE() __builtin_ia32_pause()
#else
#define TERCET_PAUSE() static_cast<void>(0)
#endif

// How the functions of an .inc file are declared: inline, unless one source file defines them for the whole program.
#ifdef TERCET_SEPARATE_KERNELS
#define TERCET_LINKAGE
#else
#define TERCET_LINKAGE inline
#endif

#if !defined(__cpp_exceptions) && !defined(TERCET_NO_EXCEPTIONS)
#define TERCET_NO_EXCEPTIONS
#endif

#ifdef TERCET_CUDA
#define TERCET_ABI_BACKEND cuda
#else
#define TERCET_ABI_BACKEND cpu
#endif
#ifdef TERCET_NO_EXCEPTIONS
#define TERCET_ABI_ERRORS _noexcept
#else
#define TERCET_ABI_ERRORS
#endif
#ifdef TERCET_PCRE2
#define TERCET_ABI_PATTERNS _pcre2
#else
#define TERCET_ABI_PATTERNS
#endif
#define TERCET_JOIN_NOW(a, b, c, d) a##b##c##d
#define TERCET_JOIN(a, b, c, d) TERCET_JOIN_NOW(a, b, c, d)
#define TERCET_ABI TERCET_JOIN(v0_1_, TERCET_ABI_BACKEND, TERCET_ABI_ERRORS, TERCET_ABI_PATTERNS)

namespace tercet::inline TERCET_ABI {

// The compute capability that a CUDA kernel is being compiled for, 800 for 8.0; 0 on the host.
#ifdef __CUDA_ARCH__
inline constexpr int cuda_architecture = __CUDA_ARCH__;
#else
inline constexpr int cuda_architecture = 0;
#endif

/// Extents, strides and offsets are signed, as in the formulas: a stride may be negative.
using index_t = std::ptrdiff_t;

}  // namespace tercet::inline TERCET_ABI
