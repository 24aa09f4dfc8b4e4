// The emulated GPU: fibers, their scheduler, the memory that kernels may use, and the functions that instrumented code calls at each access.
#include "machine.hpp"

#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>

extern "C" char __executable_start, __data_start, _end;  // what is read only, and then the variables; a kernel's shared arrays are among those

namespace cuda_emulator {

namespace {

constexpr std::size_t stack_bytes = 64 << 10, most_faults = 20;
constexpr std::uint32_t nobody = 0xffffffffu, several = 0xfffffffeu, by_atomics = 0xfffffffdu;

enum class State { ready, at_barrier, at_warp, ended };

struct Fiber {
    ucontext_t context{};
    std::unique_ptr<char[]> stack = std::make_unique<char[]>(stack_bytes);
    State state = State::ready;
    Place place{};
    // at a barrier or a warp's exchange
    int line = 0, value = 0, total = 0;
    WarpStep step{};
    unsigned mask = 0;
    unsigned char own[16]{};
    LaneValues got{};
};

// Who used a byte of shared memory since the last barrier.
struct Use {
    std::uint64_t epoch = 0;
    std::uint32_t writer = nobody, reader = nobody, reader_warp = nobody;
    std::uint32_t writer_step = 0, reader_step = 0;  // the warp's own count of __syncwarp then
};

// Device memory, and for each byte the block that read it last: blocks are numbered through all launches.
struct Allocation {
    std::size_t bytes;
    std::vector<std::uint32_t> reader;
};

struct Machine {
    std::vector<Fault> faults;
    DeviceSettings settings;
    Traffic traffic;
    std::map<std::uintptr_t, Allocation> device;
    std::uintptr_t last_begin = 0;  // of the device memory that was used last, which is there while `last` is not null
    Allocation* last = nullptr;
    std::size_t allocated = 0;
    cudaError_t last_error = cudaSuccess, ended_by = cudaSuccess;
    std::mt19937_64 random{0};

