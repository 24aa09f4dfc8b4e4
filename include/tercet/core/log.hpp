// Messages: a library does not print. What it has to tell goes to the sink that the program sets; without one, nowhere.
#pragma once

#include "tercet/core/error.hpp"

#include <mutex>

namespace tercet::inline TERCET_ABI {

enum class LogLevel { debug, info, warning };

/// Receives each message with the pointer given to set_log_sink. May be called from several threads at once.
using LogSink = void (*)(void* user, LogLevel level, std::string_view message);

namespace detail {

struct LogTarget {
    std::mutex mutex;
    LogSink sink = nullptr;
    void* user = nullptr;
};

inline LogTarget& log_target() {
    static LogTarget target;
    return target;
}

}  // namespace detail

/// Sends messages to `sink` from now on; null silences them again.
inline void set_log_sink(LogSink sink, void* user = nullptr) {
    auto& target = detail::log_target();
    const std::lock_guard lock(target.mutex);
    target.sink = sink;
    target.user = user;
}

/// Sends one message, put together from the parts only when somebody listens.
template <class... Parts>
void log(LogLevel level, const Parts&... parts) {
    auto& target = detail::log_target();
    LogSink sink = nullptr;
    void* user = nullptr;
    {
        const std::lock_guard lock(target.mutex);
        sink = target.sink;
        user = target.user;
    }
    if (sink == nullptr) return;
    std::ostringstream message;
    (message << ... << parts);
    sink(user, level, message.str());
}

}  // namespace tercet::inline TERCET_ABI
