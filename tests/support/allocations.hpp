// Counts the calls of operator new in a test program. One file of the program defines it: it sets TERCET_DEFINE_OPERATOR_NEW before it includes this.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

inline std::atomic<long> allocations{0};

// Clang 14's ThreadSanitizer has an operator new of its own: nothing is counted there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TERCET_DEFINE_OPERATOR_NEW
#define TERCET_COUNTS_NOTHING
#endif
#endif
#ifdef TERCET_COUNTS_NOTHING
inline constexpr bool counts_allocations = false;
#else
inline constexpr bool counts_allocations = true;
#endif

/// Calls of operator new while f runs, on any thread.
template <class F>
long allocations_of(const F& f) {
    const long before = allocations.load();
    f();
    return allocations.load() - before;
}

#ifdef TERCET_DEFINE_OPERATOR_NEW

namespace counted {

inline void* allocate(std::size_t size, std::size_t alignment) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    void* p =
        alignment <= alignof(std::max_align_t) ? std::malloc(size) : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (p == nullptr) throw std::bad_alloc();
    return p;
}

// Not inlined: GCC warns of free() where it sees it behind an operator new that it does not see through.
[[gnu::noinline]] inline void release(void* p) {
    std::free(p);
}

}  // namespace counted

void* operator new(std::size_t size) {
    return counted::allocate(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return counted::allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return std::malloc(size);
}
void operator delete(void* p) noexcept {
    counted::release(p);
}
void operator delete(void* p, std::size_t) noexcept {
    counted::release(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
    counted::release(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    counted::release(p);
}

#endif