    // The block that runs.
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::size_t threads = 0;
    ucontext_t scheduler{};
    std::uint64_t epoch = 1;
    std::uint32_t block = 0;
    std::vector<std::uint32_t> warp_steps;
    std::vector<Use> uses;
    bool broken = false;
    const char* kernel = "";
    std::uintptr_t constants = 0, constants_end = 0;
    void (*call)(const void*) = nullptr;
};
Machine& machine() {
    static Machine m;
    return m;
}

// The kernel's thread that runs; null on all threads of the host but the one that launches, and there outside of kernels.
thread_local Fiber* current = nullptr;
// Whether an access is being looked at: what is called for that may be instrumented itself, where the linker took another file's copy of it.
thread_local bool looking = false;

std::uint32_t number_of(const Fiber& f) {
    const auto& p = f.place;
    return p.thread.x + p.block_size.x * (p.thread.y + p.block_size.y * p.thread.z);
}
std::string text_of(std::uint32_t thread) {
    return thread == several ? "several threads" : thread == by_atomics ? "an atomic" : "thread " + std::to_string(thread);
}
void report(FaultKind kind, const std::string& what) {
    Machine& m = machine();
    const auto& b = current != nullptr ? current->place.block : m.fibers[0]->place.block;
    if (m.faults.size() < most_faults)
        m.faults.push_back(
            {kind, what + ", block (" + std::to_string(b.x) + ", " + std::to_string(b.y) + ", " + std::to_string(b.z) + ") of " + m.kernel});
}

void give_way() {
    Fiber* self = std::exchange(current, nullptr);
    looking = false;
    swapcontext(&self->context, &machine().scheduler);
    current = self;
}

// Ends the launch: this thread does not go on, and no other one either.
[[noreturn]] void break_off(FaultKind kind, const std::string& what) {
    Machine& m = machine();
    report(kind, what);
    m.broken = true;
    for (;;) give_way();
}

void fiber_main() {
    Machine& m = machine();
    m.call(reinterpret_cast<const void*>(m.constants));
    current->state = State::ended;
    for (;;) give_way();
}

// The device memory that holds these bytes, or null; it is the machine's `last` then.
Allocation* within_device(std::uintptr_t p, std::size_t bytes) {
    Machine& m = machine();
    if (m.last != nullptr && p >= m.last_begin && p + bytes <= m.last_begin + m.last->bytes) return m.last;
    auto at = m.device.upper_bound(p);
    if (at == m.device.begin()) return nullptr;
    --at;
    if (p + bytes > at->first + at->second.bytes) return nullptr;
    m.last_begin = at->first;
    return m.last = &at->second;
}

void count(Allocation& memory, std::uintptr_t p, std::size_t bytes, bool write) {
    Machine& m = machine();
    (write ? m.traffic.written : m.traffic.read) += bytes;
    for (std::size_t i = p - m.last_begin; !write && i < p - m.last_begin + bytes; ++i)
        if (std::exchange(memory.reader[i], m.block) != m.block) ++m.traffic.fetched;
}

// Whether the earlier use of a byte, by thread `before` when its warp had made `step` steps, may run at the same time as one by `now`.
bool at_once(std::uint32_t before, std::uint32_t before_warp, std::uint32_t step, std::uint32_t now) {
    if (before == nobody || before == now) return false;
    if (before_warp == now / 32 && before != by_atomics) return step == machine().warp_steps[now / 32];
    return true;
}

void use_shared(std::uintptr_t p, std::size_t bytes, bool write, bool atomic) {
    Machine& m = machine();
    const std::uint32_t now = number_of(*current), warp = now / 32;
    const auto base = reinterpret_cast<std::uintptr_t>(&__data_start);
    if (m.uses.empty()) m.uses.resize(static_cast<std::size_t>(&_end - &__data_start));
    for (std::size_t i = 0; i < bytes; ++i) {
        Use& use = m.uses[p + i - base];
        if (use.epoch != m.epoch) {
            use = Use{};
            use.epoch = m.epoch;
        }
        const std::uint32_t writer_warp = use.writer < by_atomics ? use.writer / 32 : nobody;
        const bool both_atomic = atomic && use.writer == by_atomics;
        std::string with;
        if (!both_atomic && at_once(use.writer, writer_warp, use.writer_step, now)) with = " that " + text_of(use.writer) + " writes";
        else if (write && use.reader != nobody &&
                 (use.reader == several ? use.reader_warp != warp || use.reader_step == m.warp_steps[warp]
                                        : at_once(use.reader, use.reader_warp, use.reader_step, now)))
            with = " that " + text_of(use.reader) + " reads";
        if (!with.empty()) {
            report(FaultKind::race, "thread " + std::to_string(now) + (write ? " writes" : " reads") + " shared memory" + with);
            use = Use{};  // once is enough
            use.epoch = m.epoch;
        }
        if (write) {
            use.writer = atomic ? by_atomics : now;
            use.writer_step = m.warp_steps[warp];
        } else {
            use.reader_warp = use.reader == nobody || use.reader_warp == warp ? warp : several;
            use.reader = use.reader == nobody || use.reader == now ? now : several;
            use.reader_step = m.warp_steps[warp];
        }
    }
}

void look_at(const void* address, std::size_t bytes, bool write, bool atomic, bool aligned) {
    Machine& m = machine();
    const auto p = reinterpret_cast<std::uintptr_t>(address);
    const auto stack = reinterpret_cast<std::uintptr_t>(current->stack.get());
    const auto self = reinterpret_cast<std::uintptr_t>(current);
    if ((p >= stack && p < stack + stack_bytes) || (p >= self && p < self + sizeof(Fiber))) return;
    if (aligned && p % bytes != 0)
        break_off(FaultKind::alignment, "thread " + std::to_string(number_of(*current)) + (write ? " writes " : " reads ") + std::to_string(bytes) +
                                            " bytes at an address that " + std::to_string(bytes) + " does not divide");
    if (Allocation* memory = within_device(p, bytes)) {
        count(*memory, p, bytes, write);
    } else if (address >= &__data_start && address < &_end) {
        use_shared(p, bytes, write, atomic);
    } else if (write || ((p < m.constants || p + bytes > m.constants_end) && (address < &__executable_start || address >= &__data_start))) {
        const auto near = m.device.upper_bound(p);
        std::string where;
        if (near != m.device.begin()) {
            const auto& [begin, there] = *std::prev(near);
            if (p < begin + there.bytes + (1 << 20))
                where = ", " + std::to_string(p - begin) + " bytes behind the start of " + std::to_string(there.bytes);
        }
        break_off(FaultKind::outside, "thread " + std::to_string(number_of(*current)) + (write ? " writes " : " reads ") + std::to_string(bytes) +
                                          " bytes that are no device memory" + where);
    }
    if (m.random() % 64 == 0) give_way();
}
void access(const void* address, std::size_t bytes, bool write, bool atomic = false, bool aligned = false) {
    if (current == nullptr || looking) return;  // the host's own
    looking = true;
    look_at(address, bytes, write, atomic, aligned);
    looking = false;
}

// All that are at a barrier go on, once every thread is there.
void open_barrier() {
    Machine& m = machine();
    int total = 0;
    const int line = m.fibers[0]->line;
    for (std::size_t i = 0; i < m.threads; ++i) {
        Fiber& f = *m.fibers[i];
        if (f.state != State::at_barrier || f.line != line) {
            report(FaultKind::barrier, f.state == State::ended ? "thread " + std::to_string(i) + " ended, others wait for it at __syncthreads"
                                       : f.state == State::at_barrier
                                           ? "threads 0 and " + std::to_string(i) + " wait at different __syncthreads"
                                           : "thread " + std::to_string(i) + " waits for its warp, others at __syncthreads");
            m.broken = true;
            return;
        }
        total += f.value;
    }
    ++m.epoch;
    for (std::size_t i = 0; i < m.threads; ++i) {
        m.fibers[i]->total = total;
        m.fibers[i]->state = State::ready;
    }
}

// Lets the lanes of a warp go on whose exchange is complete.
bool open_warp(std::size_t warp) {
    Machine& m = machine();
    const std::size_t first = 32 * warp, count = std::min<std::size_t>(32, m.threads - first);
    for (std::size_t i = first; i < first + count; ++i) {
        const Fiber& f = *m.fibers[i];
        if (f.state != State::at_warp) continue;
        const unsigned there = count == 32 ? 0xffffffffu : (1u << count) - 1, wanted = f.mask & there;
        bool complete = (f.mask >> (i - first) & 1u) != 0;
        for (std::size_t j = 0; j < count && complete; ++j) {
            const Fiber& other = *m.fibers[first + j];
            if ((wanted >> j & 1u) != 0) complete = other.state == State::at_warp && other.mask == f.mask && other.step == f.step;
        }
        if (!complete) continue;
        LaneValues values{};
        values.lanes = wanted;
        for (std::size_t j = 0; j < count; ++j)
            if ((wanted >> j & 1u) != 0) std::memcpy(values.of[j], m.fibers[first + j]->own, 16);
        if (f.step == WarpStep::synchronise) ++m.warp_steps[warp];
        for (std::size_t j = 0; j < count; ++j)
            if ((wanted >> j & 1u) != 0) {
                m.fibers[first + j]->got = values;
                m.fibers[first + j]->state = State::ready;
            }
        return true;
    }
    return false;
}

void run_block(const dim3& grid, const dim3& size, const uint3& block) {
    Machine& m = machine();
    m.threads = std::size_t{size.x} * size.y * size.z;
    while (m.fibers.size() < m.threads) m.fibers.push_back(std::make_unique<Fiber>());
    m.warp_steps.assign((m.threads + 31) / 32, 0);
    ++m.epoch;
    ++m.block;
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < m.threads; ++i) {
        Fiber& f = *m.fibers[i];
        const auto n = static_cast<unsigned>(i);
        f.state = State::ready;
        f.place = {{n % size.x, n / size.x % size.y, n / size.x / size.y}, block, size, grid};
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.get();
        f.context.uc_stack.ss_size = stack_bytes;
        f.context.uc_link = nullptr;
        makecontext(&f.context, fiber_main, 0);
    }
    while (!m.broken) {
        ready.clear();
        bool waits = false;
        for (std::size_t i = 0; i < m.threads; ++i) {
            if (m.fibers[i]->state == State::ready) ready.push_back(i);
            waits = waits || m.fibers[i]->state != State::ended;
        }
        if (!waits) return;
        if (ready.empty()) {
            const bool at_barrier = std::any_of(m.fibers.begin(), m.fibers.begin() + static_cast<std::ptrdiff_t>(m.threads),
                                                [](const auto& f) { return f->state == State::at_barrier; });
            if (at_barrier) {
                open_barrier();
                continue;
            }
            report(FaultKind::barrier, "lanes wait in a warp's exchange for others that do not come");
            m.broken = true;
            return;
        }
        // In turns of their own length, drawn anew: warps run ahead of each other.
        std::shuffle(ready.begin(), ready.end(), m.random);
        if (m.random() % 2 == 0) ready.resize(1 + m.random() % ready.size());
        for (const std::size_t i : ready) {
            Fiber& f = *m.fibers[i];
            while (f.state == State::ready && !m.broken) {
                current = &f;
                swapcontext(&m.scheduler, &f.context);
                current = nullptr;
                if (f.state == State::at_warp) open_warp(i / 32);
                if (m.random() % 4 == 0) break;
            }
            if (m.broken) return;
        }
    }
}

}  // namespace

