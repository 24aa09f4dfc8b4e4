// Ctrl-C, and the end that a supervisor or a shutdown asks for, as a flag: a training run looks at it after each step, and ends in good order.
#pragma once

#include <array>
#include <atomic>
#include <csignal>

namespace cli {

/// While one lives, SIGINT and SIGTERM set its flag in place of ending the program.
class Interruption {
public:
    Interruption() {
        seen_ = false;
        for (std::size_t i = 0; i < signals.size(); ++i) before_[i] = std::signal(signals[i], [](int) { seen_ = true; });
    }
    ~Interruption() {
        for (std::size_t i = 0; i < signals.size(); ++i) std::signal(signals[i], before_[i]);
    }
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    bool seen() const { return seen_; }

private:
    static constexpr std::array signals{SIGINT, SIGTERM};
    static inline std::atomic<bool> seen_{false};
    static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may write it");
    std::array<void (*)(int), signals.size()> before_{};
};

}  // namespace cli
