// The same test under every instruction set of the machine, and for several numbers of threads; what was set before is set again.
//
//   for_each_isa([&] { CHECK(sum(x) == expected); });
//   for_each_thread_count([&] { CHECK(bits_of(f(x)) == bits); });
#pragma once

#include "support/catch.hpp"

#include "tercet/backend/cpu/dispatch.hpp"
#include "tercet/core/parallel.hpp"

#include <cstdlib>
#include <string>

/// Sets an instruction set for as long as it lives.
class UseIsa {
public:
    explicit UseIsa(std::string_view name) : before_(tercet::cpu::kernel_set().name) { tercet::cpu::set_isa(name); }
    UseIsa(const UseIsa&) = delete;
    UseIsa& operator=(const UseIsa&) = delete;
    ~UseIsa() { tercet::cpu::set_isa(before_); }

private:
    std::string before_;
};

/// Sets the number of threads for as long as it lives.
class UseThreads {
public:
    explicit UseThreads(int count) : before_(tercet::threads()) { tercet::set_threads(count); }
    UseThreads(const UseThreads&) = delete;
    UseThreads& operator=(const UseThreads&) = delete;
    ~UseThreads() { tercet::set_threads(before_); }

private:
    int before_;
};

/// f() under each instruction set that this machine can run, best first; a failure names it. Where TERCET_ISA names one, under that one alone: the
/// programs are run once for all, and once for each.
template <class F>
void for_each_isa(const F& f) {
    const char* only = std::getenv("TERCET_ISA");
    for (const auto* set : tercet::cpu::available_kernels()) {
        if (only != nullptr && only != std::string(set->name)) continue;
        INFO("instruction set " << std::string(set->name));
        const UseIsa use(set->name);
        f();
    }
}

/// f() with 1, 2, 3 and 4 threads.
template <class F>
void for_each_thread_count(const F& f) {
    for (int count = 1; count <= 4; ++count) {
        INFO(count << " threads");
        const UseThreads use(count);
        f();
    }
}