const Place& place() {
    return current->place;
}

int meet_block(int value, int line) {
    looking = true;
    Fiber& self = *current;
    self.value = value;
    self.line = line;
    self.state = State::at_barrier;
    give_way();
    return self.total;
}

const LaneValues& meet_warp(WarpStep step, unsigned mask, const void* value, std::size_t bytes) {
    looking = true;
    Fiber& self = *current;
    if ((mask >> (number_of(self) % 32) & 1u) == 0)
        break_off(FaultKind::barrier, "thread " + std::to_string(number_of(self)) + " is not in the mask of its own exchange");
    self.step = step;
    self.mask = mask;
    std::memset(self.own, 0, sizeof(self.own));
    std::memcpy(self.own, value, bytes);
    self.state = State::at_warp;
    give_way();
    return self.got;
}

void atomic_access(const void* address, std::size_t bytes) {
    access(address, bytes, true, true);
}

cudaError_t run_kernel(const dim3& grid, const dim3& block, const void* constants, std::size_t bytes, void (*call)(const void*), const char* name) {
    Machine& m = machine();
    m.kernel = name;
    m.constants = reinterpret_cast<std::uintptr_t>(constants);
    m.constants_end = m.constants + bytes;
    m.call = call;
    m.broken = false;
    std::vector<std::size_t> order(std::size_t{grid.x} * grid.y * grid.z);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), m.random);
    for (const std::size_t i : order) {
        run_block(grid, block,
                  {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y), static_cast<unsigned>(i / grid.x / grid.y)});
        if (!m.broken) continue;
        const FaultKind kind = m.faults.empty() ? FaultKind::outside : m.faults.back().kind;
        m.ended_by = kind == FaultKind::outside     ? cudaErrorIllegalAddress
                     : kind == FaultKind::alignment ? cudaErrorMisalignedAddress
                                                    : cudaErrorLaunchFailure;
        return said(m.ended_by);
    }
    return cudaSuccess;
}

