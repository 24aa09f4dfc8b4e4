// Which kernels run: the best that the machine has, chosen once, or the ones that TERCET_ISA or set_isa names.
#pragma once

#include "tercet/backend/cpu/table.hpp"

#include <atomic>
#include <cstdlib>

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/backend/cpu/kernels.inc"
#endif

namespace tercet::inline TERCET_ABI::cpu {

#ifdef TERCET_SEPARATE_KERNELS
/// The tables that this machine can run, best first.
std::span<const KernelSet* const> available_kernels();
#endif

/// The table of that name: "avx512_vnni", "avx512", "avx2" or "baseline". Throws invalid_argument where this machine has none of that name.
inline const KernelSet& find_kernels(std::string_view name) {
    for (const KernelSet* set : available_kernels())
        if (set->name == name) return *set;
    std::string names;
    for (const KernelSet* set : available_kernels()) names.append(names.empty() ? "" : ", ").append(set->name);
    fail(ErrorCode::invalid_argument, "instruction set '", name, "' is not one of this machine's: ", names);
}

namespace detail {
inline std::atomic<const KernelSet*> chosen_kernels{nullptr};
}

/// The table in use.
inline const KernelSet& kernel_set() {
    if (const KernelSet* set = detail::chosen_kernels.load(std::memory_order_acquire)) [[likely]]
        return *set;
    const char* wanted = std::getenv("TERCET_ISA");
    const KernelSet& set = wanted != nullptr && *wanted != '\0' ? find_kernels(wanted) : *available_kernels().front();
    detail::chosen_kernels.store(&set, std::memory_order_release);
    return set;
}

/// Makes every later call use the named instruction set: for tests and measurements, between calls.
inline void set_isa(std::string_view name) {
    detail::chosen_kernels.store(&find_kernels(name), std::memory_order_release);
}

template <class T>
const Kernels<T>& kernels() {
    return kernels_for<T>(kernel_set());
}

}  // namespace tercet::inline TERCET_ABI::cpu