cudaError_t said(cudaError_t error) {
    if (error != cudaSuccess) machine().last_error = error;
    return error;
}
cudaError_t broken() {
    return machine().ended_by;
}
cudaError_t& last_error() {
    return machine().last_error;
}
std::uint64_t draw() {
    return machine().random();
}

void add_memory(void* begin, std::size_t bytes) {
    machine().device[reinterpret_cast<std::uintptr_t>(begin)] = {bytes, std::vector<std::uint32_t>(bytes)};
    machine().allocated += bytes;
}
bool remove_memory(void* begin) {
    Machine& m = machine();
    const auto at = m.device.find(reinterpret_cast<std::uintptr_t>(begin));
    if (at == m.device.end()) return false;
    m.allocated -= at->second.bytes;
    m.device.erase(at);
    m.last = nullptr;
    return true;
}
bool is_device_memory(const void* p, std::size_t bytes) {
    return within_device(reinterpret_cast<std::uintptr_t>(p), bytes) != nullptr;
}

const std::vector<Fault>& faults() {
    return machine().faults;
}
void clear(std::uint64_t seed) {
    Machine& m = machine();
    m.faults.clear();
    m.traffic = {};
    m.random.seed(seed);
    m.last_error = m.ended_by = cudaSuccess;
}
Traffic traffic() {
    return machine().traffic;
}
DeviceSettings& settings() {
    return machine().settings;
}
std::size_t allocated() {
    return machine().allocated;
}

}  // namespace cuda_emulator

using cuda_emulator::access;

// What instrumented code calls.
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
#define TERCET_HOOK(size)                             \
    void __tsan_read##size(void* p) {                 \
        access(p, size, false, false, true);          \
    }                                                 \
    void __tsan_write##size(void* p) {                \
        access(p, size, true, false, true);           \
    }                                                 \
    void __tsan_unaligned_read##size(void* p) {       \
        access(p, size, false);                       \
    }                                                 \
    void __tsan_unaligned_write##size(void* p) {      \
        access(p, size, true);                        \
    }                                                 \
    void __tsan_read_write##size(void* p) {           \
        access(p, size, true, false, true);           \
    }                                                 \
    void __tsan_unaligned_read_write##size(void* p) { \
        access(p, size, true);                        \
    }                                                 \
    void __tsan_volatile_read##size(void* p) {        \
        access(p, size, false, false, true);          \
    }                                                 \
    void __tsan_volatile_write##size(void* p) {       \
        access(p, size, true, false, true);           \
    }
TERCET_HOOK(1)
TERCET_HOOK(2)
TERCET_HOOK(4)
TERCET_HOOK(8)
TERCET_HOOK(16)
#undef TERCET_HOOK
void __tsan_read_range(void* p, std::size_t n) {
    access(p, n, false);
}
void __tsan_write_range(void* p, std::size_t n) {
    access(p, n, true);
}
void* __tsan_memcpy(void* to, const void* from, std::size_t n) {
    access(from, n, false);
    access(to, n, true);
    return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, std::size_t n) {
    access(from, n, false);
    access(to, n, true);
    return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, std::size_t n) {
    access(to, n, true);
    return std::memset(to, value, n);
}

// Atomics of the host's code that is compiled with the kernels: they are done, and not watched.
#define TERCET_ATOMIC_UPDATE(bits, type, name)                             \
    type __tsan_atomic##bits##_##name(volatile type* p, type value, int) { \
        return __atomic_##name(p, value, __ATOMIC_SEQ_CST);                \
    }
#define TERCET_ATOMICS(bits, type)                                                                              \
    type __tsan_atomic##bits##_load(const volatile type* p, int) {                                              \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                            \
    }                                                                                                           \
    void __tsan_atomic##bits##_store(volatile type* p, type value, int) {                                       \
        __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                                           \
    }                                                                                                           \
    type __tsan_atomic##bits##_exchange(volatile type* p, type value, int) {                                    \
        return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                                 \
    }                                                                                                           \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type* p, type* expected, type value, int, int) { \
        return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
    }                                                                                                           \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type* p, type* expected, type value, int, int) {   \
        return __atomic_compare_exchange_n(p, expected, value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
    }                                                                                                           \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type* p, type expected, type value, int, int) {    \
        __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
        return expected;                                                                                        \
    }                                                                                                           \
    TERCET_ATOMIC_UPDATE(bits, type, fetch_add)                                                                 \
    TERCET_ATOMIC_UPDATE(bits, type, fetch_sub)                                                                 \
    TERCET_ATOMIC_UPDATE(bits, type, fetch_and)                                                                 \
    TERCET_ATOMIC_UPDATE(bits, type, fetch_or)                                                                  \
    TERCET_ATOMIC_UPDATE(bits, type, fetch_xor)
TERCET_ATOMICS(8, std::uint8_t)
TERCET_ATOMICS(16, std::uint16_t)
TERCET_ATOMICS(32, std::uint32_t)
TERCET_ATOMICS(64, std::uint64_t)
#undef TERCET_ATOMICS
#undef TERCET_ATOMIC_UPDATE
void __tsan_atomic_thread_fence(int) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {}
}
